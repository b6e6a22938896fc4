import path from 'node:path';
import { Mutex } from 'async-mutex';
import type { Config } from '../config.js';
import type { CacheStats, PoolStats } from '../observe/pool-stats.js';
import { openCatalog } from './catalog.js';
import { createCheckpoints } from './checkpoints.js';
import { openChunkIndex } from './chunk-index.js';
import { type ColumnCache, createColumnCache } from './column-cache.js';
import type { SumContext } from './column-sum.js';
import { openDeltaLog } from './delta-log.js';
import {
  defaultTable,
  isTableName,
  openTableFolders,
  removeTableFolder,
  tableNames,
} from './files.js';
import { type Added, createSpoolSlots, type IngestContext } from './ingest.js';
import { createTablePool } from './pool.js';
import { createSumCaches } from './sum-cache.js';

/** A table that is open. */
export interface Table {
  /** Its name, in lower case. */
  readonly name: string;
  readonly ingest: IngestContext;
  readonly sum: SumContext;
}

/** All tables, and the threads that work on their files. */
export interface Tables {
  /** The table that is always there. */
  readonly default: Table;
  /** A table by its name, in any case; undefined if there is none. */
  find(name: string): Promise<Table | undefined>;
  /** Makes an empty table, unless there is one of that name, or as many as may be. */
  create(name: string): Promise<Table | 'exists' | 'too many'>;
  /** Removes a table that `find` has given, and all that it has. */
  drop(table: Table): Promise<void>;
  /**
   * Gives all tables, in the order of their names, to `first`, while none is made or dropped; then
   * what that resolves to to `rest`, while none is dropped.
   */
  withAll<First, T>(
    first: (tables: readonly Table[]) => Promise<First>,
    rest: (first: First) => Promise<T>,
  ): Promise<T>;
  /** The names of all tables, in order. */
  names(): Promise<readonly string[]>;
  /** What uploads have added since the start. */
  added(): Readonly<Added>;
  /** The sizes of the tables that are open. */
  sizes(): Promise<readonly TableSize[]>;
  /** How the threads do. */
  pools(): { readonly ingest: PoolStats; readonly sum: PoolStats };
  /** How the cache of sums of single files does. */
  sumCache(): CacheStats;
  /** Undefined: there is none. */
  columnCache(): CacheStats | undefined;
  close(): Promise<void>;
}

/** How much a table holds. */
export interface TableSize extends Readonly<Added> {
  readonly table: string;
}

/** What all tables share. */
type Shared = Pick<IngestContext, 'pool' | 'limits' | 'sync' | 'slots' | 'early' | 'added'>;

/** Opens the default table; the others are opened when they are first asked for. */
export async function openTables(config: Config): Promise<Tables> {
  const { dataDir, tablesMax } = config;
  const sync = config.durability === 'fsync';
  const pool = await createTablePool(config.tableThreads, config.conversionsMax);
  const shared: Shared = {
    pool,
    limits: {
      chunkColumnsMax: config.chunkColumnsMax,
      columnNameBytesMax: config.columnNameBytesMax,
      fieldBytesMax: config.fieldBytesMax,
      rowBytesMax: config.rowBytesMax,
      gzipBytesMax: config.gzipBytesMax,
      rowGroupRowsMax: config.rowGroupRowsMax,
      rowGroupBytesMax: config.rowGroupBytesMax,
    },
    sync,
    slots: createSpoolSlots(config),
    early: config.conversionsMax > 1 ? new Mutex() : undefined,
    added: { chunks: 0, rows: 0, csvBytes: 0, parquetBytes: 0 },
  };
  const lookUps = { hits: 0, misses: 0 };
  const sums = createSumCaches(config.sumCacheEntries);
  const columns = createColumnCache(config.catalogCacheEntries);
  /** Those that are open, or being opened. */
  const open = new Map<string, Promise<Table>>();
  // One change of what tables there are at a time.
  const changes = new Mutex();
  // Taken before it.
  const drops = new Mutex();

  async function openTable(name: string): Promise<Table> {
    const folders = await openTableFolders(dataDir, name, sync);
    const ingest = await openIngest(config, shared, folders, columns);
    const sum = { ...ingest, cache: sums.forTable(), parallel: config.tableThreads, lookUps };
    return { name, ingest, sum };
  }

  function opened(name: string): Promise<Table> {
    const known = open.get(name);
    if (known !== undefined) return known;
    const table = openTable(name);
    open.set(name, table);
    // One that could not be opened is tried anew the next time.
    table.catch(() => open.delete(name));
    return table;
  }

  return {
    default: await opened(defaultTable),
    async find(anyCase) {
      const name = anyCase.toLowerCase();
      return (
        open.get(name) ??
        changes.runExclusive(async () =>
          isTableName(name) && (await tableNames(dataDir)).includes(name)
            ? opened(name)
            : undefined,
        )
      );
    },
    create: (anyCase) =>
      changes.runExclusive(async () => {
        const name = anyCase.toLowerCase();
        const names = await tableNames(dataDir);
        if (names.includes(name)) return 'exists';
        if (names.length >= tablesMax) return 'too many';
        return opened(name);
      }),
    drop: ({ name, ingest: { catalog } }) =>
      drops.runExclusive(() =>
        changes.runExclusive(async () => {
          open.delete(name);
          await catalog.end(`the table ${JSON.stringify(name)} was dropped`);
          await catalog.close();
          await removeTableFolder(dataDir, name, sync);
        }),
      ),
    withAll: (first, rest) =>
      drops.runExclusive(async () =>
        rest(
          await changes.runExclusive(async () => {
            const names = await tableNames(dataDir);
            return first(await Promise.all(names.map(opened)));
          }),
        ),
      ),
    names: () => tableNames(dataDir),
    added: () => shared.added,
    async sizes() {
      const opened = await Promise.allSettled(open.values());
      const tables = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      // One that is stopped has none.
      const sizes = await Promise.allSettled(tables.map(sizeOf));
      return sizes.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    },
    pools: () => pool.stats(),
    sumCache: () => lookUps,
    columnCache: () => columns?.stats(),
    async close() {
      await pool.close();
      for (const table of await Promise.allSettled(open.values())) {
        if (table.status === 'fulfilled') await table.value.ingest.catalog.close();
      }
    },
  };
}

async function sizeOf({ name, ingest }: Table): Promise<TableSize> {
  const { chunks, removedChunks, rows, csvBytes, parquetBytes } = await ingest.catalog.state();
  return { table: name, chunks: chunks - removedChunks, rows, csvBytes, parquetBytes };
}

async function openIngest(
  config: Config,
  shared: Shared,
  folders: IngestContext['folders'],
  columns: ColumnCache | undefined,
): Promise<IngestContext> {
  const { pool, sync } = shared;
  const index = await openChunkIndex(folders.index, columns, config);
  const log = openDeltaLog(folders, sync, createCheckpoints(folders, sync, pool));
  const catalog = await openCatalog(log, index, async (chunkIds) => {
    const files = chunkIds.map((id) => path.join(folders.parquet, `${id}.parquet`));
    return Promise.all(files.map((parquetPath) => pool.ranges({ parquetPath })));
  });
  return { ...shared, folders, catalog, turns: new Map() };
}
