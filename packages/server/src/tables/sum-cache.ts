import type { Format } from './column-sum.js';

/** Exact sums of single files of a table, which never change once they are written. */
export interface SumCache {
  /** Those of a column in one format, which counts as used now. */
  of(format: Format, column: string): ColumnSums;
}

/** Sums of one column by the numbers of their chunks. */
export interface ColumnSums {
  get(chunkNumber: number): bigint | undefined;
  set(chunkNumber: number, sum: bigint): void;
}

/** What a column takes besides its sums, in the memory of so many of them; its name comes on top. */
const columnEntries = 4;
const entryBytes = 64;

const entriesOfColumn = (key: string) => columnEntries + Math.floor(key.length / entryBytes);

/** The sums of all tables, which share one bound. */
export interface SumCaches {
  /** A cache for a table that has been opened: it has nothing of any other. */
  forTable(): SumCache;
}

/**
 * Keeps `entriesMax` sums; none if it is 0. Columns that were used longest ago go first.
 *
 * They go as a whole, and a column that fills the cache keeps what it has: were single sums to go, a
 * sum over more files than there is room for would find none of them again.
 */
export function createSumCaches(entriesMax: number): SumCaches {
  /** The column that was used longest ago comes first. */
  const columns = new Map<string, Map<number, bigint>>();
  let entries = 0;
  let tables = 0;

  /** Whether there is room for so many more, after columns used before this one have gone. */
  function makeRoom(more: number, key: string): boolean {
    for (const [oldest, sums] of columns) {
      if (entries + more <= entriesMax) return true;
      if (oldest === key) return false;
      columns.delete(oldest);
      entries -= sums.size + entriesOfColumn(oldest);
    }
    return entries + more <= entriesMax;
  }

  function sumsOf(key: string): Map<number, bigint> | undefined {
    const known = columns.get(key);
    if (known !== undefined) return known;
    const own = entriesOfColumn(key);
    if (!makeRoom(own + 1, key)) return undefined;
    const sums = new Map<number, bigint>();
    columns.set(key, sums);
    entries += own;
    return sums;
  }

  const cacheOf = (table: number): SumCache => ({
    of(format, column) {
      const key = `${table} ${format} ${column}`;
      const used = columns.get(key);
      if (used !== undefined) {
        columns.delete(key);
        columns.set(key, used);
      }
      return {
        get: (chunkNumber) => columns.get(key)?.get(chunkNumber),
        set(chunkNumber, sum) {
          const sums = sumsOf(key);
          if (sums === undefined || sums.has(chunkNumber) || !makeRoom(1, key)) return;
          sums.set(chunkNumber, sum);
          entries++;
        },
      };
    },
  });
  return { forTable: () => cacheOf(++tables) };
}
