// Method: more citizens of one partition than one turn of a run looks at, on disk. Records of other kinds are asked for
// while the run goes on, so that it has more than one segment; at the end the inspector judges every record.
import { expect, test } from 'vitest';
import type { Notice, PayoutsPage } from '../../engine/contract.ts';
import { makeIban, makeTaxCode, type PayoutView, partitionOf } from '../../engine/index.ts';
import { LIMITS } from '../../engine/limits.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { closePeriod, JACKPOT_CENTS, PAID_PERIOD, PERIOD_BEGINS, setIban, shortProgramme } from '../support/payouts.ts';
import { openOnDisk, until } from '../support/shards.ts';
import { type Citizen, hpan, value, type World } from '../support/world.ts';

const PERIOD = PAID_PERIOD;
const PARTITION = 5;
/** Three turns of a run. */
const CITIZEN_COUNT = 2 * LIMITS.payoutsPerTurnMax + 10;
/** Who made two payments: of every turn the first and the last, and some between, in the order of their keys. */
const PAYING = [0, 1, 200, 511, 512, 513, 800, 1_023, 1_024, CITIZEN_COUNT - 1];

interface Story {
  readonly world: World;
  readonly disk: MemoryDisk;
  /** In the order of their keys. */
  readonly paying: readonly Citizen[];
}

/** Closed; everybody has a row on disk. */
async function open(): Promise<Story> {
  const { world, disk } = await openOnDisk({
    ...{ now: PERIOD_BEGINS, programme: shortProgramme(), checkpointRowCount: 1 },
  });
  const citizens: Citizen[] = [];
  for (let number = 0; citizens.length < CITIZEN_COUNT; number += 1) {
    const citizen = world.citizen(makeTaxCode(number));
    if (partitionOf(citizen.key) === PARTITION) citizens.push(citizen);
  }
  citizens.sort((left, right) => (left.key < right.key ? -1 : 1));
  await Promise.all(citizens.map((citizen) => citizen.enrol()));
  const paying = PAYING.map((at) => citizens[at]!);
  for (const [number, citizen] of paying.entries()) {
    await citizen.enable(hpan(number));
    await setIban(citizen, number);
  }
  world.at('2020-12-20T23:00:00+01:00');
  for (const number of paying.keys()) {
    for (const hour of [10, 11]) {
      await world.pay({ hpan: hpan(number), at: `2020-12-20T${hour}:0${number}:00+01:00`, cents: 100_00 });
    }
  }
  await closePeriod(world);
  await until(async () => (await world.engine.stats()).unwrittenRowCount === 0, 'everybody on disk');
  return { world, disk, paying };
}

async function expectSound({ world, disk }: Story): Promise<void> {
  await world.engine.close();
  await world.persistence.close();
  expect(world.faults).toEqual([]);
  expect((await verifyPersistence(await openMemoryPersistence({ disk }))).differences).toEqual([]);
}

async function allPayouts({ world }: Story): Promise<readonly PayoutView[]> {
  const found: PayoutView[] = [];
  for (let cursor: string | null = '0 0'; cursor !== null; ) {
    const page: PayoutsPage = value(await world.engine.payouts({ awardPeriodId: PERIOD, filter: 'all', cursor }));
    found.push(...page.payouts);
    cursor = page.nextCursor;
  }
  return found;
}

test('a run of several turns pays everyone once, whatever records come between, and again pays nobody', async () => {
  const story = await open();
  const { world, paying } = story;
  const { engine } = world;
  const run = { isDone: false };
  const made = engine.makePayouts(PERIOD, null).finally(() => {
    run.isDone = true;
  });
  const holder = { accountHolderCF: paying[0]!.taxCode, accountHolderName: 'A', accountHolderSurname: 'B' };
  const complaint = {
    ...{ citizen: paying[0]!.key, awardPeriodId: PERIOD, account: { iban: makeIban(99), ...holder }, relatedId: null },
    // Nothing: what it granted would be missing in the record, were it the earlier of the two.
    ...{ cashbackCents: 0, jackpotCents: 0, consapId: 'C' },
    outcome: { result: 'ORDINE ESEGUITO', reason: '', cro: '1', executionDay: '2021-02-01' } as const,
  };
  let complaints = 0;
  for (; !run.isDone; complaints += 1) {
    expect(await engine.integratePayout({ ...complaint, ticketId: `T${complaints}` })).toMatchObject({ ok: true });
  }
  // Who paid first stands first, where all paid as often.
  expect(value(await made)).toEqual({
    ...{ awardPeriodId: PERIOD, orderNumber: 1, cut: null },
    ...{ recordCount: paying.length, totalCents: paying.length * 20_00 + 3 * JACKPOT_CENTS },
  });

  const records = [...(await allPayouts(story))].sort((left, right) => left.id - right.id);
  const ofRun = records.filter(({ status }) => status === 'NEW');
  expect(ofRun.map(({ citizen, jackpotCents }) => [citizen, jackpotCents])).toEqual(
    paying.map(({ key }, at) => [key, at < 3 ? JACKPOT_CENTS : 0]),
  );
  expect(records).toHaveLength(paying.length + complaints);
  const [first, last] = [records.indexOf(ofRun[0]!), records.indexOf(ofRun.at(-1)!)];
  expect(last - first, 'other records between its own').toBeGreaterThan(ofRun.length - 1);
  for (const [at, citizen] of paying.entries()) {
    const own = value(await engine.payoutsOf(citizen.key)).filter(({ status }) => status === 'NEW');
    expect(own).toMatchObject([{ account: { iban: makeIban(at) }, taxCode: citizen.taxCode }]);
  }
  expect(value(await engine.makePayouts(PERIOD, 0))).toMatchObject({ orderNumber: 2, recordCount: 0, totalCents: 0 });
  await expectSound(story);
});

test('what Consap paid is found in every turn of the next run, with a row on disk or not yet', async () => {
  const story = await open();
  const { world, paying } = story;
  await world.engine.makePayouts(PERIOD, 100_00);
  const pay = async (citizen: Citizen, ticketId: string) => {
    const holder = { accountHolderCF: citizen.taxCode, accountHolderName: 'A', accountHolderSurname: 'B' };
    const paid = { citizen: citizen.key, awardPeriodId: PERIOD, account: { iban: makeIban(99), ...holder } };
    const outcome = { result: 'ORDINE ESEGUITO', reason: '', cro: '1', executionDay: '2021-02-01' } as const;
    const numbers = { consapId: 'C', ticketId, relatedId: null };
    await world.engine.integratePayout({ ...paid, ...numbers, outcome, cashbackCents: 1_00, jackpotCents: 0 });
  };
  await Promise.all(paying.filter((_, at) => at % 3 === 0).map((citizen) => pay(citizen, 'T1')));
  await until(async () => (await world.engine.stats()).unwrittenRowCount === 0, 'each on disk');
  const others = paying.filter((_, at) => at % 2 === 0).map((citizen) => pay(citizen, 'T2'));
  await Promise.all([...others, world.engine.makePayouts(PERIOD, 200_00)]);
  for (const [at, citizen] of paying.entries()) {
    const byConsap = (at % 3 === 0 ? 1_00 : 0) + (at % 2 === 0 ? 1_00 : 0);
    const records = value(await world.engine.payoutsOf(citizen.key)).filter(({ status }) => status === 'NEW');
    expect(records.map(({ cashbackCents }) => cashbackCents)).toEqual([10_00, 10_00 - byConsap]);
  }
  await expectSound(story);
});

test('funds are cut by what is due to all, however many turns they fill', async () => {
  const story = await open();
  const { cut } = value(await story.world.engine.makePayouts(PERIOD, 100_00));
  expect(cut).toEqual({ fundsCents: 100_00, totalCents: PAYING.length * 20_00 });
  expect((await allPayouts(story)).map(({ cashbackCents }) => cashbackCents)).toEqual(PAYING.map(() => 10_00));
  await expectSound(story);
});

test('a run of several turns tells everyone once', async () => {
  const story = await open();
  const { world, paying } = story;
  const queued = [{ run: 'final', awardPeriodId: PERIOD, noticeCount: paying.length }];
  expect(value(await world.engine.queueNotices(['final']))).toEqual(queued);
  expect(value(await world.engine.queueNotices(['final']))).toEqual(queued);
  const page = value(await world.engine.notices({ state: 'due', limit: 100 }));
  const told = (notices: readonly Notice[]) => notices.map(({ citizen }) => citizen).sort();
  expect(told(page.notices)).toEqual(paying.map(({ key }) => key));
  await expectSound(story);
});
