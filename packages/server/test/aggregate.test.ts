import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  columnAggregate,
  type FileAggregate,
  mergeFiles,
  noAggregate,
} from '../src/tables/aggregate.js';
import { nearestDouble } from '../src/tables/exact-ratio.js';

/** A finite double as a fraction, by its bits. */
function fractionOf(value: number): readonly [bigint, bigint] {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const raw = bits.getBigUint64(0);
  const exponent = (raw >> 52n) & 2047n;
  const fraction = raw & ((1n << 52n) - 1n);
  const significand = exponent === 0n ? fraction : fraction | (1n << 52n);
  const signed = raw >> 63n ? -significand : significand;
  return [signed << (exponent === 0n ? 0n : exponent - 1n), 1n << 1074n];
}

/** The double that is above a finite one. */
function above(value: number): number {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  bits.setBigUint64(0, bits.getBigUint64(0) + 1n);
  return bits.getFloat64(0);
}

const positive = fc.oneof(
  fc.double({ min: 0, max: Number.MAX_VALUE, noNaN: true }),
  fc.constantFrom(0, Number.MIN_VALUE, 2 ** -1022, 2 ** -1022 - 2 ** -1074, 1, 2 ** 53),
);

describe('the double nearest to a quotient', () => {
  test('is the double itself, where it is one', () => {
    fc.assert(
      fc.property(positive, fc.bigInt({ min: 1n, max: 1n << 70n }), (value, factor) => {
        const [numerator, denominator] = fractionOf(value);
        expect(nearestDouble(numerator * factor, denominator * factor)).toBe(value);
        expect(nearestDouble(-numerator * factor, denominator * factor)).toBe(
          value === 0 ? 0 : -value,
        );
      }),
    );
  });

  test('is the nearer neighbour between two doubles, and the even one halfway', () => {
    fc.assert(
      fc.property(positive, (low) => {
        fc.pre(low < Number.MAX_VALUE);
        const high = above(low);
        const [a, denominator] = fractionOf(low);
        const [b] = fractionOf(high);
        const isLowEven = (a / (b - a)) % 2n === 0n;
        expect(nearestDouble(a + b, 2n * denominator)).toBe(isLowEven ? low : high);
        expect(nearestDouble((a + b) * 1000n - 1n, 2000n * denominator)).toBe(low);
        expect(nearestDouble((a + b) * 1000n + 1n, 2000n * denominator)).toBe(high);
      }),
    );
  });

  test.each([
    [1n, 3n, 1 / 3],
    [-2n, 3n, -2 / 3],
    [10n ** 400n, 1n, Infinity],
    [-(10n ** 400n), 1n, -Infinity],
    [(1n << 1024n) - (1n << 970n) - 1n, 1n, Number.MAX_VALUE],
    [(1n << 1024n) - (1n << 970n), 1n, Infinity],
    [1n, 1n << 1075n, 0],
    [3n, 1n << 1075n, 2 ** -1073],
    [1n, 10n ** 400n, 0],
    [9_007_199_254_740_993n, 1n, 9_007_199_254_740_992],
  ])('%# ', (numerator, denominator, quotient) => {
    expect(nearestDouble(numerator, denominator)).toBe(quotient);
  });
});

const ofLongs = (values: readonly bigint[], nulls = 0): FileAggregate => {
  const [first] = values;
  const counts = {
    rows: values.length + nulls,
    count: values.length,
    nulls,
    numbers: values.length,
  };
  if (first === undefined) return counts;
  const sorted = values.toSorted((a, b) => Number(a > b) - Number(a < b));
  const [min = first, max = first] = [sorted[0], sorted.at(-1)];
  return { ...counts, longs: { sum: values.reduce((a, b) => a + b, 0n), min, max } };
};

const ofDoubles = (values: readonly number[], nulls = 0): FileAggregate => {
  const finite = values.filter(Number.isFinite);
  const special = values.filter((value) => !Number.isFinite(value));
  const doubles = {
    units: finite.reduce((sum, value) => sum + fractionOf(value)[0], 0n),
    special: special.reduce((a, b) => a + b, 0),
    areNegativeZeros: values.every((value) => Object.is(value, -0)),
    min: Math.min(...values),
    max: Math.max(...values),
  };
  const counts = {
    rows: values.length + nulls,
    count: values.length,
    nulls,
    numbers: values.length,
  };
  return values.length === 0 ? counts : { ...counts, doubles };
};

const of = (...files: readonly FileAggregate[]) =>
  columnAggregate(files.reduce(mergeFiles, noAggregate));

const nothing = { sum: undefined, min: undefined, max: undefined, mean: undefined };

test('without values there are counts only', () => {
  expect(of()).toEqual({ count: 0, nulls: 0, ...nothing });
  expect(of(ofLongs([], 3), ofDoubles([], 2))).toEqual({ count: 0, nulls: 5, ...nothing });
});

test('with values that are no numbers in any file there are counts only', () => {
  const texts = { rows: 3, count: 2, nulls: 1, numbers: 0 };
  expect(of(ofLongs([1n, 2n]), texts)).toEqual({ count: 4, nulls: 1, ...nothing });
});

test('integers have a sum past int64, and a mean that is rounded once', () => {
  const most = 2n ** 63n - 1n;
  expect(of(ofLongs([most, most], 1), ofLongs([most]))).toEqual({
    count: 3,
    nulls: 1,
    sum: 3n * most,
    min: most,
    max: most,
    mean: 2 ** 63,
  });
  // The sum rounded to a double first would give 3002399751580330.5.
  expect(of(ofLongs([9_007_199_254_740_993n, 0n, 0n])).mean).toBe(3_002_399_751_580_331);
});

test.each([
  ['cancellation of the largest', [1e308, 1e308, 1, -1e308, -1e308], 1, 0.2],
  ['a sum past all doubles, whose mean is one', [1e308, 1e308], Infinity, 1e308],
  ['subnormals', [5e-324, 5e-324, -1e-323], 0, 0],
  ['half a subnormal, to even', [5e-324, 0], 5e-324, 0],
  ['-0 alone', [-0, -0], -0, -0],
  ['-0 with others', [-0, 0], 0, 0],
  ['what cancels', [1, -1], 0, 0],
  ['NaN', [1, Number.NaN], Number.NaN, Number.NaN],
  ['both infinities', [Infinity, -Infinity], Number.NaN, Number.NaN],
  ['an infinity', [-Infinity, 1e308], -Infinity, -Infinity],
  ['tenths', Array.from({ length: 10 }, () => 0.1), 1, 0.1],
] as const)('doubles: %s', (_, values, sum, mean) => {
  expect(of(ofDoubles(values))).toMatchObject({ sum, mean });
  expect(of(...values.map((value) => ofDoubles([value])))).toEqual(of(ofDoubles(values)));
});

test('integers in one file and doubles in another are doubles', () => {
  expect(of(ofLongs([2n ** 53n + 1n, -3n]), ofDoubles([0.5], 1))).toEqual({
    count: 3,
    nulls: 1,
    sum: 2 ** 53 - 2,
    min: -3,
    max: 2 ** 53,
    mean: nearestDouble(2n ** 54n - 3n, 6n),
  });
});

test('files come to the same in any order, however they are grouped', () => {
  const double = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(1e308, -1e308, 5e-324, -0),
  );
  const file = fc.oneof(
    fc.tuple(fc.array(double), fc.nat(3)).map(([values, nulls]) => ofDoubles(values, nulls)),
    fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })).map((v) => ofLongs(v)),
  );
  const files = fc.array(file, { maxLength: 8 });
  fc.assert(
    fc.property(files, fc.nat(8), (files, at) => {
      const together = of(...files);
      expect(of(...files.toReversed())).toEqual(together);
      const [head, tail] = [files.slice(0, at), files.slice(at)];
      const merge = (part: FileAggregate[]) => part.reduce(mergeFiles, noAggregate);
      expect(columnAggregate(mergeFiles(merge(tail), merge(head)))).toEqual(together);
    }),
  );
});
