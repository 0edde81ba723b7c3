// Method: a short period with a prize for the first three; a dozen citizens with one to five payments each, paid out
// over the engine's door on one and on three shards. At the end of each story the engine is stopped, started again from
// its disk, and the inspector, which shares none of its code, judges every record.
import { describe, expect, test } from 'vitest';
import type { PayoutFile, PayoutIntegration, PayoutsPage } from '../../engine/contract.ts';
import {
  makeIban,
  makeTaxCode,
  type PayoutChange,
  type PayoutOutcome,
  type PayoutsFilter,
  type PayoutView,
  type Programme,
} from '../../engine/index.ts';
import { LIMITS } from '../../engine/limits.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
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
import { eraseKeyOf, openOnDisk, turnsTaken, until } from '../support/shards.ts';
import { type Citizen, hpan, value, World } from '../support/world.ts';

const PERIOD = PAID_PERIOD;
const SECOND_PERIOD = 2;
const SECOND_CLOSES = '2021-07-20T00:00:00+02:00';
const [IBAN, OTHER_IBAN] = [makeIban(0), makeIban(1)];
const DONE: PayoutOutcome = { result: 'ORDINE ESEGUITO', reason: '', cro: '123', executionDay: '2021-02-01' };
const FAILED: PayoutOutcome = { result: 'KO', reason: 'conto estinto', cro: '', executionDay: '' };

interface Story {
  readonly world: World;
  readonly disk: MemoryDisk;
  readonly citizens: readonly Citizen[];
}

/** Two periods like it. */
function twoPeriods(): Programme {
  const programme = shortProgramme();
  const [first, second, ...others] = programme.periods;
  const { minTransactionNumber, minPosition, jackpotCents } = first!;
  return {
    ...programme,
    periods: [first!, { ...second!, minTransactionNumber, minPosition, jackpotCents }, ...others],
  };
}

async function open(shardCount: number, counts: readonly number[], hasIban = true): Promise<Story> {
  const { world, disk } = await openOnDisk({ shardCount, now: PERIOD_BEGINS, programme: twoPeriods() });
  return { world, disk, citizens: await livePeriod(world, counts, hasIban) };
}

const close = ({ world }: Story) => closePeriod(world);

async function make({ world }: Story, fundsCents: number | null = null) {
  return value(await world.engine.makePayouts(PERIOD, fundsCents));
}

/** Of the only record that the citizen has, or of the last. */
async function payoutOf({ world }: Story, citizen: Citizen): Promise<PayoutView> {
  return value(await world.engine.payoutsOf(citizen.key)).at(-1)!;
}

async function all(
  { world }: Story,
  filter: PayoutsFilter = 'all',
  awardPeriodId = PERIOD,
): Promise<readonly PayoutView[]> {
  const found: PayoutView[] = [];
  for (let cursor: string | null = '0 0'; cursor !== null; ) {
    const page: PayoutsPage = value(await world.engine.payouts({ awardPeriodId, filter, cursor }));
    found.push(...page.payouts);
    cursor = page.nextCursor;
  }
  return found;
}

async function change({ world }: Story, ...changes: readonly PayoutChange[]): Promise<readonly string[]> {
  const replies = await world.engine.changePayouts(changes);
  return replies.map((reply) => (reply.ok ? `ok ${reply.successorId ?? ''}`.trim() : reply.code));
}

/** For a file, as it was read. */
function claim({ id, updateMs }: PayoutView, fileNumber = 1): PayoutChange {
  return { kind: 'export', id, fileNumber, updateMs };
}

async function send(story: Story, payout: PayoutView, fileNumber = 1): Promise<void> {
  const { id } = payout;
  expect(await change(story, claim(payout, fileNumber), { kind: 'deliver', id, fileNumber })).toEqual(['ok', 'ok']);
}

type Complaint = Partial<Pick<PayoutIntegration, 'awardPeriodId' | 'jackpotCents' | 'outcome'>> & {
  readonly cashbackCents: number;
};

/** Consap pays them, each under a number of its own. */
function complaintsOf({ world }: Story): (citizen: Citizen, paid: Complaint) => Promise<void> {
  let ticket = 0;
  return async ({ key, taxCode }, paid) => {
    ticket += 1;
    const holder = { accountHolderCF: taxCode, accountHolderName: 'Anna', accountHolderSurname: 'Bianchi' };
    const reply = await world.engine.integratePayout({
      ...{ citizen: key, awardPeriodId: PERIOD, account: { iban: OTHER_IBAN, ...holder }, relatedId: null },
      ...{ jackpotCents: 0, outcome: DONE, consapId: 'C', ticketId: `T${ticket}`, ...paid },
    });
    expect(reply).toMatchObject({ ok: true });
  };
}

/** Stopped and started, everything is as it was; and the inspector finds nothing to say. */
async function expectSound(story: Story, payoutCount?: number): Promise<void> {
  const before = await all(story);
  await story.world.engine.close();
  await story.world.persistence.close();
  expect(story.world.faults).toEqual([]);
  const persistence = await openMemoryPersistence({ disk: story.disk });
  const again = await World.open({ persistence, now: new Date(story.world.nowMs).toISOString() });
  expect(await all({ ...story, world: again })).toEqual(before);
  await again.engine.close();
  await again.persistence.close();
  const inspection = await verifyPersistence(await openMemoryPersistence({ disk: story.disk }));
  expect(inspection.differences).toEqual([]);
  expect(inspection.checked.payouts).toBe(payoutCount ?? before.length);
}

describe.each([1, 3])('on %i shards', (shardCount) => {
  test('whoever is enrolled at the end and has enough payments gets one record, and again makes no other', async () => {
    const story = await open(shardCount, [1, 2, 3, 4, 5, 2, 2]);
    await story.citizens[5]!.leave();
    await close(story);
    await story.citizens[6]!.leave();
    expect(await make(story)).toEqual({
      awardPeriodId: PERIOD,
      orderNumber: 1,
      recordCount: 4,
      totalCents: (2 + 3 + 4 + 5) * 10_00 + 3 * 1_500_00,
      cut: null,
    });
    const [, two, three, four, five] = story.citizens as Citizen[];
    for (const [citizen, cashback, jackpot] of [
      [two!, 20_00, 0],
      [three!, 30_00, 1_500_00],
      [four!, 40_00, 1_500_00],
      [five!, 50_00, 1_500_00],
    ] as const) {
      expect(await payoutOf(story, citizen)).toMatchObject({
        citizen: citizen.key,
        taxCode: citizen.taxCode,
        status: 'NEW',
        cashbackCents: cashback,
        jackpotCents: jackpot,
        account: { iban: IBAN, checkStatus: 'UNKNOWN_PSP', technicalAccountHolder: null },
      });
    }
    expect(await make(story)).toMatchObject({ orderNumber: 2, recordCount: 0, totalCents: 0 });
    expect(await all(story)).toHaveLength(4);
    await expectSound(story);
  });

  test('before the ranking is frozen nothing is made, and of no unknown period', async () => {
    const story = await open(shardCount, [2]);
    expect(await story.world.engine.makePayouts(PERIOD, null)).toEqual({ ok: false, code: 'PERIOD_NOT_FROZEN' });
    expect(await story.world.engine.makePayouts(99, null)).toEqual({ ok: false, code: 'PERIOD_NOT_FOUND' });
    await story.world.engine.close();
  });

  test('G41 who has no IBAN waits, and goes out in the next file, once, when there is one', async () => {
    const story = await open(shardCount, [2, 3], false);
    await close(story);
    await make(story);
    const [anna, bruno] = story.citizens as [Citizen, Citizen];
    expect(await payoutOf(story, anna)).toMatchObject({ account: null, taxCode: anna.taxCode });
    expect(await all(story, 'exportable')).toEqual([]);
    const { id } = await payoutOf(story, anna);
    expect(await change(story, claim(await payoutOf(story, anna)))).toEqual(['PAYOUT_NOT_EXPORTABLE']);

    story.world.at('2021-01-25T10:00:00+01:00');
    await setIban(anna, 0);
    expect((await all(story, 'exportable')).map((one) => one.id)).toEqual([id]);
    await send(story, await payoutOf(story, anna));
    expect(await all(story, 'exportable')).toEqual([]);
    expect(await change(story, claim(await payoutOf(story, anna), 2))).toEqual(['PAYOUT_NOT_EXPORTABLE']);
    expect((await payoutOf(story, bruno)).status).toBe('NEW');
    await expectSound(story);
  });

  test('G42 what failed is sent again when the IBAN is another one, exactly once', async () => {
    const story = await open(shardCount, [2, 3]);
    await close(story);
    await make(story);
    const [anna, bruno] = story.citizens as [Citizen, Citizen];
    const failed = await payoutOf(story, anna);
    await send(story, failed);
    const outcome = { kind: 'outcome', id: failed.id, outcome: FAILED } as const;
    expect(await change(story, outcome, outcome)).toEqual(['ok', 'ok']);
    await setIban(anna, 0);
    expect(value(await story.world.engine.payoutsOf(anna.key))).toHaveLength(1);

    await setIban(anna, 1);
    await setIban(anna, 0);
    await setIban(anna, 1);
    const [first, second, ...others] = value(await story.world.engine.payoutsOf(anna.key));
    expect(others).toEqual([]);
    expect(first).toMatchObject({ status: 'SENT', outcome: FAILED, account: { iban: IBAN } });
    expect(second).toMatchObject({
      status: 'NEW',
      relatedId: failed.id,
      cashbackCents: failed.cashbackCents,
      jackpotCents: failed.jackpotCents,
      account: { iban: OTHER_IBAN },
    });
    expect(await change(story, outcome)).toEqual([`ok ${second!.id}`]);

    // Whoever changed it before the bank said so is sent again at once.
    await send(story, await payoutOf(story, bruno));
    await setIban(bruno, 1);
    const rejected = { ...FAILED, result: 'PRESA IN CARICO RIGETTATO' } as const;
    const { id } = await payoutOf(story, bruno);
    await change(story, { kind: 'outcome', id, outcome: rejected });
    expect(await payoutOf(story, bruno)).toMatchObject({ status: 'NEW', relatedId: id, account: { iban: OTHER_IBAN } });
    expect((await all(story, 'failed')).map((one) => one.id).sort()).toEqual([failed.id, id].sort());
    await expectSound(story);
  });

  test('who leaves before it was sent is not paid; what was sent is not recalled', async () => {
    const story = await open(shardCount, [2, 3, 4]);
    await close(story);
    await make(story);
    const [anna, bruno, carla] = story.citizens as [Citizen, Citizen, Citizen];
    await send(story, await payoutOf(story, bruno));
    const { id } = await payoutOf(story, carla);
    await change(story, claim(await payoutOf(story, carla), 2));
    for (const citizen of [anna, bruno, carla]) await citizen.leave();
    expect(await payoutOf(story, anna)).toMatchObject({ status: 'NEW', isEnabled: false });
    expect(await payoutOf(story, bruno)).toMatchObject({ status: 'SENT', isEnabled: true });
    expect(await payoutOf(story, carla)).toMatchObject({ status: 'WIP', isEnabled: false });
    // The file never went out: now it is too late.
    await change(story, { kind: 'restore', id, fileNumber: 2, status: 'NEW' });
    expect(await all(story, 'exportable')).toEqual([]);
    for (const citizen of [anna, bruno, carla]) {
      await citizen.enrol();
      await setIban(citizen, 0);
    }
    expect(await all(story, 'exportable')).toEqual([]);
    expect(await make(story)).toMatchObject({ recordCount: 0 });
    await expectSound(story);
  });

  test('an unfinished file is said to be delivered or to be sent again, with the IBAN of today', async () => {
    const story = await open(shardCount, [2, 3, 4]);
    await close(story);
    await make(story);
    const payouts = await Promise.all(story.citizens.map((citizen) => payoutOf(story, citizen)));
    const ids = payouts.map((one) => one.id) as [number, number, number];
    await change(story, ...payouts.map((payout) => claim(payout, 7)));
    expect((await all(story, 'wip')).length).toBe(3);
    await setIban(story.citizens[0]!, 1);
    expect((await payoutOf(story, story.citizens[0]!)).account?.iban).toBe(IBAN);
    const restored = (['NEW', 'RECOVERY', 'SENT'] as const).map(
      (status, at) => ({ kind: 'restore', id: ids[at]!, fileNumber: 7, status }) as const,
    );
    expect(await change(story, ...restored, ...restored)).toEqual(new Array(6).fill('ok'));
    expect(await change(story, { kind: 'deliver', id: ids[0], fileNumber: 7 })).toEqual(['PAYOUT_IN_OTHER_FILE']);
    expect(await change(story, { kind: 'outcome', id: ids[1], outcome: DONE })).toEqual(['PAYOUT_NOT_SENT']);
    expect(await payoutOf(story, story.citizens[0]!)).toMatchObject({
      ...{ status: 'NEW', fileNumber: null },
      account: { iban: OTHER_IBAN },
    });
    expect(await payoutOf(story, story.citizens[1]!)).toMatchObject({ status: 'RECOVERY', fileNumber: null });
    expect(await payoutOf(story, story.citizens[2]!)).toMatchObject({ status: 'SENT', fileNumber: 7 });
    await send(story, await payoutOf(story, story.citizens[1]!), 8);
    await expectSound(story);
  });

  test('what has changed since it was read, be it at the same instant, is not claimed until it is read again', async () => {
    const story = await open(shardCount, [2]);
    await close(story);
    await make(story);
    const [anna] = story.citizens as [Citizen];
    const read = await payoutOf(story, anna);
    for (const number of [1, 2]) {
      const before = await payoutOf(story, anna);
      await setIban(anna, number);
      expect(await change(story, claim(before))).toEqual(['PAYOUT_CHANGED']);
      expect(await payoutOf(story, anna)).toMatchObject({ status: 'NEW', account: { iban: makeIban(number) } });
    }
    expect(await change(story, claim(read))).toEqual(['PAYOUT_CHANGED']);
    const again = await payoutOf(story, anna);
    expect(again.updateMs).toBe(story.world.nowMs + 2);
    // Said twice, it is claimed once: the answer to the first may have been lost.
    expect(await change(story, claim(again), claim(again), claim(again, 2))).toEqual([
      ...['ok', 'ok'],
      'PAYOUT_NOT_EXPORTABLE',
    ]);
    await expectSound(story);
  });

  test('an outcome is said once; another one afterwards is refused, and so are ids that nobody has', async () => {
    const story = await open(shardCount, [2]);
    await close(story);
    await make(story);
    const payout = await payoutOf(story, story.citizens[0]!);
    await send(story, payout);
    const { id } = payout;
    expect(await change(story, { kind: 'outcome', id, outcome: DONE })).toEqual(['ok']);
    expect(await change(story, { kind: 'outcome', id, outcome: FAILED })).toEqual(['PAYOUT_DECIDED']);
    for (const unknown of [0, -1, id + 64, id + 1, 1_000_000_000, 1.5, Number.NaN]) {
      expect(await change(story, { kind: 'outcome', id: unknown, outcome: DONE })).toEqual(['PAYOUT_NOT_FOUND']);
    }
    expect(await payoutOf(story, story.citizens[0]!)).toMatchObject({ status: 'SENT', outcome: DONE });
    await expectSound(story);
  });

  test('G45 where the funds are less than what is due, every refund is cut in proportion', async () => {
    const story = await open(shardCount, [2, 3, 5, 1]);
    await close(story);
    // 20 + 30 + 50 are due, and there are 70.01: the one who paid too seldom is owed nothing.
    expect(await make(story, 70_01)).toMatchObject({ cut: { fundsCents: 70_01, totalCents: 100_00 } });
    const cashbacks = await Promise.all(
      story.citizens.slice(0, 3).map(async (citizen) => (await payoutOf(story, citizen)).cashbackCents),
    );
    expect(cashbacks).toEqual([14_00, 21_00, 35_00]);
    // Asked again without a word about funds, it is as it was; more is granted by who says that there is more.
    expect(await make(story)).toMatchObject({ recordCount: 0, cut: { fundsCents: 70_01 } });
    expect(await make(story, 80_00)).toMatchObject({ recordCount: 3, totalCents: 10_00, cut: { fundsCents: 80_00 } });
    await expectSound(story);
  });

  test('funds that are enough cut nothing', async () => {
    const story = await open(shardCount, [2, 3]);
    await close(story);
    expect(await make(story, 50_00)).toMatchObject({ cut: null, totalCents: 50_00 + 2 * 1_500_00 });
    await story.world.engine.close();
  });

  test('R27: of those who stand exactly where the last winner does, the tax code decides who wins', async () => {
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
    await close(story);
    await make(story);
    const ranked = await Promise.all(
      citizens.map(async (citizen) => ({
        rank: (await citizen.ranking(PERIOD)).ranking,
        wins: (await payoutOf(story, citizen)).jackpotCents > 0,
      })),
    );
    expect(ranked.map(({ rank }) => rank).sort()).toEqual([1, 2, 3, 4, 5]);
    for (const { rank, wins } of ranked) expect(wins, `rank ${rank}`).toBe(rank <= 3);
    await expectSound(story);
  });

  test('what a stop cuts short is finished by asking again: everyone has one record', async () => {
    const story = await open(shardCount, [2, 3, 4, 5, 2, 3]);
    await close(story);
    const [made] = await Promise.all([story.world.engine.makePayouts(PERIOD, 50_00), story.world.engine.close()]);
    await story.world.persistence.close();
    const persistence = await openMemoryPersistence({ disk: story.disk });
    const world = await World.open({ persistence, now: PERIOD_CLOSES });
    const again = { ...story, world };
    // With the funds that were named first, if that was heard at all.
    await make(again, made.ok || (await all(again)).length > 0 ? 99_00 : 50_00);
    const records = await all(again);
    expect(records.map(({ citizen }) => citizen).sort()).toEqual(story.citizens.map(({ key }) => key).sort());
    await expectSound(again);
  });

  test('what Consap paid after a complaint is recorded once, and never sent', async () => {
    const story = await open(shardCount, [2, 1]);
    await close(story);
    await make(story);
    const [anna, bruno] = story.citizens as [Citizen, Citizen];
    const related = await payoutOf(story, anna);
    const account = {
      ...{ iban: OTHER_IBAN, accountHolderCF: anna.taxCode },
      ...{ accountHolderName: 'Anna', accountHolderSurname: 'Bianchi' },
    };
    const paid = {
      ...{ awardPeriodId: PERIOD, account, cashbackCents: 5_00, jackpotCents: 0, outcome: DONE },
      ...{ consapId: 'C1', ticketId: 'T1' },
    };
    const { engine } = story.world;
    const integration = { ...paid, citizen: anna.key, relatedId: related.id };
    expect(await engine.integratePayout(integration)).toMatchObject({ ok: true });
    expect(await engine.integratePayout(integration)).toMatchObject({ code: 'PAYOUT_INTEGRATED' });
    expect(await engine.integratePayout({ ...integration, ticketId: 'T2' })).toMatchObject({ ok: true });
    expect(await engine.integratePayout({ ...paid, citizen: bruno.key, relatedId: null })).toMatchObject({ ok: true });
    expect(await engine.integratePayout({ ...integration, citizen: bruno.key })).toMatchObject({
      code: 'PAYOUT_NOT_FOUND',
    });
    expect(await engine.integratePayout({ ...integration, awardPeriodId: 99 })).toMatchObject({
      code: 'PERIOD_NOT_FOUND',
    });
    const stranger = story.world.citizen(makeTaxCode(77));
    expect(await engine.integratePayout({ ...integration, citizen: stranger.key })).toMatchObject({
      code: 'CITIZEN_NOT_FOUND',
    });
    expect(await payoutOf(story, bruno)).toMatchObject({ status: 'INTEGRATION', ticketId: 'T1', account });
    expect((await all(story, 'exportable')).map(({ id }) => id)).toEqual([related.id]);
    await expectSound(story);
  });

  test('DECISION 6 what Consap paid is granted: runs before and after add the difference, prizes included', async () => {
    const story = await open(shardCount, [2, 3, 5, 4, 2, 3]);
    await close(story);
    const [anna, bruno, carla, dario, elena, fabio] = story.citizens as Citizen[];
    const pay = complaintsOf(story);
    const granted = async (citizen: Citizen) =>
      value(await story.world.engine.payoutsOf(citizen.key))
        .filter(({ status }) => status === 'NEW')
        .map(({ cashbackCents, jackpotCents }) => [cashbackCents, jackpotCents]);
    // Dario wins by rank, Anna does not; 190 are due, and there is half of it.
    await pay(dario!, { cashbackCents: 40_01, jackpotCents: 1_000_00 });
    await pay(anna!, { cashbackCents: 1, jackpotCents: 1_500_00 });
    await pay(fabio!, { cashbackCents: 3_00, outcome: FAILED });
    await pay(fabio!, { cashbackCents: 2_00, awardPeriodId: SECOND_PERIOD });
    await make(story, 95_00);
    expect(await granted(anna!)).toEqual([[9_99, 0]]);
    expect(await granted(bruno!)).toEqual([[15_00, 1_500_00]]);
    expect(await granted(dario!)).toEqual([[0, 500_00]]);
    expect(await granted(elena!)).toEqual([[10_00, 0]]);
    expect(await granted(fabio!)).toEqual([[15_00, 0]]);

    await pay(bruno!, { cashbackCents: 14_99 });
    await pay(carla!, { cashbackCents: 24_00 });
    await pay(carla!, { cashbackCents: 1_00 });
    await pay(elena!, { cashbackCents: 10_01 });
    // All of it is there: what is missing is paid, and once.
    for (const recordCount of [3, 0]) expect(await make(story, 190_00)).toMatchObject({ recordCount, cut: null });
    expect(await granted(anna!)).toEqual([
      [9_99, 0],
      [10_00, 0],
    ]);
    expect((await granted(bruno!)).slice(1)).toEqual([[1, 0]]);
    expect((await granted(fabio!)).slice(1)).toEqual([[15_00, 0]]);
    for (const citizen of [carla, dario, elena]) expect(await granted(citizen!)).toHaveLength(1);
    await expectSound(story, 6 + 8 + 3);
  });

  test('whatever is paid by runs and by Consap in turn, nobody is granted more by a run than what is due', async () => {
    const random = new Random(seed);
    const counts = [2, 3, 5, 4, 2, 1];
    const story = await open(shardCount, counts);
    await close(story);
    const pay = complaintsOf(story);
    const model = counts.map((count) => ({ due: count < 2 ? 0 : count * 10_00, grantedCents: 0 }));
    const dueCents = 160_00;
    let fundsCents = 20_00;
    for (let step = 0; step < 24; step += 1) {
      if (random.below(3) > 0) {
        const [at, cashbackCents] = [random.below(counts.length), random.below(8_00)];
        await pay(story.citizens[at]!, { cashbackCents });
        model[at]!.grantedCents += cashbackCents;
        continue;
      }
      fundsCents += random.below(30_00);
      await make(story, fundsCents);
      for (const one of model) {
        const cut = Math.floor((one.due * Math.min(fundsCents, dueCents)) / dueCents);
        one.grantedCents = Math.max(one.grantedCents, cut);
      }
      for (const [at, citizen] of story.citizens.entries()) {
        const records = value(await story.world.engine.payoutsOf(citizen.key));
        const grantedCents = records.reduce((total, { cashbackCents }) => total + cashbackCents, 0);
        expect(grantedCents, `seed=${seed} step=${step} citizen=${at}`).toBe(model[at]!.grantedCents);
      }
    }
    await expectSound(story);
  });

  test('two periods are paid each for itself', async () => {
    const story = await open(shardCount, [2, 3, 1]);
    const { world, citizens } = story;
    await close(story);
    await make(story);
    for (const [number, day] of [
      [0, '02-01'],
      [2, '02-01'],
      [2, '02-02'],
    ] as const) {
      world.at(`2021-${day}T23:00:00+01:00`);
      await world.pay({ hpan: hpan(number), at: `2021-${day}T10:00:00+01:00`, cents: 100_00 });
    }
    await closePeriod(world, SECOND_CLOSES, SECOND_PERIOD);
    const second = value(await world.engine.makePayouts(SECOND_PERIOD, null));
    expect(second).toMatchObject({ orderNumber: 2, recordCount: 1, totalCents: 20_00 + 1_500_00 });
    const paid = async (citizen: Citizen) =>
      value(await world.engine.payoutsOf(citizen.key)).map((one) => [one.awardPeriodId, one.cashbackCents]);
    expect(await Promise.all(citizens.map(paid))).toEqual([
      [[PERIOD, 20_00]],
      [[PERIOD, 30_00]],
      [[SECOND_PERIOD, 20_00]],
    ]);
    const count = async (awardPeriodId: number) => (await all(story, 'all', awardPeriodId)).length;
    expect([await count(PERIOD), await count(SECOND_PERIOD), await count(7)]).toEqual([2, 1, 0]);
    expect(await make(story)).toMatchObject({ orderNumber: 3, recordCount: 0 });
    expect(value(await world.engine.makePayouts(SECOND_PERIOD, null))).toMatchObject({
      orderNumber: 4,
      recordCount: 0,
    });
    await expectSound(story, 3);
  });

  test('where the key of a citizen is gone, amounts stay and no name does; nothing is sent again', async () => {
    const story = await open(shardCount, [2, 3]);
    await close(story);
    await make(story);
    const [anna, bruno] = story.citizens as [Citizen, Citizen];
    const sent = await payoutOf(story, anna);
    await send(story, sent);
    await eraseKeyOf(story.world.persistence, anna.key);
    const gone = { taxCode: '', account: null };
    expect(await payoutOf(story, anna)).toMatchObject({ id: sent.id, cashbackCents: 20_00, ...gone });
    expect(await change(story, { kind: 'outcome', id: sent.id, outcome: FAILED })).toEqual(['ok']);
    expect(await payoutOf(story, anna)).toMatchObject({ id: sent.id, outcome: FAILED, ...gone });
    expect(await payoutOf(story, bruno)).toMatchObject({ taxCode: bruno.taxCode, account: { iban: IBAN } });
    await expectSound(story);
  });

  test('a payout file is remembered as it now stands', async () => {
    const story = await open(shardCount, [2]);
    const { engine } = story.world;
    const file: PayoutFile = {
      ...{ fileNumber: 1, awardPeriodId: PERIOD, name: 'CSTAR.CONSAP.csv', rowCount: 1, totalCents: 20_00 },
      ...{ checksum: '', state: 'writing' as const, atMs: story.world.nowMs },
    };
    await engine.setPayoutFile(file);
    await engine.setPayoutFile({ ...file, fileNumber: 2 });
    await engine.setPayoutFile({ ...file, state: 'delivered', checksum: 'ab'.repeat(32) });
    const files = value(await engine.payoutFiles());
    expect(files.map(({ fileNumber, state }) => [fileNumber, state])).toEqual([
      [1, 'delivered'],
      [2, 'writing'],
    ]);
    await expectSound(story);
  });
});

test('more records of one partition than a page holds are read one by one, each once', async () => {
  const story = await open(1, [2]);
  await close(story);
  await make(story);
  const [anna] = story.citizens as [Citizen];
  const count = LIMITS.payoutsPageMax + 20;
  const holder = { accountHolderCF: anna.taxCode, accountHolderName: 'Anna', accountHolderSurname: 'Bianchi' };
  const paid = {
    ...{ citizen: anna.key, awardPeriodId: PERIOD, account: { iban: OTHER_IBAN, ...holder }, relatedId: null },
    ...{ jackpotCents: 0, outcome: DONE, consapId: 'C' },
  };
  const replies = await Promise.all(
    Array.from({ length: count }, (_, at) =>
      story.world.engine.integratePayout({ ...paid, ticketId: `T${at}`, cashbackCents: at }),
    ),
  );
  expect(replies.every(({ ok }) => ok)).toBe(true);
  const pages: number[] = [];
  const tickets: (string | null)[] = [];
  for (let cursor: string | null = '0 0'; cursor !== null; ) {
    const page: PayoutsPage = value(await story.world.engine.payouts({ awardPeriodId: PERIOD, filter: 'all', cursor }));
    if (page.payouts.length > 0) pages.push(page.payouts.length);
    tickets.push(...page.payouts.map(({ ticketId }) => ticketId));
    cursor = page.nextCursor;
  }
  expect(pages).toEqual([LIMITS.payoutsPageMax, 21]);
  expect(tickets).toEqual([null, ...Array.from({ length: count }, (_, at) => `T${at}`)]);
  await expectSound(story);
});

test('a row of a payout file that lags behind the journal is known to be as it was', async () => {
  const { world, disk } = await openOnDisk({ now: PERIOD_BEGINS, programme: shortProgramme(), checkpointRowCount: 1 });
  const file = { fileNumber: 1, awardPeriodId: PAID_PERIOD, name: '', rowCount: 1, totalCents: 1, checksum: '' };
  await world.engine.setPayoutFile({ ...file, state: 'writing', atMs: world.nowMs });
  await until(async () => (await world.engine.stats()).unwrittenRowCount === 0, 'the first state in a row');
  disk.hold();
  const named = world.engine.setPayoutFile({ ...file, name: 'one.csv', state: 'writing', atMs: world.nowMs });
  await turnsTaken();
  disk.release(1);
  await named;
  disk.crash();
  const inspection = await verifyPersistence(await openMemoryPersistence({ disk }));
  expect(inspection.differences).toEqual([]);
});

test('a folder that keeps an older format has no words for payouts: refused, and nothing dies', async () => {
  const persistence = await openMemoryPersistence({ format: 2 });
  const world = await World.open({ persistence, now: PERIOD_BEGINS, programme: shortProgramme() });
  await livePeriod(world, [2]);
  await closePeriod(world);
  const kept = { ok: false, code: 'FORMAT_KEPT' };
  const { engine } = world;
  expect(await engine.makePayouts(PAID_PERIOD, null)).toEqual(kept);
  expect(await engine.changePayouts([{ kind: 'export', id: 1, fileNumber: 1, updateMs: 0 }])).toEqual([kept]);
  const file = { fileNumber: 1, awardPeriodId: PAID_PERIOD, name: '', rowCount: 1, totalCents: 1, checksum: '' };
  expect(await engine.setPayoutFile({ ...file, state: 'writing', atMs: 0 })).toEqual(kept);
  expect(value(await engine.payouts({}))).toMatchObject({ payouts: [] });
  await engine.close();
  expect(world.faults).toEqual([]);
});
