import { describe, expect, test } from 'vitest';
import { keyed } from './keyed-calls.js';
import { failureOf } from './rich-errors.js';
import { callWithBytes, sharedServer, withServer } from './server.js';

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;

/** Numbers only, ready at once: most of a start is neither of these tests nor needed by them. */
const args = ['--services', 'numbers', '--warmup-calls', '0'];

const failure = (code: string, reason: string, sentence: string, fields: string[] = []) => ({
  code,
  reason,
  sentence,
  fields,
});

describe('NumberService', () => {
  const shared = sharedServer({ args: [...args, '--factorial-max', '5000'] });
  const service = () => shared.connection.numberService;
  const numStore = () => shared.connection.numbers;
  const total = async () => (await service().getNumberStats({})).total;

  test('sets, adds to, reads and removes a number, and tells the total each time', async () => {
    const before = await total();
    expect(await service().setNumber({ key: 'a', value: 5n })).toEqual({ total: before + 5n });
    expect(await service().addToNumber({ key: 'a', delta: -7n })).toEqual({
      value: -2n,
      total: before - 2n,
    });
    expect(await service().getNumber({ key: 'a' })).toEqual({ value: -2n });
    expect(await service().deleteNumber({ key: 'a' })).toEqual({ value: -2n, total: before });
    expect(await failureOf((call) => service().getNumber({ key: 'a' }, call))).toMatchObject(
      failure('NOT_FOUND', 'NUMBER_NOT_FOUND', 'no number is called "a": set it first'),
    );
  });

  test('makes the number that it adds to, also when it adds nothing', async () => {
    const before = await service().getNumberStats({});
    expect(await service().addToNumber({ key: 'made', delta: 3n })).toMatchObject({ value: 3n });
    expect(await service().addToNumber({ key: 'made of 0', delta: 0n })).toMatchObject({
      value: 0n,
    });
    const { count, total } = await service().getNumberStats({});
    expect([count, total]).toEqual([before.count + 2n, before.total + 3n]);
    for (const key of ['made', 'made of 0']) await service().deleteNumber({ key });
    expect((await service().getNumberStats({})).count).toBe(before.count);
  });

  test('removes no number that is not there', async () => {
    const { count } = await service().getNumberStats({});
    expect(await failureOf((call) => service().deleteNumber({ key: 'none' }, call))).toMatchObject(
      failure('NOT_FOUND', 'NUMBER_NOT_FOUND', 'no number is called "none": set it first'),
    );
    expect((await service().getNumberStats({})).count).toBe(count);
  });

  test('has the numbers of NumStore, which has its numbers', async () => {
    const before = await total();
    expect(await numStore().setNum({ key: 'both', value: 4n })).toEqual({ total: before + 4n });
    expect(await service().getNumber({ key: 'both' })).toEqual({ value: 4n });
    await service().addToNumber({ key: 'both', delta: 1n });
    expect(await numStore().fact({ key: 'both' })).toMatchObject({ value: 120n });
    expect(await numStore().setNum({ key: 'both', value: 1n })).toEqual({ total: before + 1n });
    await service().deleteNumber({ key: 'both' });
    expect(await numStore().fact({ key: 'both' })).toMatchObject({
      error: 'no number is called "both": set it first',
    });
  });

  const keyFaults = [
    { what: 'no key', key: '', reason: 'KEY_EMPTY', fault: 'is empty' },
    { what: 'a long key', key: 'k'.repeat(1025), reason: 'KEY_TOO_LONG', fault: 'has 1025 bytes' },
    { what: 'a wide key', key: 'é'.repeat(513), reason: 'KEY_TOO_LONG', fault: 'has 1026 bytes' },
  ];

  test.each(keyFaults)('refuses $what in every call', async ({ key, reason, fault }) => {
    const expected = failure(
      'INVALID_ARGUMENT',
      reason,
      `the key ${fault}: 1 to 1024 bytes of UTF-8 are allowed`,
      ['key'],
    );
    const refusals = [
      await failureOf((call) => service().getNumber({ key }, call)),
      await failureOf((call) => service().setNumber({ key, value: 1n }, call)),
      await failureOf((call) => service().addToNumber({ key, delta: 1n }, call)),
      await failureOf((call) => service().deleteNumber({ key }, call)),
      await failureOf((call) => service().computeFactorial({ key }, call)),
    ];
    for (const refusal of refusals) expect(refusal).toMatchObject(expected);
  });

  test('tells two keys apart that differ in their last byte of 1,024', async () => {
    const keys = ['a', 'b'].map((last) => 'é'.repeat(511) + last.padStart(2, '-'));
    for (const [i, key] of keys.entries()) await service().setNumber({ key, value: BigInt(i) });
    for (const [i, key] of keys.entries()) {
      expect(await service().deleteNumber({ key })).toMatchObject({ value: BigInt(i) });
    }
  });

  test('says of bytes that are no request what they are, for programs too', async () => {
    const call = callWithBytes(
      shared.server,
      '/tally.v1.NumberService/GetNumber',
      Uint8Array.of(0x0a, 1, 0xff),
    );
    const error = await call.catch((failed) => failed);
    const [details] = error.metadata.get('grpc-status-details-bin');
    expect(details.toString('latin1')).toMatch(/REQUEST_NOT_DECODED/);
  });

  describe('a factorial', () => {
    /** n! by multiplication, one factor after the other. */
    function product(n: number): bigint {
      let result = 1n;
      for (let factor = 2n; factor <= BigInt(n); factor++) result *= factor;
      return result;
    }

    const bigEndian = (value: bigint) => {
      const hex = value.toString(16);
      return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('hex');
    };

    test.each([0, 1, 5, 6, 20, 21, 22, 100, 1000, 5000])('of %i is exact', async (n) => {
      const { factorial, n: of } = await service().computeFactorial({ n: BigInt(n) });
      expect(Buffer.from(factorial).toString('hex')).toBe(bigEndian(product(n)));
      expect(of).toBe(BigInt(n));
    });

    test('of a number comes from the same cache as that of NumStore', async () => {
      await service().setNumber({ key: 'n', value: 17n });
      const before = (await service().getNumberStats({})).factorialCache;
      expect(await service().computeFactorial({ key: 'n' })).toMatchObject({ hit: false, n: 17n });
      expect(await numStore().fact({ key: 'n' })).toMatchObject({ hit: true });
      expect(await service().computeFactorial({ n: 17n })).toMatchObject({ hit: true });
      const after = (await service().getNumberStats({})).factorialCache;
      expect(Number(after?.hits) - Number(before?.hits)).toBe(2);
      expect(Number(after?.misses) - Number(before?.misses)).toBe(1);
      await service().deleteNumber({ key: 'n' });
    });

    test.each([
      {
        what: 'a negative n',
        n: -1n,
        reason: 'FACTORIAL_OF_NEGATIVE',
        why: 'a negative number has no factorial, 0 to 5000 are allowed',
      },
      {
        what: 'the smallest n',
        n: int64Min,
        reason: 'FACTORIAL_OF_NEGATIVE',
        why: 'a negative number has no factorial, 0 to 5000 are allowed',
      },
      {
        what: 'an n past the limit',
        n: 5001n,
        reason: 'FACTORIAL_TOO_LARGE',
        why: 'factorials are computed up to 5000 only',
      },
    ])('of $what is out of range, given or kept', async ({ n, reason, why }) => {
      const given = await failureOf((call) => service().computeFactorial({ n }, call));
      expect(given).toMatchObject(failure('OUT_OF_RANGE', reason, `n is ${n}: ${why}`, ['n']));
      expect(given.metadata).toEqual({ n: String(n), factorial_max: '5000' });
      await service().setNumber({ key: 'kept', value: n });
      expect(
        await failureOf((call) => service().computeFactorial({ key: 'kept' }, call)),
      ).toMatchObject(failure('OUT_OF_RANGE', reason, `"kept" is ${n}: ${why}`));
      await service().deleteNumber({ key: 'kept' });
    });

    test('of a number that is not there, of nothing and of two things is refused', async () => {
      expect(
        await failureOf((call) => service().computeFactorial({ key: 'none' }, call)),
      ).toMatchObject(
        failure('NOT_FOUND', 'NUMBER_NOT_FOUND', 'no number is called "none": set it first'),
      );
      expect(await failureOf((call) => service().computeFactorial({}, call))).toMatchObject(
        failure(
          'INVALID_ARGUMENT',
          'FACTORIAL_OF_NOTHING',
          'the request says neither n nor a key: exactly one of n and key is allowed',
          ['of'],
        ),
      );
      expect(
        await failureOf((call) => service().computeFactorial({ n: 1n, key: 'a' }, call)),
      ).toMatchObject({ code: 'INVALID_ARGUMENT', reason: 'FACTORIAL_AMBIGUOUS' });
    });
  });
});

test('the statistics are of what has happened since the start', () =>
  withServer({ args }, async (_server, { numberService, numbers }) => {
    const nothing = { count: 0n, p50Us: 0n, p90Us: 0n, p99Us: 0n, maxUs: 0n };
    expect(await numberService.getNumberStats({})).toEqual({
      count: 0n,
      total: 0n,
      factorialCache: { hits: 0n, misses: 0n, entries: 0, entriesMax: 10, bytes: 0n },
      factorialLatency: nothing,
    });
    await numbers.setNum({ key: 'a', value: 20n });
    await numberService.setNumber({ key: 'b', value: -3n });
    // 12 of one byte for 0 to 5, two bytes for 6 to 8, then 3: the last ten stay.
    for (let n = 0n; n < 12n; n++) await numberService.computeFactorial({ n });
    await numberService.computeFactorial({ n: 11n });
    await numbers.fact({ key: 'a' });
    const stats = await numberService.getNumberStats({});
    expect(stats).toMatchObject({ count: 2n, total: 17n });
    // Of 3! to 11! without 2!, and of 20!: 6, 24, 120 | 720 to 40,320 | 362,880, … | 20!.
    const bytes = 3 * 1 + 3 * 2 + 2 * 3 + 4 + 8;
    expect(stats.factorialCache).toEqual({
      hits: 1n,
      misses: 13n,
      entries: 10,
      entriesMax: 10,
      bytes: BigInt(bytes),
    });
    const latency = stats.factorialLatency ?? nothing;
    expect(latency.count).toBe(13n);
    const rising = [1n, latency.p50Us, latency.p90Us, latency.p99Us, latency.maxUs];
    expect(rising.toSorted((a, b) => Number(a - b))).toEqual(rising);
  }));

test('no number and no total leaves int64, and then nothing is changed', () =>
  withServer({ args }, async (_server, { numberService }) => {
    const past = (attempt: string, what: 'number' | 'total') =>
      failure(
        'OUT_OF_RANGE',
        `${what.toUpperCase()}_PAST_INT64`,
        `${attempt} would take the ${what} past int64; nothing was changed`,
      );
    const add = (key: string, delta: bigint) =>
      failureOf((call) => numberService.addToNumber({ key, delta }, call));
    expect(await numberService.setNumber({ key: 'a', value: int64Max })).toEqual({
      total: int64Max,
    });
    expect(await add('a', 1n)).toMatchObject(past('adding 1 to "a"', 'number'));
    expect(await add('b', 1n)).toMatchObject(past('adding 1 to "b"', 'total'));
    expect(
      await failureOf((call) => numberService.setNumber({ key: 'b', value: 1n }, call)),
    ).toMatchObject(past('setting "b" to 1', 'total'));
    await numberService.setNumber({ key: 'b', value: -1n });
    await numberService.addToNumber({ key: 'c', delta: 1n });
    // Without -1 the total would be past int64.
    expect(await failureOf((call) => numberService.deleteNumber({ key: 'b' }, call))).toMatchObject(
      past('removing "b"', 'total'),
    );
    expect(await numberService.getNumber({ key: 'b' })).toEqual({ value: -1n });
    await numberService.setNumber({ key: 'a', value: int64Min });
    expect(await add('a', -1n)).toMatchObject(past('adding -1 to "a"', 'number'));
    expect(await numberService.getNumber({ key: 'a' })).toEqual({ value: int64Min });
    expect(await numberService.getNumberStats({})).toMatchObject({ count: 3n, total: int64Min });
  }));

test('there are at most --keys-max numbers, whichever call would make one more', () =>
  withServer({ args: [...args, '--keys-max', '2'] }, async (_server, { numberService }) => {
    for (const key of ['a', 'b']) await numberService.addToNumber({ key, delta: 1n });
    const full = (attempt: string) => ({
      ...failure(
        'RESOURCE_EXHAUSTED',
        'TOO_MANY_NUMBERS',
        `${attempt} would make one number more than the 2 that are allowed (--keys-max of the ` +
          'server); those that exist can be set; nothing was changed',
      ),
      metadata: { keys_max: '2' },
    });
    const c = { key: 'c', idempotencyKey: 'for-c' };
    const setC = (call = {}) => numberService.setNumber({ ...c, value: 1n }, call);
    expect(await failureOf(setC)).toMatchObject(full('setting "c" to 1'));
    expect(
      await failureOf((call) => numberService.addToNumber({ key: 'c', delta: 2n }, call)),
    ).toMatchObject(full('adding 2 to "c"'));
    await numberService.addToNumber({ key: 'a', delta: 1n });
    await numberService.deleteNumber({ key: 'b' });
    // That there was no room is not remembered.
    expect(await setC()).toEqual({ total: 3n });
  }));

test('a service that is not served is not there', () =>
  withServer({ args: ['--services', 'tables'] }, async (_server, { numberService }) => {
    await expect(numberService.getNumberStats({}, keyed('k'))).rejects.toThrow(/UNIMPLEMENTED/);
  }));
