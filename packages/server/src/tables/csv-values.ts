/** The type of a column within one chunk, by its Delta Lake name where that has one. */
export type ColumnType = 'long' | 'double' | 'boolean' | 'date' | 'timestamp' | 'string';

/** Sets of types, as bits: which types could still be a column's. */
export const typeBits = { long: 1, double: 2, boolean: 4, date: 8, timestamp: 16 } as const;
/** Every type but text, which any value can be. */
export const allTypeBits = 31;

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

/**
 * The trimmed text of a short field; undefined if it is too long to be anything but text, or an
 * integer with many leading zeros.
 */
function shortText(bytes: Uint8Array, start: number, end: number): string | undefined {
  while (start < end && isSpace(bytes[start])) start++;
  while (end > start && isSpace(bytes[end - 1])) end--;
  // No double that anybody writes, date or timestamp is longer.
  return end - start > 400 ? undefined : asText(bytes, start, end);
}

const doublePattern = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;
const integerPattern = /^[+-]?[0-9]+$/;

function doubleOf(text: string): number | undefined {
  // An integer past int64 is text, not a double that has lost its last digits.
  if (!doublePattern.test(text) || integerPattern.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function booleanOf(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  return lower === 'true' ? true : lower === 'false' ? false : undefined;
}

const datePattern = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/;
const timestampPattern =
  /^([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?(Z|[+-][0-9]{2}:?[0-9]{2})?$/;

const dayMs = 86_400_000;

/** Days since 1970-01-01, proleptic Gregorian. */
function dateOf(text: string): number | undefined {
  const parts = datePattern.exec(text);
  if (parts === null) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  // Date.parse takes 2021-02-30 on some engines; a real day comes back as itself.
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text) return undefined;
  return ms / dayMs;
}

/** Microseconds since 1970-01-01 UTC; a timestamp without a zone is UTC. */
function timestampOf(text: string): bigint | undefined {
  const parts = timestampPattern.exec(text);
  if (parts === null) return undefined;
  const [, date = '', hour = '', minute = '', second = '0', fraction = '', zone = 'Z'] = parts;
  const days = dateOf(date);
  if (days === undefined) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined;
  const seconds = days * 86_400 + Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  const offset = zoneSeconds(zone);
  if (offset === undefined) return undefined;
  return BigInt(seconds - offset) * 1_000_000n + BigInt(fraction.padEnd(6, '0'));
}

function zoneSeconds(zone: string): number | undefined {
  if (zone === 'Z') return 0;
  const hours = Number(zone.slice(1, 3));
  const minutes = Number(zone.slice(-2));
  if (hours > 18 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60);
}

/** The types, as bits, that the non-null value `bytes[start..end)` can be read as. */
export function typesOf(bytes: Uint8Array, start: number, end: number): number {
  if (parseInteger(bytes, start, end) !== undefined) return typeBits.long | typeBits.double;
  const text = shortText(bytes, start, end);
  if (text === undefined) return 0;
  if (doubleOf(text) !== undefined) return typeBits.double;
  if (booleanOf(text) !== undefined) return typeBits.boolean;
  if (dateOf(text) !== undefined) return typeBits.date;
  return timestampOf(text) !== undefined ? typeBits.timestamp : 0;
}

/** A value of a column of type `double`; the value must be one. */
export function readDouble(bytes: Uint8Array, start: number, end: number): number {
  return Number(shortText(bytes, start, end) ?? parseInteger(bytes, start, end));
}

/** A value of a column of type `boolean`; the value must be one. */
export function readBoolean(bytes: Uint8Array, start: number, end: number): boolean {
  return booleanOf(shortText(bytes, start, end) ?? '') === true;
}

/** A value of a column of type `date`, in days since 1970-01-01; the value must be one. */
export function readDate(bytes: Uint8Array, start: number, end: number): number {
  return dateOf(shortText(bytes, start, end) ?? '') ?? 0;
}

/** A value of a column of type `timestamp`, in microseconds; the value must be one. */
export function readTimestamp(bytes: Uint8Array, start: number, end: number): bigint {
  return timestampOf(shortText(bytes, start, end) ?? '') ?? 0n;
}
