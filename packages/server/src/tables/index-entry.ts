import { createHash } from 'node:crypto';
import type { ColumnType } from '@tally/kernels';
import type { ColumnRange } from './parquet-file.js';
import type { ChunkColumn } from './schema.js';

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

/** An LMDB key has at most 1,978 bytes, a column's name up to 64 KiB: so its hash is the key. */
export function keyOf(column: string, chunkNumber: number): Buffer {
  const key = Buffer.alloc(hashBytes + numberBytes);
  createHash('sha256').update(column).digest().copy(key);
  key.writeUIntBE(chunkNumber, hashBytes, numberBytes);
  return key;
}

const hashBytes = 32;
const numberBytes = 6;

/** An entry of a chunk that was removed. */
export type RemovedStoredEntry = readonly [removedVersion: number, entry: StoredEntry];

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

/** What an entry needs to know of its chunk. */
interface ChunkOfColumns {
  readonly id: string;
  readonly csvBytes: number;
  readonly columns: readonly ChunkColumn[];
  readonly ranges: ReadonlyMap<string, readonly ColumnRange[]>;
}

export function storedEntry(
  { id, csvBytes, columns, ranges }: ChunkOfColumns,
  place: number,
  { field }: ChunkColumn,
): StoredEntry {
  const known = field === null ? undefined : ranges.get(field.field);
  const flat = known?.flatMap(({ from, bytes, values }) => [from, bytes, values]) ?? null;
  return [id, csvBytes, place, columns.length, field?.type ?? null, field?.field ?? null, flat];
}

export const typeOf = ([, , , , type]: StoredEntry) => type;

/** With the strings of the entry before it, if they are the same: each is its own otherwise. */
export function entryOf(
  key: Buffer,
  stored: StoredEntry,
  before: ColumnEntry | undefined,
): ColumnEntry {
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
