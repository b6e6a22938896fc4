import { expect, test } from 'vitest';
import { readOptions } from '../src/options.js';
import { sectionNames } from '../src/sections/section-names.js';

test('without a word everything is measured in five rounds and saved', () => {
  expect(readOptions([])).toMatchObject({
    only: sectionNames,
    rounds: 5,
    batches: 400,
    quick: false,
    printOnly: false,
  });
});

test('a quick run has two rounds and saves nothing', () => {
  expect(readOptions(['--', '--quick'])).toMatchObject({ rounds: 2, printOnly: true });
  expect(readOptions(['--quick', '--rounds', '3']).rounds).toBe(3);
});

test('sections run in their own order', () => {
  expect(readOptions(['--only', 'upload, parquet-sum']).only).toEqual(['parquet-sum', 'upload']);
});

test.each([
  [['--only', 'sums'], 'but not "sums"'],
  [['--rounds', '0'], '--rounds must be a whole number from 1 to 100, not "0"'],
  [['--fast'], '--fast'],
])('%j is refused', (argv, reason) => {
  expect(() => readOptions(argv)).toThrow(reason);
});
