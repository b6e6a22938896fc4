import { spreadOf } from '../spread.js';
import { type Bar, type Comparison, type Contestant, fastest } from './comparison.js';

/** How Tally does against one bar. */
export interface Verdict {
  readonly passed: boolean;
  /** `6.1× (bar 5× the fastest: PASS)`. */
  readonly text: string;
}

export const medianOf = ({ samples }: Contestant): number => spreadOf(samples).median;

/** Tally's own part. Throws an Error if it took no part. */
export function tallyOf({ work, contestants }: Comparison): Contestant {
  const tally = contestants[0];
  if (tally?.name !== 'Tally') throw new Error(`"${work}" has no values of Tally in first place`);
  return tally;
}

/** Whom a bar compares with: of all that are meant, the one that does best. */
export function rivalOf(comparison: Comparison, name: string): Contestant | undefined {
  const sign = comparison.better === 'lower' ? 1 : -1;
  return comparison.contestants
    .slice(1)
    .filter((other) => name === fastest || other.name === name)
    .toSorted((a, b) => sign * (medianOf(a) - medianOf(b)))[0];
}

/** How many times better Tally is than the other: a ratio of medians. */
export function timesBetter(comparison: Comparison, other: Contestant): number {
  const [tally, theirs] = [medianOf(tallyOf(comparison)), medianOf(other)];
  return comparison.better === 'lower' ? theirs / tally : tally / theirs;
}

/** Whether Tally clears the bar. A missing rival or value is a failure, never a pass. */
export function verdictOf(comparison: Comparison, bar: Bar): Verdict {
  if ('atMost' in bar) {
    const worst = spreadOf(tallyOf(comparison).samples).max;
    return verdict(worst <= bar.atMost, `${worst.toFixed(0)} (bar at most ${bar.atMost}`);
  }
  if ('atMostTimes' in bar) {
    const rival = rivalOf(comparison, bar.of);
    const ratio =
      rival === undefined ? Number.NaN : medianOf(tallyOf(comparison)) / medianOf(rival);
    const start = `${shown(ratio, Math.ceil)} times ${bar.of} (bar at most ${bar.atMostTimes} times`;
    return verdict(ratio <= bar.atMostTimes, start);
  }
  const rival = rivalOf(comparison, bar.timesBetterThan);
  const ratio = rival === undefined ? Number.NaN : timesBetter(comparison, rival);
  const whom = bar.timesBetterThan === fastest ? (rival?.name ?? 'nobody') : bar.timesBetterThan;
  return verdict(ratio >= bar.factor, `${shown(ratio)}× ${whom} (bar ${bar.factor}×`);
}

const verdict = (passed: boolean, start: string): Verdict => ({
  passed,
  text: `${start}: ${passed ? 'PASS' : '**FAIL**'})`,
});

// Cut, not rounded, and upwards where less is asked: 4.996 must not be shown as the 5 that it is not.
const shown = (ratio: number, cut = Math.floor) => {
  const step = ratio < 10 ? 100 : 10;
  return String(cut(ratio * step) / step);
};
