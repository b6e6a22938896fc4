import { execFileSync, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { type ClientError, Status } from 'nice-grpc';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LaunchedServer, launchServer } from '../dist/launch.js';
import {
  type Connection,
  callWithBytes,
  connect,
  endWith,
  withFolder,
  withProcess,
  withServer,
} from './server.js';

const numbersOnly = ['--services', 'numbers'];

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

type Numbers = Connection['numbers'];

const total = async (numbers: Numbers) => (await numbers.setNum({ key: '-', value: 0n })).total;

/** The number that a key stands for, as far as Fact tells: it names those that it refuses. */
async function refusedNumber(numbers: Numbers, key: string): Promise<bigint> {
  const { error } = await numbers.fact({ key });
  const named = / is (-?\d+): /.exec(error)?.[1];
  if (named === undefined) throw new Error(`Fact of ${key} names no number: ${error}`);
  return BigInt(named);
}

/** A key of `count` times `character`. */
const long = (character: string, count: number) => character.repeat(count);

describe('NumStore', () => {
  let server: LaunchedServer;
  let connection: Connection;
  let numbers: Numbers;
  beforeAll(async () => {
    server = await launchServer({ args: numbersOnly });
    connection = connect(server);
    numbers = connection.numbers;
  });
  afterAll(async () => {
    connection.close();
    await server.stop();
  });

  it('computes the factorial of each number from 0 to 20 exactly', async () => {
    let expected = 1n;
    for (let n = 0n; n <= 20n; n++) {
      if (n > 0n) expected *= n;
      await numbers.setNum({ key: 'n', value: n });
      expect(await numbers.fact({ key: 'n' })).toMatchObject({ value: expected, error: '' });
    }
  });

  it.each([
    {
      what: 'a key that was never set',
      key: 'never set',
      sentence: 'no number is called "never set": set it first',
    },
    {
      what: 'a negative number',
      key: 'negative',
      value: -1n,
      sentence: '"negative" is -1: a negative number has no factorial, 0 to 20 are allowed',
    },
    {
      what: 'the smallest number',
      key: 'smallest',
      value: int64Min,
      sentence: `"smallest" is ${int64Min}: a negative number has no factorial, 0 to 20 are allowed`,
    },
    {
      what: '21, whose factorial is past int64',
      key: 'n',
      value: 21n,
      sentence: '"n" is 21: 21! does not fit into int64, 0 to 20 are allowed',
    },
    {
      what: 'the largest n that is computed',
      key: 'n',
      value: 1_000_000n,
      sentence: '"n" is 1000000: 1000000! does not fit into int64, 0 to 20 are allowed',
    },
    {
      what: 'one past the largest n that is computed',
      key: 'n',
      value: 1_000_001n,
      sentence: '"n" is 1000001: factorials are computed up to 1000000 only',
    },
    {
      what: 'a key that a message cannot show as it is',
      key: `\u0000"${long('🎲', 60)}`,
      sentence: `no number is called "\\u0000\\"${long('🎲', 31)}…": set it first`,
    },
  ])('answers Fact of $what with a sentence, and the next call is right', async (example) => {
    const { key, value, sentence } = example;
    if (value !== undefined) await numbers.setNum({ key, value });
    expect(await numbers.fact({ key })).toEqual({ value: 0n, hit: false, error: sentence });
    await numbers.setNum({ key, value: 5n });
    expect(await numbers.fact({ key })).toMatchObject({ value: 120n, error: '' });
    await numbers.setNum({ key, value: 0n });
  });

  const badKeys = [
    { what: 'no key', key: '', sentence: 'the key is empty: 1 to 1024 bytes of UTF-8 are allowed' },
    {
      what: 'a key of 1,025 bytes',
      key: long('k', 1025),
      sentence: 'the key has 1025 bytes: 1 to 1024 bytes of UTF-8 are allowed',
    },
    {
      what: 'a key of 513 characters of two bytes',
      key: long('é', 513),
      sentence: 'the key has 1026 bytes: 1 to 1024 bytes of UTF-8 are allowed',
    },
  ];
  const calls = {
    SetNum: (key: string) => numbers.setNum({ key, value: 1n }),
    Fact: (key: string) => numbers.fact({ key }),
  };
  const badCalls = Object.entries(calls).flatMap(([method, call]) =>
    badKeys.map((bad) => ({ ...bad, method, call })),
  );
  it.each(badCalls)('refuses $method with $what', async ({ key, sentence, call }) => {
    const before = await total(numbers);
    await expect(call(key)).rejects.toMatchObject({
      code: Status.INVALID_ARGUMENT,
      details: sentence,
    });
    expect(await total(numbers)).toBe(before);
  });

  it('refuses the request of a client with other field numbers', async () => {
    // Field 3, a string: "key".
    const message = Buffer.from([0x1a, 3, ...Buffer.from('key')]);
    for (const path of ['/NumStore/SetNum', '/NumStore/Fact']) {
      await expect(callWithBytes(server, path, message), path).rejects.toMatchObject({
        code: Status.INVALID_ARGUMENT,
      });
    }
  });

  it('refuses bytes that are no message, and goes on', async () => {
    await expect(
      callWithBytes(server, '/NumStore/SetNum', Buffer.from([0xff, 0xff])),
    ).rejects.toMatchObject({ code: Status.INVALID_ARGUMENT });
    expect(await total(numbers)).toBe(await total(numbers));
  });

  it.each([
    { what: 'one byte', key: 'k' },
    { what: '1,024 bytes', key: long('k', 1024) },
    { what: '512 characters of two bytes', key: long('é', 512) },
    { what: '256 characters of four bytes', key: long('🎲', 256) },
    { what: 'a NUL', key: '\u0000' },
    { what: 'control characters', key: '\u0001\u0002\u001f\u007f\r\n\t' },
    { what: 'spaces', key: '  ' },
    { what: 'a byte order mark', key: '\ufeff' },
    { what: 'the last code point', key: '\u{10ffff}' },
    { what: '__proto__', key: '__proto__' },
    { what: 'constructor', key: 'constructor' },
    { what: "the name of the store's own total", key: 'total' },
  ])('keeps a number under a key of $what', async ({ key }) => {
    const before = await total(numbers);
    expect(await numbers.fact({ key })).toMatchObject({ error: expect.stringContaining('set it') });
    expect(await numbers.setNum({ key, value: 4n })).toEqual({ total: before + 4n });
    expect(await numbers.fact({ key })).toMatchObject({ value: 24n, error: '' });
    expect(await numbers.setNum({ key, value: 0n })).toEqual({ total: before });
  });

  it('tells keys apart that differ in one byte, or in their way of writing é', async () => {
    const keys = ['x', 'X', 'x ', 'x\u0000', '\u0000x', 'é', 'e\u0301'];
    for (const [n, key] of keys.entries()) await numbers.setNum({ key, value: BigInt(n + 100) });
    for (const [n, key] of keys.entries()) {
      expect(await refusedNumber(numbers, key)).toBe(BigInt(n + 100));
      await numbers.setNum({ key, value: 0n });
    }
  });

  it('shows a Fact every SetNum that was answered before it, on any connection', async () => {
    const other = connect(server);
    for (let i = 0n; i < 200n; i++) {
      await numbers.setNum({ key: 'seen', value: 100n + i });
      expect(await refusedNumber(other.numbers, 'seen')).toBe(100n + i);
    }
    other.close();
    await numbers.setNum({ key: 'seen', value: 0n });
  });

  it('keeps the total of any numbers under any keys, and never past int64', async () => {
    const key = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
    const value = fc.bigInt({ min: int64Min, max: int64Max });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(key, value), { maxLength: 12 }), async (sets) => {
        const model = new Map<string, bigint>();
        let sum = await total(numbers);
        for (const [key, value] of sets) {
          const after = sum - (model.get(key) ?? 0n) + value;
          const answer = numbers.setNum({ key, value });
          if (after < int64Min || after > int64Max) {
            await expect(answer).rejects.toMatchObject({ code: Status.OUT_OF_RANGE });
          } else {
            expect(await answer).toEqual({ total: after });
            model.set(key, value);
            sum = after;
          }
        }
        // Back to zero, the large ones of either sign in turn, so that no step is out of range.
        const left = [...model].sort(([, a], [, b]) => (a < b ? -1 : a > b ? 1 : 0));
        while (left.length > 0) {
          const [key] = (sum < 0n ? left.shift() : left.pop()) ?? ['-', 0n];
          sum = (await numbers.setNum({ key, value: 0n })).total;
        }
        expect(sum).toBe(0n);
      }),
      { numRuns: 40 },
    );
  });
});

describe('a new server', () => {
  it("gives the assignment's answers: 1, 11, 15, 5, 120, then a hit", async () => {
    await withServer({ args: numbersOnly }, async (_server, { numbers }) => {
      expect(await numbers.setNum({ key: 'A', value: 1n })).toEqual({ total: 1n });
      expect(await numbers.setNum({ key: 'B', value: 10n })).toEqual({ total: 11n });
      expect(await numbers.setNum({ key: 'A', value: 5n })).toEqual({ total: 15n });
      expect(await numbers.setNum({ key: 'B', value: 0n })).toEqual({ total: 5n });
      expect(await numbers.fact({ key: 'A' })).toEqual({ value: 120n, hit: false, error: '' });
      expect(await numbers.fact({ key: 'A' })).toEqual({ value: 120n, hit: true, error: '' });
      await numbers.setNum({ key: 'C', value: 5n });
      expect(await numbers.fact({ key: 'C' })).toEqual({ value: 120n, hit: true, error: '' });
    });
  });

  it.each([
    { edge: int64Max, past: 1n },
    { edge: int64Min, past: -1n },
  ])('takes the total to $edge and no further', async ({ edge, past }) => {
    await withServer({ args: numbersOnly }, async (_server, { numbers }) => {
      const refused = (key: string, value: bigint) =>
        expect(numbers.setNum({ key, value })).rejects.toMatchObject({
          code: Status.OUT_OF_RANGE,
          details: `setting "${key}" to ${value} would take the total past int64; nothing was changed`,
        });
      expect(await numbers.setNum({ key: 'edge', value: edge })).toEqual({ total: edge });

      await refused('new', past);
      expect((await numbers.fact({ key: 'new' })).error).toContain('no number is called "new"');
      expect(await total(numbers)).toBe(edge);

      // The number of a known key stays what it was, too.
      expect(await numbers.setNum({ key: 'new', value: -past })).toEqual({ total: edge - past });
      await refused('new', past);
      expect(await total(numbers)).toBe(edge - past);
      expect(await numbers.setNum({ key: 'new', value: 0n })).toEqual({ total: edge });

      // Two numbers that are each out of reach for the other: the total may pass through.
      expect(await numbers.setNum({ key: 'edge', value: -past })).toEqual({ total: -past });
    });
  });

  it('counts 1,000 sets of 50 keys from five connections exactly', async () => {
    await withServer({ args: numbersOnly }, async (server, { numbers }) => {
      const connections = Array.from({ length: 5 }, () => connect(server));
      const last = Array.from({ length: 50 }, (_, k) => BigInt(k) ** 7n - 3n ** 30n);
      // Every key has one client, so its last set is known; all clients run at once.
      await Promise.all(
        last.map(async (value, k) => {
          const client = connections[k % connections.length]?.numbers ?? numbers;
          for (let i = 1n; i < 20n; i++) {
            await client.setNum({ key: `key ${k}`, value: i * 1_000_003n ** 2n });
          }
          await client.setNum({ key: `key ${k}`, value });
        }),
      );
      for (const open of connections) open.close();
      expect(await total(numbers)).toBe(last.reduce((a, b) => a + b));
    });
  });

  it('answers every set with the total right after it, in one order for all', async () => {
    const keys = 10;
    const steps = 63;
    await withServer({ args: numbersOnly }, async (server) => {
      const connections = Array.from({ length: keys }, () => connect(server));
      const totals: bigint[] = [];
      // Key k counts to 63 in bits 6k to 6k + 5, so a total shows all ten numbers at its moment.
      await Promise.all(
        connections.map(async ({ numbers }, k) => {
          const shift = BigInt(6 * k);
          for (let i = 1n; i <= BigInt(steps); i++) {
            const answer = await numbers.setNum({ key: `key ${k}`, value: i << shift });
            expect((answer.total >> shift) & 63n).toBe(i);
            totals.push(answer.total);
          }
        }),
      );
      for (const open of connections) open.close();
      const counts = (total: bigint) =>
        Array.from({ length: keys }, (_, k) => Number((total >> BigInt(6 * k)) & 63n));
      const done = (total: bigint) => counts(total).reduce((a, b) => a + b);
      const inOrder = totals.toSorted((a, b) => done(a) - done(b));
      // After the first set one is done, after the second two: no two answers share a moment.
      expect(inOrder.map(done)).toEqual(Array.from({ length: keys * steps }, (_, i) => i + 1));
      for (const [i, total] of inOrder.entries()) {
        const before = counts(inOrder[i - 1] ?? 0n);
        expect(counts(total).every((count, k) => count >= (before[k] ?? 0))).toBe(true);
      }
    });
  });
});

describe('a server with lower limits', () => {
  it('refuses keys past --key-bytes-max and computes no factorial past --factorial-max', async () => {
    const args = [...numbersOnly, '--key-bytes-max', '4', '--factorial-max', '20'];
    await withServer({ args }, async (_server, { numbers }) => {
      await numbers.setNum({ key: 'éé', value: 20n });
      expect(await numbers.fact({ key: 'éé' })).toMatchObject({ value: 2432902008176640000n });
      await numbers.setNum({ key: 'four', value: 21n });
      expect((await numbers.fact({ key: 'four' })).error).toBe(
        '"four" is 21: factorials are computed up to 20 only',
      );
      for (const call of [
        numbers.setNum({ key: 'éé1', value: 1n }),
        numbers.fact({ key: 'éé1' }),
      ]) {
        await expect(call).rejects.toMatchObject({
          code: Status.INVALID_ARGUMENT,
          details: 'the key has 5 bytes: 1 to 4 bytes of UTF-8 are allowed',
        });
      }
      expect(await total(numbers)).toBe(41n);
    });
  });
});

const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0;

describe('a server whose file can grow no more, as on a full disk', () => {
  const name = 'refuses with a sentence, changes nothing, and goes on once there is room';
  it.skipIf(!hasPrlimit)(
    `${name}${hasPrlimit ? '' : ' (skipped: prlimit is missing)'}`,
    async () => {
      await withProcess({ args: numbersOnly }, async (server, { numbers }) => {
        const limitFiles = (bytes: number | 'unlimited') =>
          execFileSync('prlimit', [`--pid=${server.process.pid}`, `--fsize=${bytes}:unlimited`]);
        await numbers.setNum({ key: 'first', value: 5n });
        limitFiles(statSync(path.join(server.dataDir, 'numbers', 'data.mdb')).size);

        const { sets, error } = await setUntilRefused(numbers);
        expect([Status.UNAVAILABLE, Status.RESOURCE_EXHAUSTED]).toContain(error.code);
        expect(error.details).toContain('nothing was changed');
        expect(await numbers.fact({ key: 'first' })).toMatchObject({ value: 120n });

        limitFiles('unlimited');
        expect(await total(numbers)).toBe(5n + sets);
        expect(await numbers.setNum({ key: 'second', value: 6n })).toEqual({ total: 11n + sets });
      });
    },
  );
});

describe('numbers and total', () => {
  const levels = ['fsync', 'os', 'memory'] as const;
  it.each(levels)('survive a restart after SIGTERM with --durability %s', async (level) => {
    await withFolder(async (dataDir) => {
      const options = { dataDir, args: [...numbersOnly, '--durability', level] };
      await withServer(options, async (_server, { numbers }) => {
        await numbers.setNum({ key: 'a', value: 5n });
        await numbers.setNum({ key: 'b', value: -1000n });
      });
      await withServer(options, async (_server, { numbers }) => {
        expect(await total(numbers)).toBe(-995n);
        expect(await refusedNumber(numbers, 'b')).toBe(-1000n);
        expect(await numbers.fact({ key: 'a' })).toEqual({ value: 120n, hit: false, error: '' });
      });
    });
  });

  it.each(['fsync', 'os'])(
    'survive SIGKILL right after a reply with --durability %s',
    async (level) => {
      await withFolder(async (dataDir) => {
        const options = { dataDir, args: [...numbersOnly, '--durability', level] };
        const server = await launchServer(options);
        const acknowledged = await countUntilKilled(server);
        await withServer(options, async (_server, { numbers }) => {
          let sum = 0n;
          for (const [key, count] of acknowledged) {
            const kept = await refusedNumber(numbers, key);
            // The set after the last answered one may have been done, its answer lost.
            expect([count, count + 1n]).toContain(kept);
            sum += kept;
          }
          expect(await total(numbers)).toBe(sum);
        });
      });
    },
  );
});

/** Sets new numbers to 1 until the server refuses one; resolves to how many it took, and why. */
async function setUntilRefused(numbers: Numbers): Promise<{ sets: bigint; error: ClientError }> {
  for (let sets = 0n; sets < 10_000n; sets++) {
    try {
      await numbers.setNum({ key: `${sets}`.padEnd(1024), value: 1n });
    } catch (error) {
      return { sets, error: error as ClientError };
    }
  }
  throw new Error('the server took 10,000 numbers without room for them');
}

/**
 * Eight keys count upwards from 100 at once; the server is killed in the moment when the 300th
 * set is answered. Resolves to the last answered number of every key.
 */
async function countUntilKilled(server: LaunchedServer): Promise<Map<string, bigint>> {
  const acknowledged = new Map<string, bigint>();
  const { numbers, close } = connect(server);
  let answers = 0;
  let killed: Promise<unknown> | undefined;
  async function count(key: string): Promise<void> {
    for (let value = 100n; ; value++) {
      try {
        await numbers.setNum({ key, value });
      } catch (error) {
        expect((error as ClientError).code).toBe(Status.UNAVAILABLE);
        return;
      }
      acknowledged.set(key, value);
      if (++answers === 300) killed = endWith(server, 'SIGKILL');
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, i) => count(`counter ${i}`)));
  expect(await killed).toBe('SIGKILL');
  close();
  return acknowledged;
}
