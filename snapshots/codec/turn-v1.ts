/** Format 1 of the body of a journal record: the facts of one turn. Field order and numbers are the format. */
import type { Fact, Section, TurnRecord } from '../../engine/facts.ts';
import {
  absent,
  bytes,
  type Codec,
  integer,
  type Kinds,
  list,
  nullable,
  oneOf,
  pair,
  shape,
  tagged,
  text,
} from './shape.ts';
import {
  answer,
  doneCommand,
  ledgerEntry,
  message,
  methodDetails,
  operation,
  optInStatus,
  paymentRow,
  payoff,
  pendingReversal,
  refusal,
  standing,
} from './values-v1.ts';

type Removal = Extract<Fact, { readonly kind: 'left' }>['removed'][number];

const removal = shape<Removal>({ awardPeriodId: integer, before: standing });

const claimed = { hpan: text, citizen: text, enrolment: integer, channel: text, master: text, activationMs: integer };

export const listedFields = {
  citizen: text,
  payment: paymentRow,
  rawCents: integer,
  before: nullable(standing),
  after: standing,
  atMs: integer,
};

/** Kinds that this format has. The others are newer: nothing writes them where a folder has it. */
export type FactV1 = Exclude<
  Fact,
  {
    kind:
      | 'payoutMade'
      | 'payoutAdded'
      | 'payoutSet'
      | 'payoutsOrdered'
      | 'payoutRunSet'
      | 'payoutFileSet'
      | 'noticeQueued'
      | 'noticeSet'
      | 'noticeRunSet'
      | 'fileTallySet'
      | 'receivedFileSet'
      | 'reversalResolved'
      | 'resolutionVoided'
      | 'recheckSet'
      | 'payoffJudged'
      | 'favouriteSet'
      | 'parSet'
      | 'parCovered'
      | 'periodDecided'
      | 'periodReopened'
      | 'latePaymentListed'
      | 'lateRecordTaken'
      | 'paymentKept'
      | 'citizenExcluded'
      | 'exclusionSet'
      | 'merchantDaySet';
  }
>;

export const factKinds: Kinds<FactV1> = {
  // Wallets: 1 to 49.
  enrolled: [
    1,
    { citizen: text, enrolment: integer, termsMs: integer, optInStatus, slot: integer, sealedTaxCode: bytes },
  ],
  optInSet: [2, { citizen: text, optInStatus }],
  left: [
    3,
    {
      citizen: text,
      cancellationMs: integer,
      removed: list(removal),
    },
  ],
  payoffSet: [4, { citizen: text, payoff, atMs: integer }],
  methodAdded: [5, { citizen: text, hpan: text, details: methodDetails, atMs: integer }],
  methodRemoved: [6, { citizen: text, hpan: text, atMs: integer }],
  claimStarted: [7, { citizen: text, hpan: text, channel: text }],
  claimEnded: [8, { citizen: text, hpan: text, activationMs: nullable(integer), atMs: integer }],
  releaseStarted: [9, { citizen: text, hpan: text }],
  releaseEnded: [10, { citizen: text, hpan: text, deactivationMs: nullable(integer), atMs: integer }],
  operationSet: [11, { citizen: text, operation }],
  operationRefused: [12, { citizen: text, commandKey: text, code: refusal }],
  commandDone: [13, { citizen: text, commandKey: text, bodyHash: text, command: absent(null), answer }],
  paymentListed: [14, listedFields],
  commandsPaged: [15, { citizen: text, commands: list(doneCommand) }],
  // Cards: 50 to 79.
  cardActivated: [50, claimed],
  cardDeactivated: [51, { hpan: text, deactivationMs: integer }],
  ownerLeft: [52, { hpan: text, citizen: text, enrolment: integer }],
  recordSet: [
    53,
    {
      hpan: text,
      entry: ledgerEntry,
      unanswered: integer,
      pending: list(pendingReversal),
      arrivals: integer,
      reversals: integer,
    },
  ],
  cardClaimed: [54, claimed],
  claimConfirmed: [55, { hpan: text }],
  claimWithdrawn: [56, { hpan: text, status: oneOf<'absent' | 'inactive'>({ absent: 0, inactive: 1 }) }],
  // Partitions: 80 to 99.
  periodClosed: [80, { awardPeriodId: integer }],
  periodCloseHeard: [81, { awardPeriodId: integer, from: integer }],
  periodFrozen: [82, { awardPeriodId: integer }],
  rankingFrozen: [83, { awardPeriodId: integer, vector: list(integer), participants: integer, digest: text }],
  tieOrdered: [84, { first: text, second: text }],
  programmeSet: [85, { json: text, hash: text }],
};

/** Epoch and sequence stand in the record's header. */
export type TurnBody = Omit<TurnRecord, 'epoch' | 'sequence'>;

/** @param fact in the format of the turn */
export function turnBodyOf<F extends Fact>(fact: Codec<F>): Codec<TurnBody> {
  const section = shape<Section>({
    partition: integer,
    sequence: integer,
    facts: list(fact as Codec<Fact>),
    sent: list(message),
    within: list(pair(integer, integer)),
    received: list(pair(integer, integer)),
  });
  return shape<TurnBody>({ nowMs: integer, sections: list(section) });
}

export const turnBody = turnBodyOf(tagged<FactV1>(factKinds));
