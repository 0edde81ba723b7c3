/**
 * Judges all records of one card again, one by one in the order of arrival, by domain 3.3b and nothing else, and
 * compares with the ledger. The live card does the same with messages to wallets, crashes and restarts in between.
 */
import type { LedgerEntry } from '../../engine/card/card.ts';
import type { RefusalName, TransactionRecord } from '../../engine/contract.ts';
import { addOneMonth, compareKeys, isExclusion, isReversal, isTakingBack } from '../../engine/programme/index.ts';
import { type CardAccount, type LedgerDeparture, type LedgerResolution, namedCard } from './cards.ts';
import type { Findings } from './findings.ts';

interface Payment {
  readonly entry: LedgerEntry;
  readonly settledMs: number;
  leftCents: number;
  /** It counts no more, and reversals of it are stopped. */
  isExcluded: boolean;
}

interface Reversal {
  readonly entry: LedgerEntry;
  readonly settledMs: number;
  state: LedgerEntry['state'];
  matched: number;
  code: RefusalName | null;
  flagged: boolean;
}

export function judgeAgain(card: CardAccount, findings: Findings): void {
  if (card.reversals === 0 || card.isWaiting) return;
  const replay = new Replay(card);
  const lines = [...card.ledger.values()]
    .filter(({ entry }) => entry.state !== 'forgotten')
    .toSorted((left, right) => left.entry.arrival - right.entry.arrival);

  for (const { entry, settledMs } of lines) {
    replay.resolveUntil(entry.arrival);
    if (isExclusion(entry.record)) replay.exclude(entry);
    else if (!isReversal(entry.record)) {
      replay.take({ entry, settledMs, leftCents: entry.record.amountCents, isExcluded: false });
    } else replay.takeReversal({ entry, settledMs, state: 'pending', matched: 0, code: null, flagged: false });
  }
  replay.resolveUntil(Number.POSITIVE_INFINITY);
  for (const { entry, state, matched, code, flagged } of replay.reversals) {
    const expected = entry.state === 'expired' && state === 'pending' ? 'expired' : state;
    findings.expect(
      `${namedCard(card)}, reversal ${entry.key}, judged again in order of arrival`,
      { state: expected, matched, code, flagged },
      { state: entry.state, matched: entry.matched, code: entry.code, flagged: entry.flagged },
    );
  }
  for (const { entry, leftCents } of replay.payments) {
    findings.expect(`${namedCard(card)}, payment ${entry.key}: what is left of it`, leftCents, entry.leftCents);
  }
}

class Replay {
  readonly payments: Payment[] = [];
  readonly reversals: Reversal[] = [];
  readonly #departures: readonly LedgerDeparture[];
  /** Places of those that a wallet sent back: the card learns of a departure a moment later than the wallet. */
  readonly #returned: ReadonlySet<number>;
  /** Reversals that an exclusion met while they waited: one is tried after the other, and an exclusion may come between. */
  readonly #stopped: CardAccount['stopped'];
  readonly #exclusions: readonly LedgerEntry[];
  /** Owners of whom a returned reversal told before their release came. */
  readonly #gone = new Set<string>();

  /** Of operators, those that are not yet carried out. */
  #resolutions: readonly LedgerResolution[];

  constructor({ departures, returned, resolutions, stopped, ledger }: CardAccount) {
    this.#stopped = stopped;
    this.#exclusions = [...ledger.values()].map(({ entry }) => entry).filter(({ record }) => isTakingOut(record));
    this.#departures = departures;
    this.#returned = returned;
    this.#resolutions = resolutions.filter(({ isVoided }) => !isVoided);
  }

  /** All that operators decided before the card took the record of this arrival. */
  resolveUntil(arrival: number): void {
    const due = this.#resolutions.filter(({ atArrival }) => atArrival <= arrival);
    this.#resolutions = this.#resolutions.slice(due.length);
    for (const { resolution } of due) {
      const reversal = this.reversals.find(({ entry }) => entry.place === resolution.place);
      if (reversal !== undefined) this.#resolve(reversal, resolution);
    }
  }

  #resolve(reversal: Reversal, { resolution, paymentPlace }: LedgerResolution['resolution']): void {
    if (resolution === 'discard') reversal.state = 'discarded';
    else if (resolution === 'keep') {
      reversal.flagged = false;
      reversal.code = 'REVERSAL_AMBIGUOUS';
    } else {
      const payment = this.payments.find(({ entry }) => entry.place === paymentPlace);
      if (payment !== undefined) payment.leftCents -= reversal.entry.record.amountCents;
      reversal.state = 'applied';
      reversal.matched = paymentPlace;
      reversal.code = null;
    }
  }

  take(payment: Payment): void {
    this.payments.push(payment);
    const { arrival } = payment.entry;
    // What waits is tried when the payment is counted, and after each that is applied to it.
    let triedMs = payment.settledMs;
    for (const reversal of this.reversals) {
      if (reversal.state === 'applied' && isNamedBy(payment, reversal) && !reversal.flagged) {
        reversal.flagged = true;
        reversal.code = null;
      }
      if (reversal.state !== 'pending' || triedMs >= addOneMonth(reversal.entry.receivedMs)) continue;
      if (this.#isStoppedAt(reversal, payment)) continue;
      if (this.#settle(reversal, arrival)) triedMs = reversal.settledMs;
    }
  }

  /** What was stopped goes on when its payment counts again. */
  exclude({ matched, record, arrival }: LedgerEntry): void {
    const payment = this.payments.find(({ entry }) => entry.place === matched);
    if (payment !== undefined) payment.isExcluded = isTakingBack(record);
    for (const reversal of this.reversals) {
      const isDue = isTakingBack(record)
        ? reversal.state === 'pending' && payment !== undefined && this.#isStoppedAt(reversal, payment)
        : reversal.state === 'parked' && reversal.code === 'EXCLUDED';
      if (isDue) this.#settle(reversal, arrival);
    }
  }

  /** The payment was taken out before the turn of the reversal came. */
  #isStoppedAt(reversal: Reversal, payment: Payment): boolean {
    const stoppedAt = this.#stopped.get(reversal.entry.place);
    if (stoppedAt === undefined || !isOf(payment, reversal)) return false;
    const { place, arrival: countedAt } = payment.entry;
    return this.#exclusions.some(({ matched, arrival }) => {
      return matched === place && arrival > countedAt && arrival < stoppedAt;
    });
  }

  takeReversal(reversal: Reversal): void {
    this.reversals.push(reversal);
    this.#settle(reversal, reversal.entry.arrival);
  }

  /** @returns whether it is applied */
  #settle(reversal: Reversal, arrival: number): boolean {
    const { amountCents, correlationId } = reversal.entry.record;
    const isNamed = correlationId !== '';
    const present = this.payments.filter((payment) => !this.#hasLeft(payment, arrival));
    const own = present.filter((payment) => isOf(payment, reversal));
    const matches = isNamed ? own : own.toSorted(oldestFirst);

    const payment = matches[0];
    if (payment === undefined) return false;
    // Whatever payment came meanwhile: it goes on when what it was stopped at counts again.
    if (reversal.code === 'EXCLUDED' && matches.some(({ isExcluded }) => isExcluded)) return false;
    if (isNamed && matches.length > 1) {
      park(reversal, 'REVERSAL_AMBIGUOUS');
      return false;
    }
    if (amountCents > payment.leftCents) {
      park(reversal, 'REVERSAL_EXCEEDS');
      return false;
    }
    if (payment.isExcluded) {
      park(reversal, 'EXCLUDED');
      return false;
    }
    if (this.#returned.has(reversal.entry.place) && this.#departureOf(payment) !== undefined) {
      this.#gone.add(ownerKey(payment));
      return this.#settle(reversal, arrival);
    }
    payment.leftCents -= amountCents;
    reversal.state = 'applied';
    reversal.matched = payment.entry.place;
    reversal.code = null;
    return true;
  }

  #hasLeft(payment: Payment, arrival: number): boolean {
    const departure = this.#departureOf(payment);
    if (departure === undefined) return false;
    return departure.atArrival <= arrival || this.#gone.has(ownerKey(payment));
  }

  #departureOf({ entry: { citizen, enrolment } }: Payment): LedgerDeparture | undefined {
    return this.#departures.find((one) => one.citizen === citizen && one.enrolment === enrolment);
  }
}

function isOf(payment: Payment, reversal: Reversal): boolean {
  return reversal.entry.record.correlationId === '' ? isWholeOf(payment, reversal) : isNamedBy(payment, reversal);
}

/** Given a correlation id: equal, and the same acquirer and period (the card is the same already). */
function isNamedBy(payment: Payment, reversal: Reversal): boolean {
  const { correlationId } = reversal.entry.record;
  return correlationId !== '' && payment.entry.record.correlationId === correlationId && isSameSide(payment, reversal);
}

/** Without one: the whole untouched payment of the same shop and terminal (DECISION 4). */
function isWholeOf(payment: Payment, reversal: Reversal): boolean {
  const [paid, taken] = [payment.entry.record, reversal.entry.record];
  return (
    isSameSide(payment, reversal) &&
    paid.amountCents === taken.amountCents &&
    payment.leftCents === taken.amountCents &&
    paid.merchantId === taken.merchantId &&
    paid.terminalId === taken.terminalId
  );
}

function isSameSide(payment: Payment, reversal: Reversal): boolean {
  const [paid, taken]: [TransactionRecord, TransactionRecord] = [payment.entry.record, reversal.entry.record];
  return (
    payment.entry.awardPeriodId === reversal.entry.awardPeriodId &&
    paid.acquirerCode === taken.acquirerCode &&
    paid.acquirerId === taken.acquirerId
  );
}

function oldestFirst(left: Payment, right: Payment): number {
  const [one, other] = [left.entry.record, right.entry.record];
  return one.trxMs - other.trxMs || compareKeys(one, other);
}

function ownerKey({ entry: { citizen, enrolment } }: Payment): string {
  return `${citizen}/${enrolment}`;
}

function isTakingOut(record: TransactionRecord): boolean {
  return isExclusion(record) && isTakingBack(record);
}

function park(reversal: Reversal, code: RefusalName): void {
  reversal.state = 'parked';
  reversal.code = code;
}
