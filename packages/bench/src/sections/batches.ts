import { connect } from 'node:http2';
import {
  BatchNumbersRequest,
  GetNumberRequest,
  GetNumberResponse,
  SetNumRequest,
} from '@tally/stubs';
import { type BenchRun, inTurn } from '../bench-run.js';
import { tally } from '../contenders.js';
import { killedIn } from '../memory/group-memory.js';
import { startLimited } from '../memory/limited-server.js';
import { MemorySampler, totalOf } from '../memory/memory-sampler.js';
import type { Comparison, SectionResult } from '../report/comparison.js';
import { call, frame, type UnaryLoad, unaryRate } from '../unary-load.js';
import { limited } from './memory.js';

const connections = 8;
const batchOperations = 1000;
const batchFactor = 40;
const warmUpSeconds = 1;

const few = 1000;
const many = 10_000_000;
const manyQuick = 100_000;
/** As many operations as a batch may have. */
const fillOperations = 10_000;
/** Requests that are encoded before a load: of random keys, again and again. */
const requestsHeld = 20_000;
/** Among many numbers each call may take twice as long. */
const manyFactor = 0.5;
const limitMB = 512;

const setNumPath = '/NumStore/SetNum';
const getNumberPath = '/tally.v1.NumberService/GetNumber';
const batchPath = '/tally.v1.NumberService/BatchNumbers';

const unaryName = 'Tally, SetNum';
const fewName = `Tally, ${few.toLocaleString('en-US')} numbers`;

/** Sets in batches beside single ones; and numbers by the million within 512 MB. */
export async function batches(run: BenchRun): Promise<SectionResult> {
  const count = run.options.quick ? manyQuick : many;
  const amongMany = await manyNumbers(run, count);
  return {
    comparisons: [await batchRates(run), ...amongMany.comparisons],
    notes: [
      `${connections} connections, each with one call at a time; every answer follows an fsync.`,
      ...amongMany.notes,
    ],
  };
}

/** Sets per second: by BatchNumbers, and by SetNum, of the same server in turn. */
async function batchRates({ options }: BenchRun): Promise<Comparison> {
  const server = await tally.start('numstore');
  const load = (calls: Calls, seconds: number) =>
    unaryRate({ ...calls, address: server.address, connections, seconds });
  const contestants = [
    { name: 'Tally', calls: batchCalls(), sets: batchOperations, samples: [] as number[] },
    { name: unaryName, calls: setCalls(batchOperations), sets: 1, samples: [] as number[] },
  ];
  try {
    for (const { calls } of contestants) await load(calls, warmUpSeconds);
    await inTurn(options.rounds, contestants, async ({ calls, sets, samples }) => {
      samples.push((await load(calls, options.seconds)) * sets);
    });
  } finally {
    await server.stop();
  }
  return {
    work: `sets, in batches of ${batchOperations.toLocaleString('en-US')}`,
    unit: 'numbers/s',
    better: 'higher',
    contestants: contestants.map(({ name, samples }) => ({ name, setting: '', samples })),
    bars: [{ timesBetterThan: unaryName, factor: batchFactor }],
  };
}

/** What a server of many numbers, within the limit, and one of few do in the same rounds. */
async function manyNumbers({ options }: BenchRun, count: number): Promise<SectionResult> {
  const large = await startLimited();
  const small = await tally.start('numstore');
  const sampler = new MemorySampler(large.group);
  try {
    const fillMs = await fill(large, count);
    await fill(small, few);
    const contestants = [
      { name: 'Tally', numbers: count, address: large.address },
      { name: fewName, numbers: few, address: small.address },
    ].map((one) => ({ ...one, sets: [] as number[], gets: [] as number[] }));
    await inTurn(options.rounds, contestants, async ({ numbers, address, sets, gets }) => {
      const rate = async (calls: Calls) => {
        await unaryRate({ ...calls, address, connections, seconds: warmUpSeconds });
        return unaryRate({ ...calls, address, connections, seconds: options.seconds });
      };
      sets.push(await rate(setCalls(numbers)));
      gets.push(await rate(getCalls(numbers)));
    });
    const among = `of ${count.toLocaleString('en-US')} numbers`;
    const rates = (work: string, kind: 'sets' | 'gets'): Comparison => ({
      work: `${work} ${among}`,
      unit: 'calls/s',
      better: 'higher',
      contestants: contestants.map((one) => ({ name: one.name, setting: '', samples: one[kind] })),
      bars: [{ timesBetterThan: fewName, factor: manyFactor }],
    });
    const peakMB = totalOf(sampler.takePeak().peak) / 1e6;
    return {
      comparisons: [
        rates('set one', 'sets'),
        rates('get one', 'gets'),
        limited(`peak memory ${among}`, 'MB', peakMB, limitMB),
        limited('processes killed', 'processes', killedIn(large.group), 0),
      ],
      notes: [
        `The many are within ${large.how}, and were made in ${(fillMs / 1000).toFixed(1)} s by ` +
          `batches of ${fillOperations.toLocaleString('en-US')}. Single calls are of random numbers.`,
      ],
    };
  } finally {
    sampler.stop();
    await large.stop();
    await small.stop();
  }
}

/** Makes so many numbers; resolves to how long that took, in milliseconds. */
async function fill({ address }: { readonly address: string }, numbers: number): Promise<number> {
  const startMs = performance.now();
  const session = connect(`http://${address}`);
  try {
    for (let from = 0; from < numbers; from += fillOperations) {
      const to = Math.min(from + fillOperations, numbers);
      await call(session, batchPath, frame(batchOf(from, to)));
    }
  } finally {
    session.destroy();
  }
  return performance.now() - startMs;
}

type Calls = Pick<UnaryLoad, 'path' | 'requests' | 'check'>;

const keyOf = (i: number) => `key${i}`;

const batchOf = (from: number, to: number) =>
  BatchNumbersRequest.encode(
    BatchNumbersRequest.fromPartial({
      operations: Array.from({ length: to - from }, (_, i) => ({
        key: keyOf(from + i),
        set: BigInt(from + i + 1),
      })),
    }),
  ).finish();

const batchCalls = (): Calls => ({
  path: batchPath,
  requests: [batchOf(0, batchOperations)],
  check: ({ length }) => length > 0,
});

const randomKeys = (count: number) =>
  Array.from({ length: Math.min(count, requestsHeld) }, () => Math.floor(Math.random() * count));

const setCalls = (count: number): Calls => ({
  path: setNumPath,
  requests: randomKeys(count).map((i) =>
    SetNumRequest.encode({ key: keyOf(i), value: BigInt(i + 1) }).finish(),
  ),
  check: ({ length }) => length > 0,
});

const getCalls = (count: number): Calls => ({
  path: getNumberPath,
  requests: randomKeys(count).map((i) => GetNumberRequest.encode({ key: keyOf(i) }).finish()),
  check: (response) => GetNumberResponse.decode(response).value > 0n,
});
