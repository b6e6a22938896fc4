import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { DuckDBDateValue, DuckDBInstance, DuckDBTimestampTZValue } from '@duckdb/node-api';
import {
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
} from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

// What a table's folder holds, read without any of the server's code.

/** A field of the Delta table; `column` is its name to clients, if it has one. */
export interface DeltaField {
  readonly name: string;
  readonly type: string;
  readonly column: string | undefined;
}

/** An uploaded chunk as the log tells of it. */
export interface DeltaChunk {
  readonly csvPath: string;
  readonly parquetPath: string;
  readonly rows: number;
  /** The field of each column, in the header's order; null for a column without values. */
  readonly fields: ReadonlyMap<string, string | null>;
}

/** A table as its Delta log tells of it. */
export interface DeltaTable {
  readonly fields: readonly DeltaField[];
  readonly chunks: readonly DeltaChunk[];
}

/** The folders of the one table of a data folder. */
export function tableFolders(dataDir: string) {
  const root = path.join(dataDir, 'tables', 'default');
  const delta = path.join(root, 'delta');
  return {
    csv: path.join(root, 'csv'),
    delta,
    parquet: path.join(delta, 'parquet'),
    log: path.join(delta, '_delta_log'),
    index: path.join(root, 'index'),
    spool: path.join(dataDir, 'tmp'),
  };
}

/** The path of a commit of the log. */
export const commitPath = (dataDir: string, version: number): string =>
  path.join(tableFolders(dataDir).log, `${String(version).padStart(20, '0')}.json`);

/** An action of the log, such as `{ add: { … } }`. */
export type Action = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** The actions of every commit, in order; the versions must have no gap. */
export async function readCommits(dataDir: string): Promise<Action[][]> {
  const { log } = tableFolders(dataDir);
  const names = (await readdir(log)).filter((name) => name.endsWith('.json')).sort();
  return Promise.all(
    names.map(async (name, version) => {
      const file = commitPath(dataDir, version);
      if (name !== path.basename(file)) throw new Error(`the log has no version ${version}`);
      const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
      return lines.map((line) => JSON.parse(line) as Action);
    }),
  );
}

export async function readDeltaTable(dataDir: string): Promise<DeltaTable> {
  const { csv, delta } = tableFolders(dataDir);
  let fields: DeltaField[] = [];
  const chunks: DeltaChunk[] = [];
  for (const action of (await readCommits(dataDir)).flat()) {
    if (action.metaData !== undefined) {
      const schema = JSON.parse(String(action.metaData.schemaString));
      fields = schema.fields.map(
        (field: { name: string; type: string; metadata: Record<string, string> }) => ({
          name: field.name,
          type: field.type,
          column: field.metadata['tally.column'],
        }),
      );
    }
    if (action.add === undefined) continue;
    const { path: file, stats, tags } = action.add;
    const { id, columns } = JSON.parse((tags as Record<string, string>)['tally.chunk'] ?? '');
    chunks.push({
      csvPath: path.join(csv, `${id}.csv`),
      parquetPath: path.join(delta, String(file)),
      rows: JSON.parse(String(stats)).numRecords,
      fields: new Map(columns),
    });
  }
  return { fields, chunks };
}

/** A value as both readers give it: dates as `2024-02-29`, timestamps as microseconds. */
export type Value = bigint | number | boolean | string | null;

/** The columns of a Parquet file, by name. */
export type Columns = ReadonlyMap<string, readonly Value[]>;

/** The footer of a Parquet file. */
export async function readFooter(file: string): Promise<FileMetaData> {
  return parquetMetadataAsync(await asyncBufferFromFile(file));
}

/** Reads a Parquet file, or some columns of it, with hyparquet. */
export async function readWithHyparquet(file: string, only?: string[]): Promise<Columns> {
  const metadata = await readFooter(file);
  const names = only ?? metadata.schema.slice(1).map(({ name }) => name);
  const columns = new Map<string, Value[]>(names.map((name) => [name, []]));
  // What is read first comes first, whichever row group it is of.
  await parquetRead({
    file: await asyncBufferFromFile(file),
    metadata,
    compressors,
    columns: names,
    parsers: {
      timestampFromMicroseconds: (micros) => micros,
      dateFromDays: (days) => new Date(days * 86_400_000).toISOString().slice(0, 10),
    },
    onChunk({ columnName, columnData, rowStart }) {
      const values = columns.get(columnName) ?? [];
      let row = rowStart;
      for (const value of columnData) values[row++] = value ?? null;
    },
  });
  return columns;
}

/** Reads a Parquet file with DuckDB. */
export async function readWithDuckDb(file: string): Promise<Columns> {
  const reader = await duckDb(`SELECT * FROM read_parquet(${quoted(file)})`);
  const columns = reader.getColumns();
  return new Map(reader.columnNames().map((name, i) => [name, (columns[i] ?? []).map(plainValue)]));
}

/** The types that DuckDB sees in a Parquet file, by column. */
export async function duckDbTypes(file: string): Promise<ReadonlyMap<string, string>> {
  const reader = await duckDb(`SELECT * FROM read_parquet(${quoted(file)}) LIMIT 0`);
  return new Map(reader.columnNames().map((name, i) => [name, String(reader.columnType(i))]));
}

/** Runs one statement in a DuckDB of its own. */
export async function duckDb(sql: string) {
  // One thread: the rows come in the order of the file.
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    return await connection.runAndReadAll(sql);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** A text as an SQL literal. */
export const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;

/** A name as an SQL identifier. */
export const identifier = (name: string) => `"${name.replaceAll('"', '""')}"`;

function plainValue(value: unknown): Value {
  if (value instanceof DuckDBDateValue) return value.toString();
  if (value instanceof DuckDBTimestampTZValue) return value.micros;
  return value as Value;
}

/** The names of all files that a table keeps or works on, by folder. */
export async function listTableFiles(dataDir: string) {
  const { csv, parquet, log, spool } = tableFolders(dataDir);
  const names = async (folder: string) => (await readdir(folder)).sort();
  return {
    csv: await names(csv),
    parquet: await names(parquet),
    log: await names(log),
    spool: await names(spool),
  };
}
