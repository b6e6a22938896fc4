// All columns of a CSV file, from its raw bytes to their types, or to values in columns.

import {
  COMMA,
  CR,
  closingQuote,
  isDelimiter,
  isUtf8,
  LF,
  QUOTE_MARK,
  unquotedEnd,
} from './csv-bytes';
import {
  boolean,
  double,
  integer,
  readBoolean,
  readDate,
  readDouble,
  readInteger,
  readTimestamp,
  SHORT_DIGITS,
} from './csv-values';
import { CONTRADICTION, CORRUPT } from './faults';

/** What a column can hold, as bits. */
export const LONG: u32 = 1;
export const DOUBLE: u32 = 2;
export const BOOLEAN: u32 = 4;
export const DATE: u32 = 8;
export const TIMESTAMP: u32 = 16;
/** What any value can be. */
export const STRING: u32 = 32;
const ANY_TYPE: u32 = 31;

/** Most columns of a file. */
const COLUMNS_MAX: i32 = 4096;

export function columnsMax(): i32 {
  return COLUMNS_MAX;
}

// What is known of a column, and where its values of the row group are.
/** Of a scan: the types that all values so far can be. Of a conversion: the type, 0 without one. */
const TYPE: usize = 0;
/** Of a scan: whether there was a value. */
const HAS_VALUE: usize = 4;
const VALUES: usize = 8;
/** One bit a row, least significant first: whether it has a value. */
const VALIDITY: usize = 12;
const NULLS: usize = 16;
const COLUMN_SHIFT: i32 = 5;
const COLUMNS: usize = memory.data(COLUMNS_MAX << COLUMN_SHIFT, 16);

let input: usize = 0;
let columns: i32 = 0;
let fieldBytesMax: usize = 0;
let rowBytesMax: usize = 0;

let field: i32 = 0;
let rowBytes: usize = 0;
let isHeader: bool = true;
let afterReturn: bool = false;
let isScan: bool = false;

let groupRows: i32 = 0;
let groupRowsMax: i32 = 0;
let isFull: bool = false;
/** A row that has been read, but whose texts are too many for the row group. */
let isRowCarried: bool = false;
let texts: usize = 0;
let textsUsed: usize = 0;
/** Where the texts of the row being read begin. */
let rowTexts: usize = 0;
let textsWanted: usize = 0;
let textsMax: usize = 0;

function columnAt(index: i32): usize {
  return COLUMNS + ((<usize>index) << (<usize>COLUMN_SHIFT));
}

function begin(address: usize, count: i32, fieldMax: i32, rowMax: i32): void {
  input = address;
  columns = count;
  fieldBytesMax = fieldMax;
  rowBytesMax = rowMax;
  field = 0;
  rowBytes = 0;
  isHeader = true;
  afterReturn = false;
  groupRows = 0;
  isFull = false;
  isRowCarried = false;
  textsUsed = 0;
  rowTexts = 0;
}

/** Starts a file of `count` columns whose types are to be found; its bytes go to `address`. */
export function beginScan(address: usize, count: i32, fieldMax: i32, rowMax: i32): void {
  begin(address, count, fieldMax, rowMax);
  isScan = true;
  for (let i = 0; i < count; i++) {
    store<u32>(columnAt(i), ANY_TYPE, TYPE);
    store<u32>(columnAt(i), 0, HAS_VALUE);
  }
}

/** The types, as bits, that every value of a scanned column can be; -1 if it has no value. */
export function scannedTypes(column: i32): i32 {
  const at = columnAt(column);
  return load<u32>(at, HAS_VALUE) ? <i32>load<u32>(at, TYPE) : -1;
}

/** Starts a file whose values are to be stored, in row groups of at most `rowsMax` rows. */
export function beginConversion(
  address: usize,
  count: i32,
  fieldMax: i32,
  rowMax: i32,
  rowsMax: i32,
): void {
  begin(address, count, fieldMax, rowMax);
  isScan = false;
  groupRowsMax = rowsMax;
}

/** Says where the values of a column go; of a text, a row's are its address and its length. */
export function setColumn(column: i32, type: u32, values: usize, validity: usize): void {
  const at = columnAt(column);
  store<u32>(at, type, TYPE);
  store<usize>(at, values, VALUES);
  store<usize>(at, validity, VALIDITY);
}

/** Says where texts go: a row group of several rows has at most `wanted` bytes, `max` have room. */
export function setTexts(address: usize, wanted: usize, max: usize): void {
  texts = address;
  textsWanted = wanted;
  textsMax = max;
}

/** Starts a row group: its rows have values until nulls are stored. */
export function beginRowGroup(): void {
  const bitmapBytes = <usize>(groupRowsMax + 7) >> 3;
  const carriedTexts = texts + rowTexts;
  for (let i = 0; i < columns; i++) {
    const at = columnAt(i);
    const type = load<u32>(at, TYPE);
    if (type == 0) continue;
    const isValid = !isRowCarried || loadBit(load<usize>(at, VALIDITY), groupRows);
    memory.fill(load<usize>(at, VALIDITY), 0xff, bitmapBytes);
    store<u32>(at, 0, NULLS);
    if (isRowCarried) carryValue(at, type, isValid, carriedTexts);
  }
  if (isRowCarried) {
    textsUsed -= rowTexts;
    memory.copy(texts, carriedTexts, textsUsed);
    groupRows = 1;
    isRowCarried = false;
  } else {
    groupRows = 0;
    textsUsed = 0;
  }
  rowTexts = textsUsed;
  isFull = groupRows == groupRowsMax || textsUsed > textsWanted;
}

/** Makes the value behind the row group's the first of the next one. */
function carryValue(column: usize, type: u32, isValid: bool, carriedTexts: usize): void {
  const values = load<usize>(column, VALUES);
  if (type == BOOLEAN) storeBit(values, 0, loadBit(values, groupRows));
  else store<i64>(values, load<i64>(values + ((<usize>groupRows) << 3)));
  if (!isValid) {
    storeBit(load<usize>(column, VALIDITY), 0, false);
    store<u32>(column, 1, NULLS);
  } else if (type == STRING) store<usize>(values, load<usize>(values) - carriedTexts + texts);
}

/** Takes the nulls of the row that is carried out of the row group's. */
function carryRow(): void {
  isRowCarried = true;
  for (let i = 0; i < columns; i++) {
    const at = columnAt(i);
    if (load<u32>(at, TYPE) == 0 || loadBit(load<usize>(at, VALIDITY), groupRows)) continue;
    store<u32>(at, load<u32>(at, NULLS) - 1, NULLS);
  }
}

/** Rows of the row group so far. */
export function rowGroupRows(): i32 {
  return groupRows;
}

/** Rows of the row group that have no value in a column. */
export function rowGroupNulls(column: i32): i32 {
  return load<u32>(columnAt(column), NULLS);
}

/** Whether the row group is to be written before more is read. */
export function isRowGroupFull(): bool {
  return isFull;
}

/** Counts the row that has been read, or carries it into the next row group. */
function endRow(): void {
  if (textsUsed > textsWanted && groupRows > 0) {
    carryRow();
    isFull = true;
    return;
  }
  groupRows++;
  rowTexts = textsUsed;
  isFull = groupRows == groupRowsMax || textsUsed > textsWanted;
}

/**
 * Reads the rows among `length` bytes of the input, from `offset` on, until a row group is full.
 *
 * Returns how many bytes were used: what is left begins with a field, and is to be put in front
 * of more. With `isLast`, all of them, unless the row group is full. CORRUPT: a row or field that
 * is not as an upload's must be. CONTRADICTION: a value is not of its column's type.
 */
export function readRows(offset: i32, length: i32, isLast: bool): i32 {
  // A carried row can fill a row group on its own: there is no room for one more.
  if (isFull) return 0;
  const begin = input + offset;
  const end = begin + length;
  // Stops every loop over a field; the byte behind the input is no part of it.
  store<u8>(end, LF);
  const isStoring = !isScan;
  const longestRow = rowBytesMax;
  let at = begin;
  // Where the row would begin if all its bytes were at hand.
  let rowAt = begin - rowBytes;
  let index = field;
  let column = columnAt(index);
  for (;;) {
    if (afterReturn) {
      if (at == end) break;
      if (load<u8>(at) == LF) at++;
      afterReturn = false;
      rowAt = at;
    }
    if (at == end && (!isLast || index == 0)) break;
    const start = at;
    let stop: usize = 0;
    if (isStoring && load<u32>(column, TYPE) == LONG && !isHeader) {
      stop = storeShortInteger(at, end, isLast, column);
    }
    if (stop == 0) {
      const isQuoted = load<u8>(at) == QUOTE_MARK && at < end;
      stop = isQuoted ? closingQuote(at + 1, end) : unquotedEnd(at);
      // A quote at the very end may be the first of two; a field at the end may go on.
      if (stop + (isQuoted ? 1 : 0) >= end && !isLast) break;
      if (isQuoted && stop == end) return CORRUPT;
      const from = isQuoted ? start + 1 : start;
      if (stop - from > fieldBytesMax) return CORRUPT;
      const to = stop;
      if (isQuoted) {
        stop++;
        if (stop < end && !isDelimiter(load<u8>(stop))) return CORRUPT;
      }
      const isBlank = index == 0 && stop == start && (stop == end || load<u8>(stop) != COMMA);
      // Blank lines in front of the header are none, nor are those between rows of several columns.
      if (isBlank && (columns > 1 || isHeader)) {
        if (stop == end) {
          at = end;
          break;
        }
        afterReturn = load<u8>(stop) == CR;
        at = stop + 1;
        rowAt = at;
        continue;
      }
      if (!isHeader) {
        const fault = isStoring
          ? storeField(column, from, to, isQuoted)
          : noteField(column, from, to, isQuoted);
        if (fault != 0) return fault;
      }
    }
    if (stop - rowAt >= longestRow && !isHeader) return CORRUPT;
    if (stop < end && load<u8>(stop) == COMMA) {
      if (++index == columns) return CORRUPT;
      column += 1 << COLUMN_SHIFT;
      at = stop + 1;
      continue;
    }
    if (index + 1 != columns) return CORRUPT;
    index = 0;
    column = COLUMNS;
    if (stop == end) at = end;
    else {
      afterReturn = load<u8>(stop) == CR;
      at = stop + 1;
    }
    rowAt = at;
    if (isHeader) isHeader = false;
    else if (isStoring) {
      endRow();
      if (isFull) break;
    }
    if (stop == end) break;
  }
  field = index;
  rowBytes = at - rowAt;
  return <i32>(at - begin);
}

/**
 * Stores `-?[0-9]{1,18}` at `from`, up to a delimiter: returns that, or 0 if there is something
 * else, of whatever kind.
 */
function storeShortInteger(from: usize, end: usize, isLast: bool, column: usize): usize {
  let at = from;
  let byte = <u32>load<u8>(at);
  const isNegative = byte == 0x2d;
  if (isNegative) byte = <u32>load<u8>(++at);
  const digits = at;
  let value: i64 = 0;
  for (let digit = byte - 0x30; digit <= 9; digit = byte - 0x30) {
    value = value * 10 + digit;
    byte = <u32>load<u8>(++at);
  }
  const count = at - digits;
  if (count == 0 || count > SHORT_DIGITS || !isDelimiter(byte)) return 0;
  // What the end cuts off may go on.
  if (at >= end && !isLast) return 0;
  const target = load<usize>(column, VALUES) + ((<usize>groupRows) << 3);
  store<i64>(target, isNegative ? 0 - value : value);
  return at;
}

function noteField(column: usize, from: usize, to: usize, isQuoted: bool): i32 {
  if (from == to && !isQuoted) return 0;
  store<u32>(column, 1, HAS_VALUE);
  const types = load<u32>(column, TYPE);
  if (types != 0) {
    const left = types & typesOf(types, from, to);
    store<u32>(column, left, TYPE);
    // Whatever has another type than text is ASCII.
    if (left != 0) return 0;
  }
  return isUtf8(from, to) ? 0 : CORRUPT;
}

/** Those of `types` that the value can be; a value is integer and double, or of one type only. */
function typesOf(types: u32, from: usize, to: usize): u32 {
  if (types & (LONG | DOUBLE)) {
    if (readInteger(from, to)) return LONG | DOUBLE;
    if (readDouble(from, to)) return DOUBLE;
  }
  if (types & BOOLEAN && readBoolean(from, to)) return BOOLEAN;
  if (types & DATE && readDate(from, to)) return DATE;
  return types & TIMESTAMP && readTimestamp(from, to) ? TIMESTAMP : 0;
}

function storeField(column: usize, from: usize, to: usize, isQuoted: bool): i32 {
  const type = load<u32>(column, TYPE);
  if (from == to && !isQuoted) {
    if (type != 0) storeNull(column, type);
    return 0;
  }
  const values = load<usize>(column, VALUES);
  const row = <usize>groupRows;
  if (type == LONG) {
    if (!readInteger(from, to)) return CONTRADICTION;
    store<i64>(values + (row << 3), integer);
  } else if (type == DOUBLE) {
    if (!readDouble(from, to)) return CONTRADICTION;
    store<f64>(values + (row << 3), double);
  } else if (type == STRING) {
    return storeText(values + (row << 3), from, to, isQuoted);
  } else if (type == DATE) {
    if (!readDate(from, to)) return CONTRADICTION;
    store<i64>(values + (row << 3), integer);
  } else if (type == TIMESTAMP) {
    if (!readTimestamp(from, to)) return CONTRADICTION;
    store<i64>(values + (row << 3), integer);
  } else if (type == BOOLEAN) {
    if (!readBoolean(from, to)) return CONTRADICTION;
    storeBit(values, row, boolean);
  } else return CONTRADICTION;
  return 0;
}

function storeNull(column: usize, type: u32): void {
  const row = <usize>groupRows;
  const values = load<usize>(column, VALUES);
  storeBit(load<usize>(column, VALIDITY), row, false);
  store<u32>(column, load<u32>(column, NULLS) + 1, NULLS);
  if (type == BOOLEAN) storeBit(values, row, false);
  else store<i64>(values + (row << 3), 0);
}

function loadBit(bitmap: usize, index: usize): bool {
  return ((load<u8>(bitmap + (index >> 3)) >> (<u32>index & 7)) & 1) != 0;
}

function storeBit(bitmap: usize, index: usize, bit: bool): void {
  const at = bitmap + (index >> 3);
  const mask = (<u32>1) << (<u32>index & 7);
  const byte = <u32>load<u8>(at);
  store<u8>(at, bit ? byte | mask : byte & ~mask);
}

/** Copies a text, with one quote for two, and stores where it is. */
function storeText(reference: usize, from: usize, to: usize, isQuoted: bool): i32 {
  if (!isUtf8(from, to)) return CORRUPT;
  // Room for a whole row is left when a row begins.
  if (to - from > textsMax - textsUsed) return CORRUPT;
  const target = texts + textsUsed;
  let length = to - from;
  if (isQuoted) length = copyUnquoted(target, from, to);
  else copyText(target, from, length);
  textsUsed += length;
  store<u32>(reference, <u32>target);
  store<u32>(reference, <u32>length, 4);
  return 0;
}

/** Most texts are short: copied by eight bytes, up to seven too many, which there is room for. */
const SHORT_TEXT: usize = 64;

function copyText(target: usize, from: usize, length: usize): void {
  if (length > SHORT_TEXT) memory.copy(target, from, length);
  else for (let i: usize = 0; i < length; i += 8) store<u64>(target + i, load<u64>(from + i));
}

function copyUnquoted(target: usize, from: usize, to: usize): usize {
  let out = target;
  for (let at = from; at < to; at++) {
    const byte = load<u8>(at);
    store<u8>(out++, byte);
    if (byte == QUOTE_MARK) at++;
  }
  return out - target;
}

/**
 * Puts the texts of rows `[from, to)` of a column one behind the other at `target`, and where each
 * begins and the last one ends, from 0, at `offsets`. Returns how many bytes they are.
 */
export function gatherTexts(column: i32, from: i32, to: i32, offsets: usize, target: usize): i32 {
  const references = load<usize>(columnAt(column), VALUES);
  let used: u32 = 0;
  for (let row = from; row < to; row++) {
    const reference = references + ((<usize>row) << 3);
    const length = load<u32>(reference, 4);
    store<u32>(offsets + ((<usize>(row - from)) << 2), used);
    copyText(target + used, load<u32>(reference), length);
    used += length;
  }
  store<u32>(offsets + ((<usize>(to - from)) << 2), used);
  return used;
}

/** Where the values of a column are, for the encoder. */
export function valuesOf(column: i32): usize {
  return load<usize>(columnAt(column), VALUES);
}

export function validityOf(column: i32): usize {
  return load<usize>(columnAt(column), VALIDITY);
}
