/** Format 3 of the body of a journal record: the facts that it changed, and those that are new in it. */
import type { Fact, WalletFact } from '../../engine/facts.ts';
import { flag, integer, type Kinds, list, nullable, oneOf, shape, tagged, text } from './shape.ts';
import { listedFields, turnBodyOf } from './turn-v1.ts';
import { factKinds as factKindsV2 } from './turn-v2.ts';
import { payoff, pendingReversal, standing } from './values-v1.ts';
import {
  exclusion,
  fileTally,
  ledgerEntry,
  merchantDay,
  notice,
  noticeRun,
  payout,
  payoutFile,
  payoutOrder,
  payoutRun,
  periodDecision,
  receivedFile,
  recheck,
  recordCover,
  storedResolution,
} from './values-v3.ts';

type Judged = Extract<WalletFact, { readonly kind: 'payoffJudged' }>;

const verdict = oneOf<Judged['verdict']>({ OK: 0, KO: 1, INVALID: 2 });

type PeriodStanding = Extract<Fact, { readonly kind: 'citizenExcluded' }>['standings'][number];

const periodStanding = shape<PeriodStanding>({ awardPeriodId: integer, standing });

export const factKinds: Kinds<Fact> = {
  ...factKindsV2,
  // Wallets.
  payoutMade: [16, { citizen: text, payout }],
  payoutAdded: [17, { citizen: text, payout }],
  payoutSet: [18, { citizen: text, payout }],
  noticeQueued: [19, { citizen: text, notice }],
  noticeSet: [20, { citizen: text, notice, wasDueMs: integer }],
  noticeRunSet: [21, { run: noticeRun }],
  recheckSet: [25, { citizen: text, recheck: nullable(recheck), wasDueMs: nullable(integer) }],
  payoffJudged: [26, { citizen: text, verdict, payoff: nullable(payoff), atMs: integer }],
  favouriteSet: [27, { citizen: text, hpan: text, atMs: integer }],
  citizenExcluded: [22, { citizen: text, isExcluded: flag, standings: list(periodStanding), atMs: integer }],
  paymentKept: [23, listedFields],
  exclusionSet: [24, { citizen: text, subject: text, exclusion }],
  merchantDaySet: [94, { citizen: text, sub: text, merchantDay }],
  // Cards.
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
  reversalResolved: [57, { hpan: text, resolution: storedResolution }],
  parSet: [59, { hpan: text, par: text, wasPar: text }],
  parCovered: [60, { hpan: text, key: text, cover: recordCover }],
  resolutionVoided: [58, { hpan: text, place: integer }],
  // Partitions.
  payoutsOrdered: [86, { order: payoutOrder }],
  payoutRunSet: [87, { run: payoutRun }],
  payoutFileSet: [88, { file: payoutFile }],
  fileTallySet: [93, { tally: fileTally }],
  receivedFileSet: [96, { file: receivedFile }],
  periodDecided: [89, { decision: periodDecision }],
  periodReopened: [90, { decision: periodDecision }],
  // Wallets and cards, of a period that was opened again.
  latePaymentListed: [91, listedFields],
  lateRecordTaken: [92, { hpan: text, place: integer, decisionNumber: integer, file: text }],
};

export const fact = tagged<Fact>(factKinds);
export const turnBody = turnBodyOf(fact);
