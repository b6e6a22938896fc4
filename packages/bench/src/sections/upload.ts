import { type BenchRun, inTurn } from '../bench-run.js';
import { makeChunks } from '../chunk.js';
import { contenders } from '../contenders.js';
import type { SectionResult } from '../report/comparison.js';
import { uploadAll } from '../table-clients.js';

const factor = 1.5;

/** 250,000-row chunks, 8 at once, each on disk as CSV and Parquet before its reply. */
export async function upload({ options, referencePython }: BenchRun): Promise<SectionResult> {
  const chunks = makeChunks(options.quick ? 16 : 80).map(({ csv }) => csv);
  const all = contenders(referencePython());
  const samples = new Map<string, number[]>(all.map(({ name }) => [name, []]));
  await inTurn(options.rounds, all, async ({ name, start }) => {
    const server = await start('table');
    samples.get(name)?.push(await uploadAll(server.address, chunks, 8));
    await server.stop();
  });
  return {
    comparisons: [
      {
        work: `upload of ${chunks.length} chunks, 8 at once`,
        unit: 's',
        better: 'lower',
        contestants: all.map(({ name }) => ({
          name,
          setting: '',
          samples: samples.get(name) ?? [],
        })),
        bars: [{ timesBetterThan: 'reference --fsync', factor }],
      },
    ],
    notes: ['The reference without --fsync answers before anything is on disk: shown, but no bar.'],
  };
}
