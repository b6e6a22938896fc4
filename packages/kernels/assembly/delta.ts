// DELTA_BINARY_PACKED (Encodings.md, "Delta encoding"): a first value, then blocks of deltas, each
// with a least delta and miniblocks of bit-packed differences from it.

import { areBoundsKnown, note, noteBounds } from './bounds';
import { CORRUPT, UNSUPPORTED } from './faults';
import {
  BOUNDED_COUNT_MAX,
  PACKED_COUNT_MAX,
  PACKED_WIDTH_MAX,
  packedGreatest,
  packedLeast,
  packedRunningSum,
  packedSum,
  sumPacked,
  sumPackedDeltas,
} from './packed-sums';
import { add, addHalves, addProduct } from './sum';
import { readUnsigned, readZigzag, varintEnd } from './varint';
import { wantsLongs } from './wanted';

/**
 * Values of a block: more is legal, and written by nobody. Also bounds the work that a few damaged
 * bytes can cause, because a block without widths takes two bytes.
 */
const BLOCK_MAX: u64 = 8192;

/** Within these, no sum of a miniblock can leave 64 bits. */
const SMALL_VALUE: i64 = 1 << 46;
const SMALL_DELTA: i64 = 1 << 29;
const SMALL_WIDTH: i32 = 29;

/** Within this, a miniblock of constant steps cannot wrap around twice. */
const CONSTANT_STEP: i64 = 1 << 46;

let value: i64 = 0;
let narrow: bool = false;

/**
 * Adds up the `count` values that `[from, to)` holds; `is32` says that they are INT32.
 *
 * Returns 0, CORRUPT or UNSUPPORTED.
 */
export function sumDelta<T>(from: usize, to: usize, count: i32, is32: bool): i32 {
  const blockValues = readUnsigned(from, to);
  let at = varintEnd;
  if (at == 0) return CORRUPT;
  const miniblocks = readUnsigned(at, to);
  at = varintEnd;
  if (at == 0) return CORRUPT;
  const total = readUnsigned(at, to);
  at = varintEnd;
  if (at == 0 || total != <u64>count) return CORRUPT;
  value = readZigzag(at, to);
  at = varintEnd;
  if (at == 0 || miniblocks == 0 || blockValues % miniblocks != 0) return CORRUPT;
  if (blockValues > BLOCK_MAX) return UNSUPPORTED;
  const miniblockValues = <i32>(blockValues / miniblocks);
  if (miniblockValues == 0 || (miniblockValues & 7) != 0) return CORRUPT;
  narrow = is32;
  if (is32 && value != <i64>(<i32>value)) return CORRUPT;
  if (count == 0) return 0;
  add(value);
  if (wantsLongs<T>()) note(value);
  let left = count - 1;
  while (left > 0) {
    const least = readZigzag(at, to);
    at = varintEnd;
    if (at == 0 || miniblocks > <u64>(to - at)) return CORRUPT;
    const widths = at;
    at += <usize>miniblocks;
    for (let i: usize = 0; i < <usize>miniblocks && left > 0; i++) {
      const width = <i32>load<u8>(widths + i);
      if (width > 64) return CORRUPT;
      const bytes = <usize>((miniblockValues >> 3) * width);
      if (bytes > to - at) return CORRUPT;
      const values = min(miniblockValues, left);
      addMiniblock<T>(at, width, least, values);
      at += bytes;
      left -= values;
    }
  }
  return 0;
}

function addMiniblock<T>(at: usize, width: i32, least: i64, count: i32): void {
  const isSmall =
    value < SMALL_VALUE && value > -SMALL_VALUE && least < SMALL_DELTA && least > -SMALL_DELTA;
  if (width == 0 && addConstantStep(least, count)) {
    // The first of the steps begins at a value that is known.
    if (wantsLongs<T>()) note(value);
    return;
  }
  if (isSmall && width <= SMALL_WIDTH && !narrow) {
    if (wantsLongs<T>()) addSmallWithBounds(at, width, least, count);
    else addSmall(at, width, least, count);
  } else if (width <= 56) addWide<T>(at, width, least, count);
  else addWidest<T>(at, width, least, count);
}

/**
 * Adds up value + step, value + 2 · step, … in closed form; exact in 128 bits.
 *
 * Returns false, having done nothing, where the values may wrap around.
 */
function addConstantStep(step: i64, count: i32): bool {
  if (step >= CONSTANT_STEP || step <= -CONSTANT_STEP) return false;
  const n = <i64>count;
  const last = value + step * n;
  if (step < 0 ? last > value : last < value) return false;
  if (narrow && last != <i64>(<i32>last)) return false;
  addProduct(value, <u32>n);
  addProduct(step, <u32>((n * (n + 1)) >> 1));
  value = last;
  return true;
}

function addSmall(at: usize, width: i32, least: i64, count: i32): void {
  if (width <= PACKED_WIDTH_MAX && width > 0 && (count & 7) == 0 && count <= PACKED_COUNT_MAX) {
    sumPacked(at, width, count);
    const n = <i64>count;
    add(n * value + least * ((n * (n + 1)) >> 1) + packedRunningSum);
    value += n * least + packedSum;
    return;
  }
  const mask = ((<u64>1) << width) - 1;
  let last = value;
  let sum: i64 = 0;
  let bit: usize = 0;
  for (let i = 0; i < count; i++, bit += width) {
    last += least + <i64>((load<u64>(at + (bit >> 3)) >> (bit & 7)) & mask);
    sum += last;
  }
  value = last;
  add(sum);
}

/** `addSmall`, which is enough where the least and the greatest follow from the ends. */
function addSmallWithBounds(at: usize, width: i32, least: i64, count: i32): void {
  const n = <i64>count;
  const most = least + (((<i64>1) << width) - 1);
  // Values that only rise, or only fall, have their bounds at the ends.
  if (least >= 0 || most <= 0 || areBoundsKnown(value + n * least, value + n * most)) {
    addSmall(at, width, least, count);
    note(value);
    return;
  }
  // Rising and falling, so that no step is larger than what is packed.
  if (width <= PACKED_WIDTH_MAX && (count & 7) == 0) {
    for (let done = 0; done < count; done += BOUNDED_COUNT_MAX) {
      const part = min(BOUNDED_COUNT_MAX, count - done);
      sumPackedDeltas(at + <usize>((done >> 3) * width), width, part, <i32>least);
      add(<i64>part * value + packedRunningSum);
      noteBounds(value + packedLeast, value + packedGreatest);
      value += packedSum;
    }
    return;
  }
  const mask = ((<u64>1) << width) - 1;
  let last = value;
  let sum: i64 = 0;
  let low = last;
  let high = last;
  let bit: usize = 0;
  for (let i = 0; i < count; i++, bit += width) {
    last += least + <i64>((load<u64>(at + (bit >> 3)) >> (bit & 7)) & mask);
    sum += last;
    low = min(low, last);
    high = max(high, last);
  }
  value = last;
  add(sum);
  noteBounds(low, high);
}

function addWide<T>(at: usize, width: i32, least: i64, count: i32): void {
  const mask = ((<u64>1) << width) - 1;
  let bit: usize = 0;
  let lows: u64 = 0;
  let highs: i64 = 0;
  let last = value;
  let low = last;
  let high = last;
  for (let i = 0; i < count; i++, bit += width) {
    last += least + <i64>((load<u64>(at + (bit >> 3)) >> (bit & 7)) & mask);
    if (narrow) last = <i64>(<i32>last);
    lows += <u64>last & 0xffff_ffff;
    highs += last >> 32;
    if (wantsLongs<T>()) {
      low = min(low, last);
      high = max(high, last);
    }
  }
  value = last;
  addHalves(lows, highs);
  if (wantsLongs<T>()) noteBounds(low, high);
}

// A value of more than 56 bits may lie in nine bytes.
function addWidest<T>(at: usize, width: i32, least: i64, count: i32): void {
  const mask = width == 64 ? ~(<u64>0) : ((<u64>1) << width) - 1;
  let bit: usize = 0;
  for (let i = 0; i < count; i++, bit += width) {
    const shift = <u64>(bit & 7);
    let bits = load<u64>(at + (bit >> 3)) >> shift;
    if (shift != 0) bits |= (<u64>load<u8>(at + (bit >> 3), 8)) << (64 - shift);
    value += least + <i64>(bits & mask);
    if (narrow) value = <i64>(<i32>value);
    add(value);
    if (wantsLongs<T>()) note(value);
  }
}
