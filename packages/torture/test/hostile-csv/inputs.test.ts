import { expect, test } from 'vitest';
import { inputsOf } from '../../src/hostile-csv/inputs.js';

const inputs = (seed: number, share: number, shares: number) => [
  ...inputsOf(seed, 300, share, shares),
];
const bytesOf = (seed: number) => inputs(seed, 0, 1).map(({ bytes }) => bytes.toString('latin1'));

test('a seed makes the same inputs again, and another one others', () => {
  expect(bytesOf(7)).toEqual(bytesOf(7));
  expect(bytesOf(7)).not.toEqual(bytesOf(8));
  expect(new Set(bytesOf(7)).size).toBeGreaterThan(250);
});

test('shares together have every compared input once, and at least 90 % are compared', () => {
  const all = [...inputs(7, 0, 2), ...inputs(7, 1, 2)];
  const compared = all.filter(({ isCompared }) => isCompared);
  const numbers = compared.map(({ number }) => number).sort((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: 300 }, (_, i) => i));
  expect(compared.length).toBeGreaterThan(0.9 * all.length);
});
