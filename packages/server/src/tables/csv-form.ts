import { createHash } from 'node:crypto';
import type { ColumnType } from '@tally/kernels';
import { BadRows, Compression, type CsvOptions, type ColumnType as TypeOnWire } from '@tally/stubs';
import { badRequest } from '../rpc/rich-errors.js';
import { columnTypes } from './column-types.js';
import type { ChunkLimits } from './csv-faults.js';
import type { CsvMarks } from './csv-reader.js';
import { quoted } from './existing-table.js';

/** How a CSV file is written that is not in Tally's own form, and what to do with its bad rows. */
export interface CsvForm {
  readonly marks: CsvMarks;
  readonly hasHeader: boolean;
  /** Unquoted fields that are nulls. */
  readonly nullWords: readonly string[];
  readonly isGzip: boolean;
  /** The types that were declared, by the names of their columns, in the order of these. */
  readonly types: readonly (readonly [name: string, type: ColumnType])[];
  /** Whether bad rows are left out; else the file is refused. */
  readonly skipsBadRows: boolean;
  /** How many of them are reported. */
  readonly rejectedRowsMax: number;
}

const nullWordsMax = 100;
const nullWordBytesMax = 1024;
const rejectedRowsMost = 10_000;
const rejectedRowsDefault = 100;

/**
 * What a client's options say; undefined if they change nothing, as when there are none: then the
 * file is in Tally's own form. Throws INVALID_ARGUMENT.
 */
export function csvFormOf(
  options: CsvOptions | undefined,
  limits: ChunkLimits,
): CsvForm | undefined {
  if (options === undefined) return undefined;
  const { delimiter, quote, noHeader, nullWords, compression, badRows } = options;
  const marks = {
    delimiter: markOf('delimiter', delimiter, ','),
    quote: markOf('quote', quote, '"'),
  };
  if (marks.delimiter === marks.quote) {
    const both = JSON.stringify(String.fromCharCode(marks.quote));
    throw invalid('delimiter', `the delimiter and the quote are both ${both}: they must differ`);
  }
  checkNullWords(nullWords);
  const form: CsvForm = {
    marks,
    hasHeader: !noHeader,
    nullWords: nullWords.filter((word) => word !== ''),
    isGzip: isSecond('compression', compression, Compression.COMPRESSION_GZIP),
    types: typesOf(options, limits),
    skipsBadRows: isSecond('bad_rows', badRows, BadRows.BAD_ROWS_SKIP),
    rejectedRowsMax: rejectedRowsMaxOf(options),
  };
  // Fewer rows to report are no reason to write the file anew.
  const isTallys = digestOfForm({ ...form, rejectedRowsMax: rejectedRowsDefault }) === tallyDigest;
  return isTallys ? undefined : form;
}

/** Tells options that are not the same: an idempotency key is for one file with one of them. */
export const digestOfForm = (form: CsvForm) =>
  createHash('sha256').update(JSON.stringify(form)).digest('base64');

const tallyDigest = digestOfForm({
  marks: { delimiter: 0x2c, quote: 0x22 },
  hasHeader: true,
  nullWords: [],
  isGzip: false,
  types: [],
  skipsBadRows: false,
  rejectedRowsMax: rejectedRowsDefault,
});

const invalid = (field: string, sentence: string) =>
  badRequest(`csv_options.${field}`, sentence, 'CSV_OPTIONS_INVALID');

function markOf(field: string, given: string, fallback: string): number {
  const mark = given === '' ? fallback : given;
  if (/^[\0-\x7f]$/.test(mark) && !/[a-z0-9\r\n]/i.test(mark)) return mark.charCodeAt(0);
  throw invalid(
    field,
    `the ${field} ${quoted(mark)} is not allowed: it must be one character of ASCII, and no ` +
      'letter, digit, CR or LF',
  );
}

function checkNullWords(words: readonly string[]): void {
  if (words.length > nullWordsMax) {
    throw invalid(
      'null_words',
      `there are ${words.length} null words: at most ${nullWordsMax} are allowed`,
    );
  }
  const long = words.find((word) => Buffer.byteLength(word) > nullWordBytesMax);
  if (long === undefined) return;
  throw invalid(
    'null_words',
    `the null word ${quoted(long)} is longer than ${nullWordBytesMax} bytes: no longer one is allowed`,
  );
}

/** Whether an enum has its second value, and not its first. */
function isSecond(field: string, value: number, second: number): boolean {
  if (value === 0 || value === second) return value === second;
  throw invalid(field, `${field} is ${value}: 0 and ${second} are allowed`);
}

const typesByWire = new Map<TypeOnWire, ColumnType>(
  Object.entries(columnTypes).map(([type, onWire]) => [onWire, type as ColumnType]),
);

function typesOf({ types }: CsvOptions, limits: ChunkLimits): CsvForm['types'] {
  const declared = [...types];
  const { chunkColumnsMax, columnNameBytesMax } = limits;
  if (declared.length > chunkColumnsMax) {
    throw invalid(
      'types',
      `types are declared of ${declared.length} columns: a file has at most ${chunkColumnsMax} ` +
        '(--chunk-columns-max)',
    );
  }
  return declared
    .map(([name, onWire]) => {
      if (Buffer.byteLength(name) > columnNameBytesMax) {
        throw invalid(
          'types',
          `a type is declared of the column ${quoted(name)}: a name has at most ` +
            `${columnNameBytesMax} bytes (--column-name-bytes-max)`,
        );
      }
      const type = typesByWire.get(onWire);
      if (type !== undefined) return [name, type] as const;
      throw invalid(
        'types',
        `the type ${onWire} is declared of the column ${quoted(name)}: 1 to ${typesByWire.size} ` +
          'are allowed',
      );
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

function rejectedRowsMaxOf({ rejectedRowsMax }: CsvOptions): number {
  if (rejectedRowsMax >= 0 && rejectedRowsMax <= rejectedRowsMost) {
    return rejectedRowsMax === 0 ? rejectedRowsDefault : rejectedRowsMax;
  }
  throw invalid(
    'rejected_rows_max',
    `rejected_rows_max is ${rejectedRowsMax}: 1 to ${rejectedRowsMost} are allowed, and 0 for ` +
      `${rejectedRowsDefault}`,
  );
}
