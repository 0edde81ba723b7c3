/** What is mutated together, and the tests that such mutants have to survive: those that touch the room and are quick. */
export interface Room {
  readonly mutate: readonly string[];
  readonly tests: readonly string[];
  /** Names of tests that take longer than all the others together, or look at what all of them did. */
  readonly without?: readonly string[];
}

const GOLDEN = tests('golden', ['money', 'milestones', 'reversals', 'days', 'ranking']);

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
    tests: [
      ...GOLDEN,
      ...tests('engine', ['machines', 'records', 'expiry', 'activations']),
      ...tests('model', ['card']),
    ],
  },
  wallet: {
    mutate: ['engine/wallet/*.ts'],
    tests: [
      ...GOLDEN,
      ...tests('engine', ['machines', 'refusals', 'idempotence', 'activations', 'periods']),
      ...tests('model', ['wallet']),
    ],
    without: ['the wallet machine that runs in production has no transition that these tests have not seen'],
  },
  ranking: {
    mutate: ['engine/ranking/*.ts'],
    tests: [
      ...tests('ranking', ['blocks', 'counted-tree', 'ranking', 'ranking-file']),
      ...tests('golden', ['ranking']),
    ],
    without: [
      'a copy that is taken while the ranking moves leads to it when the moves are made again',
      'an entry takes at most 42 bytes, all in, whatever a million of them went through',
    ],
  },
  record: {
    mutate: ['snapshots/record.ts', 'snapshots/journal.ts'],
    tests: [...tests('snapshots', ['codec']), ...tests('contract', ['persistence'])],
  },
  shard: {
    mutate: ['engine/shard/*.ts'],
    tests: [
      ...GOLDEN,
      ...tests('engine', [
        'activations',
        'actors',
        'expiry',
        'idempotence',
        'periods',
        'rankings',
        'read-ahead',
        'records',
        'refusals',
        'smoke',
        'store-shard',
      ]),
      ...tests('shards', ['remote-parts', 'calls', 'tax-code-desk']),
    ],
  },
};

function tests(folder: string, names: readonly string[]): readonly string[] {
  return names.map((name) => `test/${folder}/${name}.test.ts`);
}
