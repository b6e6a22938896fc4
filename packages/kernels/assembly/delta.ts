// DELTA_BINARY_PACKED (Encodings.md, "Delta encoding"): a first value, then blocks of deltas, each
// with a least delta and miniblocks of bit-packed differences from it.

import { CORRUPT, UNSUPPORTED } from './faults';
import {
  PACKED_COUNT_MAX,
  PACKED_WIDTH_MAX,
  packedRunningSum,
  packedSum,
  sumPacked,
} from './packed-sums';
import { add, addHalves, addProduct } from './sum';
import { readUnsigned, readZigzag, varintEnd } from './varint';

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
export function sumDelta(from: usize, to: usize, count: i32, is32: bool): i32 {
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
      addMiniblock(at, width, least, values);
      at += bytes;
      left -= values;
    }
  }
  return 0;
}

function addMiniblock(at: usize, width: i32, least: i64, count: i32): void {
  const isSmall =
    value < SMALL_VALUE && value > -SMALL_VALUE && least < SMALL_DELTA && least > -SMALL_DELTA;
  if (width == 0 && addConstantStep(least, count)) return;
  if (isSmall && width <= SMALL_WIDTH && !narrow) addSmall(at, width, least, count);
  else if (width <= 56) addWide(at, width, least, count);
  else addWidest(at, width, least, count);
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

function addWide(at: usize, width: i32, least: i64, count: i32): void {
  const mask = ((<u64>1) << width) - 1;
  let bit: usize = 0;
  let lows: u64 = 0;
  let highs: i64 = 0;
  let last = value;
  for (let i = 0; i < count; i++, bit += width) {
    last += least + <i64>((load<u64>(at + (bit >> 3)) >> (bit & 7)) & mask);
    if (narrow) last = <i64>(<i32>last);
    lows += <u64>last & 0xffff_ffff;
    highs += last >> 32;
  }
  value = last;
  addHalves(lows, highs);
}

// A value of more than 56 bits may lie in nine bytes.
function addWidest(at: usize, width: i32, least: i64, count: i32): void {
  const mask = width == 64 ? ~(<u64>0) : ((<u64>1) << width) - 1;
  let bit: usize = 0;
  for (let i = 0; i < count; i++, bit += width) {
    const shift = <u64>(bit & 7);
    let bits = load<u64>(at + (bit >> 3)) >> shift;
    if (shift != 0) bits |= (<u64>load<u8>(at + (bit >> 3), 8)) << (64 - shift);
    value += least + <i64>(bits & mask);
    if (narrow) value = <i64>(<i32>value);
    add(value);
  }
}
