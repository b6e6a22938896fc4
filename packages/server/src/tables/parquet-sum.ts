import { fstatSync } from 'node:fs';
import {
  type ColumnChunkKind,
  type ColumnChunkReader,
  columnChunkSummer,
  PageFault,
  type ReadValues,
} from '@tally/kernels';
import { kernels, readPieces, upTo } from './kernel.js';
import type { ParquetReader } from './parquet.js';
import { type ColumnRange, startOf } from './parquet-file.js';
import { type Footer, readFooter } from './read-footer.js';

/**
 * The exact sum of an integer column of a Parquet file; nulls add nothing.
 *
 * Reads the column's bytes at `ranges`, nothing of other columns; the footer only where ranges are
 * not known. Columns that the kernel does not know are summed by parquet-wasm. Throws an Error
 * that says what is damaged.
 */
export async function sumParquetColumn(
  fd: number,
  field: string,
  ranges: readonly ColumnRange[] | undefined,
  throwIfStopped: () => void,
): Promise<bigint> {
  const sumChunks = (chunks: readonly ColumnChunk[]) => {
    let total = 0n;
    for (const chunk of chunks) {
      throwIfStopped();
      total += readColumnChunk(fd, chunk, columnChunkSummer(kernels, chunk.kind)).total;
    }
    return total;
  };
  return readLongs(fd, field, ranges, sumChunks, (parquet) => parquet.sumLongs(field));
}

/**
 * Reads a column of integers through the kernel, at `ranges` or where the footer says; through
 * parquet-wasm what the kernel does not know.
 */
export async function readLongs<T>(
  fd: number,
  field: string,
  ranges: readonly ColumnRange[] | undefined,
  readChunks: (chunks: readonly ColumnChunk[]) => T,
  readOther: (parquet: ParquetReader) => Promise<T>,
): Promise<T> {
  if (ranges !== undefined) return readChunks(ranges.map((range) => ({ ...range, kind: written })));
  const footer = readFooter(fd);
  try {
    return readChunks(columnChunks(footer, field));
  } catch (error) {
    if (!(error instanceof PageFault && error.isUnsupported)) throw error;
    return withParquet(fd, readOther);
  }
}

/** How Tally writes a column of integers. */
const written: ColumnChunkKind = { type: 'INT64', codec: 'UNCOMPRESSED', optional: true };

/** Throws an Error if a page of a column that Tally has written as integers is not as it was. */
export function checkPages(fd: number, range: ColumnRange, type: 'INT32' | 'INT64'): void {
  const kind = { ...written, type };
  // To add up what is there is the fastest way through pages that compares their checksums.
  readColumnChunk(fd, { ...range, kind }, columnChunkSummer(kernels, kind));
}

/** Where each column is that Tally has written as it writes integers, by field. */
export function readColumnRanges(fd: number): Map<string, ColumnRange[]> {
  const footer = readFooter(fd);
  const found = new Map<string, ColumnRange[]>();
  for (const { name, type, num_children } of footer.schema) {
    if (type !== 'INT64' || num_children) continue;
    try {
      const chunks = columnChunks(footer, name);
      const isWritten = ({ kind }: ColumnChunk) => kind.codec === written.codec && kind.optional;
      if (!chunks.every(isWritten)) continue;
      found.set(
        name,
        chunks.map(({ from, bytes, values }) => ({ from, bytes, values })),
      );
    } catch (error) {
      if (!(error instanceof PageFault)) throw error;
    }
  }
  return found;
}

/** Opens a Parquet file with parquet-wasm for as long as `use` takes. */
export async function withParquet<T>(
  fd: number,
  use: (parquet: ParquetReader) => Promise<T>,
): Promise<T> {
  // Loaded where it is needed only: parquet-wasm takes 10 MB a thread.
  const { openParquet } = await import('./parquet.js');
  const parquet = await openParquet(fd, fstatSync(fd).size);
  try {
    return await use(parquet);
  } finally {
    parquet.close();
  }
}

/** Where a column's bytes are in one row group, and how they are to be read. */
export interface ColumnChunk extends ColumnRange {
  readonly kind: ColumnChunkKind;
}

function columnChunks(footer: Footer, field: string): ColumnChunk[] {
  const element = footer.schema.find(({ name }, i) => i > 0 && name === field);
  return footer.columnOf(field).map((chunk) => {
    const { type, codec } = chunk;
    if (type !== 'INT64' && type !== 'INT32') throw new Error('the column holds no integers');
    // The kernel knows two codecs; anything else is for parquet-wasm.
    if (codec !== 'UNCOMPRESSED' && codec !== 'SNAPPY') throw new PageFault(-2);
    return {
      kind: { type, codec, optional: element?.repetition_type === 'OPTIONAL' },
      from: Number(startOf(chunk)),
      bytes: Number(chunk.total_compressed_size),
      values: Number(chunk.num_values),
    };
  });
}

/** Reads the bytes of a column chunk through the kernel: all of them, and as many values. */
export function readColumnChunk<T>(
  fd: number,
  { from, bytes, values }: ColumnChunk,
  reader: ColumnChunkReader<T>,
): ReadValues & T {
  const { input } = kernels;
  let used = 0;
  for (const piece of readPieces(fd, input, from, upTo(from + bytes), input.length)) {
    piece.used = reader.addPages(piece.length);
    used += piece.used;
  }
  const result = reader.result();
  if (used !== bytes || result.rows !== values) throw new Error('a page of it is cut off');
  return result;
}
