/** A card and its owner's totals in one period, with nothing but the law: what the golden vectors are played on. */
import type { LedgerEntry } from '../../engine/card/card.ts';
import type { MilestonesView, PeriodParameters, TransactionRecord } from '../../engine/contract.ts';
import { type MilestoneLine, milestones, payableCents, paymentScoreCents } from '../../engine/programme/cashback.ts';
import { recordKeyText } from '../../engine/programme/record.ts';
import { matchReversal, type RememberedPayment } from '../../engine/programme/reversal.ts';

const HPAN = 'ab'.repeat(32);

export function recordOf(fields: Partial<TransactionRecord>): TransactionRecord {
  return {
    acquirerCode: '36081',
    operationType: '00',
    circuitType: '01',
    hpan: HPAN,
    trxMs: 0,
    idTrxAcquirer: 'ARN1',
    idTrxIssuer: '',
    correlationId: '',
    amountCents: 1,
    acquirerId: '09509',
    merchantId: 'M1',
    terminalId: 'T1',
    ...fields,
  };
}

export function entryOf(record: TransactionRecord, fields: Partial<LedgerEntry> = {}): LedgerEntry {
  return {
    record,
    receivedMs: record.trxMs,
    arrival: 0,
    state: 'counted',
    citizen: 'cd'.repeat(16),
    enrolment: 1,
    awardPeriodId: 2,
    scoreCents: 0,
    leftCents: record.amountCents,
    place: 0,
    previous: 0,
    key: '',
    latestMs: 0,
    matched: 0,
    code: null,
    flagged: false,
    expiresMs: 0,
    fileNumber: 0,
    ...fields,
  };
}

export class Ledger {
  readonly #period: PeriodParameters;
  readonly #payments: RememberedPayment[] = [];
  readonly #lines: MilestoneLine[] = [];
  #pending: TransactionRecord[] = [];
  #arrivals = 0;
  rawCents = 0;
  count = 0;
  parked = 0;

  constructor(period: PeriodParameters) {
    this.#period = period;
  }

  get pending(): number {
    return this.#pending.length;
  }

  /** Returns the score. Pending reversals are tried again, in the order received (DECISION 18). */
  pay(fields: Partial<TransactionRecord>): number {
    const record = recordOf(this.#arrive(fields));
    const scoreCents = paymentScoreCents(record.amountCents, this.#period);
    const entry = entryOf(record, { awardPeriodId: this.#period.awardPeriodId, scoreCents });
    this.#payments.push({ key: recordKeyText(record), entry });
    this.#list(record, scoreCents, 1);

    const waiting = this.#pending;
    this.#pending = [];
    for (const reversal of waiting) this.#settle(reversal);
    return scoreCents;
  }

  /** Returns the score, or why there is none. */
  reverse(fields: Partial<TransactionRecord>): number | 'none' | 'ambiguous' | 'exceeds' {
    return this.#settle(recordOf({ ...this.#arrive(fields), operationType: '01' }));
  }

  payable(): number {
    return payableCents(this, this.#period);
  }

  milestones(): MilestonesView {
    return milestones(this.#lines.toReversed(), this.#period);
  }

  #settle(record: TransactionRecord): number | 'none' | 'ambiguous' | 'exceeds' {
    const { awardPeriodId } = this.#period;
    const match = matchReversal({ record, awardPeriodId }, this.#payments, this.#period);
    if (match.kind === 'none') this.#pending.push(record);
    else if (match.kind !== 'matched') this.parked += 1;
    if (match.kind !== 'matched') return match.kind;

    const index = this.#payments.findIndex(({ key }) => key === match.key);
    const { key, entry } = this.#payments[index]!;
    this.#payments[index] = { key, entry: { ...entry, leftCents: match.leftAfterCents } };
    this.#list(record, match.scoreCents, match.countDelta);
    return match.scoreCents;
  }

  #arrive(fields: Partial<TransactionRecord>): Partial<TransactionRecord> {
    this.#arrivals += 1;
    return { trxMs: this.#arrivals * 60_000, idTrxAcquirer: `ARN${this.#arrivals}`, ...fields };
  }

  #list(record: TransactionRecord, cashbackCents: number, countDelta: number): void {
    const { idTrxAcquirer: idTrx, trxMs } = record;
    this.#lines.push({ idTrx, trxMs, insertion: this.#lines.length, cashbackCents, countDelta });
    this.rawCents += cashbackCents;
    this.count += countDelta;
  }
}
