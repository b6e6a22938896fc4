import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { type Mutex, Semaphore } from 'async-mutex';
import type { Limits } from '../config.js';
import type { Stages } from '../observe/call-record.js';
import { type Catalog, UnseenCommitError } from './catalog.js';
import type { ChunkLimits } from './csv-faults.js';
import type { CsvForm } from './csv-form.js';
import type { NormalisedUpload, UploadRetry } from './delta-log.js';
import { createEarlyIngest, type IngestFiles } from './early-ingest.js';
import type { Fault } from './file-fault.js';
import type { TableFolders } from './files.js';
import { UncertainCommitError } from './log-errors.js';
import type { NormalisedCsv, RejectedRow } from './normalise.js';
import type { TablePool } from './pool.js';
import type { ScannedColumn } from './schema.js';
import { createSentFile, type SentFile } from './sent-file.js';
import { type Pieces, type Spooled, spool } from './spool.js';
import { createStop, type Stop, setStop, stoppedBy } from './stop.js';
import type { UnpackLimits } from './unpack.js';
import { inTurn, type UploadTurns } from './upload-turns.js';
import type { IngestedChunk } from './worker.js';

/** What an upload needs of its table. */
export interface IngestContext {
  readonly folders: TableFolders;
  readonly catalog: Catalog;
  readonly pool: TablePool;
  readonly limits: ChunkLimits & UnpackLimits;
  readonly sync: boolean;
  /** Bounds the files that are open because bytes are written to the spool. */
  readonly slots: Semaphore;
  /** Lets one upload at a time be converted while it is still being spooled; undefined: none. */
  readonly early: Mutex | undefined;
  readonly turns: UploadTurns;
  /** What uploads have added since the start. */
  readonly added: Added;
}

/** What uploads have added. */
export interface Added {
  chunks: number;
  rows: number;
  csvBytes: number;
  parquetBytes: number;
}

/** What an upload needs to know of its call. */
export interface UploadCall {
  readonly signal: AbortSignal;
  /** Where its time is noted. */
  readonly stages: Stages;
  /** Asked once all bytes have come: the first message of a stream may say it. */
  idempotencyKey(): string | undefined;
  /** Given if the file is not in Tally's own form. */
  readonly form?: CsvForm | undefined;
}

/** What was kept of an upload, now or, if it is a replay, for an earlier one with the same key. */
export interface UploadAnswer {
  readonly chunkId: string;
  readonly rows: number;
  readonly csvBytes: number;
  readonly parquetBytes: number;
  /** In the order of the CSV header. */
  readonly columns: readonly ScannedColumn[];
  readonly rejectedRowCount: number;
  /** The first of them; none in a replay. */
  readonly rejectedRows: readonly RejectedRow[];
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
  const { folders, catalog, sync, slots, turns, added } = context;
  const { signal, form, stages } = call;
  const id = randomUUID();
  const files = {
    spoolPath: path.join(folders.spool, `${id}.csv`),
    parquetSpoolPath: path.join(folders.spool, `${id}.parquet`),
    csvPath: path.join(folders.csv, `${id}.csv`),
    parquetPath: path.join(folders.parquet, `${id}.parquet`),
  };
  // The thread that converts the file looks at it between two pieces.
  const stop = createStop();
  const sent = form && createSentFile(context, form, files.spoolPath, stop, stages);
  // The bytes that come of a file that is to be written anew cannot be converted yet.
  const earlyContext = sent === undefined ? context : { ...context, early: undefined };
  const early = createEarlyIngest(earlyContext, files, stop, stages);
  const { grow: onGrowth, complete: onWritten } = early;
  let committed = false;
  let mayBeInLog = false;

  async function add(
    retry: UploadRetry | undefined,
    spooled: Spooled,
  ): Promise<UploadAnswer | Fault> {
    let chunk = await stoppedBy(signal, stop, early.ingested);
    let kept: NormalisedCsv | Fault | undefined;
    // Another upload may give a new column another type meanwhile; then this one is planned
    // again. Types are few, so this ends.
    for (let task = files; ; task = { ...files, spoolPath: files.csvPath }) {
      if (retry !== undefined) stages.enter('catalog');
      signal.throwIfAborted();
      const before = retry && (await replay(catalog, retry, spooled.bytes));
      if (before !== undefined) return before;
      kept ??= sent && (await stoppedBy(signal, stop, sent.normalise));
      signal.throwIfAborted();
      kept ??= { ...spooled, types: [], rejectedRowCount: 0, rejectedRows: [] };
      if ('fault' in kept) return kept;
      const { types, rejectedRowCount, rejectedRows } = kept;
      chunk ??= await stoppedBy(signal, stop, () =>
        ingestComplete(context, task, types, stop, stages),
      );
      signal.throwIfAborted();
      if ('fault' in chunk) return chunk;
      const { rows, csvBytes, parquetBytes, columns } = chunk;
      if (csvBytes !== kept.bytes) {
        const sizes = `${kept.bytes} bytes came, but the CSV file has ${csvBytes}`;
        throw new Error(`the disk lost or added bytes: ${sizes}`);
      }
      const normalised = retry?.sent && { ...retry.sent, rejectedRows: rejectedRowCount };
      const complete = { ...chunk, csvCrc32c: kept.crc32c };
      stages.enter('commit');
      committed = await catalog.commit(id, complete, retry && { ...retry, sent: normalised });
      if (committed) {
        added.chunks++;
        added.rows += rows;
        added.csvBytes += csvBytes;
        added.parquetBytes += parquetBytes;
        const answer = { chunkId: id, rows, csvBytes, parquetBytes, columns };
        return { ...answer, rejectedRowCount, rejectedRows, isReplay: false };
      }
      chunk = undefined;
    }
  }

  try {
    const file = sent?.path ?? files.spoolPath;
    const isKept = sent === undefined;
    const options = { slots, sync: sync && isKept, onGrowth, onWritten };
    stages.enter('spool');
    const spooled = await spool(file, csv, options);
    const key = call.idempotencyKey();
    if (key === undefined) return await add(undefined, spooled);
    const retry = { key, crc32c: spooled.crc32c, sent: sentAs(sent, spooled) };
    if (turns.has(key)) stages.enter('turn wait');
    return await inTurn(turns, key, signal, () => add(retry, spooled));
  } catch (error) {
    setStop(stop);
    mayBeInLog = error instanceof UncertainCommitError || error instanceof UnseenCommitError;
    throw error;
  } finally {
    await early.breakOff();
    await sent?.remove();
    // A chunk that the log may name keeps its files.
    if (!committed && !mayBeInLog)
      for (const file of Object.values(files)) await rm(file, { force: true });
  }
}

/** What is recorded of a file that is not kept as it came, before anything is known of its rows. */
const sentAs = (sent: SentFile | undefined, { bytes }: Spooled): NormalisedUpload | undefined =>
  sent && { bytes, options: sent.options, rejectedRows: 0 };

/** The answer to an upload whose key was used before; undefined if it was not. */
async function replay(
  catalog: Catalog,
  { key, crc32c, sent }: UploadRetry,
  bytes: number,
): Promise<UploadAnswer | Fault | undefined> {
  const kept = await catalog.kept(key);
  if (kept === undefined) return undefined;
  const chunk = await catalog.loggedChunk(kept.chunkNumber);
  const { id, rows, csvBytes, parquetBytes, columns } = chunk;
  const before = chunk.retry?.sent;
  const isSame = (before?.bytes ?? csvBytes) === bytes && kept.crc32c === crc32c;
  if (isSame && before?.options === sent?.options) {
    const scanned = columns.map(({ name, field }) => ({ name, type: field?.type ?? null }));
    const answer = { chunkId: id, rows, csvBytes, parquetBytes, columns: scanned };
    const rejectedRowCount = before?.rejectedRows ?? 0;
    return { ...answer, rejectedRowCount, rejectedRows: [], isReplay: true };
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
  types: NormalisedCsv['types'],
  stop: Stop,
  stages: Stages,
): Promise<IngestedChunk | Fault> {
  const fields = await catalog.fields();
  const chunk = await pool.ingest({ ...files, fields, types, limits, sync, stop }, stages);
  if (chunk === undefined) throw new Error('a complete file was taken for one that grows');
  return chunk;
}
