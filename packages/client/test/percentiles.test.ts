import { expect, test } from 'vitest';
import { percentile } from '../dist/workload/percentiles.js';

const oneTo = (n: number) => Array.from({ length: n }, (_, i) => i + 1);

// The table of examples of nearest rank: https://en.wikipedia.org/wiki/Percentile
test.each([
  { sorted: [15, 20, 35, 40, 50], p: 5, value: 15 },
  { sorted: [15, 20, 35, 40, 50], p: 30, value: 20 },
  { sorted: [15, 20, 35, 40, 50], p: 40, value: 20 },
  { sorted: [15, 20, 35, 40, 50], p: 50, value: 35 },
  { sorted: [15, 20, 35, 40, 50], p: 100, value: 50 },
  { sorted: oneTo(800), p: 50, value: 400 },
  { sorted: oneTo(800), p: 99, value: 792 },
  { sorted: oneTo(801), p: 99, value: 793 },
  { sorted: [7], p: 99, value: 7 },
  { sorted: [], p: 50, value: undefined },
])('percentile $p of $sorted.length values is $value', ({ sorted, p, value }) => {
  expect(percentile(sorted, p)).toBe(value);
});
