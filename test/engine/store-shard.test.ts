// Method: one shard alone, before a coordinator that only notes what it hears, and that keeps up or not as the test says.
import { describe, expect, test } from 'vitest';
import type { Message, MessageBody } from '../../engine/facts.ts';
import {
  APP_CHANNEL,
  type CommandReply,
  italy2020,
  LIMITS,
  makeTaxCode,
  type NeighbourShard,
  type Published,
  partitionOf,
  RecoveredStore,
  StoreShard,
  type TransactionRecord,
  type WalletCommandBody,
} from '../../engine/index.ts';
import type { Quarantine } from '../../engine/ports.ts';
import { recordKeyText } from '../../engine/programme/index.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { hpanElsewhere, turnsTaken } from '../support/shards.ts';
import { hpan, instant } from '../support/world.ts';

const CITIZEN = 'a0'.repeat(16);
const ORIGIN = { role: 'citizen', subject: CITIZEN, channel: APP_CHANNEL } as const;

interface OpenOptions {
  readonly disk?: MemoryDisk;
  /** Of two shards the first: what it tells the other one ends here. */
  readonly sent?: Message[];
  readonly quarantine?: Quarantine;
}

async function openShard({ disk, sent, quarantine }: OpenOptions = {}) {
  const place = { index: 0, shardCount: sent === undefined ? 1 : 2 };
  const persistence = await openMemoryPersistence(disk === undefined ? { shardCount: place.shardCount } : { disk });
  const [store] = persistence.stores;
  const other: NeighbourShard = {
    deliver: (message) => void sent?.push(message),
    acknowledge: () => {},
    hasEnabled: async () => false,
  };
  const coordinator = {
    isBehind: false,
    heard: [] as Published[],
    published: (published: Published) => void coordinator.heard.push(published),
    ranks: async () => [],
    ranked: async () => ({ sequence: 0, copies: [] }),
  };
  const clock = { now: instant('2020-12-07T10:00:00+01:00'), nowMs: () => clock.now };
  const shard = new StoreShard({
    ...place,
    recovered: new RecoveredStore({ ...store!, quarantine }, place, () => {}),
    programme: italy2020(),
    neighbour: (index) => (index === 0 ? shard : other),
    coordinator,
    clock,
    schedule: setImmediate,
    failed: (error) => expect(error).toBeUndefined(),
    onPoint: () => {},
  });
  let ids = 0;
  const execute = (body: WalletCommandBody, done: (reply: CommandReply) => void) => {
    ids += 1;
    const id = ids.toString(16).padStart(32, '0');
    shard.execute({ citizen: CITIZEN, taxCode: makeTaxCode(1), origin: ORIGIN, id, body }, done);
  };
  return { shard, coordinator, clock, execute, disk: persistence.disk, vault: store!.vault };
}

function recordOf(fields: Pick<TransactionRecord, 'hpan' | 'trxMs'> & Partial<TransactionRecord>): TransactionRecord {
  return {
    ...{ acquirerCode: '36081', operationType: '00', circuitType: '01' },
    ...{ idTrxAcquirer: 'ARN1', idTrxIssuer: '', correlationId: '', amountCents: 1_000 },
    ...{ acquirerId: '09509', merchantId: 'M1', terminalId: 'T1' },
    ...fields,
  };
}

test('while the coordinator does not keep up commands wait, and then they are done', async () => {
  const { shard, coordinator, execute } = await openShard();
  coordinator.isBehind = true;
  const replies: CommandReply[] = [];
  execute({ kind: 'enrol' }, (reply) => replies.push(reply));
  await turnsTaken();
  expect([replies.length, coordinator.heard.length]).toEqual([0, 0]);
  coordinator.isBehind = false;
  shard.wake();
  await shard.idle();
  expect(replies).toMatchObject([{ ok: true }]);
  expect(coordinator.heard).toHaveLength(1);
});

test('a turn that moves many ranks is told in pieces, and where it stands with the last of them', async () => {
  const { shard, coordinator, clock, execute } = await openShard();
  for (const body of [{ kind: 'enrol' }, { kind: 'enableCashback', hpan: hpan(1) }] as const) {
    expect(await new Promise((resolve) => execute(body, resolve))).toMatchObject({ ok: true });
  }
  clock.now = instant('2021-02-11T12:00:00+01:00');
  const before = coordinator.heard.at(-1)!.sequence;
  coordinator.heard.length = 0;
  const count = 2 * LIMITS.pieceCount + 1;
  for (let payment = 0; payment < count; payment += 1) {
    const record = recordOf({ hpan: hpan(1), trxMs: clock.now - 86_400_000, idTrxAcquirer: `ARN${payment}` });
    shard.record({ record, receivedMs: clock.now }, (outcome) => expect(outcome).toMatchObject({ status: 'counted' }));
  }
  await shard.idle();
  const heard = coordinator.heard.map(({ sequence, sequences, moves }) => [
    sequence,
    sequences.length > 0,
    moves.length,
  ]);
  expect(heard).toEqual([
    [before, false, LIMITS.pieceCount],
    [before, false, LIMITS.pieceCount],
    [before + 1, true, 1],
  ]);
  const counts = coordinator.heard.flatMap(({ moves }) => moves.map(({ after }) => after?.count));
  expect(counts).toEqual(Array.from({ length: count }, (_, at) => at + 1));
});

test('what a neighbour tells a start too early waits until all that was under way before has been sent again', async () => {
  const card = hpanElsewhere(CITIZEN, 2);
  const before: Message[] = [];
  const { shard, execute, disk } = await openShard({ sent: before });
  await shard.resume();
  expect(await new Promise((resolve) => execute({ kind: 'enrol' }, resolve))).toMatchObject({ ok: true });
  execute({ kind: 'enableCashback', hpan: card }, () => {});
  await turnsTaken();
  expect(before).toMatchObject([{ sequence: 1, body: { kind: 'claim' } }]);
  disk.crash();

  const sent: Message[] = [];
  const again = await openShard({ disk, sent });
  const trxMs = again.clock.now;
  again.shard.deliver({
    ...{ from: partitionOf(card), to: partitionOf(CITIZEN), sequence: 1 },
    body: { kind: 'count', citizen: CITIZEN, place: 0, record: recordOf({ hpan: card, trxMs }), receivedMs: trxMs },
  });
  await turnsTaken();
  await again.shard.resume();
  await turnsTaken();
  expect(sent).toMatchObject([
    { sequence: 1, body: { kind: 'claim' } },
    { sequence: 2, body: { kind: 'countJudged' } },
  ]);
});

/** Messages of another partition, in order. */
function correspondent(shard: StoreShard, from: number, to: number) {
  let sequence = 0;
  return async (body: MessageBody) => {
    sequence += 1;
    shard.deliver({ from, to, sequence, body });
    await turnsTaken();
  };
}

test('a period waits for what was approved until its card has it on disk, and nothing more is approved', async () => {
  const card = hpanElsewhere(CITIZEN, 2);
  const sent: Message[] = [];
  const { shard, execute, clock } = await openShard({ sent });
  await shard.resume();
  await new Promise((resolve) => execute({ kind: 'enrol' }, resolve));
  clock.now = instant('2020-12-20T10:00:00+01:00');
  const tell = correspondent(shard, partitionOf(card), partitionOf(CITIZEN));
  const records = ['A', 'B'].map((idTrxAcquirer) => recordOf({ hpan: card, trxMs: clock.now - 1, idTrxAcquirer }));
  for (const [place, record] of records.entries()) {
    await tell({ kind: 'count', citizen: CITIZEN, place, record, receivedMs: clock.now });
  }
  const ask = (record: TransactionRecord, step: 'exclude' | 'approve', operator: string) =>
    shard.exclude({ citizen: CITIZEN, payment: { hpan: card, record }, step, operator, reason: 'seen' });
  for (const record of records) expect(await ask(record, 'exclude', 'anna')).toMatchObject({ ok: true });
  expect(await ask(records[0]!, 'approve', 'bruno')).toMatchObject({ ok: true });
  const message = sent.at(-1)!;
  expect(message.body.kind).toBe('exclude');
  // Of the other period nothing is under way.
  expect([await shard.endExclusions(1), await shard.endExclusions(2)]).toEqual([false, true]);
  shard.acknowledge(message);
  expect(await shard.endExclusions(1)).toBe(true);
  expect(await ask(records[1]!, 'approve', 'bruno')).toEqual({ ok: false, code: 'PERIOD_CLOSED' });
});

test('a period waits for its cards until they are done with what they were told to take out', async () => {
  const [citizen, card] = ['a4'.repeat(16), 'a0'.repeat(32)];
  const sent: Message[] = [];
  const { shard, clock, vault } = await openShard({ sent });
  await shard.resume();
  const tell = correspondent(shard, partitionOf(citizen), partitionOf(card));
  const claimed = { citizen, hpan: card, enrolment: 1, channel: APP_CHANNEL, master: card };
  await tell({ kind: 'claim', ...claimed, isProvisional: false });
  clock.now = instant('2020-12-20T10:00:00+01:00');
  const record = recordOf({ hpan: card, trxMs: clock.now - 1 });
  shard.record({ record, receivedMs: clock.now }, (outcome) => expect(outcome).toMatchObject({ status: 'counted' }));
  await turnsTaken();
  const asked = () => (sent.at(-1)!.body as Extract<MessageBody, { kind: 'count' | 'reverse' }>).place;
  const counted = { code: null, enrolment: 1, awardPeriodId: 1, scoreCents: 100 };
  await tell({ kind: 'countJudged', hpan: card, place: asked(), ...counted });
  const key = vault.digest(recordKeyText(record));
  await tell({ kind: 'exclude', hpan: card, key, trxMs: record.trxMs, isExcluded: true });
  expect([await shard.endExclusions(1), await shard.endExclusions(2)]).toEqual([false, true]);
  await tell({ kind: 'reverseJudged', hpan: card, place: asked(), applied: true });
  expect(await shard.endExclusions(1)).toBe(true);
});

test('a probe waits as long as a command, and not for the disk that the command then waits for', async () => {
  const { shard, coordinator, execute } = await openShard();
  coordinator.isBehind = true;
  const order: string[] = [];
  execute({ kind: 'enrol' }, () => order.push('enrolled'));
  void shard.probe().then(() => order.push('probed'));
  await turnsTaken();
  expect(order).toEqual([]);
  expect((await shard.stats()).mailboxCount, 'a probe is no work').toBe(1);
  coordinator.isBehind = false;
  shard.wake();
  await shard.idle();
  expect(order).toEqual(['probed', 'enrolled']);
  expect((await shard.stats()).mailboxCount).toBe(0);
  await shard.drain(false);
  await shard.probe();
});

test('fault 14: a probe does not wait for a flush, but for what more than a turn must do before it', async () => {
  const { shard, execute, disk } = await openShard();
  disk!.hold();
  let answered = 0;
  const send = (count: number) => {
    for (let left = count; left > 0; left -= 1) {
      execute({ kind: 'enrol' }, () => {
        answered += 1;
      });
    }
  };
  for (let turn = 0; turn < LIMITS.turnsInFlightMax; turn += 1) {
    send(1);
    await turnsTaken();
  }
  send(LIMITS.batchCountMax - 1);
  await shard.probe();
  expect((await shard.stats()).mailboxCount).toBe(LIMITS.batchCountMax - 1);
  send(1);
  let isTaken = false;
  void shard.probe().then(() => {
    isTaken = true;
  });
  await turnsTaken();
  expect(isTaken).toBe(false);
  // Keys are flushed before records.
  while (answered === 0) {
    expect(isTaken).toBe(false);
    disk!.release(1);
    await turnsTaken();
  }
  expect([isTaken, answered]).toEqual([true, 1]);
  disk!.release();
  await shard.idle();
  expect(answered).toBe(LIMITS.turnsInFlightMax + LIMITS.batchCountMax);
});

describe('commands that ended a process', () => {
  const [FIRST, SECOND, THIRD] = [1, 2, 3].map((id) => `command ${CITIZEN} ${id.toString(16).padStart(32, '0')}`) as [
    string,
    string,
    string,
  ];

  /** Notes who is named, and is told who is suspected and who is set aside. */
  function noting({ suspects = [], aside = [] }: { suspects?: readonly string[]; aside?: readonly string[] } = {}) {
    const log: string[] = [];
    const quarantine: Quarantine = {
      name: (tasks) => log.push(`name ${tasks.map(short).join(' ')}`),
      nameToo: (task) => log.push(`too ${short(task)}`),
      clear: () => log.push('clear'),
      hasSuspects: suspects.length > 0,
      isSuspect: (task) => suspects.includes(task),
      acquit: (task) => log.push(`acquit ${short(task)}`),
      isSetAside: (task) => aside.includes(task),
    };
    return { log, quarantine };
  }
  const short = (name: string) => `${name.split(' ')[0]} ${name.slice(-1)}`;

  test('all of a turn are named before it, and nobody after it; without a suspect nobody is acquitted', async () => {
    const { log, quarantine } = noting();
    const { shard, execute } = await openShard({ quarantine });
    const done = [{ kind: 'enrol' } as const, { kind: 'leave' } as const].map(
      (body) => new Promise((resolve) => execute(body, resolve)),
    );
    await Promise.all(done);
    expect(log).toEqual(['name command 1 command 2', 'clear']);
    await shard.drain(false);
  });

  test('a suspect is decided alone, and acquitted once what it did is on disk', async () => {
    const { log, quarantine } = noting({ suspects: [SECOND] });
    const { shard, execute, disk } = await openShard({ quarantine });
    disk.hold();
    const replies: CommandReply[] = [];
    for (const kind of ['enrol', 'leave', 'enrol'] as const) execute({ kind }, (reply) => replies.push(reply));
    await turnsTaken();
    expect(log).toEqual(['name command 1', 'clear', 'name command 2', 'clear']);
    disk.release();
    await shard.idle();
    expect(replies).toMatchObject([{ ok: true }, { ok: true }, { ok: true }]);
    expect(log.filter((line) => line.startsWith('acquit'))).toEqual([
      'acquit command 1',
      'acquit command 2',
      'acquit command 3',
    ]);
    expect(log.indexOf('name command 3')).toBeGreaterThan(log.indexOf('acquit command 1'));
    await shard.drain(false);
  });

  test('who waited for another is named when it is decided; a suspect then alone', async () => {
    for (const [suspects, named] of [
      [[], ['name message 1', 'too command 3']],
      [[THIRD], ['name message 1', 'name command 3', 'name message 1']],
    ] as const) {
      const { log, quarantine } = noting({ suspects });
      const sent: Message[] = [];
      const { shard, execute } = await openShard({ sent, quarantine });
      const card = hpanElsewhere(CITIZEN, 2);
      const replies: Promise<CommandReply>[] = [];
      const ask = (body: WalletCommandBody) => replies.push(new Promise((resolve) => execute(body, resolve)));
      await shard.resume();
      ask({ kind: 'enrol' });
      await shard.idle();
      ask({ kind: 'enableCashback', hpan: card });
      await turnsTaken();
      ask({ kind: 'leave' });
      await turnsTaken();
      log.length = 0;
      const [{ from, to, body }] = sent as [Message];
      expect(body).toMatchObject({ kind: 'claim', hpan: card });
      const judged = { kind: 'claimJudged', citizen: CITIZEN, hpan: card, activationMs: null } as const;
      shard.deliver({ from: to, to: from, sequence: 1, body: judged });
      expect(await replies[1]).toMatchObject({ ok: false });
      expect(await replies[2]).toMatchObject({ ok: true });
      expect(log.filter((line) => line.startsWith('name') || line.startsWith('too'))).toEqual(named);
      await shard.drain(false);
    }
  });

  test('what is set aside is refused, a row as a row', async () => {
    const record = recordOf({ hpan: hpan(1), trxMs: 0 });
    const aside: string[] = [FIRST];
    const { shard, clock, execute, vault } = await openShard(noting({ aside }));
    expect(await new Promise((resolve) => execute({ kind: 'enrol' }, resolve))).toEqual(SET_ASIDE);
    expect(await new Promise((resolve) => execute({ kind: 'enrol' }, resolve))).toMatchObject({ ok: true });
    const key = vault.digest(recordKeyText(record));
    aside.push(`record ${record.hpan} ${key}`, `resolution ${record.hpan} ${key}`);
    const outcome = await new Promise((resolve) => shard.record({ record, receivedMs: clock.now }, resolve));
    expect(outcome).toEqual({ status: 'rejected', code: 'COMMAND_SET_ASIDE' });
    const decision = {
      hpan: record.hpan,
      reversal: record,
      payment: null,
      resolution: 'discard',
      operator: 'o',
      reason: 'r',
    };
    expect(await shard.resolveReversal(decision as Parameters<typeof shard.resolveReversal>[0])).toEqual(SET_ASIDE);
    await shard.drain(false);
  });
});

const SET_ASIDE = { ok: false, code: 'COMMAND_SET_ASIDE' };
