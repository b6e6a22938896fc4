import path from 'node:path';
import type { Catalog } from './catalog.js';
import type { ColumnEntry } from './chunk-index.js';
import type { ChunkLimits } from './csv-faults.js';
import type { TableFolders } from './files.js';
import type { TablePool } from './pool.js';
import { createStop, setStop, stoppedBy } from './stop.js';
import type { SumCache } from './sum-cache.js';
import type { ColumnFile } from './worker.js';

/** Which of a chunk's two files to read. */
export type Format = 'csv' | 'parquet';

/** What a sum needs of its table. */
export interface SumContext {
  readonly folders: TableFolders;
  readonly catalog: Catalog;
  readonly pool: TablePool;
  readonly cache: SumCache;
  readonly limits: ChunkLimits;
  /** Batches of one sum that are worked on at once. */
  readonly parallel: number;
}

/** An exact total, however large, or one sentence on why there is none. */
export type SumResult = ColumnTotal | { readonly error: string };

export interface ColumnTotal {
  readonly total: bigint;
  /** Files whose sum was in the cache, and files that were read. */
  readonly cacheHits: number;
  readonly filesRead: number;
  /** Files that were read and whose checksum holds. */
  readonly filesChecked: number;
}

/** A file to be read for a sum. */
interface Part {
  readonly entry: ColumnEntry;
  readonly file: ColumnFile;
  /** Bytes that are read of it, or about as many. */
  readonly bytes: number;
}

/**
 * Sums one column over every chunk that was acknowledged; those without it, or without a value in
 * it, add nothing.
 *
 * With `checked`, each file is read whole and its checksum compared before it is summed; sums in
 * the cache are not used then. Files that the log has no checksum of are summed as they are.
 *
 * Rejects with the signal's reason once that is aborted; the threads then stop as well.
 */
export async function sumColumn(
  context: SumContext,
  column: string,
  format: Format,
  checked: boolean,
  signal: AbortSignal,
): Promise<SumResult> {
  const entries = await context.catalog.column(column);
  // Both formats say the same of a column that is no integer: what its CSV file says.
  const foreign = entries.find(({ type }) => type !== null && type !== 'long');
  if (foreign !== undefined) {
    return sumParts(context, column, 'csv', [partOf(context, foreign, 'csv', false)], signal);
  }
  const cached = context.cache.of(format, column);
  let total = 0n;
  let cacheHits = 0;
  const parts: Part[] = [];
  for (const entry of entries) {
    if (entry.type === null) continue;
    const known = checked ? undefined : cached.get(entry.chunkNumber);
    if (known === undefined) {
      parts.push(partOf(context, entry, format, checked));
    } else {
      total += known;
      cacheHits++;
    }
  }
  const read = await sumParts(context, column, format, parts, signal);
  if ('error' in read) return read;
  return { ...read, total: total + read.total, cacheHits };
}

function partOf(
  { folders, catalog }: SumContext,
  entry: ColumnEntry,
  format: Format,
  checked: boolean,
): Part {
  const { chunkId, chunkNumber, csvBytes, place, columns, ranges } = entry;
  const checksums = checked ? catalog.checksums(chunkNumber) : undefined;
  if (format === 'csv') {
    const file = path.join(folders.csv, `${chunkId}.csv`);
    const crc32c = checksums?.csvCrc32c;
    return { entry, bytes: csvBytes, file: { format, path: file, column: place, columns, crc32c } };
  }
  const bytes = ranges?.reduce((sum, range) => sum + range.bytes, 0) ?? csvBytes / columns;
  const file = path.join(folders.parquet, `${chunkId}.parquet`);
  const crc32c = checksums?.parquetCrc32c;
  return { entry, bytes, file: { format, path: file, field: entry.field ?? '', ranges, crc32c } };
}

async function sumParts(
  context: SumContext,
  column: string,
  format: Format,
  parts: readonly Part[],
  signal: AbortSignal,
): Promise<SumResult> {
  const { pool, limits, parallel } = context;
  const cached = context.cache.of(format, column);
  const batches = batchesOf(parts, parallel);
  // The threads look at it between pieces of a file.
  const stop = createStop();
  let total = 0n;
  let error: string | undefined;

  // Each sum has a bounded number of batches in the pool, so that sums share it fairly.
  async function takeBatches(): Promise<void> {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      if (error !== undefined || signal.aborted) return;
      const result = await pool.sum({ files: batch.map(({ file }) => file), limits, stop });
      if ('fault' in result) {
        const number = batch[result.index]?.entry.chunkNumber;
        const where = `in chunk ${number}, ${result.fault}`;
        error ??= `column ${JSON.stringify(column)} cannot be summed: ${where}`;
        // The others need not go on.
        setStop(stop);
        continue;
      }
      for (const [i, sum] of result.sums.entries()) {
        total += sum;
        cached.set((batch[i] as Part).entry.chunkNumber, sum);
      }
    }
  }

  await stoppedBy(signal, stop, () => Promise.all(Array.from({ length: parallel }, takeBatches)));
  signal.throwIfAborted();
  if (error !== undefined) return { error };
  const filesChecked = parts.filter(({ file }) => file.crc32c !== undefined).length;
  return { total, cacheHits: 0, filesRead: parts.length, filesChecked };
}

/** Batches for each thread: several, so that none is idle while another has much left. */
const batchesPerThread = 4;
const batchFilesMax = 256;
/** To open and close a file takes about as long as to sum that many bytes. */
const fileBytes = 64 * 1024;
/** Less is not worth the way to a thread. */
const batchBytesMin = 512 * 1024;

/** Files that are read one after the other in one task: many small ones, or a large one alone. */
function batchesOf(parts: readonly Part[], parallel: number): Part[][] {
  const bytes = parts.reduce((sum, part) => sum + part.bytes + fileBytes, 0);
  const batchBytes = Math.max(bytes / (parallel * batchesPerThread), batchBytesMin);
  const batches: Part[][] = [];
  let batch: Part[] = [];
  let used = 0;
  for (const part of parts) {
    if (batch.length === 0) batches.push(batch);
    batch.push(part);
    used += part.bytes + fileBytes;
    if (used < batchBytes && batch.length < batchFilesMax) continue;
    batch = [];
    used = 0;
  }
  return batches;
}
