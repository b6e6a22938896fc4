import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { withFolder, withProcess, withServer } from './server.js';
import { keep, sumOf, upload } from './table-calls.js';

const stopped =
  'the table is stopped: its log could not be written to the disk (EIO): once the disk is well, ' +
  'restart the server; then each chunk is there as a whole or not at all';

test('a log that cannot be synced stops the table, and a restart goes on with whole chunks', () =>
  withFolder(async (folder) => {
    const dataDir = path.join(folder, 'data');
    const gate = path.join(folder, 'gate');
    const preload = new URL('./fail-log-sync.mjs', import.meta.url).href;
    const env = { NODE_OPTIONS: `--import ${preload}`, FAIL_GATE: gate };
    await withProcess(
      { dataDir, env, args: ['--durability', 'fsync'] },
      async (_server, { table, numbers }) => {
        await keep(table, 'x\n1\n');
        await writeFile(gate, '');
        expect(await upload(table, 'x\n20\n')).toBe(stopped);
        expect(await upload(table, 'x\n300\n')).toBe(stopped);
        expect((await table.colSum({ column: 'x', format: 'csv' })).error).toBe(stopped);
        // Numbers do not depend on it.
        expect((await numbers.setNum({ key: 'a', value: 1n })).total).toBe(1n);
        await rm(gate);
      },
    );
    await withServer({ dataDir }, async (_server, { table }) => {
      // The commit of the 20 had its name already; the process did not die, so it is there.
      expect(await sumOf(table, 'x')).toBe(21n);
      await keep(table, 'x\n4000\n');
      expect(await sumOf(table, 'x')).toBe(4021n);
    });
  }));
