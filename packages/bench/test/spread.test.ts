import { expect, test } from 'vitest';
import { formatSpread, percentile, spreadOf } from '../src/spread.js';

test.each([
  [[3], { median: 3, min: 3, max: 3 }],
  [[10, 9, 1], { median: 9, min: 1, max: 10 }],
  [[4, 1, 2, 100], { median: 3, min: 1, max: 100 }],
])('the spread of %j', (values, spread) => {
  expect(spreadOf(values)).toEqual(spread);
});

test.each([
  [50, 5],
  [99, 10],
  [90, 9],
])('the percentile %d of the first ten numbers', (percent, value) => {
  expect(percentile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], percent)).toBe(value);
});

test('three digits are enough', () => {
  expect(formatSpread({ median: 1234.6, min: 0.12345, max: 98_765 })).toBe('1,235 (0.123–98,765)');
});
