import { rm } from 'node:fs/promises';
import type { ColumnType } from '@tally/kernels';
import { open } from 'lmdb';
import { ignoreFailedCommits, transactionsOf } from '../lmdb-failure.js';
import { lmdbDataFile, lmdbFault, makeLmdbFiles } from '../lmdb-file.js';
import { logger } from '../logger.js';
import { type KeyLimits, openRememberedKeys } from '../remembered-keys.js';
import type { ColumnCache } from './column-cache.js';
import type { FileChecksums, RemovedChunk, UploadRetry } from './delta-log.js';
import {
  type ColumnEntry,
  entryOf,
  keyOf,
  type RemovedStoredEntry,
  type StoredEntry,
  storedEntry,
  typeOf,
} from './index-entry.js';
import type { IndexState } from './index-state.js';
import type { ColumnRange } from './parquet-file.js';
import type { ChunkColumn } from './schema.js';

/** A chunk of the table, as it is put into the index. */
export interface IndexedChunk {
  /** Names the chunk's files. */
  readonly id: string;
  readonly rows: number;
  readonly csvBytes: number;
  readonly parquetBytes: number;
  /** Of the log's commit that has added it. */
  readonly version: number;
  readonly checksums: FileChecksums | undefined;
  /** Of an upload that had an idempotency key, and when it was committed. */
  readonly retry?: UploadRetry | undefined;
  readonly committedMs: number;
  /** In the order of the CSV header. */
  readonly columns: readonly ChunkColumn[];
  /** By field: where the values of a column of integers are in the Parquet file. */
  readonly ranges: ReadonlyMap<string, readonly ColumnRange[]>;
}

/** What was kept of an upload that had an idempotency key. */
export interface KeptUpload {
  readonly chunkNumber: number;
  readonly crc32c: number;
}

/** How much a table has. */
export interface TableSize {
  readonly chunks: number;
  readonly rows: number;
}

/** A chunk without its columns. */
export interface ChunkSummary {
  readonly id: string;
  /** Counts from 1 in the order of the uploads. */
  readonly number: number;
  readonly rows: number;
  readonly csvBytes: number;
  readonly parquetBytes: number;
  /** Of the log's commit that has added it. */
  readonly version: number;
  /** Of the commit that has removed it; undefined if it is there. */
  readonly removedVersion: number | undefined;
}

/** A chunk that is taken out of the table, and the version that does not have it any more. */
export interface RemovedEntry extends RemovedChunk {
  readonly version: number;
}

/**
 * What the log and the Parquet footers say of every column of every chunk, in LMDB.
 *
 * It can be lost: it is made anew from the log and the footers. In memory it takes what its cache
 * of columns takes, however many chunks there are.
 */
export interface ChunkIndex {
  /** The state as it was last stored; undefined for a new index. */
  state(): IndexState | undefined;
  /**
   * Adds the chunks that follow those of the stored state, takes others out, and stores the new one.
   *
   * Throws StoppedError if the index can be used no more.
   */
  add(
    chunks: readonly IndexedChunk[],
    removed: readonly RemovedEntry[],
    state: IndexState,
  ): Promise<void>;
  /** The entries of a column in the first `chunks` chunks, in order; of those that have it. */
  column(name: string, chunks: number): Promise<readonly ColumnEntry[]>;
  /** Those of a version of the table, in order. */
  columnAt(name: string, version: number): Promise<readonly ColumnEntry[]>;
  /**
   * The types that a column has in the chunks of a version, null where it has no value, in the order
   * of their coming; none if no chunk has it. Ends early when it has found as many as are asked for.
   */
  typesAt(name: string, version: number, typesMax: number): Promise<ReadonlySet<ColumnType | null>>;
  /** Up to `count` chunks of a version of the table, from a number on. */
  chunksAt(version: number, number: number, count: number): readonly ChunkSummary[];
  /** Columns of a chunk, also of a removed one; undefined where it has none of that name. */
  columnsOf(chunkNumber: number, names: readonly string[]): readonly (ColumnEntry | undefined)[];
  /** A chunk by its number, also a removed one; undefined if there is none. */
  chunk(number: number): ChunkSummary | undefined;
  /** The number of a chunk that is there. */
  numberOf(id: string): number | undefined;
  /** How many chunks a version has, and how many rows. */
  sizeAt(version: number): Promise<TableSize>;
  /** Up to `count` chunks that are there, from a number on. */
  chunksFrom(number: number, count: number): readonly ChunkSummary[];
  /** Of the files of a chunk, by its number; undefined if the log has none. */
  checksums(chunkNumber: number): FileChecksums | undefined;
  /** What was kept of the upload with an idempotency key, if it was not too long ago. */
  kept(idempotencyKey: string): KeptUpload | undefined;
  /** Forgets everything. */
  clear(): Promise<void>;
  close(): Promise<void>;
}

/** Opens the index in `folder`, or makes it; a damaged one is removed first, and that is logged. */
export async function openChunkIndex(
  folder: string,
  columnCache: ColumnCache | undefined,
  keyLimits: KeyLimits,
): Promise<ChunkIndex> {
  await removeDamagedFile(lmdbDataFile(folder));
  await makeLmdbFiles(folder, false);
  const stopIgnoring = ignoreFailedCommits();
  // What a power loss takes is made anew from the log, so a promise could mean visible. But a sync
  // that fails after it would leave an environment that nobody is told is unusable.
  const environment = open({ path: folder, maxDbs: 16, overlappingSync: false });
  const meta = environment.openDB<IndexState, string>('meta', {});
  const columns = environment.openDB<StoredEntry, Buffer>('columns', { keyEncoding: 'binary' });
  const checksums = environment.openDB<FileChecksums, number>('checksums', {});
  const summaries = environment.openDB<StoredSummary, number>('chunks', {});
  const numbers = environment.openDB<number, string>('chunk-numbers', {});
  const removedColumns = environment.openDB<RemovedStoredEntry, Buffer>('removed-columns', {
    keyEncoding: 'binary',
  });
  const uploads = openRememberedKeys<StoredUpload>(environment, keyLimits);
  const cache = columnCache?.forTable();
  let removals = 0;
  const transactions = transactionsOf(
    environment,
    folder,
    (code) =>
      `its index can be used no more (${code}): once the disk is well, restart the server; nothing ` +
      'that was kept is lost',
    // Whatever the log does.
    'index',
  );

  function summaryOf(number: number): ChunkSummary | undefined {
    const stored = summaries.get(number);
    if (stored === undefined) return undefined;
    const [id, rows, csvBytes, parquetBytes, version, removedVersion] = stored;
    return { id, number, rows, csvBytes, parquetBytes, version, removedVersion };
  }

  /** How many chunks had been added by a version: versions grow with the numbers. */
  function chunksAt(version: number): number {
    let [low, high] = [0, meta.get('state')?.chunks ?? 0];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((summaries.get(middle)?.[4] ?? 0) <= version) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** In a transaction: moves what there is of a chunk to what was. */
  function remove({ id, number, version, columns: names }: RemovedEntry): void {
    const stored = summaries.get(number);
    if (stored === undefined) throw new Error(`the chunk ${number} is not in the index`);
    const [, rows, csvBytes, parquetBytes, addedVersion] = stored;
    summaries.put(number, [id, rows, csvBytes, parquetBytes, addedVersion, version]);
    numbers.remove(id);
    for (const name of names) {
      const key = keyOf(name, number);
      const entry = columns.get(key);
      if (entry === undefined) continue;
      columns.remove(key);
      removedColumns.put(key, [version, entry]);
    }
  }

  return {
    state: () => meta.get('state'),

    async add(chunks, removed, state) {
      let number = state.chunks - chunks.length;
      await transactions.run(() => {
        for (const chunk of chunks) {
          number++;
          const { id, rows, csvBytes, parquetBytes, version, committedMs, retry } = chunk;
          summaries.put(number, [id, rows, csvBytes, parquetBytes, version]);
          numbers.put(id, number);
          if (chunk.checksums !== undefined) checksums.put(number, chunk.checksums);
          if (retry) uploads.put(retry.key, [number, retry.crc32c], committedMs);
          for (const [place, column] of chunk.columns.entries()) {
            columns.put(keyOf(column.name, number), storedEntry(chunk, place, column));
          }
        }
        for (const chunk of removed) remove(chunk);
        meta.put('state', state);
      });
      if (removed.length > 0) {
        removals++;
        cache?.clear();
      }
    },

    async column(name, chunks) {
      const [known, before] = [cache?.get(name), removals];
      const entries = known === undefined ? [] : known.entries.slice();
      let number = known?.chunks ?? 0;
      const range = { start: keyOf(name, number + 1), end: keyOf(name, chunks + 1) };
      let read = 0;
      let last = entries.at(-1);
      for (const { key, value } of columns.getRange(range)) {
        last = entryOf(key, value, last);
        entries.push(last);
        // Other calls have their turn: a million entries take seconds.
        if (++read % entriesPerTurn === 0) await new Promise(setImmediate);
      }
      number = Math.max(number, chunks);
      // What another call has removed meanwhile is seen by this one only.
      if (removals === before) cache?.set(name, { chunks: number, entries });
      return number > chunks ? entries.filter((entry) => entry.chunkNumber <= chunks) : entries;
    },

    async columnAt(name, version) {
      const chunks = chunksAt(version);
      const range = { start: keyOf(name, 1), end: keyOf(name, chunks + 1) };
      const entries: ColumnEntry[] = [];
      for (const { key, value } of columns.getRange(range)) {
        entries.push(entryOf(key, value, entries.at(-1)));
        if (entries.length % entriesPerTurn === 0) await new Promise(setImmediate);
      }
      // Read after those that are there, so none is missed; one that was removed meanwhile is in both.
      const seen = new Set(entries.map(({ chunkNumber }) => chunkNumber));
      for (const { key, value } of removedColumns.getRange(range)) {
        const [removedVersion, stored] = value;
        if (removedVersion <= version) continue;
        const entry = entryOf(key, stored, undefined);
        if (!seen.has(entry.chunkNumber)) entries.push(entry);
      }
      return entries.sort((a, b) => a.chunkNumber - b.chunkNumber);
    },

    async typesAt(name, version, typesMax) {
      const range = { start: keyOf(name, 1), end: keyOf(name, chunksAt(version) + 1) };
      const types = new Set<ColumnType | null>();
      const isEnough = () => types.size - (types.has(null) ? 1 : 0) >= typesMax;
      let read = 0;
      for (const { value } of columns.getRange(range)) {
        types.add(typeOf(value));
        if (isEnough()) return types;
        if (++read % entriesPerTurn === 0) await new Promise(setImmediate);
      }
      for (const { value } of removedColumns.getRange(range)) {
        const [removedVersion, stored] = value;
        if (removedVersion > version) types.add(typeOf(stored));
        if (isEnough()) return types;
      }
      return types;
    },

    chunksAt(version, number, count) {
      const found: ChunkSummary[] = [];
      for (const { key } of summaries.getRange({ start: number, end: chunksAt(version) + 1 })) {
        if (found.length >= count) break;
        const chunk = summaryOf(key);
        if (chunk !== undefined && (chunk.removedVersion ?? version + 1) > version)
          found.push(chunk);
      }
      return found;
    },

    columnsOf: (chunkNumber, names) =>
      names.map((name) => {
        const key = keyOf(name, chunkNumber);
        const stored = columns.get(key) ?? removedColumns.get(key)?.[1];
        return stored === undefined ? undefined : entryOf(key, stored, undefined);
      }),

    async sizeAt(version) {
      let [chunks, rows, read] = [0, 0, 0];
      for (const { value } of summaries.getRange({ end: chunksAt(version) + 1 })) {
        if (++read % entriesPerTurn === 0) await new Promise(setImmediate);
        const [, rowsOfChunk, , , , removedVersion = Number.POSITIVE_INFINITY] = value;
        if (removedVersion <= version) continue;
        chunks++;
        rows += rowsOfChunk;
      }
      return { chunks, rows };
    },

    chunk: summaryOf,
    numberOf: (id) => numbers.get(id),
    chunksFrom(first, count) {
      const found: ChunkSummary[] = [];
      for (const { key } of summaries.getRange({ start: first })) {
        if (found.length >= count) break;
        const chunk = summaryOf(key);
        if (chunk !== undefined && chunk.removedVersion === undefined) found.push(chunk);
      }
      return found;
    },
    checksums: (chunkNumber) => checksums.get(chunkNumber),
    kept(idempotencyKey) {
      const stored = uploads.get(idempotencyKey);
      if (stored === undefined) return undefined;
      const [chunkNumber, crc32c] = stored;
      // One that was removed may be uploaded again.
      return summaryOf(chunkNumber)?.removedVersion === undefined
        ? { chunkNumber, crc32c }
        : undefined;
    },

    async clear() {
      cache?.clear();
      await transactions.run(() => {
        columns.clearSync();
        checksums.clearSync();
        summaries.clearSync();
        numbers.clearSync();
        removedColumns.clearSync();
        meta.clearSync();
        uploads.clear();
      });
    },

    async close() {
      await environment.close();
      stopIgnoring();
    },
  };
}

async function removeDamagedFile(file: string): Promise<void> {
  const fault = await lmdbFault(file);
  if (fault === undefined) return;
  // It would only take room: all that it holds is in the log and the files.
  await rm(file);
  logger.warn(`The table's index was damaged and is made anew from the log: of ${file}, ${fault}.`);
}

const entriesPerTurn = 4096;

type StoredUpload = readonly [chunkNumber: number, crc32c: number];

/** A chunk as it is in LMDB. */
export type StoredSummary = readonly [
  id: string,
  rows: number,
  csvBytes: number,
  parquetBytes: number,
  version: number,
  removedVersion?: number,
];
