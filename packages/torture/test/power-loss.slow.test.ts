import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileLibrary, whyNoLibrary } from '../src/file-calls/library.js';
import { losePower } from '../src/power-loss/power-loss-run.js';
import { recordWorkload } from '../src/power-loss/workload.js';
import { withDisk } from './temporary-disk.js';

const reason = whyNoLibrary();
const title = 'a server whose power is lost';
const shownTitle = reason === undefined ? title : `${title} (skipped: ${reason})`;
describe.skipIf(reason)(shownTitle, { timeout: 120_000 }, () => {
  it('starts on what the disk has kept, and has all that was acknowledged', () =>
    withDisk(async (folder) => {
      const calls = await recordWorkload(path.join(folder, 'recorded'), compileLibrary(folder), 2);
      let points = 0;
      for await (const { violation } of losePower(calls, { folder, points: 6, seed: 1 })) {
        points++;
        expect(violation).toBeUndefined();
      }
      expect(points).toBe(6);
    }));
});
