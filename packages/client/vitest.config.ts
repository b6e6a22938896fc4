import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Every test starts processes of its own, and on a busy machine they take their time.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A test mostly waits for those processes: two files at once, even on two cores.
    maxWorkers: 2,
    // No file changes what another one imports: each loads its modules once for all.
    isolate: false,
    // Servers that start in half the time: none of them has to be fast.
    env: { TALLY_TABLE_THREADS: '2', TALLY_FACTORIAL_THREADS: '1' },
  },
});
