/** What was counted for a citizen: totals, lists, days. */
import { type CitizenKey, type Engine, LIMITS, type PaymentsQuery, type Read } from '../../engine/index.ts';
import { type CitizenCallOptions, hpanOf, optionalNumber, requiredNumber } from './citizen-call.ts';
import { BASE, CITIZEN, citizenOf } from './io-call.ts';
import { daysOfTransactions, euro, transactionResource } from './io-resources.ts';
import { type Answer, json, refuse } from './respond.ts';
import type { Call, Route } from './route.ts';

/** What the contract's clients expect of a page without a `limit`. */
const PAGE_COUNT = 20;

export function transactionRoutes({ engine }: CitizenCallOptions): readonly Route[] {
  const path = `${BASE}/winning-transactions`;
  const failure = 'PAYMENTS_NOT_LISTED';
  const total = (call: Call) => readTotal(engine, call, citizenOf(engine, call).key);
  return [
    { method: 'GET', path: `${path}/total-cashback`, roles: CITIZEN, handle: total },
    { method: 'GET', path: `${path}/v2/total-cashback`, roles: CITIZEN, handle: total },
    { method: 'GET', path: `${path}/v2/countbyday`, roles: CITIZEN, handle: (call) => countByDay(engine, call) },
    { method: 'GET', path: `${path}/v2`, roles: CITIZEN, failure, handle: (call) => readTransactionsV2(engine, call) },
    { method: 'GET', path, roles: CITIZEN, failure, handle: (call) => readTransactions(engine, call) },
  ];
}

export async function readTotal(engine: Engine, call: Call, key: CitizenKey): Promise<Answer> {
  const awardPeriodId = requiredNumber(call, 'awardPeriodId');
  if (awardPeriodId === null) return refuse('FIELD_INVALID', 'awardPeriodId');
  const total = await engine.total(key, awardPeriodId);
  if (!total.ok) return total;
  return json({ totalCashback: euro(total.value.shownCents), transactionNumber: total.value.transactionNumber });
}

/** Version 1 knows no pages. Who never enrolled has no transactions either: the contract has no 404 here. */
async function readTransactions(engine: Engine, call: Call): Promise<Answer> {
  const query = transactionsQuery(call);
  if (!query.ok) return query;
  const { key } = citizenOf(engine, call);
  // A payment that arrives between two pages moves rows to the next page: seen twice, never missed.
  const byId = new Map<string, object>();
  for (let cursor: number | null = 0; cursor !== null; ) {
    const page = await engine.payments(key, { ...query.value, limit: LIMITS.paymentsPageMax, cursor });
    if (!page.ok) return page.code === 'CITIZEN_NOT_FOUND' ? json([]) : page;
    for (const payment of page.value.payments) byId.set(payment.idTrx, transactionResource(payment));
    cursor = page.value.nextCursor;
  }
  return json([...byId.values()]);
}

/** One page, grouped by day. The cursor is a page number; there is none before the first and after the last page. */
async function readTransactionsV2(engine: Engine, call: Call): Promise<Answer> {
  const query = transactionsQuery(call);
  if (!query.ok) return query;
  const asked = optionalNumber(call, 'limit');
  if (asked === null || asked === 0) return refuse('FIELD_INVALID', 'limit');
  const cursor = optionalNumber(call, 'nextCursor');
  if (cursor === null) return refuse('FIELD_INVALID', 'nextCursor');
  const limit = Math.min(asked ?? PAGE_COUNT, LIMITS.paymentsPageMax);
  const page = await engine.payments(citizenOf(engine, call).key, { ...query.value, limit, cursor: cursor ?? 0 });
  if (!page.ok) return page.code === 'CITIZEN_NOT_FOUND' ? json({ transactions: [] }) : page;
  const { payments, nextCursor } = page.value;
  return json({
    ...(cursor === undefined || cursor === 0 ? {} : { prevCursor: cursor - 1 }),
    ...(nextCursor === null ? {} : { nextCursor }),
    transactions: daysOfTransactions(payments),
  });
}

async function countByDay(engine: Engine, call: Call): Promise<Answer> {
  const query = transactionsQuery(call);
  if (!query.ok) return query;
  const days = await engine.paymentDays(citizenOf(engine, call).key, query.value);
  if (!days.ok) return days.code === 'CITIZEN_NOT_FOUND' ? json([]) : days;
  return json(days.value.map(({ day, count }) => ({ trxDate: day, count })));
}

function transactionsQuery(call: Call): Read<PaymentsQuery> {
  const awardPeriodId = requiredNumber(call, 'awardPeriodId');
  if (awardPeriodId === null) return refuse('FIELD_INVALID', 'awardPeriodId');
  const sent = call.request.query.get('hpan');
  if (sent === null) return { ok: true, value: { awardPeriodId } };
  const hpan = hpanOf(sent);
  return hpan === null ? refuse('FIELD_INVALID', 'hpan') : { ok: true, value: { awardPeriodId, hpan } };
}
