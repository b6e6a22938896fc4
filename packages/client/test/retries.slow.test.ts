import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type LaunchedServer, launchServer } from '@tally/server/launch';
import { NumStoreDefinition, TableDefinition, TableServiceDefinition } from '@tally/stubs';
import { type CallContext, createServer, ServerError, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { pauseBeforeNext } from '../dist/sdk/repeated-call.js';
import { replyLosingProxy } from './reply-losing-proxy.js';
import { spawnTally, tally } from './run-tally.js';
import { partOf } from './sdk/part-of-service.js';
import { temporaryFolder } from './temporary-folder.js';

describe('a reply that is lost after the commit', () => {
  let server: LaunchedServer;
  beforeAll(async () => {
    server = await launchServer({ args: ['--message-bytes-max', '65536'] });
  });
  afterAll(() => server.stop());

  const sum = async (column: string) => {
    const { stdout } = await tally(['csvsum', column, '--port', String(server.port)]);
    return stdout.split('\n')[1];
  };

  test.each([
    { call: 'unary', rows: 10, refusals: 0 },
    // The server takes no message of that size, so the file comes in pieces then.
    { call: 'streamed', rows: 40_000, refusals: 1 },
  ])('of a $call upload: the file is kept once', async ({ call, rows, refusals }) => {
    const cwd = await temporaryFolder({ 'x.csv': `${call}\n${'1\n'.repeat(rows)}` });
    const port = await replyLosingProxy(server.port, refusals);
    const uploaded = await tally(['upload', 'x.csv', '--port', String(port)], { cwd });
    expect(uploaded).toEqual({ code: 0, stdout: 'success\n', stderr: '' });
    expect(await sum(call)).toBe(String(rows));
  });

  test('of a sum: it is asked for again', async () => {
    const port = await replyLosingProxy(server.port);
    const { code, stdout } = await tally(['csvsum', 'nobody has it', '--port', String(port)]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/ ms\n0\n$/);
  });

  test.each([
    { attempts: '2', failed: 0, code: 0 },
    { attempts: '1', failed: 1, code: 3 },
  ])('of a request of the workload with --attempts $attempts: $failed failed', async (it) => {
    const port = String(await replyLosingProxy(server.port));
    const few = ['--tasks', '1', '--requests', '20', '--seed', '1', '--json'];
    const { code, stdout } = await tally(['start', port, ...few, '--attempts', it.attempts]);
    expect(code).toBe(it.code);
    expect(JSON.parse(stdout).cold.failedRequests).toBe(it.failed);
  });
});

test('a server that is killed and started again during bigdata has every batch once', async () => {
  const dataDir = await temporaryFolder({});
  const first = await launchServer({ dataDir });
  const { port } = first;
  const log = path.join(dataDir, 'tables', 'default', 'delta', '_delta_log');
  const size = ['--batches', '60', '--rows', '500', '--parallel', '2'];
  const run = spawnTally(['bigdata', ...size, '--port', String(port)]);
  while ((await readdir(log)).length < 5) await delay(1);
  first.process.kill('SIGKILL');
  await once(first.process, 'exit');
  const second = await launchServer({ dataDir, port });
  try {
    const { code, stderr } = await run.ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { stdout } = await tally(['csvsum', 'x', '--port', String(port)]);
    expect(stdout).toMatch(/\n30000\n$/);
  } finally {
    await second.stop();
  }
});

/** A server of which each call fails that `fault` gives a reason for; stopped when the test is over. */
async function failingServer(
  fault: (call: number, context: CallContext) => ServerError | undefined,
) {
  const keys: (string | undefined)[] = [];
  async function answer(context: CallContext) {
    keys.push(context.metadata.get('tally-idempotency-key'));
    const error = fault(keys.length, context);
    if (error !== undefined) throw error;
    return {};
  }
  const server = createServer();
  const upload = (_: unknown, context: CallContext) => answer(context);
  server.add(TableDefinition, { upload, colSum: upload });
  server.add(NumStoreDefinition, { setNum: upload, fact: upload });
  server.add(partOf(TableServiceDefinition, 'upload'), {
    async upload(requests, context) {
      for await (const _ of requests);
      return answer(context);
    },
  });
  onTestFinished(() => server.forceShutdown());
  return { port: String(await server.listen('127.0.0.1:0')), keys };
}

const unavailable = () => new ServerError(Status.UNAVAILABLE, 'gone');

function pushback(context: CallContext, pauseMs: string): ServerError {
  context.trailer.set('grpc-retry-pushback-ms', pauseMs);
  return new ServerError(Status.RESOURCE_EXHAUSTED, 'busy');
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

test('each file has a key of its own, and each attempt to upload it the same', async () => {
  const { port, keys } = await failingServer((call, context) =>
    call % 3 === 0 ? undefined : pushback(context, '0'),
  );
  const cwd = await temporaryFolder({ 'a.csv': 'x\n1\n' });
  const { code } = await tally(['upload', 'a.csv', 'a.csv', '--port', port], { cwd });
  expect(code).toBe(0);
  const [first, , , second] = keys;
  expect(keys).toEqual([first, first, first, second, second, second]);
  expect(first).toMatch(uuid);
  expect(second).toMatch(uuid);
  expect(second).not.toBe(first);
});

test('a file that is sent in pieces after it was refused in one keeps its key', async () => {
  const { port, keys } = await failingServer((call) => {
    if (call === 1) return unavailable();
    return call === 2 ? new ServerError(Status.RESOURCE_EXHAUSTED, 'too large') : undefined;
  });
  const cwd = await temporaryFolder({ 'a.csv': 'x\n1\n' });
  const uploaded = await tally(['upload', 'a.csv', '--port', port], { cwd });
  expect(uploaded).toEqual({ code: 0, stdout: 'success\n', stderr: '' });
  // The first attempt may have been kept, and its reply lost.
  expect(keys).toEqual(Array(3).fill(keys[0]));
  expect(keys[0]).toMatch(uuid);
});

test('each set of a workload that is repeated has a key of its own, and nothing else has one', async () => {
  const { port, keys } = await failingServer((call) =>
    call % 2 === 0 ? undefined : unavailable(),
  );
  const few = ['--tasks', '1', '--requests', '6', '--seed', '1'];
  await tally(['start', port, ...few, '--attempts', '2']);
  expect(keys).toHaveLength(12);
  expect(keys.filter((_, i) => i % 2 === 0)).toEqual(keys.filter((_, i) => i % 2 === 1));
  const ofSets = keys.filter((key) => key !== undefined);
  expect(ofSets.length).toBeLessThan(12);
  expect(ofSets.length).toBe(2 * new Set(ofSets).size);
  keys.length = 0;
  await tally(['start', port, ...few]);
  expect(keys).toEqual(Array(6).fill(undefined));
});

test('when every attempt fails, the message says how many there were', async () => {
  const { port, keys } = await failingServer(unavailable);
  const run = await tally(['csvsum', 'x', '--port', port, '--attempts', '3']);
  expect(run).toMatchObject({ code: 3, stdout: '' });
  expect(run.stderr).toMatch(
    /^\/Table\/ColSum did not get through to the server at \S+ \(gone; tried 3 times\): see whether /,
  );
  expect(keys).toHaveLength(3);
});

test('what the server refuses for good is not tried again', async () => {
  const { port, keys } = await failingServer((_, context) => pushback(context, '-1'));
  const run = await tally(['csvsum', 'x', '--port', port]);
  expect(run).toEqual({ code: 1, stdout: '', stderr: 'RESOURCE_EXHAUSTED: busy\n' });
  expect(keys).toHaveLength(1);
});

test('a server that does not answer is waited for until the deadline, once', async () => {
  const server = createServer();
  let calls = 0;
  const never = (): Promise<never> => {
    calls++;
    return new Promise(() => {});
  };
  server.add(TableDefinition, { upload: never, colSum: never });
  onTestFinished(() => server.forceShutdown());
  const port = String(await server.listen('127.0.0.1:0'));
  const run = await tally(['csvsum', 'x', '--port', port, '--deadline', '100ms']);
  expect(run).toMatchObject({ code: 1, stdout: '' });
  expect(run.stderr).toMatch(
    /^\/Table\/ColSum of the server at \S+ took longer than its deadline: /,
  );
  expect(calls).toBe(1);
});

describe('the pause before the next attempt', () => {
  const { UNAVAILABLE, CANCELLED, RESOURCE_EXHAUSTED, INTERNAL } = Status;

  test.each([
    { attempt: 1, longestMs: 100 },
    { attempt: 2, longestMs: 200 },
    { attempt: 6, longestMs: 3200 },
    { attempt: 7, longestMs: 5000 },
    { attempt: 100, longestMs: 5000 },
  ])('after attempt $attempt is a random one of up to $longestMs ms', ({ attempt, longestMs }) => {
    const pauses = Array.from({ length: 200 }, () =>
      pauseBeforeNext(attempt, UNAVAILABLE, undefined),
    );
    for (const pause of pauses) {
      expect(pause).toBeGreaterThanOrEqual(longestMs / 2);
      expect(pause).toBeLessThanOrEqual(longestMs);
    }
    expect(new Set(pauses).size).toBeGreaterThan(100);
  });

  test.each([
    { code: UNAVAILABLE, pushback: '7', pauseMs: 7 },
    { code: RESOURCE_EXHAUSTED, pushback: '0', pauseMs: 0 },
    { code: RESOURCE_EXHAUSTED, pushback: '30000', pauseMs: 30_000 },
    { code: RESOURCE_EXHAUSTED, pushback: '30001', pauseMs: 30_000 },
    { code: RESOURCE_EXHAUSTED, pushback: '-1', pauseMs: undefined },
    { code: RESOURCE_EXHAUSTED, pushback: 'soon', pauseMs: undefined },
    { code: RESOURCE_EXHAUSTED, pushback: undefined, pauseMs: undefined },
    { code: INTERNAL, pushback: undefined, pauseMs: undefined },
    { code: INTERNAL, pushback: '7', pauseMs: undefined },
  ])('with $code and pushback $pushback is $pauseMs', ({ code, pushback, pauseMs }) => {
    expect(pauseBeforeNext(1, code, pushback)).toBe(pauseMs);
  });

  test('is there too when a server that ends has cancelled the call', () => {
    expect(pauseBeforeNext(1, CANCELLED, undefined)).toBeGreaterThan(0);
  });
});
