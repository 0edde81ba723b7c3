/** What the tests compile: the command line and, beside it, the engine process that it starts, with its thread. Never run as such. */
export const PROGRAMS = {
  commandLine: () => import('../../client/cli/main.ts'),
  engine: () => import('../../server/main.ts'),
  engineThread: () => import('../../server/shards/worker.ts'),
  watchdogThread: () => import('../../server/vitals/watchdog-thread.ts'),
  decryptingThread: () => import('../../server/pgp/decrypting-thread.ts'),
  pastThread: () => import('../../server/past/past-thread.ts'),
};
