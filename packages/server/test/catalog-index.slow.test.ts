import { cp, rm, truncate } from 'node:fs/promises';
import path from 'node:path';
import type { TableClient } from '@tally/stubs';
import { describe, expect, test } from 'vitest';
import { openCatalog, UnseenCommitError } from '../src/tables/catalog.js';
import { openChunkIndex } from '../src/tables/chunk-index.js';
import { createColumnCache } from '../src/tables/column-cache.js';
import { openDeltaLog } from '../src/tables/delta-log.js';
import { openTableFolders } from '../src/tables/files.js';
import { emptyIndexState } from '../src/tables/index-state.js';
import { withFolder, withServer } from './server.js';
import { keep, sumIn, sumOf } from './table-calls.js';
import { commitPath, readDeltaTable, tableFolders } from './table-files.js';

// The index of the catalog can be lost, or be of another time than the log: sums stay right.

const indexFolder = (dataDir: string) => tableFolders(dataDir).index;

const noCache = ['--sum-cache-entries', '0'];

/** Chunks of all that the index knows of: nulls, another type, a column without values. */
async function keepChunks(table: TableClient): Promise<void> {
  await keep(table, 'a,b,note\n1,10,x\n2,,y\n', 'b,c\n20,\n', 'a,d\n4,1\n', 'e\n1\n', 'e\none\n');
}

async function expectSums(table: TableClient): Promise<void> {
  expect(await sumOf(table, 'a')).toBe(7n);
  expect(await sumOf(table, 'b')).toBe(30n);
  expect(await sumOf(table, 'c')).toBe(0n);
  expect(await sumOf(table, 'nobody has it')).toBe(0n);
  const sentence = 'column "e" cannot be summed: in chunk 5, line 2: "one" is not an integer';
  for (const format of ['csv', 'parquet']) {
    expect(String(await sumIn(table, 'e', format)).slice(0, sentence.length)).toBe(sentence);
  }
}

test('an index that is missing is made anew from the log and the footers', () =>
  withFolder(async (dataDir) => {
    await withServer({ dataDir }, (_server, { table }) => keepChunks(table));
    await rm(indexFolder(dataDir), { recursive: true });
    for (let start = 0; start < 2; start++) {
      await withServer({ dataDir, args: noCache }, (_server, { table }) => expectSums(table));
    }
  }));

test('an index of many commits is made anew', () =>
  withFolder(async (dataDir) => {
    const chunks = 150;
    await withServer({ dataDir }, async (_server, { table }) => {
      for (let i = 1; i <= chunks; i++) await keep(table, `x\n${i}\n`);
    });
    await rm(indexFolder(dataDir), { recursive: true });
    await withServer({ dataDir, args: noCache }, async (_server, { table }) => {
      expect(await sumOf(table, 'x')).toBe(BigInt((chunks * (chunks + 1)) / 2));
    });
  }));

test('a chunk whose footer cannot be read then is named by the sum, and the rest is fine', () =>
  withFolder(async (dataDir) => {
    await withServer({ dataDir }, (_server, { table }) => keepChunks(table));
    const { chunks } = await readDeltaTable(dataDir);
    await truncate(chunks[1]?.parquetPath ?? '', 20);
    await rm(indexFolder(dataDir), { recursive: true });
    await withServer({ dataDir, args: noCache }, async (_server, { table }) => {
      expect(await sumIn(table, 'b', 'parquet')).toMatch(
        /^column "b" cannot be summed: in chunk 2, its Parquet file is damaged: ./,
      );
      expect(await sumIn(table, 'b', 'csv')).toBe(30n);
      expect(await sumOf(table, 'a')).toBe(7n);
    });
  }));

test('an index that is behind the log, as a crash leaves it, catches up', () =>
  withFolder(async (dataDir) => {
    await withServer({ dataDir }, (_server, { table }) => keep(table, 'a,b,note\n1,10,x\n2,,y\n'));
    const earlier = path.join(dataDir, 'earlier');
    await cp(indexFolder(dataDir), earlier, { recursive: true });
    await withServer({ dataDir }, (_server, { table }) =>
      keep(table, 'b,c\n20,\n', 'a,d\n4,1\n', 'e\n1\n', 'e\none\n'),
    );
    await rm(indexFolder(dataDir), { recursive: true });
    await cp(earlier, indexFolder(dataDir), { recursive: true });
    await withServer({ dataDir, args: noCache }, (_server, { table }) => expectSums(table));
  }));

test('an index of another log, as a backup brings it, is made anew', () =>
  withFolder(async (dataDir) => {
    await withServer({ dataDir }, (_server, { table }) => keepChunks(table));
    // The log loses its last commits: the index knows of chunks that are no more.
    for (const version of [2, 3, 4]) await rm(commitPath(dataDir, version));
    await withServer({ dataDir, args: noCache }, async (_server, { table }) => {
      expect(await sumOf(table, 'a')).toBe(3n);
      await keep(table, 'a\n100\n', 'a\n200\n', 'a\n300\n', 'a\n400\n');
      expect(await sumOf(table, 'a')).toBe(1003n);
    });
  }));

test.each([0, 1, 3])('sums are right with room for %i entries in memory', (entries) =>
  withFolder(async (dataDir) => {
    const args = [...noCache, '--catalog-cache-entries', String(entries)];
    await withServer({ dataDir, args }, async (_server, { table }) => {
      await keepChunks(table);
      for (let i = 0; i < 3; i++) {
        await expectSums(table);
        await keep(table, 'c\n0\n', 'b,a\n0,0\n');
      }
    });
  }),
);

const keyLimits = { idempotencyKeysMax: 10, idempotencyHours: 24 };

/** What the kernel says of a chunk of one row, whose column `x` has this type. */
function ingestedAs(type: 'long' | 'double') {
  const field = { field: 'x', type, column: 'x' };
  return {
    columns: [{ name: 'x', type }],
    plan: { columns: [{ name: 'x', field }], placeholder: null, fields: [field] },
    rows: 1,
    csvBytes: 4,
    csvCrc32c: 0,
    parquetBytes: 100,
    parquetCrc32c: 0,
    ranges: new Map(),
  };
}

test('a chunk that is removed while its column is read is there once or not at all, and then gone', () =>
  withFolder(async (dataDir) => {
    const { index: folder } = await openTableFolders(dataDir, 'default', false);
    let isRemoved = false;
    const columns = createColumnCache(100_000) ?? expect.fail();
    const cache = columns.forTable();
    // Each reading before the removal is one of the whole column.
    const get: typeof cache.get = (column) => (isRemoved ? cache.get(column) : undefined);
    const set: typeof cache.set = (column, cached) => {
      if (isRemoved) expect(cached.entries).toHaveLength(count - 1);
      return cache.set(column, cached);
    };
    const lateCache = { ...columns, forTable: () => ({ ...cache, get, set }) };
    const index = await openChunkIndex(folder, lateCache, keyLimits);
    const count = 30_000;
    const field = { field: 'x', type: 'long', column: 'x' } as const;
    const chunks = Array.from({ length: count }, (_, i) => ({
      ...{ id: `c${i}`, rows: 1, csvBytes: 4, parquetBytes: 100, checksums: undefined },
      ...{ columns: [{ name: 'x', field }], version: 0, committedMs: 0, ranges: new Map() },
    }));
    await index.add(chunks, [], { ...emptyIndexState, chunks: count, nextVersion: 1 });
    const last = { ...{ id: `c${count - 1}`, number: count, rows: 1 }, csvBytes: 4 };
    const removed = { ...last, parquetBytes: 100, columns: ['x'], version: 1 };
    const state = { ...emptyIndexState, chunks: count, nextVersion: 2 };
    const removal = index.add([], [removed], state).then(() => {
      isRemoved = true;
    });
    // Some of these begin before the removal is there and end after it.
    const readings: Promise<void>[] = [];
    while (!isRemoved) {
      readings.push(
        index.columnAt('x', 0).then((entries) => expect(entries).toHaveLength(count)),
        index.column('x', count).then(({ length }) => expect([count, count - 1]).toContain(length)),
      );
      await new Promise(setImmediate);
    }
    await Promise.all([removal, ...readings]);
    expect(await index.column('x', count)).toHaveLength(count - 1);
    expect(await index.columnAt('x', 1)).toHaveLength(count - 1);
    expect(await index.columnAt('x', 0)).toHaveLength(count);
    await index.close();
  }));

describe('an index that cannot be written', () => {
  /** A catalog of a new table; what it adds to its index fails while the disk `isFull`. */
  async function openFullCatalog(dataDir: string) {
    const folders = await openTableFolders(dataDir, 'default', false);
    const index = await openChunkIndex(folders.index, undefined, keyLimits);
    const disk = { isFull: true };
    const add: typeof index.add = (...entries) =>
      disk.isFull ? Promise.reject(new Error('no space left')) : index.add(...entries);
    const noRanges = async (ids: readonly string[]) => ids.map(() => new Map());
    const catalog = await openCatalog(openDeltaLog(folders, false), { ...index, add }, noRanges);
    return { catalog, disk };
  }

  test('keeps the chunk that was committed, which is seen after the next one', () =>
    withFolder(async (dataDir) => {
      const { catalog, disk } = await openFullCatalog(dataDir);
      await expect(catalog.commit('first', ingestedAs('long'))).rejects.toThrow(UnseenCommitError);
      await expect(catalog.commit('second', ingestedAs('long'))).rejects.toThrow('no space left');
      expect((await catalog.state()).chunks).toBe(0);
      disk.isFull = false;
      expect(await catalog.commit('third', ingestedAs('long'))).toBe(true);
      const entries = await catalog.column('x');
      expect(entries.map(({ chunkId }) => chunkId)).toEqual(['first', 'third']);
      await catalog.close();
    }));

  test('does not have the chunk kept again for its idempotency key', () =>
    withFolder(async (dataDir) => {
      const { catalog, disk } = await openFullCatalog(dataDir);
      const retry = { key: 'once', crc32c: 1 };
      const commit = (id: string) => catalog.commit(id, ingestedAs('long'), retry);
      await expect(commit('first')).rejects.toThrow(UnseenCommitError);
      expect(await catalog.kept('once')).toBe(undefined);
      disk.isFull = false;
      expect(await commit('again')).toBe(false);
      expect(await catalog.kept('once')).toEqual({ chunkNumber: 1, crc32c: 1 });
      expect((await catalog.state()).chunks).toBe(1);
      await catalog.close();
    }));

  test('does not have a chunk called kept that no commit was tried with', () =>
    withFolder(async (dataDir) => {
      const { catalog } = await openFullCatalog(dataDir);
      // They arrive together; the first one makes x an integer, so the other is to be planned anew.
      const [first, other] = await Promise.allSettled([
        catalog.commit('first', ingestedAs('long')),
        catalog.commit('other', ingestedAs('double')),
      ]);
      expect(first).toMatchObject({ status: 'rejected', reason: expect.any(UnseenCommitError) });
      expect(other).toEqual({ status: 'fulfilled', value: false });
      await catalog.close();
    }));
});
