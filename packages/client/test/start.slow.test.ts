import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RoundSummary, WorkloadSummary } from '../dist/workload/summary.js';
import { failingProxy } from './failing-proxy.js';
import { recordingServer } from './recording-server.js';
import { tally } from './run-tally.js';

let server: LaunchedServer;

beforeAll(async () => {
  server = await launchServer();
});
afterAll(() => server.stop());

/** Runs the workload with --json. */
async function workload(port: number, ...args: string[]): Promise<WorkloadSummary> {
  const { code, stdout, stderr } = await tally(['start', String(port), '--json', ...args]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((a, b) => a + b, 0);
}

function expectToAddUp(round: RoundSummary, requests: number): void {
  const { responseTime, setNumRequests, factRequests } = round;
  expect(round.requests).toBe(requests);
  expect(setNumRequests + factRequests).toBe(requests);
  expect(round.failedRequests).toBe(0);
  expect(round.failedRequestsByStatus).toEqual({});
  expect(responseTime.all.replies).toBe(requests);
  expect(responseTime.setNum.replies).toBe(setNumRequests);
  expect(responseTime.fact.replies).toBe(factRequests);
  expect(round.factErrorReplies).toBe(sum(round.factErrorRepliesBySentence));
  expect(round.factsFound + round.factErrorReplies).toBe(factRequests);
  expect(round.cacheHits).toBeGreaterThan(0);
  expect(round.cacheHitRate).toBe(round.cacheHits / round.factsFound);
  expect(round.throughputPerSecond).toBeCloseTo(requests / (round.durationMs / 1000), 6);
  for (const { p50Ms, p99Ms } of [responseTime.all, responseTime.setNum, responseTime.fact]) {
    expect(p50Ms).toBeGreaterThan(0);
    expect(p99Ms).toBeGreaterThanOrEqual(p50Ms ?? Number.POSITIVE_INFINITY);
    expect(p99Ms).toBeLessThan(round.durationMs);
  }
}

describe('as text', () => {
  const time = '[0-9]+\\.[0-9]{2} ms';
  const numbers = [
    'requests +800 \\([0-9]+ SetNum, [0-9]+ Fact\\)',
    'failed requests +0',
    'Fact replies with an error +[0-9]+ \\(.*not failures\\)',
    'cache hit rate +[0-9]+\\.[0-9] % \\([0-9]+ hits in [0-9]+ Fact calls that found a number\\)',
    ...['all', 'SetNum', 'Fact'].flatMap((kind) => [
      `p50 response time, ${kind} +${time}`,
      `p99 response time, ${kind} +${time}`,
    ]),
    'throughput +[0-9,]+ requests/s \\(800 replies in [0-9]+\\.[0-9] ms\\)',
  ];

  test('one cold round, with every number labelled', async () => {
    const { code, stdout, stderr } = await tally(['start', String(server.port), '--seed', '42']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`127.0.0.1:${server.port}`);
    expect(stdout).toMatch(/8 tasks × 100 requests/);
    expect(stdout).toMatch(/100 keys, values 1 to 15, seed 42$/m);
    expect(stdout).toMatch(/^Cold round/m);
    expect(stdout).not.toMatch(/^Warm round/m);
    for (const number of numbers) expect(stdout).toMatch(new RegExp(`^  ${number}$`, 'm'));
  });

  test('a warm round besides the cold one, with --warmup', async () => {
    const { code, stdout } = await tally(['start', String(server.port), '--warmup', '300']);
    expect(code).toBe(0);
    const [, cold, warm] = stdout.split(/^(?=Cold round|Warm round)/m);
    expect(warm).toMatch(/^Warm round \(after 300 uncounted requests\)$/m);
    for (const number of numbers) {
      expect(cold).toMatch(new RegExp(`^  ${number}$`, 'm'));
      expect(warm).toMatch(new RegExp(`^  ${number}$`, 'm'));
    }
  });
});

describe('as JSON', () => {
  test('the counts add up; a key that is not set yet is a reply, not a failure', async () => {
    const empty = await launchServer();
    try {
      // The seed is fixed, so that the 2,800 requests before the warm round set all 100 keys for sure.
      const args = ['--warmup', '2000', '--seed', '1'];
      const { cold, warm, warmupRequests } = await workload(empty.port, ...args);
      expectToAddUp(cold, 800);
      expect(Object.keys(cold.factErrorRepliesBySentence)).toEqual([
        expect.stringMatching(/<key>.*set/),
      ]);
      expect(warmupRequests).toBe(2000);
      if (warm === undefined) expect.fail('there is no warm round');
      expectToAddUp(warm, 800);
      expect(warm.factErrorReplies).toBe(0);
    } finally {
      await empty.stop();
    }
  });

  test('values past 20 have no factorial in int64: one kind of error, whatever the number', async () => {
    const { cold } = await workload(server.port, '--values', '40', '--keys', '10');
    expectToAddUp(cold, 800);
    const kinds = Object.keys(cold.factErrorRepliesBySentence);
    expect(kinds.filter((kind) => kind.includes('does not fit'))).toEqual([
      expect.stringMatching(/<n>! does not fit.*0 to 20/),
    ]);
  });

  test('a method without a reply has no response time', async () => {
    const { cold } = await workload(server.port, '--tasks', '1', '--requests', '1');
    const { setNum, fact } = cold.responseTime;
    expect([setNum, fact]).toContainEqual({ replies: 0, p50Ms: null, p99Ms: null });
  });
});

describe('what is sent', () => {
  test('100 requests on each of 8 connections, over the keys and values that were asked for', async () => {
    const recording = await recordingServer();
    const { cold } = await workload(recording.port);
    expect(recording.sent().map((requests) => requests.length)).toEqual(Array(8).fill(100));
    const requests = recording.sent().flat();
    for (const request of requests) {
      expect(request).toMatch(/^(SetNum key-[0-9]{1,2} ([1-9]|1[0-5])|Fact key-[0-9]{1,2})$/);
    }
    expect(requests.filter((request) => request.startsWith('SetNum')).length).toBe(
      cold.setNumRequests,
    );
  });

  test('--seed reproduces it, and the seed is printed', async () => {
    const sent = async (...args: string[]) => {
      const recording = await recordingServer();
      const { seed } = await workload(recording.port, '--tasks', '3', ...args);
      // In which order the connections come is left to chance.
      return { seed, requests: recording.sent().map(String).toSorted() };
    };
    const drawn = await sent('--warmup', '100');
    expect(await sent('--warmup', '100', '--seed', String(drawn.seed))).toEqual(drawn);
    expect((await sent('--warmup', '100')).requests).not.toEqual(drawn.requests);
  });

  test('--warmup sends its requests between the rounds, spread over the tasks', async () => {
    const recording = await recordingServer();
    const args = ['--tasks', '3', '--requests', '10', '--warmup', '8'];
    const { cold, warm } = await workload(recording.port, ...args);
    const counts = recording.sent().map((requests) => requests.length);
    expect(counts.toSorted()).toEqual([22, 23, 23]);
    expect([cold.requests, warm?.requests]).toEqual([30, 30]);
  });
});

test('calls that fail are counted by gRPC status, and the exit code is 1', async () => {
  const tablesOnly = await launchServer({ args: ['--services', 'tables'] });
  try {
    const { code, stdout, stderr } = await tally(['start', '--port', String(tablesOnly.port)]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Requests to the server at .* failed\.\n$/);
    expect(stdout).toMatch(/^ {2}requests +800 /m);
    expect(stdout).toMatch(/^ {2}failed requests +800, by gRPC status:\n +800 × UNIMPLEMENTED$/m);
    expect(stdout).toMatch(/^ {2}p50 response time, all +no reply$/m);
    expect(stdout).toMatch(/^ {2}cache hit rate +none /m);
  } finally {
    await tablesOnly.stop();
  }
});

test('a server that is lost during the run: its failures are counted, and the exit code is 3', async () => {
  const port = await failingProxy(server.port, 20_000);
  const args = ['start', String(port), '--requests', '400'];
  const { code, stdout, stderr } = await tally(args);
  expect(code).toBe(3);
  expect(stderr).toMatch(/^The connection to the server at .* was lost during the run: .*\n$/);
  expect(stdout).toMatch(/^ {2}requests +3,200 /m);
  expect(stdout).toMatch(/^ {4}[0-9,]+ × UNAVAILABLE$/m);
});
