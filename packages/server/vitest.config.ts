import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Real servers on a machine of two cores: generous, and only ever a safety net.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    // No file changes what another one imports: each loads its modules once for all.
    isolate: false,
    // Servers log what tests have them refuse.
    silent: 'passed-only',
  },
});
