import type { Chart } from './bar-chart.js';
import type { MeasuredSection } from './results-table.js';
import { medianOf, rivalOf } from './verdict.js';

/** The medians of a section as bars: each contestant at its best, all units side by side. */
export function chartOf(title: string, section: MeasuredSection): Chart {
  return {
    title: `${title}: medians, on a logarithmic scale (error bars: min to max)`,
    groups: section.comparisons.map((comparison) => {
      const names = [...new Set(comparison.contestants.map(({ name }) => name))];
      const better = comparison.better === 'higher' ? ' (more is better)' : '';
      return {
        label: `${comparison.work}, ${comparison.unit}${better}`,
        bars: names.flatMap((name) => {
          const best = name === 'Tally' ? comparison.contestants[0] : rivalOf(comparison, name);
          if (best === undefined) return [];
          const { samples } = best;
          return [
            { name, value: medianOf(best), min: Math.min(...samples), max: Math.max(...samples) },
          ];
        }),
      };
    }),
  };
}
