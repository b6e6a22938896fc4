import { type Command, InvalidArgumentError } from 'commander';
import { type ConnectionOptions, withTally } from '../connection.js';
import { CommandError, exitCodes } from '../exit-codes.js';
import { int64 } from '../options/option-values.js';
import { addCallOptions } from '../options/repeat-options.js';
import type { NumberStats, Tally } from '../sdk/index.js';
import { addJsonOption, type JsonOption, toJson } from '../terminal/json.js';
import { printTable } from '../terminal/table.js';
import { megabytes, whole } from '../terminal/text.js';

interface NumberOptions extends ConnectionOptions, JsonOption {}

interface FactOptions extends NumberOptions {
  readonly key?: string;
}

const keyHelp = "the number's key: 1 to 1,024 bytes of UTF-8";

/** Adds the commands for numbers. */
export function addNumbers(program: Command): void {
  addSetAndAdd(program);
  addGetAndDelete(program);
  addList(program);
  addFact(program);
  addStats(program);
}

/** Prints an object as JSON, or one of its values as text. */
const print = ({ json }: JsonOption, result: object, text: bigint) =>
  console.log(json ? toJson(result) : String(text));

function addSetAndAdd(program: Command): void {
  const set = program
    .command('set')
    .summary('give a number a value')
    .description(
      'Makes a number, or gives it another value. Prints the sum of all numbers after it.',
    )
    .argument('<key>', keyHelp)
    .argument('<value>', 'an integer within int64', int64);
  addCallOptions(addJsonOption(set))
    .addHelpText('after', '\nExample:\n  tally set visits 42')
    .action((key: string, value: bigint, options: NumberOptions) =>
      withTally(options, async ({ numbers }) => {
        const total = await numbers.set(key, value);
        print(options, { key, value, total }, total);
      }),
    );

  const add = program
    .command('add')
    .summary('add to a number')
    .description(
      'Adds to a number; one that does not exist counts as 0, and is made. Prints the number after it.',
    )
    .argument('<key>', keyHelp)
    .argument('<delta>', 'an integer within int64', int64);
  addCallOptions(addJsonOption(add))
    .addHelpText('after', '\nExample:\n  tally add visits -1')
    .action((key: string, delta: bigint, options: NumberOptions) =>
      withTally(options, async ({ numbers }) => {
        const { value, total } = await numbers.add(key, delta);
        print(options, { key, value, total }, value);
      }),
    );
}

function addGetAndDelete(program: Command): void {
  const get = program
    .command('get')
    .summary('print a number')
    .description('Prints a number.')
    .argument('<key>', keyHelp);
  addCallOptions(addJsonOption(get))
    .addHelpText('after', '\nExample:\n  tally get visits')
    .action((key: string, options: NumberOptions) =>
      withTally(options, async ({ numbers }) => {
        const value = await numbers.get(key);
        print(options, { key, value }, value);
      }),
    );

  const remove = program
    .command('delete')
    .summary('remove a number')
    .description('Removes a number. Prints it as it was.')
    .argument('<key>', keyHelp);
  addCallOptions(addJsonOption(remove))
    .addHelpText('after', '\nExample:\n  tally delete visits')
    .action((key: string, options: NumberOptions) =>
      withTally(options, async ({ numbers }) => {
        const { value, total } = await numbers.delete(key);
        print(options, { key, value, total }, value);
      }),
    );
}

function addList(program: Command): void {
  const list = program
    .command('numbers')
    .summary('list numbers')
    .description(
      'Lists all numbers, or those of a prefix, in the order of the bytes of their keys.',
    )
    .argument('[prefix]', 'only keys that begin with it', '');
  addCallOptions(addJsonOption(list, 'a JSON value on a line for each number'))
    .addHelpText('after', '\nExample:\n  tally numbers page/')
    .action((prefix: string, options: NumberOptions) =>
      withTally(options, (tally) => printNumbers(tally, prefix, options)),
    );
}

async function printNumbers(
  { numbers }: Tally,
  prefix: string,
  { json }: NumberOptions,
): Promise<void> {
  if (json) {
    for await (const entry of numbers.list({ prefix })) console.log(toJson(entry));
    return;
  }
  async function* rows() {
    for await (const { key, value } of numbers.list({ prefix })) yield [key, String(value)];
  }
  await printTable([{ title: 'key' }, { title: 'value', isNumber: true }], rows());
}

function addFact(program: Command): void {
  const fact = program
    .command('fact')
    .summary('compute a factorial exactly')
    .description(
      'Prints n!, exactly, of any n up to what the server computes (its --factorial-max).',
    )
    .argument('[n]', 'of which number, from 0', (text: string) => {
      const n = int64(text);
      if (n >= 0n) return n;
      throw new InvalidArgumentError('It must be a whole number from 0.');
    })
    .option('--key <key>', 'of the number of this key, in place of n');
  addCallOptions(addJsonOption(fact))
    .addHelpText('after', '\nExample:\n  tally fact 100')
    .action((n: bigint | undefined, options: FactOptions) => {
      const { key } = options;
      if ((n === undefined) === (key === undefined)) {
        throw new CommandError(
          'Give either n or --key: tally fact 100, or tally fact --key visits.',
          exitCodes.wrongUsage,
        );
      }
      return withTally(options, async ({ numbers }) => {
        const result = await numbers.factorial(n ?? { key: key ?? '' });
        print(options, result, result.value);
      });
    });
}

function addStats(program: Command): void {
  const stats = program
    .command('stats')
    .summary('how many numbers there are, and how the factorials do')
    .description(
      'Prints how many numbers there are, their sum, and since the server has started, how its cache of ' +
        'factorials does and how long those took that were computed.',
    );
  addCallOptions(addJsonOption(stats))
    .addHelpText('after', '\nExample:\n  tally stats --json')
    .action((options: NumberOptions) =>
      withTally(options, async ({ numbers }) => {
        const result = await numbers.stats();
        if (options.json) console.log(toJson(result));
        else await printStats(result);
      }),
    );
}

async function printStats(stats: NumberStats): Promise<void> {
  const { count, total, factorialCache: cache, factorialLatency: latency } = stats;
  const ms = (us: number) => (latency.count === 0 ? '-' : `${(us / 1000).toFixed(2)} ms`);
  const rows = [
    ['numbers', whole(count)],
    ['total', String(total)],
    ['factorials from the cache', whole(cache.hits)],
    ['factorials computed', whole(cache.misses)],
    ['factorials in the cache', `${cache.entries} of ${cache.entriesMax}`],
    ['size of the cache', `${megabytes(cache.bytes)} MB`],
    ['p50 of a computed factorial', ms(latency.p50Us)],
    ['p90', ms(latency.p90Us)],
    ['p99', ms(latency.p99Us)],
    ['the longest', ms(latency.maxUs)],
  ];
  await printTable([{ title: 'what' }, { title: 'value', isNumber: true }], rows);
}
