import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LaunchedServer, launchServer } from '../dist/launch.js';
import { type Connection, connect } from './server.js';
import { keep, sumOf } from './table-calls.js';
import {
  type DeltaChunk,
  duckDbTypes,
  readDeltaTable,
  readWithDuckDb,
  readWithHyparquet,
  type Value,
} from './table-files.js';

/** Where a sum stops: the line, and the text there as the sentence shows it. */
interface Stop {
  readonly line: number;
  readonly text: string;
}

interface Example {
  readonly name: string;
  /** The lines of the column after its header, as they are written in the file. */
  readonly lines: readonly string[];
  /** The column's type in Delta Lake; null if it has no value. */
  readonly type: string | null;
  /** The values in Parquet; not read for a column without any. */
  readonly values: readonly Value[];
  readonly sum: bigint | Stop;
}

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);

/** Microseconds of a point in time that JavaScript can write. */
const micros = (time: string, more = 0n) => BigInt(Date.parse(time)) * 1000n + more;

const integers: readonly Example[] = [
  { name: 'digits', lines: ['1', '20', '300'], values: [1n, 20n, 300n], sum: 321n },
  { name: 'zero', lines: ['0', '-0', '+0'], values: [0n, 0n, 0n], sum: 0n },
  { name: 'signs', lines: ['+5', '-7', '1'], values: [5n, -7n, 1n], sum: -1n },
  {
    name: 'spaces and tabs around',
    lines: [' 4', '5 ', '\t 6 \t'],
    values: [4n, 5n, 6n],
    sum: 15n,
  },
  { name: 'leading zeros', lines: ['00501', '-007', '000'], values: [501n, -7n, 0n], sum: 494n },
  { name: 'quoted', lines: ['"8"', '9', '" -3 "'], values: [8n, 9n, -3n], sum: 14n },
  { name: 'a null between', lines: ['1', '', '2'], values: [1n, null, 2n], sum: 3n },
  {
    name: 'nulls first and last',
    lines: ['', '', '7', ''],
    values: [null, null, 7n, null],
    sum: 7n,
  },
  {
    name: 'the largest and the smallest of int64',
    lines: [`${int64Max}`, `${int64Min}`, '+9223372036854775807'],
    values: [int64Max, int64Min, int64Max],
    sum: int64Max - 1n,
  },
  {
    name: 'the same with leading zeros, past any buffer of digits',
    lines: [`${'0'.repeat(1000)}${int64Max}`, `-${'0'.repeat(500)}9223372036854775808`],
    values: [int64Max, int64Min],
    sum: -1n,
  },
  {
    name: 'around 2^53, where doubles lose units',
    lines: ['9007199254740993', '-9007199254740991', '999999999999999', '1000000000000000'],
    values: [9007199254740993n, -9007199254740991n, 999999999999999n, 1000000000000000n],
    sum: 2000000000000001n,
  },
].map((example) => ({ ...example, type: 'long' }));

const pastInt64: readonly Example[] = [
  { value: '9223372036854775808', name: 'one past the largest' },
  { value: '-9223372036854775809', name: 'one past the smallest' },
  { value: '99999999999999999999', name: 'twenty digits' },
].map(({ value, name }) => ({
  name: `${name}: text`,
  lines: ['1', value],
  type: 'string',
  values: ['1', value],
  sum: { line: 3, text: value },
}));

const empties: readonly Example[] = [
  { name: 'no rows', lines: [], type: null, values: [], sum: 0n },
  { name: 'blank lines are rows', lines: ['', '', ''], type: null, values: [], sum: 0n },
  {
    name: 'a quoted empty is empty text',
    lines: ['""'],
    type: 'string',
    values: [''],
    sum: { line: 2, text: '' },
  },
  {
    name: 'a quoted empty makes integers text, a blank line does not',
    lines: ['1', '', '""'],
    type: 'string',
    values: ['1', null, ''],
    sum: { line: 4, text: '' },
  },
  {
    name: 'spaces alone are text',
    lines: ['1', '  '],
    type: 'string',
    values: ['1', '  '],
    sum: { line: 3, text: '  ' },
  },
];

const doubles: readonly Example[] = [
  {
    name: 'a fraction',
    lines: ['1.5', '-2.25'],
    values: [1.5, -2.25],
    sum: { line: 2, text: '1.5' },
  },
  {
    name: 'integers beside a fraction',
    lines: ['1', '', '2.0', ' 3 '],
    values: [1, null, 2, 3],
    sum: { line: 4, text: '2.0' },
  },
  {
    name: 'exponents',
    lines: ['1e3', '-2.5E-3', '+4e+1'],
    values: [1000, -0.0025, 40],
    sum: { line: 2, text: '1e3' },
  },
  {
    name: 'no digit on one side',
    lines: ['.5', '6.'],
    values: [0.5, 6],
    sum: { line: 2, text: '.5' },
  },
  {
    name: 'the largest, the smallest, and one that rounds to 0',
    lines: ['1.7976931348623157e308', '5e-324', '1e-999'],
    values: [Number.MAX_VALUE, Number.MIN_VALUE, 0],
    sum: { line: 2, text: '1.7976931348623157e308' },
  },
  {
    name: 'any number of spaces, or of leading zeros of an integer',
    lines: ['1.5', `${' '.repeat(900_000)}2.5`, `${'0'.repeat(900_000)}3`],
    values: [1.5, 2.5, 3],
    sum: { line: 2, text: '1.5' },
  },
].map((example) => ({ ...example, type: 'double' }));

const texts: readonly Example[] = [
  { name: 'words', lines: ['hello', 'né', '"a, ""b"""'], values: ['hello', 'né', 'a, "b"'] },
  {
    name: 'NaN and Infinity',
    lines: ['NaN', 'Infinity', '-inf'],
    values: ['NaN', 'Infinity', '-inf'],
  },
  { name: 'a double past the largest', lines: ['1e999', '2.5'], values: ['1e999', '2.5'] },
  { name: 'two signs', lines: ['--1', '2'], values: ['--1', '2'] },
  { name: 'a sign alone', lines: ['-', '+'], values: ['-', '+'] },
  { name: 'a space within', lines: ['1 000', '2'], values: ['1 000', '2'] },
  { name: 'a comma within', lines: ['"1,000"', '2'], values: ['1,000', '2'] },
  { name: 'an underscore within', lines: ['1_000', '2'], values: ['1_000', '2'] },
  { name: 'hexadecimal', lines: ['0x1F', '0b1'], values: ['0x1F', '0b1'] },
  { name: 'an exponent without digits', lines: ['1e', 'e5'], values: ['1e', 'e5'] },
  { name: 'other digits of Unicode', lines: ['١٢', '２'], values: ['١٢', '２'] },
  { name: 'a no-break space around', lines: ['\u00a01', '2'], values: ['\u00a01', '2'] },
  { name: 'null by name', lines: ['null', 'NULL', 'NA'], values: ['null', 'NULL', 'NA'] },
  { name: 'yes and no', lines: ['yes', 'no'], values: ['yes', 'no'] },
  { name: '2021-02-30', lines: ['2021-02-30', '2021-02-28'], values: ['2021-02-30', '2021-02-28'] },
  {
    name: 'other ways to write a date',
    lines: ['1/2/2021', '2021-1-2'],
    values: ['1/2/2021', '2021-1-2'],
  },
  { name: '24 o’clock', lines: ['2021-01-01 24:00'], values: ['2021-01-01 24:00'] },
  { name: 'a leap second', lines: ['2016-12-31T23:59:60Z'], values: ['2016-12-31T23:59:60Z'] },
  {
    name: 'a timestamp of nanoseconds',
    lines: ['2021-01-01T00:00:00.123456789Z'],
    values: ['2021-01-01T00:00:00.123456789Z'],
  },
  {
    name: 'a zone that is none',
    lines: ['2021-01-01T00:00+99:00'],
    values: ['2021-01-01T00:00+99:00'],
  },
  { name: 'a time of day', lines: ['12:30', '12:30:15'], values: ['12:30', '12:30:15'] },
].map((example) => ({
  ...example,
  type: 'string',
  sum: { line: 2, text: example.values[0] ?? '' },
}));

const others: readonly Example[] = [
  {
    name: 'booleans in any case',
    lines: ['true', 'FALSE', '', ' True '],
    type: 'boolean',
    values: [true, false, null, true],
    sum: { line: 2, text: 'true' },
  },
  {
    name: 'dates',
    lines: ['2024-02-29', '"1969-12-31"', '', '0001-01-01', '9999-12-31'],
    type: 'date',
    values: ['2024-02-29', '1969-12-31', null, '0001-01-01', '9999-12-31'],
    sum: { line: 2, text: '2024-02-29' },
  },
  {
    name: 'timestamps without a zone are UTC',
    lines: ['2021-03-04T05:06:07', '2021-03-04 05:06', '1969-12-31 23:59:59'],
    type: 'timestamp',
    values: [micros('2021-03-04T05:06:07Z'), micros('2021-03-04T05:06:00Z'), -1_000_000n],
    sum: { line: 2, text: '2021-03-04T05:06:07' },
  },
  {
    name: 'timestamps with a zone',
    lines: ['2021-03-04T05:06:07Z', '2021-03-04T05:06:07+05:30', '2021-03-04 05:06:07-0800', ''],
    type: 'timestamp',
    values: [
      micros('2021-03-04T05:06:07Z'),
      micros('2021-03-03T23:36:07Z'),
      micros('2021-03-04T13:06:07Z'),
      null,
    ],
    sum: { line: 2, text: '2021-03-04T05:06:07Z' },
  },
  {
    name: 'timestamps with fractions of up to six digits, before 1970 too',
    lines: ['2021-03-04T05:06:07.5', '2021-03-04T05:06:07.000001Z', '1969-12-31T23:59:59.999999Z'],
    type: 'timestamp',
    values: [micros('2021-03-04T05:06:07.5Z'), micros('2021-03-04T05:06:07Z', 1n), -1n],
    sum: { line: 2, text: '2021-03-04T05:06:07.5' },
  },
];

const mixed: readonly Example[] = [
  { name: 'an integer and a word', lines: ['2024', 'hello'], stop: 'hello' },
  { name: 'an integer and a date', lines: ['2024', '2024-01-01'], stop: '2024-01-01' },
  { name: 'an integer and a boolean', lines: ['1', 'true'], stop: 'true' },
  { name: 'a double and a date', lines: ['1.5', '2024-01-01'], stop: '1.5' },
  { name: 'a date and a timestamp', lines: ['2024-01-01', '2024-01-01T00:00'], stop: '2024-01-01' },
  { name: 'a boolean and a number', lines: ['true', '0'], stop: 'true' },
  {
    name: 'a double and an integer past int64',
    lines: ['0.5', '9223372036854775808'],
    stop: '0.5',
  },
].map(({ name, lines, stop }) => ({
  name: `${name}: text`,
  lines,
  type: 'string',
  values: lines,
  sum: { line: lines.indexOf(stop) + 2, text: stop },
}));

/** What DuckDB, which knows nothing of Delta, takes the types in a Parquet file for. */
const typesInDuckDb: Readonly<Record<string, string>> = {
  long: 'BIGINT',
  double: 'DOUBLE',
  boolean: 'BOOLEAN',
  date: 'DATE',
  timestamp: 'TIMESTAMP WITH TIME ZONE',
  string: 'VARCHAR',
};

describe('the type of a column is that of all its values', () => {
  let server: LaunchedServer;
  let connection: Connection;
  let uploads = 0;

  beforeAll(async () => {
    server = await launchServer();
    connection = connect(server);
  });
  afterAll(async () => {
    connection.close();
    await server.stop();
  });

  /** Uploads a chunk with one column, which no other chunk has. */
  async function uploadColumn(lines: readonly string[]) {
    const column = `column ${++uploads}`;
    await keep(connection.table, [column, ...lines, ''].join('\n'));
    return { column, chunk: uploads };
  }

  const sentence = (column: string, chunk: number, { line, text }: Stop) =>
    `column "${column}" cannot be summed: in chunk ${chunk}, line ${line}: ` +
    `${JSON.stringify(text)} is not an integer within int64`;

  describe.each([
    { kind: 'integer', examples: integers },
    { kind: 'past int64', examples: pastInt64 },
    { kind: 'nothing', examples: empties },
    { kind: 'double', examples: doubles },
    { kind: 'text', examples: texts },
    { kind: 'other', examples: others },
    { kind: 'mixed', examples: mixed },
  ])('$kind', ({ examples }) => {
    test.each(examples)('$name', async ({ lines, type, values, sum }) => {
      const { column, chunk } = await uploadColumn(lines);
      expect(await sumOf(connection.table, column)).toBe(
        typeof sum === 'bigint' ? sum : sentence(column, chunk, sum),
      );

      const { fields, chunks } = await readDeltaTable(server.dataDir);
      const stored = chunks.at(-1) as DeltaChunk;
      expect(stored.rows).toBe(lines.length);
      const field = stored.fields.get(column);
      if (type === null) return expect(field).toBeNull();
      expect(fields.find(({ name }) => name === field)).toEqual({ name: field, type, column });

      expect([...(await duckDbTypes(stored.parquetPath))]).toEqual([[field, typesInDuckDb[type]]]);
      for (const read of [readWithHyparquet, readWithDuckDb]) {
        expect([...(await read(stored.parquetPath))]).toEqual([[field, values]]);
      }
    });
  });

  describe('of each chunk by itself', () => {
    const integer = { lines: ['1', '2'], type: 'long' };
    const double = { lines: ['0.5'], type: 'double' };
    const text = { lines: ['3', 'word'], type: 'string' };
    const nothing = { lines: [''], type: null };

    test.each([
      { chunks: [integer, integer], fields: ['', ''], sum: 6n },
      { chunks: [nothing, integer, nothing], fields: [null, '', null], sum: 3n },
      { chunks: [nothing, nothing], fields: [null, null], sum: 0n },
      {
        chunks: [integer, double, integer, double],
        fields: ['', '__double', '', '__double'],
        sum: { chunk: 1, line: 2, text: '0.5' },
      },
      {
        chunks: [integer, nothing, text],
        fields: ['', null, '__string'],
        sum: { chunk: 2, line: 3, text: 'word' },
      },
      {
        chunks: [text, integer, double],
        fields: ['', '__long', '__double'],
        sum: { chunk: 0, line: 3, text: 'word' },
      },
    ])('$fields', async ({ chunks, fields, sum }) => {
      const first = uploads + 1;
      const column = `several ${first}`;
      for (const { lines } of chunks) {
        await keep(connection.table, [column, ...lines, ''].join('\n'));
        uploads++;
      }
      expect(await sumOf(connection.table, column)).toBe(
        typeof sum === 'bigint' ? sum : sentence(column, first + sum.chunk, sum),
      );
      const table = await readDeltaTable(server.dataDir);
      const stored = table.chunks.slice(-chunks.length).map((chunk) => chunk.fields.get(column));
      expect(stored).toEqual(fields.map((end) => (end === null ? null : `several_${first}${end}`)));
      for (const [i, { type }] of chunks.entries()) {
        const field = table.fields.find(({ name }) => name === stored[i]);
        expect(field?.type ?? null).toBe(type);
      }
    });
  });
});
