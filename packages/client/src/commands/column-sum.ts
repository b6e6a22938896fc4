import type { Command } from 'commander';
import { type ConnectionOptions, withTally } from '../connection.js';
import { exitCodes } from '../exit-codes.js';
import { addCallOptions } from '../options/repeat-options.js';
import type { ColSumAnswer, FileKind } from '../sdk/index.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';

interface SumOptions extends ConnectionOptions, JsonOption {
  readonly verify?: true;
}

/** Adds `tally csvsum` and `tally parquetsum`: the same sum, read from either kind of file. */
export function addColumnSums(program: Command): void {
  addColumnSum(program, 'csvsum', 'csv', 'CSV');
  addColumnSum(program, 'parquetsum', 'parquet', 'Parquet');
}

function addColumnSum(program: Command, name: string, format: FileKind, files: string): void {
  const command = program
    .command(name)
    .summary(`sum a column of the default table, read from the ${files} files`)
    .description(
      `Sums a column over every chunk of the default table, read from the ${files} files. Prints how ` +
        'long the call took, in milliseconds, and on the next line the sum, or why there is none.',
    )
    .argument('<column>', "the column's name, exactly as in the header")
    .option(
      '--verify',
      'read each file whole and compare its checksum first; prints how many were compared as well',
    );
  addCallOptions(addJsonOption(command))
    .addHelpText('after', `\nExample:\n  tally ${name} amount --port 54321`)
    .action((column: string, options: SumOptions) => printSum(column, format, options));
}

async function printSum(column: string, format: FileKind, options: SumOptions): Promise<void> {
  await withTally(options, async ({ frozen }) => {
    const startMs = performance.now();
    const verifyChecksums = options.verify === true;
    const answer = await frozen.colSum({ column, format }, { verifyChecksums });
    const ms = performance.now() - startMs;
    if (options.json) console.log(toJson(jsonOf(column, format, ms, answer)));
    else printLines(answer, ms, verifyChecksums);
    if (answer.error !== '') process.exitCode = exitCodes.serviceError;
  });
}

function printLines(answer: ColSumAnswer, ms: number, isVerified: boolean): void {
  console.log(`${ms.toFixed(1)} ms`);
  console.log(answer.error === '' ? String(answer.total) : answer.error);
  if (isVerified && answer.error === '') console.log(checkedFiles(answer));
}

/** How many files were compared with their checksums, and how many have none. */
function checkedFiles({ filesRead, filesChecked }: ColSumAnswer): string {
  const unknown = filesRead - filesChecked;
  const line = `checksums of ${filesChecked} files hold`;
  return unknown === 0 ? line : `${line}; ${unknown} files have none`;
}

function jsonOf(column: string, format: FileKind, ms: number, answer: ColSumAnswer) {
  const { total, error, filesRead, filesChecked } = answer;
  const result = error === '' ? { sum: total, filesRead, filesChecked } : { error };
  return { column, format, ms, ...result };
}
