import { fileURLToPath } from 'node:url';
import { compileKernels } from '@tally/kernels';
import { Piscina } from 'piscina';
import { threadHeap } from '../thread-heap.js';
import { allStarted, createThreadStarts } from '../thread-starts.js';
import type { ChunkCheck, ChunkTask } from './chunk-check.js';

/** The threads that read table files. */
export interface CheckPool {
  check(task: ChunkTask): Promise<ChunkCheck>;
  close(): Promise<void>;
}

export async function createCheckPool(threads: number): Promise<CheckPool> {
  const starts = createThreadStarts();
  const piscina = new Piscina({
    filename: fileURLToPath(new URL('./worker.js', import.meta.url)),
    minThreads: threads,
    maxThreads: threads,
    workerData: {
      starts,
      kernelsModule: await compileKernels(),
    },
    resourceLimits: threadHeap,
  });
  return {
    check: (task) => piscina.run(task, { name: 'checkChunk' }),
    async close() {
      await allStarted(starts, threads);
      await piscina.destroy();
    },
  };
}
