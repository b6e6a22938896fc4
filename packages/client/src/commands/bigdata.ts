import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { type BigdataShape, bigdataChunk, bigdataSums } from '../bigdata-chunk.js';
import { type BigdataProgress, bigdataProgress, totalsSentence } from '../bigdata-progress.js';
import { type ConnectionOptions, withTally } from '../connection.js';
import { CommandError, exitCodes } from '../exit-codes.js';
import { wholeNumber } from '../options/option-values.js';
import { addCallOptions, uploadDeadlineMs } from '../options/repeat-options.js';
import type { Tally } from '../sdk/index.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';

interface BigdataOptions extends ConnectionOptions, BigdataShape, JsonOption {
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
  addCallOptions(addJsonOption(command))
    .addHelpText('after', '\nExample:\n  tally bigdata --batches 40 --parallel 2')
    .action((options: BigdataOptions) => withTally(options, (tally) => bigdata(tally, options)));
}

async function bigdata(tally: Tally, options: BigdataOptions): Promise<void> {
  const progress = bigdataProgress(options.batches);
  try {
    await uploadBatches(tally, options, progress);
  } finally {
    progress.stop();
  }
  const sums = bigdataSums(options);
  if (options.json) {
    console.log(toJson({ ...progress.totals(), sums }));
    return;
  }
  console.log(totalsSentence(progress.totals()));
  console.log('In a table without other chunks, csvsum and parquetsum print these sums:');
  for (const [column, sum] of Object.entries(sums)) console.log(`${column} ${sum}`);
}

/** Uploads all batches, `parallel` at once. Throws at the first that is not kept. */
async function uploadBatches(
  tally: Tally,
  options: BigdataOptions,
  progress: BigdataProgress,
): Promise<void> {
  const { batches, rows, parallel, seed } = options;
  let next = 0;
  const uploadUntilDone = async () => {
    while (next < batches) {
      const batch = next++;
      const csvData = bigdataChunk(batch, rows, seed);
      const reply = await tally.frozen.upload(
        { csvData },
        { deadlineMs: uploadDeadlineMs(options, csvData.length), idempotencyKey: randomUUID() },
      );
      if (reply.error !== '') throw rejected(batch, reply.error);
      progress.uploaded(rows, csvData.length);
    }
  };
  try {
    await Promise.all(Array.from({ length: parallel }, uploadUntilDone));
  } catch (error) {
    // The other lanes end after the upload they are at.
    next = batches;
    throw error;
  }
}

function rejected(batch: number, sentence: string): CommandError {
  return new CommandError(`Batch ${batch + 1} was not kept: ${sentence}`, exitCodes.serviceError);
}
