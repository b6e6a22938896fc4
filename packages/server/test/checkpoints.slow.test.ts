import { existsSync } from 'node:fs';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { openChunkIndex } from '../src/tables/chunk-index.js';
import { emptyIndexState } from '../src/tables/index-state.js';
import {
  asOf,
  checkpointedTables,
  checkpointName,
  commitName,
  deleteChunk,
  logOf,
  noCaches,
  problemsOf,
  reconciled,
  removeIndex,
  seenOf,
  stateIn,
  untilLast,
  untilRemoved,
  uploadRow,
  uploadRows,
  withCopy,
} from './checkpointed-table.js';
import { eventually, withFolder, withProcess, withServer } from './server.js';
import { keep, piecesOf, sumOf } from './table-calls.js';
import { commitPath, duckDb, quoted, tableFolders } from './table-files.js';

// Every 100 commits a checkpoint takes the place of older commits, and nothing is missed.

const tables = checkpointedTables();

const preload = new URL('./stop-at-checkpoint.mjs', import.meta.url).href;

describe('the log', () => {
  test('has the last two checkpoints, and the commits from the first of them on', async () => {
    const names = tables.commits.slice(100).map((_, i) => commitName(100 + i));
    const others = [checkpointName(100), checkpointName(200), '_last_checkpoint'];
    expect((await readdir(logOf(tables.whole))).sort()).toEqual([...names, ...others].sort());
    expect(await readdir(tableFolders(tables.whole).spool)).toEqual([]);
  });

  test('says which checkpoint is the last', async () => {
    const text = await readFile(path.join(logOf(tables.whole), '_last_checkpoint'), 'utf8');
    const { size } = await stat(path.join(logOf(tables.whole), checkpointName(200)));
    // 196 uploads, 5 of them deleted; the protocol and the metadata.
    expect(JSON.parse(text)).toEqual({
      version: 200,
      size: 198,
      sizeInBytes: size,
      numOfAddFiles: 191,
      checksum: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
  });

  test('is well', async () => {
    expect(await problemsOf(tables.before)).toEqual([]);
    expect(await problemsOf(tables.whole)).toEqual([]);
  });
});

describe('a checkpoint holds what its commits come to', () => {
  test.each([100, 200])('hyparquet reads that of version %i', async (version) => {
    const file = path.join(logOf(tables.whole), checkpointName(version));
    expect(await stateIn(file)).toEqual(reconciled(tables.commits.slice(0, version + 1)));
  });

  test('DuckDB reads it', async () => {
    const file = quoted(path.join(logOf(tables.whole), checkpointName(200)));
    const reader = await duckDb(
      `SELECT add.path, add.tags['tally.chunk'], add.stats FROM read_parquet(${file})
       WHERE add.path IS NOT NULL`,
    );
    expect(reader.getRows()).toEqual(
      reconciled(tables.commits.slice(0, 201)).add.map(({ path, tags, stats }) => [
        path,
        (tags as Record<string, string>)['tally.chunk'],
        stats,
      ]),
    );
  });
});

describe.each([
  { index: 'with its index', lose: async () => {} },
  { index: 'with an index that is made anew', lose: removeIndex },
])('the table $index', ({ lose }) => {
  test('is the same to all calls, as of each version', () =>
    withCopy(tables.whole, async (dataDir) => {
      await lose(dataDir);
      for (let start = 0; start < 2; start++) {
        await withServer({ dataDir, args: noCaches }, async (_server, connection) => {
          expect(await seenOf(connection, asOf)).toEqual(tables.seen);
        });
        expect(await problemsOf(dataDir)).toEqual([]);
      }
    }));

  test('knows keys, and chunks, whose commits are gone, and grows', () =>
    withCopy(tables.whole, async (dataDir) => {
      await lose(dataDir);
      await withServer({ dataDir }, async (_server, { streamed, table }) => {
        const [first] = tables.seen.chunks;
        const replayed = await uploadRow(streamed, 1);
        expect(replayed).toEqual({ chunkId: first?.chunkId, isReplay: true });
        // One that was deleted may be uploaded again.
        expect((await uploadRow(streamed, 3)).isReplay).toBe(false);
        const sum = BigInt(String(await sumOf(table, 'x')));
        expect(await deleteChunk(streamed, 1)).toEqual({ version: 235n });
        expect(await sumOf(table, 'x')).toBe(sum - 1n);
        expect((await uploadRow(streamed, 1)).isReplay).toBe(false);
        await uploadRows(streamed, 1000, 1070);
        await untilRemoved(dataDir, 199);
        expect(await readdir(logOf(dataDir))).not.toContain(checkpointName(100));
      });
      expect(await problemsOf(dataDir)).toEqual([]);
      await removeIndex(dataDir);
      await withServer({ dataDir }, async (_server, { table, streamed }) => {
        expect((await streamed.describeTable({})).summary?.version).toBe(307n);
        expect(typeof (await sumOf(table, 'x'))).toBe('bigint');
      });
      expect(await problemsOf(dataDir)).toEqual([]);
    }));
});

test('an index into which a checkpoint was not taken as a whole is made anew', () =>
  withCopy(tables.whole, async (dataDir) => {
    const folder = tableFolders(dataDir).index;
    await removeIndex(dataDir);
    const index = await openChunkIndex(folder, undefined, {
      idempotencyKeysMax: 10,
      idempotencyHours: 24,
    });
    const id = '01234567-89ab-cdef-0123-456789abcdef';
    const sizes = { rows: 7, csvBytes: 1, parquetBytes: 1, committedMs: 0, version: 0 };
    const chunk = { id, ...sizes, checksums: undefined, columns: [], ranges: new Map() };
    const chunks = Array.from({ length: 300 }, () => chunk);
    await index.add(chunks, [], { ...emptyIndexState, chunks: chunks.length, rows: 2100 });
    await index.close();
    await withServer({ dataDir, args: noCaches }, async (_server, connection) => {
      expect(await seenOf(connection, asOf)).toEqual(tables.seen);
    });
    expect(await problemsOf(dataDir)).toEqual([]);
  }));

test('a table without checkpoints, as earlier versions have left it, gets one', () =>
  withCopy(tables.before, async (dataDir) => {
    const log = logOf(dataDir);
    for (const name of [checkpointName(100), '_last_checkpoint']) await rm(path.join(log, name));
    expect(await problemsOf(dataDir)).toEqual([]);
    await withServer({ dataDir }, async (_server, { streamed }) => {
      expect((await streamed.describeTable({})).summary?.chunks).toBe(190n);
      await uploadRow(streamed, 201);
      await untilLast(dataDir, 200);
    });
    // It is the only one, so that all commits stay.
    expect((await readdir(log)).length).toBe(201 + 2);
    expect(await problemsOf(dataDir)).toEqual([]);
  }));

test("commits of another engine's VACUUM, and uploads at once, while files of the log are removed", () =>
  withServer({}, async ({ dataDir }, { table, streamed }) => {
    const commitInfo = {
      commitInfo: { timestamp: 0, operation: 'VACUUM END', engineInfo: 'other' },
    };
    let uploads = 0;
    for (const least of [98, 198, 298]) {
      let latest = -1;
      for (; latest < least; uploads++) {
        await keep(table, 'x\n1\n');
        latest = Number((await streamed.describeTable({})).summary?.version);
      }
      for (const version of [latest + 1, latest + 2]) {
        await writeFile(commitPath(dataDir, version), `${JSON.stringify(commitInfo)}\n`);
      }
      await Promise.all(Array.from({ length: 8 }, () => keep(table, 'x\n1\n')));
      uploads += 8;
    }
    expect(await sumOf(table, 'x')).toBe(BigInt(uploads));
  }));

test('a table is dropped after its checkpoint is made, which so is not of a new one of its name', () =>
  withFolder(async (folder) => {
    const gate = path.join(folder, 'gate');
    await writeFile(gate, '');
    const step = { STEP_AT: checkpointName(100), STEP_WHEN: 'before', STEP_GATE: gate };
    const env = { NODE_OPTIONS: `--import ${preload}`, ...step };
    await withProcess(
      { env, args: ['--table-threads', '3'] },
      async ({ dataDir }, { streamed }) => {
        async function* row() {
          yield { table: 'short', csvData: Buffer.from('x\n1\n') };
        }
        await streamed.createTable({ table: 'short' });
        for (let i = 0; i <= 100; i++) await streamed.upload(row());
        await eventually(async () => existsSync(`${gate}.waiting`));
        let isDropped = false;
        const dropped = streamed.dropTable({ table: 'short' }).then(() => {
          isDropped = true;
        });
        // Nothing else waits for it, and it would be dropped by then.
        for (let i = 0; i < 100; i++) await streamed.upload(piecesOf('x\n1\n', 10));
        expect(isDropped).toBe(false);
        await rm(gate);
        await dropped;
        await streamed.createTable({ table: 'short' });
        const log = path.join(dataDir, 'tables', 'short', 'delta', '_delta_log');
        expect(await readdir(log)).toEqual([]);
      },
    );
  }));
