import path from 'node:path';
import type { TableServiceImplementation } from '@tally/stubs';
import { Mutex } from 'async-mutex';
import type { Config } from '../config.js';
import { idempotencyKeyOf, markReplay } from '../rpc/idempotency-key.js';
import { type Catalog, openCatalog, TableStoppedError, UnseenCommitError } from './catalog.js';
import { openChunkIndex } from './chunk-index.js';
import { type Format, type SumContext, sumColumn } from './column-sum.js';
import { openDeltaLog, UncertainCommitError } from './delta-log.js';
import { openTableFolders } from './files.js';
import { createSpoolSlots, type IngestContext, upload } from './ingest.js';
import { createTablePool } from './pool.js';
import { createSumCache } from './sum-cache.js';

/** The table and the threads that work on its files. */
export interface Tables {
  readonly catalog: Catalog;
  readonly ingest: IngestContext;
  readonly sum: SumContext;
  close(): Promise<void>;
}

/** The one table that the frozen service knows. */
const defaultTable = 'default';

export async function openTables(config: Config): Promise<Tables> {
  const sync = config.durability === 'fsync';
  const folders = await openTableFolders(config.dataDir, defaultTable, sync);
  const pool = await createTablePool(config.tableThreads, config.conversionsMax);
  const index = openChunkIndex(folders.index, config.catalogCacheEntries, config);
  const catalog = await openCatalog(openDeltaLog(folders, sync), index, async (chunkIds) => {
    const files = chunkIds.map((id) => path.join(folders.parquet, `${id}.parquet`));
    return Promise.all(files.map((parquetPath) => pool.ranges({ parquetPath })));
  });
  const limits = {
    chunkColumnsMax: config.chunkColumnsMax,
    columnNameBytesMax: config.columnNameBytesMax,
    fieldBytesMax: config.fieldBytesMax,
    rowBytesMax: config.rowBytesMax,
    rowGroupRowsMax: config.rowGroupRowsMax,
    rowGroupBytesMax: config.rowGroupBytesMax,
  };
  const slots = createSpoolSlots(config);
  return {
    catalog,
    ingest: {
      folders,
      catalog,
      pool,
      limits,
      sync,
      slots,
      early: config.conversionsMax > 1 ? new Mutex() : undefined,
      turns: new Map(),
    },
    sum: {
      folders,
      catalog,
      pool,
      cache: createSumCache(config.sumCacheEntries),
      limits,
      parallel: config.tableThreads,
    },
    async close() {
      await pool.close();
      await catalog.close();
    },
  };
}

/** The existing clients' Table; calls wait until `opening` has resolved. */
export function tableService(opening: Promise<Tables>): TableServiceImplementation {
  return {
    async upload({ csvData }, context) {
      const { signal } = context;
      const key = idempotencyKeyOf(context);
      const { ingest } = await opening;
      const call = { signal, idempotencyKey: () => key };
      const result = await sentenceIfStopped(() => upload(ingest, [csvData], call));
      if (typeof result === 'string') return { error: result };
      if ('fault' in result) return { error: result.fault };
      if (result.isReplay) markReplay(context);
      return {};
    },

    async colSum({ column, format }, { signal, trailer }) {
      const { sum } = await opening;
      if (!isFormat(format)) {
        return {
          error: `the format ${JSON.stringify(format)} is unknown: csv or parquet is allowed`,
        };
      }
      if (column === '') return { error: 'the column name is empty: name the column to sum' };
      const result = await sentenceIfStopped(() => sumColumn(sum, column, format, signal));
      if (typeof result === 'string') return { error: result };
      if ('error' in result) return result;
      const { total, cacheHits, filesRead } = result;
      trailer.set('tally-sum-cache-hits', String(cacheHits));
      trailer.set('tally-files-read', String(filesRead));
      if (BigInt.asIntN(64, total) === total) return { total };
      return { error: `the total of ${JSON.stringify(column)} is ${total}, which is past int64` };
    },
  };
}

const isFormat = (format: string): format is Format => format === 'csv' || format === 'parquet';

/** What `work` resolves to, or why the table is stopped. */
export async function sentenceIfStopped<T>(work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TableStoppedError || error instanceof UnseenCommitError)
      return error.message;
    if (error instanceof UncertainCommitError) return `the table is stopped: ${error.message}`;
    throw error;
  }
}
