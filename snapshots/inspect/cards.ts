/**
 * The inspector's own account of the cards: who owned each on which day, and a ledger of every record, each judged
 * anew by the programme when it is taken, counted and applied. Shares no code with the engine's fold.
 */
import type {
  Card,
  HistoryRow,
  LedgerEntry,
  PendingReversal,
  RecentRecord,
  ReversalRow,
  StoredResolution,
} from '../../engine/card/card.ts';
import {
  type CitizenKey,
  type Hpan,
  type PeriodDecision,
  type PeriodParameters,
  type Programme,
  RESOLUTION_REASON_MAX,
  type RecordCover,
} from '../../engine/contract.ts';
import type { CardFact } from '../../engine/facts.ts';
import { type Pointer, parSub } from '../../engine/pointer.ts';
import {
  acceptingPeriod,
  addOneMonth,
  exclusionOperation,
  exclusionTime,
  findPeriod,
  inclusionOperation,
  isExclusion,
  isReversal,
  isTakingBack,
  paymentScoreCents,
  recordKeyText,
  reopenedPeriod,
  reversalScoreCents,
  romeDayNumber,
} from '../../engine/programme/index.ts';
import { shown } from './citizens.ts';
import { type Findings, short } from './findings.ts';
import { type Held, type HeldRows, holdRow } from './held.ts';
import type { Entry, Place } from './partition-log.ts';

/** A record of the card with what only its history tells. */
export interface LedgerLine {
  readonly entry: LedgerEntry;
  /** What it adds to the citizen's count: 1 a payment, -1 a reversal that leaves nothing, else 0. */
  readonly countDelta: number;
  /** When it was counted or applied; infinite while it is not. */
  readonly settledMs: number;
}

export interface LedgerDeparture {
  readonly citizen: CitizenKey;
  readonly enrolment: number;
  /** Records that the card had taken when it heard of the departure. */
  readonly atArrival: number;
}

/** What an operator decided about a reversal, in the order in which the card did. */
export interface LedgerResolution {
  readonly resolution: StoredResolution;
  /** Records that the card had taken by then: it takes none while it carries a decision out. */
  readonly atArrival: number;
  /** The payment's owner had left. */
  isVoided: boolean;
}

export type LateRecord = Pick<Extract<CardFact, { kind: 'lateRecordTaken' }>, 'decisionNumber' | 'file'>;

export class CardAccount {
  readonly hpan: Hpan;
  readonly partition: number;
  sequence = 0;
  isRowSeen = false;

  readonly history: HistoryRow[] = [];
  /** Its last activation belongs to one of several cards and is undecided (DECISION 38). */
  isProvisional = false;
  par = '';
  /** By the sub of its row. */
  readonly pointers: HeldRows<Pointer> = new Map();
  /** Records that are another card's by its PAR, by their key. */
  readonly covers = new Map<string, RecordCover>();
  readonly departures: LedgerDeparture[] = [];
  /** By place. */
  readonly ledger = new Map<number, LedgerLine>();
  /** Lines of its partition's list of reversals, by the sub of their row. */
  readonly listed = new Map<string, Held<ReversalRow>>();
  readonly resolutions: LedgerResolution[] = [];
  /** Rows of those that stand, by the place of their reversal. */
  readonly resolved = new Map<string, Held<StoredResolution>>();
  /** By the key of the law (domain 2.4): two records of one would be one payment counted twice. */
  readonly placesByRecord = new Map<string, number>();
  /** The last that were taken, in order; `olderMs` is the latest instant of all before them. */
  readonly recent: RecentRecord[] = [];
  olderMs = 0;
  /** What is left of each counted payment, by place, taken down reversal by reversal. */
  readonly leftCents = new Map<number, number>();
  /** Of those that a closed period took: by which decision, of which file; by place. */
  readonly late = new Map<number, LateRecord>();
  unanswered = 0;
  /** Places of reversals that a wallet sent back because the owner had left (DECISION 22). */
  readonly returned = new Set<number>();
  /** By the place of a reversal that waited and was stopped at an exclusion: records that the card had taken by then. */
  readonly stopped = new Map<number, number>();
  /** As the last fact says it: right at the end of a turn, and within one a decision ahead. */
  toldUnanswered = 0;
  pending: readonly PendingReversal[] = [];
  arrivals = 0;
  reversals = 0;

  constructor(hpan: Hpan, partition: number) {
    this.hpan = hpan;
    this.partition = partition;
  }

  get open(): HistoryRow | undefined {
    const last = this.history.at(-1);
    return last?.deactivationMs === null ? last : undefined;
  }

  get isWaiting(): boolean {
    return this.unanswered > 0;
  }

  get status(): Card['status'] {
    if (this.isProvisional) return 'provisional';
    if (this.open !== undefined) return 'active';
    return this.history.length > 0 ? 'inactive' : 'absent';
  }

  /** By the place of a payment that does not count, what took it out last: also where the owner had left meanwhile. */
  get takenOut(): ReadonlyMap<number, LedgerEntry> {
    const taken = new Map<number, LedgerEntry>();
    for (const { entry } of this.ledger.values()) {
      if (!isExclusion(entry.record)) continue;
      if (isTakingBack(entry.record)) taken.set(entry.matched, entry);
      else taken.delete(entry.matched);
    }
    return taken;
  }

  hasDeparted({ citizen, enrolment }: Pick<LedgerEntry, 'citizen' | 'enrolment'>): boolean {
    return this.departures.some((one) => one.citizen === citizen && one.enrolment === enrolment);
  }

  /** Null: its only claim was taken back, it is unknown again. */
  get value(): Card | null {
    if (this.history.length === 0 && this.departures.length === 0 && this.arrivals === 0) return null;
    return {
      hpan: this.hpan,
      status: this.status,
      par: this.par,
      history: this.history,
      departed: this.departures.map(({ citizen, enrolment }) => ({ citizen, enrolment })),
      unanswered: this.unanswered,
      recent: this.recent,
      olderMs: this.olderMs,
      pending: this.pending,
      arrivals: this.arrivals,
      reversals: this.reversals,
    };
  }
}

/** As many as a card's row names. */
const RECENT_COUNT = 8;

/** Where a record may begin: a payment that was asked and answered within one turn is told once. */
const FIRST_STATES: readonly LedgerEntry['state'][] = ['asked', 'counted', 'forgotten', 'pending'];

/** Where each state of a record may lead; the rest is a damaged or invented history. */
const NEXT_STATES: Readonly<Record<LedgerEntry['state'], readonly LedgerEntry['state'][]>> = {
  asked: ['asked', 'counted', 'applied', 'pending', 'parked', 'forgotten'],
  counted: ['counted'],
  forgotten: [],
  pending: ['pending', 'asked', 'parked', 'expired'],
  applied: ['applied'],
  // Both by an operator.
  parked: ['parked', 'asked', 'discarded'],
  discarded: ['discarded'],
  expired: ['expired'],
};

export class CardFold {
  readonly #programme: Programme;
  readonly #findings: Findings;
  readonly #decisions: readonly PeriodDecision[];

  /** @param decisions of operators about periods, by number */
  constructor(programme: Programme, findings: Findings, decisions: readonly PeriodDecision[]) {
    this.#programme = programme;
    this.#findings = findings;
    this.#decisions = decisions;
  }

  /** @param changed told after each section that changed it */
  fold(card: CardAccount, entries: readonly Entry[], changed: () => void = () => {}): void {
    for (const [index, { place, facts }] of entries.entries()) {
      for (const fact of facts) this.#apply(card, fact as CardFact, place);
      card.sequence = place.sequence;
      if (entries[index + 1]?.place.sequence !== place.sequence) changed();
    }
  }

  #apply(card: CardAccount, fact: CardFact, place: Place): void {
    switch (fact.kind) {
      case 'cardActivated':
      case 'cardClaimed':
        this.#activate(card, fact, place);
        return;
      case 'claimConfirmed':
        this.#requireProvisional(card, fact.kind, place);
        card.isProvisional = false;
        return;
      case 'claimWithdrawn':
        this.#withdraw(card, fact, place);
        return;
      case 'cardDeactivated':
        this.#deactivate(card, fact.deactivationMs, place);
        return;
      case 'ownerLeft':
        card.departures.push({ citizen: fact.citizen, enrolment: fact.enrolment, atArrival: card.arrivals });
        return;
      case 'recordSet':
        this.#setRecord(card, fact, place);
        return;
      case 'parSet':
        this.#setPar(card, fact, place);
        return;
      case 'parCovered':
        card.covers.set(fact.key, fact.cover);
        return;
      case 'lateRecordTaken':
        if (card.ledger.has(fact.place)) {
          this.#findings.differ(`${namedCard(card)} at ${shown(place)}: a record is late that it had before`);
        }
        card.late.set(fact.place, fact);
        return;
      case 'reversalResolved':
        this.#resolve(card, fact.resolution, place);
        return;
      case 'resolutionVoided':
        this.#void(card, fact.place, place);
        return;
    }
  }

  /** One owner at any instant (promise 5); since days follow instants, no day is covered twice either. */
  #activate(card: CardAccount, fact: Extract<CardFact, { kind: 'cardActivated' | 'cardClaimed' }>, place: Place): void {
    const subject = `${namedCard(card)} at ${shown(place)}`;
    const { citizen, enrolment, channel, master, activationMs } = fact;
    const last = card.history.at(-1);
    if (last !== undefined && last.deactivationMs === null) {
      this.#findings.differ(
        `${subject}: has two owners, ${short(last.citizen)} since ${last.activationMs} and ${short(citizen)} since ${activationMs}`,
      );
    } else if (last?.deactivationMs != null && activationMs < last.deactivationMs) {
      this.#findings.differ(`${subject}: activated at ${activationMs}, before its deactivation ${last.deactivationMs}`);
    }
    if (activationMs > place.nowMs) this.#findings.differ(`${subject}: activated in the future, at ${activationMs}`);
    card.history.push({ citizen, enrolment, channel, master, activationMs, deactivationMs: null });
    card.isProvisional = fact.kind === 'cardClaimed';
  }

  #setPar(card: CardAccount, { par, wasPar }: Extract<CardFact, { kind: 'parSet' }>, place: Place): void {
    const subject = `${namedCard(card)} at ${shown(place)}: PAR`;
    this.#findings.expect(`${subject} before`, card.par, wasPar);
    if (card.open === undefined || card.isProvisional) this.#findings.differ(`${subject} of a card that is not active`);
    if (wasPar !== '') holdRow(card.pointers, parSub(wasPar, card.hpan), null, place);
    holdRow(card.pointers, parSub(par, card.hpan), { key: card.hpan }, place);
    card.par = par;
  }

  #requireProvisional(card: CardAccount, kind: string, place: Place): void {
    if (card.isProvisional) return;
    this.#findings.differ(`${namedCard(card)} at ${shown(place)}: ${kind}, but no claim of it is undecided`);
  }

  /** What is left must be the card as it was before the claim. */
  #withdraw(card: CardAccount, fact: Extract<CardFact, { kind: 'claimWithdrawn' }>, place: Place): void {
    this.#requireProvisional(card, fact.kind, place);
    card.isProvisional = false;
    card.history.pop();
    this.#findings.expect(`${namedCard(card)} at ${shown(place)}: status after a claim`, card.status, fact.status);
  }

  #deactivate(card: CardAccount, deactivationMs: number, place: Place): void {
    const subject = `${namedCard(card)} at ${shown(place)}`;
    const { open } = card;
    if (open === undefined || card.isProvisional) {
      this.#findings.differ(`${subject}: deactivated while ${card.status}`);
      return;
    }
    if (deactivationMs < open.activationMs || deactivationMs > place.nowMs) {
      this.#findings.differ(`${subject}: deactivated at ${deactivationMs}, outside of ${open.activationMs} to now`);
    }
    card.history[card.history.length - 1] = { ...open, deactivationMs };
  }

  /** What domain 3.3b leaves to an operator, and nothing else. */
  #resolve(card: CardAccount, resolution: StoredResolution, place: Place): void {
    const { place: at, paymentPlace, operator, reason, atMs } = resolution;
    const subject = `${namedCard(card)} at ${shown(place)}: ${resolution.resolution} by ${operator}`;
    card.resolutions.push({ resolution, atArrival: card.arrivals, isVoided: false });
    card.resolved.set(String(at), { value: resolution, sequence: place.sequence, isRowSeen: false });
    this.#findings.expect(`${subject}: when`, place.nowMs, atMs);
    if (operator === '' || reason === '' || reason.length > RESOLUTION_REASON_MAX) {
      this.#findings.differ(`${subject}: by nobody, or for no reason`);
    }
    const entry = card.ledger.get(at)?.entry;
    const isFit = resolution.resolution === 'keep' ? entry?.flagged === true : entry?.state === 'parked';
    if (entry === undefined || !isFit) return this.#findings.differ(`${subject}: of ${entry?.state ?? 'nothing'}`);
    if (resolution.resolution !== 'apply') return this.#findings.expect(`${subject}: payment`, 0, paymentPlace);

    const payment = card.ledger.get(paymentPlace)?.entry;
    if (payment?.state !== 'counted' || payment.awardPeriodId !== entry.awardPeriodId) {
      return this.#findings.differ(`${subject}: to no counted payment of its period`);
    }
    if (card.hasDeparted(payment))
      this.#findings.differ(`${subject}: to a payment whose owner the card knew to have left`);
  }

  #void(card: CardAccount, at: number, place: Place): void {
    const subject = `${namedCard(card)} at ${shown(place)}: a decision about ${at}`;
    const last = card.resolutions.findLast(({ resolution }) => resolution.place === at);
    card.resolved.set(String(at), { value: null, sequence: place.sequence, isRowSeen: false });
    if (last?.resolution.resolution !== 'apply' || last.isVoided || card.ledger.get(at)?.entry.state !== 'asked') {
      return this.#findings.differ(`${subject}: taken back, and there is none under way`);
    }
    last.isVoided = true;
  }

  /** A reversal that waits for an operator is moved by nobody else. */
  #requireResolution(card: CardAccount, before: LedgerEntry, entry: LedgerEntry, subject: string): void {
    const last = card.resolutions.findLast(({ resolution }) => resolution.place === entry.place);
    const decided = last === undefined || last.isVoided ? null : last.resolution;
    // What was stopped by an exclusion goes on by itself once that is lifted.
    const isStopped = before.code === 'EXCLUDED' && decided === null;
    if (before.state === 'parked' && entry.state !== 'parked' && !(isStopped && entry.state === 'asked')) {
      const expected = entry.state === 'asked' ? 'apply' : 'discard';
      this.#findings.expect(`${subject}: who took it out of the parked ones`, expected, decided?.resolution);
      if (entry.state === 'asked') this.#findings.expect(`${subject}: payment`, decided?.paymentPlace, entry.matched);
    }
    if (before.state === 'asked' && entry.state === 'parked' && last?.isVoided !== true && !isStopped) {
      this.#findings.differ(`${subject}: parked again, and no decision was taken back`);
    }
    if (before.flagged && !entry.flagged) {
      this.#findings.expect(`${subject}: who kept it`, 'keep', decided?.resolution);
    }
  }

  #setRecord(card: CardAccount, fact: Extract<CardFact, { kind: 'recordSet' }>, place: Place): void {
    const { entry } = fact;
    const line = card.ledger.get(entry.place);
    const before = line?.entry ?? null;
    const subject = `${namedCard(card)} at ${shown(place)}, record ${entry.key}`;

    if (before === null) this.#takeIn(card, entry, subject);
    else {
      this.#judgeStep(before, entry, subject);
      this.#requireResolution(card, before, entry, subject);
    }
    let countDelta: number | undefined;
    if (entry.state === 'counted' && before?.state !== 'counted') countDelta = this.#count(card, entry, subject);
    if (entry.state === 'applied' && before?.state !== 'applied') {
      countDelta = isExclusion(entry.record)
        ? this.#exclude(card, entry, subject)
        : this.#reverse(card, entry, subject);
    }

    if (before?.state === 'asked' && entry.state === 'pending') card.returned.add(entry.place);
    if (before?.state === 'pending' && entry.state === 'parked' && entry.code === 'EXCLUDED') {
      card.stopped.set(entry.place, fact.arrivals);
    }
    card.unanswered += Number(entry.state === 'asked') - Number(before?.state === 'asked');
    if (entry.state === 'forgotten') card.placesByRecord.delete(recordKeyText(entry.record));
    card.arrivals = fact.arrivals;
    card.reversals = fact.reversals;
    card.pending = fact.pending;
    card.toldUnanswered = fact.unanswered;
    card.ledger.set(entry.place, {
      entry,
      countDelta: countDelta ?? line?.countDelta ?? 0,
      settledMs: countDelta === undefined ? (line?.settledMs ?? Number.POSITIVE_INFINITY) : place.nowMs,
    });
    this.#list(card, entry, place);
    if (entry.state === 'expired' && addOneMonth(entry.receivedMs) > place.nowMs) {
      this.#findings.differ(`${subject}: expired before its month was over`);
    }
  }

  /** The lines of its partition's list: what waits, by when it expires; what an operator has to see, by reception. */
  #list(card: CardAccount, entry: LedgerEntry, place: Place): void {
    const { record, receivedMs, state, flagged, code } = entry;
    if (!isReversal(record)) return;
    const line = (name: string, atMs: number, isThere: boolean) => {
      const sub = [name, String(atMs).padStart(15, '0'), card.hpan, entry.place].join(' ');
      const isRowSeen = card.listed.get(sub)?.isRowSeen ?? false;
      const value = isThere ? { hpan: card.hpan, place: entry.place, atMs } : null;
      card.listed.set(sub, { value, sequence: place.sequence, isRowSeen });
    };
    if (state !== 'applied') line('pending', addOneMonth(receivedMs), state === 'pending');
    if (state === 'parked') line('parked', receivedMs, true);
    if (flagged) line('flagged', receivedMs, true);
    // Which only those have that once were in these lists.
    if (code === null) return;
    if (state === 'asked' || state === 'discarded') line('parked', receivedMs, false);
    if (state === 'applied' && !flagged) line('flagged', receivedMs, false);
  }

  /** The guards of domain 3.3 at the moment when the card takes the record. */
  #takeIn(card: CardAccount, entry: LedgerEntry, subject: string): void {
    const { record, receivedMs, arrival, key, place } = entry;
    if (!FIRST_STATES.includes(entry.state)) this.#findings.differ(`${subject}: begins as ${entry.state}`);
    const law = recordKeyText(record);
    const twin = card.placesByRecord.get(law);
    if (twin !== undefined) {
      this.#findings.differ(`${subject}: the same payment as record ${card.ledger.get(twin)?.entry.key}`);
    }
    card.placesByRecord.set(law, place);

    // What is taken out of counting was counted before.
    if (card.isProvisional && !isExclusion(record))
      this.#findings.differ(`${subject}: taken while it is undecided whose the card is`);
    if (record.hpan !== card.hpan) this.#findings.differ(`${subject}: belongs to card ${short(record.hpan)}`);
    if (romeDayNumber(record.trxMs) > romeDayNumber(receivedMs)) this.#findings.differ(`${subject}: from the future`);
    this.#findings.expect(`${subject}: arrival`, card.arrivals, arrival);
    this.#findings.expect(`${subject}: the record before`, card.recent.at(-1)?.place ?? 0, entry.previous);
    const latestMs = Math.max(card.olderMs, record.trxMs, ...card.recent.map(({ trxMs }) => trxMs));
    this.#findings.expect(`${subject}: the latest instant so far`, latestMs, entry.latestMs);
    card.recent.push({ key, place, trxMs: record.trxMs });
    if (card.recent.length > RECENT_COUNT) card.olderMs = Math.max(card.olderMs, card.recent.shift()?.trxMs ?? 0);
    this.#findings.expect(`${subject}: expiry`, isReversal(record) ? addOneMonth(receivedMs) : 0, entry.expiresMs);

    if (isExclusion(record)) return;
    const own = ownerOn(card.history, romeDayNumber(record.trxMs));
    if (own !== undefined) card.covers.delete(key);
    const owner = own ?? card.covers.get(key);
    if (owner === undefined) {
      this.#findings.differ(`${subject}: no activation covers its day`);
      return;
    }
    // Not the enrolment: after leaving and coming back on one day the closed row still covers it (DECISION 27).
    if (!isReversal(record)) this.#findings.expect(`${subject}: owner of the day`, owner.citizen, entry.citizen);
    else this.#periodOf(card, entry, subject);
  }

  #judgeStep(before: LedgerEntry, entry: LedgerEntry, subject: string): void {
    if (!NEXT_STATES[before.state].includes(entry.state)) {
      this.#findings.differ(`${subject}: from ${before.state} to ${entry.state}`);
    }
    this.#findings.expect(`${subject}: the key`, before.key, entry.key);
    this.#findings.expect(`${subject}: the record before`, before.previous, entry.previous);
    this.#findings.expect(`${subject}: the latest instant so far`, before.latestMs, entry.latestMs);
    this.#findings.expect(`${subject}: the record`, before.record, entry.record);
    this.#findings.expect(`${subject}: reception`, before.receivedMs, entry.receivedMs);
    this.#findings.expect(`${subject}: arrival`, before.arrival, entry.arrival);
    this.#findings.expect(`${subject}: expiry`, before.expiresMs, entry.expiresMs);
  }

  #count(card: CardAccount, entry: LedgerEntry, subject: string): number {
    this.#findings.count('payments');
    card.leftCents.set(entry.place, entry.record.amountCents);
    if (isReversal(entry.record)) this.#findings.differ(`${subject}: a reversal is counted as a payment`);
    const period = this.#periodOf(card, entry, subject);
    if (period === null) return 1;
    const scoreCents = paymentScoreCents(entry.record.amountCents, period);
    this.#findings.expect(`${subject}: score of ${entry.record.amountCents}`, scoreCents, entry.scoreCents);
    return 1;
  }

  #reverse(card: CardAccount, entry: LedgerEntry, subject: string): number {
    this.#findings.count('reversals');
    const { amountCents } = entry.record;
    const payment = card.ledger.get(entry.matched)?.entry;
    const leftCents = card.leftCents.get(entry.matched);
    if (payment?.state !== 'counted' || leftCents === undefined) {
      this.#findings.differ(`${subject}: applied to ${entry.matched}, which is no counted payment`);
      return 0;
    }
    if (entry.place === entry.matched) this.#findings.differ(`${subject}: applied to itself`);
    this.#findings.expect(`${subject}: owner of the reversed payment`, payment.citizen, entry.citizen);
    this.#findings.expect(`${subject}: enrolment of the reversed payment`, payment.enrolment, entry.enrolment);
    this.#findings.expect(`${subject}: period of the reversed payment`, payment.awardPeriodId, entry.awardPeriodId);
    if (amountCents > leftCents) {
      this.#findings.differ(`${subject}: takes ${amountCents} of ${leftCents} left`);
      return 0;
    }
    card.leftCents.set(entry.matched, leftCents - amountCents);
    const period = findPeriod(this.#programme, entry.awardPeriodId);
    if (period !== null) {
      const scoreCents = reversalScoreCents({ leftCents, amountCents }, period);
      this.#findings.expect(`${subject}: score of ${amountCents} of ${leftCents}`, scoreCents, entry.scoreCents);
    }
    return amountCents === leftCents ? -1 : 0;
  }

  /** All that is left of a payment is taken back, or what was taken back so is given back. */
  #exclude(card: CardAccount, entry: LedgerEntry, subject: string): number {
    const isOut = isTakingBack(entry.record);
    const payment = card.ledger.get(entry.matched)?.entry;
    if (payment?.state !== 'counted') {
      this.#findings.differ(`${subject}: about ${entry.matched}, which is no counted payment`);
      return 0;
    }
    const lines = [...card.ledger.values()].map((line) => line.entry);
    const about = lines.filter(({ state, matched }) => state === 'applied' && matched === payment.place);
    const last = about.filter(({ record }) => isExclusion(record)).at(-1);
    if (isOut === (last !== undefined && isTakingBack(last.record)))
      this.#findings.differ(`${subject}: twice in a row`);
    const amountCents = isOut ? (card.leftCents.get(payment.place) ?? 0) : (last?.record.amountCents ?? 0);
    const reversed = about.filter(({ record }) => isReversal(record)).reduce((sum, one) => sum + one.scoreCents, 0);
    const scoreCents = isOut ? 0 - (payment.scoreCents + reversed) : 0 - (last?.scoreCents ?? 0);
    const { operationType, correlationId, ...record } = payment.record;
    const operation = isOut
      ? exclusionOperation(operationType, last === undefined ? 1 : exclusionTime(last.record.operationType) + 1)
      : inclusionOperation(last?.record.operationType ?? '');
    const expected = { ...record, operationType: operation, correlationId: '', amountCents };
    this.#findings.expect(`${subject}: what it takes back or gives`, expected, entry.record);
    const { citizen, enrolment, awardPeriodId } = payment;
    this.#findings.expect(
      `${subject}: payment`,
      { scoreCents, citizen, enrolment, awardPeriodId },
      {
        scoreCents: entry.scoreCents,
        citizen: entry.citizen,
        enrolment: entry.enrolment,
        awardPeriodId: entry.awardPeriodId,
      },
    );
    return isOut ? -1 : 1;
  }

  #periodOf(card: CardAccount, entry: LedgerEntry, subject: string): PeriodParameters | null {
    const received = { trxMs: entry.record.trxMs, receivedMs: entry.receivedMs };
    const late = card.late.get(entry.place);
    const accepting =
      late === undefined ? acceptingPeriod(this.#programme, received) : this.#reopenedFor(late, received);
    this.#findings.expect(`${subject}: award period`, accepting?.awardPeriodId ?? null, entry.awardPeriodId);
    return findPeriod(this.#programme, entry.awardPeriodId);
  }

  #reopenedFor(
    { decisionNumber, file }: LateRecord,
    received: { readonly trxMs: number; readonly receivedMs: number },
  ): PeriodParameters | null {
    const decision = this.#decisions.find(({ number, kind }) => number === decisionNumber && kind === 'reopen');
    return decision === undefined ? null : reopenedPeriod(this.#programme, decision, { ...received, file });
  }
}

/** Domain 2.2: the day of activation never counts, the day of deactivation does. */
export function ownerOn(history: readonly HistoryRow[], day: number): HistoryRow | undefined {
  return history.find(
    ({ activationMs, deactivationMs }) =>
      romeDayNumber(activationMs) < day && (deactivationMs === null || day <= romeDayNumber(deactivationMs)),
  );
}

export function namedCard(card: CardAccount): string {
  return `card ${short(card.hpan)}`;
}
