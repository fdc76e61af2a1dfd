import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'packages/*/test/**/*.test.ts',
      'agent/test/**/*.test.ts',
      'scripts/**/test/**/*.test.ts',
      'test/one-node/**/*.test.ts',
      'test/clients/**/*.test.ts',
      'test/many-nodes/**/*.test.ts',
      'test/chaos/**/*.test.ts',
    ],
    // Processes, not threads: native libraries load once a process, and a crash in one must not take the runner along.
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // What is polled for is an event; how soon it comes is the machine's business.
    expect: { poll: { timeout: 10_000 } },
  },
});
