// One column of a CSV file, from its raw bytes to the sum of its values.

import { CORRUPT } from './faults';
import { INPUT, INPUT_BYTES } from './input';
import { add, resetSum } from './sum';

const COMMA: u32 = 0x2c;
const QUOTE_MARK: u32 = 0x22;
const LF: u32 = 0x0a;
const CR: u32 = 0x0d;
const SPACE: u32 = 0x20;
const TAB: u32 = 0x09;

let column: i32 = 0;
let columns: i32 = 0;
let field: i32 = 0;
/** The header is a record like the others, but its values are not added. */
let isHeader: bool = true;
let afterReturn: bool = false;

/** Starts a file of `count` columns, whose column `index` is to be summed. */
export function beginCsvSum(index: i32, count: i32): void {
  column = index;
  columns = count;
  field = 0;
  isHeader = true;
  afterReturn = false;
  resetSum();
}

/**
 * Adds up the column's values among the first `length` bytes of the input.
 *
 * Returns how many bytes were used: what is left is the beginning of a field, to be put in front
 * of more. With `isLast`, all of them. CORRUPT: a row or field that is not as an upload's must be,
 * or a value of the column that is no integer within int64.
 */
export function sumCsv(length: i32, isLast: bool): i32 {
  if (length < 0 || length > INPUT_BYTES) return CORRUPT;
  const end = INPUT + length;
  // Stops every loop over a field; the byte behind the input is no part of it.
  store<u8>(end, LF);
  let at = INPUT;
  for (;;) {
    if (afterReturn) {
      if (at == end) break;
      if (load<u8>(at) == LF) at++;
      afterReturn = false;
    }
    if (at == end && (!isLast || field == 0)) break;
    const start = at;
    const isQuoted = load<u8>(at) == QUOTE_MARK && at < end;
    let stop = isQuoted ? closingQuote(at + 1, end) : unquotedEnd(at);
    // A quote at the very end may be the first of two; a field at the end may go on.
    if (stop + (isQuoted ? 1 : 0) >= end && !isLast) return <i32>(start - INPUT);
    if (isQuoted && stop == end) return CORRUPT;
    if (field == column && !isHeader) {
      const from = isQuoted ? start + 1 : start;
      if ((isQuoted || stop > start) && !addInteger(from, stop)) return CORRUPT;
    }
    if (isQuoted) {
      stop++;
      if (stop < end && !isDelimiter(load<u8>(stop))) return CORRUPT;
    }
    if (stop < end && load<u8>(stop) == COMMA) {
      if (++field == columns) return CORRUPT;
      at = stop + 1;
      continue;
    }
    const isBlank = field == 0 && stop == start;
    // Blank lines in front of the header are none, nor are those between rows of several columns.
    if (!isBlank || (columns == 1 && !isHeader)) {
      if (field + 1 != columns) return CORRUPT;
      isHeader = false;
    }
    field = 0;
    if (stop == end) {
      at = end;
      break;
    }
    afterReturn = load<u8>(stop) == CR;
    at = stop + 1;
  }
  return <i32>(at - INPUT);
}

function isDelimiter(byte: u32): bool {
  return byte == COMMA || byte == LF || byte == CR;
}

/** The delimiter behind the unquoted field at `from`; the sentinel at the latest. */
function unquotedEnd(from: usize): usize {
  let at = from;
  let byte = <u32>load<u8>(at);
  while (byte > COMMA || !isDelimiter(byte)) byte = <u32>load<u8>(++at);
  return at;
}

/** The quote that closes the field whose content begins at `from`; `end` if there is none. */
function closingQuote(from: usize, end: usize): usize {
  for (let at = from; at < end; at++) {
    if (load<u8>(at) != QUOTE_MARK) continue;
    if (at + 1 < end && load<u8>(at, 1) == QUOTE_MARK) at++;
    else return at;
  }
  return end;
}

/** Digits that always fit into int64. */
const SHORT_DIGITS: usize = 18;

/** Adds the integer that `[from, to)` spells; false if it spells none within int64. */
function addInteger(from: usize, to: usize): bool {
  let at = from;
  let end = to;
  while (at < end && isSpace(load<u8>(at))) at++;
  while (end > at && isSpace(load<u8>(end - 1))) end--;
  if (at == end) return false;
  const sign = <u32>load<u8>(at);
  if (sign == 0x2d || sign == 0x2b) at++;
  if (at == end) return false;
  while (at < end - 1 && load<u8>(at) == 0x30) at++;
  const digits = end - at;
  if (digits > SHORT_DIGITS + 1) return false;
  let value: u64 = 0;
  for (; at < end; at++) {
    const digit = <u32>load<u8>(at) - 0x30;
    if (digit > 9) return false;
    value = value * 10 + digit;
  }
  // Nineteen digits fit into 64 bits without a sign; the sign has one of them.
  const isNegative = sign == 0x2d;
  if (digits > SHORT_DIGITS && value > <u64>i64.MAX_VALUE + (isNegative ? 1 : 0)) return false;
  add(isNegative ? 0 - <i64>value : <i64>value);
  return true;
}

function isSpace(byte: u32): bool {
  return byte == SPACE || byte == TAB;
}
