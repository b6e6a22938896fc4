import { expect, test } from 'vitest';
import { seededRandom } from '../dist/workload/random.js';
import { nextRequest } from '../dist/workload/requests.js';

function draw(n: number, { seed = 1, stream = 0, keys = 100, values = 15 } = {}) {
  const random = seededRandom(seed, stream);
  return Array.from({ length: n }, () => nextRequest(random, { keys, values }));
}

test('a seed and a stream draw the same requests again, another seed or stream others', () => {
  expect(draw(100)).toEqual(draw(100));
  expect(draw(100, { seed: 2 })).not.toEqual(draw(100));
  expect(draw(100, { stream: 1 })).not.toEqual(draw(100));
});

test('half of the requests are SetNum, over every key and every value, and no others', () => {
  const requests = draw(100_000);
  const setNums = requests.filter((request) => request.method === 'SetNum');
  // Five standard deviations of a fair coin.
  expect(Math.abs(setNums.length - 50_000)).toBeLessThan(5 * Math.sqrt(100_000 / 4));
  expect(new Set(requests.map(({ key }) => key)).size).toBe(100);
  const values = new Set(setNums.map(({ value }) => value));
  expect([...values].toSorted((a, b) => Number(a - b))).toEqual(
    Array.from({ length: 15 }, (_, i) => BigInt(i + 1)),
  );
});

test('one key and one value leave only the choice of the method', () => {
  const requests = draw(100, { keys: 1, values: 1 });
  expect(new Set(requests.map(({ key }) => key)).size).toBe(1);
  for (const request of requests) if (request.method === 'SetNum') expect(request.value).toBe(1n);
});
