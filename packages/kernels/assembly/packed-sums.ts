// Sums over packed integers of up to 22 bits, four at a time.

/** Wider ones, or more of them, would leave 32 bits on the way. */
export const PACKED_WIDTH_MAX: i32 = 22;
export const PACKED_COUNT_MAX: i32 = 64;

/** The sum of the values. */
export let packedSum: i64 = 0;
/** The sum of their running sums: the first value counts `count` times, the last one once. */
export let packedRunningSum: i64 = 0;

/** More values, of steps as wide, would leave 32 bits in `sumPackedDeltas`. */
export const BOUNDED_COUNT_MAX: i32 = 32;

/** Of the running sums of `sumPackedDeltas`. */
export let packedLeast: i64 = 0;
export let packedGreatest: i64 = 0;

// Four values lie in at most twelve bytes: each gets the four bytes that it begins in, is moved up
// to bit 7 by a multiplication, for want of a shift by lanes, and down again. Values begin anew at
// a whole byte after eight of them, so that there are two patterns for a width.
const PATTERN_BYTES: usize = 32;
const PATTERNS: usize = memory.data((PACKED_WIDTH_MAX + 1) * 2 * 32, 16);
let areFilled: bool = false;

function fillPatterns(): void {
  for (let width = 1; width <= PACKED_WIDTH_MAX; width++) {
    for (let half = 0; half < 2; half++) {
      const pattern = patternOf(width, half);
      for (let lane = 0; lane < 4; lane++) {
        const bit = ((half * 4 * width) & 7) + lane * width;
        for (let i = 0; i < 4; i++) store<u8>(pattern + lane * 4 + i, <u8>((bit >> 3) + i));
        store<u32>(pattern + 16 + lane * 4, 1 << (7 - (bit & 7)));
      }
    }
  }
  areFilled = true;
}

function patternOf(width: i32, half: i32): usize {
  return PATTERNS + <usize>(width * 2 + half) * PATTERN_BYTES;
}

/**
 * Sums `count` values of `width` bits at `from`: a multiple of eight, at most PACKED_COUNT_MAX, of
 * 1 to PACKED_WIDTH_MAX bits. Up to 16 bytes behind them are read.
 */
export function sumPacked(from: usize, width: i32, count: i32): void {
  if (!areFilled) fillPatterns();
  const mask = i32x4.splat((1 << width) - 1);
  const first = patternOf(width, 0);
  const bytesA = v128.load(first);
  const factorsA = v128.load(first, 16);
  const second = patternOf(width, 1);
  const bytesB = v128.load(second);
  const factorsB = v128.load(second, 16);
  const halfBytes = <usize>width >> 1;
  // By lanes: the sum so far, and the sum of these sums.
  let sums = i32x4.splat(0);
  let runningSums = i32x4.splat(0);
  let at = from;
  for (let i = 0; i < count; i += 8, at += <usize>width) {
    let four = i32x4.mul(i8x16.swizzle(v128.load(at), bytesA), factorsA);
    sums = i32x4.add(sums, v128.and(i32x4.shr_u(four, 7), mask));
    runningSums = i32x4.add(runningSums, sums);
    four = i32x4.mul(i8x16.swizzle(v128.load(at + halfBytes), bytesB), factorsB);
    sums = i32x4.add(sums, v128.and(i32x4.shr_u(four, 7), mask));
    runningSums = i32x4.add(runningSums, sums);
  }
  const a = <i64>(<u32>i32x4.extract_lane(sums, 0));
  const b = <i64>(<u32>i32x4.extract_lane(sums, 1));
  const c = <i64>(<u32>i32x4.extract_lane(sums, 2));
  const d = <i64>(<u32>i32x4.extract_lane(sums, 3));
  packedSum = a + b + c + d;
  // A value of lane l in group g of G counts 4 · (G - g) - l times.
  packedRunningSum = 4 * sumOfLanes(runningSums) - b - 2 * c - 3 * d;
}

/**
 * Sums `count` values as `sumPacked` does, at most BOUNDED_COUNT_MAX, with `least` added to each,
 * which is negative and above -2^width; also gives the bounds of their running sums.
 */
export function sumPackedDeltas(from: usize, width: i32, count: i32, least: i32): void {
  if (!areFilled) fillPatterns();
  const mask = i32x4.splat((1 << width) - 1);
  const first = patternOf(width, 0);
  const bytesA = v128.load(first);
  const factorsA = v128.load(first, 16);
  const second = patternOf(width, 1);
  const bytesB = v128.load(second);
  const factorsB = v128.load(second, 16);
  const halfBytes = <usize>width >> 1;
  const step = i32x4.splat(least);
  let last = i32x4.splat(0);
  let sums = i32x4.splat(0);
  let low = i32x4.splat(i32.MAX_VALUE);
  let high = i32x4.splat(i32.MIN_VALUE);
  let at = from;
  for (let i = 0; i < count; i += 8, at += <usize>width) {
    let four = i32x4.mul(i8x16.swizzle(v128.load(at), bytesA), factorsA);
    four = runningFour(i32x4.add(v128.and(i32x4.shr_u(four, 7), mask), step), last);
    sums = i32x4.add(sums, four);
    low = i32x4.min_s(low, four);
    high = i32x4.max_s(high, four);
    last = v128.shuffle<i32>(four, four, 3, 3, 3, 3);
    four = i32x4.mul(i8x16.swizzle(v128.load(at + halfBytes), bytesB), factorsB);
    four = runningFour(i32x4.add(v128.and(i32x4.shr_u(four, 7), mask), step), last);
    sums = i32x4.add(sums, four);
    low = i32x4.min_s(low, four);
    high = i32x4.max_s(high, four);
    last = v128.shuffle<i32>(four, four, 3, 3, 3, 3);
  }
  packedSum = i32x4.extract_lane(last, 0);
  packedRunningSum =
    <i64>i32x4.extract_lane(sums, 0) +
    <i64>i32x4.extract_lane(sums, 1) +
    <i64>i32x4.extract_lane(sums, 2) +
    <i64>i32x4.extract_lane(sums, 3);
  low = i32x4.min_s(low, v128.shuffle<i32>(low, low, 2, 3, 2, 3));
  high = i32x4.max_s(high, v128.shuffle<i32>(high, high, 2, 3, 2, 3));
  packedLeast = min(i32x4.extract_lane(low, 0), i32x4.extract_lane(low, 1));
  packedGreatest = max(i32x4.extract_lane(high, 0), i32x4.extract_lane(high, 1));
}

/** The running sums of four values, from the one that `last` has in all lanes. */
function runningFour(values: v128, last: v128): v128 {
  const zero = i32x4.splat(0);
  const pairs = i32x4.add(values, v128.shuffle<i32>(zero, values, 0, 4, 5, 6));
  return i32x4.add(i32x4.add(pairs, v128.shuffle<i32>(zero, pairs, 0, 1, 4, 5)), last);
}

function sumOfLanes(lanes: v128): i64 {
  return (
    <i64>(<u32>i32x4.extract_lane(lanes, 0)) +
    <i64>(<u32>i32x4.extract_lane(lanes, 1)) +
    <i64>(<u32>i32x4.extract_lane(lanes, 2)) +
    <i64>(<u32>i32x4.extract_lane(lanes, 3))
  );
}
