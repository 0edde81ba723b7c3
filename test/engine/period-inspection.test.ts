// Method: a story with every decision about periods is left on a disk; then the inspector is shown its journal with one kind
// of fact altered, left out or told twice, and must say what is wrong.
import { beforeAll, describe, expect, test } from 'vitest';
import { type Fact, makeTaxCode, type PeriodDecision, type PeriodOrder } from '../../engine/index.ts';
import type { MemoryDisk } from '../../snapshots/index.ts';
import { differencesIn } from '../support/doctored.ts';
import { closePeriod, livePeriod, PERIOD_BEGINS, PERIOD_CLOSES, shortProgramme } from '../support/payouts.ts';
import { openOnDisk, until } from '../support/shards.ts';
import { hpan, instant, value } from '../support/world.ts';

const REOPENED_AT = '2021-01-20T12:00:00+01:00';
const FILE = 'CSTAR.36081.TRNLOG.20210120.120000.001.csv';
const NOTHING = {
  awardPeriodId: 0,
  files: [],
  untilMs: 0,
  programme: '',
  operator: 'ada',
  reason: 'as decided',
} as const;

let disk: MemoryDisk;

beforeAll(async () => {
  const opened = await openOnDisk({ shardCount: 2, now: PERIOD_BEGINS, programme: shortProgramme() });
  const { world } = opened;
  ({ disk } = opened);
  const decide = async (order: Partial<PeriodOrder> & Pick<PeriodOrder, 'kind'>) =>
    value(await world.engine.decidePeriod({ ...NOTHING, ...order }));
  await livePeriod(world, [3, 2, 1, 0]);
  await decide({ kind: 'suspend', awardPeriodId: 4 });
  await closePeriod(world);
  world.at(REOPENED_AT);
  await decide({ kind: 'reopen', awardPeriodId: 1, files: [FILE], untilMs: instant('2021-01-25T00:00:00+01:00') });
  for (const number of [2, 3]) {
    const at = '2020-12-20T12:00:00+01:00';
    await world.pay({ hpan: hpan(number), at, cents: 10_000, id: `L${number}`, correlation: `${number}`, file: FILE });
  }
  await world.pay({
    hpan: hpan(3),
    at: '2020-12-21T12:00:00+01:00',
    cents: 10_000,
    correlation: '3',
    reversal: true,
    file: FILE,
  });
  world.at('2021-01-21T12:00:00+01:00');
  await decide({ kind: 'close', awardPeriodId: 1 });
  await until(async () => {
    world.engine.tick();
    return (await world.engine.makePayouts(1, null)).ok;
  }, 'the period paid');
  const newer = { ...shortProgramme() };
  const periods = newer.periods.map((one) =>
    one.awardPeriodId === 4 ? { ...one, isSuspended: true, graceDays: 3 } : one,
  );
  await decide({ kind: 'replace', programme: JSON.stringify({ ...newer, periods }) });
  await world.citizen(makeTaxCode(1)).leave();
  await world.engine.close();
  await world.persistence.close();
  expect(world.faults).toEqual([]);
});

const judged = (doctor: (fact: Fact) => readonly Fact[]) => differencesIn(disk, shortProgramme(), doctor);

function altered<K extends Fact['kind']>(kind: K, change: (fact: Extract<Fact, { kind: K }>) => readonly Fact[]) {
  return (fact: Fact): readonly Fact[] => (fact.kind === kind ? change(fact as Extract<Fact, { kind: K }>) : [fact]);
}
const decided = (kind: PeriodDecision['kind'], change: Partial<PeriodDecision>) =>
  altered('periodDecided', ({ decision }) => [
    { kind: 'periodDecided', decision: decision.kind === kind ? { ...decision, ...change } : decision },
  ]);
let seen = 0;
/** Only of the n-th version that is journaled, from 0. */
const version = (at: number, change: (json: string) => readonly Fact[]) =>
  altered('programmeSet', (fact) => {
    seen += 1;
    return seen - 1 === at ? change(fact.json) : [fact];
  });
const set = (json: string): Fact => ({ kind: 'programmeSet', json, hash: '' });

describe('the inspector says', () => {
  test('nothing of a journal as it is', async () => {
    expect(await judged((fact) => [fact])).toEqual([]);
  });

  test('nothing where another store took late records before its clock said that the period was opened again', async () => {
    const opened = instant(REOPENED_AT);
    const differences = await differencesIn(
      disk,
      shortProgramme(),
      (fact) => [fact],
      (turn, store) => (store === 1 && turn.nowMs === opened ? opened - 2 : turn.nowMs),
    );
    expect(differences).toEqual([]);
  });

  test.each<readonly [string, (fact: Fact) => readonly Fact[]]>([
    ['a version of the programme that nobody decided', altered('periodDecided', () => [])],
    ['by nobody, or for no reason', decided('suspend', { operator: '' })],
    ['by nobody, or for no reason', decided('replace', { reason: '' })],
    ['reopen of period 1: ', decided('reopen', { untilMs: instant(PERIOD_CLOSES) })],
    ['suspend of period 1: ', decided('suspend', { awardPeriodId: 1 })],
    ['close of period 1 .number: ', decided('close', { number: 9 })],
    ['replace .1: expected', decided('replace', { atMs: 1 })],
    ['version before: expected', decided('replace', { replaced: '' })],
    ['version: expected', version(1, (json) => [set(json.replace('"graceDays":15', '"graceDays":14'))])],
    [
      'differs, and it began on',
      version(2, (json) => [set(json.replace('"jackpotCents":150000', '"jackpotCents":1'))]),
    ],
    [
      'a programme that is none: programme.name',
      version(2, (json) => [set(json.replace(/"name":"Cash[^"]*"/, '"name":""'))]),
    ],
    [
      'decision 2 .files',
      altered('periodReopened', ({ decision }) => [{ kind: 'periodReopened', decision: { ...decision, files: [] } }]),
    ],
    ['opens period 1 again, twice', altered('periodReopened', (fact) => [fact, fact])],
    ['opens period 1 again, and it is not over', altered('periodFrozen', () => [])],
    ['closes period 1 again', altered('periodReopened', () => [])],
    [
      'closes period 1 before its time',
      (fact) => (fact.kind === 'periodDecided' && fact.decision.kind === 'close' ? [] : [fact]),
    ],
    ['late in period 1, which is not open again', altered('periodReopened', () => [])],
    [
      'late in period 0, which is not open again',
      altered('lateRecordTaken', (fact) => [{ ...fact, decisionNumber: 7 }]),
    ],
    ['award period: expected null', altered('lateRecordTaken', (fact) => [{ ...fact, file: 'another.csv' }])],
    ['award period: expected null', altered('lateRecordTaken', () => [])],
    [
      'is late that it had before',
      altered('recordSet', (fact) => [
        fact,
        { kind: 'lateRecordTaken', hpan: fact.hpan, place: fact.entry.place, decisionNumber: 2, file: FILE },
      ]),
    ],
    [
      'which is not frozen, as a late one',
      altered('paymentListed', (fact) => [{ ...fact, kind: 'latePaymentListed' }]),
    ],
    ['which is frozen', altered('latePaymentListed', (fact) => [{ ...fact, kind: 'paymentListed' }])],
    ['raw cents: expected', altered('latePaymentListed', (fact) => [{ ...fact, rawCents: fact.rawCents + 1 }])],
    [
      'payouts of period 1 ordered while it is open again',
      (fact) => (fact.kind === 'payoutsOrdered' ? [{ kind: 'periodReopened', decision: REOPENED }, fact] : [fact]),
    ],
    ['no fact made this row', decided('replace', { number: 5 })],
  ])('%s', async (sentence, doctor) => {
    seen = 0;
    const differences = await judged(doctor);
    expect(differences.join('\n')).toContain(sentence);
  });
});

const REOPENED: PeriodDecision = {
  ...{ number: 9, kind: 'reopen', awardPeriodId: 1, files: [FILE], untilMs: 1, operator: 'eve', reason: 'x' },
  ...{ atMs: 1, replaced: '' },
};
