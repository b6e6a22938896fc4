import { expect, test } from 'vitest';
import type { Bar, Comparison } from '../src/report/comparison.js';
import { verdictOf } from '../src/report/verdict.js';

const contestant = (name: string, ...samples: number[]) => ({ name, setting: '', samples });

const sums: Comparison = {
  work: 'a sum',
  unit: 'ms',
  better: 'lower',
  contestants: [
    contestant('Tally', 9, 10, 30),
    contestant('DuckDB', 70),
    contestant('DuckDB', 50),
    contestant('polars', 20),
  ],
  bars: [],
};

test.each<[Bar, boolean, string]>([
  [{ timesBetterThan: 'fastest', factor: 2 }, true, '2× polars (bar 2×: PASS)'],
  [{ timesBetterThan: 'fastest', factor: 2.1 }, false, '2× polars (bar 2.1×: **FAIL**)'],
  // Of several ways, the peer's best one counts.
  [{ timesBetterThan: 'DuckDB', factor: 5 }, true, '5× DuckDB (bar 5×: PASS)'],
  [{ timesBetterThan: 'DuckDB', factor: 6 }, false, '5× DuckDB (bar 6×: **FAIL**)'],
  [{ timesBetterThan: 'nobody', factor: 1 }, false, 'NaN× nobody (bar 1×: **FAIL**)'],
  [{ atMostTimes: 0.5, of: 'polars' }, true, '0.5 times polars (bar at most 0.5 times: PASS)'],
  [
    { atMostTimes: 0.49, of: 'polars' },
    false,
    '0.5 times polars (bar at most 0.49 times: **FAIL**)',
  ],
  [{ atMostTimes: 1, of: 'nobody' }, false, 'NaN times nobody (bar at most 1 times: **FAIL**)'],
  // A limit holds for every sample, not for the median.
  [{ atMost: 30 }, true, '30 (bar at most 30: PASS)'],
  [{ atMost: 29 }, false, '30 (bar at most 29: **FAIL**)'],
])('the bar %j', (bar, passed, text) => {
  expect(verdictOf(sums, bar)).toEqual({ passed, text });
});

test('where more is better, the ratio is turned round', () => {
  const rates: Comparison = { ...sums, better: 'higher' };
  expect(verdictOf(rates, { timesBetterThan: 'fastest', factor: 1 }).text).toContain(
    '0.14× DuckDB',
  );
});

test('a ratio is cut, not rounded: 4.999 is not 5', () => {
  const close = { ...sums, contestants: [contestant('Tally', 1000), contestant('DuckDB', 4999)] };
  const verdict = verdictOf(close, { timesBetterThan: 'fastest', factor: 5 });
  expect(verdict).toEqual({ passed: false, text: '4.99× DuckDB (bar 5×: **FAIL**)' });
});

test('a ratio that must be small is cut upwards: 1.001 is not 1', () => {
  const close = { ...sums, contestants: [contestant('Tally', 1001), contestant('DuckDB', 1000)] };
  const verdict = verdictOf(close, { atMostTimes: 1, of: 'DuckDB' });
  expect(verdict).toEqual({
    passed: false,
    text: '1.01 times DuckDB (bar at most 1 times: **FAIL**)',
  });
});
