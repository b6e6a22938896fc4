import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { ColumnType } from '@tally/kernels';
import { open } from 'lmdb';
import { LRUCache } from 'lru-cache';
import { ignoreFailedCommit, transactionsOf } from '../lmdb-failure.js';
import { lmdbDataFile, lmdbFault, makeLmdbFiles } from '../lmdb-file.js';
import { type KeyLimits, openRememberedKeys } from '../remembered-keys.js';
import type { CommittedEntry, FileChecksums, LoggedChunk, UploadRetry } from './delta-log.js';
import type { ColumnRange } from './parquet-file.js';
import type { ChunkColumn, TableField } from './schema.js';

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

/** A column of one chunk: all that a sum of it needs to know. */
export interface ColumnEntry {
  readonly chunkId: string;
  /** Counts from 1 in the order of the uploads. */
  readonly chunkNumber: number;
  readonly csvBytes: number;
  /** The column's place in the CSV header, and how many columns that has. */
  readonly place: number;
  readonly columns: number;
  /** The column's type in this chunk, null if it has no value there. */
  readonly type: ColumnType | null;
  /** The column's name in the Parquet file. */
  readonly field: string | null;
  /** Where the values are in the Parquet file; undefined if only its footer says. */
  readonly ranges: readonly ColumnRange[] | undefined;
}

/** What was kept of an upload that had an idempotency key. */
export interface KeptUpload {
  readonly chunkNumber: number;
  readonly crc32c: number;
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
}

/** How far the index has taken in the table's log, and what the log says of the table. */
export interface IndexState {
  readonly tableId: string | undefined;
  /** The version of the log's first commit that is not in the index. */
  readonly nextVersion: number;
  /** The digest of the last commit that is in the index. */
  readonly lastDigest: string | undefined;
  readonly chunks: number;
  readonly fields: readonly TableField[];
  /** Of all chunks together. */
  readonly rows: number;
  readonly csvBytes: number;
  readonly parquetBytes: number;
}

/** The state of an index that has taken in nothing. */
export const emptyIndexState: IndexState = {
  tableId: undefined,
  nextVersion: 0,
  lastDigest: undefined,
  chunks: 0,
  fields: [],
  rows: 0,
  csvBytes: 0,
  parquetBytes: 0,
};

/** The state after an entry of the log. */
export function stateAfter(
  before: IndexState,
  { version, digest, tableId, fields, chunks }: CommittedEntry,
): IndexState {
  const sum = (of: (chunk: LoggedChunk) => number) =>
    chunks.reduce((sum, chunk) => sum + of(chunk), 0);
  return {
    tableId: tableId ?? before.tableId,
    nextVersion: version + 1,
    lastDigest: digest,
    chunks: before.chunks + chunks.length,
    fields: fields ?? before.fields,
    rows: before.rows + sum(({ rows }) => rows),
    csvBytes: before.csvBytes + sum(({ csvBytes }) => csvBytes),
    parquetBytes: before.parquetBytes + sum(({ parquetBytes }) => parquetBytes),
  };
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
   * Adds the chunks that follow those of the stored state, and stores the new one.
   *
   * Throws StoppedError if the index can be used no more.
   */
  add(chunks: readonly IndexedChunk[], state: IndexState): Promise<void>;
  /** The entries of a column in the first `chunks` chunks, in order; of those that have it. */
  column(name: string, chunks: number): Promise<readonly ColumnEntry[]>;
  /** A chunk by its number; undefined if there is none. */
  chunk(number: number): ChunkSummary | undefined;
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
  process.on('unhandledRejection', ignoreFailedCommit);
  // What a power loss takes is made anew from the log, so a promise could mean visible. But a sync
  // that fails after it would leave an environment that nobody is told is unusable.
  const environment = open({ path: folder, maxDbs: 12, overlappingSync: false });
  const meta = environment.openDB<IndexState, string>('meta', {});
  const columns = environment.openDB<StoredEntry, Buffer>('columns', { keyEncoding: 'binary' });
  const checksums = environment.openDB<FileChecksums, number>('checksums', {});
  const summaries = environment.openDB<StoredSummary, number>('chunks', {});
  const uploads = openRememberedKeys<StoredUpload>(environment, keyLimits);
  const cache = columnCache?.forTable();
  const transactions = transactionsOf(
    environment,
    folder,
    (code) =>
      `its index can be used no more (${code}): once the disk is well, restart the server; nothing ` +
      'that was kept is lost',
  );

  return {
    state: () => meta.get('state'),

    async add(chunks, state) {
      let number = state.chunks - chunks.length;
      await transactions.run(() => {
        for (const chunk of chunks) {
          number++;
          const { id, rows, csvBytes, parquetBytes, version, committedMs, retry } = chunk;
          summaries.put(number, [id, rows, csvBytes, parquetBytes, version]);
          if (chunk.checksums !== undefined) checksums.put(number, chunk.checksums);
          if (retry) uploads.put(retry.key, [number, retry.crc32c], committedMs);
          for (const [place, column] of chunk.columns.entries()) {
            columns.put(keyOf(column.name, number), storedEntry(chunk, place, column));
          }
        }
        meta.put('state', state);
      });
    },

    async column(name, chunks) {
      const known = cache?.get(name);
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
      cache?.set(name, { chunks: number, entries });
      return number > chunks ? entries.filter((entry) => entry.chunkNumber <= chunks) : entries;
    },

    chunk(number) {
      const stored = summaries.get(number);
      if (stored === undefined) return undefined;
      const [id, rows, csvBytes, parquetBytes, version] = stored;
      return { id, number, rows, csvBytes, parquetBytes, version };
    },
    checksums: (chunkNumber) => checksums.get(chunkNumber),
    kept(idempotencyKey) {
      const stored = uploads.get(idempotencyKey);
      if (stored === undefined) return undefined;
      const [chunkNumber, crc32c] = stored;
      return { chunkNumber, crc32c };
    },

    async clear() {
      cache?.clear();
      await transactions.run(() => {
        columns.clearSync();
        checksums.clearSync();
        summaries.clearSync();
        meta.clearSync();
        uploads.clear();
      });
    },

    async close() {
      await environment.close();
      process.off('unhandledRejection', ignoreFailedCommit);
    },
  };
}

async function removeDamagedFile(file: string): Promise<void> {
  const fault = await lmdbFault(file);
  if (fault === undefined) return;
  // It would only take room: all that it holds is in the log and the files.
  await rm(file);
  console.error(
    `The table's index was damaged and is made anew from the log: of ${file}, ${fault}.`,
  );
}

const entriesPerTurn = 4096;

interface CachedColumn {
  /** The chunks that were looked at. */
  readonly chunks: number;
  readonly entries: readonly ColumnEntry[];
}

/** Columns that were asked for last, of all tables. */
export interface ColumnCache {
  /** A cache for a table that has been opened: it has nothing of any other. */
  forTable(): {
    get(column: string): CachedColumn | undefined;
    set(column: string, cached: CachedColumn): void;
    clear(): void;
  };
}

/** Keeps columns of at most `entriesMax` entries in all; undefined for none. */
export function createColumnCache(entriesMax: number): ColumnCache | undefined {
  if (entriesMax === 0) return undefined;
  const columns = new LRUCache<string, CachedColumn>({
    maxSize: entriesMax,
    // A column of many row groups counts as several.
    sizeCalculation: ({ entries }) =>
      entries.reduce((sum, { ranges }) => sum + Math.max(1, ranges?.length ?? 1), 1),
  });
  let tables = 0;
  return {
    forTable() {
      let table = ++tables;
      return {
        get: (column) => columns.get(`${table} ${column}`),
        set: (column, cached) => columns.set(`${table} ${column}`, cached),
        // What is left goes as it is not used.
        clear() {
          table = ++tables;
        },
      };
    },
  };
}

/** An LMDB key has at most 1,978 bytes, a column's name up to 64 KiB: so its hash is the key. */
export function keyOf(column: string, chunkNumber: number): Buffer {
  const key = Buffer.alloc(hashBytes + numberBytes);
  createHash('sha256').update(column).digest().copy(key);
  key.writeUIntBE(chunkNumber, hashBytes, numberBytes);
  return key;
}

const hashBytes = 32;
const numberBytes = 6;

type StoredUpload = readonly [chunkNumber: number, crc32c: number];

/** A chunk as it is in LMDB. */
export type StoredSummary = readonly [
  id: string,
  rows: number,
  csvBytes: number,
  parquetBytes: number,
  version: number,
];

/** An entry as it is in LMDB. */
export type StoredEntry = readonly [
  chunkId: string,
  csvBytes: number,
  place: number,
  columns: number,
  type: ColumnType | null,
  field: string | null,
  /** From, bytes and values of each range. */
  ranges: readonly number[] | null,
];

export function storedEntry(
  { id, csvBytes, columns, ranges }: Pick<IndexedChunk, 'id' | 'csvBytes' | 'columns' | 'ranges'>,
  place: number,
  { field }: ChunkColumn,
): StoredEntry {
  const known = field === null ? undefined : ranges.get(field.field);
  const flat = known?.flatMap(({ from, bytes, values }) => [from, bytes, values]) ?? null;
  return [id, csvBytes, place, columns.length, field?.type ?? null, field?.field ?? null, flat];
}

/** With the strings of the entry before it, if they are the same: each is its own otherwise. */
function entryOf(key: Buffer, stored: StoredEntry, before: ColumnEntry | undefined): ColumnEntry {
  const [chunkId, csvBytes, place, columns, storedType, storedField, flat] = stored;
  const chunkNumber = key.readUIntBE(hashBytes, numberBytes);
  const type = storedType === before?.type ? before.type : storedType;
  const field = storedField === before?.field ? before.field : storedField;
  const ranges = flat === null ? undefined : rangesOf(flat);
  return { chunkId, chunkNumber, csvBytes, place, columns, type, field, ranges };
}

function rangesOf(flat: readonly number[]): ColumnRange[] {
  // Made in its size: an array that grows has room for 17 from the start, in each entry.
  return Array.from({ length: Math.floor(flat.length / 3) }, (_, i) => {
    const [from = 0, bytes = 0, values = 0] = flat.slice(3 * i, 3 * i + 3);
    return { from, bytes, values };
  });
}
