/** Forms of reversals in a list, and of what operators make of them. */
import type {
  ListedReversalState,
  ReversalDecision,
  ReversalListed,
  ReversalResolved,
  ReversalsPart,
  ReversalView,
} from '../../../engine/index.ts';
import {
  integer,
  nullable,
  oneOf,
  recordKey,
  refusal,
  resolution,
  shape,
  text,
  transactionRecord,
} from '../../../snapshots/index.ts';

export const reversalsPart = shape<ReversalsPart>({
  state: oneOf<ListedReversalState>({ pending: 0, parked: 1, flagged: 2 }),
  partition: integer,
  after: text,
  countMax: integer,
});

const reversalView = shape<ReversalView>({
  record: transactionRecord,
  receivedMs: integer,
  awardPeriodId: integer,
  expiresMs: integer,
  code: nullable(refusal),
});

export const reversalListed = shape<ReversalListed>({ sub: text, reversal: reversalView });

export const reversalDecision = shape<ReversalDecision>({
  hpan: text,
  reversal: recordKey,
  resolution,
  payment: nullable(recordKey),
  operator: text,
  reason: text,
});

export const reversalResolved = shape<ReversalResolved>({
  state: oneOf<ReversalResolved['state']>({ applied: 0, discarded: 1 }),
  resolution,
  operator: text,
  reason: text,
  atMs: integer,
  scoreCents: integer,
  awardPeriodId: integer,
});
