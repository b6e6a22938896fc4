import { rm } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  checkpointedTables,
  checkpointName,
  commitName,
  problemsOf,
  removeIndex,
  untilLast,
  uploadRow,
  uploadRows,
  withCopy,
} from './checkpointed-table.js';
import { eventually, withProcess, withServer } from './server.js';
import { sumOf } from './table-calls.js';

const tables = checkpointedTables();

const preload = new URL('./stop-at-checkpoint.mjs', import.meta.url).href;

describe('a kill while a checkpoint is made leaves a table that is well', () => {
  test.each([
    { at: checkpointName(200), when: 'before' },
    { at: checkpointName(200), when: 'after' },
    { at: '_last_checkpoint', when: 'before', grows: true },
    { at: '_last_checkpoint', when: 'after' },
    { at: commitName(0), when: 'after' },
    { at: commitName(57), when: 'after', grows: true },
    { at: commitName(99), when: 'after' },
  ])('$when $at', ({ at, when, grows = false }) =>
    withCopy(tables.before, async (dataDir) => {
      const env = { NODE_OPTIONS: `--import ${preload}`, STEP_AT: at, STEP_WHEN: when };
      await withProcess({ dataDir, env }, async (server, { streamed }) => {
        await uploadRow(streamed, 201).catch(() => {});
        await eventually(async () => server.process.signalCode === 'SIGKILL');
      });
      await rm(path.join(dataDir, 'tmp'), { recursive: true });
      expect(await problemsOf(dataDir)).toEqual([]);
      await removeIndex(dataDir);
      await withServer({ dataDir }, async (_server, { streamed, table }) => {
        await uploadRow(streamed, 201);
        const { summary } = await streamed.describeTable({});
        expect(summary).toMatchObject({ version: 200n, chunks: 191n });
        expect(await sumOf(table, 'x')).toBe(19_110n + 201n - 321n);
        if (!grows) return;
        await uploadRows(streamed, 202, 301);
        await untilLast(dataDir, 300);
      });
      expect(await problemsOf(dataDir)).toEqual([]);
    }),
  );
});
