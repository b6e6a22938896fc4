import { LRUCache } from 'lru-cache';
import type { Format } from './column-sum.js';

/** Exact sums of single files, which never change once they are written. */
export interface SumCache {
  get(chunkId: string, format: Format, column: string): bigint | undefined;
  set(chunkId: string, format: Format, column: string, sum: bigint): void;
}

/** Characters of a key with a column name of ordinary length. */
const entryBytes = 128;

/** Keeps the `entriesMax` sums that were used last; none if it is 0. */
export function createSumCache(entriesMax: number): SumCache {
  if (entriesMax === 0) return { get: () => undefined, set: () => {} };
  const sums = new LRUCache<string, bigint>({
    max: entriesMax,
    // A long column name counts as several entries.
    maxSize: entriesMax * entryBytes,
    sizeCalculation: (_sum, key) => Math.max(key.length, entryBytes),
  });
  const keyOf = (chunkId: string, format: Format, column: string) =>
    `${chunkId} ${format} ${column}`;
  return {
    get: (chunkId, format, column) => sums.get(keyOf(chunkId, format, column)),
    set: (chunkId, format, column, sum) => sums.set(keyOf(chunkId, format, column), sum),
  };
}
