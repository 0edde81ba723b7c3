/** A programme whose periods end one after the other while somebody looks. */
import { dayText, italy2020, type PeriodParameters, type Programme, romeDayNumber } from '../../engine/index.ts';

export const DAYS_PER_PERIOD = 5;

/** Periods without grace, from the day of `startMs` on, numbered from 1. */
export function shortPeriods(startMs: number, count: number): Programme {
  const [, semester] = italy2020().periods;
  const periods = Array.from({ length: count }, (_, index): PeriodParameters => {
    const first = romeDayNumber(startMs) + index * DAYS_PER_PERIOD;
    const [startDay, endDay] = [dayText(first), dayText(first + DAYS_PER_PERIOD - 1)];
    return { ...semester!, awardPeriodId: 1 + index, name: startDay, startDay, endDay, graceDays: 0 };
  });
  return { ...italy2020(), periods };
}
