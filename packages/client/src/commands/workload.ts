import { randomInt } from 'node:crypto';
import { type Command, Option } from 'commander';
import { type Connection, connect } from '../connection.js';
import { CommandError, exitCodes } from '../exit-codes.js';
import { wholeNumber } from '../option-values.js';
import { seededRandom } from '../random.js';
import { addRepeatOptions, type RepeatOptions, repetitionOf } from '../repeat-options.js';
import {
  addServerOptions,
  portNumber,
  type ServerOptions,
  serverAddress,
} from '../server-options.js';
import { runRound } from '../workload.js';
import { jsonReport, textReport } from '../workload-report.js';
import { summarise, type WorkloadSummary } from '../workload-summary.js';

interface StartOptions extends ServerOptions, RepeatOptions {
  readonly tasks: number;
  /** Per task. */
  readonly requests: number;
  readonly keys: number;
  readonly values: number;
  readonly seed: number;
  readonly warmup?: number;
  readonly json?: true;
}

const seedMax = 2 ** 32 - 1;

/** Adds `tally start`: the NumStore workload and its statistics. */
export function addStart(program: Command): void {
  const command = program
    .command('start')
    .summary('run the NumStore workload and print its statistics')
    .description(
      'Sends random requests, SetNum and Fact with even odds, from several tasks at once, each on ' +
        'a connection of its own, and prints the cache hit rate, response times and throughput.',
    )
    .argument('[port]', "the server's TCP port, the same as --port", portNumber)
    .option('--tasks <n>', 'tasks at once (1 to 1,000)', wholeNumber(1, 1000), 8)
    .option('--requests <n>', 'requests per task (1 to 1,000,000)', wholeNumber(1, 1e6), 100)
    .option('--keys <n>', 'keys to draw from (1 to 1,000,000)', wholeNumber(1, 1e6), 100)
    .option(
      '--values <n>',
      'largest value to set; the smallest is 1 (1 to 1,000,000)',
      wholeNumber(1, 1e6),
      15,
    )
    .option(
      '--warmup <n>',
      'after the first (cold) round, send n uncounted requests in all, and then as many requests ' +
        'as before in a second (warm) round (0 to 1,000,000,000; default: no warm round)',
      wholeNumber(0, 1e9),
    )
    .addOption(
      new Option('--seed <n>', 'the same seed draws the same requests (0 to 4,294,967,295)')
        .argParser(wholeNumber(0, seedMax))
        .default(randomInt(seedMax + 1), 'a random one, printed'),
    )
    .option('--json', 'print one JSON document instead of text');
  // By default a request that fails is counted as such, and response times are those of one try.
  addRepeatOptions(addServerOptions(command), 1)
    .addHelpText(
      'after',
      `
Percentiles are by nearest rank: p99 is the smallest response time that at least 99 % of the
replies do not exceed. Connecting is outside the timing.

Example:
  tally start 54321 --tasks 4 --requests 1000 --warmup 2000 --seed 7`,
    )
    .action(async (argument: number | undefined, options: StartOptions) => {
      await start({ ...options, port: onePort(command, argument, options.port) });
    });
}

function onePort(command: Command, argument: number | undefined, option: number): number {
  const given = command.getOptionValueSource('port') === 'cli';
  if (argument !== undefined && given && argument !== option) {
    command.error(
      `error: the port is ${argument} as the argument and ${option} as --port: give it once.`,
    );
  }
  return argument ?? option;
}

async function start(options: StartOptions): Promise<void> {
  const connections = await Promise.all(
    Array.from({ length: options.tasks }, () => connect(options)),
  );
  let summary: WorkloadSummary;
  try {
    summary = await runWorkload(connections, options);
  } finally {
    for (const connection of connections) connection.close();
  }
  console.log(options.json ? jsonReport(summary) : textReport(summary));
  failIfAnyFailed(summary);
}

async function runWorkload(
  connections: readonly Connection[],
  options: StartOptions,
): Promise<WorkloadSummary> {
  const { tasks: taskCount, requests: requestsPerTask, keys, values, seed, warmup } = options;
  const tasks = connections.map(({ numStore }, stream) => ({
    numStore,
    random: seededRandom(seed, stream),
    repetition: repetitionOf(options),
  }));
  const requests = taskCount * requestsPerTask;
  const settings = {
    address: serverAddress(options),
    tasks: taskCount,
    requestsPerTask,
    keys,
    largestValue: values,
    seed,
  };
  const cold = summarise(await runRound(tasks, options, requests));
  if (warmup === undefined) return { ...settings, cold };
  await runRound(tasks, options, warmup);
  const warm = summarise(await runRound(tasks, options, requests));
  return { ...settings, cold, warmupRequests: warmup, warm };
}

function failIfAnyFailed({ address, cold, warm }: WorkloadSummary): void {
  const rounds = warm === undefined ? [cold] : [cold, warm];
  if (rounds.every(({ failedRequests }) => failedRequests === 0)) return;
  const lost = rounds.some(({ failedRequestsByStatus }) => 'UNAVAILABLE' in failedRequestsByStatus);
  throw lost
    ? new CommandError(
        `The connection to the server at ${address} was lost during the run: see whether the ` +
          'server is still running, then try again.',
        exitCodes.unreachable,
      )
    : new CommandError(`Requests to the server at ${address} failed.`, exitCodes.serviceError);
}
