import { readSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { type RecordBatch, Table, tableFromIPC, tableToIPC } from 'apache-arrow';
import {
  Compression,
  EnabledStatistics,
  Encoding,
  initSync,
  ParquetFile,
  transformParquetStream,
  Table as WasmTable,
  type WriterProperties,
  WriterPropertiesBuilder,
} from 'parquet-wasm/esm';
import type { TableField } from './schema.js';

// Compiled once by the main thread and shared: eight threads that each compile it take 50 MB more.
initSync({ module: (workerData as { parquetModule: WebAssembly.Module }).parquetModule });

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
  for (const { field, type } of fields) {
    if (type !== 'long') continue;
    builder = builder
      .setColumnDictionaryEnabled(field, false)
      .setColumnEncoding(field, Encoding.DELTA_BINARY_PACKED)
      .setColumnCompression(field, Compression.UNCOMPRESSED);
  }
  return builder.build();
}

/**
 * Writes record batches as one Parquet file, each batch a row group, and resolves to its rows.
 *
 * There must be at least one batch (it may be empty); only one is in memory at a time. `write`
 * receives the file's bytes in order. Whatever `batches` throws is thrown on.
 */
export async function writeParquet(
  batches: Iterable<RecordBatch>,
  fields: readonly TableField[],
  rowGroupRows: number,
  write: (bytes: Uint8Array) => void,
): Promise<number> {
  const iterator = batches[Symbol.iterator]();
  let rows = 0;
  let failure: { readonly error: unknown } | undefined;
  const input = new ReadableStream(
    {
      pull(controller) {
        try {
          const { value, done } = iterator.next();
          if (done) return controller.close();
          rows += value.numRows;
          const ipc = tableToIPC(new Table(value.schema, [value]), 'stream');
          for (const batch of WasmTable.fromIPCStream(ipc).recordBatches()) {
            controller.enqueue(batch);
          }
        } catch (error) {
          // The stream drops errors of its source, so the error is kept and the file given up.
          failure = { error };
          controller.close();
        }
      },
    },
    { highWaterMark: 0 },
  );
  const output = await transformParquetStream(input, writerProperties(fields, rowGroupRows));
  for await (const bytes of output) write(bytes);
  if (failure !== undefined) throw failure.error;
  return rows;
}

/** The part of a Blob that parquet-wasm reads a file through: synchronous positioned reads. */
class FileBlob {
  constructor(
    private readonly fd: number,
    readonly size: number,
    private readonly onRead: (bytes: number) => void,
  ) {}

  slice(from = 0, to = this.size): { arrayBuffer(): Promise<ArrayBuffer> } {
    const bytes = new Uint8Array(Math.max(0, Math.min(to, this.size) - from));
    let filled = 0;
    while (filled < bytes.length) {
      const read = readSync(this.fd, bytes, filled, bytes.length - filled, from + filled);
      if (read === 0) break;
      filled += read;
    }
    this.onRead(filled);
    return { arrayBuffer: async () => bytes.buffer };
  }
}

/** A Parquet file that is open for reading single columns. */
export interface ParquetReader {
  readonly rows: number;
  /** The exact sum of an INT64 column; nulls add nothing. Reads no bytes of other columns. */
  sumLongs(column: string): Promise<bigint>;
}

/** Rows that are decoded at a time. */
const batchSize = 65_536;

/** Reads the footer of the Parquet file `fd` of `size` bytes; `onRead` is told of every read. */
export async function openParquet(
  fd: number,
  size: number,
  onRead: (bytes: number) => void = () => {},
): Promise<ParquetReader> {
  const file = await ParquetFile.fromFile(new FileBlob(fd, size, onRead) as unknown as Blob);
  const metadata = file.metadata();
  const rowGroups = metadata.numRowGroups();
  return {
    rows: metadata.fileMetadata().numRows(),
    async sumLongs(column) {
      let total = 0n;
      for (let group = 0; group < rowGroups; group++) {
        const read = await file.read({ columns: [column], rowGroups: [group], batchSize });
        const table = tableFromIPC(read.intoIPCStream());
        const vector = table.getChild(column);
        if (vector === null) throw new Error(`the file has no column ${JSON.stringify(column)}`);
        for (const { values, length, nullCount, nullBitmap } of vector.data) {
          if (!(values instanceof BigInt64Array)) {
            throw new Error(`the column ${JSON.stringify(column)} is not INT64`);
          }
          total += sumOf(values, length, nullCount > 0 ? nullBitmap : undefined);
        }
      }
      return total;
    },
  };
}

// The halves are added as doubles, which are exact up to 2^53: a batch has fewer than 2^21
// values of 32 bits each. Adding bigints one by one is ten times slower.
function sumOf(values: BigInt64Array, length: number, validity: Uint8Array | undefined): bigint {
  const halves = new Int32Array(values.buffer, values.byteOffset, length * 2);
  let low = 0;
  let high = 0;
  for (let i = 0; i < length; i++) {
    if (validity !== undefined && (((validity[i >> 3] as number) >> (i & 7)) & 1) === 0) continue;
    low += (halves[2 * i] as number) >>> 0;
    high += halves[2 * i + 1] as number;
  }
  return BigInt(high) * 4_294_967_296n + BigInt(low);
}
