import { type Command, InvalidArgumentError } from 'commander';
import { type ColumnType, columnTypes } from '../sdk/column-type.js';
import type { CsvOptions } from '../sdk/index.js';
import { wholeNumber } from './option-values.js';

/** How CSV files are written, as the user has said it. */
export interface CsvFlags {
  readonly delimiter?: string;
  readonly quote?: string;
  readonly header: boolean;
  readonly nullWord?: readonly string[];
  readonly type?: Readonly<Record<string, ColumnType>>;
  readonly gzip?: true;
  readonly skipBadRows?: true;
  readonly rejectedRowsMax?: number;
}

/** Adds the options of how CSV files are written. */
export function addCsvOptions(command: Command): Command {
  return command
    .option(
      '--delimiter <character>',
      'between two fields; tab for a tab (default: a comma)',
      delimiter,
    )
    .option('--quote <character>', 'around fields (default: a double quote)', oneCharacter)
    .option('--no-header', 'the first row has data: columns are called column_1, column_2, …')
    .option('--null-word <word>', 'an unquoted field that is a null; repeatable', collect)
    .option(
      '--type <column=type>',
      `the type of a column that is not to be inferred (${columnTypes.join(', ')}); repeatable`,
      collectType,
    )
    .option('--gzip', 'the files are gzip files, also those whose names do not end in .gz')
    .option('--skip-bad-rows', 'leave bad rows out and report them, instead of refusing the file')
    .option(
      '--rejected-rows-max <n>',
      'how many of those to report (1 to 10,000; default: 100)',
      wholeNumber(1, 10_000),
    );
}

/** What the server is told of a file; undefined if nothing was said, so that it is kept as it is. */
export function csvOptionsOf(flags: CsvFlags, isGzip: boolean): CsvOptions | undefined {
  const { delimiter, quote, header, nullWord, type, gzip, skipBadRows, rejectedRowsMax } = flags;
  const options: CsvOptions = {
    ...(delimiter !== undefined && { delimiter }),
    ...(quote !== undefined && { quote }),
    ...(!header && { header }),
    ...(nullWord !== undefined && { nullWords: nullWord }),
    ...(type !== undefined && { types: type }),
    ...((gzip || isGzip) && { compression: 'gzip' as const }),
    ...(skipBadRows && { badRows: 'skip' as const }),
    ...(rejectedRowsMax !== undefined && { rejectedRowsMax }),
  };
  return Object.keys(options).length === 0 ? undefined : options;
}

const delimiter = (text: string) => (text === 'tab' || text === '\\t' ? '\t' : oneCharacter(text));

function oneCharacter(text: string): string {
  if (text.length === 1) return text;
  throw new InvalidArgumentError('It must be one character of ASCII.');
}

const collect = (word: string, words: readonly string[] = []) => [...words, word];

function collectType(text: string, types: Readonly<Record<string, ColumnType>> = {}) {
  // A column's name may have an equals sign in it, a type has none.
  const at = text.lastIndexOf('=');
  const type = columnTypes.find((name) => name === text.slice(at + 1));
  if (at < 1 || type === undefined) {
    throw new InvalidArgumentError(
      `It must be column=type, such as zip=string; types are ${columnTypes.join(', ')}.`,
    );
  }
  return { ...types, [text.slice(0, at)]: type };
}
