/**
 * Limits at which a world of a hundred commands meets what a real one meets after millions: full rings, turns in pieces,
 * pages of commands, actors that rest. Applied like a planted bug, to every simulation.
 */
import type { Patch } from './bundle.ts';

export const SMALL_LIMITS: readonly Patch[] = [
  ...limits({
    batchCountMax: ['1_024', '4'],
    mailboxCountMax: ['8_192', '256'],
    deferredCountMax: ['8_192', '256'],
    changesInFlightMax: ['8_192', '200'],
    readsInFlightMax: ['16_384', '400'],
    insideCountFirst: ['1_024', '64'],
    ringBytes: ['4_194_304', '16_384'],
    ringBytesBetweenShards: ['524_288', '1_024'],
    ringBatchBytes: ['65_536', '256'],
    frameBytesMaxAcquirer: ['262_144', '8_192'],
    pieceCount: ['500', '1'],
    inFlightPerSocketMax: ['256', '64'],
    fileRowsInFlightMax: ['512', '8'],
    expiredPerTurnMax: ['500', '2'],
    payoutsPerTurnMax: ['512', '2'],
    payoutsPageMax: ['500', '3'],
    parsPerReadMax: ['500', '2'],
    checkpointRowCount: ['50_000', '1_000'],
    checkpointBatchRows: ['1_000', '6'],
    journalTailRecordsMax: ['200_000', '60'],
    awakeCountMax: ['50_000', '4'],
    vaultKeysMax: ['20_000', '2'],
  }),
  // Closing a period takes a message from each partition to each: 4,096 of them say no more than 256.
  { file: 'engine/contract/keys.ts', find: 'PARTITION_COUNT = 64;', replace: 'PARTITION_COUNT = 16;' },
  {
    file: 'engine/partition.ts',
    find: '(hexDigit(key.charCodeAt(0)) << 2) | (hexDigit(key.charCodeAt(1)) >> 2)',
    replace: 'hexDigit(key.charCodeAt(0))',
  },
  { file: 'snapshots/inspect/balance.ts', find: 'const SCALE_DIGITS = 5;', replace: 'const SCALE_DIGITS = 1;' },
  { file: 'engine/shard/known-pars.ts', find: 'const BITS = 2 ** 27;', replace: 'const BITS = 2 ** 6;' },
  { file: 'server/shards/calls.ts', find: 'const PLACES = 32_768;', replace: 'const PLACES = 1_024;' },
  { file: 'engine/wallet/commands.ts', find: 'const RECENT_COUNT_MAX = 24;', replace: 'const RECENT_COUNT_MAX = 5;' },
  { file: 'engine/wallet/commands.ts', find: 'const PAGE_COUNT = 16;', replace: 'const PAGE_COUNT = 3;' },
  { file: 'engine/card/card-facts.ts', find: 'const RECENT_COUNT = 8;', replace: 'const RECENT_COUNT = 3;' },
  { file: 'snapshots/inspect/cards.ts', find: 'const RECENT_COUNT = 8;', replace: 'const RECENT_COUNT = 3;' },
  { file: 'engine/ranking/ranking-file.ts', find: 'const CHUNK_ROWS = 8_192;', replace: 'const CHUNK_ROWS = 2;' },
  { file: 'snapshots/codec/bytes.ts', find: 'byteCount = 65_536', replace: 'byteCount = 4_096' },
];

function limits(changes: Readonly<Record<string, readonly [usual: string, small: string]>>): readonly Patch[] {
  return Object.entries(changes).map(([name, [usual, small]]) => {
    return { file: 'engine/limits.ts', find: `  ${name}: ${usual},`, replace: `  ${name}: ${small},` };
  });
}
