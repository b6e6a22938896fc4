import type { TableServiceClient, UploadRequest, UploadResponse } from '@tally/stubs';
import type { DeadlineOptions } from 'nice-grpc-client-middleware-deadline';
import { type CallDefaults, type ChangeOptions, changeRepetition } from './call-options.js';
import { type ColumnType, columnTypeOf } from './column-type.js';
import { type CsvOptions, wireOptions } from './csv-options.js';
import { type CsvSource, type OpenSource, openSource } from './csv-source.js';
import { type Repetition, repeatedCall } from './repeated-call.js';
import { TallyError } from './tally-error.js';

/** How far the sending of a file is. */
export interface UploadProgress {
  /** Bytes that are on their way; back at 0 when another attempt begins. */
  readonly bytesSent: number;
  /** Bytes in all; undefined of a stream, whose size nobody knows. */
  readonly bytesTotal: number | undefined;
}

/** What can be said of an upload. */
export interface UploadOptions extends ChangeOptions {
  /** The table; default: the default table. */
  readonly table?: string | undefined;
  /** How the file is to be read; default: commas, double quotes, a header, bad rows refuse the file. */
  readonly csv?: CsvOptions | undefined;
  /** Is called after each piece that is sent. */
  readonly onProgress?: ((progress: UploadProgress) => void) | undefined;
}

/** A column of a chunk. */
export interface ChunkColumn {
  readonly name: string;
  /** Undefined if it has no value in the chunk. */
  readonly type: ColumnType | undefined;
}

/** A row that was left out. */
export interface RejectedRow {
  /** The line of the file on which it begins, counted from 1. */
  readonly line: number;
  /** What is wrong with it, as a sentence. */
  readonly reason: string;
}

/** What has become of a file: a chunk, which is on disk for good. */
export interface UploadResult {
  /** Names the chunk in its table. */
  readonly chunkId: string;
  readonly rows: number;
  /** Bytes of CSV that were kept. */
  readonly csvBytes: number;
  readonly parquetBytes: number;
  readonly columns: readonly ChunkColumn[];
  /** How many rows were left out. */
  readonly rejectedRowCount: number;
  /** The first of those. */
  readonly rejectedRows: readonly RejectedRow[];
}

const method = '/tally.v1.TableService/Upload';
const MiB = 1024 * 1024;
const nothing = new Uint8Array();

/** Sends a file in pieces, from its start at each attempt. Throws TallyError with REFUSED if it is not kept. */
export async function upload(
  client: TableServiceClient<DeadlineOptions>,
  defaults: CallDefaults,
  source: CsvSource,
  options: UploadOptions = {},
): Promise<UploadResult> {
  const opened = await openSource(source);
  const answer = await repeatedCall(repetitionOf(defaults, opened, options), (call) =>
    client.upload(requests(opened, options), call),
  );
  if (answer.error !== '')
    throw new TallyError({ code: 'REFUSED', sentence: answer.error, method });
  return resultOf(answer);
}

function repetitionOf(
  defaults: CallDefaults,
  { bytes, isRepeatable }: OpenSource,
  options: UploadOptions,
): Repetition {
  const repetition = changeRepetition(defaults, options);
  return {
    ...repetition,
    attempts: isRepeatable ? repetition.attempts : 1,
    deadlineMs: options.deadlineMs ?? sendingMs(defaults, bytes),
  };
}

/** Long enough for a slow line; a stream comes as slowly as it is written. */
const sendingMs = ({ deadlineMs }: CallDefaults, bytes: number | undefined) =>
  bytes === undefined ? undefined : deadlineMs + Math.ceil(bytes / MiB) * 1000;

/** The pieces, and their size before or after them: by it the server knows that no cancelled call ended it. */
async function* requests(
  { bytes, pieces }: OpenSource,
  { table, csv, onProgress }: UploadOptions,
): AsyncGenerator<Partial<UploadRequest>> {
  yield {
    csvData: nothing,
    csvBytesTotalFollows: true,
    ...(bytes !== undefined && { csvBytesTotal: BigInt(bytes) }),
    ...(table !== undefined && { table }),
    ...(csv !== undefined && { csvOptions: wireOptions(csv) }),
  };
  let bytesSent = 0;
  for await (const csvData of pieces()) {
    yield { csvData };
    bytesSent += csvData.length;
    onProgress?.({ bytesSent, bytesTotal: bytes });
  }
  if (bytes === undefined) yield { csvData: nothing, csvBytesTotal: BigInt(bytesSent) };
}

function resultOf(answer: UploadResponse): UploadResult {
  const { chunkId, rows, csvBytes, parquetBytes, columns, rejectedRowCount, rejectedRows } = answer;
  return {
    chunkId,
    rows: Number(rows),
    csvBytes: Number(csvBytes),
    parquetBytes: Number(parquetBytes),
    columns: columns.map(({ name, type }) => ({ name, type: columnTypeOf(type) })),
    rejectedRowCount: Number(rejectedRowCount),
    rejectedRows: rejectedRows.map(({ line, reason }) => ({ line: Number(line), reason })),
  };
}
