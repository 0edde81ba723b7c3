/**
 * The rule on split purchases (domain 5.6): off where the programme has none. Of a citizen's trifling payments at one
 * merchant on one day, with whichever cards, all but the first stop counting as soon as there are enough of them. First
 * is who was made first, by instant and then by key, so that the order in which they arrive changes nothing in the end.
 */
import type { AbuseRule, PaymentName, TransactionRecord } from '../contract.ts';
import type { MerchantDay } from '../exclusion/merchant-day.ts';
import { dayNumberOf, dayStartMs, dayText, romeDayNumber } from './calendar.ts';
import { compareKeys } from './record.ts';

/** Whether a payment is one that the rule looks at. */
export function isTrifling({ amountCents, trxMs }: TransactionRecord, rule: AbuseRule): boolean {
  return amountCents <= rule.amountCentsMax && trxMs >= dayStartMs(dayNumberOf(rule.firstDay)!);
}

export interface MerchantDayJudged {
  readonly merchantDay: MerchantDay;
  /** What is to count no more, oldest first. */
  readonly excluded: readonly PaymentName[];
}

/**
 * One more trifling payment was counted.
 *
 * @param before of that merchant and day, under the same enrolment; undefined = it is the first
 */
export function withTriflingPayment(
  before: MerchantDay | undefined,
  payment: PaymentName,
  of: Pick<MerchantDay, 'enrolment' | 'awardPeriodId' | 'day' | 'merchantId'>,
  rule: AbuseRule,
): MerchantDayJudged {
  const kept = [...(before?.kept ?? []), payment].sort(comparePayments);
  const paymentCount = (before?.paymentCount ?? 0) + 1;
  const merchantDay = { ...of, paymentCount, toldDay: before?.toldDay ?? '' };
  if (paymentCount < rule.paymentsMin) return { merchantDay: { ...merchantDay, kept }, excluded: [] };
  return { merchantDay: { ...merchantDay, kept: kept.slice(0, 1) }, excluded: kept.slice(1) };
}

/** The first instant at which no appeal is taken any more, of what is excluded now. */
export function appealEndsMs({ appealDays }: AbuseRule, nowMs: number): number {
  return dayStartMs(romeDayNumber(nowMs) + appealDays + 1);
}

export function merchantDayOf({ trxMs, merchantId }: TransactionRecord): Pick<MerchantDay, 'day' | 'merchantId'> {
  return { day: dayText(romeDayNumber(trxMs)), merchantId };
}

function comparePayments(left: PaymentName, right: PaymentName): number {
  const [older, newer] = [left.record, right.record];
  const byCard = left.hpan < right.hpan ? -1 : Number(left.hpan > right.hpan);
  return older.trxMs - newer.trxMs || compareKeys(older, newer) || byCard;
}
