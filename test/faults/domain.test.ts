// Method: what senders and citizens may do to the numbers: amounts that are none, reversals in any order, a card that pays
// a thousand times, ties at the edge of the prize. Totals and ranks are compared with plain recomputations.
import { describe, expect, test } from 'vitest';
import { italy2020, makeTaxCode, type RecordOutcome, type Refused } from '../../engine/index.ts';
import { checkRecordFields, checkRow } from '../../engine/programme/index.ts';
import { type Participant, Ranking } from '../../engine/ranking/ranking.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { ROW_TABLES } from '../../snapshots/row-format.ts';
import { Random, seed } from '../support/random.ts';
import { openOnDisk, turnsTaken } from '../support/shards.ts';
import { hpan, value, World } from '../support/world.ts';

const PERIOD = 2;
const CONTEXT = { sender: '36081', programme: italy2020(), todayDayNumber: 18_669 };

function fields(amountCents: unknown): Record<string, unknown> {
  return {
    ...{ acquirerCode: '36081', operationType: '00', circuitType: '01', hpan: hpan(1), acquirerId: '09509' },
    ...{ trxDate: '2021-02-10T10:00:00.000+01:00', idTrxAcquirer: 'K1', merchantId: 'M', terminalId: 'T', amountCents },
  };
}

function columns(amount: string): readonly string[] {
  const date = '2021-02-10T10:00:00.000+01:00';
  return ['36081', '00', '01', hpan(1), date, 'K1', '', '', amount, '978', '09509', 'M', 'T', '999999', '5411'];
}

/** An enabled card whose payments of 2 February and later count. */
async function openWithCards(count: number): Promise<World> {
  const world = await World.open({ now: '2021-02-01T10:00:00+01:00' });
  for (let number = 0; number < count; number += 1) {
    const citizen = world.citizen(makeTaxCode(number));
    await citizen.enrol();
    await citizen.enable(hpan(number));
  }
  world.at('2021-02-10T12:00:00+01:00');
  return world;
}

describe('amounts', () => {
  const numbers = [
    -1,
    -0,
    0,
    0.5,
    1_234.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    -Number.POSITIVE_INFINITY,
    1e21,
    2 ** 53,
  ];
  const others = [1n, '100', null, [100], { valueOf: () => 100 }, true];
  const texts = [
    '-1',
    '-0',
    '+5',
    '0',
    '0.5',
    '12,50',
    '1e3',
    '0x10',
    'NaN',
    'Infinity',
    '',
    ' ',
    '10000000000',
    '１２',
  ];

  test('fault 36: no message and no file gets an amount in that is not a whole number of cents', () => {
    expect(checkRecordFields(fields(100), CONTEXT)).toMatchObject({ ok: true, record: { amountCents: 100 } });
    for (const amount of [...numbers, ...others]) {
      expect(checkRecordFields(fields(amount), CONTEXT).ok, String(amount)).toBe(false);
    }
    expect(checkRow(columns('100'), CONTEXT)).toMatchObject({ ok: true, record: { amountCents: 100 } });
    for (const amount of texts) expect(checkRow(columns(amount), CONTEXT).ok, amount).toBe(false);
  });

  test('fault 36: whatever is paid, no fraction of a cent is in any row, and no share above 15 euros', async () => {
    const random = new Random(seed);
    const world = await openWithCards(4);
    for (let round = 0; round < 300; round += 1) {
      // Half cents above all: a tenth of these is one.
      const cents = random.below(4) === 0 ? 10 * random.below(2_000) + 5 : 1 + random.below(100_000);
      const outcome = await world.pay({ hpan: hpan(random.below(4)), at: '2021-02-10T11:00:00+01:00', cents });
      expect(outcome).toMatchObject({ status: 'counted' });
      const { scoreCents } = outcome as Extract<RecordOutcome, { status: 'counted' }>;
      expect(Math.abs(scoreCents), `seed=${seed} ${cents}`).toBeLessThanOrEqual(15_00);
    }
    await world.engine.close();
    let numberCount = 0;
    for (const { rows } of world.persistence.stores) {
      for (let partition = 0; partition < 64; partition += 1) {
        for (const table of ROW_TABLES)
          for (const [, row] of rows.scan(table, partition)) numberCount += wholeNumbers(row);
      }
    }
    expect(numberCount).toBeGreaterThan(1_000);
    expect(() => wholeNumbers({ cents: [0.5] })).toThrow('0.5');
  });
});

/** Counts the numbers in a value. Throws at the first that is no safe integer, or a negative zero. */
function wholeNumbers(held: unknown): number {
  if (typeof held === 'number') {
    if (!Number.isSafeInteger(held) || Object.is(held, -0)) throw new Error(`a row holds ${held}`);
    return 1;
  }
  if (typeof held !== 'object' || held === null) return 0;
  return Object.values(held).reduce((sum: number, each) => sum + wholeNumbers(each), 0);
}

test('fault 38: reversals before their payments, after them and twice: never below zero, and each takes back once', async () => {
  const random = new Random(seed);
  const world = await openWithCards(1);
  const citizen = world.citizen(makeTaxCode(0));
  const purchases = Array.from({ length: 40 }, (_, number) => ({
    number,
    cents: 100 * (1 + random.below(300)),
    reversals: random.below(3),
  }));
  const rows = purchases.flatMap(({ number, cents, reversals }) =>
    Array.from({ length: 1 + reversals }, (_, copy) => {
      const common = { hpan: hpan(0), cents, correlation: `C${number}`, id: `${number}-${copy}` };
      return { ...common, at: `2021-02-10T1${copy === 0 ? 0 : 1}:00:00+01:00`, reversal: copy > 0 };
    }),
  );
  for (const row of random.shuffle(rows)) {
    await world.pay(row);
    const { shownCents, transactionNumber } = await citizen.total(PERIOD);
    expect(shownCents, `seed=${seed} after ${row.id}`).toBeGreaterThanOrEqual(0);
    expect(transactionNumber).toBeGreaterThanOrEqual(0);
  }
  const kept = purchases.filter(({ reversals }) => reversals === 0);
  const keptCents = kept.reduce((sum, { cents }) => sum + Math.min(cents / 10, 15_00), 0);
  expect(await citizen.total(PERIOD), `seed=${seed}`).toMatchObject({
    rawCents: keptCents,
    transactionNumber: kept.length,
  });
  // The second reversal of one payment finds nothing: an operator has to see it, or it still waits for another.
  const doubles = purchases.filter(({ reversals }) => reversals === 2).length;
  const [parked, pending] = await Promise.all(
    (['parked', 'pending'] as const).map((state) => world.engine.reversals({ state, limit: 100 })),
  );
  expect(value(parked!).reversals.length + value(pending!).reversals.length, `seed=${seed}`).toBe(doubles);
  await world.engine.close();
  expect((await verifyPersistence(world.persistence)).differences).toEqual([]);
});

test('fault 40: a card that pays 1,092 times is first, and whoever pays beside it waits for no more flushes', async () => {
  const OTHERS = 20;
  const flushesUntilOthersAnswered = async (hotCount: number) => {
    const { world, disk } = await openOnDisk({ now: '2021-02-01T10:00:00+01:00' });
    for (let number = 0; number <= OTHERS; number += 1) {
      const citizen = world.citizen(makeTaxCode(number));
      await citizen.enrol();
      await citizen.enable(hpan(number));
    }
    world.at('2021-02-10T12:00:00+01:00');
    disk.hold();
    const replies: Promise<RecordOutcome | Refused>[] = [];
    const pay = (number: number, cents: number) =>
      replies.push(world.pay({ hpan: hpan(number), at: '2021-02-10T11:00:00+01:00', cents }));
    let answered = 0;
    for (let row = 0; row < hotCount; row += 1) pay(0, 1);
    for (let number = 1; number <= OTHERS; number += 1) {
      void world.pay({ hpan: hpan(number), at: '2021-02-10T11:00:00+01:00', cents: 1_000 }).then(() => {
        answered += 1;
      });
    }
    let flushes = 0;
    for (; answered < OTHERS; flushes += 1) {
      await turnsTaken();
      disk.release(1);
      await turnsTaken();
    }
    disk.release();
    const outcomes = await Promise.all(replies);
    return { world, flushes, outcomes };
  };
  const alone = await flushesUntilOthersAnswered(0);
  const beside = await flushesUntilOthersAnswered(1_092);
  expect(beside.outcomes.every((outcome) => 'status' in outcome && outcome.status === 'counted')).toBe(true);
  // A batch takes 1,024: the others are in the second one.
  expect(beside.flushes).toBeLessThanOrEqual(alone.flushes + 1);
  const hot = await beside.world.citizen(makeTaxCode(0)).ranking(PERIOD);
  expect(hot).toMatchObject({ ranking: 1, transactionNumber: 1_092 });
  for (let number = 1; number <= OTHERS; number += 1) {
    const citizen = beside.world.citizen(makeTaxCode(number));
    expect(await citizen.total(PERIOD)).toMatchObject({ rawCents: 100, transactionNumber: 1 });
    expect((await citizen.ranking(PERIOD)).ranking).toBeGreaterThan(1);
  }
});

test('fault 41: ties around rank 100,000 have one total order, whatever the order in which they came and moved', () => {
  const random = new Random(seed);
  const COUNT = 100_400;
  const EDGE = 100_000;
  // Two hundred on each side of the edge are equal in count, last payment and terms: the tax code decides.
  const participants: readonly Participant[] = Array.from({ length: COUNT }, (_, number) => ({
    citizen: ((number * 2_654_435_761) >>> 0).toString(16).padStart(8, '0').padEnd(32, '7'),
    standing:
      Math.abs(number - EDGE) <= 200
        ? { count: 50, lastTrxMs: 1_000, termsMs: 500 }
        : {
            count: number < EDGE ? 51 + random.below(9) : 1 + random.below(49),
            lastTrxMs: random.below(50),
            termsMs: random.below(3),
          },
  }));
  const byTaxCode = (left: string, right: string) => (taxCodeOf(left) < taxCodeOf(right) ? -1 : 1);
  const oracle = participants.toSorted(
    ({ citizen: left, standing: a }, { citizen: right, standing: b }) =>
      b.count - a.count || a.lastTrxMs - b.lastTrxMs || a.termsMs - b.termsMs || byTaxCode(left, right),
  );
  const expectOrder = (ranking: Ranking) => {
    const page = ranking.page(EDGE - 250, 500).map(({ citizen }) => citizen);
    expect(page, `seed=${seed}`).toEqual(oracle.slice(EDGE - 251, EDGE + 249).map(({ citizen }) => citizen));
    for (const rank of [EDGE - 200, EDGE - 1, EDGE, EDGE + 1, EDGE + 200]) {
      const { citizen, standing } = oracle[rank - 1]!;
      expect(ranking.rankOf(citizen, standing), `seed=${seed}`).toBe(rank);
      expect(ranking.at(rank).citizen).toBe(citizen);
    }
  };

  expectOrder(Ranking.build(PERIOD, random.shuffle(participants), byTaxCode));
  const moved = new Ranking({ awardPeriodId: PERIOD, compareTaxCodes: byTaxCode });
  for (const { citizen, standing } of random.shuffle(participants)) moved.move(citizen, null, standing);
  // Away from the tie, out of the ranking, and back again.
  for (const { citizen, standing } of random.shuffle(oracle.slice(EDGE - 200, EDGE + 200))) {
    const elsewhere = { ...standing, count: 1 + random.below(60) };
    moved.move(citizen, standing, elsewhere);
    moved.move(citizen, elsewhere, null);
    moved.move(citizen, null, standing);
  }
  expectOrder(moved);
  moved.checkInvariants();
});

/** Another order than that of the keys. */
function taxCodeOf(citizen: string): string {
  return [...citizen.slice(0, 8)].reverse().join('');
}
