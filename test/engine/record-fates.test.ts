// Method: one card, and a record for each thing that can become of one (domain 3.3, 3.3b); why it counts or not is asked of
// the engine's door on one and on three shards, before and after a start, and must name the facts that the guard looked at.
import { describe, expect, test } from 'vitest';
import { makeTaxCode, type RecordFate, type RecordKey } from '../../engine/index.ts';
import { outcomeText } from '../golden/vector.ts';
import { hpanElsewhere, openOnDisk } from '../support/shards.ts';
import { type Citizen, hpan, instant, type Payment, value, World } from '../support/world.ts';

const ENROLLED = '2021-02-01T09:00:00+01:00';
const ACTIVATED = '2021-02-01T10:00:00+01:00';
const DEACTIVATED = '2021-03-05T08:00:00+01:00';
const DAY = '2021-02-10T10:00:00+01:00';

interface Story {
  readonly world: World;
  readonly anna: Citizen;
  readonly card: string;
  readonly restart: () => Promise<Story>;
}

async function open(shardCount: number): Promise<Story> {
  const { world, disk } = await openOnDisk({ shardCount, now: ENROLLED });
  const anna = world.citizen(makeTaxCode(1));
  const card = shardCount === 1 ? hpan(1) : hpanElsewhere(anna.key, shardCount);
  await anna.enrol();
  world.at(ACTIVATED);
  await anna.enable(card);
  world.at('2021-02-12T12:00:00+01:00');
  const story = (now: World): Story => ({
    ...{ world: now, anna: now.citizen(makeTaxCode(1)), card },
    restart: async () => {
      await now.engine.close();
      return story((await openOnDisk({ disk, now: new Date(now.nowMs).toISOString() })).world);
    },
  });
  return story(world);
}

const send = async ({ world, card }: Story, id: string, more: Partial<Payment> = {}) =>
  outcomeText(await world.pay({ hpan: card, at: DAY, cents: 10_00, id, ...more }));

async function why({ world, card }: Story, id: string, more: Partial<RecordKey> = {}): Promise<RecordFate> {
  const key = { idTrxAcquirer: id, trxMs: instant(DAY), acquirerCode: '36081', acquirerId: '09509' };
  return value(await world.engine.recordFate(card, { ...key, operationType: '00', ...more }));
}

const REVERSAL = { operationType: '01' };

describe.each([1, 3])('on %i shards', (shardCount) => {
  test('a counted payment says whose it is, and which reversals took of it', async () => {
    const story = await open(shardCount);
    await send(story, 'P', { correlation: 'c' });
    await send(story, 'R', { correlation: 'c', cents: 4_00, reversal: true });
    const seen = async (now: Story) => [await why(now, 'P'), await why(now, 'R', REVERSAL)] as const;
    const [payment, reversal] = await seen(story);
    expect(payment).toMatchObject({
      ...{ state: 'counted', citizen: story.anna.key, hasLeft: false, awardPeriodId: 2, scoreCents: 100 },
      ...{ leftCents: 6_00, receivedMs: story.world.nowMs, related: [{ idTrxAcquirer: 'R' }], guards: [] },
    });
    expect(reversal).toMatchObject({
      ...{ state: 'applied', citizen: story.anna.key, scoreCents: -40, related: [{ idTrxAcquirer: 'P' }] },
      ...{ expiresMs: null, resolved: null, isFlagged: false },
    });
    const again = await story.restart();
    expect(await seen(again)).toEqual([payment, reversal]);
    await again.anna.do({ kind: 'leave' }, 'f'.repeat(32));
    expect((await seen(again)).map(({ hasLeft }) => hasLeft)).toEqual([true, true]);
  });

  test('a reversal says what it waits for, or between which payments it stands', async () => {
    const story = await open(shardCount);
    await send(story, 'WAITS', { correlation: 'x', reversal: true });
    const expiresMs = instant('2021-03-12T12:00:00+01:00');
    expect(await why(story, 'WAITS', REVERSAL)).toMatchObject({ state: 'pending', expiresMs, related: [] });
    for (const id of ['P1', 'P2']) await send(story, id, { correlation: 'c' });
    await send(story, 'R', { correlation: 'c', reversal: true });
    expect(await why(story, 'R', REVERSAL)).toMatchObject({
      ...{ state: 'parked', code: 'REVERSAL_AMBIGUOUS', citizen: story.anna.key, expiresMs: null },
      related: [{ idTrxAcquirer: 'P2' }, { idTrxAcquirer: 'P1' }],
    });
    story.world.at('2021-03-12T12:00:00+01:00');
    expect(await send(story, 'P3')).toBe('1.00');
    expect(await why(story, 'WAITS', REVERSAL)).toMatchObject({ state: 'expired', expiresMs });
  });

  test('what was never stored is judged as if it came now, by every guard that would say no', async () => {
    const story = await open(shardCount);
    const { world, anna } = story;
    const unknown = { state: 'unknown', record: null, receivedMs: null };
    expect(await why(story, 'NEVER')).toMatchObject({ ...unknown, citizen: anna.key, guards: [] });
    const on = (at: string, more: Partial<RecordKey> = {}) => why(story, 'NEVER', { trxMs: instant(at), ...more });
    const activation = { citizen: anna.key, activationMs: instant(ACTIVATED), deactivationMs: null };
    expect(await on(ACTIVATED)).toMatchObject({
      ...{ ...unknown, citizen: null },
      guards: [{ code: 'INSTRUMENT_NOT_COVERED', day: '2021-02-01', activations: [activation] }],
    });
    expect(await on('2021-02-13T00:00:00+01:00')).toMatchObject({
      guards: [{ code: 'RECORD_IN_FUTURE', day: '2021-02-13', receivedDay: '2021-02-12' }],
    });
    expect((await on('2020-12-31T12:00:00+01:00')).guards).toMatchObject([
      { code: 'INSTRUMENT_NOT_COVERED' },
      { code: 'NO_AWARD_PERIOD', receivedDay: '2021-02-12', acceptedUntilDay: '2021-01-10' },
    ]);
    expect((await on('2020-12-01T12:00:00+01:00')).guards).toMatchObject([
      { code: 'INSTRUMENT_NOT_COVERED' },
      { code: 'NO_AWARD_PERIOD', acceptedUntilDay: null },
    ]);
    world.at(DEACTIVATED);
    await anna.disable(story.card);
    await anna.leave();
    expect(await why(story, 'NEVER')).toMatchObject({
      ...{ citizen: anna.key, guards: [{ code: 'TERMS_NOT_COVERED', day: '2021-02-10', termsMs: null }] },
    });
    await anna.enrol();
    expect((await why(story, 'NEVER')).guards).toMatchObject([{ code: 'TERMS_NOT_COVERED', termsMs: world.nowMs }]);
    // Of a reversal no wallet is asked.
    expect((await why(story, 'NEVER', REVERSAL)).guards).toEqual([]);
    // A card that nobody ever had, and dates before all calendars of ours.
    const stranger = await world.engine.recordFate(hpan(77), { ...NAMED, trxMs: -1 });
    expect(value(stranger).guards).toMatchObject([
      { code: 'INSTRUMENT_NOT_COVERED', day: '1970-01-01', activations: [] },
      { code: 'NO_AWARD_PERIOD' },
    ]);
  });

  test('what a wallet dropped is known to have come, and only that', async () => {
    const story = await open(shardCount);
    story.world.at(DEACTIVATED);
    await story.anna.leave();
    expect(await send(story, 'LATE')).toBe('dropped TERMS_NOT_COVERED');
    expect(await why(story, 'LATE')).toMatchObject({
      ...{ state: 'dropped', receivedMs: story.world.nowMs, citizen: story.anna.key, code: null },
      ...{ record: { idTrxAcquirer: 'LATE', amountCents: 10_00 }, guards: [{ code: 'TERMS_NOT_COVERED' }] },
    });
    // Its key may come again, and is still the same record's.
    expect(await send(story, 'LATE')).toBe('dropped TERMS_NOT_COVERED');
    expect(await why(await story.restart(), 'LATE')).toMatchObject({ state: 'dropped' });
  });
});

const NAMED = { idTrxAcquirer: 'X', acquirerCode: '36081', acquirerId: '09509', operationType: '00' };

test('a record dated before 1970 is dropped like any other that no activation covers', async () => {
  const world = await World.open();
  const payment = { hpan: hpan(5), cents: 100, at: '1969-12-31T23:00:00Z' };
  expect(outcomeText(await world.pay(payment))).toBe('dropped INSTRUMENT_NOT_COVERED');
  expect(world.faults).toEqual([]);
});
