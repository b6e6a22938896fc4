// The values that the fields of a CSV file spell. Each function reads `[from, to)`, with spaces
// and tabs around the value allowed, and says whether it spells a value of that kind.

import { isSpace } from './csv-bytes';

/** What the last `readInteger`, `readDate` (days) or `readTimestamp` (microseconds) has read. */
export let integer: i64 = 0;
/** What the last `readDouble` has read. */
export let double: f64 = 0;
/** What the last `readBoolean` has read. */
export let boolean: bool = false;

/** Where the value begins and ends without the spaces around it. */
let first: usize = 0;
let last: usize = 0;

function trim(from: usize, to: usize): void {
  first = from;
  last = to;
  while (first < last && isSpace(load<u8>(first))) first++;
  while (last > first && isSpace(load<u8>(last - 1))) last--;
}

const PLUS: u32 = 0x2b;
const MINUS: u32 = 0x2d;
const POINT: u32 = 0x2e;
const ZERO: u32 = 0x30;
const LETTER_E: u32 = 0x65;

const isSign = (byte: u32): bool => byte == MINUS || byte == PLUS;

/** Digits that always fit into int64. */
export const SHORT_DIGITS: usize = 18;

/** `[+-]?[0-9]+` within int64; leading zeros are allowed. */
export function readInteger(from: usize, to: usize): bool {
  trim(from, to);
  let at = first;
  const end = last;
  if (at == end) return false;
  const sign = <u32>load<u8>(at);
  if (isSign(sign)) at++;
  if (at == end) return false;
  while (at < end - 1 && load<u8>(at) == ZERO) at++;
  const digits = end - at;
  if (digits > SHORT_DIGITS + 1) return false;
  let value: u64 = 0;
  for (; at < end; at++) {
    const digit = <u32>load<u8>(at) - ZERO;
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  // Nineteen digits fit into 64 bits without a sign; the sign has one of them.
  const isNegative = sign == MINUS;
  if (digits > SHORT_DIGITS && value > <u64>i64.MAX_VALUE + (isNegative ? 1 : 0)) return false;
  integer = isNegative ? 0 - <i64>value : <i64>value;
  return true;
}

const HIGH_NIBBLES: u64 = 0xf0f0_f0f0_f0f0_f0f0;
export const DIGIT_NIBBLES: u64 = 0x3030_3030_3030_3030;
const SIXES: u64 = 0x0606_0606_0606_0606;

/** Whether the bytes of `word` are digits; the low ones may be 0, as `digitNibbles` says. */
export function areDigits(word: u64, digitNibbles: u64): bool {
  return (word & HIGH_NIBBLES) == digitNibbles && ((word + SIXES) & HIGH_NIBBLES) == digitNibbles;
}

/** The number that eight digits spell, the first one in the lowest byte: pairs, fours, eight. */
export function eightDigits(word: u64): u64 {
  let value = word & ~HIGH_NIBBLES;
  value = (value * 2561) >> 8;
  value = ((value & 0x00ff_00ff_00ff_00ff) * 6_553_601) >> 16;
  return ((value & 0x0000_ffff_0000_ffff) * 42_949_672_960_001) >> 32;
}

/** Nobody writes a longer double. */
const DOUBLE_BYTES: usize = 400;
/** Powers of ten that are exact, and integers up to 2^53: their product is rounded once. */
const EXACT_POWER: i32 = 22;
const EXACT_MANTISSA: u64 = 1 << 53;
const POWERS: StaticArray<f64> = [
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17,
  1e18, 1e19, 1e20, 1e21, 1e22,
];

/** Imported: the host's parser for what is not exact in one step, the double nearest to the text. */
declare function parseDouble(address: usize, length: i32): f64;

/**
 * `[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?`, finite; an integer past int64 is none,
 * because a double would lose its last digits.
 */
export function readDouble(from: usize, to: usize): bool {
  const isInteger = readInteger(from, to);
  const isNegative = first < last && load<u8>(first) == MINUS;
  if (isInteger) {
    double = integer == 0 && isNegative ? -0.0 : <f64>integer;
    return true;
  }
  if (last - first > DOUBLE_BYTES) return false;
  let at = first;
  if (at < last && isSign(load<u8>(at))) at++;
  let mantissa: u64 = 0;
  let digits = 0;
  let power = 0;
  let isExact = true;
  let hasPoint = false;
  for (; at < last; at++) {
    const byte = <u32>load<u8>(at);
    const digit = byte - ZERO;
    if (digit <= 9) {
      digits++;
      if (mantissa > EXACT_MANTISSA / 10) isExact = false;
      else mantissa = mantissa * 10 + digit;
      if (hasPoint) power--;
    } else if (byte == POINT && !hasPoint) hasPoint = true;
    else break;
  }
  if (digits == 0 || (at == last && !hasPoint)) return false;
  if (at < last) {
    if ((<u32>load<u8>(at) | 0x20) != LETTER_E) return false;
    at++;
    let exponentIsNegative = false;
    if (at < last && isSign(load<u8>(at))) exponentIsNegative = load<u8>(at++) == MINUS;
    if (at == last) return false;
    let exponent = 0;
    for (; at < last; at++) {
      const digit = <u32>load<u8>(at) - ZERO;
      if (digit > 9) return false;
      if (exponent < 100_000) exponent = exponent * 10 + <i32>digit;
    }
    power += exponentIsNegative ? -exponent : exponent;
  }
  if (isExact && mantissa <= EXACT_MANTISSA && power >= -EXACT_POWER && power <= EXACT_POWER) {
    const value = <f64>mantissa;
    double = power < 0 ? value / POWERS[-power] : value * POWERS[power];
    if (isNegative) double = -double;
    return true;
  }
  double = parseDouble(first, <i32>(last - first));
  return isFinite<f64>(double);
}

/** `true` or `false`, in any case. */
export function readBoolean(from: usize, to: usize): bool {
  trim(from, to);
  const length = last - first;
  if (length != 4 && length != 5) return false;
  // A bit that makes letters small, and makes a small letter of nothing else.
  const head = load<u32>(first) | 0x2020_2020;
  boolean = length == 4;
  if (boolean) return head == 0x6575_7274;
  return head == 0x736c_6166 && (load<u8>(first, 4) | 0x20) == LETTER_E;
}

/** The number that `count` digits at `at` spell; negative if they are no digits. */
function digitsAt(at: usize, count: i32): i32 {
  let value = 0;
  for (let i = 0; i < count; i++) {
    const digit = <u32>load<u8>(at + i) - ZERO;
    if (digit > 9) return -1;
    value = value * 10 + <i32>digit;
  }
  return value;
}

const DATE_BYTES: usize = 10;

/** `YYYY-MM-DD`, a day that there is: days since 1970-01-01, proleptic Gregorian. */
export function readDate(from: usize, to: usize): bool {
  trim(from, to);
  return last - first == DATE_BYTES && readDay(first);
}

function readDay(at: usize): bool {
  if (load<u8>(at, 4) != MINUS || load<u8>(at, 7) != MINUS) return false;
  const year = digitsAt(at, 4);
  const month = digitsAt(at + 5, 2);
  const day = digitsAt(at + 8, 2);
  if (year < 0 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month)) return false;
  // Years that begin in March: the leap day is the last one.
  const y = month > 2 ? year : year - 1;
  const era = (y >= 0 ? y : y - 399) / 400;
  const yearOfEra = y - era * 400;
  const dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  const dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
  integer = era * 146_097 + dayOfEra - 719_468;
  return true;
}

function daysIn(year: i32, month: i32): i32 {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

const DAY_SECONDS: i64 = 86_400;
const LETTER_T: u32 = 0x54;
const LETTER_Z: u32 = 0x5a;
const COLON: u32 = 0x3a;
const SPACE: u32 = 0x20;

/**
 * `YYYY-MM-DD[T ]hh:mm[:ss[.f]][Z|±hh[:]mm]`, with one to six digits of `f`: microseconds since
 * 1970-01-01; UTC if no zone is given.
 */
export function readTimestamp(from: usize, to: usize): bool {
  trim(from, to);
  let at = first;
  // The shortest has a time of five bytes behind the day.
  if (last - at < DATE_BYTES + 6 || !readDay(at)) return false;
  const separator = <u32>load<u8>(at, DATE_BYTES);
  if (separator != LETTER_T && separator != SPACE) return false;
  at += DATE_BYTES + 1;
  const hour = digitsAt(at, 2);
  const minute = digitsAt(at + 3, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || load<u8>(at, 2) != COLON) return false;
  let seconds = integer * DAY_SECONDS + hour * 3600 + minute * 60;
  let micros: i64 = 0;
  at += 5;
  if (at < last && load<u8>(at) == COLON) {
    if (last - at < 3) return false;
    const second = digitsAt(at + 1, 2);
    if (second < 0 || second > 59) return false;
    seconds += second;
    at += 3;
    if (at < last && load<u8>(at) == POINT) {
      at++;
      let digits = 0;
      for (; at < last && digits < 6; at++, digits++) {
        const digit = <u32>load<u8>(at) - ZERO;
        if (digit > 9) break;
        micros = micros * 10 + digit;
      }
      if (digits == 0) return false;
      for (; digits < 6; digits++) micros *= 10;
    }
  }
  if (at < last) {
    const offset = zoneSeconds(at, last);
    if (offset == NO_ZONE) return false;
    seconds -= offset;
  }
  integer = seconds * 1_000_000 + micros;
  return true;
}

const NO_ZONE: i32 = i32.MAX_VALUE;

function zoneSeconds(from: usize, to: usize): i32 {
  const length = to - from;
  const sign = <u32>load<u8>(from);
  if (length == 1) return sign == LETTER_Z ? 0 : NO_ZONE;
  const hasColon = length == 6 && load<u8>(from, 3) == COLON;
  if (!isSign(sign) || (length != 5 && !hasColon)) return NO_ZONE;
  const hours = digitsAt(from + 1, 2);
  const minutes = digitsAt(to - 2, 2);
  if (hours < 0 || hours > 18 || minutes < 0 || minutes > 59) return NO_ZONE;
  const seconds = hours * 3600 + minutes * 60;
  return sign == MINUS ? -seconds : seconds;
}
