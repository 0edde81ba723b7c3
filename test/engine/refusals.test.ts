// Method: each refusal that the engine itself gives is provoked once, with what it must leave behind: nothing. The
// limits are met at their last allowed value and at the first refused one.
import { expect, test } from 'vitest';
import {
  type CommandReply,
  LIMITS,
  type MethodDetails,
  makeTaxCode,
  type Origin,
  REFUSALS,
  type RefusalName,
  type WalletCommandBody,
} from '../../engine/index.ts';
import { factsOf } from '../support/journal.ts';
import { hpanElsewhere, openOnDisk, openWithGates, shardOf, until } from '../support/shards.ts';
import { type Citizen, hpan, value, World } from '../support/world.ts';

const MINE = hpan(1);
const THEIRS = hpan(2);
const UNKNOWN = hpan(3);
const DETAILS: MethodDetails = { methodKind: 'card', brand: 'VISA', lastDigits: '', expiry: '', issuerAbi: '' };
const IBAN = 'IT60X0542811101000000123456';

function setIban(iban: string): WalletCommandBody {
  return { kind: 'setIban', iban, accountHolderCF: makeTaxCode(1), accountHolderName: 'A', accountHolderSurname: 'R' };
}

type Who = 'nobody' | 'enrolled' | 'left';
const COMMANDS: readonly (readonly [Who, WalletCommandBody, RefusalName])[] = [
  ['nobody', setIban(IBAN), 'CITIZEN_NOT_FOUND'],
  ['nobody', { kind: 'addMethod', hpan: UNKNOWN, details: DETAILS }, 'CITIZEN_NOT_FOUND'],
  ['nobody', { kind: 'enableCashback', hpan: UNKNOWN }, 'CITIZEN_NOT_ENABLED'],
  ['nobody', { kind: 'enableAll' }, 'CITIZEN_NOT_ENABLED'],
  ['nobody', { kind: 'removeMethod', hpan: UNKNOWN }, 'METHOD_NOT_FOUND'],
  ['nobody', { kind: 'setFavourite', hpan: UNKNOWN }, 'METHOD_NOT_FOUND'],
  ['nobody', { kind: 'disableCashback', hpan: UNKNOWN }, 'INSTRUMENT_NOT_FOUND'],
  ['nobody', { kind: 'disableCashback', hpan: THEIRS }, 'INSTRUMENT_NOT_YOURS'],
  ['left', setIban(IBAN), 'CITIZEN_NOT_ENABLED'],
  ['left', { kind: 'enableCashback', hpan: MINE }, 'CITIZEN_NOT_ENABLED'],
  ['left', { kind: 'enableAll' }, 'CITIZEN_NOT_ENABLED'],
  ['left', { kind: 'disableCashback', hpan: THEIRS }, 'INSTRUMENT_NOT_YOURS'],
  ['enrolled', setIban(IBAN.replace('6', '7')), 'IBAN_INVALID'],
  ['enrolled', setIban('DE89370400440532013000'), 'IBAN_INVALID'],
  ['enrolled', setIban(''), 'IBAN_INVALID'],
  ['enrolled', { kind: 'removeMethod', hpan: THEIRS }, 'METHOD_NOT_FOUND'],
  ['enrolled', { kind: 'enableCashback', hpan: THEIRS }, 'INSTRUMENT_TAKEN'],
  ['enrolled', { kind: 'enableCashback', hpan: THEIRS, tokens: [UNKNOWN] }, 'INSTRUMENT_TAKEN'],
  ['enrolled', { kind: 'disableCashback', hpan: UNKNOWN }, 'INSTRUMENT_NOT_FOUND'],
  ['enrolled', { kind: 'disableCashback', hpan: THEIRS }, 'INSTRUMENT_NOT_YOURS'],
];

async function openFor(who: Who): Promise<{ readonly world: World; readonly citizen: Citizen }> {
  const world = await World.open({ shardCount: 3 });
  const [citizen, other] = [world.citizen(makeTaxCode(1)), world.citizen(makeTaxCode(2))];
  await other.enrol();
  await other.enable(THEIRS);
  if (who === 'nobody') return { world, citizen };
  await citizen.enrol();
  await citizen.must(setIban(IBAN));
  await citizen.enable(MINE);
  if (who === 'left') await citizen.leave();
  return { world, citizen };
}

for (const [who, body, code] of COMMANDS) {
  test(`fault 37: ${body.kind} of who is ${who} is refused as ${code} and changes nothing`, async () => {
    const { world, citizen } = await openFor(who);
    const see = async () => {
      const read = await world.engine.wallet(citizen.key);
      return read.ok ? { ...read.value, position: null } : read;
    };
    const [before, id] = [await see(), world.nextId()];
    const done = factsOf(world, 'commandDone').length;
    // The code and nothing else: not who has the card, not what the IBAN was.
    expect(await citizen.do(body, id)).toEqual({ ok: false, code });
    expect(await see()).toEqual(before);
    expect(factsOf(world, 'commandDone')).toHaveLength(done);
    expect(value(await world.engine.outcome(citizen.key, citizen.origin, id))).toEqual({ state: 'not-done' });
    // The same id with another body is no reuse: nothing was kept.
    expect(await citizen.do({ kind: 'enrol' }, id)).toMatchObject({ ok: true, repeated: false });
    expect(REFUSALS[code].status).toBeGreaterThanOrEqual(400);
  });
}

const issuer = (channel: string): Origin => ({ role: 'issuer', subject: channel, channel });

test('G44 an issuer cannot end what is active through another channel, and the app can', async () => {
  const world = await World.open({ shardCount: 3 });
  const citizen = world.citizen(makeTaxCode(1));
  await citizen.enrol();
  await citizen.enable(MINE);
  await citizen.do({ kind: 'enableCashback', hpan: UNKNOWN }, world.nextId(), issuer('12345'));
  const leaveFrom = (origin?: Origin) => citizen.do({ kind: 'leave' }, world.nextId(), origin);
  expect(await leaveFrom(issuer('12345'))).toEqual({ ok: false, code: 'TOO_MANY_CHANNELS' });
  expect(await citizen.wallet()).toMatchObject({
    enabled: true,
    methods: [{ cashback: 'enabled' }, { cashback: 'enabled' }],
  });
  expect(await leaveFrom()).toMatchObject({ ok: true });
  expect(await citizen.wallet()).toMatchObject({ enabled: false, methods: [{ cashback: 'off' }, { cashback: 'off' }] });
});

test('domain 1.2: an issuer may end what is active through itself alone, and anything where nothing is active', async () => {
  const world = await World.open({ shardCount: 3 });
  const [own, none] = [world.citizen(makeTaxCode(1)), world.citizen(makeTaxCode(2))];
  for (const citizen of [own, none]) await citizen.enrol();
  await own.do({ kind: 'enableCashback', hpan: UNKNOWN }, world.nextId(), issuer('12345'));
  await none.enable(MINE);
  await none.disable(MINE);
  const leave = { kind: 'leave' } as const;
  expect(await own.do(leave, world.nextId(), issuer('54321'))).toEqual({ ok: false, code: 'TOO_MANY_CHANNELS' });
  expect(await own.do(leave, world.nextId(), issuer('12345'))).toMatchObject({ ok: true });
  expect(await none.do(leave, world.nextId(), issuer('54321'))).toMatchObject({ ok: true });
});

test('what is read of periods that do not exist, or were suspended, is not found', async () => {
  const { world, citizen } = await openFor('enrolled');
  const refused = { ok: false, code: 'PERIOD_NOT_FOUND' };
  for (const awardPeriodId of [0, 3, 99]) {
    const { engine } = world;
    expect(await engine.total(citizen.key, awardPeriodId)).toEqual(refused);
    expect(await engine.payments(citizen.key, { awardPeriodId })).toEqual(refused);
    expect(await engine.paymentDays(citizen.key, { awardPeriodId })).toEqual(refused);
    expect(await engine.milestones(citizen.key, awardPeriodId)).toEqual(refused);
    expect(await engine.rankings(citizen.key, awardPeriodId)).toEqual(refused);
    expect(await engine.rankingPage(awardPeriodId, 1, 10)).toEqual(refused);
  }
  expect(world.engine.periods().map(({ awardPeriodId }) => awardPeriodId)).toEqual([1, 2, 4]);
});

test('who never enrolled has no wallet and no total, and takes no part', async () => {
  const { world, citizen } = await openFor('nobody');
  const refused = { ok: false, code: 'CITIZEN_NOT_FOUND' };
  expect(await world.engine.wallet(citizen.key)).toEqual(refused);
  expect(await world.engine.total(citizen.key, 1)).toEqual(refused);
  // A refused and a done command leave nothing of a citizen behind.
  await citizen.do({ kind: 'disableCashback', hpan: THEIRS });
  expect(await citizen.do({ kind: 'leave' })).toMatchObject({ ok: true, answer: {} });
  expect(await world.engine.wallet(citizen.key)).toEqual(refused);
  expect(await world.engine.total(citizen.key, 1)).toEqual(refused);
  expect(await citizen.payments(1)).toEqual([]);
  expect(await citizen.ranking(1)).toMatchObject({ takesPart: false, ranking: 1 });
});

test('a full mailbox refuses with the time to come back, and what it refused may come again', async () => {
  const world = await World.open();
  const citizen = world.citizen(makeTaxCode(1));
  const ids = Array.from({ length: LIMITS.mailboxCountMax + 3 }, () => world.nextId());
  const replies = await Promise.all(ids.map((id) => citizen.do({ kind: 'enrol' }, id)));
  const refused = replies.flatMap((reply, index) => (reply.ok ? [] : [{ reply, index }]));
  expect(refused.map(({ index }) => index)).toEqual([0, 1, 2].map((more) => LIMITS.mailboxCountMax + more));
  for (const { reply } of refused) {
    expect(reply).toEqual({ ok: false, code: 'OVERLOADED', retryAtMs: world.nowMs + LIMITS.mailboxDrainMs });
  }
  expect(await citizen.do({ kind: 'enrol' }, ids.at(-1)!)).toMatchObject({ ok: true, repeated: false });
  expect(factsOf(world, 'enrolled')).toHaveLength(1);
});

/** Anna enables a card on another shard, whose disk is held: her other commands wait for it, and her own shard goes on. */
async function openUnderWay() {
  const { world, gates } = await openWithGates(2);
  const anna = world.citizen(makeTaxCode(1));
  await anna.enrol();
  const gate = gates[1 - shardOf(anna.key, 2)]!;
  gate.hold();
  const begun = anna.do({ kind: 'enableCashback', hpan: hpanElsewhere(anna.key, 2) });
  await until(() => gate.waitingCount > 0, 'the card asked');
  return { world, gate, anna, begun };
}

test('behind one command that is under way so many wait; the next is refused with the time to come back', async () => {
  const { world, gate, anna, begun } = await openUnderWay();
  const waiting: Promise<CommandReply>[] = [];
  for (let count = 0; count < LIMITS.deferredCountMax; count += 1) waiting.push(anna.do({ kind: 'leave' }));
  await until(async () => (await world.engine.stats()).mailboxCount === 0, 'all set aside');
  const id = world.nextId();
  const retryAtMs = world.nowMs + LIMITS.mailboxDrainMs;
  expect(await anna.do({ kind: 'leave' }, id)).toEqual({ ok: false, code: 'OVERLOADED', retryAtMs });
  gate.release();
  expect(await begun).toMatchObject({ ok: true });
  for (const reply of await Promise.all(waiting)) expect(reply).toMatchObject({ ok: true });
  expect(await anna.do({ kind: 'leave' }, id)).toMatchObject({ ok: true, repeated: false });
  await world.engine.close();
});

test('fault 22: a hurried end refuses also what waits for a command that is under way, which ends as it should', async () => {
  const { world, gate, anna, begun } = await openUnderWay();
  const waiting = [anna.do({ kind: 'leave' }), anna.do({ kind: 'enableAll' })];
  await until(async () => (await world.engine.stats()).mailboxCount === 0, 'all set aside');
  const closed = world.engine.close(true);
  const draining = { ok: false, code: 'DRAINING' };
  expect(await Promise.all(waiting)).toEqual([draining, draining]);
  gate.release();
  expect(await begun).toMatchObject({ ok: true });
  await closed;
  expect(world.faults).toEqual([]);
});

test('a closing engine answers what it took in and refuses the rest', async () => {
  const { world, disk } = await openOnDisk({ shardCount: 3 });
  const citizens = Array.from({ length: 50 }, (_, number) => world.citizen(makeTaxCode(number)));
  const told: CommandReply[] = [];
  const sent = citizens.map((citizen) => citizen.do({ kind: 'enrol' }).then((reply) => told.push(reply)));
  const closing = world.engine.close();
  const draining = { ok: false, code: 'DRAINING' };
  expect(await citizens[0]!.do({ kind: 'enrol' })).toEqual(draining);
  expect(await world.pay({ hpan: MINE, at: '2020-12-07T09:00:00+01:00', cents: 1 })).toEqual(draining);
  await closing;
  expect(told).toHaveLength(50);
  await Promise.all(sent);
  expect(told).toMatchObject(told.map(() => ({ ok: true })));

  const { world: again } = await openOnDisk({ disk });
  expect((await again.engine.stats()).citizensEnabled).toBe(50);
});
