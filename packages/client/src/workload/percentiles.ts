/**
 * Returns the p-th percentile of the values by nearest rank: the smallest value that at least p
 * percent of all values do not exceed. `undefined` if there are no values.
 *
 * `sorted` is in ascending order; p is above 0, at most 100.
 */
export function percentile(sorted: readonly number[], p: number): number | undefined {
  return sorted[Math.ceil((p * sorted.length) / 100) - 1];
}
