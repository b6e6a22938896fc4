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
