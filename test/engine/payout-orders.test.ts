// Method: the orders alone, before two shards that say what the test lets them say, and a ranking without anybody.
import { expect, test } from 'vitest';
import { italy2020 } from '../../engine/programme/index.ts';
import { Ranking } from '../../engine/ranking/ranking.ts';
import type { CoordinatedShard } from '../../engine/shard/parts.ts';
import { PayoutOrders } from '../../engine/shard/payout-orders.ts';
import type { Rankings } from '../../engine/shard/rankings.ts';

const PERIOD = 2;
const REFUSED = { ok: false, code: 'PERIOD_NOT_FROZEN' } as const;

interface Stage {
  /** False = it moves still; null = there is none. */
  readonly isFrozen?: boolean | null;
  readonly isFinal?: boolean;
  /** Of the order before, at each shard; null = there was none. */
  readonly isDone?: readonly boolean[] | null;
  /** Due at each shard; null = it refuses. */
  readonly dueCents?: readonly (number | null)[];
  /** Whether each shard carries out what is ordered. */
  readonly runs?: readonly boolean[];
}

async function make(fundsCents: number | null, stage: Stage = {}) {
  const { isFrozen = true, isFinal = true, isDone = null, dueCents = [60, 40], runs = [true, true] } = stage;
  const ranking = new Ranking({ awardPeriodId: PERIOD, compareTaxCodes: () => 0 });
  if (isFrozen === true) ranking.freeze();
  const last = { orderNumber: 7, awardPeriodId: PERIOD, cut: null, atMs: 9 };
  const shards = [0, 1].map(
    (index): Partial<CoordinatedShard> => ({
      lastPayoutOrder: async () => ({ order: isDone === null ? null : last, orderCount: 7 }),
      payoutProgress: async () => ({ ...{ recordCount: 0, totalCents: 0 }, isDone: isDone![index]! }),
      payoutsDue: async () => (dueCents[index] === null ? REFUSED : { ok: true, value: dueCents[index]! }),
      orderPayouts: async (order) => order,
      runPayouts: async () =>
        runs[index] === true ? { ok: true, value: { recordCount: 2, totalCents: 50, isDone: true } } : REFUSED,
    }),
  );
  const orders = new PayoutOrders({
    programme: italy2020(),
    shards: shards as readonly CoordinatedShard[],
    rankings: { of: () => (isFrozen === null ? undefined : ranking) } as unknown as Rankings,
    closing: { isFinal: () => isFinal },
  });
  return orders.make(PERIOD, fundsCents);
}

const made = (orderNumber: number, cut: { fundsCents: number; totalCents: number } | null = null) => ({
  ok: true,
  value: { awardPeriodId: PERIOD, orderNumber, recordCount: 4, totalCents: 100, cut },
});

test('all shards make them, and what each has made is added up', async () => {
  expect(await make(null)).toEqual(made(8));
});

test('a period has to have been frozen, and closed for good', async () => {
  expect(await make(null, { isFrozen: null })).toEqual({ ok: false, code: 'PERIOD_NOT_FROZEN' });
  expect(await make(null, { isFrozen: false })).toEqual({ ok: false, code: 'PERIOD_NOT_FROZEN' });
  expect(await make(null, { isFinal: false })).toEqual({ ok: false, code: 'PERIOD_REOPENED' });
});

test('an order that some shard has not carried out yet is carried out before there is another', async () => {
  expect(await make(null, { isDone: [true, false] })).toEqual(made(7));
  expect(await make(null, { isDone: [true, true] })).toEqual(made(8));
});

test('funds that are less than what is due at all shards together are a cut', async () => {
  expect(await make(99)).toEqual(made(8, { fundsCents: 99, totalCents: 100 }));
  expect(await make(100)).toEqual(made(8));
});

test('what one shard refuses is refused, whether before it is ordered or when it is carried out', async () => {
  expect(await make(99, { dueCents: [60, null] })).toEqual(REFUSED);
  expect(await make(null, { runs: [true, false] })).toEqual(REFUSED);
});
