import { DuckDBInstance } from '@duckdb/node-api';
import type { CsvFile } from './data.js';

/** Sums columns with DuckDB, from the original CSV files. */
export interface IndependentReader {
  /** The exact sum of a column over the files that have it. */
  sum(files: readonly CsvFile[], column: string): Promise<bigint>;
  close(): void;
}

/** Opens DuckDB in memory. */
export async function openIndependentReader(): Promise<IndependentReader> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();

  async function sumFile(file: CsvFile, column: string): Promise<bigint> {
    const source = `read_csv(${quoted(file.path, "'")}, header = true, all_varchar = true)`;
    const header = await connection.runAndReadAll(`SELECT * FROM ${source} LIMIT 0`);
    if (!header.columnNames().includes(column)) return 0n;
    const value = quoted(column, '"');
    const reader = await connection.runAndReadAll(
      `SELECT coalesce(sum(CAST(${value} AS HUGEINT)), 0)::VARCHAR FROM ${source}`,
    );
    return BigInt(String(reader.value(0, 0)));
  }

  return {
    async sum(files, column) {
      let total = 0n;
      for (const file of files) total += await sumFile(file, column);
      return total;
    },
    close: () => connection.closeSync(),
  };
}

const quoted = (text: string, quote: string) =>
  `${quote}${text.replaceAll(quote, quote + quote)}${quote}`;
