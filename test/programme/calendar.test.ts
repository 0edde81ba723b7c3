// Method: Intl's time zone tables are the oracle, over seeded instants of 1996-2037 and around each change of the
// clock; beyond them (Intl applies the same rule) and where Intl says nothing, tables written by hand.
import { describe, expect, test } from 'vitest';
import {
  addOneMonth,
  dayNumberOf,
  dayStartMs,
  dayText,
  isoText,
  parseInstant,
  romeDayNumber,
  romeText,
} from '../../engine/programme/calendar.ts';
import { Random, seed } from '../support/random.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

/** Sweden writes dates as ISO does. */
const romeFormat = new Intl.DateTimeFormat('sv-SE', {
  timeZone: 'Europe/Rome',
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

/** `YYYY-MM-DDTHH:MM:SS` on Rome's wall clock, by Intl. */
function oracleText(ms: number): string {
  return romeFormat.format(ms).replace(' ', 'T');
}

/** One comparison, since `expect` costs more than all that it checks here. */
function expectLikeOracle(ms: number): void {
  const [text, expected] = [romeText(ms), oracleText(ms)];
  const isAlike =
    text.slice(0, 19) === expected && dayText(romeDayNumber(ms)) === expected.slice(0, 10) && parseInstant(text) === ms;
  if (!isAlike) expect.fail(`seed=${seed} ms=${ms}: ${text}, Intl says ${expected}`);
}

/** The two changes of the clock of a year, found by asking Intl hour by hour: no rule of our own. */
function changesOf(year: number): readonly number[] {
  const changes: number[] = [];
  for (const month of [2, 9]) {
    for (let ms = Date.UTC(year, month, 20); ms < Date.UTC(year, month + 1, 1); ms += HOUR_MS) {
      if (oracleText(ms).slice(11, 13) === oracleText(ms - HOUR_MS).slice(11, 13)) changes.push(ms);
      const [hour, before] = [ms, ms - HOUR_MS].map((at) => Number(oracleText(at).slice(11, 13)));
      if (hour! - before! === 2) changes.push(ms);
    }
  }
  return changes;
}

function instant(text: string): number {
  const ms = parseInstant(text);
  if (ms === null) throw new Error(`the table has a bad instant: ${text}`);
  return ms;
}

describe('the Rome calendar', () => {
  test('agrees with Intl on seeded instants from 1996 to 2037', () => {
    const random = new Random(seed);
    const [first, last] = [Date.UTC(1996, 0, 1), Date.UTC(2038, 0, 1)];
    for (let step = 0; step < 8_000; step += 1) expectLikeOracle(first + random.below(last - first));
  });

  test('agrees with Intl around each change of the clock from 1996 to 2037', () => {
    for (let year = 1996; year <= 2037; year += 1) {
      const changes = changesOf(year);
      expect(changes).toHaveLength(2);
      for (const change of changes) {
        for (const distance of [1, 999, 1_000, 60_000, HOUR_MS, 2 * HOUR_MS, 3 * HOUR_MS, DAY_MS, 7 * DAY_MS]) {
          expectLikeOracle(change - distance);
          expectLikeOracle(change + distance);
        }
        expectLikeOracle(change);
      }
    }
  });

  test('agrees with Intl on both sides of each midnight from 2020 to 2022, and to the end of 2100', () => {
    const check = (day: number): void => {
      expectLikeOracle(dayStartMs(day));
      expectLikeOracle(dayStartMs(day) - 1);
      const days = [romeDayNumber(dayStartMs(day)), romeDayNumber(dayStartMs(day) - 1)];
      if (days[0] !== day || days[1] !== day - 1) expect.fail(`day ${day} begins on ${days[0]}`);
    };
    for (let day = dayNumberOf('2020-01-01')!; day <= dayNumberOf('2022-12-31')!; day += 1) check(day);
    for (let day = dayNumberOf('2038-01-01')!; day <= dayNumberOf('2100-12-31')!; day += 13) check(day);
  });

  test('a day has 24 hours but for the two on which the clock changes', () => {
    const hoursOf = (text: string): number => {
      const day = dayNumberOf(text)!;
      return (dayStartMs(day + 1) - dayStartMs(day)) / HOUR_MS;
    };
    expect(hoursOf('2021-03-28')).toBe(23);
    expect(hoursOf('2021-10-31')).toBe(25);
    expect(hoursOf('2021-03-27')).toBe(24);
    expect(hoursOf('2021-03-29')).toBe(24);
  });

  test('day texts and day numbers agree with Date over four centuries', () => {
    for (let day = dayNumberOf('1900-01-01')!; day < dayNumberOf('2301-01-01')!; day += 1) {
      const text = new Date(day * DAY_MS).toISOString().slice(0, 10);
      if (dayText(day) !== text || dayNumberOf(text) !== day) expect.fail(`day ${day} is ${text}, not ${dayText(day)}`);
    }
  });

  test.each([
    '2021-02-29',
    '1900-02-29',
    '2021-04-31',
    '2021-00-10',
    '2021-13-10',
    '2021-01-00',
    '2021-1-01',
    '2021-01-1',
    ' 2021-01-01',
    '2021-01-01\n',
    '２０２１-01-01',
    '2021/01/01',
    '',
  ])('%j is no day', (text) => {
    expect(dayNumberOf(text)).toBeNull();
  });
});

describe('instants in text', () => {
  test.each([
    ['2021-02-11T10:15:30.000+01:00', '2021-02-11T09:15:30.000Z'],
    ['2021-02-11T10:15:30+0100', '2021-02-11T09:15:30.000Z'],
    ['2021-02-11T09:15:30Z', '2021-02-11T09:15:30.000Z'],
    ['2021-02-11T09:15:30.1Z', '2021-02-11T09:15:30.100Z'],
    ['2021-02-11T09:15:30.12Z', '2021-02-11T09:15:30.120Z'],
    ['2021-02-11T09:15:30.123999999Z', '2021-02-11T09:15:30.123Z'],
    ['2021-02-11T00:00:00.000+01:00', '2021-02-10T23:00:00.000Z'],
    ['2021-02-10T20:45:30-03:30', '2021-02-11T00:15:30.000Z'],
    ['2021-02-11T23:59:30+23:59', '2021-02-11T00:00:30.000Z'],
    ['2020-02-29T23:59:59.999Z', '2020-02-29T23:59:59.999Z'],
    ['1969-12-31T23:59:59.9999Z', '1969-12-31T23:59:59.999Z'],
    ['0000-01-01T00:00:00Z', '0000-01-01T00:00:00.000Z'],
    ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
  ])('%s is %s', (text, utc) => {
    expect(isoText(parseInstant(text)!)).toBe(utc);
  });

  test.each([
    '2021-02-29T00:00:00Z',
    '2021-02-11T24:00:00Z',
    '2021-02-11T23:60:00Z',
    '2016-12-31T23:59:60Z',
    '2021-02-11T10:15:30',
    '2021-02-11T10:15Z',
    '2021-02-11T10:15:30.Z',
    '2021-02-11T10:15:30.0000000000Z',
    '2021-02-11T10:15:30,5Z',
    '2021-02-11 10:15:30Z',
    '2021-02-11t10:15:30z',
    '2021-02-11T10:15:30+01',
    '2021-02-11T10:15:30+1:00',
    '2021-02-11T10:15:30+24:00',
    '2021-02-11T10:15:30+01:60',
    '2021-02-11T10:15:30 +01:00',
    '2021-02-11T10:15:30Z ',
    '20210211T101530Z',
    '2021-02-11',
    '0000-01-01T00:30:00+01:00',
    '9999-12-31T23:30:00-01:00',
    '',
  ])('%j is refused', (text) => {
    expect(parseInstant(text)).toBeNull();
  });

  test.each([Number.NaN, 0.5, Date.UTC(0, 0, 1) - 2000 * 366 * DAY_MS])('%s has no text', (ms) => {
    expect(() => isoText(ms)).toThrow('not a part of a date');
  });

  test('ISO texts agree with Date and are read back', () => {
    const random = new Random(seed);
    for (let step = 0; step < 8_000; step += 1) {
      const ms = (random.below(2 ** 32) - 2 ** 31) * 1_000 + random.below(1_000);
      const text = isoText(ms);
      if (text !== new Date(ms).toISOString() || parseInstant(text) !== ms) expect.fail(`seed=${seed} ${ms}: ${text}`);
    }
  });

  test('every change of one character of a good instant is refused, or read as Date reads it', () => {
    const good = '2021-02-28T23:59:59.999+01:00';
    for (let index = 0; index < good.length; index += 1) {
      for (const character of '0123456789+-:.TZ 9x') {
        const text = good.slice(0, index) + character + good.slice(index + 1);
        const ms = parseInstant(text);
        if (ms !== null) expect(ms, text).toBe(Date.parse(text));
      }
    }
  });
});

describe('one month later', () => {
  test.each([
    ['2021-01-15T10:00:00.123+01:00', '2021-02-15T10:00:00.123+01:00', 'the same day and time'],
    ['2021-01-31T10:00:00.000+01:00', '2021-02-28T10:00:00.000+01:00', 'clamped to 28 February'],
    ['2020-01-31T10:00:00.000+01:00', '2020-02-29T10:00:00.000+01:00', 'clamped to 29 February'],
    ['2021-01-29T00:00:00.000+01:00', '2021-02-28T00:00:00.000+01:00', 'clamped from the 29th'],
    ['2021-03-31T23:59:59.999+02:00', '2021-04-30T23:59:59.999+02:00', 'clamped to the 30th'],
    ['2021-02-28T12:00:00.000+01:00', '2021-03-28T12:00:00.000+02:00', 'over the change to summer time'],
    ['2020-12-31T23:59:59.999+01:00', '2021-01-31T23:59:59.999+01:00', 'over the end of a year'],
    ['2021-12-15T08:00:00.000+01:00', '2022-01-15T08:00:00.000+01:00', 'December to January'],
    ['2021-02-28T01:59:59.999+01:00', '2021-03-28T01:59:59.999+01:00', 'the last time before the gap'],
    ['2021-02-28T02:00:00.000+01:00', '2021-03-28T03:00:00.000+02:00', 'a time that does not exist'],
    ['2021-02-28T02:30:00.000+01:00', '2021-03-28T03:00:00.000+02:00', 'a time that does not exist'],
    ['2021-02-28T02:59:59.999+01:00', '2021-03-28T03:00:00.000+02:00', 'the last time that does not exist'],
    ['2021-02-28T03:00:00.000+01:00', '2021-03-28T03:00:00.000+02:00', 'the first time after the gap'],
    ['2021-09-30T02:30:00.000+02:00', '2021-10-30T02:30:00.000+02:00', 'the day before the change back'],
    ['2021-10-31T02:30:00.000+01:00', '2021-11-30T02:30:00.000+01:00', 'from the second half past two'],
    ['2020-09-25T02:30:00.000+02:00', '2020-10-25T02:30:00.000+02:00', 'a time that exists twice: the first'],
    ['2021-03-28T03:30:00.000+02:00', '2021-04-28T03:30:00.000+02:00', 'from the day of the change'],
  ])('%s becomes %s: %s', (from, to) => {
    expect(romeText(addOneMonth(instant(from)))).toBe(to);
  });

  test('keeps the wall clock whenever the next month has that time', () => {
    const random = new Random(seed);
    for (let step = 0; step < 10_000; step += 1) {
      const ms = Date.UTC(2000, 0, 1) + random.below(30 * 365 * DAY_MS);
      const [before, after] = [romeText(ms), romeText(addOneMonth(ms))];
      const months = (text: string): number => Number(text.slice(0, 4)) * 12 + Number(text.slice(5, 7));
      expect(months(after) - months(before)).toBe(1);
      if (after.slice(11, 23) !== before.slice(11, 23)) expect(after.slice(11, 23)).toBe('03:00:00.000');
      if (after.slice(8, 10) !== before.slice(8, 10)) {
        expect(dayText(dayNumberOf(after.slice(0, 10))! + 1).slice(8)).toBe('01');
      }
    }
  });
});
