// Method: the built-in programmes against the tables of domain 2.6 and 7; then the good file with one thing wrong at a
// time, each answered by a sentence that names it.
import { describe, expect, test } from 'vitest';
import { dayNumberOf, dayStartMs } from '../../engine/programme/calendar.ts';
import { periodStatus } from '../../engine/programme/period.ts';
import { canonicalJson, checkProgramme, demonstration, italy2020 } from '../../engine/programme/programme.ts';
import { Random, seed } from '../support/random.ts';

type Json = Record<string, unknown>;

/** The shipped programme as a file holds it, with changes to the programme and to its second period. */
function file(changes: Json = {}, periodChanges: Json = {}): Json {
  const parsed: Json & { periods: Json[] } = JSON.parse(JSON.stringify(italy2020()));
  parsed.periods[1] = { ...parsed.periods[1], ...periodChanges };
  return { ...parsed, ...changes };
}

function without(value: Json, name: string): Json {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
}

function problemOf(value: unknown): string | null {
  const checked = checkProgramme(value);
  return checked.ok ? null : checked.problem;
}

describe('the built-in programmes', () => {
  test('Italy 2020 has the periods of the production answer and the money of the decree', () => {
    const { periods } = italy2020();
    const rows = periods.map((period) => [
      period.awardPeriodId,
      period.startDay,
      period.endDay,
      period.graceDays,
      period.minTransactionNumber,
      period.minPosition,
      period.jackpotCents,
      period.isSuspended,
    ]);
    expect(rows).toEqual([
      [1, '2020-12-08', '2020-12-31', 10, 10, 0, 0, false],
      [2, '2021-01-01', '2021-06-30', 15, 50, 100_000, 150_000, false],
      [3, '2021-07-01', '2021-12-31', 10, 50, 100_000, 150_000, true],
      [4, '2022-01-01', '2022-06-30', 15, 50, 100_000, 150_000, false],
    ]);
    for (const period of periods) {
      expect(period).toMatchObject({
        cashbackPercent: 10,
        maxTransactionEvaluatedCents: 15_000,
        maxTransactionCashbackCents: 1_500,
        maxPeriodCashbackCents: 15_000,
      });
    }
  });

  test('both pass the check, and are made anew for each caller', () => {
    expect(problemOf(italy2020())).toBeNull();
    expect(problemOf(demonstration(dayNumberOf('2026-02-28')!))).toBeNull();
    expect(italy2020()).toEqual(italy2020());
    expect(italy2020()).not.toBe(italy2020());
  });

  test('the demonstration has, on any day, one closed period, one under way and one to come', () => {
    const random = new Random(seed);
    for (let step = 0; step < 500; step += 1) {
      const today = dayNumberOf('2020-01-01')! + random.below(70 * 365);
      const programme = demonstration(today);
      expect(problemOf(programme), `seed=${seed}`).toBeNull();
      const statuses = programme.periods.map((period) => periodStatus(period, dayStartMs(today)));
      expect(statuses).toEqual(['CLOSED', 'ACTIVE', 'INACTIVE']);
      expect(programme.periods[1]).toMatchObject({ minTransactionNumber: 10, minPosition: 100_000 });
      for (const period of programme.periods) expect(period.isSuspended).toBe(false);
    }
  });
});

describe('the check of a programme file', () => {
  test('a file read back is the programme', () => {
    expect(checkProgramme(file())).toEqual({ ok: true, programme: italy2020() });
  });

  test.each(['name', 'panSalt', 'periods', 'circuitSenders'])('%s may not be missing', (name) => {
    expect(problemOf(without(file(), name))).toBe(`programme.${name} is missing`);
  });

  test.each(Object.keys(italy2020().periods[0]!))('%s of a period may not be missing', (name) => {
    const [christmas] = file().periods as Json[];
    expect(problemOf(file({ periods: [without(christmas!, name)] }))).toBe(`periods[0].${name} is missing`);
  });

  test.each([null, undefined, 1, 'x', [], true])('%j is no programme', (value) => {
    expect(problemOf(value)).toBe('programme is not an object');
  });

  test.each<[string, Json]>([
    ['programme.panSalts is not a field of the programme', { panSalts: 'x' }],
    ['programme.name is not a text', { name: 7 }],
    ['programme.name is not a text', { name: ' ' }],
    ['programme.name is longer than 200 characters', { name: 'x'.repeat(201) }],
    ['programme.panSalt is not a text', { panSalt: '' }],
    ['programme.periods is not a list with a period in it', { periods: {} }],
    ['programme.periods is not a list with a period in it', { periods: [] }],
    ['periods[0] is not an object', { periods: [null] }],
    ['periods[0] is not an object', { periods: [[]] }],
    ['programme.circuitSenders is not an object', { circuitSenders: [] }],
    ['programme.circuitSenders names the circuit "3", which is not two digits', { circuitSenders: { 3: ['12345'] } }],
    [
      'programme.circuitSenders of circuit 03 is not a list of ABI codes, five digits each',
      { circuitSenders: { '03': '12345' } },
    ],
    [
      'programme.circuitSenders of circuit 03 is not a list of ABI codes, five digits each',
      { circuitSenders: { '03': ['12345', '1234'] } },
    ],
    [
      'programme.circuitSenders of circuit 03 is not a list of ABI codes, five digits each',
      { circuitSenders: { '03': [12345] } },
    ],
    [
      'programme.circuitSenders of circuit 03 is not a list of ABI codes, five digits each',
      { circuitSenders: { '03': [] } },
    ],
  ])('%s', (problem, changes) => {
    expect(problemOf(file(changes))).toBe(problem);
  });

  const RULE = { firstDay: '2021-05-28', amountCentsMax: 100, paymentsMin: 5, appealDays: 7 };

  test('the rule on abuse may be left out, and is the same law in whatever order it is written', () => {
    expect(problemOf(file({ abuseRule: RULE }))).toBeNull();
    const swapped = Object.fromEntries(Object.entries(RULE).reverse()) as unknown as typeof RULE;
    expect(canonicalJson({ ...italy2020(), abuseRule: swapped })).toBe(
      canonicalJson({ ...italy2020(), abuseRule: RULE }),
    );
    expect(canonicalJson(italy2020())).not.toContain('abuseRule');
  });

  test.each<[string, Json | null]>([
    ['programme.abuseRule is not an object', null],
    ['programme.abuseRule.firstDay is missing', without(RULE, 'firstDay')],
    ['programme.abuseRule.firstDay is not a day as YYYY-MM-DD', { ...RULE, firstDay: '2021-02-29' }],
    ['programme.abuseRule.amountCentsMax is not an integer from 0 to 9999999999', { ...RULE, amountCentsMax: -1 }],
    ['programme.abuseRule.paymentsMin is not an integer from 2 to 100', { ...RULE, paymentsMin: 1 }],
    ['programme.abuseRule.paymentsMin is not an integer from 2 to 100', { ...RULE, paymentsMin: 101 }],
    ['programme.abuseRule.appealDays is not an integer from 0 to 3653', { ...RULE, appealDays: 0.5 }],
    ['programme.abuseRule.maximum is not a field of the programme', { ...RULE, maximum: 1 }],
  ])('%s', (problem, abuseRule) => {
    expect(problemOf(file({ abuseRule }))).toBe(problem);
  });

  const INTEGERS: readonly (readonly [string, number])[] = [
    ['awardPeriodId', 4_294_967_295],
    ['graceDays', 3_653],
    ['minTransactionNumber', 9_999_999_999],
    ['cashbackPercent', 100],
    ['maxTransactionEvaluatedCents', 9_999_999_999],
    ['maxTransactionCashbackCents', 9_999_999_999],
    ['maxPeriodCashbackCents', 9_999_999_999],
    ['minPosition', 9_999_999_999],
    ['jackpotCents', 9_999_999_999],
  ];

  test.each(INTEGERS)('%s is an integer from 0 to %i', (name, max) => {
    expect(problemOf(file({}, { [name]: 0 }))).toBeNull();
    expect(problemOf(file({}, { [name]: max }))).toBeNull();
    for (const bad of [-1, -0, max + 1, 0.5, Number.NaN, '1', null, true]) {
      expect(problemOf(file({}, { [name]: bad }))).toBe(`periods[1].${name} is not an integer from 0 to ${max}`);
    }
  });

  test.each<[string, Json]>([
    ['periods[1].name is not a text', { name: '' }],
    ['periods[1].startDay is not a day as YYYY-MM-DD', { startDay: '2021-02-29' }],
    ['periods[1].endDay is not a day as YYYY-MM-DD', { endDay: 20210630 }],
    ['periods[1].endDay is not a day as YYYY-MM-DD', { endDay: ['2021-06-30'] }],
    ['periods[1].startDay is not between 1996-01-01 and 2100-12-31', { startDay: '1995-12-31' }],
    ['periods[1].endDay is not between 1996-01-01 and 2100-12-31', { endDay: '2101-01-01' }],
    ['periods[1].endDay is before its startDay', { endDay: '2020-12-31' }],
    ['periods[1].isSuspended is not true or false', { isSuspended: 0 }],
    ['periods[1].grace is not a field of the programme', { grace: 10 }],
    ['periods[1].awardPeriodId is that of periods[0]', { awardPeriodId: 1 }],
    ['periods[1].startDay..endDay overlaps periods[0]', { startDay: '2020-12-31' }],
    ['periods[3].startDay..endDay overlaps periods[1]', { endDay: '2022-01-01' }],
  ])('%s', (problem, changes) => {
    expect(problemOf(file({}, changes))).toBe(problem);
  });

  test('the longest text and the first and last day that the rules allow are allowed', () => {
    expect(problemOf(file({ name: 'x'.repeat(200) }))).toBeNull();
    const [christmas] = file().periods as Json[];
    expect(problemOf(file({ periods: [{ ...christmas, startDay: '1996-01-01', endDay: '2100-12-31' }] }))).toBeNull();
  });

  test('a period of one day is one, and may end the day before the next begins', () => {
    expect(problemOf(file({}, { startDay: '2021-06-30' }))).toBeNull();
    expect(problemOf(file({}, { startDay: '2021-01-01', endDay: '2021-01-01' }))).toBeNull();
  });

  test('an overlap of one day is found in whatever order the periods are listed', () => {
    const periods = (file({}, { startDay: '2020-12-31' }).periods as Json[]).toReversed();
    expect(problemOf(file({ periods }))).toBe('periods[3].startDay..endDay overlaps periods[2]');
  });

  test('a suspended period takes no days from another', () => {
    expect(problemOf(file({}, { endDay: '2021-12-31' }))).toBeNull();
  });

  test('a file cannot bring a prototype with it', () => {
    const value: unknown = JSON.parse(`{"__proto__": {}, ${JSON.stringify(italy2020()).slice(1)}`);
    expect(problemOf(value)).toBe('programme.__proto__ is not a field of the programme');
  });
});

describe('the canonical text of a programme', () => {
  const programme = { ...italy2020(), circuitSenders: { '10': ['00002', '00001'], '03': ['36081'] } };

  test('is the same whatever the order of fields, periods and senders', () => {
    const random = new Random(seed);
    const shuffled = (value: object): object => Object.fromEntries(random.shuffle(Object.entries(value)));
    for (let step = 0; step < 50; step += 1) {
      const other = shuffled({
        ...programme,
        periods: random.shuffle(programme.periods).map(shuffled),
        circuitSenders: shuffled({ '10': ['00001', '00002'], '03': ['36081'] }),
      });
      expect(canonicalJson(other as typeof programme), `seed=${seed}`).toBe(canonicalJson(programme));
    }
  });

  test('reads back as a programme with the same text', () => {
    const checked = checkProgramme(JSON.parse(canonicalJson(programme)));
    expect(checked.ok && canonicalJson(checked.programme)).toBe(canonicalJson(programme));
  });

  test('differs with every field', () => {
    const text = canonicalJson(programme);
    const first = programme.periods[0]!;
    expect(canonicalJson({ ...programme, name: 'other' })).not.toBe(text);
    expect(canonicalJson({ ...programme, circuitSenders: { ...programme.circuitSenders, '03': [] } })).not.toBe(text);
    expect(canonicalJson({ ...programme, circuitSenders: { '03': ['36081'] } })).not.toBe(text);
    for (const name of Object.keys(first)) {
      const periods = [{ ...first, [name]: 'other' }, ...programme.periods.slice(1)];
      expect(canonicalJson({ ...programme, periods }), name).not.toBe(text);
    }
  });
});
