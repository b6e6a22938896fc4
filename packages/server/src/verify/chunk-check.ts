import { closeSync, fstatSync, openSync } from 'node:fs';
import type { LoggedChunk } from '../tables/delta-log.js';
import { fileCrc32c, wrongCrc32c } from '../tables/file-checksum.js';
import type { ColumnRange } from '../tables/parquet-file.js';
import { readColumnRanges, sumParquetColumn } from '../tables/parquet-sum.js';
import { readFooter } from '../tables/read-footer.js';
import { readCsvFile } from './csv-check.js';
import type { ProblemKind } from './report.js';

/** A chunk's files, and what the log says of them. */
export interface ChunkTask {
  readonly csvPath: string;
  readonly parquetPath: string;
  readonly chunk: LoggedChunk;
  /** False if the log does not tell the types of its columns: then only bytes are compared. */
  readonly areFieldsKnown: boolean;
}

export interface FileFault {
  readonly format: 'csv' | 'parquet';
  readonly kind: ProblemKind;
  readonly what: string;
}

export interface ChunkCheck {
  /** One for each file at most: what follows from the first is not told. */
  readonly faults: readonly FileFault[];
  readonly files: number;
  readonly bytes: number;
  readonly columnSums: number;
  /** Where the Parquet file has its integers, by field; undefined if it has a fault. */
  readonly ranges: ReadonlyMap<string, readonly ColumnRange[]> | undefined;
}

/** The sums of a file's columns of integers, by the column's place in the header. */
interface FileSums {
  readonly bytes: number;
  readonly sums: ReadonlyMap<number, bigint>;
}

interface ParquetSums extends FileSums {
  readonly ranges: ReadonlyMap<string, readonly ColumnRange[]>;
}

/** Reads both files of a chunk, and compares them with the log and with each other. */
export async function checkChunk(task: ChunkTask): Promise<ChunkCheck> {
  const csv = await checkFile(task.csvPath, 'csv', (fd) => checkCsv(fd, task));
  const parquet = await checkFile(task.parquetPath, 'parquet', (fd) => checkParquet(fd, task));
  const read = [csv, parquet].filter((file) => 'sums' in file);
  const faults: FileFault[] = [csv, parquet].filter((file) => 'kind' in file);
  if ('sums' in csv && 'sums' in parquet) faults.push(...differences(task, csv, parquet));
  return {
    faults,
    files: read.length,
    bytes: read.reduce((sum, { bytes }) => sum + bytes, 0),
    columnSums: read.length === 2 && 'sums' in csv ? csv.sums.size : 0,
    ranges: 'ranges' in parquet ? parquet.ranges : undefined,
  };
}

type Format = FileFault['format'];

/** What is wrong with a file; the format is added where the file is known. */
class Fault extends Error {
  constructor(
    readonly kind: ProblemKind,
    what: string,
  ) {
    super(what);
  }
}

async function checkFile<T extends FileSums>(
  file: string,
  format: Format,
  check: (fd: number) => Promise<T>,
): Promise<T | FileFault> {
  let fd: number | undefined;
  try {
    fd = openSync(file, 'r');
    return await check(fd);
  } catch (error) {
    if (error instanceof Fault) return { format, kind: error.kind, what: error.message };
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return { format, kind: 'missing', what: 'is missing: the log names it' };
    if (code !== undefined) return { format, kind: 'unreadable', what: `cannot be read (${code})` };
    return { format, kind: 'content', what: `is damaged: ${message}` };
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** The size of the file, which must be what the log says. */
function checkedSize(fd: number, logged: number): number {
  const { size } = fstatSync(fd);
  if (size === logged) return size;
  throw new Fault('size', `has ${size} bytes: the log has ${logged}`);
}

function checkCrc32c(found: number, logged: number | undefined): void {
  if (logged !== undefined && found !== logged) {
    throw new Fault('checksum', `is damaged: ${wrongCrc32c(found, logged)}`);
  }
}

function checkRows(found: number, logged: number): void {
  if (found !== logged) throw new Fault('content', `has ${found} rows: the log has ${logged}`);
}

async function checkCsv(fd: number, { chunk, areFieldsKnown }: ChunkTask): Promise<FileSums> {
  const bytes = checkedSize(fd, chunk.csvBytes);
  if (!areFieldsKnown) {
    checkCrc32c(
      fileCrc32c(fd, () => {}),
      chunk.checksums?.csvCrc32c,
    );
    return { bytes, sums: new Map() };
  }
  const columns = chunk.columns.map(({ name, field }) => ({ name, type: field?.type ?? null }));
  const { crc32c, fault, rows, sums } = readCsvFile(fd, columns);
  checkCrc32c(crc32c, chunk.checksums?.csvCrc32c);
  if (fault !== undefined) throw new Fault('content', `is not what the log says: ${fault}`);
  checkRows(rows, chunk.rows);
  return { bytes, sums };
}

async function checkParquet(
  fd: number,
  { chunk, areFieldsKnown }: ChunkTask,
): Promise<ParquetSums> {
  const bytes = checkedSize(fd, chunk.parquetBytes);
  if (chunk.checksums !== undefined) {
    checkCrc32c(
      fileCrc32c(fd, () => {}),
      chunk.checksums.parquetCrc32c,
    );
  }
  const { rows, schema } = readFooter(fd);
  checkRows(rows, chunk.rows);
  const ranges = readColumnRanges(fd);
  const sums = new Map<number, bigint>();
  if (!areFieldsKnown) return { bytes, sums, ranges };
  checkFields(
    schema.slice(1).map(({ name }) => name),
    chunk,
  );
  for (const [place, { field }] of chunk.columns.entries()) {
    if (field?.type !== 'long') continue;
    sums.set(place, await sumParquetColumn(fd, field.field, ranges.get(field.field), () => {}));
  }
  return { bytes, sums, ranges };
}

function checkFields(found: readonly string[], { columns }: LoggedChunk): void {
  const logged = columns.flatMap(({ field }) => (field === null ? [] : [field.field]));
  // A chunk without any value has a field that no column of it has.
  if (logged.length === 0 || JSON.stringify(found) === JSON.stringify(logged)) return;
  throw new Fault('content', 'has other columns than the log says');
}

function differences({ chunk }: ChunkTask, csv: FileSums, parquet: FileSums): FileFault[] {
  const differing = [...csv.sums].filter(([place, sum]) => sum !== parquet.sums.get(place));
  const [first] = differing;
  if (first === undefined) return [];
  const [place, sum] = first;
  const name = JSON.stringify(chunk.columns[place]?.name);
  const more = differing.length > 1 ? `, and ${differing.length - 1} more columns differ` : '';
  const what =
    `has other values than the chunk's CSV file: column ${name} sums to ` +
    `${parquet.sums.get(place)}, and to ${sum} in the CSV file${more}`;
  return [{ format: 'parquet', kind: 'content', what }];
}
