import type { TableClient } from '@tally/stubs';
import type { Metadata } from 'nice-grpc';
import { type BenchRun, inTurn } from '../bench-run.js';
import { largeTable } from '../data-sets/all-data-sets.js';
import { type SumWork, steadyMs } from '../peers/best-setting.js';
import type { SectionResult } from '../report/comparison.js';
import { withClients } from '../table-clients.js';
import { startTally } from '../tally-server.js';
import { tallyTable } from '../tally-table.js';
import { tallySum } from './compare-sums.js';

const factor = 50;

/** The CSV sum of the large table again, with the sum cache, beside the same server without it. */
export async function cache(run: BenchRun): Promise<SectionResult> {
  const dataSet = await largeTable(run);
  const { dataDir } = await tallyTable(dataSet);
  const work: SumWork = { dataSet, format: 'csv', column: 'y' };
  const contestants = [
    { name: 'Tally', setting: 'again, sum cache on', sumCache: 'on', samples: [] as number[] },
    { name: 'Tally, sum cache off', setting: '', sumCache: 'off', samples: [] as number[] },
  ] as const;
  await inTurn(run.options.rounds, contestants, async ({ sumCache, samples }) => {
    // One table cannot be served twice at once: each has a server of its own in its turn.
    const server = await startTally({ dataDir, sumCache });
    await withClients(server.address, 1, async ([client]) => {
      if (client === undefined) throw new Error('there is no connection');
      await tallySum(client, work);
      samples.push(await steadyMs(() => tallySum(client, work)));
      await checkHits(client, work, sumCache === 'on' ? dataSet.csvFiles.length : 0);
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
    notes: [
      'What the cache holds is seen in the trailer tally-sum-cache-hits: every file, or none.',
    ],
  };
}

/** A cache that is measured must have been used, and one that is off must not. */
async function checkHits(client: TableClient, { format, column }: SumWork, expected: number) {
  let hits: string | undefined;
  const onTrailer = (trailer: Metadata) => {
    hits = trailer.get('tally-sum-cache-hits');
  };
  await client.colSum({ column, format }, { onTrailer });
  if (hits !== String(expected)) throw new Error(`${hits} hits of the sum cache, not ${expected}`);
}
