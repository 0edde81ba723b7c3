/** Award periods: what a period is today, which one takes a record, when it closes (domain 3.3, 3.4). */
import { invariant } from '../assert.ts';
import type { PeriodParameters, PeriodStatus, Programme } from '../contract.ts';
import type { PeriodView } from '../engine.ts';
import { dayNumberOf, dayStartMs, dayText, romeDayNumber } from './calendar.ts';

/** Status on the Rome day of `nowMs`; the column of interface version 2 and later (domain 3.4). */
export function periodStatus(period: PeriodParameters, nowMs: number): PeriodStatus {
  const today = romeDayNumber(nowMs);
  if (today < firstDay(period)) return 'INACTIVE';
  if (today <= lastDay(period)) return 'ACTIVE';
  return today <= lastDay(period) + period.graceDays ? 'WAITING' : 'CLOSED';
}

/**
 * The period that counts a record: its day lies in start..end and it was received, at the latest, on the last day
 * of grace. Where several fit, the one that starts first (domain 3.3). Suspended periods do not exist.
 *
 * @returns null when no period takes it: NO_AWARD_PERIOD
 */
export function acceptingPeriod(
  programme: Programme,
  { trxMs, receivedMs }: { readonly trxMs: number; readonly receivedMs: number },
): PeriodParameters | null {
  const trxDay = dayText(romeDayNumber(trxMs));
  const receivedDay = romeDayNumber(receivedMs);

  let earliest: PeriodParameters | null = null;
  for (const period of programme.periods) {
    if (period.isSuspended || !accepts(period, trxDay, receivedDay)) continue;
    if (earliest === null || compareStart(period, earliest) < 0) earliest = period;
  }
  return earliest;
}

/** Whether a period's days hold an instant, whatever it takes by then. */
export function holdsInstant(period: PeriodParameters, ms: number): boolean {
  return holdsDay(period, dayText(romeDayNumber(ms)));
}

/** The instant from which a period takes nothing more: 00:00 Rome of the day after end + grace (DECISION 25). */
export function closesAtMs(period: PeriodParameters): number {
  return dayStartMs(lastDay(period) + period.graceDays + 1);
}

/** All periods but the suspended ones, by start day. */
export function visiblePeriods(programme: Programme): readonly PeriodParameters[] {
  return programme.periods.filter((period) => !period.isSuspended).sort(compareStart);
}

/** What everybody may know of them. */
export function periodViews(programme: Programme, nowMs: number): readonly PeriodView[] {
  return visiblePeriods(programme).map((period) => ({ ...period, status: periodStatus(period, nowMs) }));
}

/** Null for an unknown period; a suspended one is unknown (DECISION 40). */
export function findPeriod(programme: Programme, awardPeriodId: number): PeriodParameters | null {
  return programme.periods.find((period) => period.awardPeriodId === awardPeriodId && !period.isSuspended) ?? null;
}

/** Days compare as texts; only the period that holds the day is worth reading as numbers. */
function accepts(period: PeriodParameters, trxDay: string, receivedDay: number): boolean {
  if (!holdsDay(period, trxDay)) return false;
  return receivedDay >= firstDay(period) && receivedDay <= lastDay(period) + period.graceDays;
}

function holdsDay({ startDay, endDay }: PeriodParameters, day: string): boolean {
  return day >= startDay && day <= endDay;
}

export function compareStart(left: PeriodParameters, right: PeriodParameters): number {
  if (left.startDay !== right.startDay) return left.startDay < right.startDay ? -1 : 1;
  return left.awardPeriodId - right.awardPeriodId;
}

function firstDay(period: PeriodParameters): number {
  return checkedDay(period.startDay);
}

function lastDay(period: PeriodParameters): number {
  return checkedDay(period.endDay);
}

/** Days of a programme were checked when it was read (`checkProgramme`). */
function checkedDay(text: string): number {
  const day = dayNumberOf(text);
  invariant(day !== null, `a period has the day ${text}`);
  return day;
}
