import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { eventually, withFolder, withProcess } from './server.js';
import { formats, keep, sumIn } from './table-calls.js';
import { tableFolders } from './table-files.js';

const preload = (name: string) => `--import ${new URL(name, import.meta.url).href}`;

const openedFiles = async (countsFile: string) =>
  (await readFile(countsFile, 'utf8')).trim().split('\n').length;

test.each(formats)('a sum of %s files whose call is cancelled opens no more of them', (format) =>
  withFolder(async (folder) => {
    const dataDir = path.join(folder, 'data');
    const gate = path.join(folder, 'gate');
    const countsFile = path.join(folder, 'counts');
    const env = {
      NODE_OPTIONS: `${preload('./count-open-files.mjs')} ${preload('./hold-file-work.mjs')}`,
      HELD_CALL: 'openSync',
      HELD_GATE: gate,
      COUNTED_FOLDER: tableFolders(dataDir)[format],
      COUNTS_FILE: countsFile,
    };
    const threads = 2;
    const args = ['--sum-cache-entries', '0', '--table-threads', String(threads)];
    await withProcess({ dataDir, args, env }, async (_server, { numbers, table }) => {
      const files = Array.from({ length: 40 }, (_, i) => `x\n${i}\n`);
      await keep(table, 'other\n1\n', ...files);
      // Uploads open the folder, to sync it.
      const before = await openedFiles(countsFile);
      await writeFile(gate, '');
      const abort = new AbortController();
      const sum = table.colSum({ column: 'x', format }, { signal: abort.signal });
      const outcome = sum.catch((error: Error) => error.name);
      await eventually(
        async () => (await readFile(`${gate}.waiting`, 'utf8').catch(() => '')).length === threads,
      );
      abort.abort();
      expect(await outcome).toBe('AbortError');
      // On the same connection: when this is answered, the server knows of the other's end.
      await numbers.setNum({ key: 'a', value: 1n });
      await rm(gate);
      // The threads have got so far as to take this up: each has opened the file that it held.
      expect(await sumIn(table, 'other', format)).toBe(1n);
      expect((await openedFiles(countsFile)) - before).toBeLessThanOrEqual(threads + 1);
      expect(await sumIn(table, 'x', format)).toBe(780n);
    });
  }),
);
