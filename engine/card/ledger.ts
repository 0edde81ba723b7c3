/**
 * The records of one card (domain 3.3 and 3.3b): what is seen, what is asked of a wallet, what waits for its payment.
 * One record of a card is under way at a time, so its records take effect in the order of arrival (DECISION 19).
 */
import { invariant } from '../assert.ts';
import type { Hpan, PeriodParameters, RecordOutcome, RefusalName, TransactionRecord } from '../contract.ts';
import type { Decision } from '../decision.ts';
import type { MessageBody } from '../facts.ts';
import { addOneMonth, isReversal, matchReversal } from '../programme/index.ts';
import type { Card, Departure, HistoryRow, LedgerEntry, PendingReversal } from './card.ts';
import { hasDeparted } from './card-facts.ts';

/** The stored records of one card, as the turn sees them. */
export interface LedgerReader {
  entry(key: string): LedgerEntry | undefined;
  entries(): Iterable<readonly [string, LedgerEntry]>;
}

export interface LedgerContext {
  readonly card: Card;
  readonly nowMs: number;
  readonly decision: Decision;
  readonly ledger: LedgerReader;
  periodOf(awardPeriodId: number): PeriodParameters;
}

export interface Received {
  readonly key: string;
  readonly record: TransactionRecord;
  readonly receivedMs: number;
}

type Judged<K extends MessageBody['kind']> = Extract<MessageBody, { kind: K }>;

/** One decision's work on a ledger: reads see its own writes, each write is a fact with the counters after it. */
export class LedgerWork {
  readonly #context: LedgerContext;
  readonly #written = new Map<string, LedgerEntry | null>();
  #unanswered: number;
  #pending: readonly PendingReversal[];
  #arrivals: number;
  #reversals: number;
  /** Found gone in this very decision: the card's own list has it only afterwards. */
  #gone: Departure | null = null;

  constructor(context: LedgerContext) {
    this.#context = context;
    const { unanswered, pending, arrivals, reversals } = context.card;
    this.#unanswered = unanswered;
    this.#pending = pending;
    this.#arrivals = arrivals;
    this.#reversals = reversals;
  }

  /** Sends a payment to the wallet of who held the card that day. */
  askCount(received: Received, owner: HistoryRow): void {
    const { key, record, receivedMs } = received;
    this.#unanswered += 1;
    this.#set(key, { ...this.#arrived(received), state: 'asked', citizen: owner.citizen });
    this.#context.decision.messages.push({ kind: 'count', citizen: owner.citizen, key, record, receivedMs });
  }

  countJudged({ key, code, enrolment, awardPeriodId, scoreCents }: Omit<Judged<'countJudged'>, 'kind' | 'hpan'>): void {
    const entry = this.#asked(key);
    this.#unanswered -= 1;
    if (code !== null) {
      this.#set(key, null);
      // A guard of the citizen drops without blame; a period that takes nothing rejects (3.3).
      const status = code === 'TERMS_NOT_COVERED' ? 'dropped' : 'rejected';
      return this.#tell(key, { status, code });
    }
    const leftCents = entry.record.amountCents;
    this.#set(key, { ...entry, state: 'counted', enrolment, awardPeriodId, scoreCents, leftCents });
    this.#tell(key, { status: 'counted', scoreCents, awardPeriodId });
    this.#flagAmbiguous(key, entry.record, awardPeriodId);
    this.#settlePending();
  }

  storeReversal(received: Received, period: PeriodParameters): void {
    this.expire();
    const { key } = received;
    this.#reversals += 1;
    const { awardPeriodId } = period;
    const waiting: LedgerEntry = { ...this.#arrived(received), state: 'pending', awardPeriodId };
    this.#pending = [...this.#pending, { key, expiresMs: waiting.expiresMs }];
    this.#set(key, waiting);
    if (this.#match(key, waiting) === 'none') this.#tell(key, { status: 'pending' });
  }

  reverseJudged({ key, applied }: Omit<Judged<'reverseJudged'>, 'kind' | 'hpan'>): void {
    const reversal = this.#asked(key);
    this.#unanswered -= 1;
    if (applied) this.#apply(key, reversal);
    else this.#ownerIsGone(key, reversal);
    this.#settlePending();
    if (this.#entry(key)?.state === 'pending') this.#tell(key, { status: 'pending' });
  }

  /** Gives up what has waited for a month. */
  expire(): void {
    const { nowMs } = this.#context;
    for (const { key, expiresMs } of this.#pending) {
      if (nowMs < expiresMs) continue;
      const entry = this.#entry(key);
      invariant(entry !== undefined, 'a pending reversal is stored');
      this.#pending = this.#pending.filter((one) => one.key !== key);
      this.#set(key, { ...entry, state: 'expired' });
    }
  }

  #apply(key: string, reversal: LedgerEntry): void {
    const payment = this.#entry(reversal.matched);
    invariant(payment?.state === 'counted', 'a reversal is applied to a counted payment');
    const leftCents = payment.leftCents - reversal.record.amountCents;
    invariant(leftCents >= 0, 'never more is reversed than was paid');
    this.#set(reversal.matched, { ...payment, leftCents });
    this.#set(key, { ...reversal, state: 'applied' });
    const { scoreCents, awardPeriodId } = reversal;
    this.#tell(key, { status: 'applied', scoreCents, awardPeriodId });
  }

  /** The owner left while the reversal was on its way: there is nothing to match there (DECISION 22). */
  #ownerIsGone(key: string, reversal: LedgerEntry): void {
    const { citizen, enrolment } = reversal;
    if (!hasDeparted(this.#context.card, { citizen, enrolment })) {
      this.#context.decision.facts.push({ kind: 'ownerLeft', hpan: this.#hpan, citizen, enrolment });
    }
    const waiting: PendingReversal = { key, expiresMs: reversal.expiresMs };
    const arrivalOf = (one: PendingReversal) => this.#entry(one.key)?.arrival ?? 0;
    this.#pending = [...this.#pending, waiting].sort((a, b) => arrivalOf(a) - arrivalOf(b));
    this.#gone = { citizen, enrolment };
    this.#set(key, { ...reversal, state: 'pending', citizen: '', enrolment: 0, matched: '', scoreCents: 0 });
  }
  /** Tries what waits, in the order received, until one of them is under way (DECISION 23). */
  #settlePending(): void {
    if (this.#pending.length === 0) return;
    this.expire();
    for (const { key } of this.#pending) {
      if (this.#unanswered > 0) return;
      const entry = this.#entry(key);
      invariant(entry !== undefined, 'a pending reversal is stored');
      this.#match(key, entry);
    }
  }

  /** Parks a pending reversal, or asks the wallet that owns its payment, or leaves it pending. */
  #match(key: string, reversal: LedgerEntry): 'none' | 'moved' {
    const period = this.#context.periodOf(reversal.awardPeriodId);
    const match = matchReversal(reversal, this.#livePayments(), period);
    if (match.kind === 'none') return 'none';
    this.#pending = this.#pending.filter((one) => one.key !== key);
    if (match.kind !== 'matched') {
      const code = match.kind === 'ambiguous' ? 'REVERSAL_AMBIGUOUS' : 'REVERSAL_EXCEEDS';
      this.#set(key, { ...reversal, state: 'parked', code });
      this.#tell(key, { status: 'parked', code });
      return 'moved';
    }
    const payment = this.#entry(match.key);
    invariant(payment !== undefined, 'a matched payment is stored');
    const { citizen, enrolment } = payment;
    const { scoreCents, countDelta } = match;
    const { record, awardPeriodId } = reversal;
    this.#unanswered += 1;
    this.#set(key, { ...reversal, state: 'asked', citizen, enrolment, matched: match.key, scoreCents });
    const asked = { kind: 'reverse', citizen, enrolment, key, record, awardPeriodId, scoreCents, countDelta } as const;
    this.#context.decision.messages.push(asked);
    return 'moved';
  }

  /** A reversal already applied stands when a second payment matches it; an operator is told (DECISION 18). */
  #flagAmbiguous(paymentKey: string, payment: TransactionRecord, awardPeriodId: number): void {
    if (this.#reversals === 0 || payment.correlationId === '') return;
    for (const [key, entry] of this.#entries()) {
      if (entry.state !== 'applied' || entry.flagged || entry.matched === paymentKey) continue;
      if (entry.awardPeriodId !== awardPeriodId) continue;
      const { record } = entry;
      if (record.correlationId !== payment.correlationId) continue;
      if (record.acquirerCode !== payment.acquirerCode || record.acquirerId !== payment.acquirerId) continue;
      this.#set(key, { ...entry, flagged: true });
    }
  }

  #livePayments(): readonly { readonly key: string; readonly entry: LedgerEntry }[] {
    const payments: { readonly key: string; readonly entry: LedgerEntry }[] = [];
    for (const [key, entry] of this.#entries()) {
      if (entry.state !== 'counted' || hasDeparted(this.#context.card, entry)) continue;
      if (entry.citizen === this.#gone?.citizen && entry.enrolment === this.#gone.enrolment) continue;
      payments.push({ key, entry });
    }
    return payments;
  }

  #arrived({ record, receivedMs }: Received): LedgerEntry {
    const arrival = this.#arrivals;
    this.#arrivals += 1;
    return {
      record,
      receivedMs,
      arrival,
      state: isReversal(record) ? 'pending' : 'asked',
      citizen: '',
      enrolment: 0,
      awardPeriodId: 0,
      scoreCents: 0,
      leftCents: 0,
      matched: '',
      code: null,
      flagged: false,
      expiresMs: isReversal(record) ? addOneMonth(receivedMs) : 0,
    };
  }

  #asked(key: string): LedgerEntry {
    const entry = this.#entry(key);
    invariant(entry?.state === 'asked', 'a wallet answers only what its card asked');
    return entry;
  }

  #entry(key: string): LedgerEntry | undefined {
    const written = this.#written.get(key);
    return written === undefined ? this.#context.ledger.entry(key) : (written ?? undefined);
  }

  *#entries(): Iterable<readonly [string, LedgerEntry]> {
    for (const [key, entry] of this.#context.ledger.entries()) if (!this.#written.has(key)) yield [key, entry];
    for (const [key, entry] of [...this.#written]) if (entry !== null) yield [key, entry];
  }

  #set(key: string, entry: LedgerEntry | null): void {
    this.#written.set(key, entry);
    this.#context.decision.facts.push({
      kind: 'recordSet',
      hpan: this.#hpan,
      key,
      entry,
      unanswered: this.#unanswered,
      pending: this.#pending,
      arrivals: this.#arrivals,
      reversals: this.#reversals,
    });
  }

  #tell(key: string, outcome: RecordOutcome): void {
    this.#context.decision.outcomes.push({ kind: 'record', key, outcome });
  }

  get #hpan(): Hpan {
    return this.#context.card.hpan;
  }
}

export function refuseRecord(decision: Decision, key: string, status: 'dropped' | 'rejected', code: RefusalName): void {
  decision.outcomes.push({ kind: 'record', key, outcome: { status, code } });
}
