import path from 'node:path';
import { Mutex } from 'async-mutex';
import type { Config } from '../config.js';
import { openCatalog } from './catalog.js';
import { createCheckpoints } from './checkpoints.js';
import { openChunkIndex } from './chunk-index.js';
import { type ColumnCache, createColumnCache } from './column-cache.js';
import type { SumContext } from './column-sum.js';
import { openDeltaLog } from './delta-log.js';
import {
  defaultTable,
  emptySpool,
  isTableName,
  openTableFolders,
  removeTableFolder,
  spoolFolder,
  tableNames,
} from './files.js';
import { createSpoolSlots, type IngestContext } from './ingest.js';
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
  /** The names of all tables, in order. */
  names(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** What all tables share. */
type Shared = Pick<IngestContext, 'pool' | 'limits' | 'sync' | 'slots' | 'early'>;

/** Opens the default table; the others are opened when they are first asked for. */
export async function openTables(config: Config): Promise<Tables> {
  const { dataDir, tablesMax } = config;
  const sync = config.durability === 'fsync';
  await emptySpool(spoolFolder(dataDir));
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
  };
  const sums = createSumCaches(config.sumCacheEntries);
  const columns = createColumnCache(config.catalogCacheEntries);
  /** Those that are open, or being opened. */
  const open = new Map<string, Promise<Table>>();
  // One change of what tables there are at a time.
  const changes = new Mutex();

  async function openTable(name: string): Promise<Table> {
    const folders = await openTableFolders(dataDir, name, sync);
    const ingest = await openIngest(config, shared, folders, columns);
    const sum = { ...ingest, cache: sums.forTable(), parallel: config.tableThreads };
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
      changes.runExclusive(async () => {
        open.delete(name);
        await catalog.end(`the table ${JSON.stringify(name)} was dropped`);
        await catalog.close();
        await removeTableFolder(dataDir, name, sync);
      }),
    names: () => tableNames(dataDir),
    async close() {
      await pool.close();
      for (const table of await Promise.allSettled(open.values())) {
        if (table.status === 'fulfilled') await table.value.ingest.catalog.close();
      }
    },
  };
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
