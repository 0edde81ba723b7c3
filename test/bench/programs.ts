/** What the tests compile: the suites and, beside them, the processes that they start. Never run as such. */
export const PROGRAMS = {
  bench: () => import('../../bench/main.ts'),
  load: () => import('../../bench/load.ts'),
  idlePeers: () => import('../../bench/idle/peers-process.ts'),
  echoTarget: () => import('../../bench/load/echo-process.ts'),
  engine: () => import('../../server/main.ts'),
  engineThread: () => import('../../server/shards/worker.ts'),
  watchdogThread: () => import('../../server/vitals/watchdog-thread.ts'),
  seed: () => import('../../bench/seed.ts'),
  rowsThread: () => import('../../bench/seed/rows-thread.ts'),
  commandLine: () => import('../../client/cli/main.ts'),
  ringThread: () => import('../../bench/ring/thread.ts'),
  peer: () => import('../../bench/peers/peer-process.ts'),
  crowd: () => import('../../bench/overload/crowd-process.ts'),
  echo: () => import('../../bench/peers/echo-process.ts'),
};
