import { defineConfig } from 'vitest/config'

// No retries: a test that fails now and then is wrong. Timeouts are for a hang, not a measure, so they are long enough
// for a machine with two cores that are very busy.
export default defineConfig({
  test: {
    include: ['test/{unit,integration,types}/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    setupFiles: ['test/support/patient-waits.ts'],
    expect: { poll: { timeout: 30_000 } },
    testTimeout: 120_000,
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
    unstubEnvs: true,
    restoreMocks: true,
  },
})
