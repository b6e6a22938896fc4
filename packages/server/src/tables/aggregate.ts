import type { ColumnType, DoubleAggregate, LongAggregate } from '@tally/kernels';
import { nearestDouble } from './exact-ratio.js';

/** What one column of one file comes to, or of several files together. */
export interface FileAggregate {
  readonly rows: number;
  /** Values, nulls not counted. */
  readonly count: number;
  readonly nulls: number;
  /** How many of the values are integers or doubles. */
  readonly numbers: number;
  /** Of the integers, if there are any. */
  readonly longs?: LongAggregate | undefined;
  /** Of the doubles, if there are any. */
  readonly doubles?: DoubleAggregate | undefined;
}

/** What a column comes to; a bigint where all its values are integers. */
export interface ColumnAggregate {
  readonly count: number;
  readonly nulls: number;
  /** Undefined, as those that follow, without values, and with any that are no numbers. */
  readonly sum: bigint | number | undefined;
  readonly min: bigint | number | undefined;
  readonly max: bigint | number | undefined;
  readonly mean: number | undefined;
}

/** How the values of a column are taken that has this type in a chunk. */
export function valueKindOf(type: ColumnType | null): 'long' | 'double' | 'other' {
  return type === 'long' || type === 'double' ? type : 'other';
}

/** Of no file. */
export const noAggregate: FileAggregate = { rows: 0, count: 0, nulls: 0, numbers: 0 };

/** What files come to together: the same in any order, and however they are grouped. */
export function mergeFiles(a: FileAggregate, b: FileAggregate): FileAggregate {
  return {
    rows: a.rows + b.rows,
    count: a.count + b.count,
    nulls: a.nulls + b.nulls,
    numbers: a.numbers + b.numbers,
    longs: mergeLongs(a.longs, b.longs),
    doubles: mergeDoubles(a.doubles, b.doubles),
  };
}

/**
 * What a column comes to by what its files come to together. The sum and the mean are those of all
 * values exactly; of doubles, they are rounded once.
 *
 * A column with integers in some files and doubles in others is one of doubles.
 */
export function columnAggregate(files: FileAggregate): ColumnAggregate {
  const { count, nulls, numbers, longs } = files;
  if (numbers < count || count === 0) {
    return { count, nulls, sum: undefined, min: undefined, max: undefined, mean: undefined };
  }
  if (longs !== undefined && files.doubles === undefined) {
    return { count, nulls, ...longs, mean: nearestDouble(longs.sum, BigInt(count)) };
  }
  const doubles = mergeDoubles(files.doubles, longs && asDoubles(longs));
  if (doubles === undefined) throw new Error('there are numbers, but neither sum nor bounds');
  const { min, max } = doubles;
  return { count, nulls, sum: quotient(doubles, 1), min, max, mean: quotient(doubles, count) };
}

/** What two parts of a column of integers come to together. */
export function mergeLongs(
  a: LongAggregate | undefined,
  b: LongAggregate | undefined,
): LongAggregate | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const { min } = a.min < b.min ? a : b;
  const { max } = a.max > b.max ? a : b;
  return { sum: a.sum + b.sum, min, max };
}

function mergeDoubles(
  a: DoubleAggregate | undefined,
  b: DoubleAggregate | undefined,
): DoubleAggregate | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return {
    units: a.units + b.units,
    special: a.special + b.special,
    areNegativeZeros: a.areNegativeZeros && b.areNegativeZeros,
    // NaN if one is, and -0 below 0, as the kernel takes them.
    min: Math.min(a.min, b.min),
    max: Math.max(a.max, b.max),
  };
}

/** Units of an exact sum of doubles in 1. */
const unitBits = 1074n;

// Rounding keeps the order, so that the least integer becomes the least double.
function asDoubles({ sum, min, max }: LongAggregate): DoubleAggregate {
  return {
    units: sum << unitBits,
    special: 0,
    areNegativeZeros: false,
    min: Number(min),
    max: Number(max),
  };
}

function quotient({ units, special, areNegativeZeros }: DoubleAggregate, divisor: number): number {
  if (special !== 0) return special;
  if (areNegativeZeros) return -0;
  return nearestDouble(units, BigInt(divisor) << unitBits);
}
