import { describe, expect, test } from 'vitest';
import { sharedServer, withServer } from './server.js';
import { keep, sumOf } from './table-calls.js';
import {
  type DeltaChunk,
  readDeltaTable,
  readWithDuckDb,
  readWithHyparquet,
} from './table-files.js';

const headers: readonly { readonly name: string; readonly columns: readonly string[] }[] = [
  { name: 'that differ by case only', columns: ['Date', 'date', 'DATE', 'dAtE'] },
  {
    name: 'that differ by the case of letters beyond ASCII',
    columns: ['Éa', 'éa', 'ß', 'ẞ', 'SS'],
  },
  {
    name: 'with case that Unicode folds oddly',
    columns: ['İ', 'i', 'I', 'ı', 'K', 'k', 'ΑΣ', 'ΑΣΑ'],
  },
  {
    name: 'with every character that Delta Lake refuses',
    columns: [...' ,;{}()=\t\n\r'].flatMap((c) => [c, `a${c}`, `${c}b`, `a${c}b`]),
  },
  {
    name: 'with dots, as in nested fields',
    columns: ['x', 'x.y', 'x.y.z', '.', '..', 'x_y', '.x'],
  },
  { name: 'that begin with each other', columns: ['a', 'aa', 'aaa', 'é', 'éa', 'éab', 'éabcdef'] },
  {
    name: 'that begin with each other, the longer first',
    columns: ['中文名字', '中文名', '中文', '中'],
  },
  {
    name: 'of JavaScript',
    columns: ['__proto__', 'constructor', 'toString', 'prototype', 'length'],
  },
  { name: 'of paths', columns: ['../x', '/etc/passwd', 'a/b', 'C:\\x', '~', '%2e%2e%2fx', 'nul'] },
  {
    name: 'of SQL and Parquet readers',
    columns: ['rowid', 'filename', 'select', 'file_row_number'],
  },
  { name: 'with quotes', columns: ['"', "'", '`', '""', '\\', '"a,b"', '$1', '#', '*', '%s'] },
  {
    name: 'that look like values',
    columns: ['1', '-1', '1e3', 'true', 'null', 'NaN', '2024-01-01'],
  },
  {
    name: 'with control characters',
    columns: ['\0', 'a\0b', '\x1b[31m', '\x7f', 'a\u0085', '\u2028'],
  },
  {
    name: 'with spaces at the ends',
    columns: ['x1', ' x1', 'x1 ', ' x1 ', '\u00a0x1', '\ufeffx1'],
  },
  { name: 'composed and decomposed', columns: ['caf\u00e9', 'cafe\u0301', 'cafe'] },
  { name: 'that equal the safe name of another', columns: ['a b c', 'a_b_c', 'a,b,c', 'a_b_c_2'] },
  { name: 'that equal a made name', columns: ['q', 'q__string', 'q__long', 'q__long_2'] },
  { name: 'that equal the placeholder', columns: ['tally_no_values', 'Tally_No_Values'] },
  {
    name: 'of 1,024 bytes that differ at the end only',
    columns: ['a', 'b'].flatMap((end) => [
      `${'x'.repeat(1023)}${end}`,
      `${'é'.repeat(511)}é`.slice(1) + end,
    ]),
  },
];

const csvOf = (columns: readonly string[], ...rows: readonly (readonly unknown[])[]) =>
  [columns.map((column) => `"${column.replaceAll('"', '""')}"`), ...rows]
    .map((record) => `${record.join(',')}\n`)
    .join('');

describe('names are exact', () => {
  const shared = sharedServer();

  /** Every field is one that Delta Lake takes at reader version 1. */
  async function expectDeltaNames(): Promise<void> {
    const { fields } = await readDeltaTable(shared.server.dataDir);
    const names = fields.map(({ name }) => name.toLowerCase());
    expect(new Set(names).size).toBe(names.length);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the point
    for (const name of names) expect(name).toMatch(/^[^ ,;{}()=.\u0000-\u001f\u007f]+$/);
  }

  test.each(headers)('$name', async ({ columns }) => {
    const { table } = shared.connection;
    const before = await Promise.all(columns.map((column) => sumOf(table, column)));
    const values = columns.map((_, i) => BigInt(i + 1) * 1000n);
    await keep(table, csvOf(columns, values), csvOf(columns.toReversed(), values.toReversed()));
    for (const [i, column] of columns.entries()) {
      const added = (values[i] as bigint) * 2n;
      expect([column, await sumOf(table, column)]).toEqual([column, (before[i] as bigint) + added]);
    }

    await expectDeltaNames();
    const { fields, chunks } = await readDeltaTable(shared.server.dataDir);
    const chunk = chunks.at(-2) as DeltaChunk;
    expect([...chunk.fields.keys()]).toEqual(columns);
    // Two readers that know nothing of the names to clients find each value in its field.
    for (const read of [readWithHyparquet, readWithDuckDb]) {
      const stored = await read(chunk.parquetPath);
      for (const [i, column] of columns.entries()) {
        const field = chunk.fields.get(column) ?? '';
        expect(fields.find(({ name }) => name === field)?.column).toBe(column);
        expect([column, stored.get(field)]).toEqual([column, [values[i]]]);
      }
    }
  });
});

test('an empty name becomes column_<n>, and one that is taken gets an underscore', async () => {
  await withServer({}, async (_server, { table }) => {
    await keep(table, ',a,,column_3,""\n1,2,3,4,5\n');
    const columns = ['column_1', 'a', 'column_3_', 'column_3', 'column_5'];
    const sums = await Promise.all(columns.map((column) => sumOf(table, column)));
    expect(sums).toEqual([1n, 2n, 3n, 4n, 5n]);
    // As pandas writes an index.
    await keep(table, ',a\n10,20\n');
    expect(await sumOf(table, 'column_1')).toBe(11n);
  });
});

test('a column whose values move to <name>__<type> leaves a column of that name alone', async () => {
  await withServer({}, async (server, { table }) => {
    await keep(table, 'x,x__string\n1,2\n', 'x,x__string\nword,3\n', 'x__string,x\nword,4\n');
    expect(await sumOf(table, 'x')).toMatch(/in chunk 2, line 2: "word"/);
    expect(await sumOf(table, 'x__string')).toMatch(/in chunk 3, line 2: "word"/);
    const { fields } = await readDeltaTable(server.dataDir);
    expect(fields).toEqual([
      { name: 'x', type: 'long', column: 'x' },
      { name: 'x__string', type: 'long', column: 'x__string' },
      { name: 'x__string_2', type: 'string', column: 'x' },
      { name: 'x__string__string', type: 'string', column: 'x__string' },
    ]);
  });
});

test('a chunk without any value takes no name from a column', async () => {
  await withServer({}, async (_server, { table }) => {
    await keep(table, 'a,b\n,\n', 'tally_no_values\n5\n', 'a\n\n\n', 'tally_no_values,a\n6,1\n');
    expect(await sumOf(table, 'tally_no_values')).toBe(11n);
    expect(await sumOf(table, 'a')).toBe(1n);
    expect(await sumOf(table, 'tally_no_values_2')).toBe(0n);
  });
});
