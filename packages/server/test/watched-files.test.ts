import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { watchFiles } from '../dist/watched-files.js';
import { eventually, withFolder } from './server.js';

test('a fault that passes without a change of the files is no loss, and is told of once', async () => {
  await withFolder(async (folder) => {
    const file = path.join(folder, 'watched');
    await writeFile(file, 'before');
    const taken: string[] = [];
    const faults: unknown[] = [];
    let tries = 0;
    const take = ([content]: readonly Buffer[]) => {
      // As reading fails while the process has no file descriptor left.
      if (content?.toString() === 'after' && ++tries < 3) throw new Error('not now');
      taken.push(String(content));
    };
    const watched = await watchFiles([file], take, (error) => faults.push(String(error)));
    await writeFile(`${file}.new`, 'after');
    await rename(`${file}.new`, file);
    await eventually(async () => taken.length === 2);
    watched.close();
    expect(taken).toEqual(['before', 'after']);
    expect(faults).toEqual(['Error: not now']);
  });
});
