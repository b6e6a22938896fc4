import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { LaunchedServer } from '../dist/launch.js';
import { numberOptions } from '../src/config.js';
import { eventually, withFolder, withProcess } from './server.js';
import { keep, piecesOf, sumOf, upload } from './table-calls.js';

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
    // With four threads, and the disk waited for.
    const args = ['--table-threads', '4', '--durability', 'fsync'];
    await withProcess({ env: gate.env, args }, async (_server, { table }) => {
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

/** All that a process has read so far, of files and sockets (proc(5), `rchar`). */
async function bytesRead({ process: { pid } }: LaunchedServer): Promise<number> {
  return Number(/^rchar: (\d+)$/m.exec(await readFile(`/proc/${pid}/io`, 'utf8'))?.[1]);
}

test.skipIf(process.platform !== 'linux').each(['unary', 'streamed'])(
  'the conversion of a %s upload whose client has gone stops, and the thread is free again',
  (kind) =>
    withFolder(async (folder) => {
      const { env, ...gate } = createGate(folder, 'readSync');
      const args = ['--table-threads', '1', '--services', 'tables'];
      await withProcess({ args, env }, async (server, { table, streamed }) => {
        // The only thread has started, and has read what it is made of.
        await keep(table, 'x\n1\n');
        const csvData = Buffer.from(`x\n${'1234567\n'.repeat(4_000_000)}`);
        await gate.shut();
        const abort = new AbortController();
        const call =
          kind === 'unary'
            ? table.upload({ csvData }, { signal: abort.signal })
            : streamed.upload(piecesOf(csvData, 1_000_000), { signal: abort.signal });
        const outcome = call.catch((error: Error) => error.name);
        await eventually(async () => (await gate.waiting()) === 1);
        abort.abort();
        expect(await outcome).toBe('AbortError');
        // On the same connection: when this is answered, the server knows of the other's end.
        await table.colSum({ column: '', format: 'csv' });
        const before = await bytesRead(server);
        await gate.open();
        // The thread takes this up when it has left the other.
        await keep(table, 'x\n41\n');
        expect((await bytesRead(server)) - before).toBeLessThan(csvData.length / 4);
        expect(await sumOf(table, 'x')).toBe(42n);
      });
    }),
);
