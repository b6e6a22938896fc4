import { rowsPerChunk } from './chunk.js';
import { metricIds, metrics } from './metrics.js';
import type { BenchOptions } from './options.js';
import type { Samples } from './samples.js';
import { formatSpread, spreadOf } from './spread.js';

/** Everything that a run found out. */
export interface Results {
  readonly measuredAt: string;
  readonly machine: string;
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly options: Pick<BenchOptions, 'rounds' | 'chunks' | 'seconds'>;
  readonly samples: Samples;
}

/** The results as Markdown: where they were measured, then one row per metric. */
export function resultsTable({ samples, ...results }: Results): string {
  const { rounds, chunks } = results.options;
  const spread = (contender: string, id: (typeof metricIds)[number]) =>
    formatSpread(spreadOf(samples.of(contender, id)));
  const ratio = (other: string, id: (typeof metricIds)[number]) =>
    formatSpread(spreadOf(samples.ratios('Tally', other, id)));
  const rows = metricIds.map((id) =>
    [
      `${metrics[id].title}, ${metrics[id].unit} (${metrics[id].better} is better)`,
      spread('Tally', id),
      spread('reference', id),
      ratio('reference', id),
      spread('reference --fsync', id),
      ratio('reference --fsync', id),
    ].join(' | '),
  );
  return [
    `${results.measuredAt.slice(0, 10)}, ${results.machine}. Rounds: ${rounds}; chunks: ${chunks} of ` +
      `${rowsPerChunk.toLocaleString('en-US')} rows. Load average ` +
      `${results.loadBefore.toFixed(1)} before, ${results.loadAfter.toFixed(1)} after the run. ` +
      'Each cell: median (min–max) over the rounds; a ratio is Tally ÷ reference within a round.',
    '',
    '| | Tally | reference | ratio | reference --fsync | ratio |',
    '|---|---|---|---|---|---|',
    ...rows.map((row) => `| ${row} |`),
  ].join('\n');
}
