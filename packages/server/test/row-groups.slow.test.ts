import { AggregateFunction } from '@tally/stubs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LaunchedServer, launchServer } from '../dist/launch.js';
import { type Connection, connect } from './server.js';
import { keep, sumOf, upload } from './table-calls.js';
import { readDeltaTable, readFooter, readWithDuckDb, type Value } from './table-files.js';

const rowsMax = 2000;
const bytesMax = 1024 * 1024;

let server: LaunchedServer;
let connection: Connection;

beforeAll(async () => {
  const rowsFlag = ['--row-group-rows-max', String(rowsMax)];
  server = await launchServer({ args: [...rowsFlag, '--row-group-bytes-max', String(bytesMax)] });
  connection = connect(server);
});
afterAll(async () => {
  connection.close();
  await server.stop();
});

/** The rows and the decoded bytes of each row group of the last chunk's Parquet file. */
async function lastRowGroups() {
  const { chunks } = await readDeltaTable(server.dataDir);
  const file = chunks.at(-1)?.parquetPath ?? '';
  const columns = [...(await readWithDuckDb(file)).values()];
  let start = 0;
  return (await readFooter(file)).row_groups.map(({ num_rows }) => {
    const rows = Number(num_rows);
    const values = columns.flatMap((column) => column.slice(start, start + rows));
    start += rows;
    return { rows, bytes: values.reduce((sum: number, value) => sum + decodedBytes(value), 0) };
  });
}

/** As Arrow holds it; a text with its offset. */
function decodedBytes(value: Value): number {
  return typeof value === 'string' ? Buffer.byteLength(value) + 4 : 8;
}

test.each([
  { rows: 0, groups: [] },
  { rows: rowsMax - 1, groups: [rowsMax - 1] },
  { rows: rowsMax, groups: [rowsMax] },
  { rows: rowsMax + 1, groups: [rowsMax, 1] },
  { rows: 3 * rowsMax + 500, groups: [rowsMax, rowsMax, rowsMax, 500] },
])('a row group has at most 2,000 rows: $rows make $groups', async ({ rows, groups }) => {
  const column = `of ${rows} rows`;
  const lines = Array.from({ length: rows }, (_, i) => `${i},${i % 3 === 0 ? '' : `t${i}`}\n`);
  await keep(connection.table, `${column},note\n${lines.join('')}`);
  expect((await lastRowGroups()).map(({ rows }) => rows)).toEqual(groups);
  expect(await sumOf(connection.table, column)).toBe(BigInt((rows * (rows - 1)) / 2));
});

/** A text of `bytes` bytes, unlike that of any other row. */
const text = (row: number, bytes: number) => `${row} `.padEnd(bytes, '0123456789abcdef');

// The first column is the row's number; `groupsMax` keeps row groups from being needlessly small.
test.each([
  {
    name: 'many integer columns',
    columns: 500,
    rows: 1000,
    value: (row: number, column: number) => row * column,
    groupsMax: 5,
  },
  {
    name: 'texts of one length',
    columns: 2,
    rows: 3000,
    value: (row: number) => text(row, 1000),
    groupsMax: 4,
  },
  {
    name: 'texts that are short save for some',
    columns: 2,
    rows: 9000,
    value: (row: number) => text(row, row % 3000 === 7 ? 300_000 : 20),
    groupsMax: 5,
  },
  {
    name: 'texts that are short first and long at the end',
    columns: 2,
    rows: 5100,
    value: (row: number) => text(row, row < 5000 ? 10 : 50_000),
    groupsMax: 300,
  },
  {
    name: 'rows of which each is larger than that',
    columns: 4,
    rows: 3,
    value: (row: number) => text(row, 500_000),
    groupsMax: 3,
  },
  {
    name: 'two rows that are together longer than the longest behind a short one',
    columns: 11,
    rows: 3,
    value: (row: number) => text(row, row === 0 ? 10 : 1_000_000),
    groupsMax: 3,
  },
])('a row group has at most 1 MiB decoded, or a single row: $name', async (example) => {
  const { name, columns, rows, value, groupsMax } = example;
  const header = [name, ...Array.from({ length: columns - 1 }, (_, i) => `${name} ${i}`)];
  const lines = Array.from({ length: rows }, (_, row) =>
    header.map((_, column) => (column === 0 ? row : value(row, column))).join(','),
  );
  await keep(connection.table, `${header.join(',')}\n${lines.join('\n')}\n`);
  const groups = await lastRowGroups();
  expect(groups.reduce((sum, { rows }) => sum + rows, 0)).toBe(rows);
  for (const { rows, bytes } of groups) if (rows > 1) expect(bytes).toBeLessThanOrEqual(bytesMax);
  expect(groups.length).toBeLessThanOrEqual(groupsMax);
  expect(await sumOf(connection.table, name)).toBe(BigInt((rows * (rows - 1)) / 2));
});

describe('a file of many columns, with few values', () => {
  const columns = 500;
  const rows = 8000;
  const file = (prefix: string, rowCount = rows) => {
    const names = Array.from({ length: columns }, (_, i) => `${prefix}${i}`);
    const nulls = `${','.repeat(columns - 1)}\n`;
    return `${names.join()}\n1.5,7${',a'.repeat(columns - 2)}\n${nulls.repeat(rowCount - 1)}`;
  };

  test('is read by threads that have no room for all of its footer as objects', async () => {
    await keep(connection.table, file('few'));
    const { chunks } = await readDeltaTable(server.dataDir);
    const footer = await readFooter(chunks.at(-1)?.parquetPath ?? '');
    expect(footer.row_groups.length * columns).toBeGreaterThan(45_000);
    expect(footer.num_rows).toBe(BigInt(rows));
    expect(await sumOf(connection.table, 'few1')).toBe(7n);
    const { AGGREGATE_FUNCTION_COUNT } = AggregateFunction;
    const request = { columns: ['few0', 'few2'], functions: [AGGREGATE_FUNCTION_COUNT] };
    const found = [];
    for await (const { result } of connection.streamed.aggregate(request)) {
      found.push(...(result?.columns ?? []));
    }
    expect(found).toMatchObject([{ count: 1n }, { count: 1n }]);
  });

  test('is refused if its footer would be too large, and says how many rows are not too many', async () => {
    const prefix = 'long'.repeat(50);
    const sentence = await upload(connection.table, file(prefix));
    const said = /^line 1: the file is too long for its 500 columns: .* at most (\d+) rows$/;
    expect(sentence).toMatch(said);
    const [, most] = said.exec(sentence) ?? [];
    expect(await upload(connection.table, file(prefix, Number(most)))).toBe('');
    expect(await sumOf(connection.table, `${prefix}1`)).toBe(7n);
  });
});
