import { LRUCache } from 'lru-cache';
import type { CacheStats } from '../observe/pool-stats.js';
import type { ColumnEntry } from './index-entry.js';

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
  stats(): CacheStats;
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
  const lookUps = { hits: 0, misses: 0 };
  return {
    forTable() {
      let table = ++tables;
      return {
        get(column) {
          const cached = columns.get(`${table} ${column}`);
          lookUps[cached === undefined ? 'misses' : 'hits']++;
          return cached;
        },
        set: (column, cached) => columns.set(`${table} ${column}`, cached),
        // What is left goes as it is not used.
        clear() {
          table = ++tables;
        },
      };
    },
    stats: () => lookUps,
  };
}
