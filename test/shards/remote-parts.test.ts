// Method: parts of an engine behind two rings are asked what the same parts are asked at their door, and must say the
// same; parts that never answer, fail or answer twice show what the front does then. One thread, real ports.
import { afterEach, describe, expect, test } from 'vitest';
import {
  APP_CHANNEL,
  BrokenInvariant,
  type CommandReply,
  DividedEngine,
  type Engine,
  italy2020,
  LIMITS,
  makeIban,
  makeTaxCode,
  type Origin,
  type PayoutOrder,
  type PayoutProgress,
  type PeriodDecision,
  type PeriodOrder,
  type ProbedShard,
  type Published,
  type RankAnswer,
  type RankedMark,
  type RankMove,
  type RecordCommand,
  type RecordOutcome,
  type Refused,
  type ReversalDecision,
  type Standing,
  StorageFault,
  type WalletCommand,
  type WalletCommandBody,
} from '../../engine/index.ts';
import { openParts } from '../../engine/shard/open-engine.ts';
import { Conversation } from '../../server/shards/conversation.ts';
import {
  hostCoordinatedShard,
  hostNeighbour,
  hostShardCoordinator,
  serveCoordinator,
  serveShard,
} from '../../server/shards/hosted-parts.ts';
import {
  RemoteShard,
  remoteCoordinatedShard,
  remoteCoordinator,
  remoteNeighbour,
  remoteShardCoordinator,
} from '../../server/shards/remote-parts.ts';
import { createEnds } from '../../server/shards/seats.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';
import { hpan, instant, World } from '../support/world.ts';

const NOW = '2020-12-20T12:00:00+01:00';

interface Hosted {
  readonly remote: RemoteShard;
  readonly faults: unknown[];
}

const NAMED = {
  ...{ idTrxAcquirer: '', acquirerCode: '36081', acquirerId: '09509', operationType: '00' },
  trxMs: instant('2020-12-19T12:00:00+01:00'),
};
const PAID = { hpan: hpan(1), record: { ...NAMED, idTrxAcquirer: 'REVERSED' } };
const PARKED: ReversalDecision = {
  ...{ hpan: hpan(1), reversal: { ...NAMED, idTrxAcquirer: 'AGAIN', operationType: '01' }, payment: null },
  ...{ resolution: 'discard', operator: 'carla', reason: 'sent twice, però' },
};

const open: Conversation[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

function converse(faults: unknown[]): readonly [Conversation, Conversation] {
  const [front, back] = createEnds(LIMITS.ringBytes);
  const failed = (error: unknown) => faults.push(error);
  const both = [
    new Conversation({ ...front, soon: setImmediate, failed }),
    new Conversation({ ...back, soon: queueMicrotask, failed }),
  ] as const;
  open.push(...both);
  return both;
}

function host(shard: ProbedShard): Hosted {
  const faults: unknown[] = [];
  const [front, back] = converse(faults);
  serveShard(shard, back);
  return { remote: new RemoteShard(front, { nowMs: () => instant(NOW) }), faults };
}

/** A shard of which a test gives only what it needs. */
function shardWith(parts: Partial<ProbedShard>): ProbedShard {
  return { onChanged: () => () => {}, ...parts } as ProbedShard;
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
  { kind: 'setFavourite', hpan: hpan(1) },
  { kind: 'enableCashback', hpan: hpan(1) },
  { kind: 'enableCashback', hpan: hpan(1), tokens: [hpan(2), hpan(3)] },
  { kind: 'enableCashback', hpan: hpan(1), tokens: [hpan(2)], onlyTokens: true },
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
      shardWith({
        execute: (one, done) => {
          heard.push(one);
          done(REPLIES[0]!);
        },
      }),
    );
    for (const origin of ORIGINS) await new Promise((resolve) => remote.execute(command(body, origin), resolve));
    expect(heard).toStrictEqual(ORIGINS.map((origin) => command(body, origin)));
  });

  test('rows that name a PAR, whose they are, and what is told of a card', async () => {
    const cover = { master: hpan(1), citizen: 'ab'.repeat(16), enrolment: 2 };
    const heard: unknown[] = [];
    const { remote } = host(
      shardWith({
        record: (command, done) => {
          heard.push(command);
          done({ status: 'pending' });
        },
        parCovers: async (asked) => {
          heard.push(asked);
          return { ok: true, value: [cover] };
        },
        setPar: async (...told) => {
          heard.push(told);
          return { ok: true, value: true };
        },
      }),
    );
    const asked = { par: 'Q1', dayNumber: 18_600 };
    const command = { ...RECORD, par: 'Q1', cover };
    await new Promise((resolve) => remote.record(command, resolve));
    expect(await remote.parCovers(asked)).toStrictEqual({ ok: true, value: [cover] });
    expect(await remote.setPar(cover.citizen, cover.master, 'Q1')).toStrictEqual({ ok: true, value: true });
    expect(heard).toStrictEqual([command, asked, [cover.citizen, cover.master, 'Q1']]);
  });

  test('accounts that are due, and what the bank says of them', async () => {
    const account = { citizen: 'ab'.repeat(16), dueMs: 1_610_323_200_000, attempts: 3 };
    const heard: unknown[] = [];
    const { remote } = host(
      shardWith({
        unverifiedAccounts: async (part) => {
          heard.push(part);
          return { ok: true, value: [account] };
        },
        recheckAccounts: async (...asked) => heard.push(asked),
      }),
    );
    const part = { partition: 42, untilMs: 1_610_323_200_001, countMax: 64 };
    expect(await remote.unverifiedAccounts(part)).toStrictEqual({ ok: true, value: [account] });
    const { citizen, dueMs } = account;
    const rechecks = (['OK', 'KO', 'INVALID', 'UNKNOWN_PSP'] as const).map((verdict) => ({ citizen, dueMs, verdict }));
    expect(await remote.recheckAccounts(42, rechecks)).toBe(2);
    expect(heard).toStrictEqual([part, [42, rechecks]]);
  });

  test('every kind of reply and of outcome', async () => {
    const [replies, outcomes] = [[...REPLIES], [...OUTCOMES]];
    const heard: RecordCommand[] = [];
    const { remote } = host(
      shardWith({
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
    const clock = { nowMs: instant('2020-12-07T10:00:00+01:00') };
    const parts = await openParts({
      stores: (await openMemoryPersistence()).stores,
      programme: italy2020(),
      clock: { nowMs: () => clock.nowMs },
      schedule: setImmediate,
      failed: (error) => expect(error).toBeUndefined(),
    });
    const engine = await DividedEngine.open(parts);
    const moved = (nowMs: number) => {
      clock.nowMs = nowMs;
    };
    const world = World.over(engine, clock.nowMs, moved, []);
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
    const reversed = { hpan: hpan(1), at: '2020-12-19T12:00:00+01:00', cents: 100, correlation: 'c' };
    await world.pay({ ...reversed, id: 'REVERSED' });
    for (const id of ['BACK', 'AGAIN']) await world.pay({ ...reversed, id, reversal: true });
    const [front, back] = converse([]);
    serveShard(parts.shards[0] as ProbedShard, back);
    serveCoordinator(parts.coordinator, back);
    const remote = await DividedEngine.open({
      ...parts,
      shards: [new RemoteShard(front, parts.clock)],
      coordinator: remoteCoordinator(front, parts.clock),
    });

    const reads: readonly ((asked: Engine) => Promise<unknown>)[] = [
      (asked) => asked.wallet(anna.key),
      (asked) => asked.wallet(bruno.key),
      (asked) => asked.wallet(citizen),
      (asked) => asked.instrument(anna.key, hpan(1)),
      (asked) => asked.instrument(bruno.key, hpan(1)),
      (asked) => asked.instruments(anna.key),
      (asked) => asked.instruments(citizen),
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
      (asked) => asked.recordFate(hpan(1), { ...NAMED, idTrxAcquirer: 'REVERSED' }),
      (asked) => asked.recordFate(hpan(1), { ...NAMED, idTrxAcquirer: 'NEVER' }),
      (asked) => asked.recordFate(hpan(2), { ...NAMED, trxMs: 0 }),
      (asked) => asked.resolveReversal(PARKED),
      (asked) => asked.resolveReversal({ ...PARKED, resolution: 'keep' }),
      (asked) => asked.recordFate(hpan(1), PARKED.reversal),
      (asked) => asked.exclude({ citizen: anna.key, payment: null, step: 'exclude', operator: 'a', reason: 'r' }),
      (asked) => asked.exclude({ citizen: bruno.key, payment: PAID, step: 'lift', operator: 'a', reason: 'r' }),
      (asked) => asked.exclusions({ state: 'proposed' }),
      (asked) => asked.exclude({ citizen: anna.key, payment: null, step: 'reject', operator: 'a', reason: 'r' }),
      (asked) => asked.stats(),
    ];
    for (const read of reads) expect(await read(remote), read.toString()).toStrictEqual(await read(engine));
  });

  test('who changed, and a tick', async () => {
    const told: string[] = [];
    let change: (citizens: readonly string[]) => void = () => {};
    const { remote } = host(
      shardWith({
        onChanged: (listener) => {
          change = listener;
          return () => {};
        },
        tick: (nowMs) => told.push(`tick ${nowMs}`),
        execute: (_, done) => done(REPLIES[0]!),
      }),
    );
    const changed: (readonly string[])[] = [];
    const stop = remote.onChanged((citizens) => changed.push(citizens));
    remote.tick(instant(NOW));
    const replied = new Promise((resolve) => remote.execute(command({ kind: 'leave' }), resolve));
    change([citizen, 'b1'.repeat(16)]);
    await replied;
    expect(told).toEqual([`tick ${instant(NOW)}`]);
    expect(changed).toEqual([[citizen, 'b1'.repeat(16)]]);
    stop();
    change([citizen]);
    await new Promise((resolve) => remote.execute(command({ kind: 'leave' }), resolve));
    expect(changed).toHaveLength(1);
  });

  test('what shards and the coordinator tell each other', async () => {
    const heard: unknown[] = [];
    const hear = (...what: unknown[]) => void heard.push(what);
    const [shard, coordinator] = converse([]);
    const taken = hpan(1);
    hostNeighbour({ deliver: hear, acknowledge: hear, hasEnabled: async (key) => key === citizen }, coordinator);
    hostShardCoordinator(
      { isBehind: false, published: hear, ranks: async () => [ANSWER], ranked: async () => RANKED },
      coordinator,
    );
    hostCoordinatedShard(
      {
        closePeriod: hear,
        freezeRanking: hear,
        recoveredMoves: async () => [{ ...MOVE, partition: 63, sequence: 2 ** 40 }],
        participants: async () => [{ awardPeriodId: 2, citizen, standing: STANDING }],
        payoutsDue: async () => ({ ok: true, value: 7 }),
        payoutProgress: async (orderNumber) => (orderNumber === 1 ? PROGRESS : NO_PROGRESS),
        lastPayoutOrder: async (awardPeriodId) => ({ order: awardPeriodId === 2 ? ORDER : null, orderCount: 3 }),
        orderPayouts: async (order) => ({ ...order, atMs: 5 }),
        runNotices: async ({ run, lastWinner }) => ({
          ok: true,
          value: run === 'final' && lastWinner !== null ? 9 : 0,
        }),
        endExclusions: async (awardPeriodId) => awardPeriodId === 2,
        holdBack: async () => '{"name":"però"}',
        judgePeriod: async (order, isFinal) =>
          isFinal ? { ok: true, value: { decision: DECISION, programme: order.programme } } : REFUSED_PERIOD,
        settlePeriod: async ({ decision, programme }) => (decision === null ? 0 : programme.length),
        runPayouts: async ({ lastWinner }) => ({ ok: true, value: lastWinner === null ? NO_PROGRESS : PROGRESS }),
      },
      shard,
    );
    const neighbour = remoteNeighbour(shard);
    const message = { from: 1, to: 2, sequence: 3, body: { kind: 'claimConfirmed', citizen, hpan: taken } } as const;
    neighbour.deliver(message);
    neighbour.acknowledge({ ...message, body: { kind: 'periodClosed', awardPeriodId: 0 } });
    expect([await neighbour.hasEnabled(citizen, taken), await neighbour.hasEnabled(taken, taken)]).toEqual([
      true,
      false,
    ]);

    const far = remoteShardCoordinator(shard);
    const published: Published = {
      shard: 1,
      sequence: 9,
      sequences: [[5, 6]],
      moves: [MOVE],
      finalPeriods: [[5, 2]],
      frozenRankings: [1],
    };
    far.published(published);
    expect(await far.ranks([{ awardPeriodId: 2, citizen, standing: null }])).toStrictEqual([ANSWER]);
    expect(await far.ranked(1)).toStrictEqual(RANKED);

    const near = remoteCoordinatedShard(coordinator);
    const frozen = { kind: 'rankingFrozen', awardPeriodId: 2, vector: [1, 2], participants: 3, digest: 'd' } as const;
    near.closePeriod(2);
    near.freezeRanking(frozen);
    expect(await near.recoveredMoves()).toStrictEqual([{ ...MOVE, partition: 63, sequence: 2 ** 40 }]);
    expect(await near.payoutsDue(2)).toStrictEqual({ ok: true, value: 7 });
    expect(await near.payoutProgress(1)).toStrictEqual(PROGRESS);
    for (const [period, order] of [[1, null] as const, [2, ORDER] as const]) {
      expect(await near.lastPayoutOrder(period)).toStrictEqual({ order, orderCount: 3 });
    }
    expect(await near.orderPayouts(ORDER)).toStrictEqual({ ...ORDER, atMs: 5 });
    for (const lastWinner of [null, STANDING]) {
      const value = lastWinner === null ? NO_PROGRESS : PROGRESS;
      expect(await near.runPayouts({ order: ORDER, lastWinner })).toStrictEqual({ ok: true, value });
    }
    const run = { run: 'final', awardPeriodId: 2, lastWinner: STANDING } as const;
    expect(await near.runNotices(run)).toStrictEqual({ ok: true, value: 9 });
    expect([await near.endExclusions(1), await near.endExclusions(2)]).toEqual([false, true]);
    expect(await near.holdBack()).toBe('{"name":"però"}');
    const settled = { decision: DECISION, programme: '{}' };
    expect(await near.judgePeriod(PERIOD_ORDER, true)).toStrictEqual({ ok: true, value: settled });
    expect(await near.judgePeriod(PERIOD_ORDER, false)).toStrictEqual(REFUSED_PERIOD);
    expect(await near.settlePeriod(settled)).toBe(2);
    expect(await near.settlePeriod({ decision: null, programme: '' })).toBe(0);
    expect(await near.participants([2])).toStrictEqual([{ awardPeriodId: 2, citizen, standing: STANDING }]);
    expect(heard).toStrictEqual([
      [message],
      [{ ...message, body: { kind: 'periodClosed', awardPeriodId: 0 } }],
      [published],
      [2],
      [frozen],
    ]);
  });
});

const STANDING: Standing = { count: 7, lastTrxMs: instant(NOW), termsMs: 1 };
const MOVE: RankMove = { awardPeriodId: 2, citizen, before: null, after: STANDING };
const ANSWER: RankAnswer = { rank: 1, participants: 2, firstCount: 3, lastWinnerCount: 4 };
const NO_PROGRESS: PayoutProgress = { isDone: false, recordCount: 0, totalCents: 0 };
const PROGRESS: PayoutProgress = { isDone: true, recordCount: 5, totalCents: 6 };
const ORDER: PayoutOrder = { orderNumber: 1, awardPeriodId: 2, cut: { fundsCents: 1, totalCents: 2 }, atMs: 3 };
const PERIOD_ORDER: PeriodOrder = {
  ...{ kind: 'reopen', awardPeriodId: 1, files: ['a.csv', 'b.csv'], untilMs: 2 ** 40, programme: '{}' },
  ...{ operator: 'ada', reason: 'perché' },
};
const { programme: _, ...ASKED } = PERIOD_ORDER;
const DECISION: PeriodDecision = { ...ASKED, number: 3, atMs: 4, replaced: '{"name":"prima"}' };
const REFUSED_PERIOD: Refused = { ok: false, code: 'PROGRAMME_REFUSED', detail: 'period 2' };
const RANKED: RankedMark = { sequence: 8, copies: [{ awardPeriodId: 2, vector: [1, 2, 3] }] };

describe('what may be in flight is limited', () => {
  test('changes are refused at once past the limit, and taken again when some are answered', async () => {
    const waiting: (() => void)[] = [];
    const { remote } = host(shardWith({ execute: (_, done) => waiting.push(() => done(REPLIES[0]!)) }));
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
    const { remote } = host(shardWith({ wallet: () => new Promise(() => {}) }));
    for (let count = 0; count < LIMITS.readsInFlightMax; count += 1) void remote.wallet(citizen);
    expect(await remote.wallet(citizen)).toMatchObject({ ok: false, code: 'OVERLOADED' });
  });
});

describe('how it ends', () => {
  test('what was asked before the drain is answered before it, what comes after is refused', async () => {
    const answers: (() => void)[] = [];
    const { remote } = host(
      shardWith({
        execute: (_, done) => answers.push(() => done(REPLIES[0]!)),
        drain: async () => {
          for (const answer of answers) answer();
        },
      }),
    );
    const order: string[] = [];
    const send = () =>
      remote.execute(command({ kind: 'enrol' }), (reply) => order.push(reply.ok ? 'done' : reply.code));
    send();
    const drained = remote.drain(false).then(() => order.push('drained'));
    send();
    await drained;
    expect(order).toEqual(['DRAINING', 'done', 'drained']);
  });

  test('a read that finds damage fails for who asked; our own mistakes stop the process', async () => {
    const damage = new StorageFault('SEAL_BROKEN', 'personal data under key 7 cannot be read');
    const mistakes = [damage, new BrokenInvariant('ours')];
    const { remote, faults } = host(shardWith({ wallet: () => Promise.reject(mistakes.shift()) }));
    await expect(remote.wallet(citizen)).rejects.toMatchObject({ code: damage.code, message: damage.message });
    void remote.wallet(citizen);
    while (faults.length === 0) await new Promise(setImmediate);
    expect(faults).toMatchObject([{ code: 'BROKEN_INVARIANT' }]);
  });

  test('an answer that nobody waits for is a broken invariant', async () => {
    const { remote } = host(
      shardWith({
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
