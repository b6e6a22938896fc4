import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { rowsPerChunk } from '../chunk.js';
import type { PeerProcess } from '../peers/peer-process.js';
import { type DataSet, type Schema, sumsOf } from './data-set.js';

const require = createRequire(import.meta.url);

/** The columns of the flights that are summed: all of them from Parquet, the first from CSV. */
export const realColumns = ['delay', 'distance'] as const;

const rowsQuick = 500_000;

/**
 * Real data: three million flights of vega-datasets, with their delays (negative ones too, and
 * missing ones), cut into CSV chunks by DuckDB.
 */
export async function realData(
  duckdb: PeerProcess,
  folder: string,
  quick: boolean,
): Promise<DataSet> {
  const source = path.join(
    path.dirname(require.resolve('vega-datasets')),
    '../data/flights-3m.parquet',
  );
  const csvFolder = path.join(folder, 'csv');
  const done = path.join(folder, 'sums.json');
  if (!existsSync(done)) {
    console.log('Cutting three million flights into chunks');
    await rm(folder, { recursive: true, force: true });
    await mkdir(csvFolder, { recursive: true });
    const limit = quick ? `LIMIT ${rowsQuick}` : '';
    await duckdb.toCsv(`SELECT * FROM '${source}' ${limit}`, rowsPerChunk, csvFolder);
  }
  const csvFiles = readdirSync(csvFolder)
    .toSorted()
    .map((name) => path.join(csvFolder, name));
  // Summed here, line by line, and not by one of those who take part.
  const files: readonly FileSums[] = existsSync(done)
    ? JSON.parse(readFileSync(done, 'utf8'))
    : csvFiles.map(sumFile);
  await writeFile(done, JSON.stringify(files));
  return {
    name: 'real',
    folder,
    schema,
    csvFiles,
    rows: files.reduce((rows, file) => rows + file.rows, 0),
    ...sumsOf(
      realColumns,
      files.map(({ sums }) => sums.map(BigInt)),
    ),
  };
}

const schema: Schema = {
  date: { type: 'string' },
  delay: { type: 'int64', fitsInt32: true },
  distance: { type: 'int64', fitsInt32: true },
  origin: { type: 'string' },
  destination: { type: 'string' },
};

interface FileSums {
  readonly rows: number;
  readonly sums: readonly number[];
}

function sumFile(file: string): FileSums {
  const [header = '', ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
  const sums = realColumns.map((name) => {
    const place = header.split(',').indexOf(name);
    return lines.reduce((sum, line) => sum + Number(line.split(',')[place]), 0);
  });
  return { rows: lines.length, sums };
}
