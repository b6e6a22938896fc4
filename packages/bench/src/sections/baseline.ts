import { type BenchRun, inTurn } from '../bench-run.js';
import { makeChunks } from '../chunk.js';
import { contenders } from '../contenders.js';
import { type MetricId, metricIds, metrics } from '../metrics.js';
import { measureNumbers } from '../numbers-workload.js';
import type { SectionResult } from '../report/comparison.js';
import { measureTable } from '../table-workload.js';

/** Both services beside the reference server. */
export async function baseline({ options, referencePython }: BenchRun): Promise<SectionResult> {
  const chunks = makeChunks(options.quick ? 8 : 40);
  const all = contenders(referencePython());
  const samples = new Map<string, Record<MetricId, number>[]>(all.map(({ name }) => [name, []]));
  await inTurn(options.rounds, all, async (contender) => {
    samples.get(contender.name)?.push({
      ...(await measureTable(contender, chunks)),
      ...(await measureNumbers(contender, options.seconds)),
    });
  });
  return {
    comparisons: metricIds.map((id) => ({
      work: metrics[id].title,
      unit: metrics[id].unit,
      better: metrics[id].better,
      contestants: all.map(({ name }) => ({
        name,
        setting: '',
        samples: (samples.get(name) ?? []).map((round) => round[id]),
      })),
      bars: [],
    })),
    notes: [`${chunks.length} chunks of 250,000 rows.`],
  };
}
