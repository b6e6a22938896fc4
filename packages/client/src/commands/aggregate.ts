import type { Command } from 'commander';
import { type ConnectionOptions, withTally } from '../connection.js';
import { namesOf } from '../options/option-values.js';
import { addCallOptions } from '../options/repeat-options.js';
import { addReadOptions, type ReadOptions } from '../options/table-options.js';
import { aggregateFunctions } from '../sdk/aggregate.js';
import type { AggregateFunction, AggregateResult, ColumnAggregates, Tally } from '../sdk/index.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';
import { megabytesPerSecond, progressBar } from '../terminal/progress-bar.js';
import { printTable } from '../terminal/table.js';
import { whole } from '../terminal/text.js';

interface AggregateOptions extends ConnectionOptions, ReadOptions, JsonOption {
  readonly functions?: readonly AggregateFunction[];
}

/** Adds `tally aggregate`: all that can be computed of columns in one pass. */
export function addAggregate(program: Command): void {
  const command = program
    .command('aggregate')
    .summary('count, nulls, sum, min, max and mean of columns')
    .description(
      'Counts, sums, and finds the least, the greatest and the mean of columns, in one pass of each. ' +
        'Of a column that holds other than numbers, count and nulls are all there is.',
    )
    .argument('<column...>', "the columns' names, exactly as in the header")
    .option(
      '--functions <list>',
      `what to compute, with commas between: ${aggregateFunctions.join(',')} (default: all)`,
      namesOf(aggregateFunctions),
    );
  addCallOptions(addJsonOption(addReadOptions(command)))
    .addHelpText(
      'after',
      '\nExample:\n  tally aggregate amount price --table sales --functions sum,mean',
    )
    .action((columns: string[], options: AggregateOptions) =>
      withTally(options, async (tally) => {
        const { functions } = options;
        const result = await aggregateWithBar(tally, columns, functions, options);
        if (options.json) console.log(toJson(result));
        else await printResult(result, functions ?? aggregateFunctions);
      }),
    );
}

/** Aggregates with a bar on the terminal. */
export async function aggregateWithBar(
  { tables }: Tally,
  columns: readonly string[],
  functions: readonly AggregateFunction[] | undefined,
  { table, format, asOf }: ReadOptions,
): Promise<AggregateResult> {
  const bar = progressBar();
  const rate = megabytesPerSecond();
  try {
    return await tables.aggregate(columns, {
      table,
      functions,
      format,
      version: asOf,
      onProgress: ({ chunksDone, chunks, bytesRead }) =>
        bar.update(
          chunksDone,
          chunks,
          `${whole(chunksDone)}/${whole(chunks)} chunks | ${rate(bytesRead)}`,
        ),
    });
  } finally {
    bar.stop();
  }
}

async function printResult(
  { columns }: AggregateResult,
  functions: readonly AggregateFunction[],
): Promise<void> {
  const numbers = functions.map((title) => ({ title, isNumber: true }));
  const rows = columns.map((result) => [
    result.column,
    ...functions.map((name) => valueText(result[name])),
  ]);
  await printTable([{ title: 'column' }, ...numbers], rows);
}

// Not with thousands separated: what is printed can be pasted anywhere.
const valueText = (value: ColumnAggregates[AggregateFunction]) =>
  value === undefined ? '-' : String(value);
