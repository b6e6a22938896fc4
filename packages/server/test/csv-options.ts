import { readFile } from 'node:fs/promises';
import type { CsvOptions, DeepPartial, TableServiceClient, UploadRequest } from '@tally/stubs';
import type { CallOptions } from 'nice-grpc';
import type { TestServer } from './server.js';
import { readDeltaTable } from './table-files.js';

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

/** The CSV file of the last chunk, as it is kept. */
export async function lastCsv({ dataDir }: TestServer): Promise<string> {
  const { csvPath = '' } = (await readDeltaTable(dataDir)).chunks.at(-1) ?? {};
  return readFile(csvPath, 'utf8');
}
