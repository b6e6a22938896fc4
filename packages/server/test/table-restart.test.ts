import type { TableClient } from '@tally/stubs';
import { describe, expect, test } from 'vitest';
import { endWith, withFolder, withProcess, withServer } from './server.js';
import { keep, sumOf, upload } from './table-calls.js';
import { listTableFiles } from './table-files.js';

describe('a restart keeps every chunk that was acknowledged', () => {
  const signals = ['SIGTERM', 'SIGKILL'] as const;

  test.each(signals)('after %s, with nothing in progress', (signal) =>
    withFolder(async (dataDir) => {
      const sumsNow = async (table: TableClient) =>
        Promise.all(['x', 'X', 'two words', 'note', 'empty'].map((column) => sumOf(table, column)));
      const before = await withProcess({ dataDir }, async (server, { table }) => {
        await keep(
          table,
          'x,note\n1,2024\n',
          'X,two words,empty\n2,3,\n',
          'x,note\n4,hello\n',
          'x\n',
        );
        const sums = await sumsNow(table);
        await endWith(server, signal);
        return sums;
      });
      expect(before.slice(0, 3)).toEqual([5n, 2n, 3n]);
      await withServer({ dataDir }, async (_server, { table }) => {
        expect(await sumsNow(table)).toEqual(before);
        await keep(table, 'x,X\n10,20\n');
        expect(await sumOf(table, 'x')).toBe(15n);
        expect(await sumOf(table, 'X')).toBe(22n);
      });
    }),
  );

  test.each(signals)('after %s, in the middle of uploads', (signal) =>
    withFolder(async (dataDir) => {
      const rows = 20_000;
      const csv = `x\n${'1\n'.repeat(rows)}`;
      let begun = 0;
      let acknowledged = 0;
      await withProcess({ dataDir }, async (server, { table }) => {
        async function keepUploading(): Promise<void> {
          for (;;) {
            begun++;
            const error = await upload(table, csv).catch(() => 'the server is gone');
            if (error !== '') return;
            if (++acknowledged === 12) server.process.kill(signal);
          }
        }
        await Promise.all(Array.from({ length: 4 }, keepUploading));
      });
      await withServer({ dataDir }, async (_server, { table }) => {
        const sum = await sumOf(table, 'x');
        const chunks = Number(sum) / rows;
        expect(chunks).toBe(Math.trunc(chunks));
        expect(chunks).toBeGreaterThanOrEqual(acknowledged);
        expect(chunks).toBeLessThanOrEqual(begun);
        expect((await listTableFiles(dataDir)).spool).toEqual([]);
        await keep(table, csv);
        expect(await sumOf(table, 'x')).toBe(BigInt((chunks + 1) * rows));
      });
    }),
  );
});
