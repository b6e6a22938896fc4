import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  aggregateDoubles,
  type ColumnChunkKind,
  columnChunkAggregator,
  csvAggregator,
  doubleAggregate,
  type LongAggregate,
  type ValueKind,
} from '../dist/index.js';
import { aggregateFirstColumn, feed, kernels } from './column-file.js';
import {
  DELTA_BINARY_PACKED,
  deltas,
  hybrid,
  PLAIN,
  page,
  plain,
  RLE_DICTIONARY,
} from './page-bytes.js';
import { randomColumn } from './random-column.js';
import { type Layout, writeColumn } from './write-parquet.js';

/** What integers come to, said as simply as it can be. */
function expected(values: readonly (bigint | null)[]): LongAggregate | undefined {
  const sorted = values
    .filter((value) => value !== null)
    .toSorted((a, b) => Number(a > b) - Number(a < b));
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) return undefined;
  return { sum: sorted.reduce((a, b) => a + b), min, max };
}

const layouts: (Layout & { title: string })[] = [];
for (const encoding of ['plain', 'delta', 'dictionary'] as const) {
  for (const int32 of [false, true]) {
    for (const version2 of [false, true]) {
      const layout = { int32, encoding, version2, snappy: version2 };
      const title = `${int32 ? 'INT32' : 'INT64'}, ${encoding}, ${version2 ? 'V2' : 'V1'}`;
      layouts.push({ ...layout, title, pageBytes: 700, rowGroupRows: 100_000 });
    }
  }
}

describe('the least and the greatest of a column of any values', () => {
  test.each(layouts)('$title', (layout) => {
    fc.assert(
      fc.property(
        randomColumn(layout.int32 ? 32 : 64),
        fc.constantFrom(64, 700, 100_000),
        (values, rowGroupRows) => {
          fc.pre(values.length > 0);
          const chunks = aggregateFirstColumn(writeColumn(values, { ...layout, rowGroupRows }));
          for (const [i, { longs, rows, nonNull }] of chunks.entries()) {
            const part = values.slice(i * rowGroupRows, (i + 1) * rowGroupRows);
            expect(longs).toEqual(expected(part));
            expect(rows).toBe(part.length);
            expect(nonNull).toBe(part.filter((value) => value !== null).length);
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

const int64: ColumnChunkKind = { type: 'INT64', codec: 'UNCOMPRESSED', optional: false };

function aggregatePages(pages: readonly (readonly number[])[], kind = int64) {
  const aggregator = columnChunkAggregator(kernels, kind);
  feed(Uint8Array.from(pages.flat()), aggregator.addPages);
  return aggregator.result().longs;
}

const data = (count: number, encoding: number, body: readonly number[]) =>
  page({ type: 'data', count, encoding, body });

// Miniblocks whose values only rise or fall, lie within what is known, wrap around, or need a look
// at each, packed by widths that are taken four at a time, one by one, and over nine bytes.
describe('deltas of each width', () => {
  const widths = Array.from({ length: 65 }, (_, width) => width);
  test.each(widths)('%i bits', (width) => {
    const steps = fc.bigInt({ min: 0n, max: (1n << BigInt(width)) - 1n });
    const shift = fc.constantFrom(0n, -1n, -2n, -3n, 5n, -(1n << 22n), 1n << 28n, -(1n << 40n));
    const least = fc.oneof(
      shift,
      fc.constantFrom(1n, 2n, 3n).map((n) => -(((1n << BigInt(width)) * n) / 3n)),
    );
    fc.assert(
      fc.property(
        fc.array(steps, { minLength: 1, maxLength: 300 }),
        least,
        fc.constantFrom(0n, 1n << 45n, -(1n << 62n), (1n << 63n) - 1n),
        fc.constantFrom(8, 24, 32, 64, 128),
        fc.constantFrom(32 as const, 64 as const),
        (differences, shift, first, blockValues, bits) => {
          const values = [BigInt.asIntN(bits, first)];
          for (const difference of differences) {
            values.push(BigInt.asIntN(bits, (values.at(-1) ?? 0n) + difference + shift));
          }
          const body = deltas(values, { bits, blockValues, miniblocks: 1 });
          const kind = { ...int64, type: bits === 32 ? 'INT32' : 'INT64' } as const;
          const pages = [data(values.length, DELTA_BINARY_PACKED, body)];
          expect(aggregatePages(pages, kind)).toEqual(expected(values));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('the widest steps up and down that are packed', () => {
    const top = (1n << 22n) - 1n;
    for (const pattern of [
      [top, 0n],
      [0n, top],
      [top, top, top, 0n],
    ]) {
      for (const least of [-1n, -(top >> 1n), 1n - top]) {
        const values = [0n];
        for (let i = 0; i < 640; i++) {
          // Runs of one direction are as long as a part of a miniblock.
          const step = pattern[(i >> 5) % pattern.length] ?? 0n;
          values.push((values.at(-1) ?? 0n) + step + least);
        }
        for (const blockValues of [64, 256]) {
          const body = deltas(values, { bits: 64, blockValues, miniblocks: 1 });
          const pages = [data(values.length, DELTA_BINARY_PACKED, body)];
          expect(aggregatePages(pages)).toEqual(expected(values));
        }
      }
    }
  });
});

test('entries of a dictionary that no value has do not count, nor do runs of no values', () => {
  const dictionary = page({
    type: 'dictionary',
    count: 4,
    encoding: PLAIN,
    body: plain([-9n, 1n, 2n, 99n], 64),
  });
  const indices = [
    2,
    ...hybrid(
      [
        { repeat: 0n, times: 0 },
        { repeat: 1n, times: 5 },
      ],
      2,
    ),
  ];
  expect(aggregatePages([dictionary, data(5, RLE_DICTIONARY, indices)])).toEqual({
    sum: 5n,
    min: 1n,
    max: 1n,
  });
});

/** What a column of a CSV text comes to, handed over in pieces; undefined if it is refused. */
function aggregateCsv(
  text: string,
  column: number,
  columns: number,
  kind: ValueKind,
  pieceBytes?: number,
) {
  const aggregator = csvAggregator(kernels, column, columns, kind);
  let isRefused = false;
  feed(
    Buffer.from(text),
    (length, isLast) => {
      const used = isRefused ? length : aggregator.add(length, isLast);
      isRefused ||= used === undefined;
      return used ?? length;
    },
    pieceBytes,
  );
  return isRefused ? undefined : aggregator.result();
}

const long = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -1000n, max: 1000n }),
);
const spaces = fc.constantFrom('', ' ', '\t ');
const writtenLong = fc
  .tuple(long, spaces, spaces, fc.boolean(), fc.constantFrom('', '0', '0000000000000000000000'))
  .map(([value, before, after, isQuoted, zeros]) => {
    const digits = `${value < 0n ? '-' : ''}${zeros}${value < 0n ? -value : value}`;
    const text = `${before}${digits}${after}`;
    return { value, text: isQuoted ? `"${text}"` : text };
  });
const cell = fc.oneof(
  { weight: 5, arbitrary: writtenLong },
  { weight: 3, arbitrary: long.map((value) => ({ value, text: String(value) })) },
  { weight: 1, arbitrary: fc.constant({ value: null, text: '' }) },
);

describe('a column of integers of a CSV file, wherever the pieces end', () => {
  test.each([1, 2, 4])('of %i columns', (columns) => {
    const other = fc.constantFrom('', 'x', '1', '"a,""b"', '"l\nm"', 'é');
    const others: fc.Arbitrary<string[]> = fc.array(other, {
      minLength: columns - 1,
      maxLength: columns - 1,
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, others), { maxLength: 60 }),
        fc.nat(columns - 1),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.integer({ min: 90, max: 400 }),
        (rows, column, newline, pieceBytes) => {
          const header = Array.from({ length: columns }, (_, i) => `c${i}`).join();
          const lines = rows.map(([{ text }, others]) => others.toSpliced(column, 0, text).join());
          const csv = [header, ...lines, ''].join(newline);
          const values = rows.map(([{ value }]) => value);
          const nonNull = values.filter((value) => value !== null).length;
          expect(aggregateCsv(csv, column, columns, 'long', pieceBytes)).toEqual({
            rows: rows.length,
            nonNull,
            longs: expected(values),
            doubles: undefined,
          });
          const counts = { rows: rows.length, nonNull, longs: undefined, doubles: undefined };
          expect(aggregateCsv(csv, column, columns, 'other', pieceBytes)).toEqual(counts);
        },
      ),
      { numRuns: 300 },
    );
  });
});

test.each([
  ['a header alone', 'x', 0, 0],
  ['a header and its line end', 'x\n', 0, 0],
  ['blank lines are rows of one column', 'x\n\n1\n\n', 3, 1],
  ['the last line without an end', 'x\n1\n2', 2, 2],
  ['blank lines in front of the header', '\n\r\n\nx\n1', 1, 1],
])('rows and values: %s', (_, csv, rows, nonNull) => {
  for (const kind of ['long', 'double', 'other'] as const) {
    expect(aggregateCsv(csv, 0, 1, kind)).toMatchObject({ rows, nonNull });
  }
});

test('blank lines are no rows of several columns, and quoted empty text is a value', () => {
  expect(aggregateCsv('x,y\n\n"",1\n\n,2\n', 0, 2, 'other')).toMatchObject({
    rows: 2,
    nonNull: 1,
  });
  expect(aggregateCsv('x,y\n"",1\n', 0, 2, 'long')).toBeUndefined();
  expect(aggregateCsv('x,y\n"",1\n', 0, 2, 'double')).toBeUndefined();
});

test.each(['NaN', 'nan', 'inf', 'Infinity', '-Infinity', '1e400', '0x10', '9223372036854775808'])(
  'no double: %s',
  (text) => {
    expect(aggregateCsv(`x,y\n${text},1\n`, 0, 2, 'double')).toBeUndefined();
    expect(aggregateCsv(`x,y\n${text},1\n`, 0, 2, 'other')).toMatchObject({ nonNull: 1 });
  },
);

/** A finite double in units of 2^-1074, by its text in base 2 alone. */
function unitsOf(value: number): bigint {
  let scaled = Math.abs(value);
  let exponent = 0;
  // Halving and doubling are exact above the subnormals.
  for (; scaled >= 2 ** 53; scaled /= 2) exponent++;
  for (; !Number.isInteger(scaled); scaled *= 2) exponent--;
  const units = BigInt(scaled) << BigInt(exponent + 1074);
  return value < 0 ? -units : units;
}

function aggregateOf(values: readonly number[]) {
  const aggregator = aggregateDoubles(kernels);
  new Float64Array(kernels.input.buffer, kernels.input.byteOffset, values.length).set(values);
  aggregator.add(values.length);
  return doubleAggregate(kernels);
}

const anyDouble = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, 1e308, -1e308, Number.MAX_VALUE, Number.MIN_VALUE, -Number.MIN_VALUE),
  fc.double({ min: -1e-307, max: 1e-307, noNaN: true }),
);

test('doubles add up exactly, whatever they are', () => {
  fc.assert(
    fc.property(fc.array(anyDouble, { minLength: 1, maxLength: 100 }), (values) => {
      const aggregate = aggregateOf(values);
      expect(aggregate.units).toBe(values.reduce((sum, value) => sum + unitsOf(value), 0n));
      expect(aggregate).toMatchObject({
        special: 0,
        areNegativeZeros: values.every((value) => Object.is(value, -0)),
        min: Math.min(...values),
        max: Math.max(...values),
      });
      const csv = `x,y\n${values.map((value) => `${Object.is(value, -0) ? '-0.0' : value.toExponential()},1`).join('\n')}\n`;
      expect(aggregateCsv(csv, 0, 2, 'double')?.doubles).toEqual(aggregate);
    }),
    { numRuns: 1000 },
  );
});

test.each([
  { values: [1, Number.NaN, 2], special: Number.NaN, min: Number.NaN, max: Number.NaN },
  { values: [1, Infinity], special: Infinity, min: 1, max: Infinity },
  { values: [-Infinity, 5, -Infinity], special: -Infinity, min: -Infinity, max: 5 },
  { values: [Infinity, -Infinity], special: Number.NaN, min: -Infinity, max: Infinity },
  { values: [-0, 0], special: 0, min: -0, max: 0 },
])('of $values', ({ values, ...rest }) => {
  expect(aggregateOf(values)).toMatchObject(rest);
  expect(aggregateOf(values.toReversed())).toMatchObject(rest);
});

test('random bytes are aggregated or refused, and end', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 1, max: 3 }), (bytes, n) => {
      for (const kind of ['long', 'double', 'other'] as const) {
        aggregateCsv(Buffer.from(bytes).toString('latin1'), 0, n, kind);
      }
    }),
    { numRuns: 3000 },
  );
});
