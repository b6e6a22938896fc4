import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Every test starts processes of its own, and on a busy machine they take their time.
  test: { testTimeout: 60_000, hookTimeout: 60_000 },
});
