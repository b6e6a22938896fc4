import path from 'node:path';
import type { Catalog } from './catalog.js';
import type { FileFault } from './file-fault.js';
import type { TableFolders } from './files.js';
import type { ColumnEntry } from './index-entry.js';
import { createStop, type Stop, setStop, stoppedBy } from './stop.js';
import type { ColumnFile } from './worker.js';

/** Which of a chunk's two files to read. */
export type Format = 'csv' | 'parquet';

/** A chunk whose column is to be read; what its file is called is said when it is its turn. */
export interface Part {
  readonly entry: ColumnEntry;
  /** Bytes that are read of its file, or about as many. */
  readonly bytes: number;
}

/** Where files and their checksums are. */
export interface FilesContext {
  readonly folders: TableFolders;
  readonly catalog: Catalog;
}

/** A column of a chunk in a format. */
export function partOf(entry: ColumnEntry, format: Format): Part {
  const { csvBytes, columns, ranges } = entry;
  if (format === 'csv') return { entry, bytes: csvBytes };
  const bytes = ranges?.reduce((sum, range) => sum + range.bytes, 0) ?? csvBytes / columns;
  return { entry, bytes };
}

/** The file that has a column of a chunk in a format; with `checked`, its checksum too. */
export function fileOf(
  { folders, catalog }: FilesContext,
  { chunkId, chunkNumber, place, columns, field, ranges }: ColumnEntry,
  format: Format,
  checked: boolean,
): ColumnFile {
  const checksums = checked ? catalog.checksums(chunkNumber) : undefined;
  if (format === 'csv') {
    const file = path.join(folders.csv, `${chunkId}.csv`);
    return { format, path: file, column: place, columns, crc32c: checksums?.csvCrc32c };
  }
  const file = path.join(folders.parquet, `${chunkId}.parquet`);
  return { format, path: file, field: field ?? '', ranges, crc32c: checksums?.parquetCrc32c };
}

/** A task of a pool over the files of a batch: a result for each, or a fault. */
export type ReadBatch<T> = (
  batch: readonly Part[],
  stop: Stop,
) => Promise<readonly T[] | FileFault>;

/**
 * Has every part read in batches, `parallel` at once, and hands over what each comes to, in any
 * order.
 *
 * Returns the first fault, with its chunk, as the end of a sentence; the threads then stop. They
 * do, too, once the signal is aborted, with whose reason this rejects.
 */
export async function readParts<T>(
  parts: readonly Part[],
  parallel: number,
  signal: AbortSignal,
  read: ReadBatch<T>,
  take: (part: Part, result: T) => void,
): Promise<string | undefined> {
  const batches = batchesOf(parts, parallel);
  // The threads look at it between pieces of a file.
  const stop = createStop();
  let fault: string | undefined;

  // Each call has a bounded number of batches in the pool, so that calls share it fairly.
  async function takeBatches(): Promise<void> {
    for (let batch = batches.shift(); batch !== undefined; batch = batches.shift()) {
      if (fault !== undefined || signal.aborted) return;
      const results = await read(batch, stop);
      if ('fault' in results) {
        fault ??= `in chunk ${batch[results.index]?.entry.chunkNumber}, ${results.fault}`;
        // The others need not go on.
        setStop(stop);
        continue;
      }
      for (const [i, result] of results.entries()) take(batch[i] as Part, result);
    }
  }

  await stoppedBy(signal, stop, () => Promise.all(Array.from({ length: parallel }, takeBatches)));
  signal.throwIfAborted();
  return fault;
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
