import type { RootDatabase } from 'lmdb';

/** How many keys are kept, and for how long. */
export interface KeyLimits {
  readonly idempotencyKeysMax: number;
  readonly idempotencyHours: number;
}

/** Idempotency keys, each with what was done for it, in an LMDB environment. */
export interface RememberedKeys<Record> {
  /** What is recorded for a key; undefined if nothing is, or if it is too old. */
  get(key: string): Record | undefined;
  /**
   * Records what was done for a key at a time, in milliseconds since 1970.
   *
   * To be called in a transaction of the environment: the key is there if, and only if, what else
   * the transaction writes is. Removes a few of the oldest keys that are too old or too many; one
   * whose record takes more room than most counts as `weight` keys.
   */
  put(key: string, record: Record, atMs: number, weight?: number): void;
  /** Forgets everything; in a transaction too. */
  clear(): void;
}

/** Keys that one `put` removes at most: more than it adds, so that what is too much goes. */
const removalsMax = 4;

type Stored<Record> = readonly [number: number, atMs: number, record: Record];

/** Numbers that are in use: from `first` up to, and without, `next`. */
type Numbers = readonly [first: number, next: number];

/**
 * Opens the keys of an environment, for records of what MessagePack can hold.
 *
 * Keys are numbered as they come; one of weight 3 takes three numbers, and has the first. A queue has
 * the key of each number; it only grows at its end and shrinks at its start, so its two ends say how
 * long it is: LMDB's own count takes time.
 */
export function openRememberedKeys<Record>(
  environment: RootDatabase,
  { idempotencyKeysMax, idempotencyHours }: KeyLimits,
): RememberedKeys<Record> {
  const keptMs = idempotencyHours * 3_600_000;
  const records = environment.openDB<Stored<Record>, string>('idempotency-keys', {});
  const queue = environment.openDB<string, number>('idempotency-queue', {});
  const ends = environment.openDB<Numbers, string>('idempotency-ends', {});
  const isTooOld = (atMs: number) => Date.now() - atMs >= keptMs;

  // A key that came again, after it was too old, has a later number.
  function removeIfSurplus(number: number, key: string, next: number): boolean {
    const stored = records.get(key);
    const isLatest = stored !== undefined && stored[0] === number;
    const isSurplus = next - number >= idempotencyKeysMax;
    if (isLatest && !isSurplus && !isTooOld(stored[1])) return false;
    if (isLatest) records.remove(key);
    queue.remove(number);
    return true;
  }

  return {
    get(key) {
      const stored = records.get(key);
      return stored === undefined || isTooOld(stored[1]) ? undefined : stored[2];
    },

    put(key, record, atMs, weight = 1) {
      if (isTooOld(atMs)) return;
      const [first, number] = ends.get(endsKey) ?? [0, 0];
      const next = number + weight;
      let oldest = first;
      const queued = [...queue.getRange({ start: first, end: number, limit: removalsMax })];
      for (const { key: one, value } of queued) {
        if (!removeIfSurplus(one, value, next - 1)) break;
        oldest = one + 1;
      }
      records.put(key, [number, atMs, record]);
      queue.put(number, key);
      ends.put(endsKey, [oldest, next]);
    },

    clear() {
      for (const database of [records, queue, ends]) database.clearSync();
    },
  };
}

const endsKey = 'ends';
