// Method: the engine behind two rings is asked what the same engine is asked at its door, and must say the same;
// engines that never answer, fail or answer twice show what the front does then. One thread, real ports.
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, test } from 'vitest';
import {
  APP_CHANNEL,
  BrokenInvariant,
  type CommandReply,
  type Engine,
  italy2020,
  LIMITS,
  makeIban,
  makeTaxCode,
  type Origin,
  type RecordCommand,
  type RecordOutcome,
  type Refused,
  StorageFault,
  type WalletCommand,
  type WalletCommandBody,
} from '../../engine/index.ts';
import { type ClockOrigin, monotonicMs } from '../../server/clock.ts';
import { hostEngine } from '../../server/shards/engine-host.ts';
import { RemoteEngine } from '../../server/shards/remote-engine.ts';
import { createRing } from '../../server/shards/ring.ts';
import { hpan, instant, World } from '../support/world.ts';

const NOW = '2020-12-20T12:00:00+01:00';

interface Hosted {
  readonly remote: RemoteEngine;
  readonly clocks: ClockOrigin[];
  readonly faults: unknown[];
  /** How often the host was asked to close. */
  readonly closings: number[];
}

const ports: { close(): void }[] = [];
afterEach(() => {
  for (const port of ports.splice(0)) port.close();
});

function host(engine: Engine, indexKey: Uint8Array = new Uint8Array(32)): Hosted {
  const { port1, port2 } = new MessageChannel();
  ports.push(port1, port2);
  const [toEngine, toFront] = [createRing(LIMITS.ringBytes), createRing(LIMITS.ringBytes)];
  const [clocks, faults, closings]: [ClockOrigin[], unknown[], number[]] = [[], [], []];
  hostEngine({
    engine,
    port: port2,
    outgoing: toFront,
    incoming: toEngine,
    setClock: (origin) => clocks.push(origin),
    close: async () => {
      closings.push(1);
      await engine.close();
    },
    failed: (error) => faults.push(error),
  });
  const clock = { originMs: instant(NOW), originMonotonicMs: monotonicMs(), speed: 0 };
  const ends = { port: port1, outgoing: toEngine, incoming: toFront };
  return {
    remote: new RemoteEngine({ ...ends, programme: engine.programme, indexKey, clock }),
    clocks,
    faults,
    closings,
  };
}

/** An engine of which a test gives only what it needs. */
function engineWith(parts: Partial<Engine>): Engine {
  return { programme: italy2020(), onChanged: () => () => {}, close: async () => {}, ...parts } as Engine;
}

const citizen = 'a0'.repeat(16);
const own: Origin = { role: 'citizen', subject: citizen, channel: APP_CHANNEL };
const details = {
  methodKind: 'card',
  brand: 'Così è',
  lastDigits: '1111',
  expiry: '2029-12',
  issuerAbi: '03069',
} as const;

function command(body: WalletCommandBody, origin: Origin = own, number = 1): WalletCommand {
  return { citizen, taxCode: makeTaxCode(1), origin, id: number.toString(16).padStart(32, '0'), body };
}

const BODIES: readonly WalletCommandBody[] = [
  { kind: 'enrol' },
  { kind: 'enrol', optInStatus: 'ACCEPTED' },
  { kind: 'leave' },
  {
    kind: 'setIban',
    iban: makeIban(1),
    accountHolderCF: makeTaxCode(1),
    accountHolderName: 'Zoë \ud800',
    accountHolderSurname: '',
  },
  { kind: 'addMethod', hpan: hpan(1), details },
  { kind: 'removeMethod', hpan: hpan(1) },
  { kind: 'enableCashback', hpan: hpan(1) },
  { kind: 'enableCashback', hpan: hpan(1), tokens: [hpan(2), hpan(3)] },
  { kind: 'disableCashback', hpan: hpan(1) },
  { kind: 'disableCashback', hpan: hpan(1), cancellationMs: instant(NOW) },
  { kind: 'enableAll' },
];

const ORIGINS: readonly Origin[] = [
  own,
  { role: 'citizen', subject: citizen, channel: 'another' },
  { role: 'citizen', subject: 'b1'.repeat(16), channel: APP_CHANNEL },
  { role: 'issuer', subject: '03069', channel: '03069' },
  { role: 'acquirer', subject: '36081', channel: '36081' },
  { role: 'operator', subject: 'anna', channel: 'anna' },
];

const REPLIES: readonly CommandReply[] = [
  { ok: true, answer: {}, position: { partition: 0, sequence: 1 }, repeated: false },
  {
    ok: true,
    answer: { termsMs: 1, optInStatus: 'DENIED', validationStatus: 'KO', enabled: [hpan(1)], refused: [] },
    position: { partition: 63, sequence: 2 ** 40 },
    repeated: true,
  },
  { ok: true, answer: { hpan: hpan(1), activationMs: 5 }, position: { partition: 1, sequence: 1 }, repeated: false },
  { ok: false, code: 'INSTRUMENT_TAKEN' },
  { ok: false, code: 'OVERLOADED', retryAtMs: instant(NOW) },
  { ok: false, code: 'IBAN_INVALID', detail: 'iban' },
];

const RECORD: RecordCommand = {
  receivedMs: instant(NOW),
  record: {
    acquirerCode: '36081',
    operationType: '00',
    circuitType: '01',
    hpan: hpan(1),
    trxMs: instant(NOW) - 1,
    idTrxAcquirer: 'ARN1',
    idTrxIssuer: '',
    correlationId: '',
    amountCents: 1_234,
    acquirerId: '09509',
    merchantId: 'M1',
    terminalId: 'T1',
  },
};

const OUTCOMES: readonly (RecordOutcome | Refused)[] = [
  { status: 'counted', scoreCents: 150, awardPeriodId: 2 },
  { status: 'applied', scoreCents: -150, awardPeriodId: 2 },
  { status: 'pending' },
  { status: 'parked', code: 'REVERSAL_EXCEEDS' },
  { status: 'dropped', code: 'TERMS_NOT_COVERED' },
  { status: 'rejected', code: 'DUPLICATE_RECORD' },
  { ok: false, code: 'DRAINING' },
];

describe('what crosses is what was said', () => {
  test.each(BODIES)('a command: $kind', async (body) => {
    const heard: WalletCommand[] = [];
    const { remote } = host(
      engineWith({
        execute: (one, done) => {
          heard.push(one);
          done(REPLIES[0]!);
        },
      }),
    );
    for (const origin of ORIGINS) await new Promise((resolve) => remote.execute(command(body, origin), resolve));
    expect(heard).toStrictEqual(ORIGINS.map((origin) => command(body, origin)));
  });

  test('every kind of reply and of outcome', async () => {
    const [replies, outcomes] = [[...REPLIES], [...OUTCOMES]];
    const heard: RecordCommand[] = [];
    const { remote } = host(
      engineWith({
        execute: (_, done) => done(replies.shift()!),
        record: (one, done) => {
          heard.push(one);
          done(outcomes.shift()!);
        },
      }),
    );
    for (const reply of REPLIES) {
      const came = await new Promise((resolve) => remote.execute(command({ kind: 'leave' }), resolve));
      expect(came).toStrictEqual(reply);
    }
    for (const outcome of OUTCOMES) {
      expect(await new Promise((resolve) => remote.record(RECORD, resolve))).toStrictEqual(outcome);
    }
    expect(heard).toStrictEqual(OUTCOMES.map(() => RECORD));
  });

  test('every read, as the engine itself answers it', async () => {
    const world = await World.open({ now: '2020-12-07T10:00:00+01:00' });
    const [anna, bruno] = [world.citizen(makeTaxCode(1)), world.citizen(makeTaxCode(2))];
    for (const one of [anna, bruno]) await one.enrol();
    await anna.must({ kind: 'addMethod', hpan: hpan(1), details });
    await anna.enable(hpan(1));
    await anna.must({
      kind: 'setIban',
      iban: makeIban(1),
      accountHolderCF: anna.taxCode,
      accountHolderName: 'A',
      accountHolderSurname: 'B',
    });
    world.at(NOW);
    for (let payment = 0; payment < 30; payment += 1) {
      await world.pay({ hpan: hpan(1), at: '2020-12-19T10:00:00+01:00', cents: 1_000 + payment });
    }
    for (const cents of [7, 8, 9]) {
      await world.pay({ hpan: hpan(1), at: '2020-12-19T11:00:00+01:00', cents, reversal: true });
    }
    const { engine } = world;
    const { remote } = host(engine, world.persistence.indexKey);
    expect(remote.citizenKeyOf(anna.taxCode)).toBe(anna.key);
    expect(remote.periods()).toEqual(engine.periods());

    const reads: readonly ((asked: Engine) => Promise<unknown>)[] = [
      (asked) => asked.wallet(anna.key),
      (asked) => asked.wallet(bruno.key),
      (asked) => asked.wallet(citizen),
      (asked) => asked.instrument(anna.key, hpan(1)),
      (asked) => asked.instrument(bruno.key, hpan(1)),
      (asked) => asked.total(anna.key, 1),
      (asked) => asked.total(anna.key, 99),
      (asked) => asked.payments(anna.key, { awardPeriodId: 1 }),
      (asked) => asked.payments(anna.key, { awardPeriodId: 1, hpan: hpan(1), limit: 7, cursor: 2 }),
      (asked) => asked.paymentDays(anna.key, { awardPeriodId: 1 }),
      (asked) => asked.milestones(anna.key, 1),
      (asked) => asked.milestones(bruno.key, 1),
      (asked) => asked.rankings(anna.key),
      (asked) => asked.rankings(anna.key, 2),
      (asked) => asked.rankings(citizen, 1),
      (asked) => asked.rankingPage(1, 1, 10),
      (asked) => asked.outcome(anna.key, anna.origin, '1'.padStart(32, '0')),
      (asked) => asked.outcome(anna.key, { role: 'issuer', subject: '03069', channel: '03069' }, 'f'.repeat(32)),
      (asked) => asked.reversals({ state: 'pending', limit: 2 }),
      (asked) => asked.stats(),
    ];
    for (const read of reads) expect(await read(remote), read.toString()).toStrictEqual(await read(engine));
  });

  test('who changed, a tick, an intake, a moved clock', async () => {
    const told: string[] = [];
    let change: (citizens: readonly string[]) => void = () => {};
    const { remote, clocks } = host(
      engineWith({
        onChanged: (listener) => {
          change = listener;
          return () => {};
        },
        tick: (nowMs) => told.push(`tick ${nowMs}`),
        openIntake: (receivedMs) => {
          told.push(`open ${receivedMs}`);
          return () => told.push(`close ${receivedMs}`);
        },
        execute: (_, done) => {
          told.push(`clock ${clocks.length}`);
          done(REPLIES[0]!);
        },
      }),
    );
    const changed: (readonly string[])[] = [];
    const stop = remote.onChanged((citizens) => changed.push(citizens));
    const origin = { originMs: instant(NOW) + 0.5, originMonotonicMs: 12.345_678_9, speed: 0.1 };
    const [closeFirst, closeSecond] = [remote.openIntake(1), remote.openIntake(2)];
    remote.tick();
    closeSecond();
    closeFirst();
    remote.setClock(origin);
    const replied = new Promise((resolve) => remote.execute(command({ kind: 'leave' }), resolve));
    change([citizen, 'b1'.repeat(16)]);
    await replied;
    expect(told).toEqual(['open 1', 'open 2', `tick ${instant(NOW)}`, 'close 2', 'close 1', 'clock 1']);
    expect(clocks).toEqual([origin]);
    expect(changed).toEqual([[citizen, 'b1'.repeat(16)]]);
    stop();
    change([citizen]);
    await new Promise((resolve) => remote.execute(command({ kind: 'leave' }), resolve));
    expect(changed).toHaveLength(1);
  });
});

describe('what may be in flight is limited', () => {
  test('changes are refused at once past the limit, and taken again when some are answered', async () => {
    const waiting: (() => void)[] = [];
    const { remote } = host(engineWith({ execute: (_, done) => waiting.push(() => done(REPLIES[0]!)) }));
    const replies: CommandReply[] = [];
    const send = () => remote.execute(command({ kind: 'leave' }), (reply) => replies.push(reply));
    for (let count = 0; count < LIMITS.changesInFlightMax; count += 1) send();
    expect(replies).toEqual([]);
    send();
    remote.record(RECORD, (outcome) => expect(outcome).toMatchObject({ ok: false, code: 'OVERLOADED' }));
    const retryAtMs = instant(NOW) + LIMITS.mailboxDrainMs;
    expect(replies).toEqual([{ ok: false, code: 'OVERLOADED', retryAtMs }]);

    while (waiting.length < LIMITS.changesInFlightMax) await new Promise(setImmediate);
    waiting.shift()!();
    while (replies.length < 2) await new Promise(setImmediate);
    send();
    expect(replies).toHaveLength(2);
    for (const answer of waiting.splice(0)) answer();
    while (waiting.length === 0) await new Promise(setImmediate);
    waiting.shift()!();
    while (replies.length < LIMITS.changesInFlightMax + 2) await new Promise(setImmediate);
  });

  test('reads are refused past theirs', async () => {
    const { remote } = host(engineWith({ wallet: () => new Promise(() => {}) }));
    for (let count = 0; count < LIMITS.readsInFlightMax; count += 1) void remote.wallet(citizen);
    expect(await remote.wallet(citizen)).toMatchObject({ ok: false, code: 'OVERLOADED' });
  });
});

describe('how it ends', () => {
  test('what was asked before the close is answered before it, what comes after is refused', async () => {
    const world = await World.open();
    const { remote, closings } = host(world.engine, world.persistence.indexKey);
    const key = remote.citizenKeyOf(makeTaxCode(1));
    const origin: Origin = { role: 'citizen', subject: key, channel: APP_CHANNEL };
    const enrol = { ...command({ kind: 'enrol' }, origin), citizen: key };
    const order: string[] = [];
    remote.execute(enrol, (reply) => order.push(reply.ok ? 'done' : reply.code));
    const closed = remote.close().then(() => order.push('closed'));
    remote.execute(enrol, (reply) => order.push(reply.ok ? 'done' : reply.code));
    await closed;
    expect(order).toEqual(['DRAINING', 'done', 'closed']);
    expect(closings).toHaveLength(1);
  });

  test('a read that finds damage fails for who asked; our own mistakes stop the engine', async () => {
    const damage = new StorageFault('SEAL_BROKEN', 'personal data under key 7 cannot be read');
    const mistakes = [damage, new BrokenInvariant('ours')];
    const { remote, faults } = host(engineWith({ wallet: () => Promise.reject(mistakes.shift()) }));
    await expect(remote.wallet(citizen)).rejects.toMatchObject({ code: damage.code, message: damage.message });
    void remote.wallet(citizen);
    while (faults.length === 0) await new Promise(setImmediate);
    expect(faults).toMatchObject([{ code: 'BROKEN_INVARIANT' }]);
  });

  test('an answer that nobody waits for is a broken invariant', async () => {
    const { remote } = host(
      engineWith({
        execute: (_, done) => {
          done(REPLIES[0]!);
          done(REPLIES[0]!);
        },
      }),
    );
    const faults: unknown[] = [];
    process.once('uncaughtException', (fault) => faults.push(fault));
    let replies = 0;
    remote.execute(command({ kind: 'leave' }), () => {
      replies += 1;
    });
    while (faults.length === 0) await new Promise(setImmediate);
    expect(faults).toMatchObject([{ code: 'BROKEN_INVARIANT' }]);
    expect(replies).toBe(1);
  });
});
