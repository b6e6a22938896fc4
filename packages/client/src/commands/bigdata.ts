import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { type BigdataShape, bigdataChunk, bigdataSums } from '../bigdata-chunk.js';
import { callFailure } from '../call-failure.js';
import { type Connection, withConnection } from '../connection.js';
import { CommandError, exitCodes } from '../exit-codes.js';
import { wholeNumber } from '../option-values.js';
import { addRepeatOptions, type RepeatOptions, uploadDeadlineMs } from '../repeat-options.js';
import { repeatedCall } from '../repeated-call.js';
import { addServerOptions, type ServerOptions } from '../server-options.js';
import { type UploadProgress, uploadProgress } from '../upload-progress.js';

interface BigdataOptions extends ServerOptions, RepeatOptions, BigdataShape {
  readonly parallel: number;
  readonly seed: number;
}

/** Adds `tally bigdata`: a large table whose sums are known. */
export function addBigdata(program: Command): void {
  const command = program
    .command('bigdata')
    .summary('generate and upload a large table whose sums are known')
    .description(
      'Generates a table of columns x, y and z, uploads it batch by batch, and prints what its ' +
        'columns sum to, to compare with csvsum and parquetsum. The default is 100,000,000 rows ' +
        'in 1.5 GB of CSV.',
    )
    .option('--batches <n>', 'files to upload (1 to 100,000)', wholeNumber(1, 100_000), 400)
    .option('--rows <n>', 'rows per file (1 to 10,000,000)', wholeNumber(1, 10_000_000), 250_000)
    .option('--parallel <n>', 'uploads at once (1 to 64)', wholeNumber(1, 64), 1)
    .option(
      '--seed <n>',
      'in which order the values of y come (0 to 4,294,967,295)',
      wholeNumber(0, 2 ** 32 - 1),
      1,
    );
  addRepeatOptions(addServerOptions(command))
    .addHelpText('after', '\nExample:\n  tally bigdata --batches 40 --parallel 2')
    .action((options: BigdataOptions) =>
      withConnection(options, (connection) => bigdata(connection, options)),
    );
}

async function bigdata(connection: Connection, options: BigdataOptions): Promise<void> {
  const progress = uploadProgress(options.batches);
  try {
    await uploadBatches(connection, options, progress);
  } finally {
    progress.stop();
  }
  console.log(progress.summary());
  console.log('In a table without other chunks, csvsum and parquetsum print these sums:');
  for (const [column, sum] of Object.entries(bigdataSums(options))) console.log(`${column} ${sum}`);
}

/** Uploads all batches, `parallel` at once. Throws CommandError at the first that is not kept. */
async function uploadBatches(
  { table, address }: Connection,
  options: BigdataOptions,
  progress: UploadProgress,
): Promise<void> {
  const { batches, rows, parallel, seed, attempts } = options;
  let next = 0;
  const uploadUntilDone = async () => {
    while (next < batches) {
      const batch = next++;
      const csvData = bigdataChunk(batch, rows, seed);
      const repetition = {
        attempts,
        deadlineMs: uploadDeadlineMs(options, csvData.length),
        idempotencyKey: randomUUID(),
      };
      const reply = await repeatedCall(repetition, (call) => table.upload({ csvData }, call));
      if (reply.error !== '') throw rejected(batch, reply.error);
      progress.uploaded(rows, csvData.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: parallel }, uploadUntilDone));
  } catch (error) {
    // The other lanes end after the upload they are at.
    next = batches;
    throw callFailure(error, address);
  }
}

function rejected(batch: number, sentence: string): CommandError {
  return new CommandError(`Batch ${batch + 1} was not kept: ${sentence}`, exitCodes.serviceError);
}
