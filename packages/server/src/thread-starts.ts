import { setTimeout as sleep } from 'node:timers/promises';

/** Shared by a pool and its threads: how many of them have loaded their code. */
export type ThreadStarts = Int32Array;

/** How long threads that are still starting are waited for before a pool ends. */
const startingMsMax = 5000;

export function createThreadStarts(): ThreadStarts {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
}

/** Called by a thread while its code is loaded. */
export function reportStart(starts: ThreadStarts): void {
  // Code that is loading runs to its end first; piscina's threads come to no later turn by themselves.
  queueMicrotask(() => Atomics.add(starts, 0, 1));
}

/**
 * Resolves when `threads` threads have started: Node aborts the whole process when a thread is
 * ended while it loads its code.
 */
export async function allStarted(starts: ThreadStarts, threads: number): Promise<void> {
  const end = performance.now() + startingMsMax;
  while (Atomics.load(starts, 0) < threads && performance.now() < end) await sleep(5);
}
