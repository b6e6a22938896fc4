// A file that one thread writes while another reads it.

/** Shared between threads: the bytes that are in the file, and whether more will follow. */
export type Growth = BigInt64Array<SharedArrayBuffer>;

const [bytesAt, stateAt] = [0, 1];
const [growing, complete, brokenOff] = [0n, 1n, 2n];

/** How long a reader waits for more: a slow client must not keep a thread from other work. */
const waitMs = 100;

/** The file cannot be converted while it grows: it comes slowly, or one pass is not enough. */
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
export function completeGrowth(growth: Growth): void {
  endAs(growth, complete);
}

/** Says that the file will never be complete, if it is not yet: nobody is to wait for it. */
export function breakOffGrowth(growth: Growth): void {
  if (Atomics.load(growth, stateAt) === growing) endAs(growth, brokenOff);
}

function endAs(growth: Growth, state: bigint): void {
  Atomics.store(growth, stateAt, state);
  Atomics.notify(growth, bytesAt);
}

/** The end of what can be read of a file, and whether it is the end of the file. */
export interface Extent {
  readonly to: number;
  readonly isEnd: boolean;
}

/** Waits until the file has bytes past `position`, or is complete. Throws SlowGrowthError. */
export function waitForGrowth(growth: Growth, position: number): Extent {
  for (let waited: string = 'not-equal'; ; ) {
    // In this order: what is complete has all its bytes.
    const state = Atomics.load(growth, stateAt);
    const bytes = Atomics.load(growth, bytesAt);
    if (state === complete || (state === growing && bytes > position)) {
      return { to: Number(bytes), isEnd: state === complete };
    }
    // Looked at again after the last wait: its end does not change the bytes.
    if (state === brokenOff || waited === 'timed-out') throw new SlowGrowthError();
    waited = Atomics.wait(growth, bytesAt, bytes, waitMs);
  }
}
