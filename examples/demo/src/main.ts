// The whole main job of Tally on real data, against a real server: start it, upload CSV files,
// sum columns in both formats and with an independent reader, run the NumStore workload, stop.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { launchServer } from '@tally/server/launch';
import { type TableClient, TableDefinition } from '@tally/stubs';
import { createChannel, createClient } from 'nice-grpc';
import { type CsvFile, prepareFiles } from './data.js';
import { openIndependentReader } from './independent-reader.js';
import { inGroups, printTable, step } from './report.js';
import { runWorkload } from './workload.js';

/** The columns to sum: of one file, of several that share it, and one that no file has. */
const columns = [
  'x',
  'z',
  'w',
  'Deaths',
  'count',
  'volume',
  'zip_code',
  'Cost Total $',
  'population',
  'county_id',
];

/** A column that holds text, to show what Tally says of it. */
const textColumn = 'city';

async function main(): Promise<void> {
  console.log('Tally: real CSV files through a real server\n');
  const folder = await mkdtemp(path.join(tmpdir(), 'tally-demo-'));
  const server = await launchServer({ dataDir: path.join(folder, 'data'), warmupCalls: 2000 });
  const channel = createChannel(server.address);
  try {
    step('Server', `listens on ${server.address}, its data in a temporary folder`);
    const table = createClient(TableDefinition, channel);
    const files = await prepareFiles(folder);
    await upload(table, files);
    await sumColumns(table, files);
    await showError(table);
    step('Numbers', 'NumStore workload: 8 tasks, 100 requests each\n');
    console.log(await runWorkload(server.port));
  } finally {
    channel.close();
    const code = await server.stop();
    step('Server', `stopped with exit code ${code}`);
    await rm(folder, { recursive: true, force: true });
  }
}

async function upload(table: TableClient, files: readonly CsvFile[]): Promise<void> {
  const startMs = performance.now();
  for (const { name, bytes } of files) {
    const { error } = await table.upload({ csvData: bytes });
    if (error !== '') throw new Error(`${name} was refused: ${error}`);
  }
  const ms = performance.now() - startMs;
  const megabytes = files.reduce((sum, { bytes }) => sum + bytes.length, 0) / 1e6;
  step(
    'Tables',
    `uploaded ${files.length} CSV files, ${megabytes.toFixed(1)} MB, each now on disk as CSV ` +
      `and as Parquet (${ms.toFixed(0)} ms)`,
  );
}

/** Prints each column's sum from both formats and from DuckDB; throws if they differ. */
async function sumColumns(table: TableClient, files: readonly CsvFile[]): Promise<void> {
  const independent = await openIndependentReader();
  const rows: string[][] = [];
  const differing: string[] = [];
  for (const column of columns) {
    const csv = await sum(table, column, 'csv');
    const parquet = await sum(table, column, 'parquet');
    const duckdb = await independent.sum(files, column);
    const agree = csv.total === parquet.total && csv.total === duckdb;
    if (!agree) differing.push(column);
    rows.push([
      column,
      ...[csv.total, parquet.total, duckdb].map(inGroups),
      `${csv.ms.toFixed(1)} / ${parquet.ms.toFixed(1)}`,
      agree ? 'agree' : 'DIFFER',
    ]);
  }
  independent.close();
  step('Sums', 'over every chunk that has the column, from CSV, from Parquet, and by DuckDB\n');
  printTable(['column', 'CSV', 'Parquet', 'DuckDB', 'ms', ''], rows);
  if (differing.length > 0) throw new Error(`the sums differ: ${differing.join(', ')}`);
}

async function sum(table: TableClient, column: string, format: string) {
  const startMs = performance.now();
  const { total, error } = await table.colSum({ column, format });
  if (error !== '') throw new Error(error);
  return { total, ms: performance.now() - startMs };
}

async function showError(table: TableClient): Promise<void> {
  const { error } = await table.colSum({ column: textColumn, format: 'csv' });
  step('Errors', error);
}

await main();
