/** Every suite by its name, loaded when it is run. */
import type { RunSuite } from './suite.ts';

export interface Suite {
  readonly about: string;
  /** Whether its size is `--entries`. */
  readonly takesEntries?: boolean;
  readonly load: () => Promise<{ readonly run: RunSuite }>;
}

export const SUITES: Readonly<Record<string, Suite>> = {
  'end-to-end': {
    about: 'durable commands over WebSocket: rates, latencies, cost; Redis, PostgreSQL and an echo beside it',
    load: () => import('./end-to-end.ts'),
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
    about: 'moves and reads of the order-statistic index; with a million entries unless --entries says otherwise',
    takesEntries: true,
    load: () => import('./ranking.ts'),
  },
  recovery: { about: 'restarts after a kill and after a stop', load: () => import('./recovery.ts') },
  ring: {
    about: 'the ring between two threads: records a second, and what it costs to wake the other side',
    load: () => import('./ring.ts'),
  },
  wallet: { about: 'one decision of the wallet machine', load: () => import('./wallet.ts') },
};
