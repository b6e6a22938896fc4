import { expect, test } from 'vitest';
import { type MeasuredSection, resultsTable } from '../src/report/results-table.js';
import { withTable } from '../src/report/save-results.js';

const section: MeasuredSection = {
  measuredAt: '2025-01-31T00:00:00Z',
  machine: 'a machine',
  versions: 'a peer 1.0',
  loadBefore: 0,
  loadAfter: 1,
  rounds: 3,
  notes: ['One remark.'],
  comparisons: [
    {
      work: 'a sum',
      unit: 'ms',
      better: 'lower',
      contestants: [
        { name: 'Tally', setting: '', samples: [10, 30, 20] },
        { name: 'DuckDB', setting: "Tally's files", samples: [80, 80, 80], sameFiles: true },
        { name: 'DuckDB', setting: 'own files', samples: [60, 60, 60], sameFiles: false },
      ],
      bars: [{ timesBetterThan: 'fastest', factor: 3 }],
    },
    {
      work: 'SetNum',
      unit: 'calls/s',
      better: 'higher',
      contestants: [
        { name: 'Tally', setting: '', samples: [30] },
        { name: 'reference', setting: '', samples: [20] },
      ],
      bars: [],
    },
  ],
};

test('a row for each work, a column for each name, a contestant at its best first', () => {
  const table = resultsTable(section).split('\n');
  expect(table[0]).toContain('2025-01-31, a machine, a peer 1.0. Rounds: 3. Load average 0.0');
  expect(table.slice(2)).toEqual([
    '|  | Tally | DuckDB | reference | Tally against the best other |',
    '| --- | --- | --- | --- | --- |',
    "| a sum, ms | 20 (10–30) | 60 (60–60) <sub>own files</sub><br>80 (80–80) <sub>Tally's files</sub> | – | 3× DuckDB (bar 3×: PASS)<br>4.00× DuckDB from the same files |",
    '| SetNum, calls/s (more is better) | 30 (30–30) | – | 20 (20–20) | 1.50× reference |',
    '',
    '- One remark.',
  ]);
});

test('a new table takes the place of the old one, and of no other', () => {
  const marked = (upload: string) =>
    `before\n<!-- upload: written by the benchmark -->\n\n${upload}\n\n<!-- end of upload -->\nafter`;
  expect(withTable(marked('first'), 'upload', 'second')).toBe(marked('second'));
  expect(() => withTable(marked('first'), 'stream', 'table')).toThrow('README.md lacks');
});
