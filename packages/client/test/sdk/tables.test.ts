import { describe, expect, test } from 'vitest';
import { all, failureOf, sharedTally } from './connection.js';

const shared = sharedTally();
const tables = () => shared.tally.tables;
const csv = (text: string) => Buffer.from(text);

test('a table is made, filled, described, listed and dropped', async () => {
  await tables().create('made');
  expect(await tables().describe({ table: 'made' })).toEqual({
    table: 'made',
    version: undefined,
    rows: 0,
    chunks: 0,
    csvBytes: 0,
    parquetBytes: 0,
    columns: [],
    deltaPath: 'tables/made/delta',
  });
  await tables().upload(csv('a,b\n1,x\n2,y\n'), { table: 'made' });
  const kept = await tables().upload(csv('a,b\n1.5,\n'), { table: 'made' });
  expect(kept.columns).toEqual([
    { name: 'a', type: 'double' },
    { name: 'b', type: undefined },
  ]);
  const described = await tables().describe({ table: 'made' });
  expect(described).toMatchObject({ version: 1, rows: 3, chunks: 2, csvBytes: 21 });
  expect(described.columns).toEqual([
    {
      name: 'a',
      types: [
        { type: 'int64', deltaColumn: 'a' },
        { type: 'double', deltaColumn: 'a__double' },
      ],
    },
    { name: 'b', types: [{ type: 'string', deltaColumn: 'b' }] },
  ]);
  const { columns, deltaPath, ...summary } = described;
  expect(await all(tables().list())).toContainEqual(summary);
  await tables().drop('made');
  expect((await all(tables().list())).map(({ table }) => table)).not.toContain('made');
});

test('lists have the entries of all pages', async () => {
  for (const table of ['page-b', 'page-a']) await tables().create(table);
  const names = (await all(tables().list({ pageSize: 1 }))).map(({ table }) => table);
  expect(names.filter((name) => name.startsWith('page'))).toEqual(['page-a', 'page-b']);
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) {
    ids.push((await tables().upload(csv(`x\n${i}\n`), { table: 'page-a' })).chunkId);
  }
  const chunks = await all(tables().chunks({ table: 'page-a', pageSize: 2 }));
  expect(chunks.map(({ chunkId, number, version }) => ({ chunkId, number, version }))).toEqual(
    ids.map((chunkId, i) => ({ chunkId, number: i + 1, version: i })),
  );
});

test('a chunk is taken out, and older versions still have it', async () => {
  await tables().create('mistaken');
  const table = 'mistaken';
  await tables().upload(csv('x\n1\n'), { table });
  const { chunkId } = await tables().upload(csv('x\n100\n'), { table });
  expect(await tables().deleteChunk(chunkId, { table })).toBe(2);
  const sum = async (version?: number) =>
    (await tables().aggregate(['x'], { table, functions: ['sum'], version })).columns[0]?.sum;
  expect([await sum(), await sum(1)]).toEqual([1n, 101n]);
  const again = await failureOf(tables().deleteChunk(chunkId, { table }));
  expect(again).toMatchObject({ code: 'NOT_FOUND', reason: 'CHUNK_NOT_FOUND' });
});

describe('aggregates', () => {
  test.each(['csv', 'parquet'] as const)('are exact, from %s', async (format) => {
    const table = `exact-${format}`;
    await tables().create(table);
    const most = 2n ** 63n - 1n;
    await tables().upload(csv(`i,d,t\n${most},0.5,a\n${most},,\n-1,0.25,b\n`), { table });
    const { version, columns } = await tables().aggregate(['d', 'i', 't'], { table, format });
    expect(version).toBe(0);
    expect(columns).toEqual([
      { column: 'd', count: 2, nulls: 1, sum: 0.75, min: 0.25, max: 0.5, mean: 0.375 },
      {
        column: 'i',
        count: 3,
        nulls: 0,
        sum: 2n * most - 1n,
        min: -1n,
        max: most,
        mean: expect.closeTo(6148914691236517000, -6),
      },
      {
        column: 't',
        count: 2,
        nulls: 1,
        sum: undefined,
        min: undefined,
        max: undefined,
        mean: undefined,
      },
    ]);
  });

  test('only what was asked for is computed', async () => {
    await tables().create('asked');
    await tables().upload(csv('x\n3\n'), { table: 'asked' });
    const { columns } = await tables().aggregate(['x'], { table: 'asked', functions: ['max'] });
    expect(columns).toMatchObject([{ count: undefined, sum: undefined, max: 3n }]);
  });
});

test.each([
  { what: 'a table that exists', call: () => tables().create('default'), code: 'ALREADY_EXISTS' },
  { what: 'a table that does not', call: () => tables().drop('nosuch'), code: 'NOT_FOUND' },
  { what: 'a name', call: () => tables().create('no spaces'), code: 'INVALID_ARGUMENT' },
  { what: 'a column', call: () => tables().aggregate(['nosuch']), code: 'NOT_FOUND' },
  {
    what: 'a version',
    call: () => tables().aggregate(['x'], { version: 999 }),
    code: 'OUT_OF_RANGE',
  },
  {
    what: 'a page size',
    call: () => all(tables().list({ pageSize: -1 })),
    code: 'INVALID_ARGUMENT',
  },
])('$what is refused with $code, a reason and the field', async ({ call, code }) => {
  const error = await failureOf(call());
  expect(error).toMatchObject({ code, reason: expect.stringMatching(/^[A-Z_]+$/) });
  expect(error.sentence).not.toBe('');
  expect(error.fieldViolations).toHaveLength(1);
});
