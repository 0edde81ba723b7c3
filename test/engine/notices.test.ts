// Method: the short period of the payout tests, lived by a few citizens, over the engine's door on one and on three
// shards. What is queued is held against the table of domain 2.9; at the end of each story the engine is stopped and
// started again from its disk, and the inspector, which shares none of its fold, judges every notice and every row.
import { beforeAll, describe, expect, test } from 'vitest';
import type { ListedNoticeState, Notice, NoticeResult, NoticeRunKind } from '../../engine/contract.ts';
import type { Fact } from '../../engine/facts.ts';
import { makeTaxCode, type PayoutOutcome } from '../../engine/index.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { differencesIn } from '../support/doctored.ts';
import {
  closePeriod,
  livePeriod,
  PAID_PERIOD,
  PERIOD_BEGINS,
  PERIOD_CLOSES,
  setIban,
  shortProgramme,
} from '../support/payouts.ts';
import { Random, seed } from '../support/random.ts';
import { openOnDisk } from '../support/shards.ts';
import { type Citizen, hpan, value, World } from '../support/world.ts';

const PERIOD = PAID_PERIOD;
const IN_GRACE = '2021-01-03T10:00:00+01:00';
const MINUTE_MS = 60_000;
const DONE: PayoutOutcome = { result: 'ORDINE ESEGUITO', reason: '', cro: '123', executionDay: '2021-02-01' };
const FAILED: PayoutOutcome = { result: 'KO', reason: 'conto estinto', cro: '', executionDay: '' };
const REJECTED: PayoutOutcome = { ...FAILED, result: 'PRESA IN CARICO RIGETTATO' };

interface Story {
  readonly world: World;
  readonly disk: MemoryDisk;
  readonly citizens: readonly Citizen[];
}

async function open(shardCount: number, counts: readonly number[], hasIban = true): Promise<Story> {
  const { world, disk } = await openOnDisk({ shardCount, now: PERIOD_BEGINS, programme: shortProgramme() });
  return { world, disk, citizens: await livePeriod(world, counts, hasIban) };
}

async function listed(
  { world }: Story,
  state: ListedNoticeState = 'due',
  untilMs?: number,
): Promise<readonly Notice[]> {
  const found: Notice[] = [];
  for (let cursor: string | undefined; ; ) {
    const asked = { state, limit: 2, ...(untilMs === undefined ? {} : { untilMs }) };
    const page = value(await world.engine.notices({ ...asked, ...(cursor === undefined ? {} : { cursor }) }));
    found.push(...page.notices);
    if (page.nextCursor === null) return found;
    cursor = page.nextCursor;
  }
}

async function noticeOf(story: Story, citizen: Citizen, state: ListedNoticeState = 'due'): Promise<Notice | undefined> {
  return (await listed(story, state)).find((one) => one.citizen === citizen.key);
}

async function change({ world }: Story, { id, citizen, dueMs }: Notice, result: NoticeResult): Promise<number> {
  return value(await world.engine.changeNotices([{ id, citizen, dueMs, ...result }]));
}

async function queue({ world }: Story, ...runs: readonly NoticeRunKind[]) {
  return value(await world.engine.queueNotices(runs));
}

/** Paid, and the bank has said so. */
async function settle({ world }: Story, citizen: Citizen, outcome: PayoutOutcome): Promise<number> {
  const { id, updateMs } = value(await world.engine.payoutsOf(citizen.key)).at(-1)!;
  await world.engine.changePayouts([
    { kind: 'export', id, fileNumber: 1, updateMs },
    { kind: 'deliver', id, fileNumber: 1 },
    { kind: 'outcome', id, outcome },
    { kind: 'outcome', id, outcome },
  ]);
  return id;
}

async function paidStory(shardCount: number, counts: readonly number[]): Promise<Story> {
  const story = await open(shardCount, counts);
  await closePeriod(story.world);
  value(await story.world.engine.makePayouts(PERIOD, null));
  return story;
}

/** Stopped and started, everything is as it was; and the inspector finds nothing to say. */
async function expectSound(story: Story): Promise<void> {
  const before = [await listed(story), await listed(story, 'failed')];
  await story.world.engine.close();
  await story.world.persistence.close();
  expect(story.world.faults).toEqual([]);
  const persistence = await openMemoryPersistence({ disk: story.disk });
  const again = await World.open({ persistence, now: new Date(story.world.nowMs).toISOString() });
  const after = { ...story, world: again };
  expect([await listed(after), await listed(after, 'failed')]).toEqual(before);
  await again.engine.close();
  await again.persistence.close();
  const inspection = await verifyPersistence(await openMemoryPersistence({ disk: story.disk }));
  expect(inspection.differences).toEqual([]);
}

describe.each([1, 3])('on %i shards', (shardCount) => {
  test('what the bank says of a transfer is told once, with the amounts, whatever it says', async () => {
    const story = await paidStory(shardCount, [2, 3, 4]);
    const [anna, bruno, carla] = story.citizens as [Citizen, Citizen, Citizen];
    const ids = [
      await settle(story, anna, DONE),
      await settle(story, bruno, FAILED),
      await settle(story, carla, REJECTED),
    ];
    const told = await listed(story);
    expect(told).toHaveLength(3);
    for (const [at, citizen, kind, cashbackCents] of [
      [0, anna, 'transferExecuted', 20_00],
      [1, bruno, 'transferFailed', 30_00],
      [2, carla, 'transferFailed', 40_00],
    ] as const) {
      expect(told.find((one) => one.citizen === citizen.key)).toEqual({
        ...{ id: `payout-${ids[at]}`, citizen: citizen.key, kind, awardPeriodId: PERIOD, payoutId: ids[at] },
        ...{ cashbackCents, jackpotCents: 1_500_00, state: 'due', attempts: 0 },
        ...{ dueMs: story.world.nowMs, atMs: story.world.nowMs },
      });
    }
    await expectSound(story);
  });

  test('who has left, and who was sent nothing, is not told', async () => {
    const story = await paidStory(shardCount, [2, 3]);
    const [anna, bruno] = story.citizens as [Citizen, Citizen];
    const { id, updateMs } = value(await story.world.engine.payoutsOf(anna.key))[0]!;
    await story.world.engine.changePayouts([
      { kind: 'export', id, fileNumber: 1, updateMs },
      { kind: 'deliver', id, fileNumber: 1 },
    ]);
    await anna.leave();
    await settle(story, anna, DONE);
    const paid = { consapId: 'C1', ticketId: 'T1', cashbackCents: 5_00, jackpotCents: 0, outcome: DONE };
    const holder = { accountHolderCF: bruno.taxCode, accountHolderName: 'B', accountHolderSurname: 'B' };
    const account = { iban: 'IT60X0542811101000000123456', ...holder };
    value(
      await story.world.engine
        .integratePayout({ ...paid, citizen: bruno.key, awardPeriodId: PERIOD, relatedId: null, account })
        .then((reply) => (reply.ok ? { ok: true as const, value: reply } : reply)),
    );
    expect(await listed(story)).toEqual([]);
    await expectSound(story);
  });

  test('delivered, a notice is gone for good; dealt with, it is not dealt with again', async () => {
    const story = await paidStory(shardCount, [2]);
    await settle(story, story.citizens[0]!, DONE);
    const notice = (await noticeOf(story, story.citizens[0]!))!;
    expect(await change(story, notice, { kind: 'delivered' })).toBe(1);
    expect(await change(story, notice, { kind: 'delivered' })).toBe(0);
    expect(await change(story, notice, { kind: 'failed' })).toBe(0);
    expect([await listed(story), await listed(story, 'failed')]).toEqual([[], []]);
    await expectSound(story);
  });

  test('a failure is tried again, later each time, and given up at the third; a busy receiver is no failure', async () => {
    const story = await paidStory(shardCount, [2]);
    const [anna] = story.citizens as [Citizen];
    await settle(story, anna, FAILED);
    const { world } = story;
    const first = (await noticeOf(story, anna))!;
    await change(story, first, { kind: 'failed' });
    const second = (await noticeOf(story, anna))!;
    expect(second).toMatchObject({ attempts: 1, dueMs: world.nowMs + MINUTE_MS });
    // Not due yet: neither listed for delivery, nor to be dealt with.
    expect(await listed(story, 'due', world.nowMs)).toEqual([]);
    expect(await change(story, second, { kind: 'delivered' })).toBe(0);

    world.at(new Date(second.dueMs).toISOString());
    await change(story, second, { kind: 'later', laterMs: 7_000 });
    const third = (await noticeOf(story, anna))!;
    expect(third).toMatchObject({ attempts: 1, dueMs: world.nowMs + 7_000 });
    world.at(new Date(third.dueMs).toISOString());
    await change(story, third, { kind: 'failed' });
    const fourth = (await noticeOf(story, anna))!;
    expect(fourth).toMatchObject({ attempts: 2, dueMs: world.nowMs + 10 * MINUTE_MS });
    world.at(new Date(fourth.dueMs).toISOString());
    await change(story, fourth, { kind: 'failed' });
    expect(await listed(story)).toEqual([]);
    expect(await listed(story, 'failed')).toMatchObject([{ id: first.id, attempts: 3, state: 'failed' }]);
    await expectSound(story);
  });

  test('a notice is kept from its citizen only where it no longer concerns them', async () => {
    const story = await paidStory(shardCount, [2, 2]);
    const [anna, bruno] = story.citizens as [Citizen, Citizen];
    await settle(story, anna, DONE);
    await settle(story, bruno, DONE);
    await anna.leave();
    expect(await change(story, (await noticeOf(story, anna))!, { kind: 'withdrawn' })).toBe(1);
    expect(await change(story, (await noticeOf(story, bruno))!, { kind: 'withdrawn' })).toBe(0);
    expect(await listed(story)).toMatchObject([{ citizen: bruno.key }]);
    await expectSound(story);
  });

  test('in grace whoever took part is told the end of the period, once, with what is shown', async () => {
    const story = await open(shardCount, [1, 2, 3, 0, 2]);
    const [anna, bruno, carla, , emma] = story.citizens as Citizen[];
    expect(await queue(story, 'endOfPeriod', 'final')).toEqual([]);
    await emma!.leave();
    story.world.at(IN_GRACE);
    const queued = [{ run: 'endOfPeriod', awardPeriodId: PERIOD, noticeCount: 3 }];
    expect(await queue(story, 'endOfPeriod', 'final')).toEqual(queued);
    expect(await queue(story, 'endOfPeriod', 'final')).toEqual(queued);
    const told = await listed(story);
    expect(told.map(({ citizen, kind, cashbackCents }) => [citizen, kind, cashbackCents]).sort()).toEqual(
      [
        [anna!.key, 'endOfPeriod', 10_00],
        [bruno!.key, 'endOfPeriod', 20_00],
        [carla!.key, 'endOfPeriod', 30_00],
      ].sort(),
    );
    await expectSound(story);
  });

  test('after it everyone is told the result: a refund, a prize besides, or that there is none', async () => {
    const story = await open(shardCount, [1, 2, 3, 4, 5]);
    await closePeriod(story.world);
    expect(await queue(story, 'endOfPeriod', 'final')).toEqual([
      { run: 'final', awardPeriodId: PERIOD, noticeCount: 5 },
    ]);
    const told = await Promise.all(story.citizens.map((citizen) => noticeOf(story, citizen)));
    expect(told.map((one) => [one?.kind, one?.cashbackCents, one?.jackpotCents])).toEqual([
      ['noRefund', 0, 0],
      ['refund', 20_00, 0],
      ['refundAndPrize', 30_00, 1_500_00],
      ['refundAndPrize', 40_00, 1_500_00],
      ['refundAndPrize', 50_00, 1_500_00],
    ]);
    await expectSound(story);
  });

  test('for ten days, and not before the ranking is frozen', async () => {
    const story = await open(shardCount, [2]);
    story.world.at(PERIOD_CLOSES);
    expect(await story.world.engine.queueNotices(['final'])).toEqual({ ok: false, code: 'PERIOD_NOT_FROZEN' });
    await closePeriod(story.world);
    story.world.at('2021-01-20T23:59:59+01:00');
    expect(await queue(story, 'final')).toMatchObject([{ noticeCount: 1 }]);
    story.world.at('2021-01-21T00:00:00+01:00');
    expect(await queue(story, 'final')).toEqual([]);
    await story.world.engine.close();
  });

  test('of those who stand exactly where the last winner does, the tax code decides who is told of a prize', async () => {
    const { world, disk } = await openOnDisk({ shardCount, now: PERIOD_BEGINS, programme: shortProgramme() });
    const citizens = [1, 2, 3, 4, 5].map((number) => world.citizen(makeTaxCode(number)));
    for (const [number, citizen] of citizens.entries()) {
      await citizen.enrol();
      await citizen.enable(hpan(number));
    }
    world.at('2020-12-20T23:00:00+01:00');
    for (const number of citizens.keys()) {
      for (const at of ['10', '11']) {
        await world.pay({ hpan: hpan(number), at: `2020-12-20T${at}:00:00+01:00`, cents: 1_000 });
      }
    }
    const story = { world, disk, citizens };
    await closePeriod(world);
    await queue(story, 'final');
    for (const citizen of citizens) {
      const { ranking } = await citizen.ranking(PERIOD);
      expect((await noticeOf(story, citizen))?.kind).toBe(ranking <= 3 ? 'refundAndPrize' : 'refund');
    }
    await expectSound(story);
  });

  test('only who asks for it has those told who have no IBAN, and who has one by then is not', async () => {
    const story = await open(shardCount, [2, 3], false);
    const [anna, bruno] = story.citizens as [Citizen, Citizen];
    await setIban(anna, 0);
    await queue(story, 'endOfPeriod', 'final');
    expect(await listed(story)).toEqual([]);
    expect(await queue(story, 'missingIban')).toEqual([{ run: 'missingIban', awardPeriodId: PERIOD, noticeCount: 1 }]);
    const notice = (await noticeOf(story, bruno))!;
    expect(notice).toMatchObject({ kind: 'missingIban', cashbackCents: 0 });
    expect(await change(story, notice, { kind: 'withdrawn' })).toBe(0);
    await setIban(bruno, 0);
    expect(await change(story, notice, { kind: 'withdrawn' })).toBe(1);
    await expectSound(story);
  });

  test('what a stop cuts short is finished by asking again: each is told once', async () => {
    const story = await open(shardCount, [2, 3, 4, 5, 2, 3]);
    await closePeriod(story.world);
    await Promise.all([story.world.engine.queueNotices(['final']), story.world.engine.close()]);
    await story.world.persistence.close();
    const persistence = await openMemoryPersistence({ disk: story.disk });
    const again = { ...story, world: await World.open({ persistence, now: PERIOD_CLOSES }) };
    expect(await queue(again, 'final')).toMatchObject([{ noticeCount: 6 }]);
    expect(new Set((await listed(again)).map(({ citizen }) => citizen)).size).toBe(6);
    await expectSound(again);
  });
});

test('after a death at any moment every row of the list is as one of its facts left it', async () => {
  const random = new Random(seed);
  const { world: first, disk } = await openOnDisk({ shardCount: 2, now: PERIOD_BEGINS, programme: shortProgramme() });
  const citizens = await livePeriod(first, [2, 3, 4, 2, 3, 4]);
  await closePeriod(first);
  value(await first.engine.makePayouts(PERIOD, null));
  let story: Story = { world: first, disk, citizens };
  for (let life = 0; life < 6; life += 1) {
    for (let step = 0; step < 4; step += 1) {
      story.world.at(new Date(story.world.nowMs + random.below(20 * MINUTE_MS)).toISOString());
      const due = await listed(story, 'due', story.world.nowMs);
      if (due.length === 0 || random.below(3) === 0) await settle(story, random.pick(story.citizens), DONE);
      else await change(story, random.pick(due), random.pick(RESULTS));
      if (random.below(4) === 0) await queue(story, 'final');
    }
    disk.crash();
    const inspection = await verifyPersistence(await openMemoryPersistence({ disk }));
    expect(inspection.differences, `seed=${seed} life=${life}`).toEqual([]);
    const persistence = await openMemoryPersistence({ disk });
    const now = new Date(story.world.nowMs).toISOString();
    const world = await World.open({ persistence, now, checkpointRowCount: 5 });
    story = { ...story, world };
  }
});

const RESULTS: readonly NoticeResult[] = [{ kind: 'delivered' }, { kind: 'failed' }, { kind: 'later', laterMs: 1 }];

describe('the inspector says', () => {
  let story: Story;

  /** Everybody is told the result; one transfer was told and delivered, one is tried again. Then it is only read. */
  beforeAll(async () => {
    story = await paidStory(1, [1, 2, 3, 4, 5]);
    await queue(story, 'final');
    const [, bruno, carla] = story.citizens as Citizen[];
    await settle(story, bruno!, DONE);
    await settle(story, carla!, FAILED);
    for (const notice of (await listed(story)).filter(({ payoutId }) => payoutId !== 0)) {
      await change(story, notice, { kind: notice.kind === 'transferExecuted' ? 'delivered' : 'failed' });
    }
    await story.world.engine.close();
    await story.world.persistence.close();
  });

  const judged = (doctor: (fact: Fact) => readonly Fact[]) => differencesIn(story.disk, shortProgramme(), doctor);

  const ofRun = (notice: Notice) => notice.payoutId === 0;
  const queued = (change: (notice: Notice) => readonly Notice[]) => (fact: Fact) =>
    fact.kind === 'noticeQueued' ? change(fact.notice).map((notice) => ({ ...fact, notice })) : [fact];
  const settled = (change: (notice: Notice) => Notice) => (fact: Fact) =>
    fact.kind === 'noticeSet' ? [{ ...fact, notice: change(fact.notice) }] : [fact];

  test('nothing of a journal as it is', async () => {
    expect(await judged((fact) => [fact])).toEqual([]);
  });

  test.each([
    ['is not told of payout-', queued((notice) => (ofRun(notice) ? [notice] : []))],
    ['is not told the result of period 1', queued((notice) => (ofRun(notice) ? [] : [notice]))],
    ['notices final 1: count', queued((notice) => (notice.kind === 'noRefund' ? [] : [notice]))],
    ['queued a second time', queued((notice) => [notice, notice])],
    ['content', queued((notice) => [{ ...notice, cashbackCents: notice.cashbackCents + 1 }])],
    ['content', queued((notice) => [{ ...notice, kind: notice.kind === 'refund' ? 'noRefund' : notice.kind }])],
    ['who stand behind rank 3', queued((notice) => [notice.kind === 'refund' ? asWinner(notice) : notice])],
    ['names another citizen', queued((notice) => [{ ...notice, citizen: 'f'.repeat(32) }])],
    ['changes before it was queued', queued((notice) => (ofRun(notice) ? [notice] : []))],
    ['counts attempts it had not', settled((notice) => ({ ...notice, attempts: notice.attempts + 1 }))],
    ['kept from its citizen', settled((notice) => ({ ...notice, state: 'withdrawn' }))],
    ['is tried again at once', settled((notice) => ({ ...notice, state: 'due', dueMs: notice.atMs }))],
    ['goes back', (fact: Fact) => (fact.kind === 'noticeRunSet' ? [fact, fact] : [fact])],
    ['no fact made this row', (fact: Fact) => (fact.kind === 'noticeRunSet' ? [] : [fact])],
    ['transferExecuted of period 1: instant', settled((notice) => ({ ...notice, atMs: notice.atMs - 1 }))],
  ] as const)('%s', async (sentence, doctor) => {
    const differences = await judged(doctor);
    expect(differences.join('\n')).toContain(sentence);
  });
});

function asWinner(notice: Notice): Notice {
  return { ...notice, kind: 'refundAndPrize', jackpotCents: 1_500_00 };
}
