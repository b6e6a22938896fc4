import { FactRequest, FactResponse, SetNumRequest } from '@tally/stubs';
import { unaryRate } from '../unary-load.js';
import { inTurn, type Samples } from './in-turn.js';
import { type MeasuredServer, startRaw, startTally } from './measured-server.js';

export interface UnaryOverheadOptions {
  readonly rounds: number;
  /** How long the load lasts in each round, after a warm-up. */
  readonly seconds: number;
  /** More flags for Tally. */
  readonly tallyFlags?: readonly string[];
}

/** What a server reaches with Fact calls whose answers are all cached. */
export interface UnaryOverhead {
  readonly callsPerSecond: number;
  /** CPU time of the server, of all its threads, in microseconds. */
  readonly cpuUsPerCall: number;
}

const connections = 8;
const warmUpSeconds = 2;

/** As many numbers as the cache of factorials has entries, so that every Fact is a hit. */
const keys = Array.from({ length: 10 }, (_, n) => `key${n + 1}`);

/** The speed and the CPU time of a cached Fact of Tally, and of a server with @grpc/grpc-js alone. */
export function measureUnaryOverhead(
  options: UnaryOverheadOptions,
): Promise<Samples<'tally' | 'raw', UnaryOverhead>> {
  return inTurn(options.rounds, {
    tally: () => measure(() => startTally(options.tallyFlags), options.seconds),
    raw: () => measure(startRaw, options.seconds),
  });
}

async function measure(
  start: () => Promise<MeasuredServer>,
  seconds: number,
): Promise<UnaryOverhead> {
  const server = await start();
  const address = `127.0.0.1:${server.port}`;
  try {
    await unaryRate({ address, connections: 1, seconds: 0.3, ...setNum, check: () => true });
    await unaryRate({ address, connections, seconds: warmUpSeconds, ...fact, check: () => true });
    const cpuBeforeMs = server.cpuMs();
    const startMs = performance.now();
    const callsPerSecond = await unaryRate({
      address,
      connections,
      seconds,
      ...fact,
      check: isHit,
    });
    const calls = (callsPerSecond * (performance.now() - startMs)) / 1000;
    return { callsPerSecond, cpuUsPerCall: ((server.cpuMs() - cpuBeforeMs) * 1000) / calls };
  } finally {
    await server.stop();
  }
}

const setNum = {
  path: '/NumStore/SetNum',
  requests: keys.map((key, n) => SetNumRequest.encode({ key, value: BigInt(n + 1) }).finish()),
};

const fact = {
  path: '/NumStore/Fact',
  requests: keys.map((key) => FactRequest.encode({ key }).finish()),
};

const isHit = (response: Uint8Array) => FactResponse.decode(response).hit;
