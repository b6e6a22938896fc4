import { formatSpread, spreadOf } from '../spread.js';
import { type Comparison, type Contestant, fastest, type SectionResult } from './comparison.js';
import { medianOf, rivalOf, timesBetter, verdictOf } from './verdict.js';

/** One section's results, and where and how they were measured. */
export interface MeasuredSection extends SectionResult {
  readonly measuredAt: string;
  readonly machine: string;
  readonly loadBefore: number;
  readonly loadAfter: number;
  readonly rounds: number;
  readonly versions: string;
}

/** The results as Markdown: where they were measured, then one row for each piece of work. */
export function resultsTable(section: MeasuredSection): string {
  const names = [
    ...new Set(section.comparisons.flatMap((one) => one.contestants.map(({ name }) => name))),
  ];
  const rows = section.comparisons.map((comparison) => [
    `${comparison.work}, ${comparison.unit}${comparison.better === 'higher' ? ' (more is better)' : ''}`,
    ...names.map((name) => cell(comparison, name)),
    standing(comparison),
  ]);
  return [
    provenance(section),
    '',
    row(['', ...names, 'Tally against the best other']),
    row(['---', ...names.map(() => '---'), '---']),
    ...rows.map(row),
    ...(section.notes.length === 0 ? [] : ['', ...section.notes.map((note) => `- ${note}`)]),
  ].join('\n');
}

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;

const provenance = (section: MeasuredSection) =>
  `${section.measuredAt.slice(0, 10)}, ${section.machine}, ${section.versions}. ` +
  `Rounds: ${section.rounds}. Load average ${section.loadBefore.toFixed(1)} before, ` +
  `${section.loadAfter.toFixed(1)} after. Each cell: median (min–max).`;

/** Every part that the contestant took: the best one first, then, smaller, the others. */
function cell(comparison: Comparison, name: string): string {
  const parts = comparison.contestants
    .filter((contestant) => contestant.name === name)
    .toSorted((a, b) => (medianOf(a) - medianOf(b)) * (comparison.better === 'lower' ? 1 : -1));
  return parts.map(part).join('<br>') || '–';
}

function part({ samples, setting }: Contestant): string {
  const spread = formatSpread(spreadOf(samples));
  return setting === '' ? spread : `${spread} <sub>${setting}</sub>`;
}

/** The verdict on each bar, without one the ratio to the best other; then from the same files. */
function standing(comparison: Comparison): string {
  const others = comparison.contestants.slice(1);
  const same = others.filter(({ sameFiles }) => sameFiles);
  const lines =
    comparison.bars.length > 0
      ? comparison.bars.map((bar) => verdictOf(comparison, bar).text)
      : ratios(comparison, '');
  // Where all read the same files, the line would say nothing new.
  if (same.length === 0 || same.length === others.length) return lines.join('<br>') || '–';
  const narrowed = { ...comparison, contestants: [...comparison.contestants.slice(0, 1), ...same] };
  return [...lines, ...ratios(narrowed, ' from the same files')].join('<br>');
}

function ratios(comparison: Comparison, what: string): readonly string[] {
  const rival = rivalOf(comparison, fastest);
  return rival === undefined
    ? []
    : [`${timesBetter(comparison, rival).toFixed(2)}× ${rival.name}${what}`];
}
