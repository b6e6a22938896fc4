import { open } from 'lmdb';
import { type ClientError, Status } from 'nice-grpc';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type NumberStore, openNumberStore } from '../src/numbers/store.js';
import { badKeys, dyingBeforeReply, keyed } from './keyed-calls.js';
import { type Connection, sharedServer, withFolder, withProcess, withServer } from './server.js';

const int64Max = 2n ** 63n - 1n;

const failure = (code: Status, details: unknown) => ({ code, details });

/** The failure of a call. */
async function failureOf(call: Promise<unknown>): Promise<ClientError> {
  return call.then(
    () => Promise.reject(new Error('the call did not fail')),
    (error: ClientError) => error,
  );
}

describe('a set with an idempotency key', () => {
  const shared = sharedServer();

  const set = (key: string, value: bigint, idempotencyKey?: string) => {
    const call = idempotencyKey === undefined ? undefined : keyed(idempotencyKey);
    return shared.connection.numbers
      .setNum({ key, value }, call)
      .then(({ total }) => ({ total, isReplay: call?.isReplay() ?? false }));
  };

  test('has one effect and one answer, however often it comes', async () => {
    const first = await set('a', 5n, 'once');
    const { total } = await set('a', 7n);
    expect(await set('a', 5n, 'once')).toEqual({ total: first.total, isReplay: true });
    // The number is still 7: setting it to 7 again changes nothing.
    expect(await set('a', 7n)).toEqual({ total, isReplay: false });
  });

  test('has one effect when it comes 20 times at once', async () => {
    const others = Array.from({ length: 20 }, (_, i) => set('b', BigInt(i), `other-${i}`));
    await Promise.all(others);
    const answers = await Promise.all(Array.from({ length: 20 }, () => set('b', 50n, 'twenty')));
    expect(new Set(answers.map(({ total }) => total)).size).toBe(1);
    expect(answers.filter(({ isReplay }) => !isReplay)).toHaveLength(1);
  });

  test.each([
    { what: 'value', key: 'c', value: 2n },
    { what: 'key', key: 'd', value: 1n },
  ])('is refused with another $what, and nothing is changed', async ({ what, key, value }) => {
    const { total } = await set('c', 1n, `another-${what}`);
    expect(await failureOf(set(key, value, `another-${what}`))).toMatchObject(
      failure(
        Status.INVALID_ARGUMENT,
        `setting "${key}" to ${value} has the idempotency key of another SetNum: each needs a key ` +
          'of its own; nothing was changed',
      ),
    );
    expect((await set('c', 1n)).total).toBe(total);
    expect((await shared.connection.numbers.fact({ key: 'd' })).error).toMatch(
      /^no number is called "d"/,
    );
  });

  test('that was refused is refused again, also when there is room', async () => {
    const { total } = await set('e', 0n);
    await set('e', int64Max - total);
    const call = keyed('no-room');
    const refused = () =>
      failureOf(shared.connection.numbers.setNum({ key: 'f', value: 1n }, call));
    const sentence = expect.stringMatching(/^setting "f" to 1 would take the total past int64/);
    expect(await refused()).toMatchObject(failure(Status.OUT_OF_RANGE, sentence));
    expect(call.isReplay()).toBe(false);
    await set('e', 0n);
    expect(await refused()).toMatchObject(failure(Status.OUT_OF_RANGE, sentence));
    expect(call.isReplay()).toBe(true);
    expect((await set('f', 1n)).total).toBe(total + 1n);
  });

  test.each(['k', '!~'.repeat(64)])('may have the key %s', async (key) => {
    expect((await set('g', 1n, key)).isReplay).toBe(false);
    expect((await set('g', 1n, key)).isReplay).toBe(true);
  });

  test.each(badKeys)('must not have $name', async ({ key, sentence }) => {
    expect(await failureOf(set('g', 1n, key))).toMatchObject(
      failure(Status.INVALID_ARGUMENT, sentence),
    );
  });
});

test('a set whose reply was lost because the server was killed has one effect', () =>
  withFolder(async (dataDir) => {
    const set = ({ numbers }: Connection) => {
      const call = keyed('lost');
      return numbers
        .setNum({ key: 'a', value: 5n }, call)
        .then(({ total }) => [total, call.isReplay()]);
    };
    await withProcess({ dataDir, nodeArgs: dyingBeforeReply }, async (_server, connection) => {
      expect(await failureOf(set(connection))).toMatchObject({ code: Status.UNAVAILABLE });
    });
    await withServer({ dataDir }, async (_server, connection) => {
      await connection.numbers.setNum({ key: 'a', value: 1n });
      expect(await set(connection)).toEqual([5n, true]);
      expect(await connection.numbers.setNum({ key: 'b', value: 0n })).toEqual({ total: 1n });
    });
  }));

test('there are at most --keys-max numbers, and those that exist can be set', () =>
  withServer({ args: ['--keys-max', '3'] }, async (_server, { numbers }) => {
    const set = (key: string, value: bigint) =>
      numbers.setNum({ key, value }).then(({ total }) => total);
    for (const key of ['a', 'b', 'a', 'c']) await set(key, 1n);
    expect(await failureOf(numbers.setNum({ key: 'd', value: 1n }, keyed('later')))).toMatchObject(
      failure(
        Status.RESOURCE_EXHAUSTED,
        'setting "d" to 1 would make one number more than the 3 that are allowed (--keys-max of the ' +
          'server); those that exist can be set; nothing was changed',
      ),
    );
    expect(await set('c', 2n)).toBe(4n);
    expect((await numbers.fact({ key: 'd' })).error).toMatch(/^no number is called "d"/);
  }));

describe('the store', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  const limits = { keysMax: 10, idempotencyKeysMax: 3, idempotencyHours: 24 };
  const openStore = (dataDir: string, changed: Partial<typeof limits> = {}) =>
    openNumberStore({ dataDir, durability: 'memory', ...limits, ...changed });

  const set = (store: NumberStore, key: string, value: bigint, idempotencyKey?: string) =>
    store.change({ call: 'set', operations: [{ kind: 'set', key, value }], idempotencyKey });

  /** Sets a number with each key; resolves to which of them were known. */
  async function known(store: NumberStore, ...keys: string[]): Promise<string[]> {
    const replays: string[] = [];
    for (const key of keys) {
      const { isReplay } = await set(store, 'n', 1n, key);
      if (isReplay) replays.push(key);
    }
    return replays;
  }

  test('forgets the oldest key when there are too many', () =>
    withFolder(async (dataDir) => {
      const store = await openStore(dataDir);
      expect(await known(store, 'a', 'b', 'c')).toEqual([]);
      expect(await known(store, 'a', 'b', 'c')).toEqual(['a', 'b', 'c']);
      expect(await known(store, 'd')).toEqual([]);
      expect(await known(store, 'b', 'c', 'd')).toEqual(['b', 'c', 'd']);
      expect(await known(store, 'a')).toEqual([]);
      expect(await known(store, 'c', 'd', 'a')).toEqual(['c', 'd', 'a']);
      await store.close();
      // With a smaller limit, what is too much goes at the next sets.
      const smaller = await openStore(dataDir, { idempotencyKeysMax: 1 });
      expect(await known(smaller, 'e', 'd', 'a')).toEqual([]);
      expect(await known(smaller, 'a')).toEqual(['a']);
      await smaller.close();
    }));

  test('forgets keys when their time is over', () =>
    withFolder(async (dataDir) => {
      const start = Date.parse('2026-03-01T12:00:00Z');
      const at = (hours: number) => vi.setSystemTime(start + hours * 3_600_000);
      vi.useFakeTimers({ toFake: ['Date'] });
      at(0);
      const store = await openStore(dataDir);
      expect(await known(store, 'a', 'b')).toEqual([]);
      at(23.999);
      expect(await known(store, 'a', 'c')).toEqual(['a']);
      at(24);
      expect(await known(store, 'a', 'c')).toEqual(['c']);
      expect(await known(store, 'a', 'b', 'c')).toEqual(['a', 'c']);
      at(47.5);
      // a came again at 24 h: what it was at first is over, and it is not.
      expect(await known(store, 'd')).toEqual([]);
      expect(await known(store, 'a', 'b', 'd')).toEqual(['a', 'b', 'd']);
      await store.close();
    }));

  test('keeps a key that came again when what it was before goes', () =>
    withFolder(async (dataDir) => {
      const start = Date.parse('2026-03-01T12:00:00Z');
      vi.useFakeTimers({ toFake: ['Date'], now: start });
      const store = await openStore(dataDir, { idempotencyKeysMax: 6 });
      expect(await known(store, 'a', 'b', 'c', 'd', 'e', 'f')).toEqual([]);
      vi.setSystemTime(start + 24 * 3_600_000);
      // Each set removes a few old keys, so f is there twice for a moment.
      expect(await known(store, 'f', 'g', 'h', 'i', 'j', 'k')).toEqual([]);
      expect(await known(store, 'f')).toEqual(['f']);
      await store.close();
    }));

  test('counts the numbers of data that is older than the count', () =>
    withFolder(async (dataDir) => {
      const binary = { keyEncoding: 'binary', encoding: 'binary' } as const;
      const older = open({ path: `${dataDir}/numbers` });
      const one = Buffer.from([0, 0, 0, 0, 0, 0, 0, 1]);
      await older.openDB<Buffer, Buffer>('values', binary).put(Buffer.from('a'), one);
      await older.openDB<Buffer, Buffer>('sums', binary).put(Buffer.from('total'), one);
      await older.close();
      const store = await openStore(dataDir, { keysMax: 2 });
      expect((await set(store, 'b', 1n)).outcome).toMatchObject({ total: 2n });
      expect((await set(store, 'c', 1n)).outcome).toMatchObject({ refusal: 'too many numbers' });
      expect((await set(store, 'a', 5n)).outcome).toMatchObject({ total: 6n });
      await store.close();
    }));
});
