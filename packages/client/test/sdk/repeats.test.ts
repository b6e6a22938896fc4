import { NumberServiceDefinition, TableServiceDefinition } from '@tally/stubs';
import { type CallContext, createServer, ServerError, Status } from 'nice-grpc';
import { Any, RetryInfo } from 'nice-grpc-error-details';
import { Status as RichStatus } from 'nice-grpc-error-details/lib/proto/google/rpc/status.js';
import { describe, expect, onTestFinished, test } from 'vitest';
import { replyLosingProxy } from '../reply-losing-proxy.js';
import { all, connected, failureOf, sharedTally } from './connection.js';
import { partOf } from './part-of-service.js';

const shared = sharedTally();

describe('a reply that is lost after the commit', () => {
  const throughProxy = async () =>
    connected(`127.0.0.1:${await replyLosingProxy(shared.server.port)}`);

  test('of an addition: it is added once', async () => {
    const tally = await throughProxy();
    expect(await tally.numbers.add('once', 5)).toMatchObject({ value: 5n });
    expect(await shared.tally.numbers.get('once')).toBe(5n);
  });

  test('of an upload: the file is kept once', async () => {
    const tally = await throughProxy();
    const before = await shared.tally.tables.describe();
    await tally.tables.upload(Buffer.from('x\n1\n'));
    const after = await shared.tally.tables.describe();
    expect(after.chunks).toBe(before.chunks + 1);
  });

  test('of a stream: it cannot be read again, so the call fails', async () => {
    const tally = await throughProxy();
    const error = await failureOf(tally.tables.upload(['x\n1\n']));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', attempts: 1 });
  });

  test('of a table that is made: nobody knows whether it was, so the call fails', async () => {
    const tally = await throughProxy();
    expect(await failureOf(tally.tables.create('lost'))).toMatchObject({ code: 'UNAVAILABLE' });
    expect(await shared.tally.tables.describe({ table: 'lost' })).toMatchObject({ rows: 0 });
  });
});

/** Makes every call fail as `fault` says, and counts them; stopped when the test is over. */
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
  const call = (_: unknown, context: CallContext) => answer(context);
  const server = createServer();
  server.add(partOf(NumberServiceDefinition, 'setNumber', 'getNumber'), {
    setNumber: call,
    getNumber: call,
  });
  server.add(partOf(TableServiceDefinition, 'createTable', 'export'), {
    createTable: call,
    async *export(_: unknown, context: CallContext) {
      await answer(context);
      yield { arrowIpc: Buffer.from('the first piece') };
      throw new ServerError(Status.UNAVAILABLE, 'gone in the middle');
    },
  });
  onTestFinished(() => server.forceShutdown());
  const address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
  return { tally: await connected(address), keys };
}

const unavailable = () => new ServerError(Status.UNAVAILABLE, 'gone');

/** RESOURCE_EXHAUSTED with nothing but RetryInfo, as a server in another language says it. */
function busy(context: CallContext, retryMs: number): ServerError {
  const retryDelay = { seconds: Math.floor(retryMs / 1000), nanos: (retryMs % 1000) * 1e6 };
  const value = RetryInfo.encode(RetryInfo.fromPartial({ retryDelay })).finish();
  const detail = Any.fromPartial({ typeUrl: `type.googleapis.com/${RetryInfo.$type}`, value });
  const status = RichStatus.fromPartial({ code: 8, message: 'busy', details: [detail] });
  context.trailer.set('grpc-status-details-bin', RichStatus.encode(status).finish());
  return new ServerError(Status.RESOURCE_EXHAUSTED, 'busy');
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

describe('idempotency keys', () => {
  test('each change has one of its own, the same in all its attempts', async () => {
    const { tally, keys } = await failingServer((call) => (call % 2 ? unavailable() : undefined));
    await tally.numbers.set('a', 1);
    await tally.numbers.set('a', 1);
    const [first, , second] = keys;
    expect(keys).toEqual([first, first, second, second]);
    expect(first).toMatch(uuid);
    expect(second).not.toBe(first);
  });

  test('the one that is given is sent; with a single attempt there is none', async () => {
    const { tally, keys } = await failingServer(() => undefined);
    await tally.numbers.set('a', 1, { idempotencyKey: 'mine', attempts: 1 });
    await tally.numbers.set('a', 1, { attempts: 1 });
    await tally.numbers.get('a');
    expect(keys).toEqual(['mine', undefined, undefined]);
  });
});

describe('what is tried again', () => {
  test('RESOURCE_EXHAUSTED with RetryInfo, after the time that it says', async () => {
    const { tally } = await failingServer((call, context) =>
      call === 1 ? busy(context, 300) : undefined,
    );
    const startMs = performance.now();
    await tally.numbers.get('a');
    expect(performance.now() - startMs).toBeGreaterThan(290);
  });

  test('not RESOURCE_EXHAUSTED without it: the error has the details', async () => {
    const { tally, keys } = await failingServer(
      () => new ServerError(Status.RESOURCE_EXHAUSTED, 'full'),
    );
    const error = await failureOf(tally.numbers.get('a'));
    expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED', retryDelayMs: undefined });
    expect(keys).toHaveLength(1);
  });

  test('a call without a key if the server has asked for that, and not if it was lost', async () => {
    const asked = await failingServer((call, context) => (call < 3 ? busy(context, 1) : undefined));
    await asked.tally.tables.create('t');
    expect(asked.keys).toHaveLength(3);
    const lost = await failingServer(unavailable);
    expect(await failureOf(lost.tally.tables.create('t'))).toMatchObject({ attempts: 1 });
    expect(lost.keys).toHaveLength(1);
  });

  test('as often as it is told; the error says how often that was, and when to come back', async () => {
    const { tally, keys } = await failingServer((_, context) => busy(context, 7));
    const error = await failureOf(tally.numbers.get('a', { attempts: 3 }));
    expect(error).toMatchObject({ attempts: 3, retryDelayMs: 7 });
    expect(error.message).toBe('RESOURCE_EXHAUSTED: busy; tried 3 times');
    expect(keys).toHaveLength(3);
  });

  test('a stream until its first piece has come, and not after it', async () => {
    const { tally, keys } = await failingServer((call) => (call < 3 ? unavailable() : undefined));
    const pieces: string[] = [];
    const read = async () => {
      for await (const piece of tally.tables.export()) pieces.push(Buffer.from(piece).toString());
    };
    expect((await failureOf(read())).sentence).toBe('gone in the middle');
    expect(pieces).toEqual(['the first piece']);
    expect(keys).toHaveLength(3);
  });
});

describe('an AbortSignal ends a call with its reason', () => {
  const reason = new Error('enough');

  test('before it, and while pages are listed', async () => {
    const { numbers } = shared.tally;
    const signal = AbortSignal.abort(reason);
    await expect(numbers.stats({ signal })).rejects.toBe(reason);
    await expect(all(numbers.list({ signal }))).rejects.toBe(reason);
    await expect(shared.tally.tables.upload('/nosuch', { signal })).rejects.toThrow();
  });

  test('while it waits for the server', async () => {
    const enough = new AbortController();
    const { tally } = await failingServer(() => {
      enough.abort(reason);
      return unavailable();
    });
    await expect(tally.numbers.get('a', { signal: enough.signal })).rejects.toBe(reason);
  });

  test('while it waits for the next attempt', async () => {
    const enough = new AbortController();
    const { tally, keys } = await failingServer((_, context) => {
      setTimeout(() => enough.abort(reason), 50);
      return busy(context, 20_000);
    });
    const startMs = performance.now();
    await expect(tally.numbers.get('a', { signal: enough.signal })).rejects.toBe(reason);
    expect(performance.now() - startMs).toBeLessThan(15_000);
    expect(keys).toHaveLength(1);
  });

  test('while a file is sent: nothing is kept', async () => {
    const before = await shared.tally.tables.describe();
    const enough = new AbortController();
    async function* endless() {
      yield 'x\n';
      for (;;) {
        yield '1\n'.repeat(1000);
        setTimeout(() => enough.abort(reason), 50);
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    const upload = shared.tally.tables.upload(endless(), { signal: enough.signal });
    await expect(upload).rejects.toBe(reason);
    expect(await shared.tally.tables.describe()).toEqual(before);
  });
});

test('a call that takes too long is DEADLINE_EXCEEDED, and not tried again', async () => {
  const server = createServer();
  let calls = 0;
  const getNumber = (): Promise<never> => {
    calls++;
    return new Promise(() => {});
  };
  server.add(partOf(NumberServiceDefinition, 'getNumber'), { getNumber });
  onTestFinished(() => server.forceShutdown());
  const address = `127.0.0.1:${await server.listen('127.0.0.1:0')}`;
  const tally = await connected(address, { deadlineMs: 400 });
  expect(await failureOf(tally.numbers.get('a'))).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect(await failureOf(tally.numbers.get('a', { deadlineMs: 200 }))).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
  });
  // One that a busy machine does not get out in time never comes.
  expect(calls).toBeLessThanOrEqual(2);
});

test('Aggregate tells how far it is', async () => {
  const server = createServer();
  const aggregate = async function* () {
    yield { progress: { chunksDone: 1n, chunks: 2n, bytesRead: 300n } };
    yield { result: { version: 4n, columns: [] } };
  };
  server.add(partOf(TableServiceDefinition, 'aggregate'), { aggregate });
  onTestFinished(() => server.forceShutdown());
  const tally = await connected(`127.0.0.1:${await server.listen('127.0.0.1:0')}`);
  const told: unknown[] = [];
  const result = await tally.tables.aggregate(['x'], { onProgress: (each) => told.push(each) });
  expect(told).toEqual([{ chunksDone: 1, chunks: 2, bytesRead: 300 }]);
  expect(result).toEqual({ version: 4, columns: [] });
});
