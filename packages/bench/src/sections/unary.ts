import { fileURLToPath } from 'node:url';
import { FactRequest, FactResponse, SetNumRequest } from '@tally/stubs';
import { type BenchRun, inTurn } from '../bench-run.js';
import { tally } from '../contenders.js';
import type { SectionResult } from '../report/comparison.js';
import { type RunningServer, startServer } from '../running-server.js';
import { unaryRate } from '../unary-load.js';

const rawName = '@grpc/grpc-js alone';
const rawServer = fileURLToPath(new URL('../raw-server.js', import.meta.url));
const connections = 8;
const warmUpSeconds = 2;

/** What a server reaches with Fact calls whose answers are all cached. */
interface UnaryCost {
  readonly callsPerSecond: number;
  /** CPU time of the server, of all its threads, in microseconds. */
  readonly cpuUsPerCall: number;
}

/** What a cached Fact costs Tally, and a server that has @grpc/grpc-js and nothing else. */
export async function unary({ options }: BenchRun): Promise<SectionResult> {
  const contestants = [
    { name: 'Tally', start: () => tally.start('numstore'), samples: [] as UnaryCost[] },
    {
      name: rawName,
      start: () => startServer(process.execPath, [rawServer], {}),
      samples: [] as UnaryCost[],
    },
  ];
  await inTurn(options.rounds, contestants, async ({ start, samples }) => {
    const server = await start();
    samples.push(await measure(server, options.seconds));
    await server.stop();
  });
  const samplesOf = (value: (cost: UnaryCost) => number) =>
    contestants.map(({ name, samples }) => ({ name, setting: '', samples: samples.map(value) }));
  return {
    comparisons: [
      {
        work: 'Fact, cached',
        unit: 'calls/s',
        better: 'higher',
        contestants: samplesOf(({ callsPerSecond }) => callsPerSecond),
        bars: [{ timesBetterThan: rawName, factor: 0.9 }],
      },
      {
        work: "the server's CPU time",
        unit: 'µs a call',
        better: 'lower',
        contestants: samplesOf(({ cpuUsPerCall }) => cpuUsPerCall),
        bars: [{ atMostTimes: 1.1, of: rawName }],
      },
    ],
    notes: [
      `${connections} connections, each with one call at a time. The other server answers from ` +
        'Maps with the same transport and encoders; it keeps and checks nothing.',
    ],
  };
}

async function measure({ address, cpuMs }: RunningServer, seconds: number): Promise<UnaryCost> {
  await unaryRate({ address, connections: 1, seconds: 0.3, ...setNum, check: () => true });
  await unaryRate({ address, connections, seconds: warmUpSeconds, ...fact, check: () => true });
  const cpuBeforeMs = cpuMs();
  const startMs = performance.now();
  const callsPerSecond = await unaryRate({ address, connections, seconds, ...fact, check: isHit });
  const calls = (callsPerSecond * (performance.now() - startMs)) / 1000;
  return { callsPerSecond, cpuUsPerCall: ((cpuMs() - cpuBeforeMs) * 1000) / calls };
}

/** As many numbers as the cache of factorials has entries, so that every Fact is a hit. */
const keys = Array.from({ length: 10 }, (_, n) => `key${n + 1}`);

const setNum = {
  path: '/NumStore/SetNum',
  requests: keys.map((key, n) => SetNumRequest.encode({ key, value: BigInt(n + 1) }).finish()),
};

const fact = {
  path: '/NumStore/Fact',
  requests: keys.map((key) => FactRequest.encode({ key }).finish()),
};

const isHit = (response: Uint8Array) => FactResponse.decode(response).hit;
