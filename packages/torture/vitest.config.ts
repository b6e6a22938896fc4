import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // No file changes what another one imports: each loads its modules once for all.
    isolate: false,
    maxWorkers: 2,
    // Servers that start in half the time: none of them has to be fast.
    env: { TALLY_TABLE_THREADS: '2', TALLY_FACTORIAL_THREADS: '1' },
  },
});
