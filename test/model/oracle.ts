/**
 * The law in its simplest form (domain 2.2, 3, 4, 5.1): plain lists, every figure summed up anew each time it is asked
 * for, days read from the machine's own time zones. It shares no line with the engine, so that both cannot be wrong
 * in the same way.
 */
import type { Hpan, TransactionRecord, WalletCommandBody } from '../../engine/contract.ts';

export interface OraclePeriod {
  readonly awardPeriodId: number;
  readonly startDay: string;
  readonly endDay: string;
  /** Last day of grace. */
  readonly lastDay: string;
}

interface Person {
  readonly name: string;
  readonly taxCode: string;
  isEnabled: boolean;
  enrolment: number;
  termsMs: number;
}

interface Activation {
  readonly person: Person;
  readonly fromMs: number;
  toMs: number | null;
}

interface Accepted {
  readonly record: TransactionRecord;
  readonly awardPeriodId: number;
  readonly person: Person;
  readonly enrolment: number;
  readonly scoreCents: number;
  readonly countDelta: number;
  leftCents: number;
}

interface Waiting {
  readonly record: TransactionRecord;
  readonly awardPeriodId: number;
  readonly expiresMs: number;
}

interface CardBook {
  readonly activations: Activation[];
  readonly keys: Set<string>;
  readonly accepted: Accepted[];
  pending: Waiting[];
}

export interface OracleTotal {
  readonly rawCents: number;
  readonly count: number;
  readonly lines: number;
}

export interface OraclePlace {
  readonly name: string;
  readonly count: number;
  readonly lastTrxMs: number;
}

const ROME_DAY = new Intl.DateTimeFormat('en-CA', { timeZone: 'Europe/Rome' });
const dayOf = (ms: number) => ROME_DAY.format(ms);

export class Oracle {
  readonly #periods: readonly OraclePeriod[];
  readonly #people = new Map<string, Person>();
  readonly #cards = new Map<Hpan, CardBook>();

  constructor(periods: readonly OraclePeriod[], people: ReadonlyMap<string, string>) {
    this.#periods = periods;
    for (const [name, taxCode] of people) {
      this.#people.set(name, { name, taxCode, isEnabled: false, enrolment: 0, termsMs: 0 });
    }
  }

  /** @returns `done`, or the code of the refusal */
  execute(name: string, body: WalletCommandBody, nowMs: number): string {
    const person = this.#person(name);
    switch (body.kind) {
      case 'enrol':
        if (!person.isEnabled) {
          person.isEnabled = true;
          person.enrolment += 1;
          person.termsMs = nowMs;
        }
        return 'done';
      case 'leave':
        for (const { activations } of this.#cards.values()) {
          for (const row of activations) if (row.person === person) row.toMs ??= nowMs;
        }
        person.isEnabled = false;
        return 'done';
      case 'enableCashback':
        return this.#activate(person, [...new Set([body.hpan, ...(body.tokens ?? [])])], nowMs);
      case 'disableCashback':
        return this.#deactivate(person, body.hpan, body.cancellationMs ?? nowMs, nowMs);
      default:
        throw new Error(`the oracle does not know ${body.kind}`);
    }
  }

  /** @returns the score in cents, `pending`, or status and code */
  record(record: TransactionRecord, nowMs: number): number | string {
    const card = this.#card(record.hpan);
    const day = dayOf(record.trxMs);
    if (day > dayOf(nowMs)) return 'rejected RECORD_IN_FUTURE';
    const key = JSON.stringify([record.idTrxAcquirer, record.trxMs, record.acquirerCode, record.operationType]);
    if (card.keys.has(key)) return 'rejected DUPLICATE_RECORD';
    const row = card.activations.find(
      ({ fromMs, toMs }) => dayOf(fromMs) < day && (toMs === null || day <= dayOf(toMs)),
    );
    if (row === undefined) return 'dropped INSTRUMENT_NOT_COVERED';
    const period = this.#periodOf(day, dayOf(nowMs));
    if (record.operationType === '01') {
      if (period === undefined) return 'rejected NO_AWARD_PERIOD';
      card.keys.add(key);
      return this.#reverse(card, record, period.awardPeriodId, nowMs);
    }
    const { person } = row;
    if (!person.isEnabled || record.trxMs <= person.termsMs) return 'dropped TERMS_NOT_COVERED';
    if (period === undefined) return 'rejected NO_AWARD_PERIOD';
    card.keys.add(key);
    const scoreCents = tenth(Math.min(record.amountCents, 15_000));
    const { awardPeriodId } = period;
    const { enrolment } = person;
    const leftCents = record.amountCents;
    card.accepted.push({ record, awardPeriodId, person, enrolment, scoreCents, countDelta: 1, leftCents });
    this.#settle(card, nowMs);
    return scoreCents;
  }

  total(name: string, awardPeriodId: number): OracleTotal {
    const lines = this.#linesOf(this.#person(name), awardPeriodId);
    const sum = (of: (line: Accepted) => number) => lines.reduce((total, line) => total + of(line), 0);
    return {
      rawCents: sum(({ scoreCents }) => scoreCents),
      count: sum(({ countDelta }) => countDelta),
      lines: lines.length,
    };
  }

  /** Domain 5.1: all who take part, first to last. */
  ranking(awardPeriodId: number): readonly OraclePlace[] {
    const places = [...this.#people.values()].flatMap((person) => {
      const payments = this.#linesOf(person, awardPeriodId).filter(({ countDelta }) => countDelta > 0);
      if (payments.length === 0) return [];
      const { count } = this.total(person.name, awardPeriodId);
      return [{ person, count, lastTrxMs: Math.max(...payments.map(({ record }) => record.trxMs)) }];
    });
    places.sort(
      (a, b) =>
        b.count - a.count ||
        a.lastTrxMs - b.lastTrxMs ||
        a.person.termsMs - b.person.termsMs ||
        (a.person.taxCode < b.person.taxCode ? -1 : 1),
    );
    return places.map(({ person: { name }, count, lastTrxMs }) => ({ name, count, lastTrxMs }));
  }

  /** Who has the card now; null = nobody. */
  owner(hpan: Hpan): string | null {
    return this.#card(hpan).activations.find(({ toMs }) => toMs === null)?.person.name ?? null;
  }

  #activate(person: Person, hpans: readonly Hpan[], nowMs: number): string {
    if (!person.isEnabled) return 'CITIZEN_NOT_ENABLED';
    const claimed: { readonly activations: Activation[]; readonly row: Activation }[] = [];
    for (const hpan of hpans) {
      const { activations } = this.#card(hpan);
      const active = activations.find(({ toMs }) => toMs === null);
      if (active !== undefined && active.person !== person) {
        // It is as if those just claimed never had been (DECISION 38).
        for (const one of claimed) one.activations.splice(one.activations.indexOf(one.row), 1);
        return 'INSTRUMENT_TAKEN';
      }
      if (active !== undefined) continue;
      const row: Activation = { person, fromMs: nowMs, toMs: null };
      activations.push(row);
      claimed.push({ activations, row });
    }
    return 'done';
  }

  #deactivate(person: Person, hpan: Hpan, cancellationMs: number, nowMs: number): string {
    const last = this.#card(hpan).activations.at(-1);
    if (last === undefined) return 'INSTRUMENT_NOT_FOUND';
    if (last.person !== person) return 'INSTRUMENT_NOT_YOURS';
    last.toMs ??= Math.min(Math.max(cancellationMs, last.fromMs), nowMs);
    return 'done';
  }

  #reverse(card: CardBook, record: TransactionRecord, awardPeriodId: number, nowMs: number): number | string {
    const waiting = { record, awardPeriodId, expiresMs: monthAfter(nowMs) };
    card.pending.push(waiting);
    const outcome = this.#match(card, waiting);
    return outcome ?? 'pending';
  }

  #settle(card: CardBook, nowMs: number): void {
    card.pending = card.pending.filter(({ expiresMs }) => nowMs < expiresMs);
    for (const waiting of [...card.pending]) this.#match(card, waiting);
  }

  /** Null = it waits on. */
  #match(card: CardBook, waiting: Waiting): number | string | null {
    const payments = card.accepted.filter((one) => isCandidate(one, waiting));
    if (payments.length === 0) return null;
    const { amountCents, correlationId } = waiting.record;
    const [oldest] = payments.toSorted((a, b) => a.record.trxMs - b.record.trxMs || compareIds(a, b));
    card.pending = card.pending.filter((one) => one !== waiting);
    if (correlationId !== '' && payments.length > 1) return 'parked REVERSAL_AMBIGUOUS';
    if (oldest === undefined || amountCents > oldest.leftCents) return 'parked REVERSAL_EXCEEDS';

    const [before, after] = [oldest.leftCents, oldest.leftCents - amountCents];
    oldest.leftCents = after;
    const scoreCents = 0 - tenth(Math.min(before, 15_000) - Math.min(after, 15_000));
    const { person, enrolment, awardPeriodId } = oldest;
    const countDelta = after === 0 ? -1 : 0;
    card.accepted.push({
      record: waiting.record,
      awardPeriodId,
      person,
      enrolment,
      scoreCents,
      countDelta,
      leftCents: 0,
    });
    return scoreCents;
  }

  #linesOf(person: Person, awardPeriodId: number): readonly Accepted[] {
    const lines = [...this.#cards.values()].flatMap(({ accepted }) => accepted);
    return lines.filter((line) => line.person === person && line.awardPeriodId === awardPeriodId && isPresent(line));
  }

  #periodOf(day: string, today: string): OraclePeriod | undefined {
    return this.#periods.find(
      ({ startDay, endDay, lastDay }) => startDay <= day && day <= endDay && startDay <= today && today <= lastDay,
    );
  }

  #card(hpan: Hpan): CardBook {
    const known = this.#cards.get(hpan);
    if (known !== undefined) return known;
    const made: CardBook = { activations: [], keys: new Set(), accepted: [], pending: [] };
    this.#cards.set(hpan, made);
    return made;
  }

  #person(name: string): Person {
    const person = this.#people.get(name);
    if (person === undefined) throw new Error(`nobody is called ${name}`);
    return person;
  }
}

/** Of the enrolment that its owner has now: whoever left took all of it along. */
function isPresent({ person, enrolment }: Accepted): boolean {
  return person.isEnabled && person.enrolment === enrolment;
}

function isCandidate(payment: Accepted, { record, awardPeriodId }: Waiting): boolean {
  if (payment.record.operationType === '01' || payment.awardPeriodId !== awardPeriodId || !isPresent(payment))
    return false;
  if (record.correlationId !== '') return payment.record.correlationId === record.correlationId;
  const { amountCents, merchantId, terminalId } = payment.record;
  if (merchantId !== record.merchantId || terminalId !== record.terminalId) return false;
  return amountCents === record.amountCents && payment.leftCents === amountCents;
}

function compareIds(a: Accepted, b: Accepted): number {
  return a.record.idTrxAcquirer < b.record.idTrxAcquirer ? -1 : 1;
}

/** A tenth, half a cent rounded down (domain 4.1). */
function tenth(cents: number): number {
  return Math.floor(cents / 10) + (cents % 10 > 5 ? 1 : 0);
}

/** DECISION 23. The walks stay in winter, when Rome is an hour ahead. */
function monthAfter(ms: number): number {
  const hourMs = 3_600_000;
  const local = new Date(ms + hourMs);
  const lastDay = new Date(Date.UTC(local.getUTCFullYear(), local.getUTCMonth() + 2, 0)).getUTCDate();
  const day = Math.min(local.getUTCDate(), lastDay);
  const midnight = Date.UTC(local.getUTCFullYear(), local.getUTCMonth() + 1, day);
  return midnight + ((ms + hourMs) % (24 * hourMs)) - hourMs;
}
