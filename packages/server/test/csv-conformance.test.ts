import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readCsv, textsOf } from './read-csv.js';
import { sharedServer } from './server.js';
import { keep, sumOf } from './table-calls.js';
import { readDeltaTable, readWithDuckDb } from './table-files.js';

type Rows = readonly Readonly<Record<string, string>>[];

/** `csv-spectrum`: CSV files as they are found, each with a JSON file that says what is in it. */
const spectrum = path.dirname(createRequire(import.meta.url).resolve('csv-spectrum/package.json'));

/** What the suite's own JSON has wrong: one row instead of a list, and another telephone number. */
const corrected: Readonly<Record<string, (json: Rows[number]) => Rows>> = {
  location_coordinates: (row) => [
    { ...row, 'Contact Phone Number': '2095257564', Counties: 'Stanislaus' },
  ],
};

const csvs = readdirSync(path.join(spectrum, 'csvs')).sort();
const files = csvs.map((file) => {
  const name = path.basename(file, '.csv');
  const json = JSON.parse(readFileSync(path.join(spectrum, 'json', `${name}.json`), 'utf8'));
  const rows: Rows = corrected[name]?.(json) ?? json;
  return { name, csv: readFileSync(path.join(spectrum, 'csvs', file)), rows };
});

test('the suite is all there', () => {
  expect(files.length).toBe(12);
});

describe('CsvReader reads what the suite says is in', () => {
  test.each(files)('$name', ({ csv, rows }) => {
    const [header = [], ...records] = textsOf(readCsv(csv));
    const read = records.map((record) =>
      Object.fromEntries(header.map((column, i) => [column, record[i]])),
    );
    expect(read).toEqual(rows);
  });
});

describe('an upload keeps what the suite says is in', () => {
  const shared = sharedServer();

  test.each(files)('$name', async ({ csv, rows }) => {
    await keep(shared.connection.table, csv);
    const { chunks } = await readDeltaTable(shared.server.dataDir);
    const chunk = chunks.at(-1);
    expect(readFileSync(chunk?.csvPath ?? '')).toEqual(csv);
    const columns = await readWithDuckDb(chunk?.parquetPath ?? '');
    for (const [column, field] of chunk?.fields ?? []) {
      const texts = rows.map((row) => row[column]);
      const values = columns.get(field ?? '') ?? [];
      // Integers are kept as integers: 08123 as 8123.
      const isInteger = typeof values[0] === 'bigint';
      expect(values).toEqual(isInteger ? texts.map((text) => BigInt(text ?? '')) : texts);
    }
    expect([...(chunk?.fields.keys() ?? [])]).toEqual(Object.keys(rows[0] ?? {}));
  });

  test('and its integers are summed across all files', async () => {
    // Column a of nine files, `Once upon a time` in two of them: the first such chunk is named.
    expect(await sumOf(shared.connection.table, 'a')).toMatch(
      /^column "a" cannot be summed: in chunk 7, line 3: "Once upon \\na time" is not/,
    );
    expect(await sumOf(shared.connection.table, 'zip')).toBe(8123n);
    expect(await sumOf(shared.connection.table, 'key')).toBe(1n);
    expect(await sumOf(shared.connection.table, 'Contact Phone Number')).toBe(2095257564n);
  });
});
