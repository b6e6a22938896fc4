import { expect, test } from 'vitest';
import { bigdataChunk, bigdataSums } from '../dist/bigdata-chunk.js';

function parse(chunk: Uint8Array): { header: string | undefined; rows: bigint[][] } {
  const [header, ...rows] = new TextDecoder().decode(chunk).split('\n');
  return { header, rows: rows.map((row) => row.split(',').map(BigInt)) };
}

const column = (rows: bigint[][], i: number) => rows.map((row) => row[i] ?? -1n);
const sum = (values: bigint[]) => values.reduce((a, b) => a + b, 0n);

test('a batch is a CSV file of x = 1, a shuffle in y, and a thousand values in z', () => {
  const { header, rows } = parse(bigdataChunk(3, 2500, 1));
  expect(header).toBe('x,y,z');
  expect(rows.length).toBe(2500);
  expect(rows.every((row) => row.length === 3)).toBe(true);
  expect(new Set(column(rows, 0))).toEqual(new Set([1n]));
  const inOrder = Array.from({ length: 2500 }, (_, i) => BigInt(i));
  expect(column(rows, 1)).not.toEqual(inOrder);
  expect(column(rows, 1).toSorted((a, b) => Number(a - b))).toEqual(inOrder);
  expect(column(rows, 2).slice(0, 2)).toEqual([3000n, 3001n]);
  expect(column(rows, 2).slice(999, 1001)).toEqual([3999n, 3000n]);
});

test('a seed makes the same batches again', () => {
  expect(bigdataChunk(2, 100, 7)).toEqual(bigdataChunk(2, 100, 7));
  expect(bigdataChunk(2, 100, 8)).not.toEqual(bigdataChunk(2, 100, 7));
  expect(bigdataChunk(3, 100, 7).subarray(0, 6)).toEqual(bigdataChunk(2, 100, 7).subarray(0, 6));
});

test.each([
  { batches: 1, rows: 1 },
  { batches: 3, rows: 999 },
  { batches: 2, rows: 1000 },
  { batches: 12, rows: 2501 },
])('the announced sums of $batches × $rows are those of the batches', ({ batches, rows }) => {
  const all = Array.from(
    { length: batches },
    (_, batch) => parse(bigdataChunk(batch, rows, 1)).rows,
  ).flat();
  expect(bigdataSums({ batches, rows })).toEqual({
    x: sum(column(all, 0)),
    y: sum(column(all, 1)),
    z: sum(column(all, 2)),
  });
});

test("the default table has the sums and the largest file of the course's generator", () => {
  const { x, z } = bigdataSums({ batches: 400, rows: 250_000 });
  expect(x).toBe(100_000_000n);
  expect(z).toBe(19_999_950_000_000n);
  expect(bigdataChunk(399, 250_000, 1).length).toBe(3_888_895);
});
