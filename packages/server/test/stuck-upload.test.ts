import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { numberOptions } from '../src/config.js';
import { eventually, withFolder, withServer } from './server.js';
import { keep, sumOf, upload } from './table-calls.js';

/** Makes a call of node:fs wait, in every thread of a server, while the gate is shut. */
function createGate(folder: string, call: string) {
  const gate = path.join(folder, 'gate');
  const preload = new URL('./hold-file-work.mjs', import.meta.url).href;
  return {
    env: { NODE_OPTIONS: `--import ${preload}`, HELD_CALL: call, HELD_GATE: gate },
    shut: () => writeFile(gate, ''),
    open: () => rm(gate),
    /** How many calls have waited so far. */
    waiting: async () => (await readFile(`${gate}.waiting`, 'utf8').catch(() => '')).length,
  };
}

test.each([
  { call: 'fsyncSync', work: 'written to disk' },
  { call: 'renameSync', work: 'put in its place' },
])('an upload that is stuck while it is $work delays no sum', ({ call }) =>
  withFolder(async (folder) => {
    const gate = createGate(folder, call);
    await withServer({ env: gate.env }, async (_server, { table }) => {
      await keep(table, ...Array.from({ length: 10 }, (_, i) => `x,y\n1,${i}\n`));
      await gate.shut();

      // More than are converted at once: the first ones are stuck, the others wait for them.
      const conversionsMax = numberOptions.conversionsMax.fallback;
      let pending = conversionsMax + 3;
      const uploads = Array.from({ length: pending }, async () => {
        const error = await upload(table, 'x,y\n100,200\n');
        pending--;
        return error;
      });
      await eventually(async () => (await gate.waiting()) === conversionsMax);

      // More sums at once than there are threads.
      const sums = Array.from({ length: 12 }, async () => [
        await sumOf(table, 'x'),
        await sumOf(table, 'y'),
      ]);
      for (const sum of await Promise.all(sums)) expect(sum).toEqual([10n, 45n]);
      expect(pending).toBe(uploads.length);
      expect(await gate.waiting()).toBe(conversionsMax);

      await gate.open();
      expect(await Promise.all(uploads)).toEqual(uploads.map(() => ''));
      expect(await sumOf(table, 'x')).toBe(BigInt(10 + 100 * uploads.length));
    });
  }),
);
