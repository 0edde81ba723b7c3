/** Forms of what a store says of itself. */
import type { ShardReport, ShardStats, Traffic } from '../../../engine/index.ts';
import {
  checkpointMark,
  flag,
  integer,
  list,
  nullable,
  pair,
  periodDecision,
  type RowsCopied,
  type StorePosition,
  shape,
  text,
} from '../../../snapshots/index.ts';
import { places } from './rankings.ts';

export const shardStats = shape<ShardStats>({
  citizensEnabled: integer,
  cardsActive: integer,
  paymentsListed: integer,
  commandsDone: integer,
  mailboxCount: integer,
  journalSequence: integer,
  checkpointSequence: integer,
  unwrittenRowCount: integer,
  turns: integer,
  facts: integer,
});

export const shardReport = shape<ShardReport>({
  isNew: flag,
  isOlder: flag,
  lastMs: integer,
  programme: nullable(text),
  sequence: integer,
  sequences: list(integer),
  mark: checkpointMark,
  hasMoves: flag,
  finalPeriods: places,
  frozenRankings: list(integer),
  ties: list(pair(text, text)),
  periodDecisions: list(periodDecision),
});

export const storePosition = shape<StorePosition>({
  sequence: integer,
  slotCount: integer,
  partitions: list(
    shape<StorePosition['partitions'][number]>({ partition: integer, sequence: integer, sent: list(integer) }),
  ),
});

export const rowsCopied = shape<RowsCopied>({
  format: integer,
  sequence: integer,
  partitions: list(
    shape<RowsCopied['partitions'][number]>({
      partition: integer,
      sequence: integer,
      sent: list(integer),
      received: list(integer),
    }),
  ),
});

export const traffic = shape<Traffic>({ sent: integer, taken: integer });
