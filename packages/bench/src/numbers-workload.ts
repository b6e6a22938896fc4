import { FactRequest, FactResponse, SetNumRequest } from '@tally/stubs';
import type { Contender } from './contenders.js';
import { type UnaryLoad, unaryRate } from './unary-load.js';

interface NumbersRound {
  readonly setNumRate: number;
  readonly factRate: number;
  readonly numbersPeakMiB: number;
}

/** As many tasks as the assignment's client has. */
const connections = 8;

/** As many numbers as the cache of factorials has entries, so that every Fact is a hit. */
const cachedNumbers = 10;

/** Measures SetNum over 100 keys, then Fact of numbers that are all in the cache. */
export async function measureNumbers(contender: Contender, seconds: number): Promise<NumbersRound> {
  const server = await contender.start('numstore');
  const load = (calls: Pick<UnaryLoad, 'path' | 'requests' | 'check'>, forSeconds: number) =>
    unaryRate({ ...calls, address: server.address, connections, seconds: forSeconds });

  // The same warm-up for all, uncounted: a second of each. It also fills the cache.
  await load(setNumCalls, 1);
  const setNumRate = await load(setNumCalls, seconds);
  await load({ ...factCalls, check: () => true }, 1);
  const factRate = await load(factCalls, seconds);
  const numbersPeakMiB = server.peakMiB();
  await server.stop();
  return { setNumRate, factRate, numbersPeakMiB };
}

const keys = Array.from({ length: 100 }, (_, i) => `key${i}`);

const setNumCalls = {
  path: '/NumStore/SetNum',
  requests: keys.map((key, i) =>
    SetNumRequest.encode({ key, value: BigInt((i % cachedNumbers) + 1) }).finish(),
  ),
  check: () => true,
};

const factCalls = {
  path: '/NumStore/Fact',
  requests: keys.map((key) => FactRequest.encode({ key }).finish()),
  check: (response: Uint8Array) => FactResponse.decode(response).hit,
};
