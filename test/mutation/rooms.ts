/** What is mutated together, and the tests that such mutants have to survive: those that touch the room and are quick. */
export interface Room {
  readonly mutate: readonly string[];
  readonly tests: readonly string[];
  /** Names of tests and suites that take longer than all the others together, or look at what all of them did. */
  readonly without?: readonly string[];
}

const GOLDEN = tests('golden', ['money', 'milestones', 'reversals', 'days', 'ranking']);

const SLOW_OF_ENGINE = [
  'ends as it should whenever the power goes, and the inspector understands every moment of it',
  'a full mailbox refuses with the time to come back, and what it refused may come again',
  'more than one turn takes of a partition is given up all the same, none twice',
  'and stays so over a death at every flush on the way, until it closes, which no death prevents',
  'behind one command that is under way so many wait; the next is refused with the time to come back',
];

/** Of what a store and the engine over several of them are asked. */
const OF_STORES = [
  ...tests('engine', [
    'activations',
    'covered',
    'exclusions',
    'notices',
    'pars',
    'payouts',
    'period-decisions',
    'periods',
    'record-fates',
    'refusals',
    'resolutions',
    'smoke',
  ]),
  ...tests('files', ['tokens']),
  ...tests('partners', ['account-rechecks']),
];

export const ROOMS: Readonly<Record<string, Room>> = {
  programme: {
    mutate: ['engine/programme/*.ts'],
    tests: tests('programme', [
      'calendar',
      'cashback',
      'iban',
      'period',
      'programme',
      'record',
      'reversal',
      'tax-code',
    ]),
  },
  card: {
    mutate: ['engine/card/*.ts'],
    tests: [...GOLDEN, ...tests('engine', ['card', 'records', 'expiry']), ...tests('model', ['card'])],
    without: [
      ...SLOW_OF_ENGINE,
      'the card machine that runs in production has no transition that these tests have not seen',
    ],
  },
  wallet: {
    mutate: ['engine/wallet/*.ts'],
    tests: [...GOLDEN, ...tests('engine', ['wallet', 'idempotence']), ...tests('model', ['wallet'])],
    without: [
      ...SLOW_OF_ENGINE,
      'the wallet machine that runs in production has no transition that these tests have not seen',
    ],
  },
  ranking: {
    mutate: ['engine/ranking/*.ts'],
    tests: tests('ranking', ['blocks', 'counted-tree', 'digest', 'directory', 'ranking', 'ranking-file', 'sums']),
    without: [
      'a copy that is taken while the ranking moves leads to it when the moves are made again',
      'an entry takes at most 42 bytes, all in, whatever a million of them went through',
      'memory is given back when everybody leaves',
      'the structure of thousands stays right while it grows and empties in full-sized blocks',
      'where many are tied',
      'where all are equal',
      'is refused whichever bit is flipped, in header and rows',
      'is refused when a thousand random bits of a large one are flipped, one at a time',
    ],
  },
  record: {
    mutate: ['snapshots/record.ts', 'snapshots/journal.ts'],
    tests: [...tests('snapshots', ['journal', 'codec']), ...tests('contract', ['persistence'])],
  },
  decisions: {
    mutate: shard([
      'command-text',
      'covered-cards',
      'decider',
      'events',
      'file-decider',
      'known-pars',
      'record-fates',
      'reversal-expiry',
      'task',
      'tax-code-order',
      'waiting',
    ]),
    tests: [
      ...GOLDEN,
      ...tests('engine', [
        'activations',
        'command-text',
        'covered',
        'exclusions',
        'expiry',
        'idempotence',
        'known-pars',
        'pars',
        'period-decisions',
        'record-fates',
        'records',
        'refusals',
        'resolutions',
        'tax-code-order',
      ]),
      ...tests('files', ['tokens']),
      ...tests('partners', ['account-rechecks']),
      ...tests('shards', ['tax-code-desk']),
    ],
    without: SLOW_OF_ENGINE,
  },
  folding: {
    mutate: shard(['actor', 'actor-pages', 'actors', 'fold', 'frozen', 'turn', 'view']),
    tests: [
      ...GOLDEN,
      ...tests('engine', [
        'activations',
        'actor-pages',
        'actors',
        'covered',
        'exclusions',
        'expiry',
        'idempotence',
        'notices',
        'pars',
        'payouts',
        'period-decisions',
        'periods',
        'read-ahead',
        'rebuild',
        'records',
        'resolutions',
        'store-shard',
      ]),
      ...tests('files', ['reconciliation', 'tokens']),
      ...tests('partners', ['account-rechecks']),
    ],
    without: [
      ...SLOW_OF_ENGINE,
      'a file that a death cuts short, and that is sent again, is counted once: what was accepted by then is known',
    ],
  },
  payouts: {
    mutate: shard(['notice-*', 'payout-*', 'winners']),
    tests: [
      ...tests('engine', ['citizen-runs', 'exclusions', 'notices', 'payout-orders', 'payouts', 'winners']),
      ...tests('partners', ['account-rechecks']),
    ],
  },
  exclusions: {
    mutate: shard(['citizen-runs', 'exclusion-decider']),
    tests: tests('engine', ['citizen-runs', 'exclusions', 'payouts']),
  },
  periods: {
    mutate: shard(['coordinator', 'intakes', 'period-*', 'rankings', 'rebuild']),
    tests: tests('engine', [
      'notices',
      'payouts',
      'period-closing',
      'period-decisions',
      'periods',
      'rankings',
      'rebuild',
      'store-shard',
    ]),
    without: SLOW_OF_ENGINE,
  },
  shard: {
    mutate: shard(['checkpoint', 'mailbox', 'read-ahead', 'reads', 'recovery', 'shard', 'store-shard']),
    tests: [
      ...GOLDEN,
      ...OF_STORES,
      ...tests('engine', ['checkpoint', 'idempotence', 'mailbox', 'read-ahead', 'records', 'recovery', 'store-shard']),
    ],
    without: SLOW_OF_ENGINE,
  },
  engine: {
    mutate: shard(['divided-engine', 'open-engine', 'parts']),
    tests: [...OF_STORES, ...tests('shards', ['calls', 'remote-parts'])],
    without: SLOW_OF_ENGINE,
  },
};

function shard(names: readonly string[]): readonly string[] {
  return names.map((name) => `engine/shard/${name}.ts`);
}

function tests(folder: string, names: readonly string[]): readonly string[] {
  return names.map((name) => `test/${folder}/${name}.test.ts`);
}
