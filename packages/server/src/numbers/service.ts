import type { FactRequest, FactResponse, SetNumRequest, SetNumResponse } from '@tally/stubs';
import type { Config } from '../config.js';
import { idempotencyKeyOf, markReplay } from '../rpc/idempotency-key.js';
import { type ShortMethod, throwIfOver } from '../rpc/short-calls.js';
import { whenOpened } from '../rpc/when-opened.js';
import { fromBigEndian } from './factorial.js';
import { createFactorials, type Factorials } from './factorials.js';
import { checkKey, noSuchNumberSentence, quoted, refusalError } from './refusals.js';
import { type Change, type NumberStore, openNumberStore } from './store.js';

/** The numbers and their factorials. */
export interface Numbers {
  readonly store: NumberStore;
  readonly factorials: Factorials;
  close(): Promise<void>;
}

export async function openNumbers(config: Config): Promise<Numbers> {
  const store = await openNumberStore(config);
  const factorials = createFactorials(config.factorialThreads);
  return {
    store,
    factorials,
    async close() {
      await factorials.close();
      await store.close();
    },
  };
}

/** 20! is the largest factorial that fits into int64. */
const int64FactorialMax = 20n;

/** Methods that need nothing of their calls but the request. */
export interface NumStore {
  readonly setNum: ShortMethod<SetNumRequest, Partial<SetNumResponse>>;
  readonly fact: ShortMethod<FactRequest, Partial<FactResponse>>;
}

/** The existing clients' NumStore; calls wait until `opening` has resolved. */
export function numStoreService(opening: Promise<Numbers>, config: Config): NumStore {
  const open = whenOpened(opening);
  return {
    async setNum({ key, value }, call) {
      checkKey(key, config.keyBytesMax);
      const idempotencyKey = idempotencyKeyOf(call);
      const { store } = await open(call.stages);
      throwIfOver(call);
      const change: Change = {
        call: 'set',
        operations: [{ kind: 'set', key, value }],
        idempotencyKey,
      };
      call.stages.enter('commit');
      const { outcome, isReplay } = await store.change(change);
      if (isReplay) markReplay(call);
      if ('refusal' in outcome) throw refusalError(outcome, change, config.keysMax, 'SetNum');
      return { total: outcome.total };
    },

    async fact({ key }, call) {
      checkKey(key, config.keyBytesMax);
      const { store, factorials } = await open(call.stages);
      throwIfOver(call);
      call.stages.enter('read');
      const n = store.get(key);
      if (n === undefined) return { error: noSuchNumberSentence(key) };
      const fault = factorialFault(key, n, config.factorialMax);
      if (fault !== undefined) return { error: fault };
      const { bytes, hit } = await factorials.compute(Number(n), call.stages);
      return { value: fromBigEndian(bytes), hit };
    },
  };
}

/** Why the number `n` has no factorial that this service can give; undefined if it has one. */
function factorialFault(key: string, n: bigint, factorialMax: number): string | undefined {
  if (n < 0n) {
    return `${quoted(key)} is ${n}: a negative number has no factorial, 0 to 20 are allowed`;
  }
  if (n > BigInt(factorialMax)) {
    return `${quoted(key)} is ${n}: factorials are computed up to ${factorialMax} only`;
  }
  if (n > int64FactorialMax) {
    return `${quoted(key)} is ${n}: ${n}! does not fit into int64, 0 to 20 are allowed`;
  }
  return undefined;
}
