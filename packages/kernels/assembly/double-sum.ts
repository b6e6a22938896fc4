// The exact sum of doubles, their least and greatest (IEEE 754-2019: minimum and maximum).

import { INPUT } from './input';

// Significands are integers: those of one exponent are added up as such, by halves, which is exact
// in any order. Bin b counts in units of 2^(b - 1074).
const BINS: i32 = 2046;
const LOWS: usize = memory.data(BINS * 8, 16);
const HIGHS: usize = memory.data(BINS * 8, 16);

/** Exponent of infinities and NaN. */
const SPECIAL: u32 = 2047;
const FRACTION_BITS: u64 = 52;
const SIGN: u64 = 1 << 63;

/** So many low halves fit into a bin; high halves have room for 2^42. */
const ADDS_MAX: i32 = 1 << 30;
let adds: i32 = 0;

let special: f64 = 0;
let least: f64 = Infinity;
let greatest: f64 = -Infinity;
/** Bits in which a value was not -0. */
let notNegativeZero: u64 = 0;

export function doubleBins(): i32 {
  return BINS;
}

/** Where the low halves, of 32 bits and signed, are added up. */
export function doubleLows(): usize {
  return LOWS;
}

export function doubleHighs(): usize {
  return HIGHS;
}

/** The sum of infinities and NaN among the values; 0 without any. */
export function specialDoubles(): f64 {
  return special;
}

export function leastDouble(): f64 {
  return least;
}

export function greatestDouble(): f64 {
  return greatest;
}

/** Whether no value was another than -0: only then is the sum -0. */
export function areNegativeZeros(): bool {
  return notNegativeZero == 0;
}

export function resetDoubles(): void {
  memory.fill(LOWS, 0, BINS * 8);
  memory.fill(HIGHS, 0, BINS * 8);
  adds = 0;
  special = 0;
  least = Infinity;
  greatest = -Infinity;
  notNegativeZero = 0;
}

/** Adds one value. */
export function addDouble(value: f64): void {
  const bits = reinterpret<u64>(value);
  least = min(least, value);
  greatest = max(greatest, value);
  notNegativeZero |= bits ^ SIGN;
  const exponent = <u32>(bits >> FRACTION_BITS) & SPECIAL;
  if (exponent == SPECIAL) {
    special += value;
    return;
  }
  const fraction = bits & ((1 << FRACTION_BITS) - 1);
  // Subnormals count in the units of the least exponent, without the bit that others have in front.
  const significand = exponent == 0 ? fraction : fraction | (1 << FRACTION_BITS);
  const bin = (<usize>(exponent == 0 ? 0 : exponent - 1)) << 3;
  const sign = <i64>bits >> 63;
  const low = <i64>(significand & 0xffff_ffff);
  const high = <i64>(significand >> 32);
  store<i64>(LOWS + bin, load<i64>(LOWS + bin) + ((low ^ sign) - sign));
  store<i64>(HIGHS + bin, load<i64>(HIGHS + bin) + ((high ^ sign) - sign));
  if (++adds == ADDS_MAX) carryLows();
}

function carryLows(): void {
  for (let at: usize = 0; at < (<usize>BINS) << 3; at += 8) {
    const low = load<i64>(LOWS + at);
    store<i64>(LOWS + at, low & 0xffff_ffff);
    store<i64>(HIGHS + at, load<i64>(HIGHS + at) + (low >> 32));
  }
  adds = 0;
}

/** Adds the `count` doubles in the input. */
export function addDoubles(count: i32): void {
  for (let i = 0; i < count; i++) addDouble(load<f64>(INPUT + ((<usize>i) << 3)));
}
