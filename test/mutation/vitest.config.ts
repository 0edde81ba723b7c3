// The tests that mutants have to survive: those of the rooms that are mutated, without the few that take a minute.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/{programme,golden,model,engine,ranking,snapshots,contract}/**/*.test.ts'],
    exclude: [
      'test/golden/hundred-thousand.test.ts',
      'test/contract/persistence-faults.test.ts',
      'test/contract/transport.test.ts',
    ],
    testTimeout: 60_000,
  },
});
