// A file that one thread writes while another reads it.

/** Shared between threads: the bytes that are in the file, and 1 once none will follow. */
export type Growth = BigInt64Array<SharedArrayBuffer>;

const [bytesAt, completeAt] = [0, 1];

/** How long a reader waits for more: a slow client must not keep a thread from other work. */
const waitMs = 100;

/** The file does not grow fast enough to be read while it does. */
export class SlowGrowthError extends Error {}

export function createGrowth(): Growth {
  return new BigInt64Array(new SharedArrayBuffer(16));
}

/** Says that the file has `bytes` now. */
export function grow(growth: Growth, bytes: number): void {
  Atomics.store(growth, bytesAt, BigInt(bytes));
  Atomics.notify(growth, bytesAt);
}

/** Says that the file is complete. */
export function endGrowth(growth: Growth): void {
  Atomics.store(growth, completeAt, 1n);
  Atomics.notify(growth, bytesAt);
}

/** The end of what can be read of a file, and whether it is the end of the file. */
export interface Extent {
  readonly to: number;
  readonly isEnd: boolean;
}

/** Waits until the file has bytes past `position`, or is complete. Throws SlowGrowthError. */
export function waitForGrowth(growth: Growth, position: number): Extent {
  for (;;) {
    // In this order: what is complete has all its bytes.
    const isEnd = Atomics.load(growth, completeAt) === 1n;
    const bytes = Atomics.load(growth, bytesAt);
    if (isEnd || bytes > position) return { to: Number(bytes), isEnd };
    if (Atomics.wait(growth, bytesAt, bytes, waitMs) === 'timed-out') throw new SlowGrowthError();
  }
}
