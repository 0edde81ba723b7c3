/** Every suite by its name, loaded when it is run. */
import type { RunSuite } from './suite.ts';

export interface Suite {
  readonly about: string;
  /** What it can be told on the command line as `--name VALUE`; it reads NAME from its environment. */
  readonly options?: readonly string[];
  /** Takes so long that it is only run by name. */
  readonly isLong?: boolean;
  readonly load: () => Promise<{ readonly run: RunSuite }>;
}

export const SUITES: Readonly<Record<string, Suite>> = {
  'end-to-end': {
    about: 'durable commands over WebSocket: rates, latencies, cost; Redis, PostgreSQL and an echo beside it',
    load: () => import('./end-to-end.ts'),
  },
  idle: {
    about:
      'sockets that do nothing, or too little: what each costs, who else notices, and all of them coming back at once',
    options: ['sockets', 'readers', 'slow'],
    isLong: true,
    load: () => import('./idle.ts'),
  },
  ingest: {
    about: "acquirers' payments, durable and ranked, against a nightly recompute in PostgreSQL",
    load: () => import('./ingest.ts'),
  },
  journal: { about: 'durable appends, with and without a checkpoint', load: () => import('./journal.ts') },
  load: {
    about: 'the load generator itself, against a target that does nothing',
    load: () => import('./load-suite.ts'),
  },
  ranking: {
    about: 'moves and reads of the order-statistic index',
    options: ['entries'],
    load: () => import('./ranking.ts'),
  },
  recovery: { about: 'restarts after a kill and after a stop', load: () => import('./recovery.ts') },
  refusal: { about: 'what it costs to refuse, beside a bare echo', load: () => import('./refusal.ts') },
  rest: { about: 'what actors at rest cost, and waking them', load: () => import('./rest.ts') },
  ring: {
    about: 'the ring between two threads: records a second, and what it costs to wake the other side',
    load: () => import('./ring.ts'),
  },
  scale: {
    about: 'restart, latency and memory from 100,000 citizens to ten million, and how they grow',
    options: ['citizens-max', 'stores', 'population', 'minutes', 'rate', 'verify-max'],
    load: () => import('./scale.ts'),
  },
  'load-hour': {
    about: 'an hour of card requests and payments against one server: journal, memory, what is written',
    options: ['citizens', 'population', 'minutes', 'speed'],
    isLong: true,
    load: () => import('./load-hour.ts'),
  },
  closing: {
    about: 'a period closed and paid: its ranking frozen, a record for everybody who is owed, all files for the bank',
    options: ['citizens', 'stores', 'population'],
    isLong: true,
    load: () => import('./closing.ts'),
  },
  'click-day': {
    about: 'ten and a hundred times too many citizens, a stall, and the same without admission',
    options: ['minutes', 'citizens', 'slowdown-us', 'rate', 'seed'],
    isLong: true,
    load: () => import('./overload/suite.ts'),
  },
  'ingest-seeded': {
    about: "acquirers' payments as fast as they are taken, with three payments of each seeded citizen there",
    options: ['citizens', 'population', 'seconds'],
    isLong: true,
    load: () => import('./ingest-seeded.ts'),
  },
  wallet: { about: 'one decision of the wallet machine', load: () => import('./wallet.ts') },
};
