import type { ColumnType } from '@tally/kernels';
import type { RowGroup, SchemaElement } from 'hyparquet';
import { ByteWriter } from 'hyparquet-writer';
import { writeMetadata } from 'hyparquet-writer/src/metadata.js';
import { serializeTCompactProtocol } from 'hyparquet-writer/src/thrift.js';
import type { TableField } from './schema.js';

/** The footer of a Parquet file that is being written. */
export interface ParquetFooter {
  /** Of the row groups so far. */
  readonly bytes: number;
  addRowGroup(group: RowGroup): void;
  /** The footer, with its length behind it. */
  finish(): Uint8Array[];
}

const createdBy = 'tally';
/** The length of a footer, behind it. */
const lengthBytes = 4;

/**
 * Begins the footer of a file with these fields.
 *
 * A row group is kept as the bytes that it takes in the footer, which are outside of the heap: as
 * objects, those of a file of many columns would take ten times as much, and in it.
 */
export function createParquetFooter(fields: readonly TableField[]): ParquetFooter {
  const schema: SchemaElement[] = [
    { name: 'schema', num_children: fields.length },
    ...fields.map(({ field, type }) => schemaElement(field, type)),
  ];
  const groups: Uint8Array[] = [];
  let bytes = 0;
  let rows = 0n;

  function footerOf(num_rows: bigint, row_groups: RowGroup[]): Uint8Array {
    const writer = new ByteWriter();
    const metadata = { version: 2, schema, num_rows, row_groups, created_by: createdBy };
    writeMetadata(writer, { ...metadata, metadata_length: 0 });
    return writer.getBytes();
  }

  // What writeMetadata writes behind the row groups. Thrift's numbers of fields take a byte each.
  const orders = fields.map(() => ({ field_1: {} }));
  const behind = thriftBytes({ field_6: createdBy, field_7: orders }) + lengthBytes;
  const noGroups = footerOf(0n, []).length;

  return {
    get bytes() {
      return bytes;
    },
    addRowGroup(group) {
      const one = footerOf(0n, [group]).slice(noGroups - behind, -behind);
      groups.push(one);
      bytes += one.length;
      rows += group.num_rows;
    },
    finish() {
      const empty = footerOf(rows, []);
      // But for the byte that says that the list of row groups is empty.
      const before = empty.subarray(0, empty.length - behind - 1);
      const parts = [before, listHeader(groups.length), ...groups];
      parts.push(empty.subarray(empty.length - behind, -lengthBytes));
      const length = Buffer.alloc(lengthBytes);
      length.writeUInt32LE(parts.reduce((sum, part) => sum + part.length, 0));
      return [...parts, length];
    },
  };
}

function thriftBytes(struct: Parameters<typeof serializeTCompactProtocol>[1]): number {
  const writer = new ByteWriter();
  serializeTCompactProtocol(writer, struct);
  return writer.offset;
}

/** What Thrift's compact protocol has before so many structs of a list. */
function listHeader(count: number): Uint8Array {
  const struct = 12;
  const writer = new ByteWriter();
  writer.appendUint8((Math.min(count, 15) << 4) | struct);
  if (count > 14) writer.appendVarInt(count);
  return writer.getBytes();
}

function schemaElement(name: string, type: ColumnType): SchemaElement {
  return { name, repetition_type: 'OPTIONAL', ...parquetTypes[type] };
}

/** LogicalTypes.md, with the older names for readers that know them only. */
const parquetTypes: Readonly<Record<ColumnType, Partial<SchemaElement>>> = {
  long: { type: 'INT64' },
  double: { type: 'DOUBLE' },
  boolean: { type: 'BOOLEAN' },
  date: { type: 'INT32', converted_type: 'DATE', logical_type: { type: 'DATE' } },
  timestamp: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
  },
  string: { type: 'BYTE_ARRAY', converted_type: 'UTF8', logical_type: { type: 'STRING' } },
};
