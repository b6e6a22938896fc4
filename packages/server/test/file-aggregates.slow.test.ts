import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { columnAggregate, type FileAggregate } from '../dist/tables/aggregate.js';
import { createTablePool, type TablePool } from '../dist/tables/pool.js';
import { createStop, setStop } from '../dist/tables/stop.js';
import type { IngestedChunk, TypedColumnFile } from '../dist/tables/worker.js';
import { readFooter } from './table-files.js';

const limits = {
  chunkColumnsMax: 100,
  columnNameBytesMax: 1024,
  fieldBytesMax: 4 * 1024 * 1024,
  rowBytesMax: 16 * 1024 * 1024,
  rowGroupRowsMax: 40_000,
  rowGroupBytesMax: 16 * 1024 * 1024,
};

let pool: TablePool;
/** One with row groups of a few rows: the limits of a thread are the same for all of its files. */
let smallPool: TablePool;
const smallRows = 7;
let folder: string;
beforeAll(async () => {
  pool = await createTablePool(2, 1);
  smallPool = await createTablePool(2, 1);
  folder = await mkdtemp(path.join(tmpdir(), 'tally-aggregates-'));
});
afterAll(async () => {
  await pool.close();
  await smallPool.close();
  await rm(folder, { recursive: true });
});

interface Chunk extends IngestedChunk {
  readonly csvPath: string;
  readonly parquetPath: string;
}

let chunks = 0;

/** Converts a CSV file as an upload does. */
async function convert(csv: string, isSmall = false): Promise<Chunk> {
  const base = path.join(folder, String(++chunks));
  const [csvPath, parquetPath] = [`${base}.csv`, `${base}.parquet`];
  await writeFile(csvPath, csv);
  const chunk = await (isSmall ? smallPool : pool).ingest({
    spoolPath: csvPath,
    parquetSpoolPath: `${base}.part`,
    csvPath,
    parquetPath,
    fields: [],
    limits: isSmall ? { ...limits, rowGroupRowsMax: smallRows } : limits,
    sync: false,
    stop: createStop(),
  });
  if (chunk === undefined || 'fault' in chunk) throw new Error(JSON.stringify(chunk));
  return { ...chunk, csvPath, parquetPath };
}

/** Both files of a chunk, for a column by its place. */
function filesOf(chunk: Chunk, column: number): readonly [TypedColumnFile, TypedColumnFile] {
  const type = chunk.columns[column]?.type ?? null;
  const field = chunk.plan.columns[column]?.field?.field ?? '';
  const common = { crc32c: undefined, type };
  return [
    { ...common, format: 'csv', path: chunk.csvPath, column, columns: chunk.columns.length },
    {
      ...common,
      format: 'parquet',
      path: chunk.parquetPath,
      field,
      ranges: chunk.ranges.get(field),
    },
  ];
}

const aggregate = (...files: readonly TypedColumnFile[]) =>
  pool.aggregate({ files, limits, stop: createStop() });

/** What a column of a chunk comes to, which both formats must agree on. */
async function aggregateBoth(chunk: Chunk, column: number): Promise<FileAggregate> {
  const [csv, parquet] = filesOf(chunk, column);
  const result = await aggregate(csv, parquet, { ...parquet, ranges: undefined } as typeof parquet);
  if ('fault' in result) throw new Error(result.fault);
  const [ofCsv, ofParquet, byFooter] = result.aggregates;
  expect(ofParquet).toEqual(ofCsv);
  expect(byFooter).toEqual(ofCsv);
  return ofCsv as FileAggregate;
}

const int64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -99n, max: 99n }),
);
const long = fc
  .tuple(int64, fc.constantFrom('', ' ', '\t'), fc.boolean())
  .map(([value, space, isQuoted]) => (isQuoted ? `"${space}${value}"` : `${value}${space}`));
const double = fc.oneof(
  fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .map((value) => (Object.is(value, -0) ? '-0' : value.toExponential())),
  fc.constantFrom(
    '1e308',
    '-1e308',
    '5e-324',
    '-0',
    '0',
    '-0.0',
    ' 1.5 ',
    '"2.5"',
    '.5',
    '7.',
    '12',
  ),
  int64.map(String),
);
const kinds = {
  long,
  double: double,
  boolean: fc.constantFrom('true', 'FALSE', '"true"'),
  date: fc.constantFrom('2024-02-29', '"1970-01-01"'),
  timestamp: fc.constantFrom('2024-02-29T12:00:00Z', '1969-12-31 23:59'),
  string: fc.constantFrom('""', 'a', '"a,""b"""', 'NaN', 'inf', 'é', '" "', '9223372036854775808'),
};

/** What the texts of a column come to, as the types of its values say. */
function expected(texts: readonly string[], type: string | null) {
  const values = texts.filter((text) => text !== '');
  const counts = { count: values.length, nulls: texts.length - values.length };
  if (type === 'long') {
    const longs = values.map((text) => BigInt(text.replaceAll(/["\s]/g, '')));
    const sorted = longs.toSorted((a, b) => Number(a > b) - Number(a < b));
    return {
      ...counts,
      sum: longs.reduce((a, b) => a + b, 0n),
      min: sorted[0],
      max: sorted.at(-1),
    };
  }
  if (type !== 'double') return { ...counts, sum: undefined, min: undefined, max: undefined };
  const doubles = values.map((text) => Number(text.replaceAll(/["\s]/g, '')));
  return { ...counts, min: Math.min(...doubles), max: Math.max(...doubles) };
}

describe('both formats agree on a column of any values', () => {
  test.each(Object.entries(kinds))('%s', async (_, value) => {
    const text = fc.oneof(
      { weight: 4, arbitrary: value as fc.Arbitrary<string> },
      { weight: 1, arbitrary: fc.constant('') },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(text, { maxLength: 60 }), fc.boolean(), async (texts, isSmall) => {
        const lines = texts.map((text, i) => `${i},${text},\n`);
        const chunk = await convert(`i,v,none\n${lines.join('')}`, isSmall);
        const type = chunk.columns[1]?.type ?? null;
        const files = await aggregateBoth(chunk, 1);
        expect(files.rows).toBe(texts.length);
        expect(columnAggregate(files)).toMatchObject(expected(texts, type));
        expect(await aggregateBoth(chunk, 2)).toMatchObject({ count: 0, nulls: texts.length });
      }),
      { numRuns: 40 },
    );
  });
});

test('a chunk of a header alone has no rows', async () => {
  const files = await aggregateBoth(await convert('x,y\n'), 0);
  expect(files).toMatchObject({ rows: 0, count: 0, nulls: 0, numbers: 0 });
});

test('a blank line is a null row of one column', async () => {
  expect(await aggregateBoth(await convert('x\n1\n\n3\n'), 0)).toMatchObject({
    count: 2,
    nulls: 1,
  });
});

test('integers that another has written, as the kernel does not read them', async () => {
  const file = path.join(folder, 'zstd.parquet');
  const duckdb = await (await DuckDBInstance.create(':memory:')).connect();
  await duckdb.run(`COPY (SELECT CASE WHEN i % 3 > 0 THEN i * i - 500 END AS x, NULL::BIGINT AS n
    FROM range(200000) t(i)) TO '${file}' (FORMAT parquet, COMPRESSION zstd)`);
  const sql = `SELECT count(x), sum(x), min(x), max(x) FROM '${file}'`;
  const [row = []] = (await duckdb.runAndReadAll(sql)).getRows();
  duckdb.closeSync();
  const common = { format: 'parquet', path: file, ranges: undefined, crc32c: undefined } as const;
  const result = await aggregate(
    { ...common, field: 'x', type: 'long' },
    { ...common, field: 'n', type: 'long' },
  );
  if ('fault' in result) throw new Error(result.fault);
  const [x, n] = result.aggregates;
  expect([BigInt(x?.count ?? 0), x?.longs?.sum, x?.longs?.min, x?.longs?.max]).toEqual(row);
  expect(n).toMatchObject({ count: 0, nulls: 200_000, longs: undefined });
});

test('a field that the kernel has no room for is read field by field', async () => {
  const zeros = '0'.repeat(3 * 1024 * 1024);
  const chunk = await convert(`x,d,t\n-5,1.5,a\n${zeros}7,,\n9,-2e9,\n`);
  expect(columnAggregate(await aggregateBoth(chunk, 0))).toMatchObject({ sum: 11n, min: -5n });
  expect(columnAggregate(await aggregateBoth(chunk, 1))).toMatchObject({ nulls: 1, min: -2e9 });
  expect(await aggregateBoth(chunk, 2)).toMatchObject({ count: 1, nulls: 2 });
});

test('many rows, in several row groups and pages, come to what DuckDB says', async () => {
  const rows = 150_000;
  const at = (i: number, seed: number) => Math.imul(i + 1, seed) >>> 0;
  const columns: Record<string, (i: number) => string> = {
    id: (i) => String(i),
    small: (i) => String(at(i, 0x9e37_79b1) % 100),
    signed: (i) => (i % 11 === 0 ? '' : String((at(i, 0x85eb_ca6b) % 2_000_001) - 1_000_000)),
    wide: (i) => String(BigInt.asIntN(64, BigInt(at(i, 0xc2b2_ae35)) * 0x9e37_79b9_7f4a_7c15n)),
    walk: (i) => String(Math.round(Math.sin(i / 500) * 1e6) + (at(i, 0x27d4_eb2f) % 50)),
    double: (i) => (i % 13 === 0 ? '' : String((at(i, 0x1656_67b1) - 2 ** 31) / 1024)),
    text: (i) => (i % 5 === 0 ? '' : `t${i}`),
    flag: (i) => (i % 3 === 0 ? '' : String(i % 2 === 0)),
    day: (i) => (i % 4 === 0 ? '' : `20${String(10 + (i % 80)).padStart(2, '0')}-01-02`),
  };
  const names = Object.keys(columns);
  const line = (i: number) => names.map((name) => columns[name]?.(i)).join();
  const chunk = await convert(
    `${names.join()}\n${Array.from({ length: rows }, (_, i) => line(i)).join('\n')}\n`,
  );
  expect((await readFooter(chunk.parquetPath)).row_groups.length).toBeGreaterThan(3);
  const duckdb = await (await DuckDBInstance.create(':memory:')).connect();
  for (const [column, name] of names.entries()) {
    const ours = columnAggregate(await aggregateBoth(chunk, column));
    for (const source of [`read_csv('${chunk.csvPath}')`, `read_parquet('${chunk.parquetPath}')`]) {
      const isNumber = ours.sum !== undefined;
      const numbers = isNumber ? `, sum("${name}"), min("${name}"), max("${name}")` : '';
      const sql = `SELECT count("${name}"), count(*) - count("${name}")${numbers} FROM ${source}`;
      const [row = []] = (await duckdb.runAndReadAll(sql)).getRows();
      const [count, nulls, sum, min, max] = row;
      expect([ours.count, ours.nulls].map(BigInt)).toEqual([count, nulls]);
      // Halves and fewer bits than doubles have: DuckDB's sum of them is exact, too.
      if (isNumber) expect([ours.sum, ours.min, ours.max]).toEqual([sum, min, max]);
    }
  }
  duckdb.closeSync();
});

describe('faults say at which place of the list the file is', () => {
  test('a missing file, and a value that is of another type', async () => {
    const chunk = await convert('x,d\n1,1.5\n2,2.5\n');
    const [good] = filesOf(chunk, 0);
    const missing = { ...good, path: path.join(folder, 'none.csv') };
    expect(await aggregate(good, missing)).toEqual({
      fault: 'its CSV file cannot be read (ENOENT)',
      index: 1,
    });
    await writeFile(chunk.csvPath, 'x,d\n1,1.5\ntwo,NaN\n');
    const [csvX] = filesOf(chunk, 0);
    const [csvD] = filesOf(chunk, 1);
    const fault = (text: string, kind: string) => `line 3: "${text}" is not ${kind}`;
    expect(await aggregate(csvX)).toEqual({
      fault: fault('two', 'an integer within int64'),
      index: 0,
    });
    expect(await aggregate(csvD)).toEqual({ fault: fault('NaN', 'a double'), index: 0 });
    expect(await aggregate({ ...csvX, type: null })).toEqual({
      fault: 'its CSV file is damaged: a column that had no value has one',
      index: 0,
    });
    await writeFile(chunk.csvPath, 'x,d\n1\n');
    expect(await aggregate({ ...csvX, type: 'string' })).toMatchObject({
      fault: expect.stringMatching(/^line 2: /),
    });
  });

  test('a checksum that does not hold', async () => {
    const [csv, parquet] = filesOf(await convert('x\n1\n'), 0);
    for (const file of [csv, parquet]) {
      const result = await aggregate(file, { ...file, crc32c: 1 });
      expect(result).toMatchObject({ index: 1, fault: expect.stringContaining('CRC32C') });
    }
  });

  test('a task that nobody waits for', async () => {
    const files = filesOf(await convert('x\n1\n'), 0);
    const stop = createStop();
    setStop(stop);
    expect(await pool.aggregate({ files, limits, stop })).toEqual({
      fault: 'the call was cancelled',
      index: 0,
    });
  });

  test('damaged bytes of any column, also where they end a thread', async () => {
    const lines = Array.from(
      { length: 3000 },
      (_, i) => `${(i * i) % 977},${i % 9 ? (i % 501) / 7 : ''},${i % 3 ? i : ''}x\n`,
    );
    const chunk = await convert(`i,d,t\n${lines.join('')}`, true);
    const bytes = await readFile(chunk.parquetPath);
    const damaged = path.join(folder, 'damaged.parquet');
    const [, good] = filesOf(chunk, 1);
    const whole = await aggregate(good);
    let seed = 1;
    const random = (limit: number) => {
      seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((seed / 2 ** 32) * limit);
    };
    const kinds = new Set<string>();
    for (let i = 0; i < 45; i++) {
      const changed = Uint8Array.from(bytes);
      for (let n = 1 + random(8); n > 0; n--) changed[random(bytes.length)] = random(256);
      await writeFile(damaged, changed);
      const [, parquet] = filesOf(chunk, i % 3 === 0 ? random(3) : 1);
      const result = await aggregate(good, { ...parquet, path: damaged } as typeof parquet);
      if ('fault' in result) {
        expect(result).toEqual({ index: 1, fault: expect.stringMatching(/^its Parquet file /) });
        kinds.add(result.fault);
      } else expect(result.aggregates[0]).toEqual('aggregates' in whole && whole.aggregates[0]);
      // What comes after is right.
      expect(await aggregate(good)).toEqual(whole);
    }
    expect([...kinds].join()).toContain('parquet-wasm has failed');
  });
});
