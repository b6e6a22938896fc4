import { mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { launchServer } from '../dist/launch.js';
import { withFolder, withServer } from './server.js';

const few = ['--services', 'numbers', '--factorial-threads', '1'];

it.each([
  ['cut short', Buffer.alloc(4096, 1)],
  ['full of zeros', Buffer.alloc(20_480)],
])('numbers whose file was %s before the first commit are made anew', (_what, bytes) =>
  withFolder(async (dataDir) => {
    await mkdir(path.join(dataDir, 'numbers'));
    await writeFile(path.join(dataDir, 'numbers', 'data.mdb'), bytes);
    await withServer({ dataDir, args: few }, async (_server, { numbers }) => {
      expect((await numbers.setNum({ key: 'a', value: 3n })).total).toBe(3n);
    });
  }),
);

it('numbers whose file is damaged after a commit are left as they are, with a sentence', () =>
  withFolder(async (dataDir) => {
    const file = path.join(dataDir, 'numbers', 'data.mdb');
    await withServer({ dataDir, args: few }, async (_server, { numbers }) => {
      await numbers.setNum({ key: 'a', value: 3n });
    });
    await truncate(file, 4096);
    await expect(launchServer({ dataDir, args: few })).rejects.toThrow(/data\.mdb is damaged/);
    expect(await readFile(file)).toHaveLength(4096);
  }));
