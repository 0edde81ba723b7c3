/** The records of a period as the rows of its files: counted first, since their names tell how many there will be. */
import { type Engine, type PayoutView, type PeriodView, partitionOfPayout } from '../../engine/index.ts';
import { type PayoutRow, payoutRowFault, type RowFault } from './payout-row.ts';

/** What is to be sent: in the order of partitions and numbers, which never changes. */
export interface PayoutPlan {
  readonly ids: Uint32Array;
  /** Records that cannot be written: they wait for whoever can correct them. Only so many are named. */
  readonly unwritable: readonly (RowFault & { readonly id: number })[];
  readonly unwritableCount: number;
}

const NAMED_MAX = 100;
/** Grows by doubling. */
const IDS_FIRST = 1_024;

export async function planPayout(engine: Engine, period: PeriodView): Promise<PayoutPlan> {
  let [ids, count, unwritableCount] = [new Uint32Array(IDS_FIRST), 0, 0];
  const unwritable: (RowFault & { readonly id: number })[] = [];
  for await (const payout of exportable(engine, period)) {
    const row = payoutRow(payout, period);
    const fault = row === null ? ({ code: 'FIELD_INVALID', detail: 'account' } as const) : payoutRowFault(row);
    if (fault === null) {
      if (count === ids.length) ids = doubled(ids);
      ids[count] = payout.id;
      count += 1;
    } else {
      unwritableCount += 1;
      if (unwritable.length < NAMED_MAX) unwritable.push({ id: payout.id, ...fault });
    }
  }
  return { ids: ids.subarray(0, count), unwritable, unwritableCount };
}

/** Null: planned, and not to be sent any more, since its citizen left meanwhile. What came since is left for the next. */
export async function* plannedRows(
  engine: Engine,
  period: PeriodView,
  { ids }: PayoutPlan,
): AsyncGenerator<PayoutRow | null> {
  let next = 0;
  for await (const payout of exportable(engine, period)) {
    if (next === ids.length) return;
    // Both are in one order: whatever was planned and did not come is gone.
    while (next < ids.length && isBefore(ids[next]!, payout.id)) {
      next += 1;
      yield null;
    }
    if (ids[next] !== payout.id) continue;
    next += 1;
    const row = payoutRow(payout, period);
    yield row !== null && payoutRowFault(row) === null ? row : null;
  }
  for (; next < ids.length; next += 1) yield null;
}

async function* exportable(engine: Engine, { awardPeriodId }: PeriodView): AsyncGenerator<PayoutView> {
  yield* payoutsIn(engine, awardPeriodId, 'exportable');
}

/** Page by page. @throws PayoutReadFault where the engine has no room for the question */
export async function* payoutsIn(
  engine: Engine,
  awardPeriodId: number,
  filter: 'exportable' | 'wip',
): AsyncGenerator<PayoutView> {
  let cursor: string | null = '0 0';
  while (cursor !== null) {
    const page: Awaited<ReturnType<Engine['payouts']>> = await engine.payouts({ awardPeriodId, filter, cursor });
    if (!page.ok) throw new PayoutReadFault(page.code);
    yield* page.value.payouts;
    cursor = page.value.nextCursor;
  }
}

export class PayoutReadFault extends Error {
  readonly code: string;
  constructor(code: string) {
    super(`the payout records could not be read: ${code}`);
    this.code = code;
  }
}

/** Null: it has no account. */
function payoutRow(payout: PayoutView, { startDay, endDay }: PeriodView): PayoutRow | null {
  const { id, account, taxCode, awardPeriodId, cashbackCents, jackpotCents, ticketId, relatedId } = payout;
  if (account === null || account.checkStatus === 'KO') return null;
  return {
    ...account,
    ...{ id, awardPeriodId, startDay, endDay, cashbackCents, jackpotCents, ticketId, relatedId },
    citizenTaxCode: taxCode,
    checkStatus: account.checkStatus,
  };
}

/** By partition, then by number within it: an id is number x partitions + partition + 1. */
function isBefore(left: number, right: number): boolean {
  const [leftPartition, rightPartition] = [partitionOfPayout(left), partitionOfPayout(right)];
  return leftPartition === rightPartition ? left < right : leftPartition < rightPartition;
}

function doubled(ids: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(ids.length * 2);
  larger.set(ids);
  return larger;
}
