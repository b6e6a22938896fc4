// A column of a row group as pages: a data page of version 1 (parquet.thrift), its values
// DELTA_BINARY_PACKED (Encodings.md), uncompressed, with a checksum.

import { crc32 } from './crc32';
import { rowGroupNulls, validityOf, valuesOf } from './csv-rows';

/** Values of a block and of a miniblock: as others write them. */
const BLOCK: i32 = 256;
const MINIBLOCKS: i32 = 4;
const MINIBLOCK: i32 = 64;

/** Most rows of a page; a multiple of eight, so that a page begins with a whole byte of a bitmap. */
const PAGE_ROWS: i32 = 32_768;
const HEADER_BYTES: i32 = 64;
/** Levels, values of 64 bits, and of each block its least delta and widths. */
const BODY_BYTES: i32 = PAGE_ROWS / 8 + PAGE_ROWS * 8 + (PAGE_ROWS / BLOCK) * 16 + 64;
const PAGE: usize = memory.data(HEADER_BYTES + BODY_BYTES, 16);
const DELTAS: usize = memory.data(BLOCK * 8, 16);

const DELTA_BINARY_PACKED: i32 = 5;
const RLE: i32 = 3;

let least: i64 = 0;
let greatest: i64 = 0;
let pageAt: usize = 0;

export function pageRowsMax(): i32 {
  return PAGE_ROWS;
}

/** Where the last page begins. */
export function pageAddress(): usize {
  return pageAt;
}

/** The least and the greatest value of the column chunk so far; of no use if it has none. */
export function leastValue(): i64 {
  return least;
}
export function greatestValue(): i64 {
  return greatest;
}

/**
 * Encodes rows `[from, to)` of a column of integers, dates or timestamps as one page; `from` is a
 * multiple of the page's rows. Returns the page's bytes, its header's included.
 */
export function encodePage(column: i32, from: i32, to: i32): i32 {
  const body = PAGE + HEADER_BYTES;
  const rows = to - from;
  const validity = validityOf(column) + (<usize>from >> 3);
  const present = rowGroupNulls(column) == 0 ? rows : countValid(validity, rows);
  if (from == 0) {
    least = i64.MAX_VALUE;
    greatest = i64.MIN_VALUE;
  }
  let at = writeLevels(body, validity, rows, present);
  const source = valuesOf(column) + ((<usize>from) << 3);
  if (present < rows) closeGaps(source, validity, rows);
  at = writeValues(at, source, present);
  const bytes = <i32>(at - body);
  pageAt = writeHeader(body, bytes, rows);
  return <i32>(at - pageAt);
}

const isValid = (validity: usize, row: i32): bool =>
  ((load<u8>(validity + (row >> 3)) >> (<u32>row & 7)) & 1) != 0;

function countValid(validity: usize, rows: i32): i32 {
  let count = 0;
  for (let i = 0; i < rows >> 3; i++) count += <i32>popcnt<u32>(load<u8>(validity + i));
  for (let row = rows & ~7; row < rows; row++) count += isValid(validity, row) ? 1 : 0;
  return count;
}

/** Moves the values that are not null together; the row group's are not needed again. */
function closeGaps(source: usize, validity: usize, rows: i32): void {
  let out = source;
  for (let row = 0; row < rows; row++) {
    if (!isValid(validity, row)) continue;
    store<i64>(out, load<i64>(source + ((<usize>row) << 3)));
    out += 8;
  }
}

/** Definition levels, in the RLE / bit-packing hybrid behind their length: one run, or all bits. */
function writeLevels(from: usize, validity: usize, rows: i32, present: i32): usize {
  let at = from + 4;
  if (present == rows || present == 0) {
    at = writeUnsigned(at, (<u64>rows) << 1);
    store<u8>(at++, present == 0 ? 0 : 1);
  } else {
    const bytes = (rows + 7) >> 3;
    at = writeUnsigned(at, ((<u64>bytes) << 1) | 1);
    memory.copy(at, validity, bytes);
    // The bits behind the last row are no levels.
    if (rows & 7) {
      const last = at + bytes - 1;
      const mask = (1 << (rows & 7)) - 1;
      store<u8>(last, <u8>(<i32>load<u8>(last) & mask));
    }
    at += bytes;
  }
  store<u32>(from, <u32>(at - from - 4));
  return at;
}

function writeValues(from: usize, source: usize, count: i32): usize {
  let at = writeUnsigned(from, BLOCK);
  at = writeUnsigned(at, MINIBLOCKS);
  at = writeUnsigned(at, count);
  let value = count > 0 ? load<i64>(source) : 0;
  at = writeZigzag(at, value);
  if (count > 0) noteBounds(value);
  for (let done = 1; done < count; done += BLOCK) {
    const length = min(BLOCK, count - done);
    at = writeBlock(at, source + ((<usize>done) << 3), length, value);
    value = load<i64>(source + ((<usize>(done + length - 1)) << 3));
  }
  return at;
}

function noteBounds(value: i64): void {
  if (value < least) least = value;
  if (value > greatest) greatest = value;
}

function writeBlock(from: usize, source: usize, length: i32, before: i64): usize {
  let previous = before;
  let leastDelta = i64.MAX_VALUE;
  let low = least;
  let high = greatest;
  for (let i = 0; i < length; i++) {
    const value = load<i64>(source + ((<usize>i) << 3));
    if (value < low) low = value;
    if (value > high) high = value;
    // Past 64 bits it wraps, and wraps back in every reader.
    const delta = value - previous;
    previous = value;
    if (delta < leastDelta) leastDelta = delta;
    store<i64>(DELTAS + ((<usize>i) << 3), delta);
  }
  least = low;
  greatest = high;
  const widths = writeZigzag(from, leastDelta);
  let at = widths + MINIBLOCKS;
  for (let miniblock = 0; miniblock < MINIBLOCKS; miniblock++) {
    const begin = miniblock * MINIBLOCK;
    const inUse = min(MINIBLOCK, length - begin);
    if (inUse <= 0) {
      store<u8>(widths + miniblock, 0);
      continue;
    }
    const deltas = DELTAS + ((<usize>begin) << 3);
    let bits: u64 = 0;
    for (let i = 0; i < inUse; i++) {
      const rest = <u64>(load<i64>(deltas + ((<usize>i) << 3)) - leastDelta);
      store<u64>(deltas + ((<usize>i) << 3), rest);
      bits |= rest;
    }
    for (let i = inUse; i < MINIBLOCK; i++) store<u64>(deltas + ((<usize>i) << 3), 0);
    const width = 64 - <i32>clz<u64>(bits);
    store<u8>(widths + miniblock, width);
    if (width > 0) pack(at, deltas, width);
    at += (<usize>width * MINIBLOCK) >> 3;
  }
  return at;
}

/** Packs a miniblock of values of `width` bits, least significant bit first. */
function pack(to: usize, from: usize, width: i32): void {
  let at = to;
  let word: u64 = 0;
  let filled = 0;
  for (let i = 0; i < MINIBLOCK; i++) {
    const value = load<u64>(from + ((<usize>i) << 3));
    word |= value << (<u64>filled);
    filled += width;
    if (filled >= 64) {
      store<u64>(at, word);
      at += 8;
      filled -= 64;
      // What did not fit; a shift by 64 would be one by 0.
      word = filled == 0 ? 0 : value >> <u64>(width - filled);
    }
  }
}

// PageHeader and in it DataPageHeader, in Thrift's compact protocol: each field a byte, the
// distance of its number from the one before and its type, and then its value.
const I32_FIELD: u8 = 0x15;
const STRUCT_FIELD: u8 = 0x1c;

function writeHeader(body: usize, bytes: i32, rows: i32): usize {
  const end = PAGE + HEADER_BYTES;
  let at = PAGE;
  at = writeField(at, 0);
  at = writeField(at, bytes);
  at = writeField(at, bytes);
  at = writeField(at, <i32>crc32(body, bytes));
  store<u8>(at++, STRUCT_FIELD);
  at = writeField(at, rows);
  at = writeField(at, DELTA_BINARY_PACKED);
  at = writeField(at, RLE);
  at = writeField(at, RLE);
  store<u8>(at++, 0);
  store<u8>(at++, 0);
  const length = at - PAGE;
  memory.copy(end - length, PAGE, length);
  return end - length;
}

function writeField(at: usize, value: i32): usize {
  store<u8>(at, I32_FIELD);
  return writeZigzag(at + 1, value);
}

function writeUnsigned(at: usize, value: u64): usize {
  for (; value >= 128; value >>= 7) store<u8>(at++, (value & 127) | 128);
  store<u8>(at++, value);
  return at;
}

function writeZigzag(at: usize, value: i64): usize {
  return writeUnsigned(at, <u64>((value << 1) ^ (value >> 63)));
}
