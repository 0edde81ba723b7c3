/**
 * The calendar of the programme: Europe/Rome by arithmetic, and the texts of days and instants.
 *
 * A day is a number: days since 1970-01-01 of the Rome calendar. Summer time follows the rule of the European
 * Union in force since 1996: from the last Sunday of March to the last Sunday of October, both at 01:00 UTC.
 * Nothing here asks the machine for its time zones: a journal read on another machine must give the same days.
 */
import { invariant } from '../assert.ts';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * Days are counted in years that begin on 1 March, so that the leap day comes last and both changes of the clock
 * fall into one year. Four hundred such years repeat exactly; the epoch is this many days into them.
 */
const EPOCH_DAY_FROM_YEAR_ZERO = 719_468;
const DAYS_IN_400_YEARS = 146_097;
const MARCH_31 = 30;
const OCTOBER_31 = 244;

/** Texts have four digits for the year; an instant outside of them in UTC has no text. */
const FIRST_TEXT_MS = dayNumber(0, 1, 1) * DAY_MS;
const LAST_TEXT_MS = (dayNumber(9999, 12, 31) + 1) * DAY_MS - 1;

const CODE_OF_ZERO = 48;
const DAY_FORM = /^\d{4}-\d{2}-\d{2}$/;
/** Up to the seconds every part has its place; only fraction, sign and offset are captured. */
const INSTANT_FORM = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):?(\d{2}))$/;

/**
 * The Rome calendar day of an instant, as days since 1970-01-01.
 *
 * Asked several times for each payment, so it allocates nothing (45 ns on a shared core).
 */
export function romeDayNumber(ms: number): number {
  return Math.floor((ms + romeOffsetMs(ms)) / DAY_MS);
}

/** `YYYY-MM-DD` of a day number. */
export function dayText(day: number): string {
  const { year, month, dayOfMonth } = civilDate(day);
  return `${pad(year, 4)}-${pad(month, 2)}-${pad(dayOfMonth, 2)}`;
}

/** Day number of `YYYY-MM-DD`; null when the text is not a day of the calendar. */
export function dayNumberOf(text: string): number | null {
  return DAY_FORM.test(text) ? leadingDay(text) : null;
}

/** The instant of 00:00 Rome of a day: it exists once on every day, since clocks change at two and at three. */
export function dayStartMs(day: number): number {
  return instantOfLocal(day * DAY_MS);
}

/**
 * The same local time in the next calendar month, clamped to its last day (DECISIONS 23, 40).
 * A local time that does not exist there moves to the next that does; of one that exists twice the first is taken.
 */
export function addOneMonth(ms: number): number {
  const localMs = ms + romeOffsetMs(ms);
  const day = Math.floor(localMs / DAY_MS);
  const { year, month, dayOfMonth } = civilDate(day);
  // The thirteenth month of a year is the January after it.
  const nextDay = dayNumber(year, month + 1, Math.min(dayOfMonth, daysInMonth(year, month + 1)));
  return instantOfLocal(nextDay * DAY_MS + (localMs - day * DAY_MS));
}

/**
 * Reads an ISO-8601 instant: `T` between day and time, seconds, up to nine digits of a fraction (cut to
 * milliseconds), and an offset `Z`, `+01:00` or `+0100` (DECISIONS 31, 40).
 *
 * Null for anything else: impossible days and times, 24:00, and the leap second 23:59:60, which is no instant
 * of a clock that counts milliseconds and would give one instant two spellings of different meaning.
 */
export function parseInstant(text: string): number | null {
  const parts = INSTANT_FORM.exec(text);
  if (parts === null) return null;

  const [, fraction = '', sign, offsetHourText = '00', offsetMinuteText = '00'] = parts;
  const day = leadingDay(text);
  const [hour, minute, second] = [digits(text, 11, 2), digits(text, 14, 2), digits(text, 17, 2)];
  const [offsetHour, offsetMinute] = [digits(offsetHourText, 0, 2), digits(offsetMinuteText, 0, 2)];
  if (day === null || hour > 23 || minute > 59 || second > 59) return null;
  if (offsetHour > 23 || offsetMinute > 59) return null;

  const timeMs = hour * HOUR_MS + minute * MINUTE_MS + second * SECOND_MS + fractionMs(fraction);
  const offsetMs = offsetHour * HOUR_MS + offsetMinute * MINUTE_MS;
  const ms = day * DAY_MS + timeMs + (sign === '-' ? offsetMs : -offsetMs);
  return ms < FIRST_TEXT_MS || ms > LAST_TEXT_MS ? null : ms;
}

/** UTC with milliseconds: `2021-02-11T09:15:30.000Z`. */
export function isoText(ms: number): string {
  return `${dateTimeText(ms)}Z`;
}

/** Rome's wall clock with its offset: `2021-02-11T10:15:30.000+01:00`. */
export function romeText(ms: number): string {
  const offsetMs = romeOffsetMs(ms);
  return `${dateTimeText(ms + offsetMs)}+0${offsetMs / HOUR_MS}:00`;
}

function romeOffsetMs(ms: number): number {
  return isSummerTime(ms) ? 2 * HOUR_MS : HOUR_MS;
}

function isSummerTime(ms: number): boolean {
  const day = Math.floor(ms / DAY_MS);
  const dayOfYear = dayOfMarchYear(day);
  if (dayOfYear > MARCH_31 && dayOfYear < OCTOBER_31 - 6) return true;
  if (dayOfYear < MARCH_31 - 6 || dayOfYear > OCTOBER_31) return false;

  // One of the two weeks in which the clock changes.
  const firstOfMarch = day - dayOfYear;
  const startMs = sundayUpTo(firstOfMarch + MARCH_31) * DAY_MS + HOUR_MS;
  const endMs = sundayUpTo(firstOfMarch + OCTOBER_31) * DAY_MS + HOUR_MS;
  return ms >= startMs && ms < endMs;
}

/** The last Sunday not after `day`. Day 0 was a Thursday, so day 3 a Sunday. */
function sundayUpTo(day: number): number {
  return day - modulo(day - 3, 7);
}

/**
 * The instant at which Rome's wall clock shows `localMs` (milliseconds since 1970-01-01T00:00 of that clock).
 * Summer time is tried first, hence the first of two; what neither shows lies in the hour skipped in March.
 */
function instantOfLocal(localMs: number): number {
  const summerMs = localMs - 2 * HOUR_MS;
  if (isSummerTime(summerMs)) return summerMs;

  const winterMs = localMs - HOUR_MS;
  if (!isSummerTime(winterMs)) return winterMs;

  return Math.floor(localMs / DAY_MS) * DAY_MS + HOUR_MS;
}

/** Days since 1 March. The three divisors take out the leap days of 4, 100 and 400 years. */
function dayOfMarchYear(day: number): number {
  const dayOfEra = modulo(day + EPOCH_DAY_FROM_YEAR_ZERO, DAYS_IN_400_YEARS);
  return dayOfEra - daysBeforeMarchYear(marchYearOfEra(dayOfEra));
}

function marchYearOfEra(dayOfEra: number): number {
  const leapDays = Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096);
  return Math.floor((dayOfEra - leapDays) / 365);
}

function daysBeforeMarchYear(year: number): number {
  return year * 365 + Math.floor(year / 4) - Math.floor(year / 100) + Math.floor(year / 400);
}

/** Days from 1 March to the first of the month `index` months later: 0, 31, 61, 92, 122, 153, ... */
function daysBeforeMarchMonth(index: number): number {
  return Math.floor((153 * index + 2) / 5);
}

function civilDate(day: number): { readonly year: number; readonly month: number; readonly dayOfMonth: number } {
  const era = Math.floor((day + EPOCH_DAY_FROM_YEAR_ZERO) / DAYS_IN_400_YEARS);
  const dayOfEra = day + EPOCH_DAY_FROM_YEAR_ZERO - era * DAYS_IN_400_YEARS;
  const marchYear = marchYearOfEra(dayOfEra);
  const dayOfYear = dayOfEra - daysBeforeMarchYear(marchYear);
  const monthIndex = Math.floor((5 * dayOfYear + 2) / 153);
  const isAfterDecember = monthIndex >= 10;
  return {
    year: era * 400 + marchYear + (isAfterDecember ? 1 : 0),
    month: isAfterDecember ? monthIndex - 9 : monthIndex + 3,
    dayOfMonth: dayOfYear - daysBeforeMarchMonth(monthIndex) + 1,
  };
}

function dayNumber(year: number, month: number, dayOfMonth: number): number {
  const isBeforeMarch = month < 3;
  const marchYear = isBeforeMarch ? year - 1 : year;
  const monthIndex = isBeforeMarch ? month + 9 : month - 3;
  const dayOfYear = daysBeforeMarchMonth(monthIndex) + dayOfMonth - 1;
  return daysBeforeMarchYear(marchYear) + dayOfYear - EPOCH_DAY_FROM_YEAR_ZERO;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return isLeapYear(year) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function isLeapYear(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

function dateTimeText(ms: number): string {
  const day = Math.floor(ms / DAY_MS);
  const timeMs = ms - day * DAY_MS;
  const hour = pad(Math.floor(timeMs / HOUR_MS), 2);
  const minute = pad(Math.floor(timeMs / MINUTE_MS) % 60, 2);
  const second = pad(Math.floor(timeMs / SECOND_MS) % 60, 2);
  return `${dayText(day)}T${hour}:${minute}:${second}.${pad(timeMs % SECOND_MS, 3)}`;
}

/** The day with which a text of the right form begins; null when the calendar has no such day. */
function leadingDay(text: string): number | null {
  const [year, month, dayOfMonth] = [digits(text, 0, 4), digits(text, 5, 2), digits(text, 8, 2)];
  if (month < 1 || month > 12) return null;
  if (dayOfMonth < 1 || dayOfMonth > daysInMonth(year, month)) return null;
  return dayNumber(year, month, dayOfMonth);
}

/** The number written at `start`; faster than cutting the text up, and a file has a date on each line. */
function digits(text: string, start: number, length: number): number {
  let value = 0;
  for (let index = start; index < start + length; index += 1)
    value = value * 10 + text.charCodeAt(index) - CODE_OF_ZERO;
  return value;
}

/** Milliseconds of the digits after the point: what is finer is cut, never rounded. */
function fractionMs(fraction: string): number {
  return digits(fraction.padEnd(3, '0'), 0, 3);
}

function pad(value: number, width: number): string {
  invariant(Number.isInteger(value) && value >= 0, `not a part of a date: ${value}`);
  return String(value).padStart(width, '0');
}

/** Remainder of the floored division: never negative. */
function modulo(value: number, divisor: number): number {
  return value - Math.floor(value / divisor) * divisor;
}
