import { describe, expect, test } from 'vitest';
import { all, failureOf, sharedTally } from './connection.js';

const shared = sharedTally(['--factorial-max', '3000']);
const numbers = () => shared.tally.numbers;

test('a number is set, read, added to and removed; each answer is exact', async () => {
  const largest = 2n ** 62n + 1n;
  const before = (await numbers().stats()).total;
  expect(await numbers().set('exact', largest)).toBe(before + largest);
  expect(await numbers().get('exact')).toBe(largest);
  expect(await numbers().add('exact', -1)).toEqual({
    value: largest - 1n,
    total: before + largest - 1n,
  });
  expect(await numbers().delete('exact')).toEqual({ value: largest - 1n, total: before });
});

test('a list has the numbers of all pages, in the order of their keys', async () => {
  for (const key of ['list/c', 'list/a', 'list/b', 'other']) await numbers().set(key, 7);
  const found = await all(numbers().list({ prefix: 'list/', pageSize: 1 }));
  expect(found).toEqual(['list/a', 'list/b', 'list/c'].map((key) => ({ key, value: 7n })));
});

test('a batch does each kind of operation in its order', async () => {
  const { values, total } = await numbers().batch([
    { key: 'batch/a', set: 5 },
    { key: 'batch/a', add: 2n },
    { key: 'batch/b', set: 1 },
    { key: 'batch/a', get: true },
    { key: 'batch/b', delete: true },
  ]);
  expect(values).toEqual([5n, 7n, 1n, 7n, 1n]);
  expect(total).toBe((await numbers().stats()).total);
});

test('a factorial is exact, of n and of the number of a key', async () => {
  const expected = Array.from({ length: 2999 }, (_, i) => BigInt(i + 2)).reduce((a, b) => a * b);
  expect(await numbers().factorial(3000)).toEqual({ n: 3000n, hit: false, value: expected });
  await numbers().set('n', 3000);
  expect(await numbers().factorial({ key: 'n' })).toMatchObject({ hit: true, value: expected });
  expect((await numbers().factorial(0n)).value).toBe(1n);
});

test('the statistics count', async () => {
  const before = await numbers().stats();
  await numbers().factorial(1234);
  await numbers().factorial(1234);
  const after = await numbers().stats();
  const { hits, misses } = before.factorialCache;
  expect(after.factorialCache).toMatchObject({
    hits: hits + 1,
    misses: misses + 1,
    entriesMax: 10,
  });
  expect(after.factorialLatency.count).toBe(before.factorialLatency.count + 1);
  expect(after.factorialLatency.maxUs).toBeGreaterThan(0);
  expect(after.count).toBe((await all(numbers().list())).length);
});

describe('errors say what the server says', () => {
  test('a number that does not exist', async () => {
    expect(await failureOf(numbers().get('nosuch'))).toMatchObject({
      name: 'TallyError',
      code: 'NOT_FOUND',
      reason: 'NUMBER_NOT_FOUND',
      sentence: 'no number is called "nosuch": set it first',
      message: 'NOT_FOUND: no number is called "nosuch": set it first',
      method: '/tally.v1.NumberService/GetNumber',
      attempts: 1,
    });
  });

  test('a key that is not allowed: the field that is at fault', async () => {
    const error = await failureOf(numbers().set('', 1));
    expect(error.code).toBe('INVALID_ARGUMENT');
    expect(error.fieldViolations).toEqual([{ field: 'key', description: error.sentence }]);
  });

  test('an operation of a batch: which one, for programs', async () => {
    const operations = [
      { key: 'batch/c', set: 1 },
      { key: 'nosuch', get: true },
    ] as const;
    const error = await failureOf(numbers().batch(operations));
    expect(error).toMatchObject({ code: 'NOT_FOUND', metadata: { operation: '1' } });
    expect(await failureOf(numbers().get('batch/c'))).toMatchObject({ code: 'NOT_FOUND' });
  });

  test('n past what the server computes', async () => {
    const error = await failureOf(numbers().factorial(3001));
    expect(error.code).toBe('OUT_OF_RANGE');
    expect(error.sentence).toContain('3000');
  });
});

test.each([1.5, 2 ** 53, Number.NaN])('%s is not sent: a bigint would be exact', async (value) => {
  await expect(numbers().set('float', value)).rejects.toThrow(
    /is not a whole number within .*2\^53/,
  );
  await expect(numbers().add('float', value)).rejects.toThrow(TypeError);
  await expect(numbers().batch([{ key: 'float', set: value }])).rejects.toThrow(TypeError);
  expect(await failureOf(numbers().get('float'))).toMatchObject({ code: 'NOT_FOUND' });
});
