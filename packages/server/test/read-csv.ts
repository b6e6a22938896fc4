import { ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CsvReader } from '../src/tables/csv-reader.js';

/** A field as the reader describes it. */
export interface ReadField {
  readonly text: string;
  readonly quoted: boolean;
  readonly line: number;
}

/** The default of `--field-bytes-max`. */
export const fieldBytesMax = 1024 * 1024;

/**
 * Reads a CSV file with CsvReader: its records, each a list of fields.
 *
 * Throws what the reader throws, and an Error if it goes on after the end of the file.
 */
export function readCsv(
  csv: string | Uint8Array,
  { bytesMax = fieldBytesMax }: { readonly bytesMax?: number } = {},
): ReadField[][] {
  const bytes = typeof csv === 'string' ? new TextEncoder().encode(csv) : csv;
  const reader = new CsvReader(fileOf(bytes), bytesMax);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const records: ReadField[][] = [];
  let record: ReadField[] = [];
  // Each field but the last ends with a byte of its own.
  for (let calls = 0; reader.next(); calls++) {
    if (calls > bytes.length) throw new Error('the reader does not end');
    if (reader.fieldIndex !== record.length) throw new Error('a field is out of its place');
    const text = decoder.decode(reader.bytes.subarray(reader.start, reader.end));
    record.push({ text, quoted: reader.quoted, line: reader.line });
    if (!reader.lastInRecord) continue;
    records.push(record);
    record = [];
  }
  if (record.length > 0) throw new Error('the last record has no end');
  return records;
}

/** The texts of the fields alone. */
export const textsOf = (records: readonly (readonly ReadField[])[]): string[][] =>
  records.map((record) => record.map(({ text }) => text));

/** One file without a name for all reads of a test file: a new one each time takes longer. */
const sharedFile = openSharedFile();

function openSharedFile(): number {
  const folder = mkdtempSync(path.join(tmpdir(), 'tally-csv-'));
  const fd = openSync(path.join(folder, 'some.csv'), 'wx+');
  rmSync(folder, { recursive: true });
  return fd;
}

/** The descriptor of a file with these bytes; valid until the next call. */
export function fileOf(bytes: Uint8Array): number {
  ftruncateSync(sharedFile);
  for (let at = 0; at < bytes.length; ) at += writeSync(sharedFile, bytes, at, undefined, at);
  return sharedFile;
}
