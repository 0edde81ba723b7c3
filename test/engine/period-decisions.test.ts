// Method: operators decide about periods over the engine's door while a few citizens pay; engines are stopped and killed
// in between, on one shard and on three, and the inspector, which shares no code with the engine, judges what they leave.
import { describe, expect, test } from 'vitest';
import {
  canonicalJson,
  italy2020,
  makeTaxCode,
  type PeriodOrder,
  type PeriodParameters,
  type Programme,
} from '../../engine/index.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { outcomeText } from '../golden/vector.ts';
import { factsOf } from '../support/journal.ts';
import { JACKPOT_CENTS, PERIOD_CLOSES, shortProgramme } from '../support/payouts.ts';
import { Random, seed } from '../support/random.ts';
import { openOnDisk, releaseOneByOne, turnsTaken, until } from '../support/shards.ts';
import { type Citizen, hpan, instant, value, World } from '../support/world.ts';

const CHRISTMAS = 1;
const H1 = 2;
const FILE = 'CSTAR.36081.TRNLOG.20210120.120000.001.csv';
const OTHER_FILE = 'CSTAR.36081.TRNLOG.20210120.120000.002.csv';
const LATE = '2021-01-20T12:00:00+01:00';
const UNTIL = '2021-01-25T00:00:00+01:00';
const DURING = '2020-12-29T10:00:00+01:00';

const NOTHING: Omit<PeriodOrder, 'kind'> = {
  ...{ awardPeriodId: 0, files: [], untilMs: 0, programme: '', operator: 'ada' },
  reason: 'as decided on Monday',
};

const order = (kind: PeriodOrder['kind'], asked: Partial<PeriodOrder> = {}): PeriodOrder => ({
  ...NOTHING,
  kind,
  ...asked,
});
const suspend = (awardPeriodId: number) => order('suspend', { awardPeriodId });
const resume = (awardPeriodId: number) => order('resume', { awardPeriodId });
const replace = (programme: Programme) => order('replace', { programme: JSON.stringify(programme) });
const close = (awardPeriodId = CHRISTMAS) => order('close', { awardPeriodId });
const reopen = (asked: Partial<PeriodOrder> = {}) =>
  order('reopen', { awardPeriodId: CHRISTMAS, files: [FILE], untilMs: instant(UNTIL), ...asked });

async function codeOf(world: World, asked: PeriodOrder): Promise<string> {
  const decided = await world.engine.decidePeriod(asked);
  if (!decided.ok) return decided.detail === undefined ? decided.code : `${decided.code}: ${decided.detail}`;
  return decided.value === null ? 'so already' : `decision ${decided.value.number}`;
}

/** Nothing counts in the period any more: nothing else is wrong with opening it again than the instant. */
const isFinal = async (world: World) =>
  (await codeOf(world, reopen({ untilMs: world.nowMs }))) === 'FIELD_INVALID: until';
const closed = (world: World) =>
  until(async () => {
    world.engine.tick();
    await turnsTaken();
    return isFinal(world);
  }, 'the period closed');

async function expectSound(world: World, disk: MemoryDisk): Promise<void> {
  await world.engine.close();
  await world.persistence.close();
  expect(world.faults).toEqual([]);
  expect((await verifyPersistence(await openMemoryPersistence({ disk }))).differences).toEqual([]);
}

let ids = 0;
/** A payment like no other, also after a restart. */
const pay = async (
  world: World,
  number: number,
  { receivedMs, ...more }: { at?: string; file?: string; cents?: number; receivedMs?: number } = {},
) => {
  ids += 1;
  const payment = { hpan: hpan(number), at: DURING, cents: 10_000, id: `T${ids}`, ...more };
  return outcomeText(await world.pay(payment, receivedMs));
};

/** Christmas with two payments as its minimum and three winners: citizens with 3, 2, 1 and no payments. */
async function openChristmas(shardCount: number) {
  const opened = await openOnDisk({ shardCount, now: '2020-12-07T10:00:00+01:00', programme: shortProgramme() });
  const { world } = opened;
  for (const number of [1, 2, 3, 4]) {
    world.at(new Date(world.nowMs + 1).toISOString());
    const citizen = world.citizen(makeTaxCode(number));
    await citizen.enrol();
    await citizen.enable(hpan(number));
  }
  world.at('2020-12-30T12:00:00+01:00');
  for (const number of [1, 2, 3]) for (let count = number; count <= 3; count += 1) await pay(world, number);
  return opened;
}

const citizensOf = (world: World) =>
  [1, 2, 3, 4].map((number) => world.citizen(makeTaxCode(number))) as [Citizen, Citizen, Citizen, Citizen];

/** Closed, and the day has come on which the circuit delivers what it owed. */
async function openLate(shardCount: number) {
  const opened = await openChristmas(shardCount);
  opened.world.at(PERIOD_CLOSES);
  await closed(opened.world);
  opened.world.at(LATE);
  return opened;
}

/** Whatever was not on disk is gone; another engine goes on. */
async function restarted(disk: MemoryDisk, now = LATE) {
  disk.crash();
  return (await openOnDisk({ disk, now })).world;
}

describe.each([1, 3])('on %i shards, a closed period is opened again', (shardCount) => {
  test('for the rows of the files named, dated inside it and received in time, and no others', async () => {
    const { world, disk } = await openLate(shardCount);
    expect(await pay(world, 1, { file: FILE })).toBe('rejected NO_AWARD_PERIOD');
    expect(await codeOf(world, reopen())).toBe('decision 1');
    expect(await pay(world, 1)).toBe('rejected NO_AWARD_PERIOD');
    expect(await pay(world, 1, { file: OTHER_FILE })).toBe('rejected NO_AWARD_PERIOD');
    expect(await pay(world, 1, { file: FILE, at: '2020-12-07T23:59:59+01:00' })).toBe('dropped INSTRUMENT_NOT_COVERED');
    expect(await pay(world, 1, { file: FILE })).toBe('10.00');
    // A file is not a period: what it has of the running one counts there.
    expect(await pay(world, 1, { file: FILE, at: '2021-01-05T10:00:00+01:00' })).toBe('10.00');
    const [anna] = citizensOf(world);
    expect(await anna.total(CHRISTMAS)).toMatchObject({ transactionNumber: 4, rawCents: 40_00 });
    expect(await anna.total(H1)).toMatchObject({ transactionNumber: 1 });

    world.at('2021-01-24T23:59:59.999+01:00');
    expect(await pay(world, 1, { file: FILE })).toBe('10.00');
    world.at(UNTIL);
    expect(await pay(world, 1, { file: FILE })).toBe('rejected NO_AWARD_PERIOD');
    await closed(world);
    expect(factsOf(world, 'lateRecordTaken').map(({ file }) => file)).toEqual([FILE, FILE]);
    expect(factsOf(world, 'rankingFrozen')).toHaveLength(1);
    expect(factsOf(world, 'periodFrozen')).toHaveLength(128);
    await expectSound(world, disk);
  });

  test('DECISION 25: totals and payouts count late rows, positions in the ranking stand', async () => {
    const { world, disk } = await openLate(shardCount);
    const citizens = citizensOf(world);
    const [anna, bruno, carla, dario] = citizens;
    const page = value(await world.engine.rankingPage(CHRISTMAS, 1, 10));
    await codeOf(world, reopen());
    for (let count = 0; count < 5; count += 1) await pay(world, 3, { file: FILE });
    for (let count = 0; count < 2; count += 1) await pay(world, 4, { file: FILE });
    expect(await carla.total(CHRISTMAS)).toMatchObject({ transactionNumber: 6, payableCents: 60_00 });
    expect(await carla.ranking(CHRISTMAS)).toMatchObject({ ranking: 3, takesPart: true, transactionNumber: 6 });
    const never = { ranking: 4, takesPart: false, transactionNumber: 2, totalParticipants: 3, wouldWin: false };
    expect(await dario.ranking(CHRISTMAS)).toMatchObject(never);
    expect(value(await world.engine.rankingPage(CHRISTMAS, 1, 10))).toEqual(page);

    expect(await codeOf(world, close())).toBe('decision 2');
    await closed(world);
    expect(value(await world.engine.makePayouts(CHRISTMAS, null))).toMatchObject({ recordCount: 4 });
    const records = await Promise.all(citizens.map(async (one) => value(await world.engine.payoutsOf(one.key))[0]));
    const amounts = records.map((record) => [record?.cashbackCents, record?.jackpotCents]);
    expect(amounts).toEqual([
      [30_00, JACKPOT_CENTS],
      [20_00, JACKPOT_CENTS],
      [60_00, JACKPOT_CENTS],
      [20_00, 0],
    ]);
    expect(await anna.ranking(CHRISTMAS)).toMatchObject({ ranking: 1, maxTransactionNumber: 3 });
    expect(await bruno.ranking(CHRISTMAS)).toMatchObject({ ranking: 2 });
    await expectSound(world, disk);
  });

  test('reversals among late rows take back what they find, in time or late', async () => {
    const { world, disk } = await openChristmas(shardCount);
    const base = { hpan: hpan(2), at: DURING, cents: 5_000 };
    world.at('2021-01-05T12:00:00+01:00');
    await world.pay({ ...base, id: 'P1', correlation: 'C1' });
    // Its payment comes with the late file.
    expect(outcomeText(await world.pay({ ...base, id: 'R2', correlation: 'C2', reversal: true }))).toBe('pending');
    world.at(PERIOD_CLOSES);
    await closed(world);
    world.at(LATE);
    await codeOf(world, reopen());
    const late = { ...base, file: FILE };
    expect(outcomeText(await world.pay({ ...late, id: 'R1', correlation: 'C1', reversal: true }))).toBe('-5.00');
    expect(outcomeText(await world.pay({ ...late, id: 'P2', correlation: 'C2' }))).toBe('5.00');
    const [, bruno] = citizensOf(world);
    expect(await bruno.total(CHRISTMAS)).toMatchObject({ transactionNumber: 2, rawCents: 20_00 });
    expect(await bruno.ranking(CHRISTMAS)).toMatchObject({ ranking: 2, transactionNumber: 2 });
    world.at(UNTIL);
    await closed(world);
    await expectSound(world, disk);
  });

  test('before it is paid only, once at a time, and nobody is paid meanwhile', async () => {
    const { world, disk } = await openChristmas(shardCount);
    expect(await codeOf(world, reopen({ untilMs: instant(LATE) }))).toBe('PERIOD_NOT_FROZEN');
    expect(await codeOf(world, close())).toBe('PERIOD_NOT_REOPENED');
    world.at(PERIOD_CLOSES);
    await closed(world);
    world.at(LATE);
    expect(await codeOf(world, reopen({ awardPeriodId: 9 }))).toBe('PERIOD_NOT_FOUND');
    expect(await codeOf(world, reopen({ awardPeriodId: 3 }))).toBe('PERIOD_NOT_FOUND');
    expect(await codeOf(world, reopen({ untilMs: world.nowMs }))).toBe('FIELD_INVALID: until');
    expect(await codeOf(world, reopen({ files: [] }))).toBe('FIELD_INVALID: files');
    expect(await codeOf(world, reopen({ files: [FILE, FILE] }))).toBe('FIELD_INVALID: files');
    expect(await codeOf(world, reopen({ reason: ' ' }))).toBe('FIELD_INVALID: reason');
    expect(await codeOf(world, reopen({ operator: '' }))).toBe('FIELD_INVALID: operator');
    expect(await codeOf(world, close())).toBe('PERIOD_NOT_REOPENED');

    expect(await codeOf(world, reopen())).toBe('decision 1');
    expect(await codeOf(world, reopen())).toBe('so already');
    expect(await codeOf(world, reopen({ files: [OTHER_FILE] }))).toBe('PERIOD_REOPENED');
    expect(await world.engine.makePayouts(CHRISTMAS, null)).toMatchObject({ code: 'PERIOD_REOPENED' });
    expect(world.engine.periodDetails()[0]).toMatchObject({ reopenedUntilMs: instant(UNTIL), status: 'CLOSED' });
    expect(await codeOf(world, close())).toBe('decision 2');
    expect(await codeOf(world, close())).toBe('so already');
    await closed(world);
    expect(await pay(world, 1, { file: FILE })).toBe('rejected NO_AWARD_PERIOD');
    expect(await codeOf(world, reopen({ files: [OTHER_FILE] }))).toBe('decision 3');
    expect(await pay(world, 1, { file: FILE })).toBe('rejected NO_AWARD_PERIOD');
    expect(await pay(world, 1, { file: OTHER_FILE })).toBe('10.00');
    world.at(UNTIL);
    await closed(world);
    expect(await world.engine.makePayouts(CHRISTMAS, null)).toMatchObject({ ok: true });
    expect(await codeOf(world, reopen({ untilMs: world.nowMs + 1 }))).toBe('PERIOD_PAID');
    expect(world.engine.periodDetails()[0]?.decisions.map(({ kind }) => kind)).toEqual(['reopen', 'close', 'reopen']);
    await expectSound(world, disk);
  });

  test('whoever asks is told of a closing as it was decided, before a start and after it', async () => {
    const { world, disk } = await openLate(shardCount);
    await codeOf(world, reopen());
    disk.hold();
    const asked = world.engine.decidePeriod(close());
    await turnsTaken();
    world.at('2021-01-20T12:00:01+01:00');
    await releaseOneByOne(disk);
    const decision = value(await asked);
    expect(world.engine.periodDecisions().at(-1)).toEqual(decision);
    const next = await restarted(disk);
    expect(next.engine.periodDecisions().at(-1)).toEqual(decision);
    await closed(next);
    await expectSound(next, disk);
  });

  test('a file that was received before its closing is heard of counts to its last row', async () => {
    const { world, disk } = await openLate(shardCount);
    await codeOf(world, reopen());
    disk.hold();
    const asked = codeOf(world, close());
    await turnsTaken();
    world.at('2021-01-20T12:00:01+01:00');
    const receivedMs = world.nowMs;
    const closeIntake = world.engine.openIntake(receivedMs);
    world.at('2021-01-20T12:00:02+01:00');
    await releaseOneByOne(disk);
    expect(await asked).toBe('decision 2');
    world.engine.tick();
    await turnsTaken();
    expect(await pay(world, 1, { file: FILE, receivedMs })).toBe('10.00');
    expect(await pay(world, 1, { file: FILE })).toBe('rejected NO_AWARD_PERIOD');
    expect(await isFinal(world)).toBe(false);
    closeIntake();
    await closed(world);
    await expectSound(world, disk);
  });

  test('who has left meanwhile counts nothing, and positions stand', async () => {
    const { world, disk } = await openLate(shardCount);
    const [anna, bruno] = citizensOf(world);
    await codeOf(world, reopen());
    await pay(world, 1, { file: FILE });
    await anna.leave();
    expect(await pay(world, 1, { file: FILE })).toBe('dropped TERMS_NOT_COVERED');
    expect(await bruno.ranking(CHRISTMAS)).toMatchObject({ ranking: 2, totalParticipants: 3 });
    world.at(UNTIL);
    await closed(world);
    await expectSound(world, disk);
  });

  test('and stays so over a death at every flush on the way, until it closes, which no death prevents', async () => {
    const random = new Random(seed);
    // One store has all of it in two flushes.
    for (let flushes = 0; flushes < (shardCount === 1 ? 3 : 6); flushes += 1) {
      const { world, disk } = await openLate(shardCount);
      disk.hold();
      const asked = world.engine.decidePeriod(reopen());
      asked.catch(() => undefined);
      for (let flush = 0; flush < flushes; flush += 1) {
        await turnsTaken();
        disk.release(1);
      }
      await turnsTaken();
      let next = await restarted(disk);
      const isDecided = next.engine.periodDecisions().length === 1;
      expect(flushes === 0 ? isDecided : true, `flushes=${flushes}`).toBe(flushes > 0);
      if (!isDecided) expect(await codeOf(next, reopen())).toBe('decision 1');
      expect(factsOf(next, 'periodReopened'), `flushes=${flushes}`).toHaveLength(64);
      expect(await pay(next, 1 + random.below(4), { file: FILE }), `flushes=${flushes}`).toBe('10.00');

      disk.hold();
      if (flushes % 2 === 0) next.at(UNTIL);
      else void next.engine.decidePeriod(close());
      for (let flush = 0; flush < flushes; flush += 1) {
        await turnsTaken();
        next.engine.tick();
        await turnsTaken();
        disk.release(1);
      }
      await turnsTaken();
      next = await restarted(disk, UNTIL);
      await closed(next);
      expect(await pay(next, 1, { file: FILE })).toBe('rejected NO_AWARD_PERIOD');
      expect(factsOf(next, 'periodFrozen')).toHaveLength(128);
      await expectSound(next, disk);
    }
  });

  test('its ranking and totals are the same after a start from wallets alone', async () => {
    const { world, disk } = await openLate(shardCount);
    await codeOf(world, reopen());
    for (const number of [3, 3, 4]) await pay(world, number, { file: FILE });
    const views = async (one: World) =>
      Promise.all(
        citizensOf(one).map(async (citizen) => [await citizen.ranking(CHRISTMAS), await citizen.total(CHRISTMAS)]),
      );
    const before = await views(world);
    await world.engine.close();
    await world.persistence.close();
    const persistence = Object.assign(await openMemoryPersistence({ disk }), { loadRanking: () => null });
    const next = await World.open({ persistence, now: LATE });
    expect(await views(next)).toEqual(before);
    await expectSound(next, disk);
  });
});

// Suspension and versions

/** Italy's second semester runs here, and a fifth period may come. */
function withPeriod(programme: Programme, awardPeriodId: number, change: Partial<PeriodParameters>): Programme {
  const periods = programme.periods.map((period) =>
    period.awardPeriodId === awardPeriodId ? { ...period, ...change } : period,
  );
  return { ...programme, periods };
}

const H2 = 3;
const LAST = 4;
const idsOf = (world: World) => world.engine.periods().map(({ awardPeriodId }) => awardPeriodId);

describe.each([1, 3])('on %i shards, before it starts', (shardCount) => {
  test('a period is suspended: it disappears and accepts nothing, until that is taken back', async () => {
    const { world, disk } = await openOnDisk({ shardCount, now: '2021-05-01T10:00:00+02:00' });
    expect(idsOf(world)).toEqual([1, 2, 4]);
    expect(await codeOf(world, resume(H2))).toBe('decision 1');
    expect(await codeOf(world, resume(H2))).toBe('so already');
    expect(idsOf(world)).toEqual([1, 2, 3, 4]);
    expect(await codeOf(world, suspend(LAST))).toBe('decision 2');
    expect(idsOf(world)).toEqual([1, 2, 3]);
    expect(await codeOf(world, suspend(H1))).toBe('PERIOD_BEGUN');
    expect(await codeOf(world, suspend(9))).toBe('PERIOD_NOT_FOUND');
    expect(world.engine.periodDetails().map(({ isSuspended }) => isSuspended)).toEqual([false, false, false, true]);

    const citizen = world.citizen(makeTaxCode(1));
    await citizen.enrol();
    await citizen.enable(hpan(1));
    world.at('2021-06-30T23:59:59.999+02:00');
    expect(await codeOf(world, suspend(H2))).toBe('decision 3');
    world.at('2021-07-02T12:00:00+02:00');
    // G29.
    expect(await pay(world, 1, { at: '2021-07-01T00:00:00+02:00' })).toBe('rejected NO_AWARD_PERIOD');
    expect(await world.engine.total(citizen.key, H2)).toMatchObject({ code: 'PERIOD_NOT_FOUND' });
    expect(await codeOf(world, resume(H2))).toBe('PERIOD_BEGUN');
    const next = await restarted(disk, '2021-07-02T12:00:00+02:00');
    expect(idsOf(next)).toEqual([1, 2]);
    expect(await codeOf(next, resume(LAST))).toBe('decision 4');
    next.at('2022-02-01T12:00:00+01:00');
    expect(await pay(next, 1, { at: '2022-01-20T12:00:00+01:00' })).toBe('10.00');
    expect(await citizensOf(next)[0].ranking(LAST)).toMatchObject({ ranking: 1, totalParticipants: 1 });
    expect(factsOf(next, 'periodDecided').map(({ decision }) => decision.reason)).toHaveLength(4);
    await expectSound(next, disk);
  });

  test('what was saved of the ranking of a suspended period troubles nobody, and is made anew when it is taken up again', async () => {
    const { world, disk } = await openOnDisk({ shardCount, now: '2021-05-01T10:00:00+02:00' });
    await world.engine.close();
    const next = await restarted(disk, '2021-05-01T10:00:00+02:00');
    expect(await codeOf(next, suspend(LAST))).toBe('decision 1');
    disk.folder!.rankings.set(LAST, Buffer.alloc(100));
    await expectSound(next, disk);
    const again = await restarted(disk, '2021-05-01T10:00:00+02:00');
    expect(await codeOf(again, resume(LAST))).toBe('decision 2');
    await expectSound(again, disk);
  });

  test.each([
    ['suspended', suspend(LAST)],
    ['made longer', replace(withPeriod(italy2020(), LAST, { endDay: '2023-06-30' }))],
  ])('a period does not end as it was while it is being %s, however late the disk says so', async (_, asked) => {
    const { world, disk } = await openOnDisk({ shardCount, now: '2021-12-31T10:00:00+01:00' });
    disk.hold();
    const decided = codeOf(world, asked);
    await turnsTaken();
    world.at('2022-08-01T10:00:00+02:00');
    await turnsTaken();
    disk.release();
    expect(await decided).toBe('decision 1');
    await until(async () => {
      world.engine.tick();
      await turnsTaken();
      return factsOf(world, 'rankingFrozen').length === 2;
    }, 'the others closed');
    expect(factsOf(world, 'periodClosed').filter(({ awardPeriodId }) => awardPeriodId === LAST)).toEqual([]);
    await expectSound(world, disk);
  });

  test('a newer version of the programme takes the place of the one before, and survives a death at every flush', async () => {
    const now = '2021-05-01T10:00:00+02:00';
    const newer = withPeriod(italy2020(), LAST, { minTransactionNumber: 1, cashbackPercent: 20, graceDays: 3 });
    const added = { ...newer.periods[3]!, awardPeriodId: 5, startDay: '2022-07-01', endDay: '2022-12-31' };
    const version = { ...newer, periods: [...newer.periods, added] };
    for (let flushes = 0; flushes < 3; flushes += 1) {
      const { world, disk } = await openOnDisk({ shardCount, now });
      const citizen = world.citizen(makeTaxCode(1));
      await citizen.enrol();
      await citizen.enable(hpan(1));
      disk.hold();
      void world.engine.decidePeriod(replace(version));
      for (let flush = 0; flush < flushes; flush += 1) {
        await turnsTaken();
        disk.release(1);
      }
      await turnsTaken();
      const next = await restarted(disk, now);
      expect(canonicalJson(next.engine.programme)).toBe(canonicalJson(flushes === 0 ? italy2020() : version));
      if (flushes === 0) expect(await codeOf(next, replace(version))).toBe('decision 1');
      expect(await codeOf(next, replace(version))).toBe('so already');
      next.at('2022-02-01T12:00:00+01:00');
      expect(await pay(next, 1, { at: '2022-01-20T12:00:00+01:00', cents: 5_000 })).toBe('10.00');
      next.at('2022-07-04T00:00:00+02:00');
      await until(async () => {
        next.engine.tick();
        return (await next.engine.stats()).rankings.some((one) => one.awardPeriodId === LAST && one.isFrozen);
      }, 'the last period frozen, three days after its end');
      expect(await pay(next, 1, { at: '2022-07-02T12:00:00+02:00', cents: 5_000 })).toBe('10.00');
      expect(await citizensOf(next)[0].ranking(5)).toMatchObject({ ranking: 1 });
      await expectSound(next, disk);
    }
  });

  test('whoever restarts a server may go on naming the version that its folder was made with', async () => {
    const now = '2021-05-01T10:00:00+02:00';
    const { world, disk } = await openOnDisk({ shardCount, now });
    await codeOf(world, suspend(LAST));
    disk.crash();
    const next = (await openOnDisk({ disk, now, programme: italy2020() })).world;
    expect(idsOf(next)).toEqual([1, 2]);
    disk.crash();
    const other = withPeriod(italy2020(), LAST, { graceDays: 1 });
    await expect(openOnDisk({ disk, now, programme: other })).rejects.toMatchObject({ code: 'PROGRAMME_MISMATCH' });
  });
});

test('a version that changes anything else is refused, and says what differs', async () => {
  const { world } = await openOnDisk({ now: '2021-05-01T10:00:00+02:00' });
  const italy = italy2020();
  const refusals: readonly (readonly [Programme, string])[] = [
    [{ ...italy, name: 'other' }, 'programme.name differs'],
    [{ ...italy, panSalt: 'other' }, 'programme.panSalt differs'],
    [{ ...italy, circuitSenders: { '03': ['36081'] } }, 'programme.circuitSenders differs'],
    [{ ...italy, periods: italy.periods.slice(0, 3) }, 'period 4 is missing: suspend it instead'],
    [withPeriod(italy, 2, { graceDays: 16 }), 'period 2: graceDays differs, and it began on 2021-01-01'],
    [withPeriod(italy, 1, { isSuspended: true }), 'period 1: isSuspended differs, and it began on 2020-12-08'],
    [
      withPeriod(italy, 3, { startDay: '2021-05-01', endDay: '2021-05-02' }),
      'period 3: startDay is not after 2021-05-01',
    ],
  ];
  for (const [programme, detail] of refusals) {
    expect(await codeOf(world, replace(programme))).toBe(`PROGRAMME_REFUSED: ${detail}`);
  }
  const early = {
    ...italy.periods[2]!,
    awardPeriodId: 8,
    startDay: '2020-01-01',
    endDay: '2020-01-31',
    isSuspended: false,
  };
  expect(await codeOf(world, replace({ ...italy, periods: [...italy.periods, early] }))).toBe(
    'PROGRAMME_REFUSED: period 8 is new: startDay is not after 2021-05-01',
  );
  expect(await codeOf(world, replace(withPeriod(italy, 4, { cashbackPercent: 101 })))).toBe(
    'FIELD_INVALID: periods[3].cashbackPercent is not an integer from 0 to 100',
  );
  expect(await codeOf(world, order('replace', { programme: '{' }))).toBe('FIELD_INVALID: programme is not an object');
  // Another was put in its place.
  const instead = { ...italy.periods[2]!, awardPeriodId: 9, isSuspended: false };
  expect(await codeOf(world, replace({ ...italy, periods: [...italy.periods, instead] }))).toBe('decision 1');
  expect(await codeOf(world, resume(3))).toBe('PROGRAMME_REFUSED: periods[4].startDay..endDay overlaps periods[2]');
  expect(world.faults).toEqual([]);
});

test('records that come while a version is decided wait for it, and are judged by it on all shards', async () => {
  const { world, disk } = await openOnDisk({ shardCount: 3, now: '2021-06-30T12:00:00+02:00' });
  const numbers = Array.from({ length: 12 }, (_, number) => number);
  for (const number of numbers) {
    const citizen = world.citizen(makeTaxCode(number));
    await citizen.enrol();
    await citizen.enable(hpan(number));
  }
  world.at('2021-06-30T23:59:59.999+02:00');
  disk.hold();
  const decided = codeOf(world, resume(H2));
  await turnsTaken();
  // It was decided in time, and is not on disk yet: nobody knows.
  world.at('2021-07-01T12:00:00+02:00');
  const rows = numbers.map((number) => pay(world, number, { at: '2021-07-01T11:00:00+02:00' }));
  await releaseOneByOne(disk);
  expect(await decided).toBe('decision 1');
  expect(new Set(await Promise.all(rows))).toEqual(new Set(['10.00']));
  await expectSound(world, disk);
});
