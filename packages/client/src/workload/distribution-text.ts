import { whole } from '../terminal/text.js';
import type { RoundDistributions } from './distributions.js';

const barWidth = 40;

/** A time to three digits, with its unit. */
export const shownMs = (ms: number): string =>
  ms > 0 && ms < 1 ? `${Math.round(ms * 1000)} µs` : `${Number(ms.toPrecision(3))} ms`;

/** A round's distribution for the terminal: percentiles of each method, and a bar for each bucket of all. */
export function distributionText(title: string, { all, setNum, fact }: RoundDistributions): string {
  if (all.replies === 0) return `${title}: no reply`;
  const head = ['', 'all', 'SetNum', 'Fact'].map((name) => name.padStart(12)).join('');
  const percentiles = all.percentiles.map(({ percentile, ms }, i) => {
    const others = [setNum, fact].map(({ percentiles: of }) => of[i]?.ms);
    const times = [ms, ...others].map((each) => (each === undefined ? '-' : shownMs(each)));
    const name = percentile === 100 ? 'the longest' : `p${percentile}`;
    return [name, ...times].map((text) => text.padStart(12)).join('');
  });
  const most = Math.max(...all.buckets.map(({ replies }) => replies));
  const bars = all.buckets.map(({ aboveMs, toMs, replies }) => {
    const range = `${shownMs(aboveMs).padStart(8)} to ${shownMs(toMs).padStart(8)}`;
    const bar = '█'.repeat(Math.ceil((replies / most) * barWidth)).padEnd(barWidth);
    return `  ${range}  ${bar}  ${whole(replies)}`;
  });
  return [title, head, ...percentiles, '', ...bars].join('\n');
}
