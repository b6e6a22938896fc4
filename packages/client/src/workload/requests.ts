import type { Random } from './random.js';

/** From what the requests of a workload are drawn. */
export interface RequestMix {
  /** How many keys there are. */
  readonly keys: number;
  /** Largest value that is set; the smallest is 1. */
  readonly values: number;
}

/** One request of the NumStore workload. */
export type WorkloadRequest =
  | { readonly method: 'SetNum'; readonly key: string; readonly value: bigint }
  | { readonly method: 'Fact'; readonly key: string };

/** Draws the next request: SetNum or Fact with even odds, any key, any value from 1. */
export function nextRequest(random: Random, { keys, values }: RequestMix): WorkloadRequest {
  const isSetNum = random(2) === 0;
  const key = `key-${random(keys)}`;
  return isSetNum
    ? { method: 'SetNum', key, value: BigInt(1 + random(values)) }
    : { method: 'Fact', key };
}
