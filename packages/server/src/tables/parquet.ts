import { readFileSync, readSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { workerData } from 'node:worker_threads';
import type { ReadValues } from '@tally/kernels';
import {
  Compression,
  EnabledStatistics,
  initSync,
  ParquetFile,
  type ReaderOptions,
  Table,
  transformParquetStream,
  type WriterProperties,
  WriterPropertiesBuilder,
  wasmMemory,
} from 'parquet-wasm/esm';
import { type ColumnInMemory, columnsInMemory, validityOf, valuesOf } from './arrow-memory.js';

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

/** A Parquet file that is open for reading single columns, none of whose bytes are read besides. */
export interface ParquetReader {
  /** The exact sum of an INT64 column; nulls add nothing. */
  sumLongs(column: string): Promise<bigint>;
  /**
   * Copies the values of a column to `target`, nulls left out, some at a time, for which `take` is
   * called with how many they are. There must be room for `batchSize` of them.
   */
  readValues(
    column: string,
    type: 'INT64' | 'DOUBLE',
    target: Uint8Array,
    take: (count: number) => void,
  ): Promise<ReadValues>;
  /** How many row groups there are. */
  readonly rowGroups: number;
  /** How many rows a row group has. */
  rowsOf(rowGroup: number): number;
  /**
   * Reads columns of some rows of a row group, in batches that hold until `take` returns, with the
   * columns in the order of the file.
   */
  readRows(
    columns: readonly string[],
    rowGroup: number,
    from: number,
    rows: number,
    take: (batch: readonly ColumnInMemory[]) => void,
  ): Promise<void>;
  /** How many values a column of any type has. */
  countValues(column: string, throwIfStopped: () => void): Promise<ReadValues>;
  /** Gives the reader's memory back. */
  close(): void;
}

/** Rows that are decoded at a time. */
const batchSize = 65_536;

/** Reads the footer of the Parquet file `fd` of `size` bytes. */
export async function openParquet(fd: number, size: number): Promise<ParquetReader> {
  const blob = new FileBlob(fd, size) as unknown as Blob;
  const file = await settled(ParquetFile.fromFile(blob));
  const rowGroups = countRowGroups(file);

  async function readBatches(
    options: ReaderOptions,
    take: (batch: readonly ColumnInMemory[]) => void,
  ): Promise<void> {
    const table = await settled(file.read({ ...options, batchSize }));
    try {
      for (const batch of table.recordBatches()) {
        const columns = batch.intoFFI();
        try {
          const { buffer } = wasmMemory();
          take(columnsInMemory(buffer, columns.schemaAddr(), columns.arrayAddr()));
        } finally {
          columns.free();
        }
      }
    } finally {
      table.free();
    }
  }

  async function forEachBatch(
    column: string,
    take: (batch: ColumnInMemory) => void,
  ): Promise<ReadValues> {
    let rows = 0;
    let nulls = 0;
    for (let group = 0; group < rowGroups; group++) {
      await readBatches({ columns: [column], rowGroups: [group] }, ([only, ...others]) => {
        if (only === undefined || others.length > 0) {
          throw new Error('the file does not have the column');
        }
        rows += only.length;
        nulls += only.nulls;
        take(only);
      });
    }
    return { rows, nonNull: rows - nulls };
  }

  return {
    async sumLongs(column) {
      let total = 0n;
      await forEachBatch(column, (batch) => {
        total += sumOf(batch);
      });
      return total;
    },
    readValues: (column, type, target, take) =>
      forEachBatch(column, (batch) => take(copyValues(batch, type, target))),
    countValues: (column, throwIfStopped) => forEachBatch(column, throwIfStopped),
    rowGroups,
    rowsOf: (rowGroup) => countRows(file, rowGroup),
    readRows(columns, rowGroup, from, rows, take) {
      const options = { columns: [...columns], rowGroups: [rowGroup] };
      const isWhole = from === 0 && rows === countRows(file, rowGroup);
      return readBatches(isWhole ? options : { ...options, offset: from, limit: rows }, take);
    },
    close: () => file.free(),
  };
}

/** Far more than a row group takes. */
const settleMsMax = 60_000;

/**
 * Waits for parquet-wasm, for so long. A damaged page can make it panic: then the promise is never
 * settled, nor is any later one, so that the thread has to end. Most often the panic itself ends
 * it, as an exception that nothing can catch; otherwise this does.
 */
async function settled<T>(promise: Promise<T>): Promise<T> {
  const timer = setTimeout(() => {
    throw new Error(`parquet-wasm has not answered in ${settleMsMax} ms`);
  }, settleMsMax);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

function countRows(file: ParquetFile, rowGroup: number): number {
  const metadata = file.metadata();
  const group = metadata.rowGroup(rowGroup);
  const count = group.numRows();
  group.free();
  metadata.free();
  return count;
}

function countRowGroups(file: ParquetFile): number {
  const metadata = file.metadata();
  const count = metadata.numRowGroups();
  metadata.free();
  return count;
}

/** The format strings of Arrow's int64 and double. */
const formats = { INT64: 'l', DOUBLE: 'g' };

/** Whether each value is not null; undefined if none is. */
function isValidIn(column: ColumnInMemory): ((i: number) => boolean) | undefined {
  const validity = validityOf(column);
  if (validity === undefined) return undefined;
  return (i) => (((validity[i >> 3] as number) >> (i & 7)) & 1) === 1;
}

function halvesOf(column: ColumnInMemory, type: keyof typeof formats): Int32Array {
  if (column.format !== formats[type]) throw new Error(`the column is not ${type}`);
  const { buffer, byteOffset, byteLength } = valuesOf(column, 8);
  return new Int32Array(buffer, byteOffset, byteLength / 4);
}

/** Copies the values that are not null to `target`; returns how many they are. */
function copyValues(
  batch: ColumnInMemory,
  type: keyof typeof formats,
  { buffer, byteOffset, byteLength }: Uint8Array,
): number {
  const { length } = batch;
  const values = halvesOf(batch, type);
  if (values.byteLength > byteLength) throw new RangeError('there is no room for a batch');
  const target = new Int32Array(buffer, byteOffset, values.length);
  const isValid = isValidIn(batch);
  if (isValid === undefined) {
    target.set(values);
    return length;
  }
  let count = 0;
  for (let i = 0; i < length; i++) {
    if (!isValid(i)) continue;
    target[2 * count] = values[2 * i] as number;
    target[2 * count + 1] = values[2 * i + 1] as number;
    count++;
  }
  return count;
}

// The halves of the values are added as doubles, which are exact up to 2^53: a batch has fewer
// than 2^21 values of 32 bits each. Adding bigints one by one is ten times slower.
function sumOf(batch: ColumnInMemory): bigint {
  const halves = halvesOf(batch, 'INT64');
  const isValid = isValidIn(batch) ?? (() => true);
  let low = 0;
  let high = 0;
  for (let i = 0; i < batch.length; i++) {
    if (!isValid(i)) continue;
    low += (halves[2 * i] as number) >>> 0;
    high += halves[2 * i + 1] as number;
  }
  return BigInt(high) * 4_294_967_296n + BigInt(low);
}
