import type { ColumnType } from '../dist/index.js';

// What the fields of a CSV file mean, said as simply as it can be.

/** Dates are days and timestamps are microseconds since 1970-01-01. */
export type Value = bigint | number | boolean | string | null;

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);

const trim = (text: string) => text.replace(/^[ \t]+|[ \t]+$/g, '');

function longOf(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^[+-]/, '')) * (text.startsWith('-') ? -1n : 1n);
  return value < int64Min || value > int64Max ? undefined : value;
}

function doubleOf(text: string): number | undefined {
  if (longOf(text) !== undefined) return Number(text);
  if (/^[+-]?[0-9]+$/.test(text) || text.length > 400) return undefined;
  if (!/^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/.test(text)) return undefined;
  return Number.isFinite(Number(text)) ? Number(text) : undefined;
}

function booleanOf(text: string): boolean | undefined {
  return /^(true|false)$/i.test(text) ? text.toLowerCase() === 'true' : undefined;
}

/** Milliseconds of a day that there is. */
function dayOf(text: string): number | undefined {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text) return undefined;
  return ms;
}

function dateOf(text: string): bigint | undefined {
  const ms = dayOf(text);
  return ms === undefined ? undefined : BigInt(ms / 86_400_000);
}

const timestampPattern =
  /^(.{10})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?(?:Z|([+-])([0-9]{2}):?([0-9]{2}))?$/;

function timestampOf(text: string): bigint | undefined {
  const [, day = '', hour, minute, second = 0, fraction = '', sign, hours = 0, minutes = 0] =
    timestampPattern.exec(text) ?? [];
  const ms = dayOf(day);
  if (ms === undefined || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) {
    return undefined;
  }
  if (Number(hours) > 18 || Number(minutes) > 59) return undefined;
  const zone = (Number(hours) * 3600 + Number(minutes) * 60) * (sign === '-' ? -1 : 1);
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second) - zone;
  return BigInt(ms + seconds * 1000) * 1000n + BigInt(fraction.padEnd(6, '0'));
}

/** A text as a value of a type; undefined if it spells none. */
export function valueAs(type: ColumnType, text: string): Value | undefined {
  if (type === 'string') return text;
  const readers = {
    long: longOf,
    double: doubleOf,
    boolean: booleanOf,
    date: dateOf,
    timestamp: timestampOf,
  };
  return readers[type](trim(text));
}

const types = ['long', 'double', 'boolean', 'date', 'timestamp', 'string'] as const;

/** The first type that all texts of a column have; null without any. */
export function typeOf(texts: readonly (string | null)[]): ColumnType | null {
  const values = texts.filter((text) => text !== null);
  if (values.length === 0) return null;
  return types.find((type) => values.every((text) => valueAs(type, text) !== undefined)) ?? null;
}
