// Parquet's RLE / bit-packing hybrid (Encodings.md, "Run Length Encoding / Bit-Packing Hybrid"):
// definition levels, and the indices of a dictionary.

import { note, noteBounds } from './bounds';
import { CORRUPT } from './faults';
import { addHalves, addProduct } from './sum';
import { readUnsigned, varintEnd } from './varint';
import { wantsLongs } from './wanted';

/**
 * Counts the ones among `count` levels of one bit in `[from, to)`.
 *
 * Returns CORRUPT where the bytes do not hold that many.
 */
export function countOnes(from: usize, to: usize, count: i32): i32 {
  let at = from;
  let left = count;
  let ones = 0;
  while (left > 0) {
    const head = readUnsigned(at, to);
    at = varintEnd;
    if (at == 0) return CORRUPT;
    if (head & 1) {
      const bytes = head >> 1;
      if (bytes > <u64>(to - at)) return CORRUPT;
      const values = <i32>min<u64>(bytes * 8, left);
      ones += onesIn(at, values);
      at += <usize>bytes;
      left -= values;
    } else {
      if (at >= to) return CORRUPT;
      const level = load<u8>(at++);
      if (level > 1) return CORRUPT;
      const values = <i32>min<u64>(head >> 1, left);
      if (level) ones += values;
      left -= values;
    }
  }
  return ones;
}

function onesIn(from: usize, bits: i32): i32 {
  let at = from;
  let left = bits;
  let ones = 0;
  for (; left >= 64; left -= 64, at += 8) ones += <i32>popcnt<u64>(load<u64>(at));
  if (left > 0) ones += <i32>popcnt<u64>(load<u64>(at) & (((<u64>1) << left) - 1));
  return ones;
}

/**
 * Adds up the values of a dictionary at `count` indices of `width` bits in `[from, to)`.
 *
 * A run is one multiplication. Returns 0, or CORRUPT; then the sum is of no use.
 */
export function sumDictionary<T>(
  from: usize,
  to: usize,
  width: i32,
  count: i32,
  dictionary: usize,
  entries: i32,
): i32 {
  let at = from;
  let left = count;
  const indexBytes = (width + 7) >> 3;
  while (left > 0) {
    const head = readUnsigned(at, to);
    at = varintEnd;
    if (at == 0) return CORRUPT;
    if (head & 1) {
      const bytes = (head >> 1) * <u64>width;
      if (head >> 1 > 0x1000_0000 || bytes > <u64>(to - at)) return CORRUPT;
      const values = <i32>min<u64>((head >> 1) * 8, left);
      if (width == 0) {
        // No bits at all: every index is 0.
        if (entries == 0) return CORRUPT;
        addRun<T>(load<i64>(dictionary), values);
      } else if (!addPacked<T>(at, width, values, dictionary, entries)) return CORRUPT;
      at += <usize>bytes;
      left -= values;
    } else {
      if (<i32>(to - at) < indexBytes) return CORRUPT;
      const index = load<u32>(at) & maskOf(indexBytes * 8);
      at += indexBytes;
      if (index >= <u32>entries) return CORRUPT;
      const values = <i32>min<u64>(head >> 1, left);
      addRun<T>(load<i64>(dictionary + ((<usize>index) << 3)), values);
      left -= values;
    }
  }
  return 0;
}

function addRun<T>(value: i64, times: i32): void {
  addProduct(value, times);
  if (wantsLongs<T>() && times > 0) note(value);
}

function addPacked<T>(at: usize, width: i32, count: i32, dictionary: usize, entries: i32): bool {
  const mask = <u64>maskOf(width);
  let bit: usize = 0;
  let lows: u64 = 0;
  let highs: i64 = 0;
  let low = i64.MAX_VALUE;
  let high = i64.MIN_VALUE;
  for (let i = 0; i < count; i++, bit += width) {
    const index = <u32>((load<u64>(at + (bit >> 3)) >> (bit & 7)) & mask);
    if (index >= <u32>entries) return false;
    const value = load<i64>(dictionary + ((<usize>index) << 3));
    lows += <u64>value & 0xffff_ffff;
    highs += value >> 32;
    if (wantsLongs<T>()) {
      low = min(low, value);
      high = max(high, value);
    }
  }
  addHalves(lows, highs);
  if (wantsLongs<T>()) noteBounds(low, high);
  return true;
}

function maskOf(width: i32): u32 {
  return width == 0 ? 0 : 0xffff_ffff >>> (32 - width);
}
