import { type Command, Option } from 'commander';
import { wholeNumber } from './option-values.js';

/** Which table a command is for. */
export interface TableOption {
  readonly table?: string;
}

/** Which files of a table are read, as of when. */
export interface ReadOptions extends TableOption {
  readonly format: 'csv' | 'parquet';
  readonly asOf?: number;
}

/** Adds `--table`. */
export function addTableOption(command: Command): Command {
  return command.option('--table <name>', 'the table (default: the one of the first version)');
}

/** Adds `--as-of`. */
export function addVersionOption(command: Command): Command {
  return command.option(
    '--as-of <version>',
    'the version of the table to look at, as describe prints it (default: the latest)',
    wholeNumber(0, Number.MAX_SAFE_INTEGER),
  );
}

/** Adds `--table`, `--format` and `--as-of`. */
export function addReadOptions(command: Command): Command {
  return addVersionOption(addTableOption(command)).addOption(
    new Option('--format <kind>', 'which files to read')
      .choices(['csv', 'parquet'])
      .default('parquet'),
  );
}
