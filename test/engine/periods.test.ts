// Method: a few citizens with payments at Christmas; the clock is moved over the end of grace to the millisecond, the
// engine is stopped before it and started after it, and records are held in flight across it. One and three shards.
// Where rows are under way at midnight, the inspector judges what became of them.
import { describe, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { rankingDigest } from '../../engine/ranking/digest.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { outcomeText } from '../golden/vector.ts';
import { factsOf } from '../support/journal.ts';
import { hpanElsewhere, openOnDisk, releaseOneByOne, turnsTaken, until } from '../support/shards.ts';
import { type Citizen, hpan, value, type World } from '../support/world.ts';

const CHRISTMAS = 1;
const H1 = 2;
const LAST_MOMENT = '2021-01-10T23:59:59.999+01:00';
const CLOSED = '2021-01-11T00:00:00+01:00';

const isFrozen = async (world: World, awardPeriodId = CHRISTMAS) =>
  (await world.engine.stats()).rankings.some((one) => one.awardPeriodId === awardPeriodId && one.isFrozen);
/** Looks at the time again and again, as the shell does. */
const frozen = (world: World) =>
  until(() => {
    world.engine.tick();
    return isFrozen(world);
  }, 'the ranking of Christmas frozen');

/** Three citizens with 3, 2 and 1 payments, on 20 December. */
async function openChristmas(shardCount: number) {
  const { world, disk } = await openOnDisk({ shardCount, now: '2020-12-07T10:00:00+01:00' });
  const citizens: Citizen[] = [];
  for (const number of [1, 2, 3]) {
    world.at(new Date(world.nowMs + 1).toISOString());
    const citizen = world.citizen(makeTaxCode(number));
    citizens.push(citizen);
    await citizen.enrol();
    await citizen.enable(hpan(number));
  }
  world.at('2020-12-20T12:00:00+01:00');
  for (const number of [1, 2, 3]) for (let count = number; count <= 3; count += 1) await pay(world, number);
  const [anna, bruno, carla] = citizens as [Citizen, Citizen, Citizen];
  return { world, disk, anna, bruno, carla };
}

async function pay(
  world: World,
  number: number,
  at = '2020-12-20T10:00:00+01:00',
  receivedMs = world.nowMs,
): Promise<string> {
  return outcomeText(await world.pay({ hpan: hpan(number), at, cents: 1_000 }, receivedMs));
}

/** Stops the engine; the inspector, which shares none of its code, finds nothing to say. */
async function expectSound(world: World, disk: MemoryDisk): Promise<void> {
  await world.engine.close();
  await world.persistence.close();
  expect(world.faults).toEqual([]);
  expect((await verifyPersistence(await openMemoryPersistence({ disk }))).differences).toEqual([]);
}

/** The journaled digest is that of the ranking as everybody sees it now. */
async function expectFrozenAsJournaled(world: World, citizens: readonly Citizen[]): Promise<void> {
  const terms = new Map(
    await Promise.all(citizens.map(async (one) => [one.key, (await one.wallet()).termsMs] as const)),
  );
  const participants = value(await world.engine.rankingPage(CHRISTMAS, 1, 1_000)).map((entry) => ({
    citizen: entry.citizen,
    standing: { count: entry.transactionNumber, lastTrxMs: entry.lastTrxMs, termsMs: terms.get(entry.citizen) ?? 0 },
  }));
  const { vault } = world.persistence.stores[0]!;
  expect(factsOf(world, 'rankingFrozen')).toMatchObject([
    {
      awardPeriodId: CHRISTMAS,
      participants: citizens.length,
      digest: rankingDigest(participants, (text) => vault.digest(text)),
    },
  ]);
}

describe.each([1, 3])('on %i shards', (shardCount) => {
  test('a period takes records until the last millisecond of grace, and freezes at midnight of Rome', async () => {
    const { world, anna } = await openChristmas(shardCount);
    world.at(LAST_MOMENT);
    await turnsTaken();
    expect(await isFrozen(world)).toBe(false);
    expect(await pay(world, 1)).toBe('1.00');
    world.at(CLOSED);
    await frozen(world);
    expect(await pay(world, 1)).toBe('rejected NO_AWARD_PERIOD');
    expect(await anna.total(CHRISTMAS)).toMatchObject({ transactionNumber: 4 });
    expect(await isFrozen(world, H1)).toBe(false);
    expect(world.engine.periods().map(({ status }) => status)).toEqual(['CLOSED', 'ACTIVE', 'INACTIVE']);
  });

  test('DECISION 25: frozen positions stand when someone leaves, and others do not move up', async () => {
    const { world, anna, bruno, carla } = await openChristmas(shardCount);
    world.at(CLOSED);
    await frozen(world);
    const before = [await bruno.ranking(CHRISTMAS), await carla.ranking(CHRISTMAS)];
    expect(before).toMatchObject([
      { ranking: 2, totalParticipants: 3, maxTransactionNumber: 3 },
      { ranking: 3, totalParticipants: 3, maxTransactionNumber: 3 },
    ]);
    const page = value(await world.engine.rankingPage(CHRISTMAS, 1, 10));
    world.at('2021-01-20T12:00:00+01:00');
    await anna.leave();
    expect([await bruno.ranking(CHRISTMAS), await carla.ranking(CHRISTMAS)]).toEqual(before);
    expect(value(await world.engine.rankingPage(CHRISTMAS, 1, 10))).toEqual(page);
    expect(world.faults).toEqual([]);
  });

  test('DECISIONS 26 and 40: who left after the freeze sees nothing of it, also after coming back', async () => {
    const { world, anna } = await openChristmas(shardCount);
    world.at(CLOSED);
    await frozen(world);
    world.at('2021-01-20T12:00:00+01:00');
    const seesNothing = async () => {
      const nothing = { ranking: 4, takesPart: false, transactionNumber: 0, totalParticipants: 3, wouldWin: false };
      expect(await anna.ranking(CHRISTMAS)).toMatchObject(nothing);
      expect(value(await world.engine.rankings(anna.key))).toEqual([]);
      expect(await anna.total(CHRISTMAS)).toMatchObject({ rawCents: 0, shownCents: 0, transactionNumber: 0 });
      expect(await anna.payments(CHRISTMAS)).toEqual([]);
      expect(value(await world.engine.paymentDays(anna.key, { awardPeriodId: CHRISTMAS }))).toEqual([]);
      expect(await anna.milestones(CHRISTMAS)).toMatchObject({ idTrxPivot: null, idTrxMinTransactionNumber: null });
    };
    await anna.leave();
    await seesNothing();
    expect(await anna.wallet()).toMatchObject({ enabled: false });
    world.at('2021-01-21T12:00:00+01:00');
    await anna.enrol();
    await seesNothing();
    expect(await anna.wallet()).toMatchObject({ enabled: true });
  });

  test('DECISION 38: who leaves before the freeze goes from the open ranking, and only from that', async () => {
    const { world, anna, bruno } = await openChristmas(shardCount);
    world.at('2021-01-05T12:00:00+01:00');
    expect(await pay(world, 1, '2021-01-04T12:00:00+01:00')).toBe('1.00');
    expect(await pay(world, 2, '2021-01-04T13:00:00+01:00')).toBe('1.00');
    world.at(CLOSED);
    await frozen(world);
    await anna.leave();
    expect(await bruno.ranking(CHRISTMAS)).toMatchObject({ ranking: 2, totalParticipants: 3 });
    expect(await bruno.ranking(H1)).toMatchObject({ ranking: 1, totalParticipants: 1 });
  });

  test('a start after a missed boundary performs it first, and the next start does not do it again', async () => {
    const { world, disk, bruno } = await openChristmas(shardCount);
    world.at('2021-01-05T12:00:00+01:00');
    await world.engine.close();

    // Christmas and the semester both ended meanwhile.
    const { world: late } = await openOnDisk({ disk, now: '2021-08-01T12:00:00+02:00' });
    expect([await isFrozen(late, CHRISTMAS), await isFrozen(late, H1)]).toEqual([true, true]);
    expect(await late.citizen(bruno.taxCode).ranking(CHRISTMAS)).toMatchObject({ ranking: 2, totalParticipants: 3 });
    expect(await pay(late, 1, '2021-01-04T12:00:00+01:00')).toBe('rejected NO_AWARD_PERIOD');
    await late.engine.close();

    const { world: again } = await openOnDisk({ disk, now: '2021-08-02T12:00:00+02:00' });
    again.engine.tick();
    await turnsTaken();
    await late.citizen(bruno.taxCode).wallet();
    expect([await isFrozen(again, CHRISTMAS), await isFrozen(again, H1)]).toEqual([true, true]);
    expect(factsOf(again, 'rankingFrozen').map(({ awardPeriodId }) => awardPeriodId)).toEqual([CHRISTMAS, H1]);
    expect(factsOf(again, 'periodFrozen')).toHaveLength(2 * 64);
    expect(factsOf(again, 'periodClosed')).toHaveLength(2 * 64);
    expect([...world.faults, ...late.faults, ...again.faults]).toEqual([]);
  });

  test('however often time is looked at, a ranking is frozen once, with everyone in it', async () => {
    const { world } = await openChristmas(shardCount);
    for (const at of [LAST_MOMENT, CLOSED, CLOSED, '2021-01-11T00:00:00.001+01:00', '2021-02-01T00:00:00+01:00']) {
      world.at(at);
      await turnsTaken();
      world.engine.tick();
    }
    await frozen(world);
    expect(factsOf(world, 'rankingFrozen')).toMatchObject([{ awardPeriodId: CHRISTMAS, participants: 3 }]);
    expect(factsOf(world, 'periodCloseHeard')).toHaveLength(64 * 64);
  });

  test('what was received before midnight and is under way at midnight still counts before the freeze', async () => {
    const { world, disk, anna, bruno, carla } = await openChristmas(shardCount);
    const card = hpanElsewhere(anna.key, 3, 100);
    await anna.enable(card);
    world.at(LAST_MOMENT);
    // Five reversals wait for one payment: each is a journey to the wallet and back, the last one uncounts it.
    const payment = { hpan: card, at: '2020-12-28T10:00:00+01:00', cents: 1_000, correlation: 'x' };
    for (let count = 0; count < 5; count += 1) {
      expect(outcomeText(await world.pay({ ...payment, cents: 200, reversal: true }))).toBe('pending');
    }
    disk.hold();
    const paid = world.pay(payment);
    await turnsTaken();
    world.at(CLOSED);
    await releaseOneByOne(disk);
    expect(world.faults).toEqual([]);
    await frozen(world);
    expect(outcomeText(await paid)).toBe('1.00');
    expect(await anna.total(CHRISTMAS)).toMatchObject({ transactionNumber: 3, rawCents: 300 });
    await expectFrozenAsJournaled(world, [anna, bruno, carla]);
    await expectSound(world, disk);
  });

  test('DECISION 25: what waits in a mailbox at midnight was received before, and counts', async () => {
    const { world, disk, anna, bruno, carla } = await openChristmas(shardCount);
    world.at(LAST_MOMENT);
    const paid = [pay(world, 1), pay(world, 2), pay(world, 2)];
    world.at(CLOSED);
    const late = pay(world, 3);
    await frozen(world);
    expect(await Promise.all(paid)).toEqual(['1.00', '1.00', '1.00']);
    expect(await late).toBe('rejected NO_AWARD_PERIOD');
    expect(await bruno.ranking(CHRISTMAS)).toMatchObject({ ranking: 2, transactionNumber: 4 });
    await expectFrozenAsJournaled(world, [anna, bruno, carla]);
    await expectSound(world, disk);
  });

  test('DECISION 25: what waits behind another record of its card at midnight counts', async () => {
    const { world, disk, anna, bruno, carla } = await openChristmas(shardCount);
    const card = hpanElsewhere(anna.key, 3, 100);
    await anna.enable(card);
    world.at(LAST_MOMENT);
    disk.hold();
    const payments = Array.from({ length: 5 }, () =>
      world.pay({ hpan: card, at: '2020-12-28T10:00:00+01:00', cents: 1_000 }),
    );
    await turnsTaken();
    world.at(CLOSED);
    await releaseOneByOne(disk);
    expect((await Promise.all(payments)).map(outcomeText)).toEqual(Array(5).fill('1.00'));
    await frozen(world);
    expect(await anna.total(CHRISTMAS)).toMatchObject({ transactionNumber: 8 });
    await expectFrozenAsJournaled(world, [anna, bruno, carla]);
    await expectSound(world, disk);
  });

  test('DECISION 25: a period waits for the rows of an intake that began before midnight, and for no other', async () => {
    const { world, disk, anna, bruno, carla } = await openChristmas(shardCount);
    world.at(LAST_MOMENT);
    const receivedMs = world.nowMs;
    const closeIntake = world.engine.openIntake(receivedMs);
    world.at(CLOSED);
    const closeLaterIntake = world.engine.openIntake(world.nowMs);
    await turnsTaken();
    world.at('2021-01-11T00:03:00+01:00');
    expect(await pay(world, 1, '2020-12-20T10:00:00+01:00', receivedMs)).toBe('1.00');
    expect(await pay(world, 1)).toBe('rejected NO_AWARD_PERIOD');
    expect(await pay(world, 2, '2021-01-04T12:00:00+01:00')).toBe('1.00');
    world.engine.tick();
    await turnsTaken();
    expect(await isFrozen(world)).toBe(false);
    expect(factsOf(world, 'periodClosed')).toEqual([]);

    closeIntake();
    await frozen(world);
    closeLaterIntake();
    expect(await anna.total(CHRISTMAS)).toMatchObject({ transactionNumber: 4 });
    await expectFrozenAsJournaled(world, [anna, bruno, carla]);
    await expectSound(world, disk);
  });

  test('a stream of new rows that never pauses does not hold a closing back', async () => {
    const { world, disk, anna, bruno, carla } = await openChristmas(shardCount);
    world.at('2021-01-10T12:00:00+01:00');
    let isStreaming = true;
    let underWay = 0;
    let fewest = Number.POSITIVE_INFINITY;
    const stream = async (number: number) => {
      while (isStreaming) {
        underWay += 1;
        expect(await pay(world, number, '2021-01-05T12:00:00+01:00')).toBe('1.00');
        if (isStreaming) fewest = Math.min(fewest, underWay);
        underWay -= 1;
      }
    };
    const streams = [1, 1, 2, 2, 3, 3].map(stream);
    await turnsTaken();
    const last = pay(world, 2);
    world.at(CLOSED);
    await frozen(world);
    isStreaming = false;
    await Promise.all(streams);
    expect(fewest).toBeGreaterThan(1);
    expect(await last).toBe('1.00');
    expect(await bruno.total(CHRISTMAS)).toMatchObject({ transactionNumber: 3 });
    await expectFrozenAsJournaled(world, [anna, bruno, carla]);
    await expectSound(world, disk);
  });

  test('DECISION 25: positions stand from midnight, also while the period waits for its last rows', async () => {
    const { world, disk, anna, bruno, carla } = await openChristmas(shardCount);
    world.at(LAST_MOMENT);
    const receivedMs = world.nowMs;
    const closeIntake = world.engine.openIntake(receivedMs);
    world.at(CLOSED);
    await anna.leave();
    expect(await pay(world, 1, '2020-12-20T10:00:00+01:00', receivedMs)).toBe('dropped TERMS_NOT_COVERED');
    expect(await pay(world, 2, '2020-12-20T10:00:00+01:00', receivedMs)).toBe('1.00');
    world.at('2021-01-11T00:00:01+01:00');
    await anna.enrol();
    closeIntake();
    await frozen(world);
    expect(await bruno.ranking(CHRISTMAS)).toMatchObject({ ranking: 2, transactionNumber: 3, totalParticipants: 3 });
    expect(await carla.ranking(CHRISTMAS)).toMatchObject({ ranking: 3 });
    expect(await anna.ranking(CHRISTMAS)).toMatchObject({ ranking: 4, takesPart: false });
    await expectSound(world, disk);
  });

  test('nothing closes in an engine that has stopped: the next start does it', async () => {
    const { world, disk, bruno } = await openChristmas(shardCount);
    await world.engine.close();
    world.at(CLOSED);
    await turnsTaken();
    expect(factsOf(world, 'periodClosed')).toEqual([]);
    const { world: next } = await openOnDisk({ disk, now: CLOSED });
    expect(await isFrozen(next)).toBe(true);
    expect(await next.citizen(bruno.taxCode).ranking(CHRISTMAS)).toMatchObject({ ranking: 2, totalParticipants: 3 });
    await expectSound(next, disk);
  });
});
