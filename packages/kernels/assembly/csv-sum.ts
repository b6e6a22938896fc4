// One column of a CSV file, from its raw bytes to the sum of its values.

import { COMMA, CR, closingQuote, isDelimiter, LF, QUOTE_MARK, unquotedEnd } from './csv-bytes';
import { integer, readInteger } from './csv-values';
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
    const start = at;
    const isQuoted = load<u8>(at) == QUOTE_MARK && at < end;
    let stop = isQuoted ? closingQuote(at + 1, end) : unquotedEnd(at);
    // A quote at the very end may be the first of two; a field at the end may go on.
    if (stop + (isQuoted ? 1 : 0) >= end && !isLast) return <i32>(start - INPUT);
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
