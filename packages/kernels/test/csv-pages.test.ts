import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { columnsOf, convert, rowsWithin } from './read-rows.js';

const rows = rowsWithin({
  fieldBytesMax: 1024,
  rowBytesMax: 4096,
  rowGroupRowsMax: 200_000,
  rowGroupBytesMax: 4 * 1024 * 1024,
});

type Nullable = bigint | null;

/** Writes integers as pages and reads them: with hyparquet, and their sum with the other kernel. */
function throughPages(values: readonly Nullable[]) {
  const csv = Buffer.from(`v\n${values.map((value) => `${value ?? ''}\n`).join('')}`);
  const groups = convert(rows, csv, ['long'], [csv.length]);
  if (typeof groups === 'string') throw new Error(groups);
  return columnsOf(groups, 1)[0];
}

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);

/** Which rows are null. */
const patterns: readonly { readonly name: string; readonly isNull: (row: number) => boolean }[] = [
  { name: 'no nulls', isNull: () => false },
  { name: 'every third null', isNull: (row) => row % 3 === 0 },
  { name: 'all but every hundredth null', isNull: (row) => row % 100 !== 99 },
  { name: 'nulls in long runs', isNull: (row) => (row >> 9) % 2 === 0 },
];

describe.each(patterns)('$name', ({ isNull }) => {
  const withNulls = (values: readonly bigint[]) =>
    values.map((value, row) => (isNull(row) ? null : value));

  test('deltas of every width, from none to 64 bits', () => {
    for (let width = 0n; width <= 64n; width++) {
      const top = width === 0n ? 0n : BigInt.asIntN(64, 1n << (width - 1n));
      const noise = (row: number) => BigInt.asUintN(Number(width), BigInt(row) * 0x9e3779b97f4a7n);
      const values = Array.from({ length: 1500 }, (_, row) =>
        row % 7 === 0 ? top : BigInt.asIntN(64, noise(row)),
      );
      expect(throughPages(withNulls(values))).toEqual(withNulls(values));
    }
  });

  test.each([
    1, 2, 7, 8, 9, 63, 64, 65, 66, 128, 129, 255, 256, 257, 258, 513, 32_767, 32_768, 32_769,
    33_025, 65_537,
  ])('%d rows', (count) => {
    const values = Array.from({ length: count }, (_, row) => BigInt(row * row) - 1000n);
    expect(throughPages(withNulls(values))).toEqual(withNulls(values));
    const noDeltas = values.map(() => -5n);
    expect(throughPages(withNulls(noDeltas))).toEqual(withNulls(noDeltas));
  });
});

// A page begins behind 32,768 rows; a block behind the first value and 256 more, a miniblock is 64.
test.each([64, 65, 256, 257, 258, 32_768])('%d values that are not null', (present) => {
  for (const count of [present + 1, present * 2, 32_769, 65_537].filter((n) => n > present)) {
    const first = count - present;
    const values = Array.from({ length: count }, (_, row) => (row < first ? null : BigInt(row)));
    expect(throughPages(values)).toEqual(values);
    expect(throughPages(values.toReversed())).toEqual(values.toReversed());
  }
});

test('values as far apart as can be, in the largest page', () => {
  const edges = [int64Max, int64Min, 0n, int64Min, -1n, int64Max, int64Max, 1n];
  const values = Array.from({ length: 32_768 }, (_, row) => edges[(row * row) % 8] ?? 0n);
  expect(throughPages(values)).toEqual(values);
  const alternating = values.map((_, row) => (row % 2 === 0 ? int64Min : int64Max));
  expect(throughPages(alternating)).toEqual(alternating);
});

test('columns of any values with nulls in any pattern', () => {
  const integer = fc
    .integer({ min: 1, max: 64 })
    .chain((bits) =>
      fc.bigInt({ min: -(1n << BigInt(bits - 1)), max: (1n << BigInt(bits - 1)) - 1n }),
    );
  const run = fc
    .tuple(integer, integer, fc.integer({ min: 1, max: 400 }))
    .map(([first, step, length]) =>
      Array.from({ length }, (_, i) => BigInt.asIntN(64, first + step * BigInt(i))),
    );
  const nulls = fc
    .integer({ min: 1, max: 400 })
    .map((length): Nullable[] => Array.from({ length }, () => null));
  const mixed = fc.array(fc.option(integer), { maxLength: 400 });
  const column = fc
    .array(fc.oneof<fc.Arbitrary<Nullable[]>[]>(run, nulls, mixed), { minLength: 1, maxLength: 5 })
    .map((parts) => parts.flat());
  fc.assert(
    fc.property(column, (values) => {
      fc.pre(values.length > 0);
      expect(throughPages(values)).toEqual(values);
    }),
    { numRuns: 500 },
  );
});

test('dates are pages of 32 bits', () => {
  const days = [-719_528, 2_932_896, 0, -1, 19_782, 2_932_896, -719_528];
  const values = Array.from({ length: 3000 }, (_, row) =>
    row % 11 === 0 ? null : BigInt(days[(row * row) % 7] ?? 0),
  );
  const lines = values.map((day) =>
    day === null ? '' : new Date(Number(day) * 86_400_000).toISOString().slice(0, 10),
  );
  const csv = Buffer.from(`d\n${lines.join('\n')}\n`);
  const groups = convert(rows, csv, ['date'], [csv.length]);
  if (typeof groups === 'string') throw new Error(groups);
  expect(columnsOf(groups, 1)).toEqual([values]);
});
