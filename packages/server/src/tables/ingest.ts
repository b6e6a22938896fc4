import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type Mutex, Semaphore } from 'async-mutex';
import type { Limits } from '../config.js';
import { type Catalog, UnseenCommitError } from './catalog.js';
import type { ChunkLimits } from './csv-faults.js';
import { UncertainCommitError, type UploadRetry } from './delta-log.js';
import { createEarlyIngest, type IngestFiles } from './early-ingest.js';
import type { Fault } from './file-fault.js';
import type { TableFolders } from './files.js';
import type { TablePool } from './pool.js';
import type { ScannedColumn } from './schema.js';
import { type Pieces, type Spooled, spool } from './spool.js';
import { createStop, type Stop, setStop, stoppedBy } from './stop.js';
import { inTurn, type UploadTurns } from './upload-turns.js';
import type { IngestedChunk } from './worker.js';

/** What an upload needs of its table. */
export interface IngestContext {
  readonly folders: TableFolders;
  readonly catalog: Catalog;
  readonly pool: TablePool;
  readonly limits: ChunkLimits;
  readonly sync: boolean;
  /** Bounds the files that are open because bytes are written to the spool. */
  readonly slots: Semaphore;
  /** Lets one upload at a time be converted while it is still being spooled; undefined: none. */
  readonly early: Mutex | undefined;
  readonly turns: UploadTurns;
}

/** What an upload needs to know of its call. */
export interface UploadCall {
  readonly signal: AbortSignal;
  /** Asked once all bytes have come: the first message of a stream may say it. */
  idempotencyKey(): string | undefined;
}

/** What was kept of an upload, now or, if it is a replay, for an earlier one with the same key. */
export interface UploadAnswer {
  readonly chunkId: string;
  readonly rows: number;
  readonly csvBytes: number;
  readonly parquetBytes: number;
  /** In the order of the CSV header. */
  readonly columns: readonly ScannedColumn[];
  readonly isReplay: boolean;
}

/** A conversion holds its CSV file, its Parquet file and, to sync it, a folder. */
const filesPerConversion = 3;
/** A commit holds its file and, to sync it, a folder. */
const filesPerCommit = 2;

/** How many uploads may write to the spool at once so that at most `openFilesMax` files are open. */
export function createSpoolSlots({
  openFilesMax,
  tableThreads,
  conversionsMax,
}: Pick<Limits, 'openFilesMax' | 'tableThreads' | 'conversionsMax'>): Semaphore {
  // Each thread that does not convert may have one file open for a sum.
  const sums = tableThreads - conversionsMax;
  const others = sums + conversionsMax * filesPerConversion + filesPerCommit;
  return new Semaphore(Math.max(1, openFilesMax - others));
}

/**
 * Adds a CSV file to the table and resolves once the chunk is on disk for good and visible.
 *
 * Resolves to what was kept, or to what is wrong with the file; then, as after an error, nothing
 * is kept. An error is also that `signal` was aborted before the chunk was committed. Of uploads
 * with one idempotency key each waits for the one before it; one of them is kept, once.
 */
export async function upload(
  context: IngestContext,
  csv: Pieces,
  call: UploadCall,
): Promise<UploadAnswer | Fault> {
  const { folders, catalog, sync, slots, turns } = context;
  const { signal } = call;
  const id = randomUUID();
  const files = {
    spoolPath: path.join(folders.spool, `${id}.csv`),
    parquetSpoolPath: path.join(folders.spool, `${id}.parquet`),
    csvPath: path.join(folders.csv, `${id}.csv`),
    parquetPath: path.join(folders.parquet, `${id}.parquet`),
  };
  // The thread that converts the file looks at it between two pieces.
  const stop = createStop();
  const early = createEarlyIngest(context, files, stop);
  const { grow: onGrowth, complete: onWritten } = early;
  let committed = false;
  let mayBeInLog = false;

  async function add(
    retry: UploadRetry | undefined,
    spooled: Spooled,
  ): Promise<UploadAnswer | Fault> {
    let chunk = await stoppedBy(signal, stop, early.ingested);
    // Another upload may give a new column another type meanwhile; then this one is planned
    // again. Types are few, so this ends.
    for (let task = files; ; task = { ...files, spoolPath: files.csvPath }) {
      signal.throwIfAborted();
      const before = retry && (await replay(catalog, retry, spooled.bytes));
      if (before !== undefined) return before;
      chunk ??= await stoppedBy(signal, stop, () => ingestComplete(context, task, stop));
      signal.throwIfAborted();
      if ('fault' in chunk) return chunk;
      const { rows, csvBytes, parquetBytes, columns } = chunk;
      if (csvBytes !== spooled.bytes) {
        const sizes = `${spooled.bytes} bytes came, but the CSV file has ${csvBytes}`;
        throw new Error(`the disk lost or added bytes: ${sizes}`);
      }
      committed = await catalog.commit(id, { ...chunk, csvCrc32c: spooled.crc32c }, retry);
      if (committed) {
        return { chunkId: id, rows, csvBytes, parquetBytes, columns, isReplay: false };
      }
      chunk = undefined;
    }
  }

  try {
    const spooled = await spool(files.spoolPath, csv, { slots, sync, onGrowth, onWritten });
    const key = call.idempotencyKey();
    if (key === undefined) return await add(undefined, spooled);
    const retry = { key, crc32c: spooled.crc32c };
    return await inTurn(turns, key, signal, () => add(retry, spooled));
  } catch (error) {
    setStop(stop);
    mayBeInLog = error instanceof UncertainCommitError || error instanceof UnseenCommitError;
    throw error;
  } finally {
    await early.breakOff();
    // A chunk that the log may name keeps its files.
    if (!committed && !mayBeInLog)
      for (const file of Object.values(files)) await rm(file, { force: true });
  }
}

/** The answer to an upload whose key was used before; undefined if it was not. */
async function replay(
  catalog: Catalog,
  { key, crc32c }: UploadRetry,
  bytes: number,
): Promise<UploadAnswer | Fault | undefined> {
  const kept = await catalog.kept(key);
  if (kept === undefined) return undefined;
  const { id, rows, csvBytes, parquetBytes, columns } = await catalog.loggedChunk(kept.chunkNumber);
  if (csvBytes === bytes && kept.crc32c === crc32c) {
    const scanned = columns.map(({ name, field }) => ({ name, type: field?.type ?? null }));
    return { chunkId: id, rows, csvBytes, parquetBytes, columns: scanned, isReplay: true };
  }
  return {
    fault:
      `the idempotency key ${JSON.stringify(key)} was used for another file: each file needs a ` +
      'key of its own',
  };
}

async function ingestComplete(
  { catalog, pool, limits, sync }: IngestContext,
  files: IngestFiles,
  stop: Stop,
): Promise<IngestedChunk | Fault> {
  const fields = await catalog.fields();
  const chunk = await pool.ingest({ ...files, fields, limits, sync, stop });
  if (chunk === undefined) throw new Error('a complete file was taken for one that grows');
  return chunk;
}
