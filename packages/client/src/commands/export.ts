import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { type ConnectionOptions, withTally } from '../connection.js';
import { CommandError, exitCodes } from '../exit-codes.js';
import { filePath } from '../options/option-values.js';
import { addCallOptions } from '../options/repeat-options.js';
import { addTableOption, addVersionOption, type TableOption } from '../options/table-options.js';
import type { Tally } from '../sdk/index.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';
import { megabytesPerSecond, progressBar } from '../terminal/progress-bar.js';
import { megabytes } from '../terminal/text.js';

interface ExportOptions extends ConnectionOptions, TableOption, JsonOption {
  readonly column?: readonly string[];
  readonly asOf?: number;
  /** Absolute path; without it, standard output. */
  readonly out?: string;
}

/** Adds `tally export`: a table as an Arrow IPC stream. */
export function addExport(program: Command): void {
  const command = program
    .command('export')
    .summary('write columns of a table as an Arrow IPC stream')
    .description(
      'Writes columns of a table as an Arrow IPC stream, which pandas, polars, DuckDB and the libraries ' +
        'of Arrow read. A file is there whole or not at all.',
    )
    .option('--column <name>', 'a column; repeatable (default: all columns)', collect)
    .option('--out <file>', 'where to write it; - for standard output (default: -)', (text) =>
      text === '-' ? undefined : filePath(text),
    );
  addCallOptions(addJsonOption(addVersionOption(addTableOption(command)), 'its size as JSON'))
    .addHelpText(
      'after',
      '\nExample:\n  tally export --table sales --column amount --out sales.arrow',
    )
    .action((options: ExportOptions) => {
      if (options.out === undefined && (process.stdout.isTTY || options.json)) {
        throw new CommandError(
          'Say where to write with --out, or send standard output on and leave --json out.',
          exitCodes.wrongUsage,
        );
      }
      return withTally(options, (tally) => exportTable(tally, options));
    });
}

const collect = (name: string, names: readonly string[] = []) => {
  if (name === '') throw new InvalidArgumentError('It must be the name of a column.');
  return [...names, name];
};

async function exportTable(tally: Tally, options: ExportOptions): Promise<void> {
  const { out, json } = options;
  if (out === undefined) {
    await write(tally, options, process.stdout);
    return;
  }
  // Under its name only when it is whole.
  const part = `${out}.part`;
  try {
    const bytes = await write(tally, options, createWriteStream(part));
    await rename(part, out);
    console.log(json ? toJson({ file: out, bytes }) : `Wrote ${megabytes(bytes)} MB to ${out}.`);
  } catch (error) {
    await rm(part, { force: true });
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    throw new CommandError(`Cannot write ${out}: ${error.message}.`, exitCodes.wrongUsage, {
      cause: error,
    });
  }
}

/** Writes the stream; resolves to its size. */
async function write(
  { tables }: Tally,
  { table, column: columns, asOf }: ExportOptions,
  to: Writable,
): Promise<number> {
  const bar = progressBar();
  const rate = megabytesPerSecond();
  let bytes = 0;
  async function* counted() {
    for await (const piece of tables.export({ table, columns, version: asOf })) {
      yield piece;
      bytes += piece.length;
      bar.update(bytes, undefined, `${megabytes(bytes)} MB | ${rate(bytes)}`);
    }
  }
  try {
    await pipeline(counted, to);
  } finally {
    bar.stop();
  }
  return bytes;
}
