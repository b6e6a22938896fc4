import type { TableClient, UploadRequest } from '@tally/stubs';
import { expect } from 'vitest';

/** The two formats that a column can be summed from. */
export const formats = ['csv', 'parquet'] as const;

/** Uploads a CSV file; resolves to the sentence of the answer, empty if the chunk was kept. */
export async function upload(table: TableClient, csv: string | Uint8Array): Promise<string> {
  const csvData = typeof csv === 'string' ? new TextEncoder().encode(csv) : csv;
  const { error } = await table.upload({ csvData });
  return error;
}

/** The messages that stream a CSV file in pieces of `bytes` bytes. */
export async function* piecesOf(
  csv: string | Uint8Array,
  bytes: number,
): AsyncGenerator<UploadRequest> {
  const all = Buffer.from(csv);
  for (let at = 0; at < all.length; at += bytes) yield { csvData: all.subarray(at, at + bytes) };
}

/** Uploads CSV files one after the other; each must be kept. */
export async function keep(
  table: TableClient,
  ...files: readonly (string | Uint8Array)[]
): Promise<void> {
  for (const csv of files) expect(await upload(table, csv)).toBe('');
}

/** The sum of a column as a client gets it: the total, or the sentence on why there is none. */
export async function sumIn(
  table: TableClient,
  column: string,
  format: string,
): Promise<bigint | string> {
  const { total, error } = await table.colSum({ column, format });
  return error === '' ? total : error;
}

/** The sum of a column, which is the same in both formats, whether a total or a sentence. */
export async function sumOf(table: TableClient, column: string): Promise<bigint | string> {
  const [csv, parquet] = await Promise.all(formats.map((format) => sumIn(table, column, format)));
  expect(parquet).toBe(csv);
  return csv as bigint | string;
}
