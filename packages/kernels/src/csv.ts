import {
  type DoubleAggregate,
  doubleAggregate,
  type LongAggregate,
  longAggregate,
} from './aggregates.js';
import { exactSum, type Kernels } from './kernels.js';

/** Sums one column of a CSV file, from its beginning on, without the byte order mark. */
export interface CsvSummer {
  /**
   * Adds the values among the first `length` bytes of the input; returns how many bytes were
   * used. What is left belongs in front of the bytes that follow; `isLast` says that none do.
   *
   * Undefined: the file has a fault, or a value of the column is no integer within int64. The
   * kernel does not say where: that is for a reader that counts lines.
   */
  add(length: number, isLast: boolean): number | undefined;
  /** The exact sum so far. */
  total(): bigint;
}

/** Begins a file of `columns` columns of which `column`, from 0, is summed. */
export function csvSummer(kernels: Kernels, column: number, columns: number): CsvSummer {
  const { exports } = kernels;
  exports.beginCsvSum(column, columns);
  return {
    add(length, isLast) {
      const used = exports.sumCsv(length, Number(isLast));
      return used < 0 ? undefined : used;
    },
    total: () => exactSum(kernels),
  };
}

/** What is taken of the values of a CSV column: of others than numbers, how many they are. */
export type ValueKind = 'long' | 'double' | 'other';

/** What a column of a CSV file comes to so far; without a value, neither of the last two. */
export interface CsvAggregate {
  readonly rows: number;
  readonly nonNull: number;
  readonly longs: LongAggregate | undefined;
  readonly doubles: DoubleAggregate | undefined;
}

/** Counts, sums and bounds one column of a CSV file. */
export interface CsvAggregator {
  /** As of a CsvSummer; undefined also for a value that is no double where they are wanted. */
  add(length: number, isLast: boolean): number | undefined;
  result(): CsvAggregate;
}

/** Begins a file of `columns` columns of which `column`, from 0, holds values of a kind. */
export function csvAggregator(
  kernels: Kernels,
  column: number,
  columns: number,
  kind: ValueKind,
): CsvAggregator {
  const { exports } = kernels;
  const take = {
    long: exports.aggregateCsvLongs,
    double: exports.aggregateCsvDoubles,
    other: exports.countCsv,
  }[kind];
  exports.beginCsvSum(column, columns);
  if (kind === 'double') exports.resetDoubles();
  return {
    add(length, isLast) {
      const used = take(length, Number(isLast));
      return used < 0 ? undefined : used;
    },
    result() {
      const nonNull = Number(exports.csvValueCount());
      const has = (wanted: ValueKind) => kind === wanted && nonNull > 0;
      return {
        rows: Number(exports.csvRowCount()),
        nonNull,
        longs: has('long') ? longAggregate(kernels) : undefined,
        doubles: has('double') ? doubleAggregate(kernels) : undefined,
      };
    },
  };
}
