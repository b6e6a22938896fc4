import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PageFault } from '../dist/index.js';
import { sumFirstColumn, sumPages } from './column-file.js';
import { sumOf } from './independent-readers.js';
import { randomColumn } from './random-column.js';
import { type Layout, writeColumn } from './write-parquet.js';

const layouts: Layout[] = [];
for (const encoding of ['plain', 'delta', 'dictionary'] as const) {
  for (const version2 of [false, true]) {
    for (const snappy of [false, true]) {
      for (const int32 of [false, true]) {
        layouts.push({
          int32,
          encoding,
          version2,
          snappy,
          pageBytes: 4096,
          rowGroupRows: 100_000,
        });
      }
    }
  }
}

const titled = layouts.map((layout) => ({
  ...layout,
  title: [
    layout.int32 ? 'INT32' : 'INT64',
    layout.encoding,
    layout.version2 ? 'V2' : 'V1',
    layout.snappy ? 'snappy' : 'uncompressed',
  ].join(', '),
}));

describe('a column of any values sums exactly', () => {
  test.each(titled)('$title', (layout) => {
    fc.assert(
      fc.property(
        randomColumn(layout.int32 ? 32 : 64),
        fc.constantFrom(64, 700, 100_000),
        (values, rows) => {
          fc.pre(values.length > 0);
          const file = writeColumn(values, { ...layout, rowGroupRows: rows });
          expect(sumFirstColumn(file)).toEqual(sumOf(values));
        },
      ),
      { numRuns: 60 },
    );
  });
});

const int64Max = 2n ** 63n - 1n;

test.each(titled.filter(({ int32 }) => !int32))('a sum past 64 bits is exact: $title', (layout) => {
  for (const value of [int64Max, -int64Max - 1n]) {
    const values = Array.from({ length: 5000 }, () => value);
    expect(sumFirstColumn(writeColumn(values, layout)).total).toBe(5000n * value);
  }
});

test.each(titled)('deltas of every width, from one bit to all: $title', (layout) => {
  const bits = layout.int32 ? 32 : 64;
  for (let width = 1; width <= bits; width++) {
    const top = BigInt.asIntN(bits, 1n << BigInt(width - 1));
    const values = Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? top : BigInt(i % 2)));
    expect(sumFirstColumn(writeColumn(values, layout))).toEqual(sumOf(values));
  }
});

test.each(titled)('damaged pages are summed or refused, and end: $title', (layout) => {
  const values = Array.from({ length: 400 }, (_, i) => (i % 7 === 0 ? null : BigInt(i * i)));
  const file = writeColumn(values, layout);
  const damage = fc.array(
    fc.record({ at: fc.nat(file.length - 1), byte: fc.integer({ min: 0, max: 255 }) }),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(damage, (changes) => {
      const damaged = Uint8Array.from(file);
      for (const { at, byte } of changes) damaged[at] = byte;
      try {
        // The pages begin behind the magic number.
        sumPages(damaged.subarray(4), {
          type: layout.int32 ? 'INT32' : 'INT64',
          codec: layout.snappy ? 'SNAPPY' : 'UNCOMPRESSED',
          optional: true,
        });
      } catch (error) {
        if (!(error instanceof PageFault)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});
