// The header of a Parquet page: Thrift's compact protocol, parquet.thrift's PageHeader.

import { CORRUPT } from './faults';

export const DATA_PAGE: i32 = 0;
export const DICTIONARY_PAGE: i32 = 2;
export const DATA_PAGE_V2: i32 = 3;

export let pageType: i32 = 0;
export let uncompressedSize: i32 = 0;
export let compressedSize: i32 = 0;
export let hasChecksum: bool = false;
export let checksum: u32 = 0;
/** Values of the page, nulls included. */
export let valueCount: i32 = 0;
export let encoding: i32 = 0;
export let definitionEncoding: i32 = 0;
/** Of version 2 only. */
export let nullCount: i32 = 0;
export let definitionBytes: i32 = 0;
export let repetitionBytes: i32 = 0;
export let isCompressed: bool = true;

/** The header reaches past the bytes at hand. */
const INCOMPLETE: i32 = 0;

let at: usize = 0;
let end: usize = 0;
/** INCOMPLETE or CORRUPT once something is wrong; 1 until then. */
let state: i32 = 1;
/** The field that describes the values: 5, 7 or 8, by the type of page; 0 until it is there. */
let described: i32 = 0;

/** Types of a field, as in the compact protocol. */
const TRUE: i32 = 1;
const FALSE: i32 = 2;
const INT32: i32 = 5;
const STRUCT: i32 = 12;

/**
 * Reads the page header at `from`, in front of `to`.
 *
 * Returns its length; 0 if it reaches past `to`; CORRUPT.
 */
export function readPageHeader(from: usize, to: usize): i32 {
  at = from;
  end = to;
  state = 1;
  described = 0;
  pageType = -1;
  uncompressedSize = -1;
  compressedSize = -1;
  hasChecksum = false;
  valueCount = -1;
  encoding = -1;
  definitionEncoding = -1;
  nullCount = -1;
  definitionBytes = -1;
  repetitionBytes = -1;
  isCompressed = true;
  readPageFields();
  if (state < 1) return state;
  if (pageType < 0 || uncompressedSize < 0 || compressedSize < 0) return CORRUPT;
  // No checksum covers a header: a data page whose type was damaged must not pass as a dictionary.
  if (described != describedBy(pageType)) return CORRUPT;
  return <i32>(at - from);
}

function describedBy(type: i32): i32 {
  if (type == DATA_PAGE) return 5;
  if (type == DICTIONARY_PAGE) return 7;
  return type == DATA_PAGE_V2 ? 8 : 0;
}

function readPageFields(): void {
  let field = 0;
  while (state == 1) {
    const head = readByte();
    if (head == 0) return;
    field = nextField(field, head);
    const type = head & 15;
    if (field == 1) pageType = readInt(type);
    else if (field == 2) uncompressedSize = readInt(type);
    else if (field == 3) compressedSize = readInt(type);
    else if (field == 4) {
      checksum = <u32>readInt(type);
      hasChecksum = true;
    } else if (field == 5 || field == 7 || field == 8) readDataFields(field, type);
    else skip(type, 0);
  }
}

// DataPageHeader (5), DictionaryPageHeader (7) and DataPageHeaderV2 (8).
function readDataFields(kind: i32, structType: i32): void {
  if (structType != STRUCT || described != 0) state = CORRUPT;
  described = kind;
  let field = 0;
  while (state == 1) {
    const head = readByte();
    if (head == 0) return;
    field = nextField(field, head);
    const type = head & 15;
    if (field == 1) valueCount = readInt(type);
    else if (field == 2 && kind != 8) encoding = readInt(type);
    else if (field == 3 && kind == 5) definitionEncoding = readInt(type);
    else if (field == 2 && kind == 8) nullCount = readInt(type);
    else if (field == 4 && kind == 8) encoding = readInt(type);
    else if (field == 5 && kind == 8) definitionBytes = readInt(type);
    else if (field == 6 && kind == 8) repetitionBytes = readInt(type);
    else if (field == 7 && kind == 8) isCompressed = readBool(type);
    else skip(type, 0);
  }
}

function nextField(before: i32, head: i32): i32 {
  const delta = head >> 4;
  return delta != 0 ? before + delta : readZigzag();
}

function readByte(): i32 {
  if (at >= end) {
    if (state == 1) state = INCOMPLETE;
    return 0;
  }
  return <i32>load<u8>(at++);
}

function readVarint(): u64 {
  let value: u64 = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = readByte();
    if (state < 1) return 0;
    // The tenth byte has room for one more bit.
    if (shift == 63 && byte > 1) break;
    value |= (<u64>byte & 127) << shift;
    if (byte < 128) return value;
  }
  state = CORRUPT;
  return 0;
}

function readZigzag(): i32 {
  const raw = readVarint();
  if (raw > 0xffff_ffff) state = CORRUPT;
  return <i32>((raw >> 1) ^ (0 - (raw & 1)));
}

function readInt(type: i32): i32 {
  if (type != INT32) state = CORRUPT;
  return readZigzag();
}

function readBool(type: i32): bool {
  if (type != TRUE && type != FALSE) state = CORRUPT;
  return type == TRUE;
}

function advance(bytes: u64): void {
  if (bytes > <u64>(end - at)) state = INCOMPLETE;
  else at += <usize>bytes;
}

/** Nothing in a page header nests deeper. */
const DEPTH_MAX: i32 = 8;

function skip(type: i32, depth: i32): void {
  if (depth > DEPTH_MAX) state = CORRUPT;
  else if (type == 1 || type == 2) return;
  else if (type == 3) advance(1);
  else if (type >= 4 && type <= 6) readVarint();
  else if (type == 7) advance(8);
  else if (type == 8) advance(readVarint());
  else if (type == 9) skipList(depth);
  else if (type == 12) skipStruct(depth);
  else state = CORRUPT;
}

function skipStruct(depth: i32): void {
  while (state == 1) {
    const head = readByte();
    if (head == 0) return;
    if (head >> 4 == 0) readVarint();
    skip(head & 15, depth + 1);
  }
}

function skipList(depth: i32): void {
  const head = readByte();
  const size = head >> 4 == 15 ? readVarint() : <u64>(head >> 4);
  const type = head & 15;
  for (let i: u64 = 0; i < size && state == 1; i++) {
    if (type == 1 || type == 2) advance(1);
    else skip(type, depth + 1);
  }
}
