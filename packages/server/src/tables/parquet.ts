import { readFileSync, readSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { workerData } from 'node:worker_threads';
import {
  Compression,
  EnabledStatistics,
  initSync,
  ParquetFile,
  Table,
  transformParquetStream,
  type WriterProperties,
  WriterPropertiesBuilder,
  wasmMemory,
} from 'parquet-wasm/esm';

// Objects of parquet-wasm live in its own memory, which the garbage collector does not see: each
// is freed here when it is done with, unless the call that it goes into takes it over.

// Compiled once by the main thread and shared: eight threads that each compile it take 50 MB more.
// A check of a data folder, which hardly ever needs it, has it compiled here.
const { parquetModule } = workerData as { parquetModule?: WebAssembly.Module };
initSync({ module: parquetModule ?? readFileSync(wasmFile()) });

function wasmFile(): string {
  return fileURLToPath(import.meta.resolve('parquet-wasm/esm/parquet_wasm_bg.wasm'));
}

/** A dictionary and zstd: near the smallest on every distribution that was measured. */
function writerProperties(rows: number): WriterProperties {
  return new WriterPropertiesBuilder()
    .setCreatedBy('tally')
    .setMaxRowGroupSize(rows)
    .setStatisticsEnabled(EnabledStatistics.Chunk)
    .setDictionaryEnabled(true)
    .setCompression(Compression.ZSTD)
    .build();
}

/**
 * Writes a Parquet file of one row group, with `rows` rows.
 *
 * `batches` are record batches in Arrow's IPC stream format, of which only one is in memory at a
 * time. Whatever `batches` throws is thrown on. Compare the rows of the file with what went in:
 * parquet-wasm's streaming writer drops some errors.
 */
export async function writeParquet(
  batches: Iterable<Uint8Array>,
  rows: number,
): Promise<Uint8Array<ArrayBuffer>> {
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
  try {
    const output = await transformParquetStream(input, writerProperties(rows));
    const file = new Uint8Array(await new Response(output).arrayBuffer());
    if (failure === undefined) return file;
  } catch (error) {
    failure ??= { error };
  }
  throw failure.error;
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
  const rowGroups = countRowGroups(file);
  return {
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

function countRowGroups(file: ParquetFile): number {
  const metadata = file.metadata();
  const count = metadata.numRowGroups();
  metadata.free();
  return count;
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
