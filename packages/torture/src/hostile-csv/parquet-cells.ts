import { readFileSync } from 'node:fs';
import { type AsyncBuffer, parquetMetadata, parquetRead } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import type { Cell } from './answers.js';

/** The cells of every field of a Parquet file, read by hyparquet. */
export async function readParquet(path: string): Promise<ReadonlyMap<string, readonly Cell[]>> {
  const bytes = readFileSync(path);
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const file: AsyncBuffer = {
    byteLength: buffer.byteLength,
    slice: (start, end) => buffer.slice(start, end),
  };
  const metadata = parquetMetadata(buffer);
  const cells = new Map<string, Cell[]>(metadata.schema.slice(1).map(({ name }) => [name, []]));
  await parquetRead({
    file,
    metadata,
    compressors,
    parsers: {
      timestampFromMicroseconds: (micros) => micros,
      dateFromDays: (days) => days,
      // hyparquet's own takes a byte order mark off each text.
      stringFromBytes: (text) => Buffer.from(text).toString(),
    },
    // What is read first comes first, whichever row group it is of.
    onChunk({ columnName, columnData, rowStart }) {
      const column = cells.get(columnName) ?? [];
      let row = rowStart;
      for (const value of columnData) column[row++] = value ?? null;
    },
  });
  return cells;
}
