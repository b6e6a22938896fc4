import type { ExportResponse } from '@tally/stubs';
import { DataType, type Table, tableFromIPC, type Vector } from 'apache-arrow';
import type { Value } from './table-files.js';

/** The stream that the messages of an export are together. */
export async function streamOf(messages: AsyncIterable<ExportResponse>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const { arrowIpc } of messages) pieces.push(arrowIpc);
  return Buffer.concat(pieces);
}

/** An export as Arrow's own library reads it. */
export async function exported(messages: AsyncIterable<ExportResponse>): Promise<Table> {
  return tableFromIPC(await streamOf(messages));
}

/** The columns of a table, as readers of Parquet give them. */
export function columnsOf(table: Table): Record<string, Value[]> {
  const { fields } = table.schema;
  return Object.fromEntries(
    fields.map(({ name }, i) => [name, valuesOf(table.getChildAt(i) as Vector)]),
  );
}

/** The types of a table's columns, and whether all may be null. */
export function typesOf({ schema }: Table): Record<string, string> {
  return Object.fromEntries(
    schema.fields.map(({ name, type, nullable }) => [
      name,
      `${type}${nullable ? '' : ' not null'}`,
    ]),
  );
}

function valuesOf(vector: Vector): Value[] {
  const { type } = vector;
  if (DataType.isDate(type))
    return [...vector].map((ms) => (ms === null ? null : dayOf(Number(ms))));
  if (!DataType.isTimestamp(type)) return [...vector];
  // The library's own milliseconds are too few digits.
  return vector.data.flatMap((data) =>
    Array.from({ length: data.length }, (_, i) =>
      data.getValid(i) ? ((data.values as BigInt64Array)[i] ?? null) : null,
    ),
  );
}

const dayOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
