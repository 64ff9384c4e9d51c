import { defineConfig } from 'vitest/config'

// Run by scripts/test-conformance.mjs: `npm run test:conformance`.
export default defineConfig({
  test: {
    include: ['test/conformance/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 600_000,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
  },
})
