import { fstatSync, readSync } from 'node:fs';
import { type ColumnMetaData, parquetMetadata, type SchemaElement } from 'hyparquet';
import { CompressionCodecs, ParquetTypes } from 'hyparquet/src/constants.js';
import { deserializeTCompactProtocol, readVarInt } from 'hyparquet/src/thrift.js';
import type { PageOffsets } from './parquet-file.js';

/** What the footer of a Parquet file says of one column of one row group. */
export interface FooterColumn extends PageOffsets {
  readonly type: ColumnMetaData['type'];
  readonly codec: ColumnMetaData['codec'];
  readonly num_values: bigint;
  readonly total_compressed_size: bigint;
  /** Undefined if it does not count them. */
  readonly nulls: bigint | undefined;
}

/** The footer of a Parquet file. */
export interface Footer {
  readonly rows: number;
  readonly schema: readonly SchemaElement[];
  /** A column in each row group. Throws an Error if there is no such column. */
  columnOf(field: string): FooterColumn[];
}

/** Magic number and length at the end of a Parquet file. */
const tailBytes = 8;

/** Thrift's numbers of types, as its compact protocol has them. */
const thrift = { stop: 0, byte: 3, double: 7, binary: 8, list: 9, struct: 12 };
/** Of the list of row groups among the fields of a footer. */
const rowGroupsField = 4;

/**
 * The footer of a Parquet file. Throws an Error that says what is damaged.
 *
 * What it says of a column is read where it is asked for: as objects, all that the footer of a file
 * of many columns says would not fit in the heap of a thread.
 */
export function readFooter(fd: number): Footer {
  const { size } = fstatSync(fd);
  const tail = readRange(fd, Math.max(0, size - tailBytes), size);
  if (tail.length < tailBytes) throw new Error('it is too short');
  const footerBytes = new DataView(tail.buffer).getUint32(0, true);
  if (footerBytes + tailBytes > size) throw new Error('its footer is longer than the file');
  const bytes = readRange(fd, size - tailBytes - footerBytes, size - tailBytes);
  const view = new DataView(bytes.buffer);
  const groups = findRowGroups(view);
  const { schema, num_rows } = parquetMetadata(withoutRowGroups(bytes, groups));
  const leaves = schema.slice(1).filter(({ num_children }) => !num_children);

  return {
    rows: Number(num_rows),
    schema,
    columnOf(field) {
      const place = leaves.findIndex(({ name }) => name === field);
      if (place < 0) throw new Error('it does not have the column');
      return groups.columns.map((starts) => {
        const offset = starts[place];
        const column = offset === undefined ? undefined : readColumn({ view, offset });
        if (column?.name === field) return column;
        throw new Error('a row group of it does not have the column');
      });
    },
  };
}

function readRange(fd: number, from: number, to: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(to - from);
  for (let filled = 0; filled < bytes.length; ) {
    const read = readSync(fd, bytes, filled, bytes.length - filled, from + filled);
    if (read === 0) throw new Error('it ends too early');
    filled += read;
  }
  return bytes;
}

interface ThriftReader {
  readonly view: DataView;
  offset: number;
}

interface RowGroups {
  /** Where the list begins, and where it ends. */
  readonly from: number;
  readonly to: number;
  /** Where each column of each row group begins. */
  readonly columns: readonly (readonly number[])[];
}

function findRowGroups(view: DataView): RowGroups {
  const reader = { view, offset: 0 };
  for (let field = 0; ; ) {
    const header = nextByte(reader);
    const type = header & 15;
    field += header >> 4;
    if (type === thrift.stop) throw new Error('its footer has no row groups');
    if (field !== rowGroupsField || type !== thrift.list) {
      skip(reader, type);
      continue;
    }
    const from = reader.offset;
    const { count } = listHeader(reader);
    const columns: number[][] = [];
    for (let i = 0; i < count; i++) columns.push(findColumns(reader));
    return { from, to: reader.offset, columns };
  }
}

/** Where the columns of a row group begin, which are its first field; goes on to its end. */
function findColumns(reader: ThriftReader): number[] {
  const starts: number[] = [];
  if (nextByte(reader) !== ((1 << 4) | thrift.list)) {
    throw new Error('a row group of it has no columns');
  }
  for (let { count } = listHeader(reader); count > 0; count--) {
    starts.push(reader.offset);
    skip(reader, thrift.struct);
  }
  skip(reader, thrift.struct);
  return starts;
}

/** The footer as a file of its own, whose list of row groups is empty. */
function withoutRowGroups(footer: Uint8Array, { from, to }: RowGroups): ArrayBuffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(from + 1 + footer.length - to);
  const parts = [footer.subarray(0, from), Uint8Array.of(thrift.struct), footer.subarray(to)];
  return new Uint8Array(Buffer.concat([...parts, length, Buffer.from('PAR1')])).buffer;
}

function readColumn(reader: ThriftReader) {
  const { field_3: column } = deserializeTCompactProtocol(reader);
  if (column === undefined) return undefined;
  return {
    name: new TextDecoder().decode(column.field_3[0]),
    type: ParquetTypes[column.field_1] as FooterColumn['type'],
    codec: CompressionCodecs[column.field_4] as FooterColumn['codec'],
    num_values: column.field_5 as bigint,
    total_compressed_size: column.field_7 as bigint,
    data_page_offset: column.field_9 as bigint,
    dictionary_page_offset: column.field_11 as bigint | undefined,
    nulls: column.field_12?.field_3 as bigint | undefined,
  };
}

const nextByte = (reader: ThriftReader) => reader.view.getUint8(reader.offset++);

function listHeader(reader: ThriftReader): { readonly count: number; readonly type: number } {
  const header = nextByte(reader);
  return { count: header >> 4 === 15 ? readVarInt(reader) : header >> 4, type: header & 15 };
}

/** Passes over a value, without making any object of it. */
function skip(reader: ThriftReader, type: number): void {
  if (type === thrift.struct) {
    for (let header = nextByte(reader); header !== thrift.stop; header = nextByte(reader)) {
      // A number of a field that is far from the one before stands on its own.
      if (header >> 4 === 0) skipVarInt(reader);
      skip(reader, header & 15);
    }
  } else if (type === thrift.list) {
    const list = listHeader(reader);
    // A boolean takes a byte in a list, and none in a struct.
    const each = Math.max(list.type, thrift.byte);
    for (let i = 0; i < list.count; i++) skip(reader, each);
  } else if (type === thrift.binary) {
    const bytes = readVarInt(reader);
    // 32 bits with a sign: going back would never end.
    if (bytes < 0) throw new Error('its footer is damaged');
    reader.offset += bytes;
  } else if (type === thrift.double) reader.offset += 8;
  else if (type === thrift.byte) reader.offset++;
  else if (type > thrift.byte && type < thrift.double) skipVarInt(reader);
  else if (type > thrift.struct) throw new Error('its footer is damaged');
}

function skipVarInt(reader: ThriftReader): void {
  while (nextByte(reader) >= 128);
}
