import { open, type RootDatabase } from 'lmdb';
import type { StoredSummary } from '../tables/chunk-index.js';
import type { FileChecksums } from '../tables/delta-log.js';
import type { RemovedStoredEntry, StoredEntry } from '../tables/index-entry.js';
import type { IndexState } from '../tables/index-state.js';
import { createFingerprint, type FingerprintValue } from './fingerprint.js';

// Runs in a process of its own: a damaged LMDB file can end the process that maps it.

/** What the numbers' LMDB holds. */
export interface NumbersWalk {
  readonly count: number;
  readonly sum: bigint;
  /** The total as it is stored; undefined if there is none. */
  readonly total: Uint8Array | undefined;
  /** The first keys whose value has not 8 bytes, and how many there are. */
  readonly misfits: readonly string[];
  readonly misfitCount: number;
}

/** What the index' LMDB holds. */
export interface IndexWalk {
  readonly state: IndexState | undefined;
  /** Of all entries without their ranges, and of the ranges of columns of integers. */
  readonly columns: FingerprintValue;
  readonly ranges: FingerprintValue;
  readonly checksums: FingerprintValue;
  readonly chunks: FingerprintValue;
  /** Of chunks that were removed, and of their entries: when. */
  readonly removed: FingerprintValue;
  /** Whether a column of integers is without ranges: then its sums ask the footer. */
  readonly hasUnknownRanges: boolean;
}

export interface LmdbWalks {
  readonly numbers: NumbersWalk;
  readonly index: IndexWalk;
}

/** What the process sends: how far it is, then what it has found. */
export type LmdbMessage<T> =
  | { readonly moreEntries: number }
  | { readonly found: T }
  | { readonly fault: string };

const misfitsMax = 10;
const progressEntries = 65_536;

function send(message: LmdbMessage<NumbersWalk | IndexWalk>): void {
  process.send?.(message);
}

type Encoding = { readonly keyEncoding?: 'binary'; readonly encoding?: 'binary' };

/** The entries of a database in order; none if it is missing. Throws if they are in disorder. */
function* entriesOf<V, K extends Buffer | number>(
  environment: RootDatabase,
  name: string,
  encoding: Encoding,
): Generator<{ readonly key: K; readonly value: V }> {
  // Of a database that is missing, lmdb's types say nothing.
  const database = environment.openDB<V, K>(name, encoding) as
    | ReturnType<typeof environment.openDB<V, K>>
    | undefined;
  let before: K | undefined;
  let entries = 0;
  for (const { key, value } of database?.getRange({}) ?? []) {
    // Pages that point at each other would go on for ever.
    if (before !== undefined && compare(before, key) >= 0)
      throw new Error('its keys are in disorder');
    before = key;
    yield { key, value };
    if (++entries % progressEntries === 0) send({ moreEntries: progressEntries });
  }
}

function compare(a: Buffer | number, b: Buffer | number): number {
  if (typeof a === 'number' || typeof b === 'number') return Number(a) - Number(b);
  return Buffer.compare(a, b);
}

const binary: Encoding = { keyEncoding: 'binary', encoding: 'binary' };

function walkNumbers(environment: RootDatabase): NumbersWalk {
  let count = 0;
  let sum = 0n;
  let misfitCount = 0;
  const misfits: string[] = [];
  for (const { key, value } of entriesOf<Buffer, Buffer>(environment, 'values', binary)) {
    count++;
    if (value.length === 8) sum += value.readBigInt64BE();
    else if (++misfitCount <= misfitsMax) misfits.push(key.toString('utf8'));
  }
  let total: Uint8Array | undefined;
  for (const { key, value } of entriesOf<Buffer, Buffer>(environment, 'sums', binary)) {
    if (key.toString('utf8') === 'total') total = Uint8Array.from(value);
  }
  return { count, sum, total, misfits, misfitCount };
}

function walkIndex(environment: RootDatabase): IndexWalk {
  const columns = createFingerprint();
  const ranges = createFingerprint();
  const checksums = createFingerprint();
  let hasUnknownRanges = false;
  const byColumn: Encoding = { keyEncoding: 'binary' };
  // Entries of chunks that were removed are those that they were, in another place.
  function addEntry(name: string, entry: StoredEntry): void {
    const [id, csvBytes, place, count, type, field, places] = entry;
    columns.add(name, id, csvBytes, place, count, type, field);
    if (type !== 'long') return;
    if (places === null) hasUnknownRanges = true;
    else ranges.add(name, places);
  }
  const removed = createFingerprint();
  for (const { key, value } of entriesOf<StoredEntry, Buffer>(environment, 'columns', byColumn)) {
    addEntry(key.toString('hex'), value);
  }
  const wereThere = entriesOf<RemovedStoredEntry, Buffer>(environment, 'removed-columns', byColumn);
  for (const { key, value } of wereThere) {
    const [version, entry] = value;
    addEntry(key.toString('hex'), entry);
    removed.add(key.toString('hex'), version);
  }
  for (const { key, value } of entriesOf<FileChecksums, number>(environment, 'checksums', {})) {
    checksums.add(key, value.csvCrc32c, value.parquetCrc32c);
  }
  const chunks = createFingerprint();
  for (const { key, value } of entriesOf<StoredSummary, number>(environment, 'chunks', {})) {
    const [id, rows, csvBytes, parquetBytes, version, removedVersion] = value;
    chunks.add(key, id, rows, csvBytes, parquetBytes, version);
    if (removedVersion !== undefined) removed.add(key, id, removedVersion);
  }
  const meta = environment.openDB<IndexState, string>('meta', {});
  return {
    state: meta.get('state'),
    columns: columns.value(),
    ranges: ranges.value(),
    checksums: checksums.value(),
    chunks: chunks.value(),
    removed: removed.value(),
    hasUnknownRanges,
  };
}

const [kind, folder = ''] = process.argv.slice(2);

try {
  const environment = open({ path: folder, readOnly: true, maxDbs: 8 });
  send({ found: kind === 'numbers' ? walkNumbers(environment) : walkIndex(environment) });
} catch (error) {
  send({ fault: error instanceof Error ? error.message : String(error) });
}
process.disconnect();
