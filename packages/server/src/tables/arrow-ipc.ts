import type { ColumnType } from '@tally/kernels';
import {
  Bool,
  type DataType,
  DateDay,
  Field,
  Float64,
  Int64,
  Schema,
  Table,
  Timestamp,
  TimeUnit,
  tableToIPC,
  Utf8,
} from 'apache-arrow';
import { BufferRegion, FieldNode, Message, RecordBatch } from 'apache-arrow/ipc/metadata/message';
import { bitsOf, type ColumnInMemory, textsOf, validityOf, valuesOf } from './arrow-memory.js';

// The messages of an Arrow IPC stream (https://arrow.apache.org/docs/format/Columnar.html,
// "IPC Streaming Format"). The writer of apache-arrow 21 is not used for record batches: it leaves
// out the values of a column of booleans that are all null, which polars refuses.

/** A column of a stream. */
export interface ArrowColumn {
  readonly name: string;
  readonly type: ColumnType;
}

/** A column of a record batch: its nulls, and its buffers in Arrow's order. */
export interface BatchColumn {
  readonly nulls: number;
  /** A bit for each value that is not null; undefined if none is. */
  readonly validity: Uint8Array | undefined;
  readonly buffers: readonly ArrayBufferView[];
}

const types: Readonly<Record<ColumnType, () => DataType>> = {
  long: () => new Int64(),
  double: () => new Float64(),
  boolean: () => new Bool(),
  date: () => new DateDay(),
  timestamp: () => new Timestamp(TimeUnit.MICROSECOND, 'UTC'),
  string: () => new Utf8(),
};

/** Arrow's format strings of these types, as parquet-wasm has them. */
const formats: Readonly<Record<ColumnType, string>> = {
  long: 'l',
  double: 'g',
  boolean: 'b',
  date: 'tdD',
  timestamp: 'tsu:UTC',
  string: 'u',
};

/** Bytes of a value, and of where a text ends; a boolean takes a bit, which is nearly none. */
export const valueBytes: Readonly<Record<ColumnType, number>> = {
  long: 8,
  double: 8,
  boolean: 0,
  date: 4,
  timestamp: 8,
  string: 4,
};

/** The message that a stream begins with. */
export function schemaMessage(columns: readonly ArrowColumn[]): Uint8Array<ArrayBuffer> {
  const fields = columns.map(({ name, type }) => new Field(name, types[type](), true));
  const stream = tableToIPC(new Table(new Schema(fields)), 'stream');
  return new Uint8Array(stream.subarray(0, stream.length - endBytes));
}

/** The end of a stream: a length of 0. */
const endBytes = 8;

/** A column as parquet-wasm has it, which must be of this type. */
export function parquetColumn(column: ColumnInMemory, type: ColumnType): BatchColumn {
  if (column.format !== formats[type]) throw new Error(`the column is not of type ${type}`);
  return { nulls: column.nulls, validity: validityOf(column), buffers: buffersOf(column, type) };
}

function buffersOf(column: ColumnInMemory, type: ColumnType): ArrayBufferView[] {
  if (type === 'boolean') return [bitsOf(column, column.addresses[1] ?? 0)];
  if (type !== 'string') return [valuesOf(column, valueBytes[type])];
  const { offsets, bytes } = textsOf(column);
  return [offsets, bytes];
}

/** A column of so many nulls. */
export function nullColumn(type: ColumnType, rows: number): BatchColumn {
  const bits = new Uint8Array((rows + 7) >> 3);
  const buffers =
    type === 'string'
      ? [new Int32Array(rows + 1), new Uint8Array()]
      : [type === 'boolean' ? bits : new Uint8Array(rows * valueBytes[type])];
  return { nulls: rows, validity: rows === 0 ? undefined : bits, buffers };
}

const alignment = 8;
const aligned = (bytes: number) => Math.ceil(bytes / alignment) * alignment;
const continuation = 0xffff_ffff;
/** The continuation and the length of what describes the batch. */
const prefixBytes = 8;
const noValidity = new Uint8Array();

/** The message of a record batch, in memory of its own. */
export function batchMessage(
  rows: number,
  columns: readonly BatchColumn[],
): Uint8Array<ArrayBuffer> {
  const buffers = columns.flatMap(({ validity, buffers }) => [validity ?? noValidity, ...buffers]);
  let bodyBytes = 0;
  const regions = buffers.map(({ byteLength }) => {
    const region = new BufferRegion(bodyBytes, byteLength);
    bodyBytes += aligned(byteLength);
    return region;
  });
  const nodes = columns.map(({ nulls }) => new FieldNode(rows, nulls));
  const header = Message.from(new RecordBatch(rows, nodes, regions, null), bodyBytes);
  const metadata = Message.encode(header);
  const metadataBytes = aligned(metadata.length);
  const bodyStart = prefixBytes + metadataBytes;
  const message = new Uint8Array(bodyStart + bodyBytes);
  const view = new DataView(message.buffer);
  view.setUint32(0, continuation, true);
  view.setUint32(4, metadataBytes, true);
  message.set(metadata, prefixBytes);
  for (const [i, { buffer, byteOffset, byteLength }] of buffers.entries()) {
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    message.set(bytes, bodyStart + (regions[i]?.offset ?? 0));
  }
  return message;
}
