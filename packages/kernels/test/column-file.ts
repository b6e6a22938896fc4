import { parquetMetadata } from 'hyparquet';
import {
  type ColumnChunkKind,
  type ColumnChunkReader,
  columnChunkAggregator,
  columnChunkSummer,
  compileKernels,
  createKernels,
  PageFault,
} from '../dist/index.js';

const kernels = createKernels(await compileKernels());

/** A column chunk as it is in a file. */
export interface ColumnChunkBytes {
  readonly column: string;
  readonly kind: ColumnChunkKind;
  readonly bytes: Uint8Array;
  /** Its values, nulls included. */
  readonly rows: number;
}

/** The column chunks of a whole Parquet file of columns of integers. */
export function columnChunks(file: Uint8Array): ColumnChunkBytes[] {
  const { row_groups, schema } = parquetMetadata(arrayBuffer(file));
  return row_groups.flatMap(({ columns }) =>
    columns.map(({ meta_data: chunk }, i) => {
      if (chunk === undefined) throw new Error('the column has no metadata');
      const { type, codec } = chunk;
      if (type !== 'INT32' && type !== 'INT64') throw new Error(`the column is ${type}`);
      if (codec !== 'UNCOMPRESSED' && codec !== 'SNAPPY') throw new Error(`the codec is ${codec}`);
      const optional = schema[i + 1]?.repetition_type === 'OPTIONAL';
      const dataFrom = Number(chunk.data_page_offset);
      // DuckDB writes 0 where there is no dictionary.
      const from = Math.min(dataFrom, Number(chunk.dictionary_page_offset || dataFrom));
      return {
        column: String(chunk.path_in_schema[0]),
        kind: { type, codec, optional },
        bytes: file.subarray(from, from + Number(chunk.total_compressed_size)),
        rows: Number(chunk.num_values),
      };
    }),
  );
}

export function arrayBuffer(file: Uint8Array): ArrayBuffer {
  return file.buffer.slice(file.byteOffset, file.byteOffset + file.length) as ArrayBuffer;
}

/** The sum of the first column of a whole Parquet file, by the kernel. */
export function sumFirstColumn(file: Uint8Array) {
  const chunks = columnChunks(file);
  return sumChunks(chunks.filter(({ column }) => column === chunks[0]?.column));
}

/** The sum of the chunks of a column, by the kernel, which must find as many rows as there are. */
export function sumChunks(chunks: readonly ColumnChunkBytes[], pieceBytes?: number) {
  let total = 0n;
  let rows = 0;
  let nonNull = 0;
  for (const chunk of chunks) {
    const summer = columnChunkSummer(kernels, chunk.kind);
    feed(chunk.bytes, summer.addPages, pieceBytes);
    const sum = summer.result();
    if (sum.rows !== chunk.rows) throw new Error(`${sum.rows} rows, not ${chunk.rows}`);
    total += sum.total;
    rows += sum.rows;
    nonNull += sum.nonNull;
  }
  return { total, rows, nonNull };
}

/** What each chunk of the first column of a whole Parquet file comes to, by the kernel. */
export function aggregateFirstColumn(file: Uint8Array) {
  const chunks = columnChunks(file);
  return chunks
    .filter(({ column }) => column === chunks[0]?.column)
    .map((chunk) => {
      const aggregator = columnChunkAggregator(kernels, chunk.kind);
      feed(chunk.bytes, aggregator.addPages);
      return aggregator.result();
    });
}

/**
 * The sum of a column chunk's bytes, as far as whole pages are in them. Throws PageFault, and an
 * Error if the aggregate does not come to the same.
 */
export function sumPages(bytes: Uint8Array, kind: ColumnChunkKind) {
  const take = <T>(reader: ColumnChunkReader<T>) => {
    kernels.input.set(bytes);
    const used = reader.addPages(bytes.length);
    return { ...reader.result(), used };
  };
  const attempt = <T>(make: () => T): T | PageFault => {
    try {
      return make();
    } catch (error) {
      if (error instanceof PageFault) return error;
      throw error;
    }
  };
  const all = attempt(() => take(columnChunkAggregator(kernels, kind)));
  const sum = attempt(() => take(columnChunkSummer(kernels, kind)));
  if (sum instanceof PageFault || all instanceof PageFault) {
    if (String(sum) !== String(all)) throw new Error(`the aggregate is ${all}, the sum ${sum}`);
    throw sum;
  }
  const total = all.longs?.sum ?? 0n;
  for (const [one, other] of [
    [total, sum.total],
    [all.rows, sum.rows],
    [all.nonNull, sum.nonNull],
    [all.used, sum.used],
  ]) {
    if (one !== other) throw new Error(`the aggregate has ${one}, the sum ${other}`);
  }
  return sum;
}

/** Hands bytes to a kernel in pieces of at most its input. */
export function feed(
  bytes: Uint8Array,
  add: (length: number, isLast: boolean) => number,
  pieceBytes = kernels.input.length,
): void {
  let offset = 0;
  let kept = 0;
  do {
    const piece = bytes.subarray(offset, offset + Math.max(1, pieceBytes - kept));
    kernels.input.set(piece, kept);
    offset += piece.length;
    const length = kept + piece.length;
    const used = add(length, offset === bytes.length);
    kernels.input.copyWithin(0, used, length);
    kept = length - used;
    if (kept === kernels.input.length) throw new Error('a page or field is longer than the input');
  } while (offset < bytes.length);
  if (kept > 0) throw new Error(`${kept} bytes are left over`);
}

export { kernels };
