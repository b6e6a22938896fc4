import type { TableClient } from '@tally/stubs';
import { type BenchRun, inTurn } from '../bench-run.js';
import { dropPageCache } from '../page-cache.js';
import {
  allBestAttempts,
  describeAttempt,
  isLong,
  peerSum,
  type SumWork,
  steadyMs,
  warmUp,
} from '../peers/best-setting.js';
import type { Attempt, LineUp } from '../peers/line-up.js';
import type { Bar, Comparison, Contestant } from '../report/comparison.js';
import { timedSum, withClients } from '../table-clients.js';
import { startTally } from '../tally-server.js';
import type { TallyTable } from '../tally-table.js';

export type PageCache = 'warm' | 'cold';

/** One sum to compare, in one or both states of the page cache. */
export interface SumComparison {
  readonly work: SumWork;
  readonly title: string;
  readonly bars: readonly Bar[];
  readonly pageCaches: readonly PageCache[];
}

/** Tally's sum, end to end; it must be right. */
export async function tallySum(client: TableClient, work: SumWork): Promise<number> {
  const { dataSet, format, column } = work;
  const { ms, total } = await timedSum(client, column, format);
  if (total !== dataSet.sums[column]) {
    throw new Error(
      `Tally's ${format} sum of ${column} in ${dataSet.name} is ${total}, ` +
        `not ${dataSet.sums[column]}`,
    );
  }
  return ms;
}

/** Each sum by Tally without its sum cache, and by every peer from its own and from Tally's files. */
export async function compareSums(
  run: BenchRun,
  table: TallyTable,
  sums: readonly SumComparison[],
): Promise<readonly Comparison[]> {
  const lineUp = run.lineUp();
  const server = await startTally({ dataDir: table.dataDir });
  try {
    return await withClients(server.address, 1, async ([client]) => {
      if (client === undefined) throw new Error('there is no connection');
      const comparisons: Comparison[] = [];
      for (const sum of sums) {
        const attempts = await allBestAttempts(lineUp, table, sum.work);
        for (const pageCache of sum.pageCaches) {
          comparisons.push(await compareOne(run, lineUp, client, sum, attempts, pageCache));
        }
      }
      return comparisons;
    });
  } finally {
    await server.stop();
    await lineUp.stop();
  }
}

async function compareOne(
  { options }: BenchRun,
  lineUp: LineUp,
  client: TableClient,
  { work, title, bars }: SumComparison,
  attempts: readonly Attempt[],
  pageCache: PageCache,
): Promise<Comparison> {
  const contestants: (Contestant & { samples: number[]; sum(): Promise<number> })[] = [
    { name: 'Tally', setting: '', samples: [], sum: () => tallySum(client, work) },
  ];
  for (const attempt of attempts) {
    contestants.push({
      name: (await lineUp.describe(attempt.engine)).name,
      setting: describeAttempt(attempt),
      sameFiles: attempt.source.owner === "Tally's",
      samples: [],
      sum: () => peerSum(lineUp, attempt, work),
    });
  }
  // Cold comes after warm, and begins with what warm has warmed up.
  if (pageCache === 'warm') for (const { sum } of contestants) await warmUp(sum);
  await inTurn(options.rounds, contestants, async ({ samples, sum }) => {
    if (isLong(samples)) return;
    if (pageCache === 'cold') dropPageCache();
    samples.push(pageCache === 'cold' ? await sum() : await steadyMs(sum));
  });
  const where = pageCache === 'cold' ? ', cold page cache' : '';
  const comparison: Comparison = {
    work: `${title}${where}`,
    unit: 'ms',
    better: 'lower',
    contestants: contestants.map(({ sum: _, ...contestant }) => contestant),
    // The bars are for files in memory: from a disk, the disk is what is measured.
    bars: pageCache === 'cold' ? [] : bars,
  };
  console.log(
    comparison.work,
    Object.fromEntries(contestants.map((one) => [`${one.name} ${one.setting}`, one.samples])),
  );
  return comparison;
}
