/** The law as a file: its check, its canonical text, and the programmes that are built in (domain 2.6, 7). */
import { invariant } from '../assert.ts';
import type { AbuseRule, PeriodParameters, Programme } from '../contract.ts';
import { dayNumberOf, dayText } from './calendar.ts';

export type CheckedProgramme =
  | { readonly ok: true; readonly programme: Programme }
  /** One sentence that names the field, for the person who wrote the file. */
  | { readonly ok: false; readonly problem: string };

/** Null when all is well, else what is wrong with the value: `is not ...`. */
type Rule = (value: unknown) => string | null;
type Rules<T> = { readonly [K in keyof T]: Rule };

const TEXT_LENGTH_MAX = 200;
/** As many digits as an amount may have (DECISION 40): every product of the arithmetic stays exact. */
const INTEGER_MAX = 9_999_999_999;
/** The file of a ranking has 32 bits for it. */
const PERIOD_ID_MAX = 4_294_967_295;
/** Ten years: the end of grace stays within the calendar. */
const GRACE_DAYS_MAX = 3_653;
/** The rule of summer time holds from 1996 on; a later parliament may change it. */
const FIRST_DAY = '1996-01-01';
const LAST_DAY = '2100-12-31';

/** So many payments of one merchant and day are remembered before any of them is excluded. */
const ABUSE_PAYMENTS_MAX = 100;

const CIRCUIT_FORM = /^\d{2}$/;
const ABI_FORM = /^\d{5}$/;

const PROGRAMME_RULES: Rules<Required<Programme>> = {
  name: text,
  panSalt: text,
  periods: (value) => (Array.isArray(value) && value.length > 0 ? null : 'is not a list with a period in it'),
  circuitSenders: checkCircuitSenders,
  abuseRule: (value) => (isObject(value) ? null : 'is not an object'),
};

/** May be left out: then it is off. */
const OPTIONAL_FIELDS: readonly string[] = ['abuseRule'] satisfies (keyof Programme)[];

const ABUSE_RULES: Rules<AbuseRule> = {
  firstDay: day,
  amountCentsMax: integer(INTEGER_MAX),
  paymentsMin: integer(ABUSE_PAYMENTS_MAX, 2),
  appealDays: integer(GRACE_DAYS_MAX),
};

const PERIOD_RULES: Rules<PeriodParameters> = {
  awardPeriodId: integer(PERIOD_ID_MAX),
  name: text,
  startDay: day,
  endDay: day,
  graceDays: integer(GRACE_DAYS_MAX),
  minTransactionNumber: integer(INTEGER_MAX),
  cashbackPercent: integer(100),
  maxTransactionEvaluatedCents: integer(INTEGER_MAX),
  maxTransactionCashbackCents: integer(INTEGER_MAX),
  maxPeriodCashbackCents: integer(INTEGER_MAX),
  minPosition: integer(INTEGER_MAX),
  jackpotCents: integer(INTEGER_MAX),
  isSuspended: (value) => (typeof value === 'boolean' ? null : 'is not true or false'),
};

/** The money of the decree, the same in every period (domain 2.6). */
const DECREE_MONEY = {
  cashbackPercent: 10,
  maxTransactionEvaluatedCents: 150_00,
  maxTransactionCashbackCents: 15_00,
  maxPeriodCashbackCents: 150_00,
} as const;

const WITHOUT_SUPER_CASHBACK = { minPosition: 0, jackpotCents: 0 } as const;
const SUPER_CASHBACK = { minPosition: 100_000, jackpotCents: 1_500_00 } as const;

/**
 * Checks what was read from a programme file. Strict: every field is there but the rule on abuse, none besides; ids are unique; periods that
 * are not suspended do not overlap.
 */
export function checkProgramme(value: unknown): CheckedProgramme {
  const problem = programmeProblem(value);
  return problem === null ? { ok: true, programme: value as Programme } : { ok: false, problem };
}

/**
 * One text for one law, whatever the order of fields, periods and senders in its file: what is hashed and journaled.
 * The result is itself a programme file.
 */
export function canonicalJson(programme: Programme): string {
  const periods = programme.periods.toSorted((left, right) => left.awardPeriodId - right.awardPeriodId);
  const senders = Object.entries(programme.circuitSenders).map(([circuit, abis]) => [circuit, abis.toSorted()]);
  // A law is read through getters, which no spread sees.
  const { name, panSalt, abuseRule } = programme;
  const circuitSenders = Object.fromEntries(senders);
  return JSON.stringify({ name, panSalt, periods, circuitSenders, abuseRule }, withSortedKeys);
}

/** What was journaled, or told by another part: checked before. */
export function programmeIn(json: string): Programme {
  const checked = checkProgramme(JSON.parse(json));
  invariant(checked.ok, 'a programme is checked before it is told');
  return checked.programme;
}

/** The programme as it was: Christmas 2020 and three semesters, the second of them suspended (domain 7). */
export function italy2020(): Programme {
  return {
    name: 'Cashback di Stato',
    panSalt: 'SALT-TEST-0001',
    periods: [
      {
        awardPeriodId: 1,
        name: 'Extra Cashback di Natale',
        startDay: '2020-12-08',
        endDay: '2020-12-31',
        graceDays: 10,
        minTransactionNumber: 10,
        ...DECREE_MONEY,
        ...WITHOUT_SUPER_CASHBACK,
        isSuspended: false,
      },
      semester({ awardPeriodId: 2, name: '1° semestre 2021', startDay: '2021-01-01', endDay: '2021-06-30' }),
      {
        ...semester({ awardPeriodId: 3, name: '2° semestre 2021', startDay: '2021-07-01', endDay: '2021-12-31' }),
        graceDays: 10,
        isSuspended: true,
      },
      semester({ awardPeriodId: 4, name: '1° semestre 2022', startDay: '2022-01-01', endDay: '2022-06-30' }),
    ],
    circuitSenders: {},
  };
}

/**
 * A programme to play with: one period under way for a month, with a Super Cashback that ten payments open, one
 * closed before it and one to come.
 */
export function demonstration(todayDayNumber: number): Programme {
  const period = (awardPeriodId: number, name: string, firstDay: number, lastDay: number): PeriodParameters => ({
    awardPeriodId,
    name,
    startDay: dayText(todayDayNumber + firstDay),
    endDay: dayText(todayDayNumber + lastDay),
    graceDays: 10,
    minTransactionNumber: 10,
    ...DECREE_MONEY,
    ...SUPER_CASHBACK,
    isSuspended: false,
  });
  return {
    name: 'clickday demonstration',
    panSalt: 'SALT-TEST-0001',
    periods: [
      { ...period(1, 'Opening period', -90, -31), ...WITHOUT_SUPER_CASHBACK },
      period(2, 'Current period', -30, 60),
      period(3, 'Next period', 61, 151),
    ],
    circuitSenders: {},
  };
}

function semester(named: Pick<PeriodParameters, 'awardPeriodId' | 'name' | 'startDay' | 'endDay'>): PeriodParameters {
  return {
    ...named,
    graceDays: 15,
    minTransactionNumber: 50,
    ...DECREE_MONEY,
    ...SUPER_CASHBACK,
    isSuspended: false,
  };
}

function programmeProblem(value: unknown): string | null {
  const problem = fieldsProblem(value, PROGRAMME_RULES, 'programme');
  if (problem !== null) return problem;

  const { periods, abuseRule } = value as { readonly periods: readonly unknown[]; readonly abuseRule?: unknown };
  const abuseProblem = abuseRule === undefined ? null : fieldsProblem(abuseRule, ABUSE_RULES, 'programme.abuseRule');
  if (abuseProblem !== null) return abuseProblem;
  for (const [index, period] of periods.entries()) {
    const periodProblem = fieldsProblem(period, PERIOD_RULES, `periods[${index}]`);
    if (periodProblem !== null) return periodProblem;
  }
  return periodsProblem(periods as readonly PeriodParameters[]);
}

/** Every field of `rules` and no other, each keeping its rule. */
function fieldsProblem(value: unknown, rules: Readonly<Record<string, Rule>>, path: string): string | null {
  if (!isObject(value)) return `${path} is not an object`;

  const unknownName = Object.keys(value).find((name) => !Object.hasOwn(rules, name));
  if (unknownName !== undefined) return `${path}.${unknownName} is not a field of the programme`;

  for (const [name, rule] of Object.entries(rules)) {
    if (!Object.hasOwn(value, name) && OPTIONAL_FIELDS.includes(name)) continue;
    if (!Object.hasOwn(value, name)) return `${path}.${name} is missing`;
    const problem = rule(value[name]);
    if (problem !== null) return `${path}.${name} ${problem}`;
  }
  return null;
}

/** What periods, each right by itself, may have wrong together. Days compare as texts. */
function periodsProblem(periods: readonly PeriodParameters[]): string | null {
  for (const [index, period] of periods.entries()) {
    const path = `periods[${index}]`;
    if (period.endDay < period.startDay) return `${path}.endDay is before its startDay`;

    const earlier = periods.slice(0, index);
    const twin = earlier.findIndex(({ awardPeriodId }) => awardPeriodId === period.awardPeriodId);
    if (twin !== -1) return `${path}.awardPeriodId is that of periods[${twin}]`;

    const neighbour = earlier.findIndex((other) => overlap(other, period));
    if (neighbour !== -1) return `${path}.startDay..endDay overlaps periods[${neighbour}]`;
  }
  return null;
}

/** A suspended period takes no days: another may have been put in its place. */
function overlap(left: PeriodParameters, right: PeriodParameters): boolean {
  if (left.isSuspended || right.isSuspended) return false;
  return left.startDay <= right.endDay && right.startDay <= left.endDay;
}

function checkCircuitSenders(value: unknown): string | null {
  if (!isObject(value)) return 'is not an object';
  for (const [circuit, senders] of Object.entries(value)) {
    if (!CIRCUIT_FORM.test(circuit)) return `names the circuit ${JSON.stringify(circuit)}, which is not two digits`;
    if (!isListOfSenders(senders)) return `of circuit ${circuit} is not a list of ABI codes, five digits each`;
  }
  return null;
}

function isListOfSenders(value: unknown): boolean {
  if (!Array.isArray(value) || value.length === 0) return false;
  return value.every((sender) => typeof sender === 'string' && ABI_FORM.test(sender));
}

function text(value: unknown): string | null {
  if (typeof value !== 'string' || value.trim() === '') return 'is not a text';
  return value.length <= TEXT_LENGTH_MAX ? null : `is longer than ${TEXT_LENGTH_MAX} characters`;
}

function day(value: unknown): string | null {
  if (typeof value !== 'string' || dayNumberOf(value) === null) return 'is not a day as YYYY-MM-DD';
  return value >= FIRST_DAY && value <= LAST_DAY ? null : `is not between ${FIRST_DAY} and ${LAST_DAY}`;
}

function integer(max: number, min = 0): Rule {
  return (value) => {
    const isInteger = Number.isInteger(value) && !Object.is(value, -0);
    return isInteger && Number(value) >= min && Number(value) <= max ? null : `is not an integer from ${min} to ${max}`;
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withSortedKeys(_key: string, value: unknown): unknown {
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
