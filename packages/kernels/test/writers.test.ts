// Files of every writer at hand, in every layout that it makes: the kernel's sum is that of the
// values that went in, and of what independent readers read.

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { columnChunks, kernels, sumChunks, sumFirstColumn } from './column-file.js';
import { openDuckdb, sumByHyparquet, sumByParquetWasm, sumOf } from './independent-readers.js';
import { randomColumn } from './random-column.js';
import { writeColumn } from './write-parquet.js';

let folder: string;
let duckdb: Awaited<ReturnType<typeof openDuckdb>>;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'tally-kernels-'));
  duckdb = await openDuckdb(folder);
});

afterAll(async () => {
  duckdb.close();
  await rm(folder, { recursive: true });
});

/** All readers read what the kernel reads; parquet-wasm only where it can. */
async function expectSame(
  file: Uint8Array,
  values: readonly (bigint | null)[],
  isReadByParquetWasm = true,
) {
  const expected = sumOf(values);
  expect(sumFirstColumn(file)).toEqual(expected);
  expect(await sumByHyparquet(file, 'v')).toEqual(expected);
  if (isReadByParquetWasm) expect(sumByParquetWasm(file, 'v')).toEqual(expected);
  expect(await duckdb.sum(file)).toEqual(expected);
}

const types = [
  { type: 'INT32', bits: 32 },
  { type: 'INT64', bits: 64 },
] as const;

describe.each(types)('parquet-wasm, $type', ({ bits }) => {
  test.each(['plain', 'delta', 'dictionary'] as const)('%s', async (encoding) => {
    const layout = fc.record({
      int32: fc.constant(bits === 32),
      encoding: fc.constant(encoding),
      version2: fc.boolean(),
      snappy: fc.boolean(),
      pageBytes: fc.constantFrom(64, 500, 4096, 1 << 20),
      rowGroupRows: fc.constantFrom(50, 500, 100_000),
    });
    await fc.assert(
      fc.asyncProperty(randomColumn(bits), layout, async (values, layout) => {
        await expectSame(writeColumn(values, layout), values);
      }),
      { numRuns: 25 },
    );
  });
});

describe.each(types)('hyparquet-writer, $type', ({ type, bits }) => {
  const encodings = [undefined, 'PLAIN', 'DELTA_BINARY_PACKED'] as const;
  test.each(encodings)('encoding %s', async (encoding) => {
    const layout = fc.record({
      codec: fc.constantFrom('UNCOMPRESSED' as const, 'SNAPPY' as const),
      pageSize: fc.constantFrom(100, 1000, 1 << 20),
      rowGroupSize: fc.constantFrom(100, 100_000),
      statistics: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(randomColumn(bits), layout, async (values, layout) => {
        const data = bits === 32 ? values.map((v) => (v === null ? null : Number(v))) : values;
        const columnData = [{ name: 'v', data, type, ...(encoding && { encoding }) }];
        const file = new Uint8Array(parquetWriteBuffer({ columnData, ...layout }));
        // parquet-wasm refuses its footer of no row groups.
        await expectSame(file, values, values.length > 0);
      }),
      { numRuns: 25 },
    );
  });
});

describe.each(types)('DuckDB, $type', ({ bits }) => {
  test.each(['V1', 'V2'])('%s', async (version) => {
    const layout = fc.record({
      codec: fc.constantFrom('uncompressed', 'snappy'),
      dictionaryEntries: fc.constantFrom(1, 20, 100_000),
      rowGroupRows: fc.constantFrom(2048, 100_000),
      repeats: fc.constantFrom(1, 10),
    });
    await fc.assert(
      fc.asyncProperty(randomColumn(bits), layout, async (once, layout) => {
        const values = Array.from({ length: layout.repeats }, () => once).flat();
        await duckdb.run(`CREATE OR REPLACE TABLE t AS SELECT unnest([${values.map((v) => v ?? 'NULL')}]
          ::${bits === 32 ? 'INTEGER' : 'BIGINT'}[]) AS v`);
        const to = path.join(folder, 'written.parquet');
        await duckdb.run(`COPY t TO '${to}' (FORMAT parquet, PARQUET_VERSION ${version},
          COMPRESSION ${layout.codec}, ROW_GROUP_SIZE ${layout.rowGroupRows},
          DICTIONARY_SIZE_LIMIT ${layout.dictionaryEntries})`);
        // DuckDB writes deltas of INT32 with 33 bits, and parquet-wasm refuses them.
        await expectSame(await readFile(to), values, bits === 64 || version === 'V1');
      }),
      { numRuns: 25 },
    );
  });
});

interface GoldenSum {
  readonly total: string;
  readonly rows: number;
  readonly nonNull: number;
}

const goldenFolder = new URL('golden/', import.meta.url);
const golden = JSON.parse(await readFile(new URL('golden.json', goldenFolder), 'utf8')) as Readonly<
  Record<string, Readonly<Record<string, GoldenSum>>>
>;

test.each(Object.entries(golden))('pyarrow, %s', async (name, sums) => {
  const file = await readFile(new URL(name, goldenFolder));
  const chunks = columnChunks(file);
  for (const [column, { total, rows, nonNull }] of Object.entries(sums)) {
    const expected = { total: BigInt(total), rows, nonNull };
    const its = chunks.filter((chunk) => chunk.column === column);
    expect(sumChunks(its)).toEqual(expected);
    // Pages may arrive in pieces that end anywhere.
    expect(sumChunks(its, 3000)).toEqual(expected);
    expect(await sumByHyparquet(file, column)).toEqual(expected);
    expect(sumByParquetWasm(file, column)).toEqual(expected);
  }
});

test('a column chunk larger than the input, page by page', () => {
  const values = Array.from({ length: 800_000 }, (_, i) => BigInt(i) * 1_000_003n);
  const file = writeColumn(values, {
    int32: false,
    encoding: 'plain',
    version2: true,
    snappy: false,
    pageBytes: 1 << 20,
    rowGroupRows: 1_000_000,
  });
  expect(columnChunks(file)[0]?.bytes.length).toBeGreaterThan(2 * kernels.input.length);
  expect(sumFirstColumn(file)).toEqual(sumOf(values));
});
