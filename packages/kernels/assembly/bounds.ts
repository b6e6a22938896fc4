// The least and the greatest of 64-bit integers.

export let least: i64 = i64.MAX_VALUE;
export let greatest: i64 = i64.MIN_VALUE;

export function leastLong(): i64 {
  return least;
}

export function greatestLong(): i64 {
  return greatest;
}

export function resetBounds(): void {
  least = i64.MAX_VALUE;
  greatest = i64.MIN_VALUE;
}

/** Takes one value in. */
export function note(value: i64): void {
  least = min(least, value);
  greatest = max(greatest, value);
}

/** Takes in values whose bounds are known; those of no values are above each other. */
export function noteBounds(low: i64, high: i64): void {
  least = min(least, low);
  greatest = max(greatest, high);
}

/** Whether values from `low` to `high` would change nothing. */
export function areBoundsKnown(low: i64, high: i64): bool {
  return low >= least && high <= greatest;
}
