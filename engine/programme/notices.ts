/** Who is told what about a period or a transfer, with which amounts (domain 2.9). */
import type {
  NoticeContent,
  NoticeResult,
  NoticeRunKind,
  PayoutStatus,
  PeriodParameters,
  Programme,
} from '../contract.ts';
import { dayNumberOf, dayStartMs, romeDayNumber } from './calendar.ts';
import { shownCents } from './cashback.ts';
import { type PayoutAmounts, type PayoutStanding, payoutAmounts } from './payout.ts';
import { closesAtMs, periodStatus, visiblePeriods } from './period.ts';

/** Attempts at delivery; then it is given up, and an operator sees it. */
const ATTEMPTS_MAX = 3;
const RETRY_MS = 60_000;
/** Each wait is so many times the one before. */
const RETRY_FACTOR = 10;
/** How far ahead the receiver may set a retry. */
const LATER_MS_MAX = 86_400_000;

/** Days after a period has closed in which its result is still told. */
const FINAL_DAYS = 10;

/** Of a period, which notices may be queued at an instant. */
export interface NoticesDue {
  readonly run: NoticeRunKind;
  readonly awardPeriodId: number;
}

/** A missing IBAN is told while it can still matter to the period; nobody schedules it unless somebody asks. */
export function noticesDue(programme: Programme, nowMs: number): readonly NoticesDue[] {
  return visiblePeriods(programme).flatMap((period) => {
    const { awardPeriodId } = period;
    const runs: NoticeRunKind[] = [];
    const status = periodStatus(period, nowMs);
    if (status === 'ACTIVE' || status === 'WAITING') runs.push('missingIban');
    if (status === 'WAITING') runs.push('endOfPeriod');
    if (status === 'CLOSED' && romeDayNumber(nowMs) < romeDayNumber(closesAtMs(period)) + FINAL_DAYS)
      runs.push('final');
    return runs.map((run) => ({ run, awardPeriodId }));
  });
}

/** A citizen who is enrolled, as a run meets them. */
export interface NoticeSubject {
  readonly termsMs: number;
  readonly hasIban: boolean;
  /** Undefined = takes no part in the ranking of the period. */
  readonly standing: PayoutStanding | undefined;
  readonly isWinner: boolean;
}

/** @returns null: this citizen is told nothing */
export function periodNotice(
  run: NoticeRunKind,
  subject: NoticeSubject,
  period: PeriodParameters,
): NoticeContent | null {
  const { hasIban, standing } = subject;
  if (run === 'missingIban') return hasIban ? null : content('missingIban', period, NOTHING);
  if (standing === undefined) return null;
  if (run === 'final') return finalNotice(standing, subject.isWinner, period);
  if (subject.termsMs >= dayStartMs(dayNumberOf(period.endDay)!)) return null;
  return content('endOfPeriod', period, { cashbackCents: shownCents(standing.rawCents, period), jackpotCents: 0 });
}

function finalNotice(standing: PayoutStanding, isWinner: boolean, period: PeriodParameters): NoticeContent {
  const amounts = payoutAmounts(standing, period, { cut: null, isWinner });
  if (amounts === null) return content('noRefund', period, NOTHING);
  return content(amounts.jackpotCents > 0 ? 'refundAndPrize' : 'refund', period, amounts);
}

/** A payout record of whose transfer the bank has spoken. */
export interface SettledTransfer extends PayoutAmounts {
  readonly status: PayoutStatus;
  readonly hasIban: boolean;
  readonly isExecuted: boolean;
  /** Its citizen is enrolled. */
  readonly isEnabled: boolean;
}

/** @returns null: nobody is told */
export function transferNotice(transfer: SettledTransfer, period: PeriodParameters): NoticeContent | null {
  const { status, hasIban, isEnabled, cashbackCents, jackpotCents } = transfer;
  if (!isEnabled || !hasIban || cashbackCents + jackpotCents < 1) return null;
  if (status === 'NEW' || status === 'INTEGRATION') return null;
  const amounts = { cashbackCents: shownCents(cashbackCents, period), jackpotCents };
  return content(transfer.isExecuted ? 'transferExecuted' : 'transferFailed', period, amounts);
}

/** Whether what it says still concerns its citizen by the time at which it can be delivered. */
export function isStillDue(
  { kind }: Pick<NoticeContent, 'kind'>,
  citizen: { readonly isEnabled: boolean; readonly hasIban: boolean },
): boolean {
  return citizen.isEnabled && !(kind === 'missingIban' && citizen.hasIban);
}

/** What becomes of a notice that could not be delivered now. Null = it is given up. */
export function retryOf(
  result: Extract<NoticeResult, { kind: 'failed' | 'later' }>,
  attempts: number,
): { readonly attempts: number; readonly delayMs: number } | null {
  if (result.kind === 'later') return { attempts, delayMs: Math.min(Math.max(1, result.laterMs), LATER_MS_MAX) };
  if (attempts + 1 >= ATTEMPTS_MAX) return null;
  return { attempts: attempts + 1, delayMs: RETRY_MS * RETRY_FACTOR ** attempts };
}

const NOTHING: PayoutAmounts = { cashbackCents: 0, jackpotCents: 0 };

function content(
  kind: NoticeContent['kind'],
  { awardPeriodId }: PeriodParameters,
  { cashbackCents, jackpotCents }: PayoutAmounts,
): NoticeContent {
  return { kind, awardPeriodId, cashbackCents, jackpotCents };
}
