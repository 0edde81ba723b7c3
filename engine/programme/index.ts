/** The law: pure functions of what a programme says. No state, no clock. */
export { appealEndsMs, isTrifling, type MerchantDayJudged, merchantDayOf, withTriflingPayment } from './abuse.ts';
export {
  addOneMonth,
  dayNumberOf,
  dayStartMs,
  dayText,
  isoText,
  parseInstant,
  romeDayNumber,
  romeText,
} from './calendar.ts';
export {
  type MilestoneLine,
  milestones,
  payableCents,
  paymentScoreCents,
  proportionalCut,
  reversalScoreCents,
  shownCents,
} from './cashback.ts';
export {
  decisionPrefix,
  decisionSub,
  judgePeriodOrder,
  lastReopening,
  type PeriodJudged,
  type PeriodSituation,
  periodDetails,
  reopenedPeriod,
  reopenedUntilMs,
  versionProblem,
} from './decisions.ts';
export { checkIban, makeIban, recheckDelayMs } from './iban.ts';
export { Law } from './law.ts';
export {
  isStillDue,
  type NoticeSubject,
  type NoticesDue,
  noticesDue,
  periodNotice,
  retryOf,
  type SettledTransfer,
  transferNotice,
} from './notices.ts';
export {
  type PayoutAmounts,
  type PayoutCut,
  type PayoutStanding,
  type PayoutTypology,
  payoutAmounts,
  payoutTypology,
  supplementOf,
} from './payout.ts';
export {
  acceptingPeriod,
  closesAtMs,
  findPeriod,
  holdsInstant,
  periodStatus,
  periodViews,
  visiblePeriods,
} from './period.ts';
export {
  type CheckedProgramme,
  canonicalJson,
  checkProgramme,
  demonstration,
  italy2020,
  programmeIn,
} from './programme.ts';
export {
  type CheckedRecord,
  checkPar,
  checkRecordFields,
  checkRow,
  compareKeys,
  exclusionOperation,
  exclusionTime,
  idTrxOf,
  inclusionOperation,
  isExclusion,
  isLine,
  isReversal,
  isTakingBack,
  RECORD_COLUMNS,
  type RecordColumn,
  type RowContext,
  recordKeyText,
  undoneOperation,
} from './record.ts';
export {
  isCandidate,
  matchReversal,
  type RememberedPayment,
  type ReversalEffect,
  type ReversalMatch,
  reversalOf,
} from './reversal.ts';
export { type CheckedText, checkTaxCode, makeTaxCode } from './tax-code.ts';
