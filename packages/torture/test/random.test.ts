import { expect, it } from 'vitest';
import { randomFrom } from '../src/random.js';

const draw = (seed: number) => {
  const random = randomFrom(seed);
  return Array.from({ length: 100 }, () => random(10));
};

it('gives the same numbers for the same seed, and every number of its range', () => {
  expect(draw(7)).toEqual(draw(7));
  expect(draw(7)).not.toEqual(draw(8));
  expect(new Set(draw(7)).size).toBe(10);
});
