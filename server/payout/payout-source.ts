/** The records of a period as the rows of its files: counted first, since their names tell how many there will be. */
import {
  type Engine,
  LIMITS,
  PARTITION_COUNT,
  type PayoutsPage,
  type PayoutsQuery,
  type PayoutView,
  type PeriodView,
  partitionOfPayout,
} from '../../engine/index.ts';
import { type PayoutRow, payoutRowFault, type RowFault } from './payout-row.ts';

/** Records that cannot be written: they wait for whoever can correct them. Only so many are named. */
export class Unwritable {
  readonly named: (RowFault & { readonly id: number })[] = [];
  count = 0;

  add(id: number, fault: RowFault): void {
    this.count += 1;
    if (this.named.length < NAMED_MAX) this.named.push({ id, ...fault });
  }
}

const NAMED_MAX = 100;
/** Grows by doubling. */
const IDS_FIRST = 1_024;

/** What records are read from. A busy engine has no room for the question just then: it is asked again. */
export interface PayoutSource {
  readonly engine: Engine;
  /** Real time. */
  readonly pause: (ms: number) => Promise<void>;
  readonly isStopped: () => boolean;
}

const ASK_AGAIN_MS = 100;

/** Ids of what is to be sent, in the order of `payoutsIn`, which never changes. Opens no seals. */
export async function planPayout(source: PayoutSource, { awardPeriodId }: PeriodView): Promise<Uint32Array> {
  let [ids, count] = [new Uint32Array(IDS_FIRST), 0];
  for await (const page of payoutsIn(source, { awardPeriodId, filter: 'exportable', isBrief: true })) {
    for (const { id } of page) {
      if (count === ids.length) ids = doubled(ids);
      ids[count] = id;
      count += 1;
    }
  }
  return ids.subarray(0, count);
}

/**
 * Page by page. Null: planned, and not to be sent, since its citizen left meanwhile or it cannot be written. What came
 * since is left for the next time.
 */
export async function* plannedRows(
  source: PayoutSource,
  {
    period,
    ids,
    unwritable,
  }: { readonly period: PeriodView; readonly ids: Uint32Array; readonly unwritable: Unwritable },
): AsyncGenerator<readonly (PayoutRow | null)[]> {
  let next = 0;
  const { awardPeriodId } = period;
  for await (const page of payoutsIn(source, { awardPeriodId, filter: 'exportable', isBrief: false })) {
    if (next === ids.length) return;
    const rows: (PayoutRow | null)[] = [];
    for (const payout of page) {
      // Both are in one order: whatever was planned and did not come is gone.
      for (; next < ids.length && isBefore(ids[next]!, payout.id); next += 1) rows.push(null);
      if (ids[next] !== payout.id) continue;
      next += 1;
      rows.push(writableRow(payout, period, unwritable));
    }
    yield rows;
  }
  yield new Array<null>(ids.length - next).fill(null);
}

function writableRow(payout: PayoutView, period: PeriodView, unwritable: Unwritable): PayoutRow | null {
  const row = payoutRow(payout, period);
  const fault = row === null ? NO_ACCOUNT : payoutRowFault(row);
  if (fault === null) return row;
  unwritable.add(payout.id, fault);
  return null;
}

/** Its key is gone: nobody can say any more whose it was. */
const NO_ACCOUNT: RowFault = { code: 'FIELD_INVALID', detail: 'account' };

/**
 * A page of each partition in turn: stores have every so many of them, and read side by side, each on its own thread. Pages
 * and not records: each step of an iteration that may wait takes as long as writing a row.
 *
 * @throws PayoutReadFault when the engine stops
 */
export async function* payoutsIn(source: PayoutSource, query: PayoutsQuery): AsyncGenerator<readonly PayoutView[]> {
  const { shardCount } = await source.engine.stats();
  const waiting: PayoutsQuery[] = Array.from({ length: PARTITION_COUNT }, (_, partition) => ({ ...query, partition }));
  const asked: { readonly of: PayoutsQuery; readonly page: Promise<PayoutsPage> }[] = [];
  for (;;) {
    while (waiting.length > 0 && asked.length < shardCount + PAGES_AHEAD) {
      const of = waiting.shift()!;
      asked.push({ of, page: askedAhead(readPage(source, of)) });
    }
    const first = asked.shift();
    if (first === undefined) return;
    const { payouts, nextCursor } = await first.page;
    yield payouts;
    if (nextCursor !== null) waiting.push({ ...first.of, cursor: nextCursor });
  }
}

/** The engine reads while the rows before are written. */
const PAGES_AHEAD = 1;

/** What failed is told when it is waited for. */
function askedAhead<T>(page: Promise<T>): Promise<T> {
  page.catch(() => undefined);
  return page;
}

async function readPage({ engine, pause, isStopped }: PayoutSource, query: PayoutsQuery): Promise<PayoutsPage> {
  for (;;) {
    const page = await engine.payouts(query);
    if (page.ok) return page.value;
    if (page.code !== 'OVERLOADED' || isStopped()) throw new PayoutReadFault(page.code);
    await pause(ASK_AGAIN_MS);
  }
}

export class PayoutReadFault extends Error {
  readonly code: string;
  constructor(code: string) {
    super(`the payout records could not be read: ${code}`);
    this.code = code;
  }
}

/** Field by field: objects spread into one took 12 us a row, and this 0.1. @returns null: it has no account */
function payoutRow(payout: PayoutView, { startDay, endDay }: PeriodView): PayoutRow | null {
  const { account } = payout;
  if (account === null || account.checkStatus === 'KO') return null;
  return {
    id: payout.id,
    citizenTaxCode: payout.taxCode,
    accountHolderCF: account.accountHolderCF,
    accountHolderName: account.accountHolderName,
    accountHolderSurname: account.accountHolderSurname,
    iban: account.iban,
    checkStatus: account.checkStatus,
    technicalAccountHolder: account.technicalAccountHolder,
    issuerCardId: account.issuerCardId,
    awardPeriodId: payout.awardPeriodId,
    startDay,
    endDay,
    cashbackCents: payout.cashbackCents,
    jackpotCents: payout.jackpotCents,
    ticketId: payout.ticketId,
    relatedId: payout.relatedId,
    updateMs: payout.updateMs,
  };
}

/** As `payoutsIn` reads: by page, then by partition, then by number. An id is number x partitions + partition + 1. */
function isBefore(left: number, right: number): boolean {
  const [leftPage, rightPage] = [pageOf(left), pageOf(right)];
  if (leftPage !== rightPage) return leftPage < rightPage;
  const [leftPartition, rightPartition] = [partitionOfPayout(left), partitionOfPayout(right)];
  return leftPartition === rightPartition ? left < right : leftPartition < rightPartition;
}

function pageOf(id: number): number {
  return Math.floor((id - 1) / PARTITION_COUNT / LIMITS.payoutsPageMax);
}

function doubled(ids: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(ids.length * 2);
  larger.set(ids);
  return larger;
}
