const space = 0x20;
const tab = 0x09;
const plus = 0x2b;
const minus = 0x2d;
const zero = 0x30;
const nine = 0x39;

const int64Max = 9_223_372_036_854_775_807n;

const isSpace = (byte: number | undefined) => byte === space || byte === tab;
const isDigit = (byte: number | undefined) => byte !== undefined && byte >= zero && byte <= nine;

/**
 * Parses the integer that `bytes[start..end)` spells: `[+-]?[0-9]+`, spaces or tabs around it.
 *
 * Returns a number where it is exact (15 digits or fewer), a bigint beyond, and undefined for
 * text that is no integer or one past int64. Leading zeros are allowed: `00501` is 501.
 */
export function parseInteger(
  bytes: Uint8Array,
  start: number,
  end: number,
): number | bigint | undefined {
  while (start < end && isSpace(bytes[start])) start++;
  while (end > start && isSpace(bytes[end - 1])) end--;
  const negative = bytes[start] === minus;
  if (start < end && (negative || bytes[start] === plus)) start++;
  if (start === end) return undefined;
  while (start < end - 1 && bytes[start] === zero) start++;
  if (end - start > 15) return parseLongInteger(bytes, start, end, negative);
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = (bytes[i] as number) - zero;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return negative && value !== 0 ? -value : value;
}

function parseLongInteger(
  bytes: Uint8Array,
  start: number,
  end: number,
  negative: boolean,
): bigint | undefined {
  for (let i = start; i < end; i++) if (!isDigit(bytes[i])) return undefined;
  if (end - start > 19) return undefined;
  const magnitude = BigInt(asText(bytes, start, end));
  if (magnitude > int64Max + (negative ? 1n : 0n)) return undefined;
  return negative ? -magnitude : magnitude;
}

/** Latin-1 text of bytes that are known to be ASCII. */
function asText(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}
