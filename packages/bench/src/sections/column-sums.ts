import type { BenchRun } from '../bench-run.js';
import { allDataSets } from '../data-sets/all-data-sets.js';
import { canDropPageCache } from '../page-cache.js';
import type { Format } from '../peers/peer-process.js';
import { type Bar, type Comparison, fastest, type SectionResult } from '../report/comparison.js';
import { tallyTable } from '../tally-table.js';
import { compareSums, type SumComparison } from './compare-sums.js';

const largeTableBars: Readonly<Record<string, number>> = { x: 10, y: 5, z: 3 };
const otherParquetBar = 2;
const csvBars: readonly Bar[] = [
  { timesBetterThan: 'DuckDB', factor: 5 },
  { timesBetterThan: 'polars', factor: 2.5 },
];

/** What a format's sums must reach. */
export function barsOf(format: Format, dataSet: string, column: string): readonly Bar[] {
  if (format === 'csv') return csvBars;
  const large = dataSet === 'chunks' ? largeTableBars[column] : undefined;
  return [{ timesBetterThan: fastest, factor: large ?? otherParquetBar }];
}

/** Column sums over every data set, from Parquet or from CSV. */
export async function columnSums(run: BenchRun, format: Format): Promise<SectionResult> {
  const canDrop = canDropPageCache();
  const comparisons: Comparison[] = [];
  for (const { name, title, columns, load } of allDataSets(run)) {
    const dataSet = await load();
    const table = await tallyTable(dataSet);
    const sums = columns.slice(0, format === 'csv' ? 1 : undefined).map(
      (column, i): SumComparison => ({
        work: { dataSet, format, column },
        title: `${title}: ${column}`,
        bars: barsOf(format, name, column),
        // Cold once a data set, and only with the large table, where there is much to read.
        pageCaches: name === 'chunks' && i === 0 && canDrop ? ['warm', 'cold'] : ['warm'],
      }),
    );
    comparisons.push(...(await compareSums(run, table, sums)));
  }
  return { comparisons, notes: notesOf(canDrop) };
}

function notesOf(canDrop: boolean): readonly string[] {
  return [
    "Tally reads what it has written; it takes CSV files only, so it does not read the peers' " +
      'Parquet files.',
    "Tally's sum cache is off.",
    ...(canDrop ? [] : ['Cold page cache skipped: only root on Linux can drop it.']),
  ];
}
