// A column chunk, page by page, from its raw bytes to the sum of its values, and their bounds.

import { areBoundsKnown, noteBounds, resetBounds } from './bounds';
import { crc32 } from './crc32';
import { sumDelta } from './delta';
import { CHECKSUM, CORRUPT, UNSUPPORTED } from './faults';
import { countOnes, sumDictionary } from './hybrid';
import { INPUT, INPUT_BYTES } from './input';
import * as header from './page-header';
import { decompressSnappy } from './snappy';
import { add, addHalves, resetSum } from './sum';
import { Longs, SumOnly, wantsLongs } from './wanted';

/** Values are loaded eight bytes at a time: that many bytes behind a page may be read. */
const PADDING: i32 = 16;

/** A page, decompressed. */
const PAGE_BYTES: i32 = 2560 * 1024;
const PAGE: usize = memory.data(PAGE_BYTES + PADDING, 16);

/** A page header; what goes on beyond that is none. */
const HEADER_BYTES: usize = 64 * 1024;

/** The values of a dictionary, as 64-bit integers. */
const DICTIONARY_ENTRIES: i32 = 256 * 1024;
const DICTIONARY: usize = memory.data(DICTIONARY_ENTRIES * 8, 16);

const PLAIN: i32 = 0;
const PLAIN_DICTIONARY: i32 = 2;
const RLE: i32 = 3;
const DELTA_BINARY_PACKED: i32 = 5;
const RLE_DICTIONARY: i32 = 8;

let is32: bool = false;
let isSnappy: bool = false;
let isOptional: bool = false;
let hasBounds: bool = false;
let dictionaryEntries: i32 = -1;
let dictionaryLeast: i64 = 0;
let dictionaryGreatest: i64 = 0;
let rows: i64 = 0;
let values: i64 = 0;

/** Values of the pages so far, nulls included. */
export function rowCount(): i64 {
  return rows;
}

/** Values of the pages so far that are not null. */
export function nonNullCount(): i64 {
  return values;
}

/**
 * Starts a column chunk: INT32 or INT64, snappy or uncompressed, optional or required; `bounds`
 * says that the least and the greatest value are wanted too.
 */
export function beginColumnChunk(int32: bool, snappy: bool, optional: bool, bounds: bool): void {
  is32 = int32;
  isSnappy = snappy;
  isOptional = optional;
  hasBounds = bounds;
  dictionaryEntries = -1;
  rows = 0;
  values = 0;
  resetSum();
  resetBounds();
}

/**
 * Adds up the whole pages among the first `length` bytes of the input.
 *
 * Returns how many bytes they take; what is left is to be put in front, and more behind it.
 * Negative: a fault; then the sum is of no use.
 */
export function addPages(length: i32): i32 {
  if (length < 0 || length > INPUT_BYTES) return CORRUPT;
  const end = INPUT + length;
  let at = INPUT;
  while (at < end) {
    const headerBytes = header.readPageHeader(at, min(end, at + HEADER_BYTES));
    if (headerBytes < 0) return headerBytes;
    if (headerBytes == 0) {
      if (end - at >= HEADER_BYTES) return CORRUPT;
      break;
    }
    const body = at + headerBytes;
    if (<u32>header.compressedSize > <u32>(end - body)) {
      if (header.compressedSize > INPUT_BYTES - headerBytes) return UNSUPPORTED;
      break;
    }
    if (header.hasChecksum && crc32(body, header.compressedSize) != header.checksum) {
      return CHECKSUM;
    }
    const fault = addPage(body);
    if (fault != 0) return fault;
    at = body + header.compressedSize;
  }
  return <i32>(at - INPUT);
}

function addPage(body: usize): i32 {
  if (header.pageType == header.DATA_PAGE) return addDataPage(body);
  if (header.pageType == header.DATA_PAGE_V2) return addDataPageV2(body);
  if (header.pageType == header.DICTIONARY_PAGE) return readDictionary(body);
  return UNSUPPORTED;
}

/** Where a part of a page is once it is decompressed; 0 if it is corrupt. */
function decompressed(from: usize, length: i32, size: i32): usize {
  // Some writers compress nothing to nothing.
  if (!isSnappy || length == 0) return length == size ? from : 0;
  return decompressSnappy(from, length, PAGE, size) ? PAGE : 0;
}

function readDictionary(body: usize): i32 {
  if (dictionaryEntries >= 0) return CORRUPT;
  if (header.encoding != PLAIN && header.encoding != PLAIN_DICTIONARY) return UNSUPPORTED;
  const entries = header.valueCount;
  if (entries < 0) return CORRUPT;
  if (entries > DICTIONARY_ENTRIES || header.uncompressedSize > PAGE_BYTES) return UNSUPPORTED;
  const from = decompressed(body, header.compressedSize, header.uncompressedSize);
  const width = is32 ? 4 : 8;
  if (from == 0 || entries * width > header.uncompressedSize) return CORRUPT;
  for (let i = 0; i < entries; i++) {
    const value = is32 ? <i64>load<i32>(from + i * 4) : load<i64>(from + i * 8);
    store<i64>(DICTIONARY + ((<usize>i) << 3), value);
  }
  dictionaryEntries = entries;
  if (hasBounds) findDictionaryBounds();
  return 0;
}

function findDictionaryBounds(): void {
  dictionaryLeast = i64.MAX_VALUE;
  dictionaryGreatest = i64.MIN_VALUE;
  for (let i = 0; i < dictionaryEntries; i++) {
    const value = load<i64>(DICTIONARY + ((<usize>i) << 3));
    dictionaryLeast = min(dictionaryLeast, value);
    dictionaryGreatest = max(dictionaryGreatest, value);
  }
}

// Version 1: levels and values are compressed together; the levels' length comes first.
function addDataPage(body: usize): i32 {
  const count = header.valueCount;
  if (count < 0) return CORRUPT;
  if (header.uncompressedSize > PAGE_BYTES) return UNSUPPORTED;
  let at = decompressed(body, header.compressedSize, header.uncompressedSize);
  if (at == 0) return CORRUPT;
  const end = at + header.uncompressedSize;
  let nonNull = count;
  if (isOptional) {
    if (header.definitionEncoding != RLE) return UNSUPPORTED;
    if (end - at < 4) return CORRUPT;
    const bytes = load<u32>(at);
    at += 4;
    if (bytes > <u32>(end - at)) return CORRUPT;
    nonNull = countOnes(at, at + bytes, count);
    if (nonNull < 0) return CORRUPT;
    at += bytes;
  }
  return addValues(at, end, count, nonNull);
}

// Version 2: the levels are in front, not compressed, their lengths in the header.
function addDataPageV2(body: usize): i32 {
  const count = header.valueCount;
  const levels = header.definitionBytes;
  const nulls = header.nullCount;
  if (count < 0 || nulls < 0 || levels < 0 || header.repetitionBytes < 0) return CORRUPT;
  if (header.repetitionBytes != 0) return UNSUPPORTED;
  if (levels > header.compressedSize || levels > header.uncompressedSize) return CORRUPT;
  if (header.uncompressedSize > PAGE_BYTES) return UNSUPPORTED;
  let nonNull = count;
  if (isOptional) {
    nonNull = countOnes(body, body + levels, count);
    if (nonNull < 0 || nonNull != count - nulls) return CORRUPT;
  } else if (levels != 0 || nulls != 0) return CORRUPT;
  const packed = header.compressedSize - levels;
  const size = header.uncompressedSize - levels;
  let at = body + levels;
  if (header.isCompressed) at = decompressed(at, packed, size);
  else if (packed != size) return CORRUPT;
  if (at == 0) return CORRUPT;
  return addValues(at, at + size, count, nonNull);
}

function addValues(at: usize, end: usize, count: i32, nonNull: i32): i32 {
  rows += count;
  values += nonNull;
  // Once a page, so that the sum alone pays nothing for it.
  return hasBounds ? addEncoded<Longs>(at, end, nonNull) : addEncoded<SumOnly>(at, end, nonNull);
}

function addEncoded<T>(at: usize, end: usize, nonNull: i32): i32 {
  const encoding = header.encoding;
  if (encoding == PLAIN) return addPlain<T>(at, end, nonNull);
  if (encoding == DELTA_BINARY_PACKED) {
    return nonNull == 0 ? 0 : sumDelta<T>(at, end, nonNull, is32);
  }
  if (encoding != RLE_DICTIONARY && encoding != PLAIN_DICTIONARY) return UNSUPPORTED;
  if (nonNull == 0) return 0;
  if (dictionaryEntries < 0 || at >= end) return CORRUPT;
  const width = <i32>load<u8>(at);
  if (width > 32) return CORRUPT;
  const entries = dictionaryEntries;
  // Most often the pages so far have had the ends of the dictionary.
  if (wantsLongs<T>() && areBoundsKnown(dictionaryLeast, dictionaryGreatest)) {
    return sumDictionary<SumOnly>(at + 1, end, width, nonNull, DICTIONARY, entries);
  }
  return sumDictionary<T>(at + 1, end, width, nonNull, DICTIONARY, entries);
}

function addPlain<T>(at: usize, end: usize, count: i32): i32 {
  if (<u64>count * (is32 ? 4 : 8) > <u64>(end - at)) return CORRUPT;
  if (is32) addPlain32<T>(at, count);
  else addPlain64<T>(at, count);
  return 0;
}

function addPlain32<T>(at: usize, count: i32): void {
  let sum: i64 = 0;
  let low = i64.MAX_VALUE;
  let high = i64.MIN_VALUE;
  for (let i = 0; i < count; i++) {
    const value = <i64>load<i32>(at + ((<usize>i) << 2));
    sum += value;
    if (wantsLongs<T>()) {
      low = min(low, value);
      high = max(high, value);
    }
  }
  add(sum);
  if (wantsLongs<T>()) noteBounds(low, high);
}

function addPlain64<T>(at: usize, count: i32): void {
  let lows: u64 = 0;
  let highs: i64 = 0;
  let low = i64.MAX_VALUE;
  let high = i64.MIN_VALUE;
  for (let i = 0; i < count; i++) {
    const value = load<i64>(at + ((<usize>i) << 3));
    lows += <u64>value & 0xffff_ffff;
    highs += value >> 32;
    if (wantsLongs<T>()) {
      low = min(low, value);
      high = max(high, value);
    }
  }
  addHalves(lows, highs);
  if (wantsLongs<T>()) noteBounds(low, high);
}

/** Takes in the `count` integers of 64 bits in the input, which another reader has decoded. */
export function addLongs(count: i32): void {
  rows += count;
  values += count;
  addPlain64<Longs>(INPUT, count);
}
