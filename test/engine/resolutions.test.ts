// Method: the golden vectors of doubtful reversals (domain 10) go on with what an operator decides, over the engine's door
// on one and on three shards. At the end of each story the engine is stopped and started, everything stands as before, and
// the inspector, which judges every record again in order of arrival, finds nothing to say.
import { describe, expect, test } from 'vitest';
import {
  type Fact,
  isReversal,
  type ListedReversalState,
  makeTaxCode,
  type RecordKey,
  type Resolution,
  type ReversalResolved,
} from '../../engine/index.ts';
import type { Journal } from '../../engine/ports.ts';
import { type MemoryDisk, openMemoryPersistence, pastWallet } from '../../snapshots/index.ts';
import { verifyPersistence, verifyStores } from '../../snapshots/inspect.ts';
import { eurosOf, outcomeText } from '../golden/vector.ts';
import { closePeriod, PERIOD_CLOSES } from '../support/payouts.ts';
import { hpanElsewhere, openOnDisk, openWithGates, shardOf, turnsTaken } from '../support/shards.ts';
import { type Citizen, hpan, instant, type Payment, value, type World } from '../support/world.ts';

const CHRISTMAS = 1;
const H1 = 2;
const DAY = '2021-02-10';
const ARRIVAL = '2021-02-12T12:00:00+01:00';
const MONTH_LATER = '2021-03-12T12:00:00+01:00';

interface Story {
  readonly world: World;
  readonly disk: MemoryDisk;
  readonly anna: Citizen;
  readonly card: string;
}

async function open(shardCount: number, arrival = ARRIVAL): Promise<Story> {
  const { world, disk } = await openOnDisk({ shardCount, now: '2020-12-07T10:00:00+01:00' });
  const anna = world.citizen(makeTaxCode(1));
  const card = shardCount === 1 ? hpan(1) : hpanElsewhere(anna.key, shardCount);
  await anna.enrol();
  await anna.enable(card);
  world.at(arrival);
  return { world, disk, anna, card };
}

/** `p20 c`: a payment of 20 euro with correlation id c, which is its own name, too. */
const at = (hours: number) => `${DAY}T${String(hours).padStart(2, '0')}:00:00+01:00`;

async function send({ world, card }: Story, id: string, euros: number, more: Partial<Payment> = {}): Promise<string> {
  return outcomeText(await world.pay({ hpan: card, at: at(10), cents: euros * 100, id, ...more }));
}

const pay = (story: Story, id: string, euros: number, correlation = id) => send(story, id, euros, { correlation });
const reverse = (story: Story, id: string, euros: number, correlation: string) =>
  send(story, id, euros, { correlation, reversal: true, at: at(11) });

function keyOf(idTrxAcquirer: string, operationType: '00' | '01'): RecordKey {
  const trxMs = instant(at(operationType === '01' ? 11 : 10));
  return { idTrxAcquirer, trxMs, acquirerCode: '36081', acquirerId: '09509', operationType };
}

function decide(
  story: Story,
  reversal: string,
  resolution: Resolution,
  payment: string | null = null,
  reason = 'seen',
) {
  return story.world.engine.resolveReversal({
    ...{ hpan: story.card, reversal: keyOf(reversal, '01'), resolution, operator: 'carla', reason },
    payment: payment === null ? null : keyOf(payment, '00'),
  });
}

async function decided(...args: Parameters<typeof decide>): Promise<ReversalResolved> {
  return value(await decide(...args));
}

async function refusal(...args: Parameters<typeof decide>): Promise<string> {
  const reply = await decide(...args);
  return reply.ok ? 'ok' : reply.code;
}

async function listed({ world }: Pick<Story, 'world'>, state: ListedReversalState): Promise<readonly string[]> {
  const { reversals } = value(await world.engine.reversals({ state, limit: 100 }));
  return reversals.map(({ record }) => record.idTrxAcquirer);
}

const listedIn = async (story: Pick<Story, 'world'>) => ({
  pending: await listed(story, 'pending'),
  parked: await listed(story, 'parked'),
  flagged: await listed(story, 'flagged'),
});

/** What the citizen sees: raw total, count, and what the transactions add up to. */
async function figures({ anna }: Story, period = H1): Promise<string> {
  const { rawCents, transactionNumber } = await anna.total(period);
  const payments = await anna.payments(period);
  expect(payments.reduce((sum, { cashbackCents }) => sum + cashbackCents, 0)).toBe(rawCents);
  return `${eurosOf(rawCents)} ${transactionNumber}`;
}

const fate = (story: Story, id: string, operationType: '00' | '01' = '01') =>
  story.world.engine.recordFate(story.card, keyOf(id, operationType)).then(value);

/** Stopped and started, everything is as it was; and the inspector finds nothing to say. */
async function expectSound(story: Story): Promise<void> {
  const seen = async (world: World) => {
    const wallet = await story.anna.wallet();
    return { lists: await listedIn({ world }), wallet: { ...wallet, position: null } };
  };
  const before = await seen(story.world);
  await story.world.engine.close();
  expect(story.world.faults).toEqual([]);
  const { world } = await openOnDisk({ disk: story.disk, now: new Date(story.world.nowMs).toISOString() });
  expect((await seen(world)).lists).toEqual(before.lists);
  await world.engine.close();
  await expectInspected(story.disk);
}

async function expectInspected(disk: MemoryDisk): Promise<void> {
  expect((await verifyPersistence(await openMemoryPersistence({ disk }))).differences).toEqual([]);
}

describe.each([1, 3])('on %i shards', (shardCount) => {
  test('G22 goes on: the parked reversal is applied to the payment that an operator names, once', async () => {
    const story = await open(shardCount);
    expect([await pay(story, 'P1', 10, 'c'), await pay(story, 'P2', 20, 'c')]).toEqual(['1.00', '2.00']);
    expect(await reverse(story, 'R', 20, 'c')).toBe('parked REVERSAL_AMBIGUOUS');
    const answer = await decided(story, 'R', 'apply', 'P2', 'the till says so');
    expect(answer).toEqual({
      ...{ state: 'applied', resolution: 'apply', operator: 'carla', reason: 'the till says so' },
      ...{ atMs: story.world.nowMs, scoreCents: -200, awardPeriodId: H1 },
    });
    expect(await figures(story)).toBe('1.00 1');
    expect(await listed(story, 'parked')).toEqual([]);
    expect(await story.anna.ranking(H1)).toMatchObject({ transactionNumber: 1, ranking: 1 });
    story.world.at('2021-02-13T12:00:00+01:00');
    expect(await decided(story, 'R', 'apply', 'P2', 'once more')).toEqual(answer);
    expect(await refusal(story, 'R', 'apply', 'P1')).toBe('REVERSAL_RESOLVED');
    expect(await refusal(story, 'R', 'discard')).toBe('REVERSAL_RESOLVED');
    expect(await figures(story)).toBe('1.00 1');
    expect(await fate(story, 'R')).toMatchObject({
      ...{ state: 'applied', code: null, citizen: story.anna.key, resolved: answer },
      related: [{ idTrxAcquirer: 'P2' }],
    });
    await expectSound(story);
  });

  test('G22b goes on: what is left of the payment can be taken back by others, and by no more than that', async () => {
    const story = await open(shardCount);
    await pay(story, 'P1', 20, 'c');
    await pay(story, 'P2', 10, 'c');
    await reverse(story, 'R1', 10, 'c');
    await reverse(story, 'R2', 11, 'c');
    expect((await decided(story, 'R1', 'apply', 'P1')).scoreCents).toBe(-100);
    expect(await figures(story)).toBe('2.00 2');
    expect(await fate(story, 'P1', '00')).toMatchObject({ leftCents: 1_000, related: [{ idTrxAcquirer: 'R1' }] });
    expect(await refusal(story, 'R2', 'apply', 'P1')).toBe('PAYMENT_EXCEEDED');
    await reverse(story, 'R3', 10, 'c');
    expect((await decided(story, 'R3', 'apply', 'P1')).scoreCents).toBe(-100);
    expect(await figures(story)).toBe('1.00 1');
    expect(await listed(story, 'parked')).toEqual(['R2']);
    await expectSound(story);
  });

  test('G14 goes on: too much for its own payment, it is applied to another one of the card', async () => {
    const story = await open(shardCount);
    await pay(story, 'A', 50);
    await pay(story, 'B', 100);
    expect(await reverse(story, 'R', 60, 'A')).toBe('parked REVERSAL_EXCEEDS');
    expect(await refusal(story, 'R', 'apply', 'A')).toBe('PAYMENT_EXCEEDED');
    expect((await decided(story, 'R', 'apply', 'B')).scoreCents).toBe(-600);
    expect(await figures(story)).toBe('9.00 2');
    // The id of the reversal is that of A: a second payment with it is in doubt, as ever.
    await pay(story, 'A2', 10, 'A');
    expect(await listed(story, 'flagged')).toEqual(['R']);
    expect(await decided(story, 'R', 'keep')).toMatchObject({ state: 'applied', resolution: 'keep' });
    expect(await refusal(story, 'R', 'apply', 'B')).toBe('REVERSAL_RESOLVED');
    expect(await figures(story)).toBe('10.00 3');
    await expectSound(story);
  });

  test.each([
    ['G15', 60, 50],
    ['G20', 80, 80],
  ])('%s goes on: the parked reversal is discarded, and stays so', async (_, first, second) => {
    const story = await open(shardCount);
    await pay(story, 'A', first === 80 ? 80 : 100);
    await reverse(story, 'R1', first, 'A');
    expect(await reverse(story, 'R2', second, 'A')).toBe('parked REVERSAL_EXCEEDS');
    const before = await figures(story);
    const answer = await decided(story, 'R2', 'discard', null, 'sent twice');
    expect(answer).toMatchObject({ state: 'discarded', reason: 'sent twice', scoreCents: 0 });
    expect(await decided(story, 'R2', 'discard', null, 'sent twice')).toEqual(answer);
    expect(await refusal(story, 'R2', 'apply', 'A')).toBe('REVERSAL_RESOLVED');
    expect(await figures(story)).toBe(before);
    expect(await listed(story, 'parked')).toEqual([]);
    expect(await fate(story, 'R2')).toMatchObject({ state: 'discarded', code: 'REVERSAL_EXCEEDS', resolved: answer });
    // Its key stays known, and no payment wakes it.
    expect(await reverse(story, 'R2', second, 'A')).toBe('rejected DUPLICATE_RECORD');
    await pay(story, 'A2', second, 'A');
    expect(await listed(story, 'flagged')).toEqual(['R1']);
    await expectSound(story);
  });

  test('DECISION 18 goes on: a flagged reversal is kept, and the next payment that fits flags it again', async () => {
    const story = await open(shardCount);
    await pay(story, 'A', 10);
    await reverse(story, 'R', 10, 'A');
    await pay(story, 'A2', 20, 'A');
    expect(await listed(story, 'flagged')).toEqual(['R']);
    expect(await fate(story, 'R')).toMatchObject({ state: 'applied', isFlagged: true, resolved: null });
    expect(await refusal(story, 'R', 'discard')).toBe('REVERSAL_NOT_RESOLVABLE');
    expect(await refusal(story, 'R', 'apply', 'A2')).toBe('REVERSAL_NOT_RESOLVABLE');
    const first = await decided(story, 'R', 'keep');
    expect(await listed(story, 'flagged')).toEqual([]);
    story.world.at('2021-02-13T12:00:00+01:00');
    expect(await decided(story, 'R', 'keep')).toEqual(first);
    expect(await refusal(story, 'R', 'discard')).toBe('REVERSAL_RESOLVED');
    await pay(story, 'A3', 30, 'A');
    expect(await listed(story, 'flagged')).toEqual(['R']);
    expect((await decided(story, 'R', 'keep')).atMs).toBe(story.world.nowMs);
    expect(await listed(story, 'flagged')).toEqual([]);
    expect(await figures(story)).toBe('5.00 2');
    await expectSound(story);
  });

  test('who has left has nothing to be taken back: the reversal stays parked, and can be discarded', async () => {
    const story = await open(shardCount);
    await pay(story, 'P1', 10, 'c');
    await pay(story, 'P2', 20, 'c');
    await reverse(story, 'R', 20, 'c');
    await story.anna.leave();
    await turnsTaken();
    expect(await refusal(story, 'R', 'apply', 'P2')).toBe('PAYMENT_OWNER_LEFT');
    expect(await listed(story, 'parked')).toEqual(['R']);
    expect(await fate(story, 'P2', '00')).toMatchObject({ state: 'counted', hasLeft: true });
    expect(await decided(story, 'R', 'discard')).toMatchObject({ state: 'discarded' });
    await expectSound(story);
  });

  test('DECISION 22 goes on: it is taken back from who made the payment, whoever has the card now', async () => {
    const story = await open(shardCount);
    const bruno = story.world.citizen(makeTaxCode(2));
    await bruno.enrol();
    await pay(story, 'P1', 10, 'c');
    await pay(story, 'P2', 20, 'c');
    await reverse(story, 'R', 20, 'c');
    await story.anna.disable(story.card);
    await bruno.enable(story.card);
    await decided(story, 'R', 'apply', 'P2');
    expect(await figures(story)).toBe('1.00 1');
    expect(await bruno.payments(H1)).toEqual([]);
    await expectSound(story);
  });

  test('what is not there, not in doubt, or over cannot be resolved', async () => {
    const story = await open(shardCount);
    expect(await refusal(story, 'R', 'discard')).toBe('REVERSAL_NOT_FOUND');
    await pay(story, 'P', 10);
    const { engine } = story.world;
    const asked = {
      hpan: story.card,
      operator: 'carla',
      reason: 'seen',
      resolution: 'discard',
      payment: null,
    } as const;
    expect(await engine.resolveReversal({ ...asked, reversal: keyOf('P', '00') })).toEqual({
      ...{ ok: false, code: 'REVERSAL_NOT_FOUND' },
    });
    await reverse(story, 'WAITS', 7, 'nothing');
    expect(await refusal(story, 'WAITS', 'discard')).toBe('REVERSAL_NOT_RESOLVABLE');
    expect(await refusal(story, 'WAITS', 'keep')).toBe('REVERSAL_NOT_RESOLVABLE');
    await reverse(story, 'R', 20, 'P');
    expect(await refusal(story, 'R', 'keep')).toBe('REVERSAL_NOT_RESOLVABLE');
    expect(await refusal(story, 'R', 'apply', 'NOBODY')).toBe('PAYMENT_NOT_FOUND');
    expect(await engine.resolveReversal({ ...asked, resolution: 'apply', reversal: keyOf('R', '01') })).toMatchObject({
      ...{ code: 'FIELD_INVALID', detail: 'payment' },
    });
    expect(await decide(story, 'R', 'discard', 'P')).toMatchObject({ code: 'FIELD_INVALID', detail: 'payment' });
    for (const reason of ['', '  ', 'x'.repeat(201), 'a\nb', '\ud800']) {
      expect(await decide(story, 'R', 'discard', null, reason)).toMatchObject({ detail: 'reason' });
    }
    story.world.at(MONTH_LATER);
    await turnsTaken();
    expect(await refusal(story, 'WAITS', 'discard')).toBe('REVERSAL_EXPIRED');
    // A parked one waits for its operator, however long.
    expect(await decided(story, 'R', 'discard', null, 'x'.repeat(200))).toMatchObject({ state: 'discarded' });
    await expectSound(story);
  });

  test('DECISION 25: nothing is applied once the period has closed, and what is in doubt can still be put away', async () => {
    const story = await open(shardCount, '2020-12-20T12:00:00+01:00');
    const dated = { at: '2020-12-19T10:00:00+01:00' };
    const key = (id: string, operationType: string) => ({
      ...keyOf(id, '00'),
      ...{ operationType, trxMs: instant(dated.at) },
    });
    for (const id of ['P1', 'P2']) await send(story, id, 20, { ...dated, correlation: 'c' });
    for (const id of ['R1', 'R2', 'R3']) await send(story, id, 20, { ...dated, correlation: 'c', reversal: true });
    const { engine } = story.world;
    const decideOn = (id: string, resolution: Resolution) =>
      engine.resolveReversal({
        ...{ hpan: story.card, reversal: key(id, '01'), resolution, operator: 'carla', reason: 'seen' },
        payment: resolution === 'apply' ? key('P1', '00') : null,
      });
    const first = value(await decideOn('R1', 'apply'));
    // The last instant in which anything counts, and the first in which nothing does.
    story.world.at('2021-01-10T23:59:59.999+01:00');
    expect(await decideOn('R2', 'apply')).toEqual({ ok: false, code: 'PAYMENT_EXCEEDED' });
    await closePeriod(story.world);
    expect(await decideOn('R2', 'apply')).toEqual({ ok: false, code: 'PERIOD_CLOSED' });
    expect(await decideOn('R1', 'apply')).toEqual({ ok: true, value: first });
    expect(await decideOn('R2', 'discard')).toMatchObject({ ok: true });
    expect(await figures(story, CHRISTMAS)).toBe('2.00 1');
    expect(await listed(story, 'parked')).toEqual(['R3']);
    await expectSound(story);
  });

  test('domain 3.4: one that a late file brought is applied while its period is open again, and no longer', async () => {
    const story = await open(shardCount, '2020-12-20T12:00:00+01:00');
    const { engine } = story.world;
    const dated = { at: '2020-12-19T10:00:00+01:00', correlation: 'c' };
    for (const id of ['P1', 'P2']) await send(story, id, 20, dated);
    await closePeriod(story.world);
    const [file, untilMs] = ['late.csv', instant(PERIOD_CLOSES) + 100];
    const order = { awardPeriodId: CHRISTMAS, programme: '', operator: 'ada', reason: 'owed' };
    value(await engine.decidePeriod({ ...order, kind: 'reopen', files: [file], untilMs }));
    for (const id of ['R1', 'R2', 'R3', 'R4']) {
      expect(await send(story, id, 10, { ...dated, file, reversal: true })).toBe('parked REVERSAL_AMBIGUOUS');
    }
    const key = (id: string, operationType: string) => ({
      ...keyOf(id, '00'),
      ...{ operationType, trxMs: instant(dated.at) },
    });
    const applied = (id: string) =>
      engine.resolveReversal({
        ...{ hpan: story.card, reversal: key(id, '01'), resolution: 'apply', payment: key('P1', '00') },
        ...{ operator: 'carla', reason: 'seen' },
      });
    const first = value(await applied('R1'));
    expect(first).toMatchObject({ state: 'applied', scoreCents: -100, awardPeriodId: CHRISTMAS });
    expect(await figures(story, CHRISTMAS)).toBe('3.00 2');
    expect(await story.anna.ranking(CHRISTMAS)).toMatchObject({ ranking: 1, transactionNumber: 2 });
    story.world.at(new Date(untilMs - 1).toISOString());
    value(await applied('R2'));
    expect(await figures(story, CHRISTMAS)).toBe('2.00 1');
    // Not yet closed once more, and over all the same.
    story.world.at(new Date(untilMs).toISOString());
    expect(await applied('R3')).toEqual({ ok: false, code: 'PERIOD_CLOSED' });
    story.world.engine.tick();
    await turnsTaken();
    expect(await applied('R4')).toEqual({ ok: false, code: 'PERIOD_CLOSED' });
    expect(await applied('R1')).toEqual({ ok: true, value: first });
    expect((await listed(story, 'parked')).toSorted()).toEqual(['R3', 'R4']);
    await expectSound(story);
  });

  test('the past of a wallet tells who decided, when and why; another one’s tells nothing of it', async () => {
    const story = await open(shardCount);
    const bruno = story.world.citizen(makeTaxCode(2));
    await bruno.enrol();
    await pay(story, 'P1', 10, 'c');
    await pay(story, 'P2', 20, 'c');
    await reverse(story, 'R1', 20, 'c');
    await reverse(story, 'R2', 20, 'c');
    await reverse(story, 'R3', 10, 'P3');
    await pay(story, 'P3', 10);
    await pay(story, 'P4', 10, 'P3');
    story.world.at('2021-02-13T12:00:00+01:00');
    await decided(story, 'R1', 'apply', 'P2', 'the till says so');
    await decided(story, 'R2', 'discard', null, 'sent twice');
    await decided(story, 'R3', 'keep', null, 'another purchase');
    const told = async ({ taxCode }: Citizen, timeMs = story.world.nowMs) => {
      const { stores } = story.world.persistence;
      const source = {
        journals: stores.map(({ journal }) => journal.read(1)),
        vaults: stores.map(({ vault }) => vault),
      };
      const { history } = await pastWallet(source, taxCode, timeMs);
      return history.flatMap(({ what, reason, command, atMs }) => {
        return command === 'operator:carla' ? [`${what}, ${reason}, ${new Date(atMs).toISOString()}`] : [];
      });
    };
    expect(await told(story.anna)).toEqual([
      "reversal, an operator's decision: apply, the till says so, 2021-02-13T11:00:00.000Z",
      "reversal, an operator's decision: discard, sent twice, 2021-02-13T11:00:00.000Z",
      "reversal, an operator's decision: keep, another purchase, 2021-02-13T11:00:00.000Z",
    ]);
    expect(await told(story.anna, story.world.nowMs - 1)).toEqual([]);
    expect(await told(bruno)).toEqual([]);
    await expectSound(story);
  });

  test('a decision under way survives the power, and is carried out once', async () => {
    const story = await open(shardCount);
    await pay(story, 'P1', 10, 'c');
    await pay(story, 'P2', 20, 'c');
    await reverse(story, 'R', 20, 'c');
    for (let flushes = 0; flushes < 3; flushes += 1) {
      const { world, disk } = await openOnDisk({ disk: story.disk, now: ARRIVAL });
      const again = { ...story, world, anna: world.citizen(makeTaxCode(1)) };
      if (flushes > 0) expect(['1.00 1', '3.00 2']).toContain(await figures(again));
      disk.hold();
      void decide(again, 'R', 'apply', 'P2');
      await turnsTaken();
      disk.release(flushes);
      await turnsTaken();
      disk.crash();
      await turnsTaken();
    }
    const { world } = await openOnDisk({ disk: story.disk, now: ARRIVAL });
    const last = { ...story, world, anna: world.citizen(makeTaxCode(1)) };
    expect(await decided(last, 'R', 'apply', 'P2')).toMatchObject({ state: 'applied', scoreCents: -200 });
    expect(await figures(last)).toBe('1.00 1');
    await expectSound(last);
  });
});

test('who leaves while the decision is on its way is not charged: it says so, and the reversal is parked again', async () => {
  const shardCount = 3;
  const { world, disk, gates } = await openWithGates(shardCount, { now: '2020-12-07T10:00:00+01:00' });
  const anna = world.citizen(makeTaxCode(1));
  const card = hpanElsewhere(anna.key, shardCount);
  await anna.enrol();
  await anna.enable(card);
  world.at(ARRIVAL);
  const story = { world, disk, anna, card };
  await pay(story, 'P1', 10, 'c');
  await pay(story, 'P2', 20, 'c');
  await reverse(story, 'R', 20, 'c');
  const ofWallet = gates[shardOf(anna.key, shardCount)]!;
  ofWallet.hold();
  const left = anna.do({ kind: 'leave' });
  await turnsTaken();
  const reply = decide(story, 'R', 'apply', 'P2');
  await turnsTaken();
  expect(await fate(story, 'R')).toMatchObject({ state: 'asked', resolved: null });
  const meanwhile = decide(story, 'R', 'discard');
  ofWallet.release();
  expect(await left).toMatchObject({ ok: true });
  expect(await reply).toEqual({ ok: false, code: 'PAYMENT_OWNER_LEFT' });
  // What was asked meanwhile finds it parked, as if nothing had been asked before.
  expect(await meanwhile).toMatchObject({ ok: true, value: { state: 'discarded' } });
  expect(await figures(story)).toBe('0.00 0');
  expect(world.faults).toEqual([]);
  await world.engine.close();
  await expectInspected(disk);
  const facts = world.persistence.stores.flatMap(({ journal }) =>
    [...journal.read(1)].flatMap(({ sections }) => sections.flatMap((section) => section.facts)),
  );
  expect(facts.filter(({ kind }) => kind === 'resolutionVoided')).toHaveLength(1);
  expect(facts.some((fact) => fact.kind === 'recordSet' && isReversal(fact.entry.record))).toBe(true);
});

type Resolved = Extract<Fact, { kind: 'reversalResolved' }>;

test.each<readonly [string, (fact: Resolved) => Fact | null, readonly RegExp[]]>([
  [
    'nobody made',
    () => null,
    [/took it out of the parked ones: expected "apply"/, /took it out .* expected "discard"/, /who kept it/, /no fact/],
  ],
  [
    'says another payment than was taken back from',
    (fact) => ({ ...fact, resolution: { ...fact.resolution, paymentPlace: fact.resolution.place } }),
    [/to no counted payment of its period/, /record .*: payment: expected/],
  ],
  [
    'has no reason',
    (fact) => ({ ...fact, resolution: { ...fact.resolution, reason: '' } }),
    [/by nobody, or for no reason/, /resolution row .*reason: expected ""/],
  ],
])('the inspector notices a decision that %s', async (_, change, expected) => {
  const story = await open(1);
  for (const id of ['P1', 'P2']) await pay(story, id, 20, 'c');
  for (const id of ['R1', 'R2']) await reverse(story, id, 20, 'c');
  await pay(story, 'P3', 10);
  await reverse(story, 'R3', 10, 'P3');
  await pay(story, 'P4', 10, 'P3');
  await decided(story, 'R1', 'apply', 'P2');
  await decided(story, 'R2', 'discard');
  await decided(story, 'R3', 'keep');
  await story.world.engine.close();
  const { stores } = await openMemoryPersistence({ disk: story.disk });
  const changed = stores.map((store) => ({ ...store, journal: changedJournal(store.journal, change) }));
  const said = (await verifyStores(changed, story.world.engine.programme, [])).differences.join('\n');
  for (const sentence of expected) expect(said).toMatch(sentence);
});

function changedJournal(journal: Journal, change: (fact: Resolved) => Fact | null): Journal {
  const changeFact = (fact: Fact) => (fact.kind === 'reversalResolved' ? (change(fact) ?? []) : fact);
  return {
    ...{ lastSequence: journal.lastSequence, epoch: journal.epoch },
    append: (turn) => journal.append(turn),
    trim: (sequence) => journal.trim(sequence),
    *read(sequence) {
      for (const turn of journal.read(sequence)) {
        const sections = turn.sections.map((one) => ({ ...one, facts: one.facts.flatMap(changeFact) }));
        yield { ...turn, sections };
      }
    },
  };
}
