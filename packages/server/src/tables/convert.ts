import { closeSync, ftruncateSync, openSync } from 'node:fs';
import type { ColumnType, CsvRows, RowsFault } from '@tally/kernels';
import { type ChunkLimits, findFault, readHeader } from './csv-faults.js';
import { CsvFault, CsvReader } from './csv-reader.js';
import { type Growth, SlowGrowthError, waitForGrowth } from './growth.js';
import { csvRows, csvTextStart, type Piece, readPieces, wholeFile } from './kernel.js';
import { type ColumnRange, createParquetFile, type ParquetFile } from './parquet-file.js';
import { type ChunkPlan, planChunk, type ScannedColumn, type TableField } from './schema.js';
import { type Stop, throwIfStopped } from './stop.js';

/** A CSV file, and how it is to be written as Parquet. */
export interface Conversion {
  readonly csvPath: string;
  /** Made by the conversion. */
  readonly parquetPath: string;
  /** The table's fields as the caller knows them. */
  readonly fields: readonly TableField[];
  /** The types that columns with values must have, by their places, where they were declared. */
  readonly declared?: readonly (ColumnType | undefined)[] | undefined;
  readonly limits: ChunkLimits;
  /** Given if the CSV file is still being written. */
  readonly growth?: Growth | undefined;
  readonly stop: Stop;
}

/** What a conversion has found and written. */
export interface ConvertedChunk {
  readonly columns: readonly ScannedColumn[];
  readonly plan: ChunkPlan;
  readonly rows: number;
  readonly parquetBytes: number;
  /** CRC32C of the Parquet file, as it was written. */
  readonly parquetCrc32c: number;
  /** Of each field of integers, where its values are in each row group. */
  readonly ranges: ReadonlyMap<string, readonly ColumnRange[]>;
}

/** Bytes of a CSV file that are read at a time. */
const pieceBytes = 256 * 1024;

/**
 * Writes a CSV file as Parquet, a row group at a time, in constant memory.
 *
 * Each column's type is that of all its values. Most often that of the first ones tells: then one
 * pass over the file is enough. Where a later value contradicts, the file is scanned whole for its
 * types, and converted by them. Throws CsvFault, and StoppedError.
 *
 * A file that grows is read in one pass as its bytes come. Throws SlowGrowthError if they come
 * slowly, or if one pass is not enough: then it is to be converted when it is complete.
 */
export async function convertToParquet(conversion: Conversion): Promise<ConvertedChunk> {
  const { csvPath, parquetPath, fields, declared, limits, growth, stop } = conversion;
  const csv = openSync(csvPath, 'r');
  const parquet = openSync(parquetPath, 'w');
  try {
    const reader = new CsvReader(csv, limits.fieldBytesMax);
    const names = readHeader(reader, limits);
    // What seems to be the end of the header may be as far as the file has grown.
    if (growth !== undefined && reader.isAtEnd) throw new SlowGrowthError();
    const extentAt =
      growth === undefined ? wholeFile(csv) : (position: number) => waitForGrowth(growth, position);
    const rows = csvRows(limits);
    const pieces = () =>
      untilStopped(readPieces(csv, rows.input, csvTextStart(csv), extentAt, pieceBytes), stop);
    for (const isWhole of [false, true]) {
      const scanned = scanTypes(rows, pieces(), names.length, isWhole);
      if (scanned === 'fault') throw findFault(csv, limits);
      const types = scanned.map((type, i) => type && (declared?.[i] ?? type));
      const columns = names.map((name, i) => ({ name, type: types[i] ?? null }));
      const plan = planChunk(fields, columns);
      checkSchema(fields, plan.fields);
      ftruncateSync(parquet);
      const written = await writeRows(rows, pieces(), types, plan, parquet);
      if (written === 'fault') throw findFault(csv, limits);
      if (written !== 'contradiction') return { columns, plan, ...written };
      if (growth !== undefined) throw new SlowGrowthError();
    }
    throw new Error('the types of a whole file contradict its values');
  } finally {
    closeSync(parquet);
    closeSync(csv);
  }
}

/** What the names of a table's fields may take, each with what is around it in the log. */
const schemaBytesMax = 4 * 1024 * 1024;
const bytesAroundField = 100;

/** The server has all fields of a table in memory, and a commit that adds one writes all of them. */
function checkSchema(before: readonly TableField[], after: readonly TableField[]): void {
  if (after.length === before.length) return;
  const bytes = after.reduce((sum, { field }) => sum + Buffer.byteLength(field), 0);
  if (bytes + after.length * bytesAroundField <= schemaBytesMax) return;
  throw new CsvFault(
    1,
    undefined,
    `the table would have ${after.length} columns, and has ${before.length}: their names may take ` +
      `${schemaBytesMax} bytes together, each with ${bytesAroundField} more`,
  );
}

/** Pieces as they come; throws StoppedError instead of the next once nobody waits. */
function* untilStopped(pieces: Iterable<Piece>, stop: Stop): Generator<Piece> {
  for (const piece of pieces) {
    throwIfStopped(stop);
    yield piece;
  }
}

/** The types of a file's columns by its first piece, or by all of it. */
function scanTypes(
  rows: CsvRows,
  pieces: Iterable<Piece>,
  columns: number,
  isWhole: boolean,
): (ColumnType | null)[] | 'fault' {
  rows.beginScan(columns);
  let isDone = false;
  for (const piece of pieces) {
    const used = rows.read(0, piece.length, piece.isLast);
    if (typeof used === 'string') return 'fault';
    piece.used = used;
    isDone = isAllUsed(piece) || !isWhole;
    if (!isWhole) break;
  }
  return isDone ? rows.scannedTypes() : 'fault';
}

const isAllUsed = ({ isLast, used, length }: Piece) => isLast && used === length;

async function writeRows(
  rows: CsvRows,
  pieces: Iterable<Piece>,
  types: readonly (ColumnType | null)[],
  plan: ChunkPlan,
  parquet: number,
): Promise<Omit<ConvertedChunk, 'columns' | 'plan'> | RowsFault> {
  const file = createParquetFile(parquet, fieldsOf(plan));
  let rowCount = 0;

  async function endRowGroup(): Promise<void> {
    await writeRowGroup(rows, plan, file);
    if (file.endRowGroup() > footerBytesMax) throw tooManyRowGroups(types.length, rowCount);
    rowCount += rows.rowGroupRows();
    rows.beginRowGroup();
  }

  rows.beginConversion(types);
  let isDone = false;
  for (const piece of pieces) {
    for (;;) {
      const used = rows.read(piece.used, piece.length - piece.used, piece.isLast);
      if (typeof used === 'string') return used;
      piece.used += used;
      if (!rows.isRowGroupFull()) break;
      await endRowGroup();
    }
    isDone = isAllUsed(piece);
  }
  if (!isDone) return 'fault';
  if (rows.rowGroupRows() > 0) await endRowGroup();
  const { bytes, crc32c, ranges } = file.finish();
  return { rows: rowCount, parquetBytes: bytes, parquetCrc32c: crc32c, ranges };
}

/** The fields of the Parquet file, in its order; a placeholder comes last. */
function fieldsOf({ columns, placeholder }: ChunkPlan): TableField[] {
  return [...columns.map(({ field }) => field), placeholder].filter((field) => field !== null);
}

/**
 * What the footer may have of row groups. parquet-wasm has all of it in memory while it reads the
 * file, some ten times as large, in each thread that takes uploads.
 */
const footerBytesMax = 8 * 1024 * 1024;

function tooManyRowGroups(columns: number, rowsBefore: number): CsvFault {
  return new CsvFault(
    1,
    undefined,
    `the file is too long for its ${columns} columns: upload it in parts of at most ` +
      `${rowsBefore} rows`,
  );
}

/** Types whose columns the kernel writes as pages; parquet-wasm writes the others. */
const kernelTypes: readonly ColumnType[] = ['long', 'date', 'timestamp'];

async function writeRowGroup(rows: CsvRows, plan: ChunkPlan, file: ParquetFile): Promise<void> {
  file.beginRowGroup(rows.rowGroupRows());
  const others: { readonly field: TableField; readonly column: number | null }[] = [];
  for (const [column, { field }] of plan.columns.entries()) {
    if (field === null) continue;
    if (kernelTypes.includes(field.type)) {
      file.writePages(field, rows.nulls(column), rows.pages(column));
    } else others.push({ field, column });
  }
  if (plan.placeholder !== null) others.push({ field: plan.placeholder, column: null });
  if (others.length === 0) return;
  // Loaded where it is needed only: apache-arrow and parquet-wasm take 10 MB a thread.
  const { otherColumns } = await import('./other-columns.js');
  for await (const part of otherColumns(rows, others)) file.copyColumns(part);
}
