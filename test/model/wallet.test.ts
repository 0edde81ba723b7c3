// Method: a small model of a wallet with one card is toured over all its transitions (xstate/graph) against the running
// engine; after each step answer and views must agree. Then the pairs that need two things at once, by held flushes.
import { afterAll, expect, test } from 'vitest';
import { createActor, type SnapshotFrom } from 'xstate';
import { createTestModel } from 'xstate/graph';
import {
  type CommandReply,
  LIMITS,
  type MethodDetails,
  makeTaxCode,
  type RecheckVerdict,
  type WalletCommandBody,
} from '../../engine/index.ts';
import { walletMachine } from '../../engine/wallet/wallet-machine.ts';
import { outcomeText } from '../golden/vector.ts';
import { CENTURY_NOW, century, PERIOD } from '../support/century.ts';
import { hpanElsewhere, openOnDisk, releaseOneByOne, turnsTaken } from '../support/shards.ts';
import { type Citizen, hpan, value, World } from '../support/world.ts';
import { watch } from './coverage.ts';
import { tours } from './tours.ts';
import { type SeenEvent, seenState, walletModel } from './wallet-model.ts';

const coverage = watch(walletMachine);
afterAll(() => console.info(coverage.report()));

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const IBAN = 'IT60X0542811101000000123456';
const DETAILS: MethodDetails = { methodKind: 'card', brand: 'VISA', lastDigits: '1111', expiry: '', issuerAbi: '' };
/** Someone else's, for ever. */
const TAKEN = hpan(1);

type Asking = Exclude<SeenEvent['type'], 'PAY' | 'EXCLUDE' | 'LIFT'>;

async function openCentury(shardCount: number): Promise<World> {
  const world = await World.open({ shardCount, programme: century(), now: CENTURY_NOW });
  const other = world.citizen(makeTaxCode(0));
  await other.enrol();
  await other.enable(TAKEN);
  return world;
}

/** One life: a citizen and a card that nobody had before. */
class Life {
  readonly world: World;
  readonly citizen: Citizen;
  readonly card: string;

  constructor(world: World, number: number) {
    this.world = world;
    this.citizen = world.citizen(makeTaxCode(number));
    this.card = hpan(number + 1);
  }

  /** A day later. The card covers today if it is active, since whatever it was asked, it was asked before today. */
  async act(event: SeenEvent['type']): Promise<string> {
    this.world.at(new Date(this.world.nowMs + DAY_MS).toISOString());
    if (event === 'PAY') {
      const at = new Date(this.world.nowMs - HOUR_MS).toISOString();
      return outcomeText(await this.world.pay({ hpan: this.card, at, cents: 1_000 }));
    }
    if (event === 'EXCLUDE' || event === 'LIFT') return exclude(this.world, this.citizen, event);
    return replyText(await this.citizen.do(bodyOf(event, this.card, this.citizen.taxCode)));
  }

  async expectToLookLike({ value, context }: SnapshotFrom<typeof walletModel>): Promise<void> {
    const { engine } = this.world;
    const wallet = await engine.wallet(this.citizen.key);
    if (value === 'none') {
      expect(wallet).toEqual({ ok: false, code: 'CITIZEN_NOT_FOUND' });
      return;
    }
    if (!wallet.ok) throw new Error(wallet.code);
    const { enabled, iban, optInStatus, methods, favourite } = wallet.value;
    const method = methods.find((one) => one.hpan === this.card);
    const instrument = await engine.instrument(this.citizen.key, this.card);
    const seen = {
      enabled,
      iban,
      optInStatus,
      methodCount: methods.length,
      method: method === undefined ? 'unknown' : method.details === null ? 'unlisted' : 'listed',
      favourite,
      cashback: method?.cashback ?? 'off',
      status: instrument.ok ? instrument.value.status : instrument.code,
      hasPaid: (await this.citizen.total(PERIOD)).transactionNumber > 0,
      hasList: (await this.citizen.payments(PERIOD)).length > 0,
      takesPart: (await this.citizen.ranking(PERIOD)).takesPart,
    };
    expect(seen).toEqual({
      enabled: value === 'enabled',
      iban: context.hasIban ? IBAN : null,
      optInStatus: context.optIn,
      methodCount: context.method === 'unknown' ? 0 : 1,
      method: context.method,
      favourite: context.isFavourite ? this.card : null,
      cashback: context.isOn ? 'enabled' : 'off',
      status: context.isOn ? 'ACTIVE' : context.wasOn ? 'INACTIVE' : 'INSTRUMENT_NOT_FOUND',
      hasPaid: context.hasPaid && value === 'enabled',
      hasList: context.hasPaid && value === 'enabled',
      takesPart: context.hasPaid && value === 'enabled',
    });
  }
}

function bodyOf(event: Asking, card: string, taxCode: string): WalletCommandBody {
  const holder = { accountHolderCF: taxCode, accountHolderName: 'Anna', accountHolderSurname: 'Rossi' };
  const bodies: Readonly<Record<typeof event, WalletCommandBody>> = {
    ENROL: { kind: 'enrol' },
    ENROL_OPTING_IN: { kind: 'enrol', optInStatus: 'ACCEPTED' },
    LEAVE: { kind: 'leave' },
    SET_IBAN: { kind: 'setIban', iban: IBAN, ...holder },
    SET_BAD_IBAN: { kind: 'setIban', iban: IBAN.replace('X', 'Y'), ...holder },
    ADD: { kind: 'addMethod', hpan: card, details: DETAILS },
    REMOVE: { kind: 'removeMethod', hpan: card },
    FAVOURITE: { kind: 'setFavourite', hpan: card },
    REMOVE_TAKEN: { kind: 'removeMethod', hpan: TAKEN },
    ENABLE: { kind: 'enableCashback', hpan: card },
    ENABLE_TAKEN: { kind: 'enableCashback', hpan: TAKEN },
    ENABLE_ALL: { kind: 'enableAll' },
    DISABLE: { kind: 'disableCashback', hpan: card },
    DISABLE_TAKEN: { kind: 'disableCashback', hpan: TAKEN },
  };
  return bodies[event];
}

/** Two operators, one after the other. */
async function exclude({ engine }: World, { key }: Citizen, event: 'EXCLUDE' | 'LIFT'): Promise<string> {
  const about = { citizen: key, payment: null, reason: 'seen' };
  const step = event === 'EXCLUDE' ? 'exclude' : 'lift';
  const proposed = await engine.exclude({ ...about, step, operator: 'anna' });
  if (!proposed.ok) return proposed.code;
  const approved = await engine.exclude({ ...about, step: 'approve', operator: 'bruno' });
  return approved.ok ? 'done' : approved.code;
}

function replyText(reply: CommandReply): string {
  return reply.ok ? 'done' : reply.code;
}

for (const shardCount of [1, 3]) {
  test(`fault 37: every transition of the wallet's model is answered and seen as it says, on ${shardCount} shards`, async () => {
    const model = createTestModel(walletModel, { serializeState: seenState });
    const map = model.getAdjacencyMap();
    const world = await openCentury(shardCount);
    // Given all events of a walk instead, `getPathsFromEvents` would try each of them in each state.
    const events = walletModel.events.map((type) => ({ type }) as SeenEvent);
    let steps = 0;
    for (const [number, walk] of tours(map, seenState(createActor(walletModel).getSnapshot()), seenState).entries()) {
      const life = new Life(world, number + 1);
      const act = async ({
        event,
        state,
      }: {
        readonly event: SeenEvent;
        readonly state: SnapshotFrom<typeof walletModel>;
      }) => {
        steps += 1;
        expect(await life.act(event.type), `${event.type} in step ${steps}`).toBe(state.context.answer);
        await life.expectToLookLike(state);
      };
      const executors = Object.fromEntries(events.map(({ type }) => [type, act]));
      for (const path of model.getPathsFromEvents([...walk], { events })) await path.test({ events: executors });
    }
    const edges = Object.values(map).reduce((sum, { transitions }) => sum + Object.keys(transitions).length, 0);
    console.info(`wallet model: all of ${Object.keys(map).length} states and ${edges} transitions in ${steps} steps`);
    expect(steps).toBeGreaterThanOrEqual(edges);
    expect(world.faults).toEqual([]);
  });
}

// What a tour cannot meet, since it waits for each answer: commands while a card has not answered.

const SHARDS = 3;

/** A citizen whose card lies on another shard, with the disk held: what is asked of the card stays under way. */
async function openHeld(state: 'off' | 'listed' | 'on') {
  const { world, disk } = await openOnDisk({ shardCount: SHARDS, programme: century(), now: CENTURY_NOW });
  const citizen = world.citizen(makeTaxCode(1));
  const card = hpanElsewhere(citizen.key, SHARDS);
  await citizen.enrol();
  if (state !== 'off') await citizen.must({ kind: 'addMethod', hpan: card, details: DETAILS });
  if (state === 'on') await citizen.enable(card);
  world.at('2001-01-12T12:00:00Z');
  disk.hold();
  const ask = async (event: Asking) => {
    const reply = citizen.do(bodyOf(event, card, citizen.taxCode)).then(replyText);
    await turnsTaken();
    return { reply };
  };
  const pay = () => world.pay({ hpan: card, at: '2001-01-12T10:00:00Z', cents: 1_000, correlation: 'x' });
  return { world, disk, citizen, card, ask, pay };
}

interface Race {
  readonly first: Asking;
  readonly second: Asking;
  readonly replies: readonly [string, string];
  readonly cashback: string;
}
const RACES: readonly Race[] = [
  { first: 'ENABLE', second: 'ENABLE', replies: ['done', 'done'], cashback: 'enabled' },
  { first: 'ENABLE', second: 'ENABLE_ALL', replies: ['done', 'done'], cashback: 'enabled' },
  { first: 'ENABLE', second: 'DISABLE', replies: ['done', 'done'], cashback: 'off' },
  { first: 'ENABLE', second: 'REMOVE', replies: ['done', 'done'], cashback: 'gone' },
  { first: 'ENABLE', second: 'LEAVE', replies: ['done', 'done'], cashback: 'off' },
  { first: 'ENABLE', second: 'ADD', replies: ['done', 'done'], cashback: 'enabled' },
  { first: 'ENABLE', second: 'SET_IBAN', replies: ['done', 'done'], cashback: 'enabled' },
  { first: 'ENABLE', second: 'ENROL_OPTING_IN', replies: ['done', 'done'], cashback: 'enabled' },
  { first: 'ENABLE_ALL', second: 'DISABLE', replies: ['done', 'done'], cashback: 'off' },
  { first: 'DISABLE', second: 'ENABLE', replies: ['INSTRUMENT_NOT_FOUND', 'done'], cashback: 'enabled' },
];

for (const { first, second, replies, cashback } of RACES) {
  test(`fault 37: ${second} while ${first} is under way waits for it or passes it, and both end`, async () => {
    const { world, disk, citizen, card, ask } = await openHeld('listed');
    const asked = [await ask(first), await ask(second)];
    await releaseOneByOne(disk);
    expect(await Promise.all(asked.map(({ reply }) => reply))).toEqual(replies);
    const method = (await citizen.wallet()).methods.find((one) => one.hpan === card);
    expect(method?.cashback ?? 'gone').toBe(cashback);
    expect(world.faults).toEqual([]);
  });
}

for (const isBack of [false, true]) {
  const who = isBack ? 'left and came back' : 'left';

  test(`fault 37: a payment that reaches a citizen who just ${who} is dropped`, async () => {
    const { disk, citizen, ask, pay } = await openHeld('on');
    const paid = pay();
    await turnsTaken();
    const asked = [await ask('LEAVE'), ...(isBack ? [await ask('ENROL')] : [])];
    await releaseOneByOne(disk);
    expect(await paid).toEqual({ status: 'dropped', code: 'TERMS_NOT_COVERED' });
    expect(await Promise.all(asked.map(({ reply }) => reply))).toEqual(asked.map(() => 'done'));
    expect(await citizen.total(PERIOD)).toMatchObject({ rawCents: 0, transactionNumber: 0 });
  });

  test(`fault 37: a reversal that reaches a citizen who just ${who} finds nothing to take back`, async () => {
    const { world, disk, citizen, card, ask, pay } = await openHeld('on');
    disk.release();
    expect(await pay()).toMatchObject({ status: 'counted' });
    disk.hold();
    const payment = { hpan: card, at: '2001-01-12T11:00:00Z', cents: 1_000, correlation: 'x' };
    const reversed = world.pay({ ...payment, reversal: true });
    await turnsTaken();
    const asked = [await ask('LEAVE'), ...(isBack ? [await ask('ENROL')] : [])];
    await releaseOneByOne(disk);
    expect(await reversed).toEqual({ status: 'pending' });
    expect(await Promise.all(asked.map(({ reply }) => reply))).toEqual(asked.map(() => 'done'));
    expect(await citizen.total(PERIOD)).toMatchObject({ rawCents: 0, transactionNumber: 0 });
    expect(world.faults).toEqual([]);
  });
}

test('fault 37: a reversal is applied, a payment outside every period or before the terms is not', async () => {
  const world = await World.open({ now: '2020-12-01T12:00:00+01:00' });
  const citizen = world.citizen(makeTaxCode(1));
  const card = hpan(1);
  await citizen.enrol();
  await citizen.enable(card);
  world.at('2020-12-10T12:00:00+01:00');
  const payment = { hpan: card, at: '2020-12-09T12:00:00+01:00', cents: 1_000, correlation: 'x' };
  expect(outcomeText(await world.pay(payment))).toBe('1.00');
  expect(outcomeText(await world.pay({ ...payment, reversal: true }))).toBe('-1.00');
  expect(outcomeText(await world.pay({ ...payment, at: '2020-12-07T12:00:00+01:00' }))).toBe(
    'rejected NO_AWARD_PERIOD',
  );
  await citizen.leave();
  world.at('2020-12-11T12:00:00+01:00');
  await citizen.enrol();
  expect(outcomeText(await world.pay(payment))).toBe('dropped TERMS_NOT_COVERED');
});

test('fault 37: what the bank says of an account is heard while it is due, by who is enrolled', async () => {
  const world = await World.open();
  const citizen = world.citizen(makeTaxCode(1));
  const recheck = async (verdict: RecheckVerdict, dueMs = world.nowMs) => {
    return value(await world.engine.recheckAccounts([{ citizen: citizen.key, dueMs, verdict }]));
  };
  expect(await recheck('OK')).toBe(0);
  await citizen.enrol();
  const setIban = () => citizen.do(bodyOf('SET_IBAN', hpan(1), citizen.taxCode));
  const dueMs = async () => value(await world.engine.unverifiedAccounts(Number.MAX_SAFE_INTEGER, 1))[0]!.dueMs;
  await setIban();
  expect(await recheck('OK', await dueMs())).toBe(0); // Not due yet.
  world.at('2020-12-07T11:00:00+01:00');
  expect(await recheck('UNKNOWN_PSP')).toBe(1);
  expect(await recheck('OK')).toBe(0); // Due later now.
  world.at('2020-12-07T13:00:00+01:00');
  expect(await recheck('KO', await dueMs())).toBe(1);
  await setIban();
  expect(await exclude(world, citizen, 'EXCLUDE')).toBe('done');
  world.at('2020-12-07T15:00:00+01:00');
  expect(await recheck('UNKNOWN_PSP', await dueMs())).toBe(1);
  expect(await recheck('OK')).toBe(0);
  world.at('2020-12-07T18:00:00+01:00');
  expect(await recheck('INVALID', await dueMs())).toBe(1);
  expect(await exclude(world, citizen, 'LIFT')).toBe('done');
  await setIban();
  const due = await dueMs();
  await citizen.leave();
  world.at('2020-12-07T20:00:00+01:00');
  expect(await recheck('OK', due)).toBe(0);
});

test('fault 37: an issuer cannot end what the app began', async () => {
  const world = await World.open();
  const citizen = world.citizen(makeTaxCode(1));
  await citizen.enrol();
  await citizen.enable(hpan(1));
  const issuer = { role: 'issuer', subject: '12345', channel: '12345' } as const;
  expect(replyText(await citizen.do({ kind: 'leave' }, world.nextId(), issuer))).toBe('TOO_MANY_CHANNELS');
});

test('domain 1.3: an issuer ends and removes instruments of its own channel, and the app those of any', async () => {
  const world = await World.open();
  const citizen = world.citizen(makeTaxCode(1));
  await citizen.enrol();
  await citizen.enable(hpan(1));
  const issuer = { role: 'issuer', subject: '12345', channel: '12345' } as const;
  const ask = async (kind: 'disableCashback' | 'removeMethod' | 'enableCashback', number: number) =>
    replyText(await citizen.do({ kind, hpan: hpan(number) }, world.nextId(), issuer));
  expect([await ask('enableCashback', 2), await ask('enableCashback', 3)]).toEqual(['done', 'done']);
  expect([await ask('disableCashback', 1), await ask('removeMethod', 1)]).toEqual(['FORBIDDEN', 'FORBIDDEN']);
  expect([await ask('disableCashback', 2), await ask('removeMethod', 2)]).toEqual(['done', 'done']);
  await citizen.disable(hpan(3));
  expect((await citizen.wallet()).methods).toMatchObject([{ hpan: hpan(1), cashback: 'enabled' }, { cashback: 'off' }]);
});

test('domain 1.3: an issuer adds tokens to cards of its own channel, and the app to those of any', async () => {
  const world = await World.open();
  const citizen = world.citizen(makeTaxCode(1));
  await citizen.enrol();
  const issuer = { role: 'issuer', subject: '12345', channel: '12345' } as const;
  await citizen.enable(hpan(1));
  await citizen.do({ kind: 'enableCashback', hpan: hpan(2) }, world.nextId(), issuer);
  const add = async (card: number, token: number, ...origin: [] | [typeof issuer]) => {
    const body = { kind: 'enableCashback', hpan: hpan(card), tokens: [hpan(token)], onlyTokens: true } as const;
    return replyText(await citizen.do(body, world.nextId(), ...origin));
  };
  expect([await add(1, 11, issuer), await add(2, 12, issuer), await add(2, 13)]).toEqual(['FORBIDDEN', 'done', 'done']);
  const { methods } = await citizen.wallet();
  expect(methods.map((method) => method.hpan)).toEqual([1, 2, 12, 13].map(hpan));
});

test('fault 37: a full wallet takes no more instruments, neither listed nor enabled, and answers for those it has', async () => {
  const world = await World.open();
  const citizen = world.citizen(makeTaxCode(1));
  await citizen.enrol();
  const list = (number: number) => citizen.do({ kind: 'addMethod', hpan: hpan(number), details: DETAILS });
  const enable = (number: number, tokens: readonly number[] = []) =>
    citizen.do({ kind: 'enableCashback', hpan: hpan(number), tokens: tokens.map(hpan) });
  const full = { ok: false, code: 'TOO_MANY_METHODS' };
  for (let number = 1; number < LIMITS.methodCountMax; number += 1) await list(number);
  expect(await enable(1, [1_001, 1_002])).toEqual(full);
  expect(await enable(1, [1_001])).toMatchObject({ ok: true });
  expect(await list(1_002)).toEqual(full);
  expect(await enable(1_002)).toEqual(full);
  for (const reply of [await list(1), await enable(1), await enable(2)]) expect(reply).toMatchObject({ ok: true });
  await citizen.leave();
  expect(await list(1_002)).toEqual(full);
});

test('more tokens of a card are enabled while it is, and never it with them', async () => {
  const world = await World.open();
  const citizen = world.citizen(makeTaxCode(1));
  await citizen.enrol();
  const [card, token] = [hpan(1), hpan(1_001)];
  const add = () => citizen.do({ kind: 'enableCashback', hpan: card, tokens: [token], onlyTokens: true });
  const off = { ok: false, code: 'INSTRUMENT_NOT_FOUND' };
  expect(await add()).toEqual(off);
  await citizen.enable(card);
  await citizen.do({ kind: 'disableCashback', hpan: card });
  expect(await add()).toEqual(off);
  expect((await citizen.wallet()).methods).toMatchObject([{ hpan: card, cashback: 'off' }]);
  await citizen.enable(card);
  // Behind an answer that is under way.
  const ending = citizen.do({ kind: 'disableCashback', hpan: card });
  expect(await add()).toEqual(off);
  await ending;
  await citizen.enable(card);
  for (const _ of ['once', 'twice']) expect(await add()).toMatchObject({ ok: true });
  expect((await citizen.wallet()).methods.map(({ cashback }) => cashback)).toEqual(['enabled', 'enabled']);
});

/** The second operator's word is under way with all the rest. */
async function excludeSoon(world: World, { key }: Citizen): Promise<Promise<unknown>> {
  const about = { citizen: key, payment: null, reason: 'seen' };
  const asked = [
    world.engine.exclude({ ...about, step: 'exclude', operator: 'anna' }),
    world.engine.exclude({ ...about, step: 'approve', operator: 'bruno' }),
  ];
  await turnsTaken();
  return Promise.all(asked);
}

test('fault 37: what cards tell a citizen who was just excluded is heard', async () => {
  const { world, disk, citizen, card, ask } = await openHeld('listed');
  const enabled = await ask('ENABLE');
  const excluded = excludeSoon(world, citizen);
  await turnsTaken();
  const left = await ask('LEAVE');
  await releaseOneByOne(disk);
  await excluded;
  expect(await Promise.all([enabled.reply, left.reply])).toEqual(['done', 'done']);
  expect((await citizen.wallet()).methods.find((one) => one.hpan === card)?.cashback).toBe('off');
  expect(world.faults).toEqual([]);
});

test('fault 37: a reversal of an enrolment before finds nothing to take back from who came back and was excluded', async () => {
  const { world, disk, citizen, card, ask, pay } = await openHeld('on');
  disk.release();
  expect(await pay()).toMatchObject({ status: 'counted' });
  disk.hold();
  const payment = { hpan: card, at: '2001-01-12T11:00:00Z', cents: 1_000, correlation: 'x' };
  const reversed = world.pay({ ...payment, reversal: true });
  await turnsTaken();
  const asked = [await ask('LEAVE'), await ask('ENROL')];
  const excluded = excludeSoon(world, citizen);
  await releaseOneByOne(disk);
  expect(await reversed).toEqual({ status: 'pending' });
  expect(await Promise.all(asked.map(({ reply }) => reply))).toEqual(['done', 'done']);
  await excluded;
  expect(world.faults).toEqual([]);
});

test('fault 37: of who is excluded the same payments count, are dropped, rejected and taken back', async () => {
  const world = await World.open({ now: '2020-12-01T12:00:00+01:00' });
  const citizen = world.citizen(makeTaxCode(1));
  const card = hpan(1);
  await citizen.enrol();
  await citizen.enable(card);
  world.at('2020-12-10T12:00:00+01:00');
  expect(await exclude(world, citizen, 'EXCLUDE')).toBe('done');
  const payment = { hpan: card, at: '2020-12-09T12:00:00+01:00', cents: 1_000, correlation: 'x' };
  expect(outcomeText(await world.pay(payment))).toBe('1.00');
  expect(outcomeText(await world.pay({ ...payment, reversal: true }))).toBe('-1.00');
  const outside = { ...payment, at: '2020-12-07T12:00:00+01:00' };
  expect(outcomeText(await world.pay(outside))).toBe('rejected NO_AWARD_PERIOD');
  const issuer = { role: 'issuer', subject: '12345', channel: '12345' } as const;
  expect(replyText(await citizen.do({ kind: 'leave' }, world.nextId(), issuer))).toBe('TOO_MANY_CHANNELS');
  expect(await exclude(world, citizen, 'LIFT')).toBe('done');
  await citizen.leave();
  world.at('2020-12-11T12:00:00+01:00');
  await citizen.enrol();
  expect(await exclude(world, citizen, 'EXCLUDE')).toBe('done');
  expect(outcomeText(await world.pay(payment))).toBe('dropped TERMS_NOT_COVERED');
});

test('the wallet machine that runs in production has no transition that these tests have not seen', () => {
  // No checker of holders is configured (DECISION 33), so no bank ever says no.
  expect(coverage.missed()).toEqual(['enabled SET_IBAN 1']);
  // No card answers, and no payment reaches, who never enrolled; leaving waits until no claim is under way.
  // Only what makes a difference is approved.
  expect(coverage.missedPairs()).toEqual([
    'none x COUNT',
    'none x REVERSE',
    'none x EXCLUDE',
    'none x CLAIM_JUDGED',
    'none x INCLUDE',
    'enabled x INCLUDE',
    'excluded x EXCLUDE',
    'disabled x CLAIM_JUDGED',
  ]);
});
