import { expect, test } from 'vitest';
import { makeChunk } from '../src/chunk.js';

test('a chunk sums to what it says', () => {
  const { csv, sums } = makeChunk(3, 2500);
  const [header, ...lines] = new TextDecoder().decode(csv).trimEnd().split('\n');
  const rows = lines.map((line) => line.split(',').map(BigInt));
  const sum = (column: number) => rows.reduce((total, row) => total + (row[column] ?? 0n), 0n);
  expect(header).toBe('x,y,z');
  expect(sums).toEqual({ x: sum(0), y: sum(1), z: sum(2) });
  expect(sums.x).toBe(2500n);
});
