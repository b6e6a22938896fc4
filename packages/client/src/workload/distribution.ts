import { build } from 'hdr-histogram-js';

/** How response times are spread. */
export interface Distribution {
  readonly replies: number;
  /** The usual percentiles, and 100, the longest. */
  readonly percentiles: readonly Percentile[];
  /** The same finely enough to draw: ten between 90 and 99, ten between 99 and 99.9, and so on. */
  readonly curve: readonly Percentile[];
  /** Replies by response time, each bucket twice as wide as the one before it; empty ones at the ends left out. */
  readonly buckets: readonly Bucket[];
}

/** So many percent of the replies took no longer than `ms`, to three digits. */
export interface Percentile {
  readonly percentile: number;
  readonly ms: number;
}

/** Replies that took `aboveMs` or longer, and less than `toMs`. */
export interface Bucket {
  readonly aboveMs: number;
  readonly toMs: number;
  readonly replies: number;
}

const shownPercentiles: readonly number[] = [50, 75, 90, 95, 99, 99.9, 99.99, 100];
/** Where the first bucket ends, in milliseconds: a power of two, so that bounds are round. */
const firstBucketMs = 2 ** -6;

/** Spreads response times out. */
export function distributionOf(timesMs: readonly number[]): Distribution {
  const histogram = build({ numberOfSignificantValueDigits: 3 });
  // A histogram holds whole numbers: microseconds.
  for (const ms of timesMs) histogram.recordValue(Math.max(1, Math.round(ms * 1000)));
  const at = (percentile: number): Percentile => ({
    percentile,
    ms: histogram.getValueAtPercentile(percentile) / 1000,
  });
  const replies = timesMs.length;
  if (replies === 0) return { replies, percentiles: [], curve: [], buckets: [] };
  return {
    replies,
    percentiles: shownPercentiles.map(at),
    curve: curvePercentiles(replies).map(at),
    buckets: bucketsOf(timesMs),
  };
}

/** Up to the percentile that all replies but one are below. */
function curvePercentiles(replies: number): number[] {
  const steps = Math.floor(10 * Math.log10(replies));
  return Array.from({ length: steps + 1 }, (_, step) => 100 * (1 - 10 ** (-step / 10)));
}

function bucketsOf(timesMs: readonly number[]): Bucket[] {
  const counts = new Map<number, number>();
  for (const ms of timesMs) {
    const index = Math.max(0, Math.floor(Math.log2(ms / firstBucketMs)) + 1);
    counts.set(index, (counts.get(index) ?? 0) + 1);
  }
  const first = Math.min(...counts.keys());
  const last = Math.max(...counts.keys());
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const index = first + i;
    const toMs = firstBucketMs * 2 ** index;
    return { aboveMs: index === 0 ? 0 : toMs / 2, toMs, replies: counts.get(index) ?? 0 };
  });
}
