import { createHash } from 'node:crypto';

/** Tells whether two sets are the same, whatever their order, in the memory of two numbers. */
export interface Fingerprint {
  add(...element: readonly unknown[]): void;
  /** How many elements, and the sum of their hashes. */
  value(): FingerprintValue;
}

export interface FingerprintValue {
  readonly count: number;
  readonly sum: bigint;
}

export function createFingerprint(): Fingerprint {
  let count = 0;
  let sum = 0n;
  return {
    add(...element) {
      const hash = createHash('sha256').update(JSON.stringify(element)).digest();
      sum = BigInt.asUintN(64, sum + hash.readBigUInt64LE());
      count++;
    },
    value: () => ({ count, sum }),
  };
}

export const sameFingerprint = (a: FingerprintValue, b: FingerprintValue): boolean =>
  a.count === b.count && a.sum === b.sum;
