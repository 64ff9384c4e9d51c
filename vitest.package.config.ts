import { defineConfig } from 'vitest/config'

// Packs, installs and runs on several Node versions: minutes, of which most are the network's.
export default defineConfig({
  test: {
    include: ['test/package/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 180_000,
    hookTimeout: 480_000,
    teardownTimeout: 10_000,
  },
})
