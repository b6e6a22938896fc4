import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type {
  CsvOptions,
  DeepPartial,
  TableServiceClient,
  UploadRequest,
  UploadResponse,
} from '@tally/stubs';
import type { CallOptions } from 'nice-grpc';
import type { TestServer } from './server.js';
import { tableFolders } from './table-files.js';

/** The messages of an upload with options, in pieces of `bytes` bytes. */
export async function* messagesOf(
  csv: string | Uint8Array,
  csvOptions: DeepPartial<CsvOptions>,
  bytes = 64 * 1024,
): AsyncGenerator<DeepPartial<UploadRequest>> {
  const all = Buffer.from(csv);
  yield { csvOptions, csvBytesTotal: BigInt(all.length), csvData: all.subarray(0, bytes) };
  for (let at = bytes; at < all.length; at += bytes)
    yield { csvData: all.subarray(at, at + bytes) };
}

export const uploadAs = (
  streamed: TableServiceClient,
  csv: string | Uint8Array,
  csvOptions: DeepPartial<CsvOptions>,
  call?: CallOptions,
) => streamed.upload(messagesOf(csv, csvOptions), call);

/** Where the files of a chunk of the default table are. */
export function filesOf({ dataDir }: TestServer, { chunkId }: Pick<UploadResponse, 'chunkId'>) {
  const { csv, parquet } = tableFolders(dataDir);
  return {
    csvPath: path.join(csv, `${chunkId}.csv`),
    parquetPath: path.join(parquet, `${chunkId}.parquet`),
  };
}

/** The CSV file that was kept of an upload. */
export const keptCsv = (server: TestServer, reply: Pick<UploadResponse, 'chunkId'>) =>
  readFile(filesOf(server, reply).csvPath, 'utf8');
