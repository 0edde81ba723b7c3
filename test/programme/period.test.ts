// Method: tables of instants on both sides of every boundary of the shipped programme (fault 26; G28-G32), then seeded
// instants against the definition of 3.3 in whole days.
import { describe, expect, test } from 'vitest';
import type { PeriodParameters, Programme } from '../../engine/contract.ts';
import { dayNumberOf, parseInstant, romeDayNumber, romeText } from '../../engine/programme/calendar.ts';
import {
  acceptingPeriod,
  closesAtMs,
  findPeriod,
  periodStatus,
  periodViews,
  visiblePeriods,
} from '../../engine/programme/period.ts';
import { italy2020 } from '../../engine/programme/programme.ts';
import { Random, seed } from '../support/random.ts';

const programme = italy2020();
const [christmas, firstSemester] = [programme.periods[0]!, programme.periods[1]!];

function instant(text: string): number {
  const ms = parseInstant(text);
  if (ms === null) throw new Error(`the table has a bad instant: ${text}`);
  return ms;
}

function acceptingId(trx: string, received: string, law: Programme = programme): number | null {
  return acceptingPeriod(law, { trxMs: instant(trx), receivedMs: instant(received) })?.awardPeriodId ?? null;
}

/** [instant of the transaction, its Rome day, the period that counts it when it is received at once]. */
const FAULT_26: readonly (readonly [string, string, number | null])[] = [
  // The ends of Christmas, in four spellings of Rome's midnight.
  ['2020-12-07T22:59:59.999Z', '2020-12-07', null],
  ['2020-12-07T23:59:59.999+01:00', '2020-12-07', null],
  ['2020-12-07T23:00:00.000Z', '2020-12-08', 1],
  ['2020-12-08T00:00:00.000+01:00', '2020-12-08', 1],
  ['2020-12-08T00:00:00+0100', '2020-12-08', 1],
  ['2020-12-07T18:00:00-0500', '2020-12-08', 1],
  ['2020-12-08T08:00:00+09:00', '2020-12-08', 1],
  ['2020-12-08T07:59:59.999+09:00', '2020-12-07', null],
  ['2020-12-31T22:59:59.999Z', '2020-12-31', 1],
  ['2020-12-31T23:59:59.999+01:00', '2020-12-31', 1],
  ['2020-12-31T23:59:59.999999999+01:00', '2020-12-31', 1],
  ['2020-12-31T23:00:00.000Z', '2021-01-01', 2],
  ['2020-12-31T23:30:00Z', '2021-01-01', 2],
  ['2021-01-01T00:30:00+01:00', '2021-01-01', 2],
  ['2020-12-31T23:59:59.999Z', '2021-01-01', 2],
  ['2021-01-01T00:00:00.000Z', '2021-01-01', 2],
  // Where a leap second would be: no instant of ours lies between these two.
  ['2020-12-31T23:59:59.999Z', '2021-01-01', 2],
  ['2021-06-30T23:59:59.999Z', '2021-07-01', null],
  ['2016-12-31T23:59:59.999Z', '2017-01-01', null],
  ['2017-01-01T00:00:00.000Z', '2017-01-01', null],
  // 28 and 29 February, with and without a leap year.
  ['2021-02-28T22:59:59.999Z', '2021-02-28', 2],
  ['2021-02-28T23:00:00.000Z', '2021-03-01', 2],
  ['2020-02-28T23:00:00.000Z', '2020-02-29', null],
  ['2020-02-29T12:00:00.000+01:00', '2020-02-29', null],
  ['2020-02-29T22:59:59.999Z', '2020-02-29', null],
  ['2020-02-29T23:00:00.000Z', '2020-03-01', null],
  ['2024-02-29T23:59:59.999+01:00', '2024-02-29', null],
  ['2000-02-29T23:59:59.999+01:00', '2000-02-29', null],
  // To summer time, 28 March 2021 at 01:00 UTC.
  ['2021-03-27T22:59:59.999Z', '2021-03-27', 2],
  ['2021-03-27T23:00:00.000Z', '2021-03-28', 2],
  ['2021-03-28T00:59:59.999Z', '2021-03-28', 2],
  ['2021-03-28T01:00:00.000Z', '2021-03-28', 2],
  ['2021-03-28T21:59:59.999Z', '2021-03-28', 2],
  ['2021-03-28T22:00:00.000Z', '2021-03-29', 2],
  // The end of the first semester lies in summer time.
  ['2021-06-30T21:59:59.999Z', '2021-06-30', 2],
  ['2021-06-30T23:59:59.999+02:00', '2021-06-30', 2],
  ['2021-06-30T23:59:59+02:00', '2021-06-30', 2],
  ['2021-06-30T23:59:59.999+01:00', '2021-07-01', null],
  ['2021-06-30T22:00:00.000Z', '2021-07-01', null],
  ['2021-07-01T00:00:00.000+02:00', '2021-07-01', null],
  // Back to winter time, 31 October 2021 at 01:00 UTC, in the suspended semester.
  ['2021-10-30T21:59:59.999Z', '2021-10-30', null],
  ['2021-10-30T22:00:00.000Z', '2021-10-31', null],
  ['2021-10-31T00:59:59.999Z', '2021-10-31', null],
  ['2021-10-31T01:00:00.000Z', '2021-10-31', null],
  ['2021-10-31T22:59:59.999Z', '2021-10-31', null],
  ['2021-10-31T23:00:00.000Z', '2021-11-01', null],
  // The semester that never ran.
  ['2021-12-31T22:59:59.999Z', '2021-12-31', null],
  ['2021-12-31T23:00:00.000Z', '2022-01-01', 4],
  ['2022-03-27T02:30:00.000+01:00', '2022-03-27', 4],
  ['2022-06-30T21:59:59.999Z', '2022-06-30', 4],
  ['2022-06-30T22:00:00.000Z', '2022-07-01', null],
];

describe('fault 26: instants at the edges of days', () => {
  test.each(FAULT_26)('%s is on %s and in period %s', (text, day, awardPeriodId) => {
    expect(romeDayNumber(instant(text))).toBe(dayNumberOf(day));
    expect(acceptingId(text, text)).toBe(awardPeriodId);
  });

  test('the table has fifty instants', () => {
    expect(FAULT_26.length).toBeGreaterThanOrEqual(50);
  });
});

describe('the period that takes a record', () => {
  test.each([
    ['G28', '2021-06-30T23:59:59+02:00', '2021-07-15T23:59:59.999+02:00', 2],
    ['G28', '2021-06-30T23:59:59+02:00', '2021-07-16T00:00:00+02:00', null],
    ['G29', '2021-07-01T00:00:00+02:00', '2021-07-02T09:00:00+02:00', null],
    ['G30', '2020-12-31T23:59:59+01:00', '2021-01-10T23:59:59.999+01:00', 1],
    ['G30', '2020-12-31T23:59:59+01:00', '2021-01-11T00:00:00+01:00', null],
    ['G31', '2021-01-01T00:30:00+01:00', '2021-01-02T09:00:00+01:00', 2],
    ['G31', '2020-12-31T23:30:00Z', '2021-01-02T09:00:00+01:00', 2],
    ['G32', '2020-12-07T23:59:59+01:00', '2020-12-09T09:00:00+01:00', null],
    ['G32', '2020-12-08T00:00:00+01:00', '2020-12-09T09:00:00+01:00', 1],
  ])('%s: dated %s, received %s: period %s', (_name, trx, received, awardPeriodId) => {
    expect(acceptingId(trx, received)).toBe(awardPeriodId);
  });

  test('a period takes nothing before it has started', () => {
    expect(acceptingId('2021-01-01T00:00:00+01:00', '2020-12-31T23:59:59.999+01:00')).toBeNull();
  });

  test('where two periods overlap the one that starts first takes the record, whatever the order of the file', () => {
    const early = { ...firstSemester, awardPeriodId: 8, startDay: '2020-11-01' };
    for (const periods of [
      [firstSemester, early],
      [early, firstSemester],
    ]) {
      const law = { ...programme, periods };
      expect(acceptingId('2021-02-01T10:00:00+01:00', '2021-02-01T10:00:00+01:00', law)).toBe(8);
    }
  });

  test('of two that start on one day the one with the lower id takes the record', () => {
    const [low, high] = [firstSemester, { ...firstSemester, awardPeriodId: 8 }];
    for (const periods of [
      [low, high],
      [high, low],
    ]) {
      const law = { ...programme, periods };
      expect(acceptingId('2021-02-01T10:00:00+01:00', '2021-02-01T10:00:00+01:00', law)).toBe(2);
    }
  });

  test('seeded records are taken exactly as 3.3 defines it', () => {
    const random = new Random(seed);
    const firstMs = instant('2020-12-01T00:00:00Z');
    for (let step = 0; step < 8_000; step += 1) {
      const trxMs = firstMs + random.below(620 * 86_400) * 1_000;
      const receivedMs = trxMs + random.below(250 * 86_400) * 1_000;
      const [trxDay, receivedDay] = [romeDayNumber(trxMs), romeDayNumber(receivedMs)];
      const takes = (period: PeriodParameters): boolean => {
        const [start, end] = [dayNumberOf(period.startDay)!, dayNumberOf(period.endDay)!];
        return start <= trxDay && trxDay <= end && start <= receivedDay && receivedDay <= end + period.graceDays;
      };
      const expected = programme.periods.find((period) => !period.isSuspended && takes(period)) ?? null;
      expect(acceptingPeriod(programme, { trxMs, receivedMs }), `seed=${seed} step=${step}`).toBe(expected);
    }
  });
});

describe('the life of a period', () => {
  test.each([
    ['2020-12-07T23:59:59.999+01:00', 'INACTIVE'],
    ['2020-12-08T00:00:00.000+01:00', 'ACTIVE'],
    ['2020-12-31T23:59:59.999+01:00', 'ACTIVE'],
    ['2021-01-01T00:00:00.000+01:00', 'WAITING'],
    ['2021-01-10T23:59:59.999+01:00', 'WAITING'],
    ['2021-01-11T00:00:00.000+01:00', 'CLOSED'],
  ])('at %s Christmas is %s', (text, status) => {
    expect(periodStatus(christmas, instant(text))).toBe(status);
  });

  test('a period without grace goes from ACTIVE to CLOSED', () => {
    const period = { ...christmas, graceDays: 0 };
    expect(periodStatus(period, instant('2020-12-31T23:59:59.999+01:00'))).toBe('ACTIVE');
    expect(periodStatus(period, instant('2021-01-01T00:00:00.000+01:00'))).toBe('CLOSED');
  });

  test('closes at 00:00 Rome of the day after the last day of grace, which is when it is CLOSED', () => {
    expect(romeText(closesAtMs(christmas))).toBe('2021-01-11T00:00:00.000+01:00');
    expect(romeText(closesAtMs(firstSemester))).toBe('2021-07-16T00:00:00.000+02:00');
    for (const period of programme.periods) {
      expect(periodStatus(period, closesAtMs(period) - 1)).toBe('WAITING');
      expect(periodStatus(period, closesAtMs(period))).toBe('CLOSED');
    }
  });

  test('the last instant before closing still takes a record of the last day, the closing instant does not', () => {
    for (const period of visiblePeriods(programme)) {
      const trxMs = instant(`${period.endDay}T12:00:00+01:00`);
      const closesMs = closesAtMs(period);
      expect(acceptingPeriod(programme, { trxMs, receivedMs: closesMs - 1 })).toBe(period);
      expect(acceptingPeriod(programme, { trxMs, receivedMs: closesMs })).toBeNull();
    }
  });

  test('a suspended period is unknown to everybody', () => {
    expect(visiblePeriods(programme).map(({ awardPeriodId }) => awardPeriodId)).toEqual([1, 2, 4]);
    expect(findPeriod(programme, 3)).toBeNull();
    expect(findPeriod(programme, 2)).toBe(firstSemester);
    expect(findPeriod(programme, 99)).toBeNull();
  });

  test('everybody sees each period that is not suspended with its status', () => {
    const views = periodViews(programme, instant('2021-01-05T12:00:00+01:00'));
    expect(views.map(({ awardPeriodId, status }) => [awardPeriodId, status])).toEqual([
      [1, 'WAITING'],
      [2, 'ACTIVE'],
      [4, 'INACTIVE'],
    ]);
    expect(views[0]).toEqual({ ...christmas, status: 'WAITING' });
  });

  test('a day that no check let through stops whoever asks', () => {
    expect(() => periodStatus({ ...christmas, startDay: '2020-12-32' }, 0)).toThrow('a period has the day 2020-12-32');
  });

  test('periods are listed by start day, and the programme keeps its own order', () => {
    const law = { ...programme, periods: programme.periods.toReversed() };
    expect(visiblePeriods(law).map(({ awardPeriodId }) => awardPeriodId)).toEqual([1, 2, 4]);
    expect(law.periods.map(({ awardPeriodId }) => awardPeriodId)).toEqual([4, 3, 2, 1]);
  });
});
