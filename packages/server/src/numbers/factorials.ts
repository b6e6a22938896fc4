import { fileURLToPath } from 'node:url';
import { Mutex } from 'async-mutex';
import { Piscina } from 'piscina';
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
  compute(n: number): Promise<FactorialAnswer>;
  close(): Promise<void>;
}

/** How many factorials are kept. */
export const cacheEntriesMax = 10;

/**
 * Starts the factorial pool and its cache.
 *
 * One mutex guards the cache and the computations in progress; it is never held while a
 * factorial is computed. Callers that ask for the same uncached n at once share one
 * computation, and each of them is told `hit: false`.
 */
export function createFactorials(threads: number): Factorials {
  const starts = createThreadStarts();
  const pool = new Piscina<number, Uint8Array>({
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
  const inProgress = new Map<number, Promise<Uint8Array>>();

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
    for (const oldest of cache.keys()) {
      if (cache.size <= cacheEntriesMax) break;
      cache.delete(oldest);
    }
  }

  async function computeAndKeep(n: number): Promise<Uint8Array> {
    try {
      const bytes = await pool.run(n);
      await mutex.runExclusive(() => keep(n, bytes));
      return bytes;
    } finally {
      await mutex.runExclusive(() => inProgress.delete(n));
    }
  }

  /** Under the mutex: what is known of n now, or the computation that has just been started. */
  function lookUp(n: number): { bytes: Uint8Array } | { computing: Promise<Uint8Array> } {
    const bytes = cached(n);
    if (bytes !== undefined) return { bytes };
    const computing = inProgress.get(n) ?? computeAndKeep(n);
    inProgress.set(n, computing);
    return { computing };
  }

  return {
    async compute(n) {
      const found = await mutex.runExclusive(() => lookUp(n));
      if ('bytes' in found) return { bytes: found.bytes, hit: true };
      return { bytes: await found.computing, hit: false };
    },
    async close() {
      await allStarted(starts, threads);
      await pool.destroy();
    },
  };
}
