/** A programme with one period for a century: long walks may take a day a step. */
import { checkProgramme, italy2020, type Programme } from '../../engine/index.ts';

export const PERIOD = 2;
export const CENTURY_NOW = '2001-01-10T12:00:00Z';

export function century(): Programme {
  const { periods, ...rest } = italy2020();
  const semester = periods.find(({ awardPeriodId }) => awardPeriodId === PERIOD);
  const checked = checkProgramme({ ...rest, periods: [{ ...semester, startDay: '2001-01-01', endDay: '2099-12-31' }] });
  if (!checked.ok) throw new Error(checked.problem);
  return checked.programme;
}
