import { closeSync, openSync, writeSync } from 'node:fs';
import { Field, makeData, RecordBatch, Schema, Struct, Table, tableToIPC } from 'apache-arrow';
import { arrowType, type ColumnBuilder, createColumnBuilder } from './column-builder.js';
import { CsvReader } from './csv-reader.js';
import { type ChunkLimits, readHeader, readRow } from './csv-scan.js';
import { openParquet, writeParquet } from './parquet.js';
import type { ChunkPlan, TableField } from './schema.js';

/** A CSV file that has been scanned, and how it is to be written as Parquet. */
export interface Conversion {
  readonly csvPath: string;
  /** Made by the conversion; must not exist. */
  readonly parquetPath: string;
  readonly plan: ChunkPlan;
  readonly rows: number;
  readonly rowGroupRows: number;
  readonly limits: ChunkLimits;
}

/**
 * Writes a scanned CSV file as Parquet, a row group at a time.
 *
 * Throws an Error when the file that was written does not hold the rows that were scanned.
 */
export async function convertToParquet(conversion: Conversion): Promise<void> {
  const { csvPath, parquetPath, rows, rowGroupRows } = conversion;
  const fields = fieldsOf(conversion.plan);
  const csv = openSync(csvPath, 'r');
  const parquet = openSync(parquetPath, 'wx+');
  try {
    let size = 0;
    await writeParquet(recordBatches(csv, conversion), fields, rowGroupRows, (bytes) => {
      writeFully(parquet, bytes);
      size += bytes.length;
    });
    const written = await openParquet(parquet, size);
    written.close();
    if (written.rows !== rows) {
      throw new Error(`the Parquet file holds ${written.rows} rows, the CSV file ${rows}`);
    }
  } finally {
    closeSync(parquet);
    closeSync(csv);
  }
}

function writeFully(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(fd, bytes, written);
  }
}

/** The fields of the Parquet file, in its order; a placeholder comes last. */
function fieldsOf({ columns, placeholder }: ChunkPlan): TableField[] {
  return [...columns.map(({ field }) => field), placeholder].filter((field) => field !== null);
}

/** Rows that are handed to the Parquet writer at a time. */
const batchRows = 16_384;

/** The rows of a CSV file in batches, as Arrow IPC; one empty batch if there are none. */
function* recordBatches(csv: number, conversion: Conversion): Generator<Uint8Array> {
  const { plan, limits, rowGroupRows } = conversion;
  const rowsMax = Math.min(batchRows, rowGroupRows, conversion.rows);
  const builderOf = (field: TableField | null) =>
    field === null ? null : createColumnBuilder(field.type, rowsMax);
  const builders = plan.columns.map(({ field }) => builderOf(field));
  const placeholder = builderOf(plan.placeholder);
  const written = [...builders, placeholder].filter((builder) => builder !== null);
  const schema = new Schema(
    fieldsOf(plan).map(({ field, type }) => new Field(field, arrowType(type), true)),
  );
  const reader = new CsvReader(csv, limits.fieldBytesMax);
  const columns = readHeader(reader, limits).length;
  let row = 0;
  let batches = 0;
  while (readRow(reader, columns, (column) => builders[column]?.append(row, reader))) {
    placeholder?.append(row, reader);
    if (++row < rowsMax) continue;
    yield recordBatch(schema, written, row);
    batches++;
    row = 0;
  }
  if (row > 0 || batches === 0) yield recordBatch(schema, written, row);
}

function recordBatch(schema: Schema, builders: readonly ColumnBuilder[], rows: number): Uint8Array {
  const children = builders.map((builder) => builder.finish(rows));
  const data = makeData({ type: new Struct(schema.fields), length: rows, nullCount: 0, children });
  return tableToIPC(new Table(schema, new RecordBatch(schema, data)), 'stream');
}
