import type { Command } from 'commander';
import { callFailure } from '../call-failure.js';
import { withConnection } from '../connection.js';
import { exitCodes } from '../exit-codes.js';
import { addRepeatOptions, type RepeatOptions, repetitionOf } from '../repeat-options.js';
import { repeatedCall } from '../repeated-call.js';
import { addServerOptions, type ServerOptions } from '../server-options.js';

interface SumOptions extends ServerOptions, RepeatOptions {}

type Format = 'csv' | 'parquet';

/** Adds `tally csvsum` and `tally parquetsum`: the same sum, read from either kind of file. */
export function addColumnSums(program: Command): void {
  addColumnSum(program, 'csvsum', 'csv', 'CSV');
  addColumnSum(program, 'parquetsum', 'parquet', 'Parquet');
}

function addColumnSum(program: Command, name: string, format: Format, files: string): void {
  const command = program
    .command(name)
    .summary(`sum a column, read from the ${files} files`)
    .description(
      `Sums a column over every uploaded chunk, read from the ${files} files. Prints how long the ` +
        'call took, in milliseconds, and on the next line the sum, or why there is none.',
    )
    .argument('<column>', "the column's name, exactly as in the header");
  addRepeatOptions(addServerOptions(command))
    .addHelpText('after', `\nExample:\n  tally ${name} amount --port 54321`)
    .action((column: string, options: SumOptions) => printSum(column, format, options));
}

async function printSum(column: string, format: Format, options: SumOptions): Promise<void> {
  await withConnection(options, async ({ table, address }) => {
    const startMs = performance.now();
    const reply = await repeatedCall(repetitionOf(options), (call) =>
      table.colSum({ column, format }, call),
    ).catch((error: unknown) => {
      throw callFailure(error, address);
    });
    console.log(`${(performance.now() - startMs).toFixed(1)} ms`);
    console.log(reply.error === '' ? String(reply.total) : reply.error);
    if (reply.error !== '') process.exitCode = exitCodes.serviceError;
  });
}
