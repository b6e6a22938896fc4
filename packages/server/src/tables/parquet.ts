import { readSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import {
  Compression,
  EnabledStatistics,
  Encoding,
  initSync,
  ParquetFile,
  Table,
  transformParquetStream,
  type WriterProperties,
  WriterPropertiesBuilder,
  wasmMemory,
} from 'parquet-wasm/esm';
import type { TableField } from './schema.js';

// Objects of parquet-wasm live in its own memory, which the garbage collector does not see: each
// is freed here when it is done with, unless the call that it goes into takes it over.

// Compiled once by the main thread and shared: eight threads that each compile it take 50 MB more.
const wasm = initSync({
  module: (workerData as { parquetModule: WebAssembly.Module }).parquetModule,
});

/** Integer columns of one file that are delta-encoded: the encoder of each takes 1 MiB. */
const deltaColumnsMax = 1000;

/**
 * Integers are delta-encoded and not compressed: the fastest to sum, and the smallest or near it
 * on every distribution that was measured. Other columns get a dictionary and zstd.
 */
function writerProperties(fields: readonly TableField[], rowGroupRows: number): WriterProperties {
  let builder = new WriterPropertiesBuilder()
    .setCreatedBy('tally')
    .setMaxRowGroupSize(rowGroupRows)
    .setStatisticsEnabled(EnabledStatistics.Chunk)
    .setDictionaryEnabled(true)
    .setCompression(Compression.ZSTD);
  let deltaColumns = 0;
  for (const { field, type } of fields) {
    if (type !== 'long') continue;
    builder = builder.setColumnDictionaryEnabled(field, false);
    if (++deltaColumns > deltaColumnsMax) continue;
    builder = builder
      .setColumnEncoding(field, Encoding.DELTA_BINARY_PACKED)
      .setColumnCompression(field, Compression.UNCOMPRESSED);
  }
  return builder.build();
}

/** The largest allocation of a 32-bit program in Rust. */
const allocationBytesMax = 2 ** 31 - 1024;

/**
 * Makes parquet-wasm's memory large enough to write these fields, in one step.
 *
 * It grows by 64 KiB at a time otherwise, and V8 collects all garbage each time: the first chunk
 * of 2,000 columns took a thread half a minute. What is not used is never backed by real memory.
 */
function reserveMemory(fields: readonly TableField[]): void {
  const integers = fields.filter(({ type }) => type === 'long').length;
  const wanted = Math.min(integers, deltaColumnsMax) * 1_200_000 + fields.length * 400_000;
  const bytes = Math.min(wanted, allocationBytesMax);
  if (wasm.memory.buffer.byteLength >= bytes) return;
  try {
    wasm.__wbindgen_free(wasm.__wbindgen_malloc(bytes, 8), bytes, 8);
  } catch {
    // Not in one piece: then it grows in small steps, as far as it can.
  }
}

/**
 * Writes one Parquet file, in row groups of `rowGroupRows` rows.
 *
 * `batches` are record batches in Arrow's IPC stream format; there must be at least one (it may
 * be empty), and only one is in memory at a time. `write` receives the file's bytes in order.
 * Whatever `batches` throws is thrown on. Compare the rows of the file with what went in:
 * parquet-wasm's streaming writer drops some errors.
 */
export async function writeParquet(
  batches: Iterable<Uint8Array>,
  fields: readonly TableField[],
  rowGroupRows: number,
  write: (bytes: Uint8Array) => void,
): Promise<void> {
  const iterator = batches[Symbol.iterator]();
  let failure: { readonly error: unknown } | undefined;
  const input = new ReadableStream(
    {
      pull(controller) {
        try {
          const { value, done } = iterator.next();
          if (done) return controller.close();
          const table = Table.fromIPCStream(value);
          for (const batch of table.recordBatches()) controller.enqueue(batch);
          table.free();
        } catch (error) {
          // The writer drops the errors of its source, so this one is kept here.
          failure = { error };
          controller.close();
        }
      },
    },
    { highWaterMark: 0 },
  );
  reserveMemory(fields);
  try {
    const output = await transformParquetStream(input, writerProperties(fields, rowGroupRows));
    for await (const bytes of output) write(bytes);
  } catch (error) {
    failure ??= { error };
  }
  if (failure !== undefined) throw failure.error;
}

/** The part of a Blob that parquet-wasm reads a file through: synchronous positioned reads. */
class FileBlob {
  constructor(
    private readonly fd: number,
    readonly size: number,
  ) {}

  slice(from = 0, to = this.size): { arrayBuffer(): Promise<ArrayBuffer> } {
    const bytes = new Uint8Array(Math.max(0, Math.min(to, this.size) - from));
    let filled = 0;
    while (filled < bytes.length) {
      const read = readSync(this.fd, bytes, filled, bytes.length - filled, from + filled);
      if (read === 0) break;
      filled += read;
    }
    return { arrayBuffer: async () => bytes.buffer };
  }
}

/** A Parquet file that is open for reading single columns. */
export interface ParquetReader {
  readonly rows: number;
  /** The exact sum of an INT64 column; nulls add nothing. Reads no bytes of other columns. */
  sumLongs(column: string): Promise<bigint>;
  /** Gives the reader's memory back. */
  close(): void;
}

/** Rows that are decoded at a time. */
const batchSize = 65_536;

/** Reads the footer of the Parquet file `fd` of `size` bytes. */
export async function openParquet(fd: number, size: number): Promise<ParquetReader> {
  const file = await ParquetFile.fromFile(new FileBlob(fd, size) as unknown as Blob);
  const { rowGroups, rows } = readFooter(file);
  return {
    rows,
    async sumLongs(column) {
      let total = 0n;
      for (let group = 0; group < rowGroups; group++) {
        const table = await file.read({ columns: [column], rowGroups: [group], batchSize });
        for (const batch of table.recordBatches()) {
          const columns = batch.intoFFI();
          total += sumOnlyColumn(wasmMemory().buffer, columns.schemaAddr(), columns.arrayAddr());
          columns.free();
        }
        table.free();
      }
      return total;
    },
    close: () => file.free(),
  };
}

function readFooter(file: ParquetFile): { rowGroups: number; rows: number } {
  const metadata = file.metadata();
  const fileMetadata = metadata.fileMetadata();
  const footer = { rowGroups: metadata.numRowGroups(), rows: fileMetadata.numRows() };
  fileMetadata.free();
  metadata.free();
  return footer;
}

// The column is summed where parquet-wasm has decoded it, in the structures of Arrow's C data
// interface (https://arrow.apache.org/docs/format/CDataInterface.html) with 32-bit pointers.
// Copied out, each column would be garbage of megabytes in each of eight threads.

/** The exact sum of the one column of a record batch in parquet-wasm's memory; it must be INT64. */
function sumOnlyColumn(memory: ArrayBuffer, schemaAddress: number, arrayAddress: number): bigint {
  const view = new DataView(memory);
  const pointer = (address: number) => view.getUint32(address, true);
  const integer = (address: number) => Number(view.getBigInt64(address, true));
  const schema = { children: pointer(schemaAddress + 32), childCount: integer(schemaAddress + 24) };
  if (schema.childCount !== 1) throw new Error('the file does not have the column');
  const format = pointer(pointer(schema.children));
  if (pointer(format) % 65_536 !== int64Format) throw new Error('the column is not INT64');

  const array = pointer(pointer(arrayAddress + 44));
  const length = integer(array);
  const nulls = integer(array + 8);
  const offset = integer(array + 16);
  const buffers = pointer(array + 40);
  const [validityAddress, valuesAddress] = [pointer(buffers), pointer(buffers + 4)];
  const halves = new Int32Array(memory, valuesAddress + offset * 8, length * 2);
  if (nulls === 0 || validityAddress === 0) return sumHalves(halves, length, () => true);
  const validity = new Uint8Array(memory, validityAddress, (offset + length + 7) >> 3);
  const isValid = (i: number) =>
    (((validity[(offset + i) >> 3] as number) >> ((offset + i) & 7)) & 1) === 1;
  return sumHalves(halves, length, isValid);
}

/** The format string "l" (int64) with its end, as a little-endian 16-bit number. */
const int64Format = 0x6c;

// The halves of the values are added as doubles, which are exact up to 2^53: a batch has fewer
// than 2^21 values of 32 bits each. Adding bigints one by one is ten times slower.
function sumHalves(halves: Int32Array, length: number, isValid: (i: number) => boolean): bigint {
  let low = 0;
  let high = 0;
  for (let i = 0; i < length; i++) {
    if (!isValid(i)) continue;
    low += (halves[2 * i] as number) >>> 0;
    high += halves[2 * i + 1] as number;
  }
  return BigInt(high) * 4_294_967_296n + BigInt(low);
}
