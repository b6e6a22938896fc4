import type { Command } from 'commander';
import { type CallOptions, Metadata } from 'nice-grpc';
import { callFailure } from '../call-failure.js';
import { withConnection } from '../connection.js';
import { exitCodes } from '../exit-codes.js';
import { addRepeatOptions, type RepeatOptions, repetitionOf } from '../repeat-options.js';
import { repeatedCall } from '../repeated-call.js';
import { addServerOptions, type ServerOptions } from '../server-options.js';

interface SumOptions extends ServerOptions, RepeatOptions {
  readonly verify?: true;
}

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
    .argument('<column>', "the column's name, exactly as in the header")
    .option(
      '--verify',
      'read each file whole and compare its checksum first; prints how many were compared as well',
    );
  addRepeatOptions(addServerOptions(command))
    .addHelpText('after', `\nExample:\n  tally ${name} amount --port 54321`)
    .action((column: string, options: SumOptions) => printSum(column, format, options));
}

async function printSum(column: string, format: Format, options: SumOptions): Promise<void> {
  await withConnection(options, async ({ table, address }) => {
    const startMs = performance.now();
    let trailer = Metadata();
    const metadata = Metadata(options.verify && { 'tally-verify-checksums': 'true' });
    const sumOnce = (call: CallOptions) =>
      table.colSum(
        { column, format },
        {
          ...call,
          metadata,
          onTrailer(received) {
            trailer = received;
            call.onTrailer?.(received);
          },
        },
      );
    const reply = await repeatedCall(repetitionOf(options), sumOnce).catch((error: unknown) => {
      throw callFailure(error, address);
    });
    console.log(`${(performance.now() - startMs).toFixed(1)} ms`);
    console.log(reply.error === '' ? String(reply.total) : reply.error);
    if (options.verify && reply.error === '') console.log(checkedFiles(trailer));
    if (reply.error !== '') process.exitCode = exitCodes.serviceError;
  });
}

/** How many files were compared with their checksums, and how many have none. */
function checkedFiles(trailer: Metadata): string {
  const checked = Number(trailer.get('tally-files-checked') ?? 0);
  const read = Number(trailer.get('tally-files-read') ?? 0);
  const unknown = read - checked;
  const line = `checksums of ${checked} files hold`;
  return unknown === 0 ? line : `${line}; ${unknown} files have none`;
}
