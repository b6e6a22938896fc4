import type {
  DescribeTableResponse,
  TableServiceClient,
  Chunk as WireChunk,
  TableSummary as WireSummary,
} from '@tally/stubs';
import type { Table as ArrowTable } from 'apache-arrow';
import type { DeadlineOptions } from 'nice-grpc-client-middleware-deadline';
import { type AggregateOptions, type AggregateResult, aggregate } from './aggregate.js';
import {
  type CallDefaults,
  type CallOptions,
  readRepetition,
  unkeyedRepetition,
} from './call-options.js';
import { type ColumnType, columnTypeOf } from './column-type.js';
import type { CsvSource } from './csv-source.js';
import { arrowTable, type ExportOptions, exportBytes } from './export.js';
import { entriesOf, type ListOptions } from './pages.js';
import { repeatedCall } from './repeated-call.js';
import { type UploadOptions, type UploadResult, upload } from './upload.js';

/** How much a table has. */
export interface TableSummary {
  readonly table: string;
  /** Its latest version; undefined if nothing was ever uploaded. */
  readonly version: number | undefined;
  readonly rows: number;
  readonly chunks: number;
  readonly csvBytes: number;
  readonly parquetBytes: number;
}

/** A type of a column, and the Delta Lake column that has its values. */
export interface TableColumnType {
  readonly type: ColumnType | undefined;
  readonly deltaColumn: string;
}

/** A column of a table, with each type that it has in some chunk. */
export interface TableColumn {
  readonly name: string;
  readonly types: readonly TableColumnType[];
}

/** A table. */
export interface TableDescription extends TableSummary {
  /** In the order in which they first came with a value. */
  readonly columns: readonly TableColumn[];
  /** The folder of the Delta Lake table, below the server's data folder. */
  readonly deltaPath: string;
}

/** A chunk: what one upload has added. */
export interface Chunk {
  readonly chunkId: string;
  /** Its place among all chunks that were ever uploaded, counted from 1. */
  readonly number: number;
  readonly rows: number;
  readonly csvBytes: number;
  readonly parquetBytes: number;
  /** The version of the table that has it first. */
  readonly version: number;
}

/** What can be said of a list of chunks. */
export interface ChunkListOptions extends ListOptions {
  /** The table; default: the default table. */
  readonly table?: string | undefined;
}

/** What can be said of a call for one table. */
export interface TableOptions extends CallOptions {
  /** The table; default: the default table. */
  readonly table?: string | undefined;
}

/**
 * Tables of CSV files. The table `default` is always there.
 *
 * `create`, `drop` and `deleteChunk` take no idempotency key: when the connection is lost on the way,
 * they are not tried again, as nobody knows whether they were done.
 */
export interface Tables {
  /** Makes an empty table. Throws ALREADY_EXISTS if there is one of that name. */
  create(table: string, options?: CallOptions): Promise<void>;
  /** All tables, in the order of their names. */
  list(options?: ListOptions): AsyncIterable<TableSummary>;
  /** A table's columns with their types, its rows, chunks and bytes. */
  describe(options?: TableOptions): Promise<TableDescription>;
  /** Removes a table with all that it has. */
  drop(table: string, options?: CallOptions): Promise<void>;
  /** A table's chunks, in the order of their uploads. */
  chunks(options?: ChunkListOptions): AsyncIterable<Chunk>;
  /** Takes a chunk out of a table; resolves to the version of the table that does not have it any more. */
  deleteChunk(chunkId: string, options?: TableOptions): Promise<number>;
  /**
   * Adds a CSV file of any size; once, however often it is tried. A reply means that it is on disk for good.
   *
   * Throws TallyError with `REFUSED` and the server's sentence if the file is not kept.
   */
  upload(source: CsvSource, options?: UploadOptions): Promise<UploadResult>;
  /** Counts, sums, and finds the least, the greatest and the mean of columns, in one pass of each. */
  aggregate(columns: readonly string[], options?: AggregateOptions): Promise<AggregateResult>;
  /** Columns of a table as the bytes of an Arrow IPC stream. */
  export(options?: ExportOptions): AsyncIterable<Uint8Array>;
  /** Columns of a table as a Table of apache-arrow, whole in memory. */
  arrowTable(options?: ExportOptions): Promise<ArrowTable>;
}

/** The calls of TableService. */
export function tableCalls(
  client: TableServiceClient<DeadlineOptions>,
  defaults: CallDefaults,
): Tables {
  const read = (options?: CallOptions) => readRepetition(defaults, options);
  const change = (options?: CallOptions) => unkeyedRepetition(defaults, options);
  return {
    async create(table, options) {
      await repeatedCall(change(options), (call) => client.createTable({ table }, call));
    },
    list({ pageSize = 0, ...options } = {}) {
      const pageAfter = (pageToken: string) =>
        repeatedCall(read(options), (call) => client.listTables({ pageSize, pageToken }, call));
      return entriesOf(pageAfter, ({ tables }) => tables.map(summaryOf));
    },
    async describe({ table = '', ...options } = {}) {
      return descriptionOf(
        await repeatedCall(read(options), (call) => client.describeTable({ table }, call)),
      );
    },
    async drop(table, options) {
      await repeatedCall(change(options), (call) => client.dropTable({ table }, call));
    },
    chunks({ table = '', pageSize = 0, ...options } = {}) {
      const pageAfter = (pageToken: string) =>
        repeatedCall(read(options), (call) =>
          client.listChunks({ table, pageSize, pageToken }, call),
        );
      return entriesOf(pageAfter, ({ chunks }) => chunks.map(chunkOf));
    },
    async deleteChunk(chunkId, { table = '', ...options } = {}) {
      const request = { table, chunkId };
      const { version } = await repeatedCall(change(options), (call) =>
        client.deleteChunk(request, call),
      );
      return Number(version);
    },
    upload: (source, options) => upload(client, defaults, source, options),
    aggregate: (columns, options) => aggregate(client, defaults, columns, options),
    export: (options) => exportBytes(client, defaults, options),
    arrowTable: (options) => arrowTable(exportBytes(client, defaults, options)),
  };
}

function summaryOf(summary: WireSummary): TableSummary {
  const { table, version, rows, chunks, csvBytes, parquetBytes } = summary;
  return {
    table,
    version: version === undefined ? undefined : Number(version),
    rows: Number(rows),
    chunks: Number(chunks),
    csvBytes: Number(csvBytes),
    parquetBytes: Number(parquetBytes),
  };
}

function descriptionOf(answer: DescribeTableResponse): TableDescription {
  const { summary, columns, deltaPath } = answer;
  if (summary === undefined) throw new TypeError('DescribeTable has answered without a summary.');
  return {
    ...summaryOf(summary),
    columns: columns.map(({ name, types }) => ({
      name,
      types: types.map(({ type, deltaColumn }) => ({ type: columnTypeOf(type), deltaColumn })),
    })),
    deltaPath,
  };
}

function chunkOf({ chunkId, number, rows, csvBytes, parquetBytes, version }: WireChunk): Chunk {
  return {
    chunkId,
    number: Number(number),
    rows: Number(rows),
    csvBytes: Number(csvBytes),
    parquetBytes: Number(parquetBytes),
    version: Number(version),
  };
}
