// What bytes mean in a CSV file (RFC 4180, and what real files do).

export const COMMA: u32 = 0x2c;
export const QUOTE_MARK: u32 = 0x22;
export const LF: u32 = 0x0a;
export const CR: u32 = 0x0d;
const SPACE: u32 = 0x20;
const TAB: u32 = 0x09;

const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

export function isDelimiter(byte: u32): bool {
  return byte == COMMA || byte == LF || byte == CR;
}

export function isSpace(byte: u32): bool {
  return byte == SPACE || byte == TAB;
}

/** No delimiter is above this byte; digits, signs but the plus, and letters are. */
const LAST_BELOW: u64 = 0x2d2d_2d2d_2d2d_2d2d;

/**
 * A bit for each of eight bytes that are below `-`, where the delimiters are. The lowest is exact;
 * those above it may be wrong.
 */
export function lowBytes(word: u64): u64 {
  return (word - LAST_BELOW) & ~word & HIGH_BITS;
}

/** The delimiter behind the unquoted field at `from`; there must be one. */
export function unquotedEnd(from: usize): usize {
  let at = from - 1;
  do {
    at++;
    let low = lowBytes(load<u64>(at));
    for (; low == 0; low = lowBytes(load<u64>(at))) at += 8;
    at += <usize>ctz<u64>(low) >> 3;
  } while (!isDelimiter(load<u8>(at)));
  return at;
}

/** The quote that closes the field whose content begins at `from`; `end` if there is none. */
export function closingQuote(from: usize, end: usize): usize {
  for (let at = from; at < end; at++) {
    if (load<u8>(at) != QUOTE_MARK) continue;
    if (at + 1 < end && load<u8>(at, 1) == QUOTE_MARK) at++;
    else return at;
  }
  return end;
}

/** Whether `[from, to)` is valid UTF-8 (Unicode 16, table 3-7). */
export function isUtf8(from: usize, to: usize): bool {
  let at = from;
  while (at < to) {
    if (at + 8 <= to && (load<u64>(at) & HIGH_BITS) == 0) at += 8;
    else if (load<u8>(at) < 0x80) at++;
    else {
      const bytes = characterBytes(at, to);
      if (bytes == 0) return false;
      at += bytes;
    }
  }
  return true;
}

/** The length of the character beyond ASCII at `at`; 0 if it is none. */
function characterBytes(at: usize, to: usize): usize {
  const lead = <u32>load<u8>(at);
  const bytes: usize = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (lead < 0xc2 || lead > 0xf4 || at + bytes > to) return 0;
  const second = <u32>load<u8>(at, 1);
  // Overlong forms, surrogates and what lies past U+10FFFF show in the second byte.
  const least: u32 = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
  const most: u32 = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (let i: usize = 2; i < bytes; i++) if ((load<u8>(at + i) & 0xc0) != 0x80) return 0;
  return bytes;
}
