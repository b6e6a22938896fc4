// What other readers make of a file: the sums to compare with.

import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { tableFromIPC } from 'apache-arrow';
import { parquetReadObjects } from 'hyparquet';
import { readColumn } from 'hyparquet/src/column.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { readParquet } from 'parquet-wasm/esm';
import type { ColumnChunkKind } from '../dist/index.js';
import { arrayBuffer } from './column-file.js';
import './write-parquet.js';

export interface ColumnSum {
  readonly total: bigint;
  readonly rows: number;
  readonly nonNull: number;
}

/** The sum of values as some reader gives them: bigint or number, null or undefined. */
export function sumOf(values: readonly unknown[]): ColumnSum {
  const some = values.filter((value) => value !== null && value !== undefined);
  const total = some.reduce((sum: bigint, value) => sum + BigInt(value as bigint), 0n);
  return { total, rows: values.length, nonNull: some.length };
}

export async function sumByHyparquet(file: Uint8Array, column: string): Promise<ColumnSum> {
  const rows = await parquetReadObjects({ file: arrayBuffer(file), columns: [column] });
  return sumOf(rows.map((row) => row[column]));
}

/** The sum of the pages of a column chunk that has `rows` rows. Throws what hyparquet throws. */
export function sumPagesByHyparquet(
  bytes: Uint8Array,
  { type, codec, optional }: ColumnChunkKind,
  rows: number,
): ColumnSum {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const element = {
    name: 'v',
    type,
    repetition_type: optional ? ('OPTIONAL' as const) : ('REQUIRED' as const),
  };
  const pathInSchema = ['v'];
  const root = { name: 'root', num_children: 1 };
  const leaf = { element, children: [], count: 1, path: pathInSchema };
  const { data } = readColumn(
    { view, offset: 0 },
    { groupStart: 0, selectStart: 0, selectEnd: rows, groupRows: rows },
    {
      pathInSchema,
      schemaPath: [{ element: root, children: [leaf], count: 1, path: [] }, leaf],
      type,
      element,
      codec,
      parsers: DEFAULT_PARSERS,
    },
  );
  // It follows a run of indices past the end of its page, for as many values as a run can have.
  const values = data.reduce((sum, page) => sum + page.length, 0);
  if (values !== rows) throw new Error(`hyparquet reads ${values} values, not ${rows}`);
  return sumOf(data.flatMap((page) => [...page]));
}

export function sumByParquetWasm(file: Uint8Array, column: string): ColumnSum {
  const table = tableFromIPC(readParquet(file).intoIPCStream());
  return sumOf([...(table.getChild(column) ?? [])]);
}

/** A DuckDB of one thread, that reads files through a temporary one in `folder`. */
export async function openDuckdb(folder: string) {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  // It keeps what it has read by name, time and size: a name is used once.
  let files = 0;
  return {
    run: (sql: string) => connection.run(sql),
    /** The sum of the column `v` of a file. */
    async sum(file: Uint8Array): Promise<ColumnSum> {
      files++;
      const at = path.join(folder, `read-${files}.parquet`);
      await writeFile(at, file);
      const reader = await connection.runAndReadAll(
        `SELECT coalesce(sum(v), 0)::HUGEINT, count(*), count(v) FROM read_parquet('${at}')`,
      );
      await rm(at);
      const [total, rows, nonNull] = reader.getRows()[0] ?? [];
      return { total: BigInt(total as bigint), rows: Number(rows), nonNull: Number(nonNull) };
    },
    close() {
      connection.closeSync();
      instance.closeSync();
    },
  };
}
