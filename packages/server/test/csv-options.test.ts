import {
  BadRows,
  ColumnType,
  type Compression,
  type CsvOptions,
  type DeepPartial,
  type UploadResponse,
} from '@tally/stubs';
import { describe, expect, test } from 'vitest';
import { filesOf, keptCsv, uploadAs } from './csv-options.js';
import { failureOf } from './rich-errors.js';
import { sharedServer } from './server.js';
import { sumOf } from './table-calls.js';
import { listTableFiles, readWithDuckDb } from './table-files.js';

const shared = sharedServer();
const streamed = () => shared.connection.streamed;

const { COLUMN_TYPE_INT64: int64, COLUMN_TYPE_STRING: string } = ColumnType;
const { COLUMN_TYPE_DOUBLE: double, COLUMN_TYPE_BOOLEAN: boolean } = ColumnType;
const { COLUMN_TYPE_DATE: date, COLUMN_TYPE_TIMESTAMP: timestamp } = ColumnType;
const skip = BadRows.BAD_ROWS_SKIP;

/** The rows that were kept, as another reader of the Parquet file sees them. */
const keptRows = async (reply: Pick<UploadResponse, 'chunkId'>) =>
  Object.fromEntries(await readWithDuckDb(filesOf(shared.server, reply).parquetPath));

describe("a file is kept in Tally's own form", () => {
  test.each<{ what: string; sent: string; options: DeepPartial<CsvOptions>; kept: string }>([
    {
      what: 'semicolons',
      sent: 'a;b\n1;2,5\n',
      options: { delimiter: ';' },
      kept: 'a,b\n1,"2,5"\n',
    },
    { what: 'tabs', sent: 'a\tb\n1\tx y\n', options: { delimiter: '\t' }, kept: 'a,b\n1,x y\n' },
    { what: 'a NUL', sent: 'a\0b\n1\x002\n', options: { delimiter: '\0' }, kept: 'a,b\n1,2\n' },
    {
      what: 'double quotes as delimiters',
      sent: 'a"b\n1"\'x"y\'\n',
      options: { delimiter: '"', quote: "'" },
      kept: 'a,b\n1,"x""y"\n',
    },
    {
      what: 'single quotes',
      sent: "a,'b,c'\n'it''s',\"x\"\n'',\n",
      options: { quote: "'" },
      kept: 'a,"b,c"\nit\'s,"""x"""\n"",\n',
    },
    {
      what: 'all line ends, within quotes too',
      sent: 'a;b\r\n1;"x\r\ny"\r2;"\r"\n\n3;\r\n',
      options: { delimiter: ';' },
      kept: 'a,b\n1,"x\r\ny"\n2,"\r"\n3,\n',
    },
    {
      what: 'no line end at the end',
      sent: 'a;b\n1;',
      options: { delimiter: ';' },
      kept: 'a,b\n1,\n',
    },
    { what: 'one column', sent: "a\n\n''\n\n5", options: { quote: "'" }, kept: 'a\n\n""\n\n5\n' },
    {
      what: 'a byte order mark, and one that is text',
      sent: '\ufeff\ufeffa;b\n\ufeff1;2\n',
      options: { delimiter: ';' },
      kept: '"\ufeffa",b\n\ufeff1,2\n',
    },
    {
      what: 'an empty name alone',
      sent: '""\n1\n',
      options: { delimiter: ';' },
      kept: 'column_1\n1\n',
    },
    {
      what: 'null words, which quoted are none',
      sent: 'a,b\nNA,"NA"\n,""\nNULL,N\n NA,null\n',
      options: { nullWords: ['NA', 'NULL'] },
      kept: 'a,b\n,NA\n,""\n,N\n NA,null\n',
    },
    {
      what: 'null words that are names',
      sent: 'NA,b\nNA,1\n',
      options: { nullWords: ['NA'] },
      kept: 'NA,b\n,1\n',
    },
    {
      what: 'no header',
      sent: '\n1,x\n2,y\n',
      options: { noHeader: true },
      kept: 'column_1,column_2\n1,x\n2,y\n',
    },
    {
      what: 'no header, one column',
      sent: '\n1\n\n',
      options: { noHeader: true },
      kept: 'column_1\n\n1\n\n',
    },
  ])('$what', async ({ sent, options, kept }) => {
    const reply = await uploadAs(streamed(), sent, options);
    expect(reply.error).toBe('');
    expect(await keptCsv(shared.server, reply)).toBe(kept);
    expect(reply.csvBytes).toBe(BigInt(Buffer.byteLength(kept)));
    expect(reply.rejectedRowCount).toBe(0n);
  });

  test.each<{ what: string; options: DeepPartial<CsvOptions> }>([
    { what: 'no options', options: {} },
    {
      what: 'options that are the defaults',
      options: { delimiter: ',', quote: '"', nullWords: [''], rejectedRowsMax: 7 },
    },
  ])('but byte for byte with $what', async ({ options }) => {
    const sent = '\ufeffa,b\r\n"1",2\r\n';
    const reply = await uploadAs(streamed(), sent, options);
    expect(reply.error).toBe('');
    expect(await keptCsv(shared.server, reply)).toBe(sent);
  });

  test('and is summed, aggregated and described as any other', async () => {
    const { table } = shared.connection;
    const sent = 'opt_n;opt_d\n1;0,5\nNA;NA\n2;1\n';
    const reply = await uploadAs(streamed(), sent, { delimiter: ';', nullWords: ['NA'] });
    expect(reply).toMatchObject({
      rows: 3n,
      columns: [
        { name: 'opt_n', type: int64 },
        { name: 'opt_d', type: string },
      ],
    });
    expect(await sumOf(table, 'opt_n')).toBe(3n);
    const answers = streamed().aggregate({ columns: ['opt_n', 'opt_d'] });
    for await (const { result } of answers) {
      if (result !== undefined) {
        expect(result.columns.map(({ count, max }) => [count, max?.int64Value])).toEqual([
          [2n, 2n],
          [2n, undefined],
        ]);
      }
    }
  });
});

describe('declared types', () => {
  const values = 'i,d,flag,day,at,s,none\n1,1,true,2026-11-23,2026-11-23T10:30,1,\n';
  const types = new Map(
    Object.entries({
      i: int64,
      d: double,
      flag: boolean,
      day: date,
      at: timestamp,
      s: string,
      none: int64,
    }),
  );

  test('are those of the columns, though others would be inferred', async () => {
    const reply = await uploadAs(streamed(), values, { types });
    expect(reply.error).toBe('');
    expect(reply.columns.map(({ type }) => type)).toEqual([
      ...[int64, double, boolean, date, timestamp, string],
      // A column without a value has no type.
      ColumnType.COLUMN_TYPE_UNSPECIFIED,
    ]);
    expect(await keptRows(reply)).toMatchObject({ i: [1n], d: [1], flag: [true], s: ['1'] });
  });

  test('hold where the first value comes late', async () => {
    const rows = 'late;x\n'.concat(';1\n'.repeat(200_000), '7;1\n');
    const types = new Map(Object.entries({ late: string, x: double }));
    const reply = await uploadAs(streamed(), rows, { delimiter: ';', types });
    expect(reply).toMatchObject({
      error: '',
      rows: 200_001n,
      columns: [
        { name: 'late', type: string },
        { name: 'x', type: double },
      ],
    });
  });

  test('a column of any name can be declared', async () => {
    const types = new Map([['__proto__', string]]);
    const reply = await uploadAs(streamed(), '__proto__\n007\n', { types });
    const column = { name: '__proto__', type: string };
    expect(reply).toMatchObject({ error: '', columns: [column] });
  });

  test('a column that is declared a text has no sum', async () => {
    const { table } = shared.connection;
    const reply = await uploadAs(streamed(), 'code\n007\n', { types: new Map([['code', string]]) });
    expect(reply.error).toBe('');
    expect(await keptRows(reply)).toMatchObject({ code: ['007'] });
    expect(await sumOf(table, 'code')).toMatch(
      /^column "code" cannot be summed: in chunk \d+, its type is string$/,
    );
  });

  test.each([
    { type: int64, bad: '1.5', wanted: 'an integer within int64' },
    { type: int64, bad: '9223372036854775808', wanted: 'an integer within int64' },
    { type: double, bad: 'x', wanted: 'a double' },
    { type: boolean, bad: '1', wanted: 'true or false' },
    { type: date, bad: '2026-02-29', wanted: 'a date such as 2026-11-23' },
    { type: timestamp, bad: '2026-11-23', wanted: 'a timestamp such as 2026-11-23T10:30:00Z' },
    { type: timestamp, bad: '', wanted: 'a timestamp such as 2026-11-23T10:30:00Z' },
  ])('$type does not take $bad', async ({ type, bad, wanted }) => {
    const sent = `k,v\n1,\n2,"${bad}"\n`;
    const reason = `column "v": ${JSON.stringify(bad)} is not ${wanted}`;
    const before = await listTableFiles(shared.server.dataDir);
    const { error } = await uploadAs(streamed(), sent, { types: new Map([['v', type]]) });
    expect(error).toBe(`line 3: ${reason}`);
    expect(await listTableFiles(shared.server.dataDir)).toEqual(before);
    const reply = await uploadAs(streamed(), sent, {
      types: new Map([['v', type]]),
      badRows: skip,
    });
    expect(reply).toMatchObject({
      error: '',
      rows: 1n,
      rejectedRowCount: 1n,
      rejectedRows: [{ line: 3n, reason }],
    });
    expect(await keptCsv(shared.server, reply)).toBe('k,v\n1,\n');
  });

  test.each([
    { options: {}, there: 'the header has no such column' },
    { options: { noHeader: true }, there: 'columns are called column_1 to column_2' },
  ])('of a column that is not there are an error: $there', async ({ options, there }) => {
    const { error } = await uploadAs(streamed(), 'a,b\n1,2\n', {
      ...options,
      types: new Map([['c', int64]]),
    });
    expect(error).toBe(`line 1: a type is declared of the column "c", but ${there}`);
  });
});

describe('bad rows', () => {
  const strict = sharedServer({ args: ['--row-bytes-max', '3000000'] });
  const long = 'x'.repeat(1024 * 1024 + 1);
  const tooLong = 'the field is longer than 1048576 bytes (--field-bytes-max)';
  const short = (n: number) =>
    `the row has ${n} field${n === 1 ? '' : 's'}, but the header has 3: each row needs as many`;
  const wide = 'the row has more than 3 fields, but the header has 3: each row needs as many';
  const stray = 'text follows the closing quote; a quote within quotes is written ""';
  const open = 'the quote that opens here is not closed';
  const doubled =
    'the field is longer than 1048576 bytes as Tally keeps it, with quotes doubled ' +
    '(--field-bytes-max)';

  test.each<{ what: string; rows: string; bad: [line: number, reason: string][]; good?: string }>([
    {
      what: 'too few fields',
      rows: '1,2\n3\n',
      bad: [
        [2, short(2)],
        [3, short(1)],
      ],
    },
    {
      what: 'too many',
      rows: '1,2,3,4\n1,2,3,"4\n5"\n',
      bad: [
        [2, wide],
        [3, wide],
      ],
    },
    {
      what: 'a field that is too long',
      rows: `1,${long},3\n`,
      bad: [[2, `column "b": ${tooLong}`]],
    },
    {
      what: 'a quoted one, of several lines',
      rows: `1,"a\nb","\n${long}\n"\n`,
      bad: [[2, `column "c": ${tooLong}`]],
    },
    {
      what: 'one that is too long with its quotes doubled',
      rows: `1,x${'"'.repeat(600_000)},3\n`,
      bad: [[2, `column "b": ${doubled}`]],
    },
    {
      what: 'a row that is too long',
      rows: `${Array(3).fill(long.slice(1)).join(',')}\n`,
      bad: [[2, 'the row is longer than 3000000 bytes (--row-bytes-max)']],
    },
    { what: 'text after a quote', rows: '1,"2"3,4\n', bad: [[2, `column "b": ${stray}`]] },
    {
      what: 'a quote too many, which does not take the next rows along',
      rows: '1,"2,3\n4,5,6\n7,"8",9\n',
      bad: [[2, `column "b": ${stray}`]],
      good: '4,5,6\n7,8,9\n',
    },
    {
      what: 'a quote too many, and a quoted line end behind it',
      rows: '"1"x,"2\n4,5,6\n7",8\n',
      bad: [
        [2, `column "a": ${stray}`],
        [4, short(2)],
      ],
      good: '4,5,6\n',
    },
    {
      what: 'one that is too long and has quotes in it, wherever what is read at a time ends',
      rows: `1,"${'""'.repeat(1_500_000)}\n\r\n""",3\n1\n`,
      bad: [
        [2, `column "b": ${tooLong}`],
        [5, short(1)],
      ],
    },
    {
      what: 'a quote that is not closed',
      rows: '"1,2,3\n4,5,6\r\n7,8,9',
      bad: [[2, `column "a": ${open}`]],
      good: '4,5,6\n7,8,9\n',
    },
    { what: 'a quote that is the last byte', rows: '1,2,"', bad: [[2, `column "c": ${open}`]] },
    {
      what: 'one not closed in a longer file than is held at once',
      rows: `"\n${'1,2,3\n'.repeat(300_000)}`,
      bad: [[2, `column "a": ${tooLong}`]],
      good: '1,2,3\n'.repeat(300_000),
    },
  ])('$what', async ({ rows, bad, good = '' }) => {
    const { server, connection } = strict;
    // One row more, where that would not be a part of the last one.
    const last = rows.endsWith('\n') ? '1,2,3\n' : '';
    const sent = `a,b,c\n${rows}${last}`.replaceAll(',', ';');
    const reply = await uploadAs(connection.streamed, sent, { delimiter: ';', badRows: skip });
    expect(reply.error).toBe('');
    expect(reply.rejectedRows).toEqual(
      bad.map(([line, reason]) => ({ line: BigInt(line), reason })),
    );
    expect(reply.rejectedRowCount).toBe(BigInt(bad.length));
    expect(await keptCsv(server, reply)).toBe(`a,b,c\n${good}${last}`);
    const { error } = await uploadAs(connection.streamed, sent, { delimiter: ';' });
    expect(error).toMatch(/^line [234]: /);
    expect(error).toContain(bad[0]?.[1]);
  });

  test('a row may be too long with the quotes around its fields', async () => {
    const row = (last: number) =>
      `,${'x'.repeat(999_999)};${'x'.repeat(1_000_000)};${'x'.repeat(last)};\n`;
    const sent = `a;b;c;d\n${row(999_994)}${row(999_995)}1;2;3;4\n`;
    const options = { delimiter: ';', badRows: skip };
    const reply = await uploadAs(strict.connection.streamed, sent, options);
    const reason = 'the row is longer than 3000000 bytes (--row-bytes-max)';
    expect(reply).toMatchObject({ error: '', rows: 2n, rejectedRows: [{ line: 3n, reason }] });
  });

  test('invalid UTF-8 is one, whichever field has it', async () => {
    const sent = Buffer.from('a;b\n1;\xff\n"\xfe\n";2\n3;\u00e9\n', 'latin1');
    const fixed = Buffer.concat([sent.subarray(0, -2), Buffer.from('é\n')]);
    const reply = await uploadAs(streamed(), fixed, { delimiter: ';', badRows: skip });
    expect(reply.rejectedRows).toEqual([
      { line: 2n, reason: 'column "b": the field is not valid UTF-8' },
      { line: 3n, reason: 'column "a": the field is not valid UTF-8' },
    ]);
    expect(await keptCsv(shared.server, reply)).toBe('a,b\n3,é\n');
  });

  test.each([
    { rejectedRowsMax: 0, reported: 100 },
    { rejectedRowsMax: 1, reported: 1 },
    { rejectedRowsMax: 10_000, reported: 300 },
  ])(
    'are counted all, and reported up to $rejectedRowsMax',
    async ({ rejectedRowsMax, reported }) => {
      const sent = `a,b\n${'1,2\n3\n'.repeat(300)}`;
      const options = { badRows: skip, rejectedRowsMax };
      const reply = await uploadAs(streamed(), sent, options);
      expect(reply).toMatchObject({ error: '', rows: 300n, rejectedRowCount: 300n });
      const lines = Array.from({ length: reported }, (_, i) => BigInt(2 * i + 3));
      expect(reply.rejectedRows.map(({ line }) => line)).toEqual(lines);
    },
  );

  test('are reported as far as there is room in a message', async () => {
    const name = 'n'.repeat(1024);
    const sent = `${name}\n${'x\n'.repeat(3000)}`;
    const options = { badRows: skip, types: new Map([[name, int64]]), rejectedRowsMax: 10_000 };
    const reply = await uploadAs(streamed(), sent, options);
    expect(reply).toMatchObject({ error: '', rows: 0n, rejectedRowCount: 3000n });
    expect(reply.rejectedRows.length).toBeGreaterThan(900);
    expect(reply.rejectedRows.length).toBeLessThan(1024);
  });

  test('of a file without a header are compared with its first row', async () => {
    const reply = await uploadAs(streamed(), '1,2\n3\n', { noHeader: true, badRows: skip });
    expect(reply.rejectedRows).toEqual([
      { line: 2n, reason: 'the row has 1 field, but the first row has 2: each row needs as many' },
    ]);
  });

  test.each([
    { sent: '', options: {}, error: 'the file is empty: a CSV file begins with a header line' },
    {
      sent: '\n\n',
      options: { noHeader: true },
      error: 'the file is empty: without a header, its first row says how many columns it has',
    },
    { sent: 'a,a\n', options: {}, error: 'the header has the column "a" twice' },
    { sent: '"a"b,c\n', options: {}, error: 'text follows the closing quote' },
    { sent: '"a"b,c\n', options: { noHeader: true }, error: 'text follows the closing quote' },
    {
      sent: `1${',1'.repeat(500)}\n`,
      options: { noHeader: true },
      error: 'the first row has more than 500 fields (--chunk-columns-max)',
    },
  ])('are none where it is not known what the columns are: $error', async (given) => {
    const reply = await uploadAs(streamed(), given.sent, { ...given.options, badRows: skip });
    expect(reply.error).toMatch(/^line 1(, field 1)?: /);
    expect(reply.error).toContain(given.error);
  });
});

const mark = (what: string, shown: string) =>
  `the ${what} ${shown} is not allowed: it must be one character of ASCII, and no letter, digit, ` +
  'CR or LF';

test.each<{ field: string; options: DeepPartial<CsvOptions>; sentence: string }>([
  ...[';;', 'x', '7', '\n', '\r', 'é', '😀'].map((delimiter) => ({
    field: 'delimiter',
    options: { delimiter },
    sentence: mark('delimiter', JSON.stringify(delimiter)),
  })),
  { field: 'quote', options: { quote: 'q' }, sentence: mark('quote', '"q"') },
  {
    field: 'delimiter',
    options: { delimiter: '"' },
    sentence: 'the delimiter and the quote are both "\\"": they must differ',
  },
  {
    field: 'delimiter',
    options: { quote: ',' },
    sentence: 'the delimiter and the quote are both ",": they must differ',
  },
  {
    field: 'null_words',
    options: { nullWords: Array(101).fill('NA') },
    sentence: 'there are 101 null words: at most 100 are allowed',
  },
  {
    field: 'null_words',
    options: { nullWords: ['x'.repeat(1025)] },
    sentence: `the null word "${'x'.repeat(64)}…" is longer than 1024 bytes: no longer one is allowed`,
  },
  {
    field: 'compression',
    options: { compression: 2 as Compression },
    sentence: 'compression is 2: 0 and 1 are allowed',
  },
  { field: 'bad_rows', options: { badRows: -1 }, sentence: 'bad_rows is -1: 0 and 1 are allowed' },
  ...[0, 7].map((type) => ({
    field: 'types',
    options: { types: new Map([['a', type]]) },
    sentence: `the type ${type} is declared of the column "a": 1 to 6 are allowed`,
  })),
  {
    field: 'types',
    options: { types: new Map(Array.from({ length: 501 }, (_, i) => [`c${i}`, int64])) },
    sentence: 'types are declared of 501 columns: a file has at most 500 (--chunk-columns-max)',
  },
  {
    field: 'types',
    options: { types: new Map([['n'.repeat(1025), int64]]) },
    sentence:
      `a type is declared of the column "${'n'.repeat(64)}…": a name has at most 1024 bytes ` +
      '(--column-name-bytes-max)',
  },
  ...[-1, 10_001].map((rejectedRowsMax) => ({
    field: 'rejected_rows_max',
    options: { rejectedRowsMax },
    sentence: `rejected_rows_max is ${rejectedRowsMax}: 1 to 10000 are allowed, and 0 for 100`,
  })),
])('$field is refused: $sentence', async ({ field, options, sentence }) => {
  const before = await listTableFiles(shared.server.dataDir);
  expect(
    await failureOf((call) => uploadAs(streamed(), 'a,b\n1,2\n', options, call)),
  ).toMatchObject({
    code: 'INVALID_ARGUMENT',
    sentence,
    reason: 'CSV_OPTIONS_INVALID',
    fields: [`csv_options.${field}`],
  });
  expect(await listTableFiles(shared.server.dataDir)).toEqual(before);
});
