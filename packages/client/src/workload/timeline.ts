import { percentile } from './percentiles.js';
import type { RoundRecord } from './round.js';

/** A slice of a round's time. */
export interface Slice {
  /** When it begins and ends, in milliseconds from the first request. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly repliesPerSecond: number;
  /** Of the replies that came in it; undefined if there were none. */
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
}

const slicesMax = 60;
/** With fewer replies in a slice, its percentiles would say little. */
const sliceReplies = 50;

/** Cuts a round into slices of the same length: how it went. */
export function timelineOf({ responseMs, replyAtMs, durationMs }: RoundRecord): Slice[] {
  const replies = responseMs.SetNum.length + responseMs.Fact.length;
  const count = Math.max(1, Math.min(slicesMax, Math.floor(replies / sliceReplies)));
  const times: number[][] = Array.from({ length: count }, () => []);
  for (const method of ['SetNum', 'Fact'] as const) {
    for (const [i, ms] of responseMs[method].entries()) {
      const at = Math.floor(((replyAtMs[method][i] ?? 0) / durationMs) * count);
      times[Math.min(at, count - 1)]?.push(ms);
    }
  }
  const sliceMs = durationMs / count;
  return times.map((inSlice, i) => {
    const sorted = inSlice.toSorted((a, b) => a - b);
    return {
      fromMs: i * sliceMs,
      toMs: (i + 1) * sliceMs,
      repliesPerSecond: (sorted.length / sliceMs) * 1000,
      p50Ms: percentile(sorted, 50),
      p99Ms: percentile(sorted, 99),
    };
  });
}
