/** Forms of moves and ranks, between shards and the coordinator. */
import type {
  EngineStats,
  Fact,
  Published,
  RankAnswer,
  RankedStanding,
  RankingEntry,
  RankMove,
  RankQuestion,
  RecoveredMove,
} from '../../../engine/index.ts';
import { type Codec, flag, integer, list, nullable, pair, shape, standing, text } from '../../../snapshots/index.ts';

type RankingFrozen = Extract<Fact, { readonly kind: 'rankingFrozen' }>;

export const rankingEntry = shape<RankingEntry>({
  rank: integer,
  citizen: text,
  transactionNumber: integer,
  lastTrxMs: integer,
});

export const rankingStats = list(
  shape<EngineStats['rankings'][number]>({ awardPeriodId: integer, participants: integer, isFrozen: flag }),
);

export const places = list(pair(integer, integer));

const rankMove = { awardPeriodId: integer, citizen: text, before: nullable(standing), after: nullable(standing) };

export const published = shape<Published>({
  shard: integer,
  sequence: integer,
  sequences: places,
  moves: list(shape<RankMove>(rankMove)),
  finalPeriods: places,
  frozenRankings: list(integer),
});

export const recoveredMove = shape<RecoveredMove>({ ...rankMove, partition: integer, sequence: integer });

export const rankedStanding = shape<RankedStanding>({ awardPeriodId: integer, citizen: text, standing });

export const rankQuestion = shape<RankQuestion>({
  awardPeriodId: integer,
  citizen: text,
  standing: nullable(standing),
});

export const rankAnswer = shape<RankAnswer>({
  rank: integer,
  participants: integer,
  firstCount: integer,
  lastWinnerCount: integer,
});

const rankingFrozenFields = shape<Omit<RankingFrozen, 'kind'>>({
  awardPeriodId: integer,
  vector: list(integer),
  participants: integer,
  digest: text,
});

export const rankingFrozen: Codec<RankingFrozen> = {
  write: (to, fact) => rankingFrozenFields.write(to, fact),
  read: (from) => ({ kind: 'rankingFrozen', ...rankingFrozenFields.read(from) }),
};
