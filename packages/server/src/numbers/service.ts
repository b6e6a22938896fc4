import type { FactRequest, FactResponse, SetNumRequest, SetNumResponse } from '@tally/stubs';
import { ServerError, Status } from 'nice-grpc';
import type { Config } from '../config.js';
import { idempotencyKeyOf, markReplay } from '../rpc/idempotency-key.js';
import { type ShortMethod, throwIfOver } from '../rpc/short-calls.js';
import { fromBigEndian } from './factorial.js';
import { createFactorials, type Factorials } from './factorials.js';
import { type NumberStore, openNumberStore, type SetRefusal } from './store.js';

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
  return {
    async setNum({ key, value }, call) {
      checkKey(key, config.keyBytesMax);
      const idempotencyKey = idempotencyKeyOf(call);
      const { store } = await opening;
      throwIfOver(call);
      const { outcome, isReplay } = await store.set(key, value, idempotencyKey);
      if (isReplay) markReplay(call);
      if (typeof outcome === 'bigint') return { total: outcome };
      throw refusalError(outcome, `setting ${quoted(key)} to ${value}`, config.keysMax);
    },

    async fact({ key }, call) {
      checkKey(key, config.keyBytesMax);
      const { store, factorials } = await opening;
      throwIfOver(call);
      const n = store.get(key);
      if (n === undefined) return { error: `no number is called ${quoted(key)}: set it first` };
      const fault = factorialFault(key, n, config.factorialMax);
      if (fault !== undefined) return { error: fault };
      const { bytes, hit } = await factorials.compute(Number(n));
      return { value: fromBigEndian(bytes), hit };
    },
  };
}

// An empty key is what a client with other field numbers sends: it must not read a silent 0.
function checkKey(key: string, keyBytesMax: number): void {
  const bytes = Buffer.byteLength(key);
  if (bytes === 0) {
    throw new ServerError(
      Status.INVALID_ARGUMENT,
      `the key is empty: 1 to ${keyBytesMax} bytes of UTF-8 are allowed`,
    );
  }
  if (bytes > keyBytesMax) {
    throw new ServerError(
      Status.INVALID_ARGUMENT,
      `the key has ${bytes} bytes: 1 to ${keyBytesMax} bytes of UTF-8 are allowed`,
    );
  }
}

function refusalError(refusal: SetRefusal, attempt: string, keysMax: number): ServerError {
  const nothing = 'nothing was changed';
  if (refusal === 'past int64') {
    return new ServerError(
      Status.OUT_OF_RANGE,
      `${attempt} would take the total past int64; ${nothing}`,
    );
  }
  if (refusal === 'too many numbers') {
    return new ServerError(
      Status.RESOURCE_EXHAUSTED,
      `${attempt} would make one number more than the ${keysMax} that are allowed (--keys-max of ` +
        `the server); those that exist can be set; ${nothing}`,
    );
  }
  return new ServerError(
    Status.INVALID_ARGUMENT,
    `${attempt} has the idempotency key of another SetNum: each needs a key of its own; ${nothing}`,
  );
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

/** A key as it is shown in messages: quoted, and cut when it is long. */
function quoted(key: string): string {
  return JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key);
}
