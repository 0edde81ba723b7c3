/** Format 3 of the body of a journal record: the facts that are new in it. */
import type { Fact } from '../../engine/facts.ts';
import { flag, integer, list, shape, tagged, text } from './shape.ts';
import { listed, turnBodyOf } from './turn-v1.ts';
import { factKinds as factKindsV2 } from './turn-v2.ts';
import { standing } from './values-v1.ts';
import {
  exclusion,
  merchantDay,
  notice,
  noticeRun,
  payout,
  payoutFile,
  payoutOrder,
  payoutRun,
  storedResolution,
} from './values-v3.ts';

type PeriodStanding = Extract<Fact, { readonly kind: 'citizenExcluded' }>['standings'][number];

const periodStanding = shape<PeriodStanding>({ awardPeriodId: integer, standing });

export const fact = tagged<Fact>({
  ...factKindsV2,
  // Wallets.
  payoutMade: [16, { citizen: text, payout }],
  payoutAdded: [17, { citizen: text, payout }],
  payoutSet: [18, { citizen: text, payout }],
  noticeQueued: [19, { citizen: text, notice }],
  noticeSet: [20, { citizen: text, notice, wasDueMs: integer }],
  noticeRunSet: [21, { run: noticeRun }],
  citizenExcluded: [22, { citizen: text, isExcluded: flag, standings: list(periodStanding), atMs: integer }],
  paymentKept: [23, listed],
  exclusionSet: [24, { citizen: text, subject: text, exclusion }],
  merchantDaySet: [94, { citizen: text, sub: text, merchantDay }],
  // Cards.
  reversalResolved: [57, { hpan: text, resolution: storedResolution }],
  resolutionVoided: [58, { hpan: text, place: integer }],
  // Partitions.
  payoutsOrdered: [86, { order: payoutOrder }],
  payoutRunSet: [87, { run: payoutRun }],
  payoutFileSet: [88, { file: payoutFile }],
});

export const turnBody = turnBodyOf(fact);
