import { parquetMetadata } from 'hyparquet';
import { columnChunkSummer, compileKernels, createKernels } from '../dist/index.js';

const kernels = createKernels(await compileKernels());

/** The sum of the first column of a whole Parquet file, by the kernel. */
export function sumFirstColumn(file: Uint8Array) {
  const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.length) as ArrayBuffer;
  const metadata = parquetMetadata(bytes);
  let total = 0n;
  let rows = 0;
  let nonNull = 0;
  for (const { columns } of metadata.row_groups) {
    const chunk = columns[0]?.meta_data;
    if (chunk === undefined) throw new Error('the row group has no column');
    const { type, codec } = chunk;
    if (type !== 'INT32' && type !== 'INT64') throw new Error(`the column is ${type}`);
    if (codec !== 'UNCOMPRESSED' && codec !== 'SNAPPY') throw new Error(`the codec is ${codec}`);
    const optional = metadata.schema[1]?.repetition_type === 'OPTIONAL';
    const summer = columnChunkSummer(kernels, { type, codec, optional });
    const from = Number(chunk.dictionary_page_offset ?? chunk.data_page_offset);
    const start = Math.min(from, Number(chunk.data_page_offset));
    feed(file.subarray(start, start + Number(chunk.total_compressed_size)), summer.addPages);
    const sum = summer.result();
    if (BigInt(sum.rows) !== chunk.num_values) throw new Error(`${sum.rows} rows`);
    total += sum.total;
    rows += sum.rows;
    nonNull += sum.nonNull;
  }
  return { total, rows, nonNull };
}

/** The sum of a column chunk's bytes, as far as whole pages are in them. */
export function sumColumnChunk(
  bytes: Uint8Array,
  { int32, snappy }: { readonly int32: boolean; readonly snappy: boolean },
): bigint {
  const type = int32 ? 'INT32' : 'INT64';
  const codec = snappy ? 'SNAPPY' : 'UNCOMPRESSED';
  const summer = columnChunkSummer(kernels, { type, codec, optional: true });
  kernels.input.set(bytes);
  summer.addPages(bytes.length);
  return summer.result().total;
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
