/**
 * What cards and wallets say of each other, weighed: whatever a card says goes into one scale, whatever a wallet says
 * into the other, and of two that agree nothing is left. So neither has to be remembered until the other is read.
 * Where a scale is not even, the cards of that scale are looked at one by one (agreement.ts).
 */
import type { LedgerEntry } from '../../engine/card/card.ts';
import type { AbuseRule, CitizenKey, Hpan, RecordKey } from '../../engine/contract.ts';
import { isTakingBack, isTrifling, recordKeyText } from '../../engine/programme/index.ts';
import type { PaymentRow } from '../../engine/wallet/wallet.ts';
import type { CardAccount } from './cards.ts';
import type { Citizen } from './citizens.ts';
import { Hash } from './hash.ts';

/** So many that of a million cards only a few share one. */
const SCALE_DIGITS = 5;
const SCALE_COUNT = 16 ** SCALE_DIGITS;

export class Balance {
  readonly #rule: AbuseRule | undefined;
  readonly scaleCount = SCALE_COUNT;
  /** Two words to a scale, each a sum of hashes that wraps. */
  readonly #sums = new Int32Array(SCALE_COUNT * 2);
  readonly #suspects = new Uint8Array(SCALE_COUNT);

  readonly #hash = new Hash();

  /** @param rule by which payments are judged; undefined = by none */
  constructor(rule: AbuseRule | undefined) {
    this.#rule = rule;
  }

  addCard(card: CardAccount): void {
    const { hpan, open } = card;
    for (const { entry, countDelta } of card.ledger.values()) {
      if (entry.state !== 'counted' && entry.state !== 'applied') continue;
      const { record, citizen, scoreCents } = entry;
      const amountCents = isTakingBack(record) ? -record.amountCents : record.amountCents;
      this.#add(1, hpan, this.#listing(citizen, record, entry, { amountCents, scoreCents, countDelta }));
      if (isJudged(entry, this.#rule)) this.#add(1, hpan, this.#shop(citizen, record, record.merchantId));
    }
    for (const place of card.takenOut.keys()) {
      const payment = card.ledger.get(place)?.entry;
      if (payment !== undefined) this.#add(1, hpan, this.#exclusion(payment.citizen, payment.record));
    }
    if (card.isProvisional) this.suspect(hpan);
    else if (open !== undefined) this.#add(1, hpan, this.#ownership(open.citizen, open));
  }

  addCitizen({ key: citizen, payments, methods, enrolment, isEnabled, exclusions }: Citizen): void {
    for (const { payment, merchantId } of exclusions.shops) {
      this.#add(-1, payment.hpan, this.#shop(citizen, payment, merchantId));
    }
    for (const { hpan, record } of exclusions.payments()) this.#add(-1, hpan, this.#exclusion(citizen, record));
    for (const payment of payments) {
      const { hpan, amountCents, cashbackCents: scoreCents, countDelta } = payment;
      this.#add(-1, hpan, this.#listing(citizen, payment, payment, { amountCents, scoreCents, countDelta }));
    }
    for (const { hpan, cashback, activationMs } of methods.values()) {
      if (cashback === 'off') continue;
      // Only looked at closely: either side may be right.
      if (cashback !== 'enabled' || !isEnabled || activationMs === null) this.suspect(hpan);
      else this.#add(-1, hpan, this.#ownership(citizen, { enrolment, activationMs }));
    }
  }

  suspect(hpan: Hpan): void {
    this.#suspects[scaleOf(hpan)] = 1;
  }

  /** Scales that are not even or hold a suspect. */
  *suspects(): Iterable<number> {
    for (let scale = 0; scale < SCALE_COUNT; scale += 1) {
      const isEven = this.#sums[scale * 2] === 0 && this.#sums[scale * 2 + 1] === 0;
      if (!isEven || this.#suspects[scale] === 1) yield scale;
    }
  }

  #add(sign: 1 | -1, hpan: Hpan, { first, second }: Hash): void {
    const at = scaleOf(hpan) * 2;
    this.#sums[at]! += sign * first;
    this.#sums[at + 1]! += sign * second;
  }

  /** One record as one line of one citizen. Field by field: a text of all of them took four times as long. */
  #listing(
    citizen: CitizenKey,
    record: RecordKey & Pick<PaymentRow, 'hpan' | 'circuitType' | 'idTrxIssuer'>,
    of: Pick<PaymentRow, 'enrolment' | 'awardPeriodId'>,
    gives: Pick<LedgerEntry, 'scoreCents'> & Pick<PaymentRow, 'amountCents' | 'countDelta'>,
  ): Hash {
    const hash = this.#hash;
    hash.reset();
    hash.text(citizen);
    hash.text(record.hpan);
    hash.text(record.idTrxAcquirer);
    hash.integer(record.trxMs);
    hash.text(record.acquirerCode);
    hash.text(record.acquirerId);
    hash.text(record.operationType);
    hash.text(record.circuitType);
    hash.text(record.idTrxIssuer);
    hash.integer(of.enrolment);
    hash.integer(of.awardPeriodId);
    hash.integer(gives.amountCents);
    hash.integer(gives.scoreCents);
    hash.integer(gives.countDelta);
    return hash;
  }

  /** The merchant by which the rule on abuse judges a payment. */
  #shop(citizen: CitizenKey, record: RecordKey, merchantId: string): Hash {
    const hash = this.#hash;
    hash.reset();
    hash.text(citizen);
    hash.text(recordKeyText(record));
    hash.text(merchantId);
    return hash;
  }

  /** A payment that does not count. */
  #exclusion(citizen: CitizenKey, record: RecordKey): Hash {
    const hash = this.#hash;
    hash.reset();
    hash.text(citizen);
    hash.text(recordKeyText(record));
    return hash;
  }

  #ownership(citizen: CitizenKey, of: { readonly enrolment: number; readonly activationMs: number }): Hash {
    const hash = this.#hash;
    hash.reset();
    hash.text(citizen);
    hash.integer(of.enrolment);
    hash.integer(of.activationMs);
    return hash;
  }
}

/** A payment that the rule on abuse looks at. */
export function isJudged({ state, record }: LedgerEntry, rule: AbuseRule | undefined): boolean {
  return rule !== undefined && state === 'counted' && isTrifling(record, rule);
}

export function scaleOf(hpan: Hpan): number {
  return Number.parseInt(hpan.slice(-SCALE_DIGITS), 16) & (SCALE_COUNT - 1);
}
