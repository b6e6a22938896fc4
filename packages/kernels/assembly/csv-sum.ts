// One column of a CSV file, from its raw bytes to the sum of its values.

import { COMMA, CR, closingQuote, isDelimiter, LF, QUOTE_MARK, unquotedEnd } from './csv-bytes';
import { areDigits, DIGIT_NIBBLES, eightDigits, integer, readInteger } from './csv-values';
import { CORRUPT } from './faults';
import { INPUT, INPUT_BYTES } from './input';
import { add, resetSum } from './sum';

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
    if (!isHeader) at = sumPlainFields(at, end);
    const start = at;
    const isQuoted = load<u8>(at) == QUOTE_MARK && at < end;
    let stop = isQuoted ? closingQuote(at + 1, end) : unquotedEnd(at);
    // A quote at the very end may be the first of two; a field at the end may go on.
    if (stop + (isQuoted ? 1 : 0) >= end && !isLast) break;
    if (isQuoted && stop == end) return CORRUPT;
    if (field == column && !isHeader) {
      const from = isQuoted ? start + 1 : start;
      if (isQuoted || stop > start) {
        if (!readInteger(from, stop)) return CORRUPT;
        add(integer);
      }
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

/** Bytes that are looked at together. */
const BLOCK: usize = 16;

/**
 * Adds up rows of plain fields, from the field at `from` on, a block of bytes at a time.
 *
 * Returns the first field that must be looked at on its own: it is quoted, may be wrong, or is
 * near the end. A plain field has no quotes around it, and ends with a comma, LF or CRLF.
 */
function sumPlainFields(from: usize, end: usize): usize {
  const wanted = column;
  const lastField = columns - 1;
  let index = field;
  let start = from;
  // Of values of eight digits at most: far fewer than 2^36 fit in the input.
  let sum: i64 = 0;
  for (let block = from; block + BLOCK <= end; block += BLOCK) {
    const isLow = v128.lt<u8>(v128.load(block), v128.splat<u8>(LAST_LOW));
    for (let hits = v128.bitmask<u8>(isLow); hits != 0; hits &= hits - 1) {
      const at = block + <usize>ctz<i32>(hits);
      const byte = <u32>load<u8>(at);
      const isComma = byte == COMMA;
      // The LF of a CRLF lies in front of the field that is read.
      if (at < start || (!isComma && byte > CR && (byte != QUOTE_MARK || at != start))) continue;
      const isEnd = byte == LF || (byte == CR && load<u8>(at, 1) == LF && at + 1 < end);
      if (!(isComma && index != lastField) && !(isEnd && index == lastField)) {
        return finish(start, index, sum);
      }
      if (index == wanted && at != start) {
        const value = shortInteger(start, at);
        if (value == NO_INTEGER) {
          if (!readInteger(start, at)) return finish(start, index, sum);
          add(integer);
        } else sum += value;
      }
      // Whether a blank line is a row is not for here.
      if (isEnd && index == 0 && at == start) return finish(start, index, sum);
      index = isEnd ? 0 : index + 1;
      start = at + (byte == CR ? 2 : 1);
    }
  }
  return finish(start, index, sum);
}

/** The first byte above all that end a field; above quotes and spaces too. */
const LAST_LOW: u8 = 0x2d;

function finish(start: usize, index: i32, sum: i64): usize {
  field = index;
  add(sum);
  return start;
}

const NO_INTEGER: i64 = i64.MIN_VALUE;

/** The integer of one to eight digits that `[from, to)` spells; NO_INTEGER for anything else. */
function shortInteger(from: usize, to: usize): i64 {
  const isNegative = load<u8>(from) == 0x2d;
  const digits = isNegative ? from + 1 : from;
  const count = to - digits;
  if (count - 1 > 7) return NO_INTEGER;
  const shift = 64 - ((<u64>count) << 3);
  const word = load<u64>(digits) << shift;
  if (!areDigits(word, DIGIT_NIBBLES << shift)) return NO_INTEGER;
  const value = <i64>eightDigits(word);
  return isNegative ? 0 - value : value;
}
