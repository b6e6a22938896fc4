import { BadRows, Compression, type CsvOptions as WireOptions } from '@tally/stubs';
import { type ColumnType, wireTypeOf } from './column-type.js';

/**
 * How a CSV file is written, and what is to be done with rows that are not as they should be.
 *
 * With any of these the server keeps a file with the same values in its own form, not the one that was
 * sent.
 */
export interface CsvOptions {
  /** One character of ASCII between two fields; default: a comma. */
  readonly delimiter?: string | undefined;
  /** One character of ASCII around fields; default: a double quote. */
  readonly quote?: string | undefined;
  /** Whether the first row has the columns' names; default true. Without: column_1, column_2 and so on. */
  readonly header?: boolean | undefined;
  /** Unquoted fields that are nulls, beside the empty one; at most 100. */
  readonly nullWords?: readonly string[] | undefined;
  /** `gzip`: what is sent is a gzip file. */
  readonly compression?: 'gzip' | undefined;
  /** The types of columns that are not to be inferred, by name. */
  readonly types?: Readonly<Record<string, ColumnType>> | undefined;
  /** Whether a bad row refuses the file (the default), or is left out and reported. */
  readonly badRows?: 'refuse' | 'skip' | undefined;
  /** How many of the rows that are left out to report, 1 to 10,000; default 100. */
  readonly rejectedRowsMax?: number | undefined;
}

/** The options as they go over the wire. */
export function wireOptions(options: CsvOptions): WireOptions {
  const { delimiter = '', quote = '', header = true, nullWords = [], types = {} } = options;
  const { compression, badRows, rejectedRowsMax = 0 } = options;
  return {
    delimiter,
    quote,
    noHeader: !header,
    nullWords: [...nullWords],
    compression:
      compression === 'gzip' ? Compression.COMPRESSION_GZIP : Compression.COMPRESSION_UNSPECIFIED,
    types: new Map(Object.entries(types).map(([column, type]) => [column, wireTypeOf(type)])),
    badRows: badRows === 'skip' ? BadRows.BAD_ROWS_SKIP : BadRows.BAD_ROWS_UNSPECIFIED,
    rejectedRowsMax,
  };
}
