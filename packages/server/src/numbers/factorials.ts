import { createHistogram } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { Mutex } from 'async-mutex';
import { Piscina } from 'piscina';
import { noStages, type Stages } from '../observe/call-record.js';
import type { PoolStats } from '../observe/pool-stats.js';
import { createTaskClock, readTaskClock, type TaskClock } from '../task-time.js';
import { threadHeap } from '../thread-heap.js';
import { allStarted, createThreadStarts } from '../thread-starts.js';

/** n! as big-endian bytes, and whether it came from the cache. */
export interface FactorialAnswer {
  readonly bytes: Uint8Array;
  readonly hit: boolean;
}

/** Factorials computed in worker threads, the latest ones kept. */
export interface Factorials {
  /** n! for a whole n that the caller has checked against its limit. */
  compute(n: number, stages?: Stages): Promise<FactorialAnswer>;
  stats(): FactorialStats;
  pool(): PoolStats;
  close(): Promise<void>;
}

/** What a thread is to compute, and where it notes when it did. */
export interface FactorialTask {
  readonly n: number;
  readonly clock: TaskClock;
}

/** One that several calls may wait for. */
interface Computation {
  readonly bytes: Promise<Uint8Array>;
  readonly clock: TaskClock;
}

/** How the cache and the computations do, since the start. */
export interface FactorialStats {
  /** Answers that came from the cache, and others. */
  readonly hits: number;
  readonly misses: number;
  /** What the cache holds now. */
  readonly entries: number;
  readonly bytes: number;
  /** How long computations took, the wait for a thread included. */
  readonly latency: Latency;
}

/** How long something took, in microseconds. */
export interface Latency {
  readonly count: number;
  /** The time that so many percent of all did not exceed, to three digits. */
  percentileUs(percent: number): number;
  readonly maxUs: number;
}

/** How many factorials are kept. */
export const cacheEntriesMax = 10;

/** Longer than any computation; beyond it the histogram would count nothing. */
const latencyUsMax = 24 * 3_600_000_000;

/**
 * Starts the factorial pool and its cache.
 *
 * One mutex guards the cache and the computations in progress; it is never held while a
 * factorial is computed. Callers that ask for the same uncached n at once share one
 * computation, and each of them is told `hit: false`.
 */
export function createFactorials(threads: number): Factorials {
  const starts = createThreadStarts();
  const pool = new Piscina<FactorialTask, Uint8Array>({
    filename: fileURLToPath(new URL('./factorial-worker.js', import.meta.url)),
    minThreads: threads,
    maxThreads: threads,
    workerData: { starts },
    // Below the main thread: four busy factorials must not slow down SetNum.
    niceIncrement: 10,
    resourceLimits: threadHeap,
  });
  const mutex = new Mutex();
  const cache = new Map<number, Uint8Array>();
  const inProgress = new Map<number, Computation>();
  const latency = createHistogram({ lowest: 1, highest: latencyUsMax, figures: 3 });
  let cacheBytes = 0;
  let hits = 0;
  let misses = 0;
  let started = 0;
  let done = 0;

  // Eviction policy: least recently used. A Map keeps the order of insertion, so an entry that
  // is used moves to the end, and the first one is the one that was not used for longest.
  function cached(n: number): Uint8Array | undefined {
    const bytes = cache.get(n);
    if (bytes !== undefined) {
      cache.delete(n);
      cache.set(n, bytes);
    }
    return bytes;
  }

  function keep(n: number, bytes: Uint8Array): void {
    cache.set(n, bytes);
    cacheBytes += bytes.length;
    for (const [oldest, { length }] of cache) {
      if (cache.size <= cacheEntriesMax) break;
      cache.delete(oldest);
      cacheBytes -= length;
    }
  }

  // The smallest that a histogram takes is 1.
  const recordLatency = (ms: number) =>
    latency.record(Math.min(Math.max(Math.round(ms * 1000), 1), latencyUsMax));

  function startComputation(n: number): Computation {
    const clock = createTaskClock();
    return { bytes: computeAndKeep({ n, clock }), clock };
  }

  async function computeAndKeep(task: FactorialTask): Promise<Uint8Array> {
    const { n } = task;
    started++;
    try {
      const startMs = performance.now();
      const bytes = await pool.run(task);
      recordLatency(performance.now() - startMs);
      await mutex.runExclusive(() => keep(n, bytes));
      return bytes;
    } finally {
      done++;
      await mutex.runExclusive(() => inProgress.delete(n));
    }
  }

  /** Under the mutex: what is known of n now, or the computation that has just been started. */
  function lookUp(n: number): { bytes: Uint8Array } | { computing: Computation } {
    const bytes = cached(n);
    if (bytes !== undefined) return { bytes };
    const computing = inProgress.get(n) ?? startComputation(n);
    inProgress.set(n, computing);
    return { computing };
  }

  return {
    async compute(n, stages = noStages) {
      const found = await mutex.runExclusive(() => lookUp(n));
      if ('bytes' in found) {
        hits++;
        return { bytes: found.bytes, hit: true };
      }
      const { computing } = found;
      stages.enterWork('factorial', computing.clock);
      const bytes = await computing.bytes;
      const time = readTaskClock(computing.clock);
      if (time !== undefined) stages.addWork('factorial', time);
      misses++;
      return { bytes, hit: false };
    },
    stats: () => ({
      hits,
      misses,
      entries: cache.size,
      bytes: cacheBytes,
      latency: {
        count: latency.count,
        percentileUs: (percent) => Math.min(latency.percentile(percent), latency.max),
        maxUs: latency.max,
      },
    }),
    pool: () => ({
      threads,
      running: started - done - pool.queueSize,
      waiting: pool.queueSize,
      done,
    }),
    async close() {
      await allStarted(starts, threads);
      await pool.destroy();
    },
  };
}
