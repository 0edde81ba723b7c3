/** Where and when a simulated world takes place, and what goes wrong in it: all drawn from the seed. */
import { dayNumberOf, dayStartMs, dayText, italy2020, type Programme } from '../../engine/index.ts';
import type { Random } from '../support/random.ts';

const HOUR_MS = 3_600_000;

export interface Scene {
  /** One thing at a time beside the oracle of the law; else all at once. */
  readonly isCalm: boolean;
  readonly shardCount: number;
  readonly startMs: number;
  /** How coarse the clock is: citizens who enrol within one step tie. */
  readonly clockStepMs: number;
  readonly programme: Programme;
  /** Nobody alters it: rings are so small that no text of it goes through. */
  readonly isProgrammeFixed: boolean;
  readonly checkpointRowCount: number;
  readonly isDiskSlow: boolean;
  /** Rows are not in memory: turns read ahead. */
  readonly isReadSlow: boolean;
  /** In a hundred. */
  readonly lost: number;
  readonly duplicated: number;
  readonly actionCount: number;
  readonly deathCount: number;
  /** Once in how many actions the clock jumps by a month. */
  readonly isMonthLong: boolean;
}

/** Days on which something is near: a year's end, a leap day, a month that is shorter, a change of the clock. */
const WINTER_DAYS = ['2020-12-29', '2021-01-29', '2024-01-30', '2024-02-26', '2023-02-26', '2020-12-05'];
const DAYS = [...WINTER_DAYS, '2021-03-26', '2024-03-29', '2021-10-29', '2024-10-25', '2021-06-28'];

export function drawScene(seed: number, random: Random): Scene {
  const isCalm = random.below(100) < 30;
  const day = dayNumberOf(random.pick(isCalm ? WINTER_DAYS : DAYS))!;
  return {
    isCalm,
    shardCount: random.pick([1, 1, 1, 2, 2, 2, 3, 3, 4]),
    startMs: dayStartMs(day) + random.below(24 * HOUR_MS),
    clockStepMs: isCalm ? 1 : random.pick([1, 1, 60_000]),
    // Of the seed itself, as below.
    programme: { ...programmeFrom(day), ...(!isCalm && seed % 4 === 1 ? { abuseRule: ABUSE_RULE } : {}) },
    isProgrammeFixed: seed % 2 === 0,
    checkpointRowCount: random.pick([4, 10, 25, 80]),
    isDiskSlow: random.below(4) === 0,
    // Of the seed itself: the other scenes stay what they were when bugs were caught in them.
    isReadSlow: seed % 10 === 8,
    lost: random.pick([0, 2, 10, 30]),
    duplicated: random.pick([0, 3, 15]),
    actionCount: 40 + random.below(60),
    deathCount: random.pick([0, 1, 2, 3, 5]),
    isMonthLong: random.below(6) === 0,
  };
}

/** Two purchases of a few cents are one that was split. */
const ABUSE_RULE = { firstDay: '2020-01-01', amountCentsMax: 10, paymentsMin: 2, appealDays: 1 };

/** Two short periods, each with a prize that two can win, and limits that a few payments reach. */
function programmeFrom(day: number): Programme {
  const { periods, ...rest } = italy2020();
  const short = (awardPeriodId: number, firstDay: number, lastDay: number) => ({
    ...periods[1]!,
    ...{ awardPeriodId, startDay: dayText(day + firstDay), endDay: dayText(day + lastDay), graceDays: 1 },
    ...{ minTransactionNumber: 2, maxPeriodCashbackCents: 1_800, minPosition: 2 },
  });
  return { ...rest, periods: [short(1, -1, 2), short(2, 3, 5)] };
}
