import { readFile, rm, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { Metadata, Status } from 'nice-grpc';
import { describe, expect, test } from 'vitest';
import { columnsOf, exported, streamOf, typesOf } from './exported.js';
import { sharedServer, withFolder, withServer } from './server.js';
import { keep } from './table-calls.js';
import { readDeltaTable, readFooter, readWithDuckDb, type Value } from './table-files.js';

const shared = sharedServer({ args: ['--row-group-rows-max', '1000'] });
const service = () => shared.connection.streamed;

let made = 0;
async function tableOf(...files: readonly string[]): Promise<string> {
  const table = `exported-${++made}`;
  await service().createTable({ table });
  for (const csv of files) await add(table, csv);
  return table;
}

async function add(table: string, csv: string): Promise<void> {
  async function* file() {
    yield { table, csvData: Buffer.from(csv) };
  }
  expect((await service().upload(file())).error).toBe('');
}

const micros = (time: string, more = 0n) => BigInt(Date.parse(time)) * 1000n + more;

describe('an export', () => {
  test('has each type, with nulls, in the order of the uploads', async () => {
    const table = await tableOf(
      'n,d,b,day,at,t\n' +
        '9223372036854775807,0.1,true,2024-02-29,2024-02-29T12:00:00.000001Z,"é, 漢字 🎉"\n' +
        ',,,,,\n' +
        '-9223372036854775808,-1e300,false,1969-12-31,1969-12-31T23:59:59Z,""\n' +
        '0,5e-324,true,0001-01-01,2000-01-01T00:00:00Z,"a ""b""\nc"\n' +
        ',,,,,\n',
      'n,d,b,day,at,t\n7,7.5,false,2025-01-01,2025-01-01T00:00:00Z,end\n',
    );
    const found = await exported(service().export({ table }));
    expect(typesOf(found)).toEqual({
      n: 'Int64',
      d: 'Float64',
      b: 'Bool',
      day: 'Date32<DAY>',
      at: 'Timestamp<MICROSECOND, UTC>',
      t: 'Utf8',
    });
    expect(columnsOf(found)).toEqual({
      n: [9223372036854775807n, null, -9223372036854775808n, 0n, null, 7n],
      d: [0.1, null, -1e300, 5e-324, null, 7.5],
      b: [true, null, false, true, null, false],
      day: ['2024-02-29', null, '1969-12-31', '0001-01-01', null, '2025-01-01'],
      at: [
        micros('2024-02-29T12:00:00Z', 1n),
        null,
        micros('1969-12-31T23:59:59Z'),
        micros('2000-01-01T00:00:00Z'),
        null,
        micros('2025-01-01T00:00:00Z'),
      ],
      t: ['é, 漢字 🎉', null, '', 'a "b"\nc', null, 'end'],
    });
  });

  test('has the columns that are asked for, in their order', async () => {
    const table = await tableOf('a,b,"Airport Name, IATA"\n1,2,x\n');
    const columns = ['Airport Name, IATA', 'a'];
    const found = await exported(service().export({ table, columns }));
    expect(Object.entries(columnsOf(found))).toEqual([
      ['Airport Name, IATA', ['x']],
      ['a', [1n]],
    ]);
  });

  test('has nulls where a chunk lacks a column, of every type, also for a whole chunk', async () => {
    const table = await tableOf(
      'n,d,b,day,at,t\n1,0.5,true,2024-01-01,2024-01-01T00:00:00Z,x\n',
      'other\n1\n2\n3\n4\n',
      'n\n5\n',
    );
    const columns = ['n', 'd', 'b', 'day', 'at', 't'];
    const found = await exported(service().export({ table, columns }));
    const nulls = [null, null, null, null];
    expect(columnsOf(found)).toEqual({
      n: [1n, ...nulls, 5n],
      d: [0.5, ...nulls, null],
      b: [true, ...nulls, null],
      day: ['2024-01-01', ...nulls, null],
      at: [micros('2024-01-01T00:00:00Z'), ...nulls, null],
      t: ['x', ...nulls, null],
    });
  });

  test('has a column of several types as it is in the CSV files', async () => {
    const table = await tableOf(
      'x,n\r\n 007 ,1\r\n"+5",2\r\n,3\r\n"12",4\r\n',
      'x,n\n1.50,5\n"",6\n1e3,7\n',
      'n\n8\n',
      'n,x\n9,"two\r\n""lines"""\n10,TRUE\n11,\n',
      'x\n\n2024-01-01\n""\n\n',
    );
    const found = await exported(service().export({ table, columns: ['x', 'n'] }));
    expect(typesOf(found)).toEqual({ x: 'Utf8', n: 'Int64' });
    const texts = [' 007 ', '+5', null, '12', '1.50', '', '1e3', null];
    expect(columnsOf(found)).toEqual({
      x: [...texts, 'two\r\n"lines"', 'TRUE', null, null, '2024-01-01', '', null],
      n: [...[1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n, 10n, 11n], null, null, null, null],
    });
  });

  test.each(['\n', '\r\n', '\r'])('goes over row groups of both files (%j)', async (end) => {
    const values = Array.from({ length: 2500 }, (_, i) => (i % 7 === 3 ? null : i + 1));
    const csv = (prefix: string) =>
      ['n,x', ...values.map((n) => (n === null ? ',' : `${n},"${prefix}${n}"`)), ''].join(end);
    const table = await tableOf(csv(''), csv('text '));
    const found = await exported(service().export({ table }));
    const texts = (prefix: string) => values.map((n) => n && `${prefix}${n}`);
    const numbers = values.map((n) => n && BigInt(n));
    expect(columnsOf(found)).toEqual({
      n: [...numbers, ...numbers],
      x: [...texts(''), ...texts('text ')],
    });
    const rows = [1000, 1000, 500];
    expect(found.batches.map(({ numRows }) => numRows)).toEqual([...rows, ...rows]);
  });

  test('puts texts beside the rows of each batch of a large row group', () =>
    withServer({}, async (_, { table, streamed }) => {
      const texts = Array.from({ length: 70_000 }, (_, i) => (i % 5 === 0 ? null : `${i}`));
      const lines = texts.map((text, i) => `${text ?? ''},${i}\n`);
      await keep(table, 'x,n\ntext,-1\n', `x,n\n${lines.join('')}`);
      const found = await exported(streamed.export({}));
      expect(found.batches.map(({ numRows }) => numRows)).toEqual([1, 65_536, 4464]);
      expect(columnsOf(found)).toEqual({
        x: ['text', ...texts],
        n: [-1n, ...texts.map((_, i) => BigInt(i))],
      });
    }));

  test('cuts row groups that are larger as Arrow than in the file', () =>
    withServer({ args: ['--row-group-bytes-max', '1048576'] }, async (_, { table, streamed }) => {
      // 300 columns that are null take 2,400 bytes a row, and the texts of the integers 1,000.
      const names = Array.from({ length: 300 }, (_, i) => `null ${i}`);
      const numbers = Array.from({ length: 2000 }, (_, i) => `${i + 1}`.padStart(1000, '0'));
      await keep(table, `${names}\n${names.map(() => 1)}\n`, 'x,n\ntext,0\n');
      await keep(table, `x,n\n${numbers.map((text) => `${text},${Number(text)}\n`).join('')}`);
      const columns = ['n', 'x', ...names];
      const found = await exported(streamed.export({ columns }));
      const sizes = found.batches.map(({ numRows }) => numRows);
      expect(sizes.slice(0, 2)).toEqual([1, 1]);
      expect(sizes.length).toBeGreaterThan(10);
      const { n, x, ...nulls } = columnsOf(found);
      expect(n).toEqual([null, 0n, ...numbers.map(BigInt)]);
      expect(x).toEqual([null, 'text', ...numbers]);
      const expected = [1n, ...Array(2001).fill(null)];
      expect(Object.values(nulls)).toEqual(names.map(() => expected));
      // The texts alone.
      const texts = await exported(streamed.export({ columns: ['x', 'n'] }));
      expect(texts.batches.length).toBeGreaterThan(6);
      expect(columnsOf(texts)).toEqual({ x, n });
    }));

  test('sees the table as of a version: its chunks, its columns and their types', async () => {
    const table = await tableOf('x\n1\n', 'x,y\ntext,2\n', 'x\n3\n');
    const { chunks } = await service().listChunks({ table });
    await service().deleteChunk({ table, chunkId: chunks[1]?.chunkId ?? '' });
    const seen = [];
    for (const version of [0n, 1n, 2n, 3n, undefined]) {
      seen.push(columnsOf(await exported(service().export({ table, version }))));
    }
    expect(seen).toEqual([
      { x: [1n] },
      { x: ['1', 'text'], y: [null, 2n] },
      { x: ['1', 'text', '3'], y: [null, 2n, null] },
      { x: [1n, 3n] },
      { x: [1n, 3n] },
    ]);
    const gone = streamOf(service().export({ table, columns: ['y'] }));
    await expect(gone).rejects.toMatchObject({ code: Status.NOT_FOUND });
  });

  test('of no rows is a schema, of no columns if none is known', async () => {
    const never = await exported(service().export({ table: await tableOf() }));
    expect([never.schema.fields, never.numRows]).toEqual([[], 0]);
    const headerOnly = await tableOf('x,y\n');
    const none = await exported(service().export({ table: headerOnly }));
    expect([none.schema.fields, none.numRows]).toEqual([[], 0]);
    const named = await exported(service().export({ table: headerOnly, columns: ['y'] }));
    expect([typesOf(named), named.numRows]).toEqual([{ y: 'Utf8' }, 0]);
    const valueless = await tableOf('x,y\n1,\n2,\n');
    expect(columnsOf(await exported(service().export({ table: valueless })))).toEqual({
      x: [1n, 2n],
    });
    const both = await exported(service().export({ table: valueless, columns: ['y', 'x'] }));
    expect(columnsOf(both)).toEqual({ y: [null, null], x: [1n, 2n] });
  });

  test('has messages of 256 KiB at most, and few', async () => {
    const rows = Array.from({ length: 20_000 }, (_, i) => `${i},${'text '.repeat(20)}${i}\n`);
    const table = await tableOf(`n,t\n${rows.join('')}`);
    const sizes: number[] = [];
    for await (const { arrowIpc } of service().export({ table })) sizes.push(arrowIpc.length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256 * 1024);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    expect(bytes).toBeGreaterThan(2_000_000);
    expect(sizes.length).toBeLessThan((2 * bytes) / (256 * 1024) + 4);
  });

  test('is refused with what is allowed', async () => {
    const table = await tableOf('x,t\n1,a\n');
    const many = Array.from({ length: 1001 }, (_, i) => `c${i}`);
    const wide = await tableOf(
      ...[0, 400, 800]
        .map((from) => many.slice(from, from + 400))
        .map((names) => `${names}\n${names.map(() => 1)}\n`),
    );
    const { INVALID_ARGUMENT, NOT_FOUND, OUT_OF_RANGE } = Status;
    const refused: [object, Status, string | RegExp][] = [
      [
        { columns: ['x', 'z'] },
        NOT_FOUND,
        `the table "${table}" has no column "z": DescribeTable lists them`,
      ],
      [
        { columns: ['x', 't', 'x'] },
        INVALID_ARGUMENT,
        'the column "x" is named twice: each may be named once',
      ],
      [
        { columns: many },
        INVALID_ARGUMENT,
        '1001 columns are named: 1 to 1000 are allowed, or none for all',
      ],
      [
        { table: wide },
        INVALID_ARGUMENT,
        `the table "${wide}" has more than 1000 columns: name 1 to 1000 of them`,
      ],
      [{ table: 'none' }, NOT_FOUND, /^there is no table "none"/],
      [{ table: 'a b' }, INVALID_ARGUMENT, /^the table name "a b" is not allowed/],
      [{ version: 1n }, OUT_OF_RANGE, `the table "${table}" has no version 1: 0 to 0 are there`],
      [{ version: -1n }, OUT_OF_RANGE, /has no version -1/],
    ];
    for (const [request, code, details] of refused) {
      await expect(streamOf(service().export({ table, ...request }))).rejects.toMatchObject({
        code,
        details: typeof details === 'string' ? details : expect.stringMatching(details),
      });
    }
    const metadata = Metadata({ 'tally-verify-checksums': 'perhaps' });
    await expect(streamOf(service().export({ table }, { metadata }))).rejects.toMatchObject({
      code: INVALID_ARGUMENT,
      details: 'the metadata tally-verify-checksums is "perhaps": true or false is allowed',
    });
  });
});

describe('an export of files that are not as they were', () => {
  const rows = Array.from(
    { length: 100 },
    (_, i) =>
      `${(i * 7919) % 1009},note ${(i * 31) % 97},2024-01-01T00:00:00.${100 + ((i * 7919) % 757)}Z\n`,
  ).join('');

  async function withChunks(
    work: (
      files: { csv: string; parquet: string },
      sentence: () => Promise<string>,
    ) => Promise<void>,
    columns: string[],
    metadata = Metadata(),
  ): Promise<void> {
    await withFolder((dataDir) =>
      withServer({ dataDir }, async (_, { table, streamed }) => {
        await keep(table, 'n,t,at\n1,a,2024-01-01T00:00:00Z\n', `n,t,at\n${rows}`, 'n\nword\n');
        const { chunks } = await readDeltaTable(dataDir);
        const { csvPath = '', parquetPath = '' } = chunks[1] ?? {};
        await work({ csv: csvPath, parquet: parquetPath }, async () => {
          const call = streamOf(streamed.export({ columns, version: 1n }, { metadata }));
          const error = await call.then(
            () => ({ code: Status.OK, details: '' }),
            (error) => error,
          );
          expect([Status.OK, Status.DATA_LOSS]).toContain(error.code);
          return error.details;
        });
        const sound = await exported(streamed.export({ columns, version: 0n }));
        expect(sound.numRows).toBe(1);
      }),
    );
  }

  async function flipByte(file: string, at: number): Promise<void> {
    const bytes = await readFile(file);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await writeFile(file, bytes);
  }

  const inChunk2 = 'the table "default" cannot be exported: in chunk 2, its Parquet file';

  /** A place in the middle of a column. */
  async function middleOf(parquet: string, column: number): Promise<number> {
    const { row_groups } = await readFooter(parquet);
    const { data_page_offset: from, total_compressed_size: bytes } =
      row_groups[0]?.columns[column]?.meta_data ?? {};
    return Number(from) + Number(bytes) / 2;
  }

  const integers = [
    { name: 'n', column: 0 },
    { name: 'at', column: 2 },
  ];
  test.each(integers)(
    'names the chunk whose page of integers is damaged: $name',
    ({ name, column }) =>
      withChunks(
        async ({ parquet }, sentence) => {
          await flipByte(parquet, Math.floor(await middleOf(parquet, column)));
          expect(await sentence()).toMatch(new RegExp(`^${inChunk2} is damaged: `));
        },
        [name],
      ),
  );

  test('names the chunk whose texts are damaged', () =>
    withChunks(
      async ({ parquet }, sentence) => {
        const bytes = await readFile(parquet);
        const middle = await middleOf(parquet, 1);
        await writeFile(parquet, bytes.fill(0x55, middle - 40, middle));
        expect(await sentence()).toMatch(new RegExp(`^${inChunk2} is damaged: `));
      },
      ['t'],
    ));

  test('names the chunk whose file is missing', () =>
    withChunks(
      async ({ parquet }, sentence) => {
        await rm(parquet);
        expect(await sentence()).toBe(`${inChunk2} cannot be read (ENOENT)`);
      },
      ['n', 't'],
    ));

  test('finds with checksums what else nobody would see', () =>
    withChunks(
      async ({ parquet }, sentence) => {
        expect(await sentence()).toBe('');
        await flipByte(parquet, (await readFile(parquet)).length - 9);
        expect(await sentence()).toMatch(
          new RegExp(`^${inChunk2} is damaged: its CRC32C is [0-9a-f]{8}, and was`),
        );
      },
      ['n', 't'],
      Metadata({ 'tally-verify-checksums': 'true' }),
    ));

  test('says how many files it has checked', async () => {
    const table = await tableOf('x,n\n1,1\n2,2\n3,3\n4,4\n5,5\n', 'x,n\na,6\n', 'n\n7\n');
    const metadata = Metadata({ 'tally-verify-checksums': 'true' });
    const checked: (string | undefined)[] = [];
    const onTrailer = (trailer: Metadata) => checked.push(trailer.get('tally-files-checked'));
    for (const columns of [['n'], ['x'], ['x', 'n']]) {
      await streamOf(service().export({ table, columns }, { metadata, onTrailer }));
    }
    expect(checked).toEqual(['3', '2', '5']);
  });
});

test('random files are what their Parquet files and CSV files say', async () => {
  const cells = {
    long: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String),
    double: fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .map((value) => `${value}e0`.replace(/(e.*)e0$/, '$1').replace(/^(-?\d+)e/, '$1.0e')),
    boolean: fc.constantFrom('true', 'false'),
    date: fc
      .date({ min: new Date('1900-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
      .map((day) => day.toISOString().slice(0, 10)),
    timestamp: fc
      .date({ min: new Date('1900-01-01'), max: new Date('2100-01-01'), noInvalidDate: true })
      .map((time) => time.toISOString()),
    string: fc
      .string({ unit: 'grapheme', maxLength: 12 })
      .filter((text) => !/[\p{Surrogate}\0]/u.test(text)),
  };
  const column = fc
    .constantFrom(...(Object.keys(cells) as (keyof typeof cells)[]))
    .chain((type) => fc.array(fc.option(cells[type], { freq: 3 }), { minLength: 9, maxLength: 9 }));
  const chunk = fc.record({
    rows: fc.nat(9),
    a: column,
    b: fc.option(column, { freq: 4 }),
    c: fc.option(fc.array(fc.option(cells.long), { minLength: 9, maxLength: 9 })),
  });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(chunk, { minLength: 1, maxLength: 4 }), async (chunks) => {
      run++;
      const { dataDir } = shared.server;
      const before = (await readDeltaTable(dataDir)).chunks.length;
      const nameOf = (key: string) => `${key} ${run}`;
      const keys = ['a', 'b', 'c'] as const;
      const present = chunks.map((one) => keys.filter((key) => one[key] !== null));
      for (const [i, one] of chunks.entries()) {
        const names = present[i] ?? [];
        const lines = Array.from({ length: one.rows }, (_, row) =>
          names.map((key) => quotedField(one[key]?.[row] ?? null)).join(','),
        );
        const csv = [names.map(nameOf).join(','), ...lines].map((line) => `${line}\n`).join('');
        await keep(shared.connection.table, csv);
      }
      const columns = keys
        .filter((key) => present.some((names) => names.includes(key)))
        .map(nameOf);
      const call = service().export({ columns: columns.toReversed() });
      const found = columnsOf(await exported(call));
      const delta = await readDeltaTable(dataDir);
      for (const key of keys) {
        const name = nameOf(key);
        if (!columns.includes(name)) continue;
        const types = new Set(delta.chunks.map(({ fields }) => fields.get(name)).filter(Boolean));
        const expected: Value[] = [];
        for (const [i, { rows, fields, parquetPath }] of delta.chunks.entries()) {
          const texts = chunks[i - before]?.[key]?.slice(0, rows);
          const field = fields.get(name);
          if (!field) expected.push(...Array(rows).fill(null));
          else if (types.size > 1) expected.push(...(texts ?? []));
          else expected.push(...((await readWithDuckDb(parquetPath)).get(field) ?? []));
        }
        expect(found[name]).toEqual(expected);
      }
    }),
    { numRuns: 25 },
  );
});

/** A field as a CSV file has it: null is nothing, and an empty text is quoted. */
function quotedField(text: string | null): string {
  if (text === null) return '';
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
