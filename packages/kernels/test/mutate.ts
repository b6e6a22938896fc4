// Damages column chunks at random and sums them, for longer than `npm test` has time for.
//
// Usage: pnpm --filter @tally/kernels mutate [--files 100000] [--seed 1]
//
// Half of the files have page checksums. Prints how many of them came to what, and exits with 1 if
// one crashed, was stuck, broke the kernel, or had a sum although a checksum of it
// does not hold. The seed of a file is the run's seed and its number: --seed N --files 1 is one.

import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { mutateAndSum, randomFrom, samples, stillWorks } from './mutations.js';

/** Of one file. */
const stuckMs = 20_000;

interface Report {
  readonly counts: Readonly<Record<string, number>>;
  readonly failures: readonly string[];
  /** What the kernel took for one file. */
  readonly slowestMs: number;
  readonly slowestSeed: number;
}

/** `progress` counts the files begun, so that the main thread sees where this one is stuck. */
async function damageAll(files: number, seed: number, progress: Int32Array): Promise<Report> {
  const corpora = [await samples(true), await samples(false)] as const;
  const counts: Record<string, number> = {};
  const failures: string[] = [];
  let slowestMs = 0;
  let slowestSeed = seed;
  for (let i = 0; i < files; i++) {
    Atomics.store(progress, 0, i + 1);
    const checksums = (seed + i) % 2 === 0;
    const done = mutateAndSum(corpora[checksums ? 0 : 1], randomFrom(seed + i));
    if (done.kernelMs > slowestMs) [slowestMs, slowestSeed] = [done.kernelMs, seed + i];
    const failure = stillWorks(done.sample) ? done.failure : 'the kernel no longer works';
    if (failure !== undefined) {
      const { writer, column } = done.sample;
      failures.push(`seed ${seed + i}: ${failure} (${writer}, ${column}: ${done.mutations})`);
    }
    const kind = `${checksums ? 'with' : 'without'} checksums: ${done.kind}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return { counts, failures, slowestMs, slowestSeed };
}

function watch(worker: Worker, progress: Int32Array, seed: number): NodeJS.Timeout {
  let before = -1;
  return setInterval(() => {
    const now = Atomics.load(progress, 0);
    if (now === before && now > 0) {
      console.error(`seed ${seed + now - 1}: stuck for ${stuckMs} ms`);
      void worker.terminate().then(() => process.exit(1));
    }
    before = now;
  }, stuckMs);
}

function print({ counts, failures, slowestMs, slowestSeed }: Report): void {
  for (const [kind, count] of Object.entries(counts).sort()) {
    console.log(`${String(count).padStart(9)}  ${kind}`);
  }
  console.log(`the kernel took ${slowestMs.toFixed(1)} ms at most, for seed ${slowestSeed}`);
  for (const failure of failures.slice(0, 20)) console.error(failure);
  console.log(`${failures.length} failures`);
  process.exitCode = failures.length === 0 ? 0 : 1;
}

if (isMainThread) {
  const { values } = parseArgs({
    // pnpm hands its own separator on.
    args: process.argv.slice(2).filter((arg) => arg !== '--'),
    options: {
      files: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [files, seed] = [Number(values.files), Number(values.seed)];
  if (!(Number.isSafeInteger(files) && files > 0 && Number.isSafeInteger(seed))) {
    throw new Error('--files and --seed are whole numbers, and --files is above 0');
  }
  console.log(`${files} files, seed ${seed}`);
  const progress = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: { files, seed, progress },
  });
  const watchdog = watch(worker, progress, seed);
  worker.once('message', print);
  worker.once('exit', () => clearInterval(watchdog));
} else {
  const { files, seed, progress } = workerData;
  parentPort?.postMessage(await damageAll(files, seed, progress));
}
