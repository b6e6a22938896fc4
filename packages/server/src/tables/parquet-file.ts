import { writeSync } from 'node:fs';
import { crc32c } from '@node-rs/crc32';
import type { Bounds } from '@tally/kernels';
import type { ColumnChunk, ColumnMetaData } from 'hyparquet';
import { parquetMetadata } from 'hyparquet';
import { createParquetFooter } from './parquet-footer.js';
import type { TableField } from './schema.js';

/** Where the values of a column are in one row group of a Parquet file. */
export interface ColumnRange {
  /** The first byte of its pages, and how many bytes they take. */
  readonly from: number;
  readonly bytes: number;
  /** Values, nulls included. */
  readonly values: number;
}

/** A Parquet file that is being written, a row group at a time. */
export interface ParquetFile {
  beginRowGroup(rows: number): void;
  /** After all columns of the row group; returns how many bytes the footer has of row groups. */
  endRowGroup(): number;
  /** Writes a column of the row group page by page. */
  writePages(
    field: TableField,
    nulls: number,
    pages: Generator<Uint8Array, Bounds | undefined>,
  ): void;
  /** Takes over columns of the row group from a Parquet file of one row group that has them only. */
  copyColumns(file: Uint8Array<ArrayBuffer>): void;
  /** Writes the footer. */
  finish(): WrittenFile;
}

/** What was written. */
export interface WrittenFile {
  readonly bytes: number;
  /** CRC32C of all bytes, taken in memory before any disk had them. */
  readonly crc32c: number;
  /** Where each column of pages is, by field. */
  readonly ranges: ReadonlyMap<string, ColumnRange[]>;
}

const magic = new TextEncoder().encode('PAR1');

/** Begins a Parquet file with these fields at the beginning of `fd`. */
export function createParquetFile(fd: number, fields: readonly TableField[]): ParquetFile {
  const ranges = new Map<string, ColumnRange[]>();
  const footer = createParquetFooter(fields);
  const ofRowGroup = new Map<string, ColumnChunk>();
  let rows = 0n;
  let position = 0;
  let checksum = 0;

  function write(bytes: Uint8Array): void {
    checksum = crc32c(bytes, checksum);
    for (let written = 0; written < bytes.length; ) {
      written += writeSync(fd, bytes, written, bytes.length - written, position + written);
    }
    position += bytes.length;
  }

  function addColumn(name: string, column: ColumnMetaData): void {
    // The deprecated offset of a second copy of the column's metadata: there is none.
    ofRowGroup.set(name, { file_offset: 0n, meta_data: column });
  }

  write(magic);
  return {
    beginRowGroup(count) {
      rows = BigInt(count);
      ofRowGroup.clear();
    },

    endRowGroup() {
      const inOrder = fields.map(({ field }) => ofRowGroup.get(field));
      if (!inOrder.every((column) => column !== undefined)) throw new Error('a column is missing');
      const sizes = inOrder.map(({ meta_data }) => meta_data?.total_uncompressed_size ?? 0n);
      const total_byte_size = sizes.reduce((a, b) => a + b, 0n);
      footer.addRowGroup({ columns: inOrder, num_rows: rows, total_byte_size });
      return footer.bytes;
    },

    writePages({ field, type }, nulls, pages) {
      const from = position;
      let page = pages.next();
      for (; !page.done; page = pages.next()) write(page.value);
      const bounds = page.value;
      const bytes = position - from;
      const known = ranges.get(field) ?? [];
      ranges.set(field, known);
      known.push({ from, bytes, values: Number(rows) });
      const bound = (value: bigint) => (type === 'date' ? Number(value) : value);
      addColumn(field, {
        type: type === 'date' ? 'INT32' : 'INT64',
        encodings: ['DELTA_BINARY_PACKED', 'RLE'],
        path_in_schema: [field],
        codec: 'UNCOMPRESSED',
        num_values: rows,
        total_uncompressed_size: BigInt(bytes),
        total_compressed_size: BigInt(bytes),
        data_page_offset: BigInt(from),
        statistics: {
          null_count: BigInt(nulls),
          ...(bounds && {
            min_value: bound(bounds.least),
            max_value: bound(bounds.greatest),
          }),
        },
      });
    },

    copyColumns(file) {
      const { row_groups } = parquetMetadata(file.buffer);
      const [group] = row_groups;
      if (group === undefined || row_groups.length > 1 || group.num_rows !== rows) {
        throw new Error(`parquet-wasm wrote other rows than the ${rows} that it was given`);
      }
      const columns = group.columns.map(({ meta_data }) => meta_data as ColumnMetaData);
      const ends = columns.map((c) => Number(startOf(c) + c.total_compressed_size));
      const shift = BigInt(position - magic.length);
      for (const column of columns) {
        const { data_page_offset, dictionary_page_offset } = column;
        addColumn(column.path_in_schema[0] ?? '', {
          ...column,
          data_page_offset: data_page_offset + shift,
          ...(dictionary_page_offset !== undefined && {
            dictionary_page_offset: dictionary_page_offset + shift,
          }),
        });
      }
      write(file.subarray(magic.length, Math.max(...ends)));
    },

    finish() {
      for (const part of [...footer.finish(), magic]) write(part);
      return { bytes: position, crc32c: checksum, ranges };
    },
  };
}

/** Where pages of a column begin. */
export interface PageOffsets {
  readonly data_page_offset: bigint;
  readonly dictionary_page_offset?: bigint | undefined;
}

/** Where a column's pages begin; the dictionary comes first. */
export function startOf({ dictionary_page_offset, data_page_offset }: PageOffsets): bigint {
  const dictionary = dictionary_page_offset ?? data_page_offset;
  return dictionary < data_page_offset ? dictionary : data_page_offset;
}
