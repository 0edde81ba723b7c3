/** Format 3 of the body of a journal record: the facts that are new in it. */
import type { Fact } from '../../engine/facts.ts';
import { integer, tagged, text } from './shape.ts';
import { listedFields, turnBodyOf } from './turn-v1.ts';
import { factKinds as factKindsV2 } from './turn-v2.ts';
import {
  notice,
  noticeRun,
  payout,
  payoutFile,
  payoutOrder,
  payoutRun,
  periodDecision,
  storedResolution,
} from './values-v3.ts';

export const fact = tagged<Fact>({
  ...factKindsV2,
  // Wallets.
  payoutMade: [16, { citizen: text, payout }],
  payoutAdded: [17, { citizen: text, payout }],
  payoutSet: [18, { citizen: text, payout }],
  noticeQueued: [19, { citizen: text, notice }],
  noticeSet: [20, { citizen: text, notice, wasDueMs: integer }],
  noticeRunSet: [21, { run: noticeRun }],
  // Cards.
  reversalResolved: [57, { hpan: text, resolution: storedResolution }],
  resolutionVoided: [58, { hpan: text, place: integer }],
  // Partitions.
  payoutsOrdered: [86, { order: payoutOrder }],
  payoutRunSet: [87, { run: payoutRun }],
  payoutFileSet: [88, { file: payoutFile }],
  periodDecided: [89, { decision: periodDecision }],
  periodReopened: [90, { decision: periodDecision }],
  // Wallets and cards, of a period that was opened again.
  latePaymentListed: [91, listedFields],
  lateRecordTaken: [92, { hpan: text, place: integer, decisionNumber: integer, file: text }],
});

export const turnBody = turnBodyOf(fact);
