import { expect, test } from 'vitest';
import { runShare } from '../../src/hostile-csv/share.js';

/** Generous, and only ever a safety net. */
const testMsMax = 120_000;

// The long run asks pyarrow too: `pnpm --filter @tally/torture hostile-csv`.
test('Tally and DuckDB make the same of hostile files, but for known differences', {
  timeout: testMsMax,
}, async () => {
  const inputs = 1500;
  const counts = await runShare(
    { seed: 1, inputs, share: 0, shares: 1, python: undefined, inputsPerServerInput: 100 },
    () => {},
  );
  expect(counts.failures).toEqual([]);
  expect(counts.compared).toBe(inputs);
  expect(counts.readByAll).toBeGreaterThan(0.9 * inputs);
  expect(counts.refusedByAll).toBeGreaterThan(0.01 * inputs);
  expect(counts.differing).toBeLessThan(0.01 * inputs);
  expect(counts.throughServer).toBe(15);
  expect(counts.damaged).toBe(125);
});
