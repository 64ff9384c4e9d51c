import { defineConfig } from 'vitest/config'
import { FULL } from './test/conformance/depth.ts'

const MINUTE_MS = 60_000

// Run by scripts/test-conformance.mjs: `npm run test:conformance`. A test is a whole family on one subject.
export default defineConfig({
  test: {
    include: ['test/conformance/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: (FULL ? 240 : 10) * MINUTE_MS,
    hookTimeout: 60_000,
    teardownTimeout: 10_000,
  },
})
