import { defineConfig } from 'vitest/config'

// Connections of real sockets that are killed: started by scripts/test-kill.mjs.
export default defineConfig({
  test: {
    include: ['test/kill/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
  },
})
