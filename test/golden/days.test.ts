// Method: vectors on which day a card, an enrolment or a period covers, at the seconds on both sides of midnight,
// played through real commands.
import { expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { hpan, World } from '../support/world.ts';
import { CHRISTMAS, H1, openVector, outcomeText, p, times } from './vector.ts';

const UNCOVERED = 'dropped INSTRUMENT_NOT_COVERED';
const BEFORE_TERMS = 'dropped TERMS_NOT_COVERED';
const NO_PERIOD = 'rejected NO_AWARD_PERIOD';

/** One citizen, enrolled and without a card. */
async function openDay(now: string) {
  const world = await World.open({ now });
  const citizen = world.citizen(makeTaxCode(1));
  await citizen.enrol();
  const pay = async (at: string) => outcomeText(await world.pay({ hpan: hpan(1), at, cents: 1_000 }));
  return { world, citizen, card: hpan(1), pay };
}

test('G23 a card covers from the day after its activation', async () => {
  const { world, citizen, card, pay } = await openDay('2021-02-10T08:00:00+01:00');
  world.at('2021-02-10T09:00:00+01:00');
  await citizen.enable(card);
  world.at('2021-02-12T12:00:00+01:00');
  expect(await pay('2021-02-10T20:00:00+01:00')).toBe(UNCOVERED);
  expect(await pay('2021-02-11T00:00:00+01:00')).toBe('1.00');
});

test('G24 a card covers the whole day of its deactivation', async () => {
  const { world, citizen, card, pay } = await openDay('2021-02-10T09:00:00+01:00');
  await citizen.enable(card);
  world.at('2021-03-05T08:00:00+01:00');
  await citizen.disable(card);
  world.at('2021-03-07T12:00:00+01:00');
  expect(await pay('2021-03-05T23:59:59+01:00')).toBe('1.00');
  expect(await pay('2021-03-06T00:00:00+01:00')).toBe(UNCOVERED);
});

test('G25 a card switched off and on again leaves the days between uncovered', async () => {
  const { world, citizen, card, pay } = await openDay('2021-02-10T09:00:00+01:00');
  await citizen.enable(card);
  world.at('2021-03-05T08:00:00+01:00');
  await citizen.disable(card);
  world.at('2021-03-07T12:00:00+01:00');
  await citizen.enable(card);
  world.at('2021-03-09T12:00:00+01:00');
  const outcomes = [];
  for (const day of ['05', '06', '07', '08']) outcomes.push(await pay(`2021-03-${day}T12:30:00+01:00`));
  expect(outcomes).toEqual(['1.00', UNCOVERED, UNCOVERED, '1.00']);
});

test('G26 of a card handed over, the day belongs to who gave it, the next to who took it', async () => {
  const { world, citizen: anna, card, pay } = await openDay('2021-02-10T09:00:00+01:00');
  const bruno = world.citizen(makeTaxCode(2));
  await bruno.enrol();
  await anna.enable(card);
  const asked = { kind: 'enableCashback', hpan: card } as const;
  expect(await bruno.do(asked)).toMatchObject({ ok: false, code: 'INSTRUMENT_TAKEN' });
  world.at('2021-03-05T10:00:00+01:00');
  await anna.disable(card);
  world.at('2021-03-05T11:00:00+01:00');
  expect(await bruno.do(asked)).toMatchObject({ ok: true });
  world.at('2021-03-06T12:00:00+01:00');
  expect(await pay('2021-03-05T22:00:00+01:00')).toBe('1.00');
  expect(await pay('2021-03-06T09:00:00+01:00')).toBe('1.00');
  const instants = async (who: typeof anna) =>
    (await who.payments(H1)).map(({ trxMs }) => new Date(trxMs).getUTCDate());
  expect([await instants(anna), await instants(bruno)]).toEqual([[5], [6]]);
});

test('G27 who leaves and comes back starts from zero', async () => {
  const vector = await openVector(H1, { arrival: '2021-03-01T12:00:00+01:00' });
  const { world, citizen, card } = vector;
  const first = p('10.00', { id: 'FIRST', at: '2021-02-20T10:00:00+01:00' });
  await citizen.must({
    kind: 'setIban',
    iban: 'IT60X0542811101000000123456',
    accountHolderCF: citizen.taxCode,
    accountHolderName: 'Anna',
    accountHolderSurname: 'Rossi',
  });
  await vector.play(first, ...times(11, p('10.00')));
  expect(await vector.figures()).toMatchObject({ raw: '12.00', count: 12 });

  world.at('2021-03-10T15:00:00+01:00');
  await citizen.leave();
  expect(await vector.figures()).toMatchObject({ raw: '0.00', count: 0 });
  expect(await citizen.ranking(H1)).toMatchObject({ takesPart: false, totalParticipants: 0, ranking: 1 });
  expect(await citizen.wallet()).toMatchObject({ enabled: false, iban: null, ibanCheckStatus: null });

  world.at('2021-03-11T09:00:00+01:00');
  await citizen.enrol();
  world.at('2021-03-11T09:05:00+01:00');
  await citizen.enable(card);
  expect(await citizen.wallet()).toMatchObject({ enabled: true, iban: null });
  world.at('2021-03-13T12:00:00+01:00');
  expect(await vector.play(p('10.00', { at: '2021-03-11T18:00:00+01:00' }))).toEqual([UNCOVERED]);
  expect(await vector.play(p('10.00', { at: '2021-03-12T18:00:00+01:00' }))).toEqual(['1.00']);
  // Two guards say no to the old one, and the card knows its key before the wallet is asked for the terms.
  expect(await vector.play(first)).toEqual(['rejected DUPLICATE_RECORD']);
  expect(await vector.play(p('10.00', { at: '2021-03-09T18:00:00+01:00' }))).toEqual([BEFORE_TERMS]);
  expect(await vector.figures()).toMatchObject({ raw: '1.00', count: 1 });
});

/** The vectors of reception: a record of `at`, received on each of the days. */
async function receivedOn(at: string, days: readonly string[]): Promise<readonly string[]> {
  const vector = await openVector(H1, { arrival: `${days[0]}T12:00:00Z` });
  const outcomes: string[] = [];
  for (const day of days) {
    vector.world.at(`${day}T12:00:00Z`);
    outcomes.push(...(await vector.play(p('10.00', { at }))));
  }
  return outcomes;
}

test('G28 the semester takes its last second until the last day of grace', async () => {
  const outcomes = await receivedOn('2021-06-30T23:59:59+02:00', ['2021-07-15', '2021-07-16']);
  expect(outcomes).toEqual(['1.00', NO_PERIOD]);
});

test('G28 the grace ends with the day, to the millisecond', async () => {
  const vector = await openVector(H1, { arrival: '2021-07-15T23:59:59.999+02:00' });
  const late = p('10.00', { at: '2021-06-30T23:59:59+02:00' });
  expect(await vector.play(late)).toEqual(['1.00']);
  vector.world.at('2021-07-16T00:00:00+02:00');
  expect(await vector.play(late)).toEqual([NO_PERIOD]);
});

test('G29 a suspended semester takes nothing', async () => {
  expect(await receivedOn('2021-07-01T00:00:00+02:00', ['2021-07-02'])).toEqual([NO_PERIOD]);
});

test('G30 Christmas takes its last second until ten days later', async () => {
  const vector = await openVector(CHRISTMAS, { arrival: '2021-01-10T23:00:00+01:00' });
  const last = p('10.00', { at: '2020-12-31T23:59:59+01:00' });
  expect(await vector.play(last)).toEqual(['1.00']);
  expect(await vector.figures()).toMatchObject({ count: 1 });
  vector.world.at('2021-01-11T00:00:00+01:00');
  expect(await vector.play(last)).toEqual([NO_PERIOD]);
});

test('G31 the Rome day decides, however the instant is written', async () => {
  const vector = await openVector(H1, { arrival: '2021-01-02T12:00:00+01:00' });
  const spellings = [p('10.00', { at: '2021-01-01T00:30:00+01:00' }), p('10.00', { at: '2020-12-31T23:30:00Z' })];
  expect(await vector.play(...spellings)).toEqual(['1.00', '1.00']);
  expect(await vector.figures()).toMatchObject({ count: 2 });
  expect(await vector.citizen.total(CHRISTMAS)).toMatchObject({ transactionNumber: 0 });
});

test('G31 two spellings of one instant are one key', async () => {
  const vector = await openVector(H1, { arrival: '2021-01-02T12:00:00+01:00' });
  const id = 'ARN-SAME';
  const spellings = [
    p('10.00', { id, at: '2021-01-01T00:30:00+01:00' }),
    p('10.00', { id, at: '2020-12-31T23:30:00Z' }),
  ];
  expect(await vector.play(...spellings)).toEqual(['1.00', 'rejected DUPLICATE_RECORD']);
});

const EVE = '2020-12-07T23:59:59+01:00';

test('G32 the programme begins at midnight of 8 December', async () => {
  const vector = await openVector(CHRISTMAS);
  const inputs = [p('10.00', { at: EVE }), p('10.00', { at: '2020-12-08T00:00:00+01:00' })];
  expect(await vector.play(...inputs)).toEqual([UNCOVERED, '1.00']);
  expect(await vector.figures()).toMatchObject({ count: 1 });
});

test('G32 with an older card the eve is in no period', async () => {
  const { world, citizen, card, pay } = await openDay('2020-12-01T10:00:00+01:00');
  await citizen.enable(card);
  world.at('2020-12-09T10:00:00+01:00');
  expect(await pay(EVE)).toBe(NO_PERIOD);
});

test('DECISION 24: tomorrow’s record is rejected, today’s last second is not', async () => {
  const { world, citizen, card, pay } = await openDay('2021-02-10T10:00:00+01:00');
  await citizen.enable(card);
  world.at('2021-02-12T00:00:00+01:00');
  expect(await pay('2021-02-12T23:59:59+01:00')).toBe('1.00');
  expect(await pay('2021-02-13T00:00:00+01:00')).toBe('rejected RECORD_IN_FUTURE');
});

test('DECISION 27: after leaving and coming back on one day, the rest of that day counts', async () => {
  const { world, citizen, card, pay } = await openDay('2021-02-10T10:00:00+01:00');
  await citizen.enable(card);
  world.at('2021-03-10T10:00:00+01:00');
  await citizen.leave();
  world.at('2021-03-10T11:00:00+01:00');
  await citizen.enrol();
  await citizen.enable(card);
  world.at('2021-03-10T20:00:00+01:00');
  expect(await pay('2021-03-10T10:59:59+01:00')).toBe(BEFORE_TERMS);
  expect(await pay('2021-03-10T11:00:00+01:00')).toBe(BEFORE_TERMS);
  expect(await pay('2021-03-10T11:00:01+01:00')).toBe('1.00');
});
