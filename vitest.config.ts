import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    globalSetup: ['test/support/global-setup.ts'],
    // A restore of CPython under load takes seconds; what hangs still ends.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The programs are run in processes of their own, which need the other cores.
    maxWorkers: 2,
    pool: 'forks',
  },
})
