/**
 * What two partitions must agree on, once both are accounted for: a card's ledger with the citizens' lists, a card's
 * owner with that citizen's methods. What a message still under way explains is no difference.
 */
import type { HistoryRow, LedgerEntry } from '../../engine/card/card.ts';
import type { Hpan } from '../../engine/contract.ts';
import { isReversal, recordKeyText } from '../../engine/programme/index.ts';
import type { PaymentRow } from '../../engine/wallet/wallet.ts';
import type { Account } from './account.ts';
import { type CardAccount, type LedgerLine, namedCard } from './cards.ts';
import { type Citizen, named } from './citizens.ts';
import { type Findings, short } from './findings.ts';
import { judgeAgain } from './reversals.ts';

interface Listing {
  readonly citizen: Citizen;
  readonly payment: PaymentRow;
  isMatched: boolean;
}

export class Agreement {
  readonly #account: Account;
  readonly #findings: Findings;
  readonly #listings = new Map<string, Listing>();
  /** Cards about which a message is still under way. */
  readonly #busy = new Set<Hpan>();

  constructor(account: Account, findings: Findings) {
    this.#account = account;
    this.#findings = findings;
    for (const body of account.post.open()) {
      if (body.kind === 'count' || body.kind === 'reverse') this.#busy.add(body.record.hpan);
      else if (body.kind !== 'periodClosed') this.#busy.add(body.hpan);
    }
  }

  check(): void {
    for (const citizen of this.#account.citizens()) this.#gatherListings(citizen);
    for (const card of this.#account.cards.values()) {
      for (const line of card.ledger.values()) this.#checkLine(card, line);
      judgeAgain(card, this.#findings);
      this.#checkPending(card);
      if (card.open !== undefined) this.#checkOwner(card, card.open);
    }
    for (const listing of this.#listings.values()) this.#checkListed(listing);
    for (const citizen of this.#account.citizens()) this.#checkMethods(citizen);
  }

  #gatherListings(citizen: Citizen): void {
    this.#findings.count('totals', citizen.totals.size);
    for (const payment of citizen.payments.values()) {
      const id = listingId(payment.hpan, recordKeyText(payment));
      const other = this.#listings.get(id);
      if (other !== undefined) {
        this.#findings.differ(
          `${named(citizen)}: lists payment ${id}, which ${named(other.citizen)} lists already: counted twice`,
        );
      }
      this.#listings.set(id, { citizen, payment, isMatched: false });
    }
  }

  #checkLine(card: CardAccount, { entry, countDelta }: LedgerLine): void {
    const isSettled = entry.state === 'counted' || entry.state === 'applied';
    const id = listingId(card.hpan, recordKeyText(entry.record));
    const listing = this.#listings.get(id);
    if (entry.state === 'asked' && this.#busy.has(card.hpan)) {
      // The wallet may have listed it, and its verdict be on the way.
      if (listing !== undefined) listing.isMatched = true;
      return;
    }
    const subject = `${namedCard(card)}, record ${entry.key}`;
    if (entry.state === 'asked')
      this.#findings.differ(`${subject}: asked of a wallet, and no message about it is open`);
    if (!isSettled) return;
    if (listing === undefined) {
      this.#findings.differ(`${subject}: ${entry.state}, but citizen ${short(entry.citizen)} does not list it`);
      return;
    }
    listing.isMatched = true;
    this.#findings.expect(
      `${subject}, as ${named(listing.citizen)} lists it`,
      listedAs(entry, countDelta),
      listedFields(listing),
    );
    this.#checkTerms(entry, listing.citizen, subject);
  }

  /** Domain 3.3, citizen guard: the terms of that very enrolment were accepted before the payment. */
  #checkTerms(entry: LedgerEntry, citizen: Citizen, subject: string): void {
    if (isReversal(entry.record)) return;
    const termsMs = citizen.enrolments[entry.enrolment - 1]?.termsMs;
    if (termsMs !== undefined && termsMs < entry.record.trxMs) return;
    this.#findings.differ(`${subject}: counted although it is of ${entry.record.trxMs}, terms are of ${termsMs}`);
  }

  #checkListed({ citizen, payment, isMatched }: Listing): void {
    if (isMatched) return;
    this.#findings.differ(
      `${named(citizen)}: lists ${recordKeyText(payment)}, but card ${short(payment.hpan)} has no such record counted`,
    );
  }

  #checkPending(card: CardAccount): void {
    const pending = [...card.ledger.values()]
      .filter(({ entry }) => entry.state === 'pending')
      .toSorted((left, right) => left.entry.arrival - right.entry.arrival)
      .map(({ entry }) => entry.place);
    this.#findings.expect(
      `${namedCard(card)}: pending reversals`,
      pending,
      card.pending.map(({ place }) => place),
    );
  }

  #checkOwner(card: CardAccount, { citizen: key, enrolment, activationMs }: HistoryRow): void {
    if (this.#busy.has(card.hpan)) return;
    const subject = `${namedCard(card)}, active for ${short(key)} since ${activationMs}`;
    const citizen = this.#account.citizen(key);
    const method = citizen?.methods.get(card.hpan);
    if (citizen === undefined || citizen.enrolment !== enrolment || !citizen.isEnabled) {
      this.#findings.differ(`${subject}: the owner is not enrolled, or not under enrolment ${enrolment}`);
    } else if (card.isProvisional) {
      if (this.#isUndecided(citizen, card)) return;
      this.#findings.differ(`${subject}: undecided, but the owner's wallet waits for no other card`);
    } else if (method?.cashback !== 'enabled') {
      this.#findings.differ(`${subject}: the owner's wallet says ${method?.cashback ?? 'nothing'}`);
    } else {
      this.#findings.expect(`${subject}: activation in the wallet`, activationMs, method.activationMs);
    }
  }

  /** Granted, and waiting for other cards of the same activation: enabling in the wallet, provisional in the card. */
  #isUndecided(citizen: Citizen, { hpan, isProvisional, open }: CardAccount): boolean {
    if (!isProvisional || open?.citizen !== citizen.key) return false;
    if (citizen.methods.get(hpan)?.cashback !== 'enabling') return false;
    return [...citizen.operations.values()].some(
      ({ granted, waiting }) =>
        granted.some((one) => one.hpan === hpan && one.activationMs === open.activationMs) &&
        waiting.some((other) => this.#busy.has(other)),
    );
  }

  #checkMethods(citizen: Citizen): void {
    for (const { hpan, cashback } of citizen.methods.values()) {
      const card = this.#account.cards.get(hpan);
      if (this.#busy.has(hpan) || (card !== undefined && this.#isUndecided(citizen, card))) continue;
      const subject = `${named(citizen)}, method ${short(hpan)}`;
      const owner = card?.open?.citizen;
      if (cashback === 'enabled' && owner !== citizen.key) {
        this.#findings.differ(`${subject}: enabled, but the card is active for ${owner ? short(owner) : 'nobody'}`);
      }
      if (cashback === 'enabling' || cashback === 'disabling') {
        this.#findings.differ(`${subject}: ${cashback}, and no message about it is open`);
      }
    }
  }
}

/** One record is one line of one citizen, whoever that is. */
function listingId(hpan: Hpan, key: string): string {
  return `${hpan} ${key}`;
}

function listedAs({ record, citizen, enrolment, awardPeriodId, scoreCents }: LedgerEntry, countDelta: number) {
  const amountCents = isReversal(record) ? -record.amountCents : record.amountCents;
  const { circuitType, idTrxIssuer } = record;
  return { citizen, enrolment, awardPeriodId, amountCents, scoreCents, countDelta, circuitType, idTrxIssuer };
}

function listedFields({ citizen, payment }: Listing) {
  const { enrolment, awardPeriodId, amountCents, cashbackCents, countDelta, circuitType, idTrxIssuer } = payment;
  return {
    citizen: citizen.key,
    enrolment,
    awardPeriodId,
    amountCents,
    scoreCents: cashbackCents,
    countDelta,
    circuitType,
    idTrxIssuer,
  };
}
