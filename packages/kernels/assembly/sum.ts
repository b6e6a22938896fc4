// The exact sum of 64-bit integers, in 128 bits: `high` · 2^64 + `low`.

let low: u64 = 0;
let high: i64 = 0;

export function resetSum(): void {
  low = 0;
  high = 0;
}

export function sumLow(): u64 {
  return low;
}

export function sumHigh(): i64 {
  return high;
}

function addUnsigned(value: u64): void {
  const before = low;
  low = before + value;
  if (low < before) high++;
}

/** Adds `value` · 2^32. */
function addShifted(value: i64): void {
  const before = low;
  low = before + ((<u64>value) << 32);
  high += value >> 32;
  if (low < before) high++;
}

/** Adds one value. */
export function add(value: i64): void {
  const before = low;
  low = before + <u64>value;
  high += value >> 63;
  if (low < before) high++;
}

/** Adds `value` `times` times. */
export function addProduct(value: i64, times: u32): void {
  addUnsigned((<u64>value & 0xffff_ffff) * times);
  addShifted((value >> 32) * <i64>times);
}

/** Adds what was summed by halves: the low 32 bits, unsigned, and the high 32, signed. */
export function addHalves(lows: u64, highs: i64): void {
  addUnsigned(lows);
  addShifted(highs);
}
