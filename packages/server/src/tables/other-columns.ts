import type { ColumnType, CsvRows } from '@tally/kernels';
import {
  Bool,
  type Data,
  type DataType,
  Field,
  Float64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  tableToIPC,
  Utf8,
} from 'apache-arrow';
import { writeParquet } from './parquet.js';
import type { TableField } from './schema.js';

/** A column of a row group; a placeholder has no column in the CSV file, and is null. */
export interface OtherColumn {
  readonly field: TableField;
  readonly column: number | null;
}

/** Columns that are written at a time: parquet-wasm takes some hundred KiB for each. */
const partColumns = 32;

/**
 * The columns of a row group that are neither integers, dates nor timestamps, as Parquet files of
 * one row group, with some of the columns each.
 */
export async function* otherColumns(
  rows: CsvRows,
  columns: readonly OtherColumn[],
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let from = 0; from < columns.length; from += partColumns) {
    const part = columns.slice(from, from + partColumns);
    yield await writeParquet(recordBatches(rows, part), rows.rowGroupRows());
  }
}

/** Rows that are handed to parquet-wasm at a time; a multiple of eight, for whole bytes of bits. */
const batchRows = 16_384;

function* recordBatches(rows: CsvRows, columns: readonly OtherColumn[]): Generator<Uint8Array> {
  const schema = new Schema(
    columns.map(({ field }) => new Field(field.field, arrowType(field.type), true)),
  );
  const count = rows.rowGroupRows();
  for (let from = 0; from < count; from += batchRows) {
    const to = Math.min(count, from + batchRows);
    const children = columns.map(({ field, column }) => arrowData(rows, field, column, from, to));
    const type = new Struct(schema.fields);
    const data = makeData({ type, length: to - from, nullCount: 0, children });
    yield tableToIPC(new Table(schema, new RecordBatch(schema, data)), 'stream');
  }
}

function arrowType(type: ColumnType): DataType {
  if (type === 'double') return new Float64();
  return type === 'boolean' ? new Bool() : new Utf8();
}

function arrowData(
  rows: CsvRows,
  { type }: TableField,
  column: number | null,
  from: number,
  to: number,
): Data {
  const length = to - from;
  const [firstByte, endByte] = [from >> 3, (to + 7) >> 3];
  if (column === null) {
    const nullBitmap = new Uint8Array(endByte - firstByte);
    return makeData({ type: new Bool(), length, nullCount: length, nullBitmap, data: nullBitmap });
  }
  // Arrow counts the nulls itself, where there are any.
  const nullCount = rows.nulls(column) === 0 ? 0 : -1;
  const nullBitmap = rows.validity(column).subarray(firstByte, endByte);
  const common = { length, nullCount, nullBitmap };
  if (type === 'double') {
    return makeData({
      type: new Float64(),
      data: rows.doubles(column).subarray(from, to),
      ...common,
    });
  }
  if (type === 'boolean') {
    const data = rows.booleans(column).subarray(firstByte, endByte);
    return makeData({ type: new Bool(), data, ...common });
  }
  const { offsets, bytes } = rows.texts(column, from, to);
  return makeData({ type: new Utf8(), valueOffsets: offsets, data: bytes, ...common });
}
