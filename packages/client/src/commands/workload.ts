import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { type ConnectionOptions, connectTo } from '../connection.js';
import { CommandError, exitCodes } from '../exit-codes.js';
import { filePath, wholeNumber } from '../options/option-values.js';
import { addCallOptions } from '../options/repeat-options.js';
import { portNumber, serverAddress } from '../options/server-options.js';
import type { Tally } from '../sdk/index.js';
import { distributionText } from '../workload/distribution-text.js';
import { distributionsOf, type RoundDistributions } from '../workload/distributions.js';
import { htmlReport } from '../workload/html/report.js';
import { seededRandom } from '../workload/random.js';
import { type RoundRecord, runRound } from '../workload/round.js';
import { summarise, type WorkloadSummary } from '../workload/summary.js';
import { jsonReport, textReport } from '../workload/text-report.js';

interface WorkloadOptions extends ConnectionOptions {
  readonly tasks: number;
  /** Per task. */
  readonly requests: number;
  readonly keys: number;
  readonly values: number;
  readonly seed: number;
  readonly warmup?: number;
  readonly json?: true;
  /** Absolute path. */
  readonly report?: string;
}

/** What came of a workload. */
interface WorkloadResult {
  readonly summary: WorkloadSummary;
  readonly cold: RoundRecord;
  readonly warm?: RoundRecord;
}

const seedMax = 2 ** 32 - 1;

/**
 * Adds `tally workload`: the NumStore workload and its statistics; and `tally start`, as it is called in
 * scripts, which prints what it always has.
 */
export function addWorkload(program: Command): void {
  addOne(program, 'workload', 'run the NumStore workload and draw how long it took');
  addOne(program, 'start', 'the same without the drawing, for scripts');
}

function addOne(program: Command, name: 'workload' | 'start', summary: string): void {
  const command = program
    .command(name)
    .summary(summary)
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
  if (name === 'workload') {
    command.option(
      '--report <file.html>',
      'write a page with charts as well, which needs no network',
      filePath,
    );
  }
  // By default a request that fails is counted as such, and response times are those of one try.
  addCallOptions(command, 1)
    .addHelpText(
      'after',
      `
Percentiles are by nearest rank: p99 is the smallest response time that at least 99 % of the
replies do not exceed. Connecting is outside the timing.

Example:
  tally ${name} 54321 --tasks 4 --requests 1000 --warmup 2000 --seed 7${
    name === 'workload' ? ' --report out.html' : ''
  }`,
    )
    .action(async (argument: number | undefined, options: WorkloadOptions) => {
      const port = onePort(command, argument, options.port);
      await workload({ ...options, port }, name === 'workload');
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

async function workload(options: WorkloadOptions, isDrawn: boolean): Promise<void> {
  const connections = await Promise.all(
    Array.from({ length: options.tasks }, () => connectTo(options)),
  );
  let result: WorkloadResult;
  try {
    result = await runWorkload(connections, options);
  } finally {
    for (const connection of connections) connection.close();
  }
  const { summary } = result;
  const rounds = isDrawn ? drawnRounds(result) : [];
  if (options.json) console.log(jsonReport({ ...summary, ...(isDrawn && byName(rounds)) }));
  else {
    const drawings = rounds.map(({ title, distributions }) =>
      distributionText(`Response times of the ${title.toLowerCase()}`, distributions),
    );
    console.log([textReport(summary), ...drawings].join('\n\n'));
  }
  if (options.report !== undefined) await writeReport(options.report, summary, rounds);
  failIfAnyFailed(summary);
}

interface DrawnRound {
  readonly name: 'cold' | 'warm';
  readonly title: string;
  readonly summary: WorkloadSummary['cold'];
  readonly distributions: RoundDistributions;
}

function drawnRounds({ summary, cold, warm }: WorkloadResult): DrawnRound[] {
  const rounds: DrawnRound[] = [
    {
      name: 'cold',
      title: 'Cold round',
      summary: summary.cold,
      distributions: distributionsOf(cold),
    },
  ];
  if (warm !== undefined && summary.warm !== undefined) {
    const distributions = distributionsOf(warm);
    rounds.push({ name: 'warm', title: 'Warm round', summary: summary.warm, distributions });
  }
  return rounds;
}

const byName = (rounds: readonly DrawnRound[]) => ({
  distributions: Object.fromEntries(rounds.map(({ name, distributions }) => [name, distributions])),
});

async function writeReport(
  file: string,
  summary: WorkloadSummary,
  rounds: readonly DrawnRound[],
): Promise<void> {
  try {
    await writeFile(file, htmlReport(summary, rounds));
  } catch (cause) {
    throw new CommandError(`Cannot write ${file}: ${String(cause)}.`, exitCodes.wrongUsage, {
      cause,
    });
  }
}

async function runWorkload(
  connections: readonly Tally[],
  options: WorkloadOptions,
): Promise<WorkloadResult> {
  const { tasks: taskCount, requests: requestsPerTask, keys, values, seed, warmup } = options;
  const tasks = connections.map(({ frozen }, stream) => ({
    frozen,
    random: seededRandom(seed, stream),
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
  const cold = await runRound(tasks, options, requests);
  const afterCold = { ...settings, cold: summarise(cold) };
  if (warmup === undefined) return { summary: afterCold, cold };
  await runRound(tasks, options, warmup);
  const warm = await runRound(tasks, options, requests);
  const summary = { ...afterCold, warmupRequests: warmup, warm: summarise(warm) };
  return { summary, cold, warm };
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
