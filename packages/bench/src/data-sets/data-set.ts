/** The type of a column, as it is told to the peers; Tally finds types by itself. */
export interface ColumnType {
  readonly type: 'int64' | 'double' | 'string';
  /** Whether a peer may keep it as int32. */
  readonly fitsInt32?: boolean;
}
export type Schema = Readonly<Record<string, ColumnType>>;

/** CSV files on disk, and what some of their columns sum to. */
export interface DataSet {
  readonly name: string;
  readonly folder: string;
  readonly schema: Schema;
  /** One file for each chunk, in their order. */
  readonly csvFiles: readonly string[];
  readonly rows: number;
  /** The exact sums of the columns that are summed: over all files, and of each file. */
  readonly sums: Readonly<Record<string, bigint>>;
  readonly chunkSums: Readonly<Record<string, readonly bigint[]>>;
}

/** Both kinds of sums, from the sums of each file in the order of `columns`. */
export function sumsOf(
  columns: readonly string[],
  files: readonly (readonly bigint[])[],
): Pick<DataSet, 'sums' | 'chunkSums'> {
  const chunkSums = Object.fromEntries(
    columns.map((column, i) => [column, files.map((sums) => sums[i] ?? 0n)]),
  );
  const total = (sums: readonly bigint[]) => sums.reduce((sum, one) => sum + one, 0n);
  return {
    sums: Object.fromEntries(columns.map((column) => [column, total(chunkSums[column] ?? [])])),
    chunkSums,
  };
}

/** What a generated data set looks like. */
export interface Recipe {
  readonly name: string;
  /** What it is, in the results. */
  readonly title: string;
  readonly schema: Schema;
  readonly chunks: number;
  readonly rowsPerChunk: number;
  /** The columns that are summed: all of them from Parquet, the first from CSV. */
  readonly summed: readonly string[];
  /** The fields of a row as they stand in the file; `values` takes the integers of `summed`. */
  row(context: RowContext): string;
}

export interface RowContext {
  readonly chunk: number;
  readonly row: number;
  /** A whole number from 0 to n - 1; n is at most 2^53. */
  random(n: number): number;
  /** Adds a value of the summed column with that place in `summed`, and returns it. */
  add(summed: number, value: number): number;
}
