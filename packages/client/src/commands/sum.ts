import type { Command } from 'commander';
import { type ConnectionOptions, withTally } from '../connection.js';
import { addCallOptions } from '../options/repeat-options.js';
import { addReadOptions, type ReadOptions } from '../options/table-options.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';
import { aggregateWithBar } from './aggregate.js';

interface SumOptions extends ConnectionOptions, ReadOptions, JsonOption {}

/** Adds `tally sum`: the exact sum of one column of any table. */
export function addSum(program: Command): void {
  const command = program
    .command('sum')
    .summary('sum a column of a table')
    .description(
      'Sums a column over every chunk of a table, and prints the sum: of integers exactly, however ' +
        'large it is; of doubles rounded once.',
    )
    .argument('<column>', "the column's name, exactly as in the header");
  addCallOptions(addJsonOption(addReadOptions(command)))
    .addHelpText('after', '\nExample:\n  tally sum amount --table sales --format csv')
    .action((column: string, options: SumOptions) => printSum(column, options));
}

async function printSum(column: string, options: SumOptions): Promise<void> {
  await withTally(options, async (tally) => {
    const { format } = options;
    const { version, columns } = await aggregateWithBar(tally, [column], ['sum'], options);
    // Nothing comes to 0, as it does for csvsum.
    const sum = columns[0]?.sum ?? 0n;
    console.log(options.json ? toJson({ column, format, version, sum }) : String(sum));
  });
}
