import { closeSync, fsyncSync, openSync, renameSync, statSync } from 'node:fs';
import path from 'node:path';
import { workerData } from 'node:worker_threads';
import type { ColumnType } from '@tally/kernels';
import { noteSync } from '../sync-time.js';
import { type Timed, timed, timedSync } from '../task-time.js';
import { collected } from '../thread-heap.js';
import { reportStart } from '../thread-starts.js';
import type { FileAggregate } from './aggregate.js';
import { CheckpointFault, CheckpointGone, withCheckpoint } from './checkpoint-file.js';
import type { ChunkTask, FoundChunk } from './checkpoints.js';
import { type ConvertedChunk, convertToParquet } from './convert.js';
import { aggregateCsvColumn } from './csv-aggregate.js';
import type { ChunkLimits } from './csv-faults.js';
import { CsvFault } from './csv-reader.js';
import { sumCsvColumn } from './csv-sum.js';
import type { ExportTask } from './export.js';
import { checkFileCrc32c } from './file-checksum.js';
import { type Fault, type FileFault, faultOf } from './file-fault.js';
import { type Growth, SlowGrowthError } from './growth.js';
import { makeCheckpoint as makeCheckpointOf } from './make-checkpoint.js';
import { type Normalisation, type NormalisedCsv, normalise } from './normalise.js';
import { aggregateParquetColumn } from './parquet-aggregate.js';
import type { ColumnRange } from './parquet-file.js';
import { readColumnRanges, sumParquetColumn } from './parquet-sum.js';
import type { TableField } from './schema.js';
import { type Stop, StoppedError, throwIfStopped } from './stop.js';
import { GzipFault } from './unpack.js';

reportStart(workerData.starts);

// The tasks of the table threads, each a function of one message, are exported at the end. An Error loses its class on
// the way between threads, so what a client is to be told of a file's contents is a value.

export interface IngestTask {
  /** The uploaded file; it may be `csvPath` itself, when a chunk is planned anew. */
  readonly spoolPath: string;
  readonly parquetSpoolPath: string;
  /** Where both files stay. */
  readonly csvPath: string;
  readonly parquetPath: string;
  /** The table's fields as the caller knows them. */
  readonly fields: readonly TableField[];
  /** The types that columns must have, by their places; undefined for one that was not declared. */
  readonly types?: readonly (ColumnType | undefined)[] | undefined;
  readonly limits: ChunkLimits;
  /** Given if the file is still being written. */
  readonly growth?: Growth;
  /** Whether both files must survive a power loss before the answer. */
  readonly sync: boolean;
  readonly stop: Stop;
}

/** A chunk whose two files are in their place, but which no log knows yet. */
export interface IngestedChunk extends ConvertedChunk {
  readonly csvBytes: number;
}

/**
 * Writes an uploaded file as Parquet and puts both files in their place.
 *
 * Undefined: the file grows, and can only be converted once it is complete.
 */
async function ingestFile(task: IngestTask & Timed): Promise<IngestedChunk | Fault | undefined> {
  const { spoolPath, parquetSpoolPath, fields, types, limits, growth, sync, stop } = task;
  let chunk: ConvertedChunk;
  try {
    chunk = await convertToParquet({
      csvPath: spoolPath,
      parquetPath: parquetSpoolPath,
      fields,
      declared: types,
      limits,
      growth,
      stop,
    });
    throwIfStopped(stop);
  } catch (error) {
    if (error instanceof SlowGrowthError) return undefined;
    if (error instanceof StoppedError) return { fault: error.message };
    // A fault in a file that grows may be where it ends for now.
    if (error instanceof CsvFault)
      return growth === undefined ? { fault: error.message } : undefined;
    throw error;
  }
  const putBoth = () => {
    const csvBytes = putInPlace(spoolPath, task.csvPath, sync);
    putInPlace(parquetSpoolPath, task.parquetPath, sync);
    return csvBytes;
  };
  return { ...chunk, csvBytes: sync ? timedSync(task, putBoth) : putBoth() };
}

export type NormaliseTask = Normalisation;

/** Writes a file in Tally's own form. */
async function normaliseSent(task: NormaliseTask): Promise<NormalisedCsv | Fault> {
  try {
    return await normalise(task);
  } catch (error) {
    const isFault = [CsvFault, GzipFault, StoppedError].some((kind) => error instanceof kind);
    if (isFault) return { fault: (error as Error).message };
    throw error;
  }
}

/** Makes a finished file and its new name durable; returns its size. */
function putInPlace(from: string, to: string, sync: boolean): number {
  if (sync) withFile(from, syncChunk);
  renameSync(from, to);
  if (sync) withFile(path.dirname(to), syncChunk);
  return statSync(to).size;
}

function syncChunk(fd: number): void {
  const startMs = performance.now();
  fsyncSync(fd);
  noteSync('chunk', startMs);
}

function withFile<T>(file: string, use: (fd: number) => T): T {
  const fd = openSync(file, 'r');
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}

/** A file, and the column of it to sum: by its place in a CSV header, by its name in Parquet. */
export type ColumnFile = {
  /** What its checksum must be; undefined if it is not to be checked. */
  readonly crc32c: number | undefined;
} & (
  | {
      readonly format: 'csv';
      readonly path: string;
      readonly column: number;
      /** How many columns the header has. */
      readonly columns: number;
    }
  | {
      readonly format: 'parquet';
      readonly path: string;
      readonly field: string;
      /** Where the column's values are; undefined if the footer must be asked. */
      readonly ranges: readonly ColumnRange[] | undefined;
    }
);

export interface SumTask {
  readonly files: readonly ColumnFile[];
  readonly limits: ChunkLimits;
  readonly stop: Stop;
}

/** The exact sum of each file of a task. */
export interface FileSums {
  readonly sums: readonly bigint[];
}

/** Sums one column of each file; a fault says at which place in the list its file is. */
async function sumFiles(task: SumTask): Promise<FileSums | FileFault> {
  const sums = await eachFile(task, sumFile);
  return 'fault' in sums ? sums : { sums };
}

/** A file, and the type that its column has in it; null: it has no value. */
export type TypedColumnFile = ColumnFile & { readonly type: ColumnType | null };

export interface AggregateTask {
  readonly files: readonly TypedColumnFile[];
  readonly limits: ChunkLimits;
  readonly stop: Stop;
}

/** What the column of each file of a task comes to. */
export interface FileAggregates {
  readonly aggregates: readonly FileAggregate[];
}

/** Counts, sums and bounds one column of each file; a fault says at which place its file is. */
async function aggregateFiles(task: AggregateTask): Promise<FileAggregates | FileFault> {
  const aggregates = await eachFile(task, aggregateFile);
  return 'fault' in aggregates ? aggregates : { aggregates };
}

interface FilesTask<F> {
  readonly files: readonly F[];
  readonly limits: ChunkLimits;
  readonly stop: Stop;
}

type ReadFile<F, T> = (
  fd: number,
  file: F,
  limits: ChunkLimits,
  checkStop: () => void,
) => T | Promise<T>;

async function eachFile<F extends ColumnFile, T>(
  { files, limits, stop }: FilesTask<F>,
  read: ReadFile<F, T>,
): Promise<T[] | FileFault> {
  const checkStop = () => throwIfStopped(stop);
  const results: T[] = [];
  for (const [index, file] of files.entries()) {
    try {
      checkStop();
      const fd = openSync(file.path, 'r');
      try {
        if (file.crc32c !== undefined) checkFileCrc32c(fd, file.crc32c, checkStop);
        results.push(await read(fd, file, limits, checkStop));
      } finally {
        closeSync(fd);
      }
    } catch (error) {
      return { fault: faultOf(error, file.format), index };
    }
  }
  return results;
}

const sumFile: ReadFile<ColumnFile, bigint> = (fd, file, limits, checkStop) =>
  file.format === 'csv'
    ? sumCsvColumn(fd, file.column, file.columns, limits, checkStop)
    : sumParquetColumn(fd, file.field, file.ranges, checkStop);

const aggregateFile: ReadFile<TypedColumnFile, FileAggregate> = (fd, file, limits, checkStop) =>
  file.format === 'csv'
    ? aggregateCsvColumn(fd, file.column, file.columns, file.type, limits, checkStop)
    : aggregateParquetColumn(fd, file.field, file.type, file.ranges, checkStop);

export interface RangesTask {
  readonly parquetPath: string;
}

/** Where the columns of integers of a Parquet file are, by field; of none, if it is damaged. */
function fileRanges({ parquetPath }: RangesTask): ReadonlyMap<string, ColumnRange[]> {
  try {
    return withFile(parquetPath, readColumnRanges);
  } catch {
    // A sum of it will say what is wrong.
    return new Map();
  }
}

/** Finds a chunk in a checkpoint, and reads no other row group. */
async function findInCheckpoint({ file, number }: ChunkTask): Promise<FoundChunk> {
  try {
    return await withCheckpoint(file, async ({ groups, rowsOf }) => {
      let before = 0;
      for (const group of groups) {
        if (number <= before + group.rows) return (await rowsOf(group))[number - before - 1]?.add;
        before += group.rows;
      }
      return undefined;
    });
  } catch (error) {
    if (error instanceof CheckpointGone) return undefined;
    if (!(error instanceof CheckpointFault)) throw error;
    return { fault: `(_delta_log/${path.basename(file)}) ${error.message}` };
  }
}

export const normaliseFile = collected(timed(normaliseSent));
/** Makes the next messages of an export, which are moved to the caller. */
async function exportChunks(task: ExportTask): Promise<unknown> {
  // Loaded where it is needed only: apache-arrow takes some MB a thread.
  const { movedPart } = await import('./export.js');
  return movedPart(task);
}

export const ingest = collected(timed(ingestFile));
export const sum = collected(timed(sumFiles));
export const aggregate = collected(timed(aggregateFiles));
export const ranges = collected(timed(fileRanges));
export const makeCheckpoint = collected(timed(makeCheckpointOf));
export const chunkInCheckpoint = collected(timed(findInCheckpoint));
export const exportRows = collected(timed(exportChunks));
