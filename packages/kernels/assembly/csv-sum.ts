// One column of a CSV file, from its raw bytes to the sum of its values, or to all that is asked
// of them.

import { note, noteBounds, resetBounds } from './bounds';
import { COMMA, CR, closingQuote, isDelimiter, LF, QUOTE_MARK, unquotedEnd } from './csv-bytes';
import {
  areDigits,
  DIGIT_NIBBLES,
  double,
  eightDigits,
  integer,
  readDouble,
  readInteger,
} from './csv-values';
import { addDouble, resetDoubles } from './double-sum';
import { CORRUPT } from './faults';
import { INPUT, INPUT_BYTES } from './input';
import { add, resetSum } from './sum';
import {
  CountOnly,
  Doubles,
  Longs,
  SumOnly,
  wantsCount,
  wantsDoubles,
  wantsLongs,
  wantsSum,
} from './wanted';

let column: i32 = 0;
let columns: i32 = 0;
let field: i32 = 0;
/** The header is a record like the others, but its values are not added. */
let isHeader: bool = true;
let afterReturn: bool = false;
/** Whether whole rows could be summed where that was tried last. */
let areRowsShort: bool = false;
/** Rows so far, and values among them; of a sum alone they are not counted. */
let rows: i64 = 0;
let values: i64 = 0;

export function csvRowCount(): i64 {
  return rows;
}

export function csvValueCount(): i64 {
  return values;
}

/** Starts a file of `count` columns, whose column `index` is to be looked at. */
export function beginCsvSum(index: i32, count: i32): void {
  column = index;
  columns = count;
  field = 0;
  isHeader = true;
  afterReturn = false;
  areRowsShort = false;
  rows = 0;
  values = 0;
  resetSum();
  resetBounds();
}

/**
 * Adds up the column's values among the first `length` bytes of the input.
 *
 * Returns how many bytes were used: what is left is the beginning of a field, to be put in front
 * of more. With `isLast`, all of them. CORRUPT: a row or field that is not as an upload's must be,
 * or a value of the column that is no integer within int64.
 */
export function sumCsv(length: i32, isLast: bool): i32 {
  return takeCsv<SumOnly>(length, isLast);
}

/** Sums, counts and bounds the column's integers, as `sumCsv` takes them. */
export function aggregateCsvLongs(length: i32, isLast: bool): i32 {
  return takeCsv<Longs>(length, isLast);
}

/** Sums, counts and bounds the column's doubles, which `resetDoubles` has begun. */
export function aggregateCsvDoubles(length: i32, isLast: bool): i32 {
  return takeCsv<Doubles>(length, isLast);
}

/** Counts the column's values, whatever they are. */
export function countCsv(length: i32, isLast: bool): i32 {
  return takeCsv<CountOnly>(length, isLast);
}

/** Adds the double that the first `length` bytes of the input spell; false if they spell none. */
export function addDoubleText(length: i32): bool {
  return takeValue<Doubles>(INPUT, INPUT + length);
}

/** Takes one value in; false if it is none of those that are wanted. */
function takeValue<T>(from: usize, to: usize): bool {
  if (wantsDoubles<T>()) {
    if (!readDouble(from, to)) return false;
    addDouble(double);
  } else if (wantsSum<T>()) {
    if (!readInteger(from, to)) return false;
    add(integer);
    if (wantsLongs<T>()) note(integer);
  }
  if (wantsCount<T>()) values++;
  return true;
}

function takeCsv<T>(length: i32, isLast: bool): i32 {
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
    if (!isHeader) at = takePlainFields<T>(at, end);
    const start = at;
    const isQuoted = load<u8>(at) == QUOTE_MARK && at < end;
    let stop = isQuoted ? closingQuote(at + 1, end) : unquotedEnd(at);
    // A quote at the very end may be the first of two; a field at the end may go on.
    if (stop + (isQuoted ? 1 : 0) >= end && !isLast) break;
    if (isQuoted && stop == end) return CORRUPT;
    if (field == column && !isHeader) {
      const from = isQuoted ? start + 1 : start;
      if ((isQuoted || stop > start) && !takeValue<T>(from, stop)) return CORRUPT;
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
      if (wantsCount<T>() && !isHeader) rows++;
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
const BLOCK: usize = 64;

/**
 * Takes in rows of plain fields, from the field at `from` on.
 *
 * Returns the first field that must be looked at on its own: it is quoted, may be wrong, or is
 * near the end. A plain field has no quotes around it, and ends with a comma, LF or CRLF.
 */
function takePlainFields<T>(from: usize, end: usize): usize {
  const wanted = column;
  const lastField = columns - 1;
  let index = field;
  let start = from;
  if (index == 0) {
    start = takeShortRows<T>(from, end);
    areRowsShort = start > from;
  } else if (areRowsShort) {
    // Not far to the next row, with which it goes on fast.
    return from;
  }
  let sum: i64 = 0;
  let low = i64.MAX_VALUE;
  let high = i64.MIN_VALUE;
  let taken = 0;
  let ended = 0;
  for (let block = start; block + BLOCK < end; block += BLOCK) {
    const ends = bytesEqual(block, LF);
    const returns = bytesEqual(block, CR);
    // The byte behind the block may be the LF of its last CR.
    const behind = (<u64>(load<u8>(block, BLOCK) == LF)) << 63;
    const special = bytesEqual(block, QUOTE_MARK) | (returns & ~((ends >> 1) | behind));
    const plain = special == 0 ? ~(<u64>0) : (special & (0 - special)) - 1;
    for (let hits = (ends | bytesEqual(block, COMMA)) & plain; hits != 0; hits &= hits - 1) {
      const bit = ctz<u64>(hits);
      const at = block + <usize>bit;
      const isEnd = ((ends >> bit) & 1) != 0;
      if (isEnd != (index == lastField)) {
        finish<T>(index, sum, low, high, taken, ended);
        return start;
      }
      if (index == wanted || isEnd) {
        const to = isEnd && load<u8>(at - 1) == CR ? at - 1 : at;
        // Whether a blank line is a row is not for here.
        if (isEnd && index == 0 && to <= start) {
          finish<T>(index, sum, low, high, taken, ended);
          return start;
        }
        if (index == wanted && to > start) {
          const value = wantsSum<T>() ? shortInteger(start, to) : NO_INTEGER;
          if (value == NO_INTEGER) {
            if (!takeValue<T>(start, to)) {
              finish<T>(index, sum, low, high, taken, ended);
              return start;
            }
          } else {
            sum = carried(sum + value);
            if (wantsLongs<T>()) {
              low = min(low, value);
              high = max(high, value);
              taken++;
            }
          }
        }
        if (wantsCount<T>() && isEnd) ended++;
      }
      index = isEnd ? 0 : index + 1;
      start = at + 1;
    }
    if (special != 0) break;
  }
  finish<T>(index, sum, low, high, taken, ended);
  return start;
}

/** Which of the 64 bytes at `from` are `byte`, as bits. */
function bytesEqual(from: usize, byte: u32): u64 {
  const same = v128.splat<u8>(<u8>byte);
  const a = v128.bitmask<u8>(v128.eq<u8>(v128.load(from), same));
  const b = v128.bitmask<u8>(v128.eq<u8>(v128.load(from, 16), same));
  const c = v128.bitmask<u8>(v128.eq<u8>(v128.load(from, 32), same));
  const d = v128.bitmask<u8>(v128.eq<u8>(v128.load(from, 48), same));
  return <u64>a | ((<u64>b) << 16) | ((<u64>c) << 32) | ((<u64>d) << 48);
}

function finish<T>(index: i32, sum: i64, low: i64, high: i64, taken: i32, ended: i32): void {
  field = index;
  takeRows<T>(sum, low, high, taken, ended);
}

/** Takes in `ended` rows, of whose integers `taken` have these sum and bounds. */
function takeRows<T>(sum: i64, low: i64, high: i64, taken: i32, ended: i32): void {
  if (wantsSum<T>()) add(sum);
  if (wantsLongs<T>()) {
    noteBounds(low, high);
    values += taken;
  }
  if (wantsCount<T>()) rows += ended;
}

/**
 * Takes in rows of less than a block, whose fields hold nothing that would have to be quoted: most
 * are such. Returns the first row that is not.
 *
 * Each block begins with a row. Of a row the wanted field is found without a look at the others.
 */
function takeShortRows<T>(from: usize, end: usize): usize {
  const wanted = column;
  const delimitersOfRow = columns;
  let start = from;
  let sum: i64 = 0;
  let low = i64.MAX_VALUE;
  let high = i64.MIN_VALUE;
  let taken = 0;
  let ended = 0;
  while (start + BLOCK < end) {
    const ends = bytesEqual(start, LF);
    const special = bytesEqual(start, QUOTE_MARK) | bytesEqual(start, CR);
    // Up to the last line end.
    const rows = ends == 0 ? 0 : ~(<u64>0) >> clz<u64>(ends);
    if (rows == 0 || (special & rows) != 0) break;
    let delimiters = (ends | bytesEqual(start, COMMA)) & rows;
    let rowAt: u64 = 0;
    for (let left = ends; left != 0; left &= left - 1) {
      const upToEnd = left ^ (left - 1);
      let ofRow = delimiters & upToEnd;
      const endAt = ctz<u64>(left);
      // A blank line is no row, or a row of one null: not for here.
      if (<i32>popcnt<u64>(ofRow) != delimitersOfRow || endAt == rowAt) {
        takeRows<T>(sum, low, high, taken, ended);
        return start + <usize>rowAt;
      }
      delimiters ^= ofRow;
      let fieldAt = rowAt;
      for (let i = 0; i < wanted; i++) {
        fieldAt = ctz<u64>(ofRow) + 1;
        ofRow &= ofRow - 1;
      }
      const fieldEnd = ctz<u64>(ofRow);
      if (fieldEnd > fieldAt) {
        const value = wantsSum<T>()
          ? shortInteger(start + <usize>fieldAt, start + <usize>fieldEnd)
          : NO_INTEGER;
        if (value == NO_INTEGER) {
          if (!takeValue<T>(start + <usize>fieldAt, start + <usize>fieldEnd)) {
            takeRows<T>(sum, low, high, taken, ended);
            return start + <usize>rowAt;
          }
        } else {
          sum = carried(sum + value);
          if (wantsLongs<T>()) {
            low = min(low, value);
            high = max(high, value);
            taken++;
          }
        }
      }
      rowAt = endAt + 1;
      if (wantsCount<T>()) ended++;
    }
    start += <usize>rowAt;
  }
  takeRows<T>(sum, low, high, taken, ended);
  return start;
}

const NO_INTEGER: i64 = i64.MIN_VALUE;

const TENS: StaticArray<u64> = [
  1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000,
];

/** The integer of one to sixteen digits that `[from, to)` spells; NO_INTEGER for anything else. */
function shortInteger(from: usize, to: usize): i64 {
  const isNegative = load<u8>(from) == 0x2d;
  const digits = isNegative ? from + 1 : from;
  const count = to - digits;
  if (count - 1 > 15) return NO_INTEGER;
  let at = digits;
  let left = count;
  let value: u64 = 0;
  if (count > 8) {
    const word = load<u64>(at);
    if (!areDigits(word, DIGIT_NIBBLES)) return NO_INTEGER;
    value = eightDigits(word);
    at += 8;
    left -= 8;
  }
  const shift = 64 - ((<u64>left) << 3);
  const word = load<u64>(at) << shift;
  if (!areDigits(word, DIGIT_NIBBLES << shift)) return NO_INTEGER;
  value = value * unchecked(TENS[<i32>left]) + eightDigits(word);
  return isNegative ? 0 - <i64>value : <i64>value;
}

/** A sum in 64 bits to which a short integer can be added; beyond, it moves to the exact one. */
const LOCAL_MAX: i64 = 1 << 62;

function carried(sum: i64): i64 {
  if (sum < LOCAL_MAX && sum > -LOCAL_MAX) return sum;
  add(sum);
  return 0;
}
