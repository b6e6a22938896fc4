import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type LoggedChunk, openDeltaLog, type RemovedChunk } from '../src/tables/delta-log.js';
import { openTableFolders } from '../src/tables/files.js';
import { makeCheckpoint } from '../src/tables/make-checkpoint.js';
import { checkpointName, readLog, reconciled, stateIn } from './checkpointed-table.js';
import { withFolder } from './server.js';
import { readFooter } from './table-files.js';

// Checkpoints of so many chunks that most of their row groups are taken over from the one before.

const field = { field: 'x', type: 'long', column: 'x' } as const;

const chunk = (columns: number): LoggedChunk => ({
  id: randomUUID(),
  rows: 3,
  csvBytes: 10,
  parquetBytes: 100,
  checksums: { csvCrc32c: 1, parquetCrc32c: 2 },
  columns: Array.from({ length: columns }, (_, i) => ({ name: `column ${i}`, field })),
});

test('chunks of every row group are removed and added, wide and narrow, and each state is right', () =>
  withFolder(async (dataDir) => {
    await mkdir(path.join(dataDir, 'tmp'));
    const folders = await openTableFolders(dataDir, 'default', false);
    const { log: folder, spool } = folders;
    const log = openDeltaLog(folders, false);
    const chunks: LoggedChunk[] = [];
    let version = 0;

    async function commit(added: readonly LoggedChunk[], removed: readonly number[] = []) {
      chunks.push(...added);
      const entry = {
        version,
        chunks: added,
        removed: removed.map((number): RemovedChunk => {
          const { id, rows, csvBytes, parquetBytes } = chunks[number - 1] as LoggedChunk;
          return { id, number, rows, csvBytes, parquetBytes, columns: ['column 0'] };
        }),
        ...(version === 0 && { fields: [field], tableId: randomUUID() }),
      };
      expect(await log.append(entry)).toBeDefined();
      version++;
    }

    /** Makes the checkpoint of the last version; resolves to the rows of its row groups. */
    async function check(): Promise<number[]> {
      const last = version - 1;
      // The commits as they are before some of them are removed.
      commits.push(...(await readLog(dataDir, commits.length, version)));
      const made = await makeCheckpoint({
        log: folder,
        spool,
        version: last,
        sync: false,
        keepOld: false,
      });
      expect(made).toEqual({ faults: [], notRemoved: undefined });
      const file = path.join(folder, checkpointName(last));
      expect(await stateIn(file)).toEqual(reconciled(commits));
      const { row_groups } = await readFooter(file);
      return row_groups.map(({ num_rows }) => Number(num_rows));
    }

    const commits: Awaited<ReturnType<typeof readLog>> = [];
    for (let i = 0; i < 50; i++) await commit(Array.from({ length: 50 }, () => chunk(1)));
    expect(await check()).toEqual([2, 1000, 1000, 500]);
    await commit([chunk(1)], [1, 1000, 2001]);
    expect(await check()).toEqual([2, 1000, 1000, 501]);
    await commit([], [1001, 2500]);
    await commit(Array.from({ length: 50 }, () => chunk(1)));
    expect(await check()).toEqual([2, 1000, 1000, 551]);
    // Their texts fill row groups before their rows do.
    await commit(Array.from({ length: 30 }, () => chunk(4000)));
    const rows = await check();
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.reduce((sum, rows) => sum + rows)).toBe(2 + chunks.length);
    await commit([chunk(1)], [2560]);
    await check();
    await commit([chunk(1)], [2000]);
    await check();
  }));
