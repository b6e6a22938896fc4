/** Shared between threads: once it is not 0, nobody waits for what a task would answer. */
export type Stop = Int32Array<SharedArrayBuffer>;

/** Thrown in a thread out of a task that nobody waits for. */
export class StoppedError extends Error {}

export function createStop(): Stop {
  return new Int32Array(new SharedArrayBuffer(4));
}

export function setStop(stop: Stop): void {
  Atomics.store(stop, 0, 1);
}

export function isStopped(stop: Stop): boolean {
  return Atomics.load(stop, 0) !== 0;
}

/** Throws StoppedError if nobody waits any more. */
export function throwIfStopped(stop: Stop): void {
  if (isStopped(stop)) throw new StoppedError('the call was cancelled');
}

/** Sets `stop` when the signal is aborted, for as long as `work` takes. */
export async function stoppedBy<T>(
  signal: AbortSignal,
  stop: Stop,
  work: () => Promise<T>,
): Promise<T> {
  const onAbort = () => setStop(stop);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await work();
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Rejects with the signal's reason once it is aborted, whatever becomes of the promise. */
export async function orAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  let onAbort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
  });
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
