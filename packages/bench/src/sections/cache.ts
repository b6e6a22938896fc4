import { type BenchRun, inTurn } from '../bench-run.js';
import { largeTable } from '../data-sets/all-data-sets.js';
import { type SumWork, steadyMs } from '../peers/best-setting.js';
import type { SectionResult } from '../report/comparison.js';
import { withClients } from '../table-clients.js';
import { serverHas, startTally } from '../tally-server.js';
import { tallyTable } from '../tally-table.js';
import { tallySum } from './compare-sums.js';

const factor = 50;

/** The CSV sum of the large table again, with the sum cache, beside the same server without it. */
export async function cache({ options, ...run }: BenchRun): Promise<SectionResult> {
  if (!serverHas('--sum-cache-entries')) {
    throw new Error('the server has no --sum-cache-entries: there is no sum cache to measure');
  }
  const dataSet = await largeTable({ options, ...run });
  const { dataDir } = await tallyTable(dataSet);
  const work: SumWork = { dataSet, format: 'csv', column: 'y' };
  const contestants = [
    { name: 'Tally', setting: 'again, sum cache on', sumCache: 'on', samples: [] as number[] },
    { name: 'Tally, sum cache off', setting: '', sumCache: 'off', samples: [] as number[] },
  ] as const;
  await inTurn(options.rounds, contestants, async ({ sumCache, samples }) => {
    // One table cannot be served twice at once: each has a server of its own in its turn.
    const server = await startTally({ dataDir, sumCache });
    await withClients(server.address, 1, async ([client]) => {
      if (client === undefined) throw new Error('there is no connection');
      await tallySum(client, work);
      samples.push(await steadyMs(() => tallySum(client, work)));
    });
    await server.stop();
  });
  return {
    comparisons: [
      {
        work: `CSV sum of y again, ${dataSet.csvFiles.length} chunks`,
        unit: 'ms',
        better: 'lower',
        contestants: contestants.map(({ name, setting, samples }) => ({ name, setting, samples })),
        bars: [{ timesBetterThan: 'Tally, sum cache off', factor }],
      },
    ],
    notes: [],
  };
}
