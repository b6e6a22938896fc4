import { fstatSync, readSync } from 'node:fs';
import { type ColumnChunkKind, columnChunkSummer, PageFault } from '@tally/kernels';
import { type FileMetaData, parquetMetadata } from 'hyparquet';
import { kernels, readPieces } from './kernel.js';

/**
 * The exact sum of an integer column of a Parquet file; nulls add nothing.
 *
 * Reads the footer and that column's bytes, nothing of other columns. Columns that the kernel does
 * not know are summed by parquet-wasm. Throws an Error that says what is damaged.
 */
export async function sumParquetColumn(fd: number, field: string): Promise<bigint> {
  const { size } = fstatSync(fd);
  const footer = readFooter(fd, size);
  try {
    return columnChunks(footer, field).reduce(
      (total, chunk) => total + sumColumnChunk(fd, chunk),
      0n,
    );
  } catch (error) {
    if (!(error instanceof PageFault && error.isUnsupported)) throw error;
    return sumByParquetWasm(fd, size, field);
  }
}

async function sumByParquetWasm(fd: number, size: number, field: string): Promise<bigint> {
  // Loaded where it is needed only: parquet-wasm takes 10 MB a thread.
  const { openParquet } = await import('./parquet.js');
  const parquet = await openParquet(fd, size);
  const total = await parquet.sumLongs(field);
  parquet.close();
  return total;
}

/** Magic number and length at the end of a Parquet file. */
const tailBytes = 8;

function readFooter(fd: number, size: number): FileMetaData {
  const tail = readRange(fd, Math.max(0, size - tailBytes), size);
  if (tail.length < tailBytes) throw new Error('it is too short');
  const footerBytes = new DataView(tail.buffer).getUint32(0, true);
  if (footerBytes + tailBytes > size) throw new Error('its footer is longer than the file');
  return parquetMetadata(readRange(fd, size - tailBytes - footerBytes, size).buffer);
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

/** Where a column's bytes are in one row group, and how they are to be read. */
interface ColumnChunk {
  readonly kind: ColumnChunkKind;
  readonly from: number;
  readonly to: number;
  readonly rows: number;
}

function columnChunks({ row_groups, schema }: FileMetaData, field: string): ColumnChunk[] {
  const element = schema.find(
    ({ name, num_children }, i) => i > 0 && !num_children && name === field,
  );
  if (element === undefined) throw new Error('it does not have the column');
  return row_groups.map(({ columns }) => {
    const chunk = columns.find(
      ({ meta_data }) => meta_data?.path_in_schema[0] === field,
    )?.meta_data;
    if (chunk === undefined) throw new Error('a row group of it does not have the column');
    const { type, codec } = chunk;
    if (type !== 'INT64' && type !== 'INT32') throw new Error('the column holds no integers');
    // The kernel knows two codecs; anything else is for parquet-wasm.
    if (codec !== 'UNCOMPRESSED' && codec !== 'SNAPPY') throw new PageFault(-2);
    const dataFrom = Number(chunk.data_page_offset);
    const from = Math.min(dataFrom, Number(chunk.dictionary_page_offset ?? dataFrom));
    return {
      kind: { type, codec, optional: element.repetition_type === 'OPTIONAL' },
      from,
      to: from + Number(chunk.total_compressed_size),
      rows: Number(chunk.num_values),
    };
  });
}

function sumColumnChunk(fd: number, { kind, from, to, rows }: ColumnChunk): bigint {
  const { input } = kernels;
  const summer = columnChunkSummer(kernels, kind);
  let used = 0;
  for (const piece of readPieces(fd, input, { from, to }, input.length)) {
    piece.used = summer.addPages(piece.length);
    used += piece.used;
  }
  const sum = summer.result();
  if (used !== to - from || sum.rows !== rows) throw new Error('a page of it is cut off');
  return sum.total;
}
