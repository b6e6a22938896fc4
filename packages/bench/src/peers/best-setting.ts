import type { DataSet } from '../data-sets/data-set.js';
import type { TallyTable } from '../tally-table.js';
import { type Attempt, cores, type LineUp, type Source } from './line-up.js';
import { type Engine, engines, type Format, type SumCommand } from './peer-process.js';

/** What is summed. */
export interface SumWork {
  readonly dataSet: DataSet;
  readonly format: Format;
  readonly column: string;
}

export async function peerSum(lineUp: LineUp, attempt: Attempt, work: SumWork): Promise<number> {
  const { engine, threads, source, setting } = attempt;
  const { dataSet, format, column } = work;
  const command: SumCommand = {
    format,
    column,
    setting,
    files: source.files,
    schema: dataSet.schema,
  };
  const { ms, total } = await lineUp.peer(engine, threads).sum(command);
  if (total !== dataSet.sums[column]) {
    throw new Error(
      `${describeAttempt(attempt)} of ${engine}: the ${format} sum of ${column} in ` +
        `${dataSet.name} is ${total}, not ${dataSet.sums[column]}`,
    );
  }
  return ms;
}

export const describeAttempt = ({ source, setting, threads }: Attempt) =>
  [`${source.owner} files`, source.layout, setting, `${threads} threads`]
    .filter((part) => part !== '')
    .join(', ');

/** A sum that takes less is done three times in a row, and the median counts. */
const shortMs = 500;

/** The time of a sum: one for a long sum, the median of three for a short one. */
export async function steadyMs(sum: () => Promise<number>): Promise<number> {
  const first = await sum();
  if (first > shortMs) return first;
  const all = [first, await sum(), await sum()].toSorted((a, b) => a - b);
  return all[1] ?? first;
}

const longMs = 15_000;

/** Whether the first sum took so long that its one sample says enough: only short times waver. */
export const isLong = ([first = 0]: readonly number[]): boolean => first > longMs;

const warmUpSums = 10;
const warmUpMsMax = 2000;

/**
 * Sums that do not count, for everyone before the first round. The peers are warm from finding
 * their best settings; a server that has just started has its code still to compile.
 */
export async function warmUp(sum: () => Promise<number>): Promise<void> {
  const end = performance.now() + warmUpMsMax;
  for (let i = 0; i < warmUpSums && performance.now() < end; i++) await sum();
}

/**
 * The peer's fastest way to do the work from these files: every setting on every layout with a
 * thread for each core, then the best of them with twice as many threads.
 */
async function bestAttempt(
  lineUp: LineUp,
  engine: Engine,
  sources: readonly Source[],
  work: SumWork,
): Promise<Attempt> {
  const description = await lineUp.describe(engine);
  const settings =
    work.format === 'parquet' ? description.parquetSettings : description.csvSettings;
  const attempts = sources.flatMap((source) =>
    settings.map((setting) => ({ engine, threads: cores, source, setting })),
  );
  const winner = await fastestOf(lineUp, attempts, work);
  const { attempt } = await fastestOf(
    lineUp,
    [{ ...winner.attempt, threads: cores * 2 }],
    work,
    winner,
  );
  return attempt;
}

interface TimedAttempt {
  readonly attempt: Attempt;
  readonly ms: number;
}

async function fastestOf(
  lineUp: LineUp,
  attempts: readonly Attempt[],
  work: SumWork,
  fastestSoFar?: TimedAttempt,
): Promise<TimedAttempt> {
  let best = fastestSoFar;
  for (const attempt of attempts) {
    const ms = await steadyMs(() => peerSum(lineUp, attempt, work));
    if (best === undefined || ms < best.ms) best = { attempt, ms };
  }
  if (best === undefined) throw new Error('there is nothing to choose from');
  return best;
}

/**
 * The same of every peer: by default from its own files, and from Tally's. What was found once is
 * not looked for again.
 */
export async function allBestAttempts(
  lineUp: LineUp,
  table: TallyTable,
  work: SumWork,
  owners: readonly Source['owner'][] = ['own', "Tally's"],
): Promise<readonly Attempt[]> {
  const best: Attempt[] = [];
  for (const engine of engines) {
    const sources = await lineUp.sources(engine, work.dataSet, table, work.format);
    for (const owner of owners) {
      const key = [engine, owner, work.dataSet.name, work.format, work.column].join(' ');
      const found =
        lineUp.chosen.get(key) ??
        (await bestAttempt(
          lineUp,
          engine,
          sources.filter((source) => source.owner === owner),
          work,
        ));
      lineUp.chosen.set(key, found);
      best.push(found);
    }
  }
  return best;
}
