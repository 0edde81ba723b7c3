/**
 * The records of one card (domain 3.3 and 3.3b): what is seen, what is asked of a wallet, what waits for its payment.
 * One record of a card is under way at a time, so its records take effect in the order of arrival (DECISION 19).
 */
import { invariant } from '../assert.ts';
import type {
  Hpan,
  PeriodParameters,
  RecordKey,
  RecordOutcome,
  RefusalName,
  Resolution,
  ReversalResolved,
  TransactionRecord,
} from '../contract.ts';
import type { Decision } from '../decision.ts';
import type { Read } from '../engine.ts';
import type { MessageBody } from '../facts.ts';
import { NOWHERE } from '../place.ts';
import {
  addOneMonth,
  exclusionOperation,
  exclusionTime,
  inclusionOperation,
  isExclusion,
  isReversal,
  isTakingBack,
  matchReversal,
  type RememberedPayment,
  type ReversalEffect,
  reversalOf,
  romeDayNumber,
} from '../programme/index.ts';
import type { Card, Departure, HistoryRow, LedgerEntry, PendingReversal, StoredResolution } from './card.ts';
import { hasDeparted } from './card-facts.ts';

/** The stored records of the card's partition, as the turn sees them. */
export interface LedgerReader {
  entry(place: number): LedgerEntry;
  /** What an operator decided about the reversal there; null = nothing that stands. */
  resolution(place: number): StoredResolution | null;
  /** Of the record that is taken next. */
  newPlace(): number;
}

export interface LedgerContext {
  readonly card: Card;
  readonly nowMs: number;
  readonly decision: Decision;
  readonly ledger: LedgerReader;
  periodOf(awardPeriodId: number): PeriodParameters;
  /** Of a record that the engine makes. */
  keyOf(record: RecordKey): string;
}

export interface Received {
  readonly key: string;
  readonly record: TransactionRecord;
  readonly receivedMs: number;
  readonly fileNumber: number;
  /** By which decision a closed period takes it; absent: it is in time. */
  readonly reopening?: Reopening | undefined;
}

export interface Reopening {
  readonly decisionNumber: number;
  readonly awardPeriodId: number;
  readonly file: string;
}

/** DECISION 24. */
export function isInFuture({ trxMs }: Pick<TransactionRecord, 'trxMs'>, receivedMs: number): boolean {
  return romeDayNumber(trxMs) > romeDayNumber(receivedMs);
}

/** Whether the card has taken this very record before, and still knows it. */
export function isKnown(
  context: Pick<LedgerContext, 'card' | 'ledger'>,
  { key, record }: Pick<Received, 'key' | 'record'>,
): boolean {
  const entry = findRecord(context, { key, trxMs: record.trxMs });
  return entry !== null && entry.state !== 'forgotten';
}

/**
 * The record of this key; where there are only forgotten ones, one of those. Of what is not among the recent ones it looks
 * at the chain, back to where nothing is as late: a record that comes in its order costs no look, one that comes again
 * with the file of a day as many as the card has had since.
 */
export function findRecord(
  { card, ledger }: { readonly card: Card; readonly ledger: Pick<LedgerReader, 'entry'> },
  { key, trxMs }: { readonly key: string; readonly trxMs: number },
): LedgerEntry | null {
  let forgotten: LedgerEntry | null = null;
  for (const recent of card.recent) {
    if (recent.key !== key) continue;
    const entry = ledger.entry(recent.place);
    if (entry.state !== 'forgotten') return entry;
    forgotten = entry;
  }
  const [first] = card.recent;
  if (first === undefined || trxMs > card.olderMs) return forgotten;
  let { previous } = ledger.entry(first.place);
  while (previous !== NOWHERE) {
    const entry = ledger.entry(previous);
    if (entry.key === key) {
      if (entry.state !== 'forgotten') return entry;
      forgotten ??= entry;
    }
    if (trxMs > entry.latestMs) return forgotten;
    previous = entry.previous;
  }
  return forgotten;
}

/** All records of the card, the newest first. */
export function* recordsOf(card: Card, entryAt: LedgerReader['entry']): Iterable<LedgerEntry> {
  let place = card.recent.at(-1)?.place ?? NOWHERE;
  while (place !== NOWHERE) {
    const entry = entryAt(place);
    yield entry;
    place = entry.previous;
  }
}

/**
 * The engine's own record that says how a payment stands: taken out of counting, or put back; null = nothing ever was.
 * What its wallet did not take, since the owner had left, is forgotten.
 */
export function lastExclusion(records: Iterable<LedgerEntry>, payment: LedgerEntry): LedgerEntry | null {
  for (const entry of records) {
    if (entry.matched === payment.place && isExclusion(entry.record) && entry.state !== 'forgotten') return entry;
  }
  return null;
}

export function isExcludedBy(last: LedgerEntry | null): boolean {
  return last !== null && isTakingBack(last.record);
}

/** What an operator asks, with all that has to be known to judge it. */
export interface ResolutionAsked {
  /** Of the reversal's record. */
  readonly key: string;
  readonly reversal: LedgerEntry | null;
  /** What was decided about it before, if that stands. */
  readonly before: StoredResolution | null;
  readonly resolution: Resolution;
  readonly payment: LedgerEntry | null;
  /** Nothing more counts in the reversal's period. */
  readonly isClosed: boolean;
  readonly operator: string;
  readonly reason: string;
}

/** What of a decision can be told once it stands. */
export function resolvedView(
  { state, scoreCents, awardPeriodId }: LedgerEntry,
  { resolution, operator, reason, atMs }: StoredResolution,
): ReversalResolved {
  return {
    ...{ state: state === 'discarded' ? 'discarded' : 'applied', resolution, operator, reason, atMs },
    ...{ scoreCents, awardPeriodId },
  };
}

type Judged<K extends MessageBody['kind']> = Extract<MessageBody, { kind: K }>;

/** One decision's work on a ledger: reads see its own writes, each write is a fact with the counters after it. */
export class LedgerWork {
  readonly #context: LedgerContext;
  readonly #written = new Map<number, LedgerEntry>();
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
  askCount(received: Received, owner: Pick<HistoryRow, 'citizen'>): void {
    const { record, receivedMs, reopening } = received;
    const { citizen } = owner;
    this.#unanswered += 1;
    const entry = this.#arrived(received, { state: 'asked', citizen });
    this.#set(entry);
    const asked = { citizen, place: entry.place, record, receivedMs };
    this.#context.decision.messages.push(
      reopening === undefined
        ? { kind: 'count', ...asked }
        : { kind: 'countLate', ...asked, awardPeriodId: reopening.awardPeriodId },
    );
  }

  countJudged({
    place,
    code,
    enrolment,
    awardPeriodId,
    scoreCents,
  }: Omit<Judged<'countJudged'>, 'kind' | 'hpan'>): void {
    const entry = this.#asked(place);
    this.#unanswered -= 1;
    if (code !== null) {
      this.#set({ ...entry, state: 'forgotten' });
      // A guard of the citizen drops without blame; a period that takes nothing rejects (3.3).
      const status = code === 'TERMS_NOT_COVERED' ? 'dropped' : 'rejected';
      return this.#tell(entry, { status, code });
    }
    const leftCents = entry.record.amountCents;
    this.#set({ ...entry, state: 'counted', enrolment, awardPeriodId, scoreCents, leftCents });
    this.#context.decision.accepted = entry;
    this.#tell(entry, { status: 'counted', scoreCents, awardPeriodId });
    this.#flagAmbiguous(entry.record, awardPeriodId);
    this.#settlePending();
  }

  storeReversal(received: Received, period: PeriodParameters): void {
    this.expire();
    this.#reversals += 1;
    const { awardPeriodId } = period;
    const waiting = this.#arrived(received, { state: 'pending', awardPeriodId });
    const { place, expiresMs } = waiting;
    this.#pending = [...this.#pending, { place, expiresMs }];
    this.#set(waiting);
    this.#context.decision.accepted = waiting;
    if (this.#match(waiting) === 'none') this.#tell(waiting, { status: 'pending' });
  }

  reverseJudged({ place, applied }: Omit<Judged<'reverseJudged'>, 'kind' | 'hpan'>): void {
    const reversal = this.#asked(place);
    this.#unanswered -= 1;
    if (isExclusion(reversal.record)) return this.#exclusionJudged(reversal, applied);
    if (applied) this.#apply(reversal);
    else this.#ownerIsGone(reversal);
    this.#settlePending();
    if (this.#entry(place).state === 'pending') this.#tell(reversal, { status: 'pending' });
  }

  /** An operator's decision about a parked or flagged reversal, judged by the machine. */
  resolve({ key, reversal, payment, resolution, operator, reason }: ResolutionAsked): void {
    invariant(reversal !== null, 'a guard saw to the reversal');
    const { nowMs, decision } = this.#context;
    const paymentPlace = payment?.place ?? NOWHERE;
    const made = { place: reversal.place, resolution, paymentPlace, operator, reason, atMs: nowMs };
    decision.facts.push({ kind: 'reversalResolved', hpan: this.#hpan, resolution: made });
    if (resolution === 'apply') {
      invariant(payment !== null, 'a guard saw to the payment');
      const period = this.#context.periodOf(reversal.awardPeriodId);
      this.#ask(reversal, payment, reversalOf(reversal.record.amountCents, payment, period));
      return;
    }
    const resolved: LedgerEntry =
      resolution === 'discard'
        ? { ...reversal, state: 'discarded' }
        : { ...reversal, flagged: false, code: 'REVERSAL_AMBIGUOUS' };
    this.#set(resolved);
    this.#tellResolved(key, { ok: true, value: resolvedView(resolved, made) });
  }

  /**
   * Has the wallet take back all that is left of a payment, or give it back (domain 5.6). In between nothing happens to the
   * payment: a reversal of it is parked.
   */
  exclude(payment: LedgerEntry, isExcluded: boolean): void {
    const last = lastExclusion(this.#entries(), payment);
    if (isExcludedBy(last) === isExcluded) return;
    if (isExcluded) this.#takeOut(payment, last);
    else if (last !== null) this.#putBack(payment, last);
  }

  #takeOut(payment: LedgerEntry, last: LedgerEntry | null): void {
    let { leftCents, scoreCents } = payment;
    for (const { matched, state, record, scoreCents: taken } of this.#entries()) {
      if (matched !== payment.place || !isReversal(record)) continue;
      if (state === 'asked') leftCents -= record.amountCents;
      if (state === 'asked' || state === 'applied') scoreCents += taken;
    }
    // It counts no more as it is; a cent that rounding leaves (G16) stays.
    if (leftCents === 0) return;
    const time = last === null ? 1 : exclusionTime(last.record.operationType) + 1;
    this.#askExclusion(payment, exclusionOperation(payment.record.operationType, time), {
      amountCents: leftCents,
      scoreCents: 0 - scoreCents,
      countDelta: -1,
    });
  }

  #putBack(payment: LedgerEntry, out: LedgerEntry): void {
    const { scoreCents, record } = out;
    const put = { amountCents: record.amountCents, scoreCents: 0 - scoreCents, countDelta: 1 };
    this.#askExclusion(payment, inclusionOperation(record.operationType), put);
  }

  #askExclusion(
    payment: LedgerEntry,
    operationType: string,
    { amountCents, scoreCents, countDelta }: { amountCents: number; scoreCents: number; countDelta: number },
  ): void {
    const { nowMs, decision, keyOf } = this.#context;
    const { citizen, enrolment, awardPeriodId } = payment;
    // No reversal is ever about it.
    const record: TransactionRecord = { ...payment.record, operationType, amountCents, correlationId: '' };
    const arrived = this.#arrived(
      { key: keyOf(record), record, receivedMs: nowMs, fileNumber: 0 },
      { state: 'asked', citizen, awardPeriodId },
    );
    this.#unanswered += 1;
    this.#set({ ...arrived, enrolment, matched: payment.place, scoreCents });
    const { place } = arrived;
    const counts = { record, awardPeriodId, scoreCents, countDelta };
    decision.messages.push({ kind: 'reverse', citizen, enrolment, place, ...counts });
  }

  #exclusionJudged(entry: LedgerEntry, applied: boolean): void {
    if (!applied) this.#rememberGone(entry);
    this.#set({ ...entry, state: applied ? 'applied' : 'forgotten' });
    this.#settlePending();
  }

  /** Gives up what has waited for a month. */
  expire(): void {
    const { nowMs } = this.#context;
    for (const { place, expiresMs } of this.#pending) {
      if (nowMs < expiresMs) continue;
      this.#pending = this.#pending.filter((one) => one.place !== place);
      this.#set({ ...this.#entry(place), state: 'expired' });
    }
  }

  #apply(reversal: LedgerEntry): void {
    const payment = this.#entry(reversal.matched);
    invariant(payment.state === 'counted', 'a reversal is applied to a counted payment');
    const leftCents = payment.leftCents - reversal.record.amountCents;
    invariant(leftCents >= 0, 'never more is reversed than was paid');
    this.#set({ ...payment, leftCents });
    const applied: LedgerEntry = { ...reversal, state: 'applied', code: null };
    this.#set(applied);
    const { scoreCents, awardPeriodId } = reversal;
    const resolution = reversal.code === null ? null : this.#context.ledger.resolution(reversal.place);
    if (resolution !== null) this.#tellResolved(reversal.key, { ok: true, value: resolvedView(applied, resolution) });
    else this.#tell(reversal, { status: 'applied', scoreCents, awardPeriodId });
  }

  /** The owner left while the reversal was on its way: there is nothing to match there (DECISION 22). */
  #ownerIsGone(reversal: LedgerEntry): void {
    const { place, expiresMs } = reversal;
    this.#rememberGone(reversal);
    const unmatched = { ...reversal, citizen: '', enrolment: 0, matched: NOWHERE, scoreCents: 0 };
    if (reversal.code !== null) {
      const isResolved = this.#context.ledger.resolution(place) !== null;
      if (isResolved) this.#context.decision.facts.push({ kind: 'resolutionVoided', hpan: this.#hpan, place });
      this.#set({ ...unmatched, state: 'parked' });
      if (isResolved) this.#tellResolved(reversal.key, { ok: false, code: 'PAYMENT_OWNER_LEFT' });
      return;
    }
    // Places follow each other as records arrive.
    this.#pending = [...this.#pending, { place, expiresMs }].sort((a, b) => a.place - b.place);
    this.#set({ ...unmatched, state: 'pending' });
  }

  /** The card of a token hears of it in no other way. */
  #rememberGone({ citizen, enrolment }: LedgerEntry): void {
    this.#gone = { citizen, enrolment };
    if (hasDeparted(this.#context.card, this.#gone)) return;
    this.#context.decision.facts.push({ kind: 'ownerLeft', hpan: this.#hpan, citizen, enrolment });
  }

  /** Tries what waits, in the order received, until one of them is under way (DECISION 23). */
  #settlePending(): void {
    this.#settleStopped();
    if (this.#pending.length === 0) return;
    this.expire();
    for (const { place } of this.#pending) {
      if (this.#isRecordAsked()) return;
      this.#match(this.#entry(place));
    }
  }

  /** What is being taken out or put back keeps no reversal waiting: what was counted first is reversed first. */
  #isRecordAsked(): boolean {
    if (this.#unanswered === 0) return false;
    return [...this.#entries()].some(({ state, record }) => state === 'asked' && !isExclusion(record));
  }

  /** Reversals of payments that count again go on where they were stopped, in the order received. */
  #settleStopped(): void {
    if (this.#reversals === 0) return;
    for (const entry of [...this.#entries()].reverse()) {
      if (entry.state !== 'parked' || entry.code !== 'EXCLUDED') continue;
      if (this.#isRecordAsked()) return;
      this.#match(entry);
    }
  }

  /** Parks a pending reversal, or asks the wallet that owns its payment, or leaves it pending. */
  #match(reversal: LedgerEntry): 'none' | 'moved' {
    const period = this.#context.periodOf(reversal.awardPeriodId);
    const payments = this.#livePayments();
    const match = matchReversal(reversal, payments, period);
    if (match.kind === 'none' || this.#isStillStopped(reversal, payments)) return 'none';
    const payment = payments.find(({ key }) => match.kind !== 'ambiguous' && key === match.key)?.entry;
    const isStopped = match.kind === 'matched' && isExcludedBy(lastExclusion(this.#entries(), payment!));
    this.#pending = this.#pending.filter((one) => one.place !== reversal.place);
    if (match.kind !== 'matched' || isStopped) {
      const code = isStopped ? 'EXCLUDED' : match.kind === 'ambiguous' ? 'REVERSAL_AMBIGUOUS' : 'REVERSAL_EXCEEDS';
      this.#set({ ...reversal, state: 'parked', code });
      this.#tell(reversal, { status: 'parked', code });
      return 'moved';
    }
    invariant(payment !== undefined, 'a matched payment is one of those that were looked at');
    this.#ask(reversal, payment, match);
    return 'moved';
  }

  /** Whatever payment came meanwhile: it goes on when what it was stopped at counts again. */
  #isStillStopped(reversal: LedgerEntry, payments: readonly RememberedPayment[]): boolean {
    if (reversal.code !== 'EXCLUDED') return false;
    const period = this.#context.periodOf(reversal.awardPeriodId);
    return payments.some(
      (one) =>
        isExcludedBy(lastExclusion(this.#entries(), one.entry)) &&
        matchReversal(reversal, [one], period).kind !== 'none',
    );
  }

  /** Asks the wallet that owns the payment to take it back. */
  #ask(reversal: LedgerEntry, payment: LedgerEntry, { scoreCents, countDelta }: ReversalEffect): void {
    const { place, record, awardPeriodId } = reversal;
    const { citizen, enrolment, place: matched } = payment;
    this.#unanswered += 1;
    this.#set({ ...reversal, state: 'asked', citizen, enrolment, matched, scoreCents });
    const asked = {
      kind: 'reverse',
      citizen,
      enrolment,
      place,
      record,
      awardPeriodId,
      scoreCents,
      countDelta,
    } as const;
    this.#context.decision.messages.push(asked);
  }

  /** A reversal already applied stands when a second payment matches it; an operator is told (DECISION 18). */
  #flagAmbiguous(payment: TransactionRecord, awardPeriodId: number): void {
    if (this.#reversals === 0 || payment.correlationId === '') return;
    for (const entry of this.#entries()) {
      if (entry.state !== 'applied' || entry.flagged) continue;
      if (entry.awardPeriodId !== awardPeriodId) continue;
      const { record } = entry;
      if (record.correlationId !== payment.correlationId) continue;
      if (record.acquirerCode !== payment.acquirerCode || record.acquirerId !== payment.acquirerId) continue;
      this.#set({ ...entry, flagged: true, code: null });
    }
  }

  #livePayments(): readonly RememberedPayment[] {
    const payments: RememberedPayment[] = [];
    for (const entry of this.#entries()) {
      if (entry.state !== 'counted' || hasDeparted(this.#context.card, entry)) continue;
      if (entry.citizen === this.#gone?.citizen && entry.enrolment === this.#gone.enrolment) continue;
      payments.push({ key: entry.key, entry });
    }
    return payments;
  }

  #arrived(
    { key, record, receivedMs, fileNumber, reopening }: Received,
    as: Pick<LedgerEntry, 'state'> & Partial<Pick<LedgerEntry, 'citizen' | 'awardPeriodId'>>,
  ): LedgerEntry {
    const { recent, olderMs } = this.#context.card;
    const arrival = this.#arrivals;
    this.#arrivals += 1;
    let latestMs = Math.max(olderMs, record.trxMs);
    for (const { trxMs } of recent) latestMs = Math.max(latestMs, trxMs);
    const place = this.#context.ledger.newPlace();
    if (reopening !== undefined) {
      const { decisionNumber, file } = reopening;
      this.#context.decision.facts.push({ kind: 'lateRecordTaken', hpan: this.#hpan, place, decisionNumber, file });
    }
    return {
      place,
      previous: recent.at(-1)?.place ?? NOWHERE,
      key,
      latestMs,
      record,
      receivedMs,
      arrival,
      state: as.state,
      citizen: as.citizen ?? '',
      enrolment: 0,
      awardPeriodId: as.awardPeriodId ?? 0,
      scoreCents: 0,
      leftCents: 0,
      matched: NOWHERE,
      code: null,
      flagged: false,
      expiresMs: isReversal(record) ? addOneMonth(receivedMs) : 0,
      fileNumber,
    };
  }

  #asked(place: number): LedgerEntry {
    const entry = this.#entry(place);
    invariant(entry.state === 'asked', 'a wallet answers only what its card asked');
    return entry;
  }

  #entry(place: number): LedgerEntry {
    return this.#written.get(place) ?? this.#context.ledger.entry(place);
  }

  /** One that this very decision takes in is matched by nothing. */
  #entries(): Iterable<LedgerEntry> {
    return recordsOf(this.#context.card, (place) => this.#entry(place));
  }

  #set(entry: LedgerEntry): void {
    this.#written.set(entry.place, entry);
    this.#context.decision.facts.push({
      kind: 'recordSet',
      hpan: this.#hpan,
      entry,
      unanswered: this.#unanswered,
      pending: this.#pending,
      arrivals: this.#arrivals,
      reversals: this.#reversals,
    });
  }

  #tell({ key }: LedgerEntry, outcome: RecordOutcome): void {
    this.#context.decision.outcomes.push({ kind: 'record', key, outcome });
  }

  #tellResolved(key: string, reply: Read<ReversalResolved>): void {
    this.#context.decision.outcomes.push({ kind: 'resolution', key, reply });
  }

  get #hpan(): Hpan {
    return this.#context.card.hpan;
  }
}

export function refuseRecord(decision: Decision, key: string, status: 'dropped' | 'rejected', code: RefusalName): void {
  decision.outcomes.push({ kind: 'record', key, outcome: { status, code } });
}
