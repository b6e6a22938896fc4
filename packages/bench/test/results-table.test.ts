import { expect, test } from 'vitest';
import { metricIds } from '../src/metrics.js';
import { resultsTable } from '../src/results-table.js';
import { type Round, Samples } from '../src/samples.js';
import { withTable } from '../src/save-results.js';

const round = (value: number) =>
  Object.fromEntries(metricIds.map((id) => [id, value])) as unknown as Round;

function results() {
  const samples = new Samples();
  for (const [tally, reference] of [
    [10, 5],
    [30, 10],
    [20, 20],
  ] as const) {
    samples.add('Tally', round(tally));
    samples.add('reference', round(reference));
    samples.add('reference --fsync', round(reference * 10));
  }
  const options = { rounds: 3, chunks: 1, seconds: 1 };
  const measuredAt = '2025-01-31T00:00:00Z';
  return { measuredAt, machine: 'a machine', loadBefore: 0, loadAfter: 1, options, samples };
}

test('a ratio is taken within a round, not between medians', () => {
  expect(resultsTable(results())).toContain(
    '| SetNum, calls/s (higher is better) | 20 (10–30) | 10 (5–20) | 2 (1–3) | 100 (50–200) | 0.2 (0.1–0.3) |',
  );
});

test('a new table takes the place of the old one', () => {
  const readme =
    'before\n<!-- baseline: written by the benchmark -->\n\nfirst\n\n<!-- end of baseline -->\nafter';
  const second = withTable(readme, 'second');
  expect(second).toBe(readme.replace('first', 'second'));
  expect(() => withTable('no markers', 'table')).toThrow('README.md lacks');
});
