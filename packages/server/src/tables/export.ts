import { closeSync, fstatSync, openSync } from 'node:fs';
import { move, transferableSymbol, valueSymbol } from 'piscina';
import {
  type ArrowColumn,
  type BatchColumn,
  batchMessage,
  nullColumn,
  parquetColumn,
  schemaMessage,
  valueBytes,
} from './arrow-ipc.js';
import type { ColumnInMemory } from './arrow-memory.js';
import type { ChunkLimits } from './csv-faults.js';
import type { CsvPosition } from './csv-reader.js';
import { type CsvTexts, readCsvTexts, type TextColumn } from './csv-texts.js';
import { checkFileCrc32c } from './file-checksum.js';
import { type FileFault, faultOf } from './file-fault.js';
import type { ParquetReader } from './parquet.js';
import type { ColumnRange } from './parquet-file.js';
import { checkPages } from './parquet-sum.js';
import { type Stop, throwIfStopped } from './stop.js';

/** A column in Parquet. */
interface FieldSource {
  readonly field: string;
  /** Where its pages are that have checksums, if it has any. */
  readonly ranges: readonly ColumnRange[] | undefined;
}

/** Where a chunk has a column of the stream: by its field in Parquet, by its place in CSV, or not. */
export type ColumnSource = FieldSource | { readonly place: number } | null;

/** A chunk that is to be exported. */
export interface ExportChunk {
  readonly csvPath: string;
  readonly parquetPath: string;
  readonly rows: number;
  /** How many columns its CSV header has. */
  readonly csvColumns: number;
  /** Of each column of the stream. */
  readonly sources: readonly ColumnSource[];
  /** What the checksums must be; undefined if they are not to be checked. */
  readonly csvCrc32c?: number | undefined;
  readonly parquetCrc32c?: number | undefined;
}

/** How far a chunk has been exported. */
export interface ChunkPosition {
  readonly rowGroup: number;
  /** Rows of the row group that are done. */
  readonly row: number;
  /** Where the next row is in the CSV file, if that is read. */
  readonly csv: CsvPosition | undefined;
}

/** Has a thread make the next messages of an Arrow IPC stream. */
export interface ExportTask {
  readonly columns: readonly ArrowColumn[];
  readonly chunks: readonly ExportChunk[];
  /** Where to begin in the first chunk; undefined: at its beginning. */
  readonly from: ChunkPosition | undefined;
  /** Whether the stream begins here. */
  readonly isFirst: boolean;
  /** Once the messages have so many bytes, no more is read. */
  readonly bytesWanted: number;
  /** What the rows of a part may take beside what the row group has of them in Parquet. */
  readonly bytesMax: number;
  readonly limits: ChunkLimits;
  readonly stop: Stop;
}

/** Messages of a stream, and where it goes on. */
export interface ExportedPart {
  readonly messages: readonly Uint8Array<ArrayBuffer>[];
  /** The chunk of the task to go on with; as many as there are if all are done. */
  readonly nextChunk: number;
  readonly next: ChunkPosition | undefined;
}

/** Does a task; its messages are moved to the caller, not copied. */
export async function movedPart(task: ExportTask): Promise<unknown> {
  const part = await exportPart(task);
  if ('fault' in part) return part;
  const buffers = part.messages.map(({ buffer }) => buffer);
  const movable = { [transferableSymbol]: buffers, [valueSymbol]: part };
  return move(movable as unknown as Parameters<typeof move>[0]);
}

/** Makes messages of as many rows as are wanted, and of a row group at least. */
async function exportPart(task: ExportTask): Promise<ExportedPart | FileFault> {
  const { columns, chunks, isFirst, bytesWanted } = task;
  const messages: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  const add = (message: Uint8Array<ArrayBuffer>) => {
    messages.push(message);
    bytes += message.length;
  };
  if (isFirst) add(schemaMessage(columns));
  let position = task.from;
  for (const [index, chunk] of chunks.entries()) {
    try {
      position = await exportChunk(task, chunk, position, add, () => bytes >= bytesWanted);
    } catch (error) {
      if (error instanceof ReadError) return { fault: error.message, index };
      throw error;
    }
    if (position !== undefined) return { messages, nextChunk: index, next: position };
    if (bytes >= bytesWanted) return { messages, nextChunk: index + 1, next: undefined };
  }
  return { messages, nextChunk: chunks.length, next: undefined };
}

/** What is wrong with a file that was read. */
class ReadError extends Error {}

async function reading<T>(format: 'csv' | 'parquet', read: () => T | Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw new ReadError(faultOf(error, format));
  }
}

/** Exports a chunk from a position on; returns where to go on if it is enough before its end. */
async function exportChunk(
  task: ExportTask,
  chunk: ExportChunk,
  from: ChunkPosition | undefined,
  add: (message: Uint8Array<ArrayBuffer>) => void,
  isEnough: () => boolean,
): Promise<ChunkPosition | undefined> {
  const files = await openChunk(chunk, task, from === undefined);
  try {
    let position: ChunkPosition = from ?? { rowGroup: 0, row: 0, csv: undefined };
    while (position.rowGroup < files.rowGroups) {
      position = await exportRows(task, chunk, files, position, add);
      if (isEnough() && position.rowGroup < files.rowGroups) return position;
    }
    return undefined;
  } finally {
    files.close();
  }
}

/** Exports what is left of a row group, or as much as may be at a time; returns where to go on. */
async function exportRows(
  task: ExportTask,
  chunk: ExportChunk,
  files: ChunkFiles,
  { rowGroup, row, csv }: ChunkPosition,
  add: (message: Uint8Array<ArrayBuffer>) => void,
): Promise<ChunkPosition> {
  const { columns } = task;
  const { sources } = chunk;
  const rowsOfGroup = files.rowsOf(rowGroup);
  const rowsMax = Math.min(rowsOfGroup - row, rowsBeside(task, chunk));
  const read = await files.readTexts(csv, rowsMax);
  const rows = read?.rows ?? rowsMax;
  let done = 0;
  const addBatch = (count: number, parquet: ReadonlyMap<string, ColumnInMemory>) => {
    const texts = read?.texts.values() ?? [].values();
    const batch = sources.map((source, i): BatchColumn => {
      const type = columns[i]?.type ?? 'string';
      if (source === null) return nullColumn(type, count);
      if ('place' in source) return (texts.next().value as TextColumn).slice(done, count);
      const column = parquet.get(source.field);
      if (column === undefined) throw new Error('it does not have the column');
      return parquetColumn(column, type);
    });
    add(batchMessage(count, batch));
    done += count;
  };
  if (files.parquet === undefined) {
    if (rows > 0) addBatch(rows, new Map());
  } else {
    const { parquet, fields } = files;
    await reading('parquet', async () => {
      if (row === 0) files.checkPages(rowGroup);
      await parquet.readRows(fields, rowGroup, row, rows, (batch) => {
        throwIfStopped(task.stop);
        const count = batch[0]?.length ?? 0;
        addBatch(count, new Map(batch.map((column) => [column.name, column])));
      });
      // parquet-wasm may end early where a page is damaged.
      if (done !== rows) throw new Error('a page of it is cut off');
    });
  }
  const next = row + rows;
  return next < rowsOfGroup
    ? { rowGroup, row: next, csv: read?.next }
    : { rowGroup: rowGroup + 1, row: 0, csv: read?.next };
}

/** How many rows may be read at once, for what they take beside the columns in Parquet. */
function rowsBeside({ columns, bytesMax }: ExportTask, { sources }: ExportChunk): number {
  const besides = columns.filter((_, i) => !(sources[i] && 'field' in sources[i]));
  // With a bit that says whether it is null.
  const bytes = besides.reduce((sum, { type }) => sum + valueBytes[type] + 1 / 8, 0);
  return bytes === 0 ? Number.POSITIVE_INFINITY : Math.max(1, Math.floor(bytesMax / bytes));
}

/** What is open of a chunk: of its two files, those that have a column of the stream. */
interface ChunkFiles {
  readonly parquet: ParquetReader | undefined;
  /** The columns that are read from it. */
  readonly fields: readonly string[];
  /** Without a Parquet file, all rows are in one. */
  readonly rowGroups: number;
  rowsOf(rowGroup: number): number;
  /** Compares the checksums of pages, which parquet-wasm does not. */
  checkPages(rowGroup: number): void;
  /** Up to so many rows of the columns that come from the CSV file; undefined if there are none. */
  readTexts(from: CsvPosition | undefined, rowsMax: number): Promise<CsvTexts | undefined>;
  close(): void;
}

async function openChunk(
  chunk: ExportChunk,
  { columns, limits, bytesMax, stop }: ExportTask,
  isFirst: boolean,
): Promise<ChunkFiles> {
  const { csvPath, parquetPath, rows, csvColumns, csvCrc32c, parquetCrc32c } = chunk;
  const fields = chunk.sources.flatMap((source) =>
    source && 'field' in source ? source.field : [],
  );
  const places = chunk.sources.flatMap((source) =>
    source && 'place' in source ? source.place : [],
  );
  const checkStop = () => throwIfStopped(stop);
  const open: (() => void)[] = [];
  const close = () => {
    for (const one of open.splice(0).reverse()) one();
  };

  function openFile(path: string, crc32c: number | undefined): number {
    const fd = openSync(path, 'r');
    open.push(() => closeSync(fd));
    if (isFirst && crc32c !== undefined) checkFileCrc32c(fd, crc32c, checkStop);
    return fd;
  }

  async function openParquetFile() {
    // Loaded where it is needed only: parquet-wasm takes 10 MB a thread.
    const { openParquet } = await import('./parquet.js');
    const fd = openFile(parquetPath, parquetCrc32c);
    const parquet = await openParquet(fd, fstatSync(fd).size);
    open.push(() => parquet.close());
    return { fd, parquet };
  }

  function checkPagesOf(fd: number, rowGroup: number): void {
    for (const [i, source] of chunk.sources.entries()) {
      if (source === null || 'place' in source) continue;
      const range = source.ranges?.[rowGroup];
      checkStop();
      if (range !== undefined)
        checkPages(fd, range, columns[i]?.type === 'date' ? 'INT32' : 'INT64');
    }
  }

  try {
    const file = fields.length === 0 ? undefined : await reading('parquet', openParquetFile);
    const csv =
      places.length === 0 ? undefined : await reading('csv', () => openFile(csvPath, csvCrc32c));
    return {
      parquet: file?.parquet,
      fields,
      rowGroups: file?.parquet.rowGroups ?? 1,
      rowsOf: (rowGroup) => file?.parquet.rowsOf(rowGroup) ?? rows,
      checkPages: (rowGroup) => file && checkPagesOf(file.fd, rowGroup),
      async readTexts(from, rowsMax) {
        if (csv === undefined) return undefined;
        return reading('csv', () => {
          const read = readCsvTexts(
            csv,
            csvColumns,
            places,
            from,
            rowsMax,
            bytesMax,
            limits,
            checkStop,
          );
          if (read.rows === 0 && rowsMax > 0) throw new Error('it ends too early');
          return read;
        });
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}
