import path from 'node:path';
import type { TableServiceImplementation } from '@tally/stubs';
import { Mutex } from 'async-mutex';
import type { Config } from '../config.js';
import { systemErrorSentence } from '../rpc/errors.js';
import { holdMessage } from '../rpc/held-messages.js';
import { idempotencyKeyOf, markReplay } from '../rpc/idempotency-key.js';
import { type Catalog, openCatalog, TableStoppedError, UnseenCommitError } from './catalog.js';
import { openChunkIndex } from './chunk-index.js';
import { type Format, type SumContext, sumColumn } from './column-sum.js';
import { openDeltaLog, UncertainCommitError } from './delta-log.js';
import { defaultTable, openTableFolders } from './files.js';
import {
  createSpoolSlots,
  type IngestContext,
  type UploadAnswer,
  type UploadCall,
  upload,
} from './ingest.js';
import { createTablePool } from './pool.js';
import type { Pieces } from './spool.js';
import { createSumCache } from './sum-cache.js';

/** The table and the threads that work on its files. */
export interface Tables {
  readonly catalog: Catalog;
  readonly ingest: IngestContext;
  readonly sum: SumContext;
  close(): Promise<void>;
}

export async function openTables(config: Config): Promise<Tables> {
  const sync = config.durability === 'fsync';
  const folders = await openTableFolders(config.dataDir, defaultTable, sync);
  const pool = await createTablePool(config.tableThreads, config.conversionsMax);
  const index = await openChunkIndex(folders.index, config.catalogCacheEntries, config);
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
      const letGo = holdMessage(csvData);
      try {
        const { ingest } = await opening;
        signal.throwIfAborted();
        const call = { signal, idempotencyKey: () => key };
        const piece = onlyPiece(csvData, letGo);
        const result = await uploadOrSentence(ingest, piece, call, '/Table/Upload');
        if (typeof result === 'string') return { error: result };
        if (result.isReplay) markReplay(context);
        return {};
      } finally {
        letGo();
      }
    },

    async colSum({ column, format }, { metadata, signal, trailer }) {
      const { sum } = await opening;
      signal.throwIfAborted();
      if (!isFormat(format)) {
        return {
          error: `the format ${JSON.stringify(format)} is unknown: csv or parquet is allowed`,
        };
      }
      if (column === '') return { error: 'the column name is empty: name the column to sum' };
      const checked = metadata.get(checkedKey) ?? 'false';
      if (checked !== 'true' && checked !== 'false') {
        return {
          error: `the metadata ${checkedKey} is ${JSON.stringify(checked)}: true or false is allowed`,
        };
      }
      const result = await sentenceIfStopped(() =>
        sumColumn(sum, column, format, checked === 'true', signal),
      );
      if (typeof result === 'string') return { error: result };
      if ('error' in result) return result;
      const { total, cacheHits, filesRead, filesChecked } = result;
      trailer.set('tally-sum-cache-hits', String(cacheHits));
      trailer.set('tally-files-read', String(filesRead));
      if (checked === 'true') trailer.set('tally-files-checked', String(filesChecked));
      if (BigInt.asIntN(64, total) === total) return { total };
      return { error: `the total of ${JSON.stringify(column)} is ${total}, which is past int64` };
    },
  };
}

/** Metadata of a request: whether the checksums of files are compared before they are summed. */
const checkedKey = 'tally-verify-checksums';

/** Gives the bytes out once, and lets them go when more is asked for: they are on the disk by then. */
function* onlyPiece(bytes: Uint8Array, letGo: () => void): Generator<Uint8Array> {
  try {
    yield bytes;
  } finally {
    letGo();
  }
}

const isFormat = (format: string): format is Format => format === 'csv' || format === 'parquet';

/** The chunk that was kept of a call of `path`, or why nothing was kept. */
export async function uploadOrSentence(
  ingest: IngestContext,
  csv: Pieces,
  call: UploadCall,
  path: string,
): Promise<UploadAnswer | string> {
  try {
    const result = await sentenceIfStopped(() => upload(ingest, csv, call));
    return typeof result === 'object' && 'fault' in result ? result.fault : result;
  } catch (error) {
    const sentence = call.signal.aborted ? undefined : systemErrorSentence(error, path);
    if (sentence === undefined) throw error;
    return sentence;
  }
}

/** What `work` resolves to, or why the table is stopped. */
async function sentenceIfStopped<T>(work: () => Promise<T>): Promise<T | string> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TableStoppedError || error instanceof UnseenCommitError)
      return error.message;
    if (error instanceof UncertainCommitError) return `the table is stopped: ${error.message}`;
    throw error;
  }
}
