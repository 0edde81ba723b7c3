/**
 * What a card and its citizens must agree on, looked at one by one where the balance found them uneven: a card's ledger
 * with the citizens' lists, what it has taken out of counting with what is excluded there, a card's owner with that
 * citizen's methods. What a message still under way explains is no
 * difference.
 */
import type { HistoryRow, LedgerEntry } from '../../engine/card/card.ts';
import type { AbuseRule, CitizenKey, Hpan, PaymentName } from '../../engine/contract.ts';
import { NOWHERE } from '../../engine/place.ts';
import { isTakingBack, recordKeyText } from '../../engine/programme/index.ts';
import type { PaymentRow } from '../../engine/wallet/wallet.ts';
import { isJudged } from './balance.ts';
import { type CardAccount, type LedgerLine, namedCard } from './cards.ts';
import { type Citizen, named } from './citizens.ts';
import { type Findings, short } from './findings.ts';

/** Some cards, and every citizen who ever had to do with one of them; of those citizens, nothing about other cards. */
export interface Suspects {
  readonly cards: ReadonlyMap<Hpan, CardAccount>;
  readonly citizens: ReadonlyMap<CitizenKey, Citizen>;
  readonly isSuspect: (hpan: Hpan) => boolean;
  /** Cards about which a message is still under way. */
  readonly busy: ReadonlySet<Hpan>;
  /** By which payments are judged; undefined = by none. */
  readonly rule: AbuseRule | undefined;
}

interface Listing {
  readonly citizen: Citizen;
  readonly payment: PaymentRow;
  isMatched: boolean;
}

interface Excluded {
  readonly citizen: Citizen;
  readonly payment: PaymentName;
}

export class Agreement {
  readonly #suspects: Suspects;
  readonly #findings: Findings;
  readonly #listings = new Map<string, Listing>();
  /** Payments that citizens' lists have as excluded; in the end those that no card has taken out. */
  readonly #excluded = new Map<string, Excluded>();

  constructor(suspects: Suspects, findings: Findings) {
    this.#suspects = suspects;
    this.#findings = findings;
  }

  check(): void {
    const { cards, citizens } = this.#suspects;
    for (const citizen of citizens.values()) {
      this.#gatherListings(citizen);
      this.#gatherExcluded(citizen);
    }
    for (const card of cards.values()) {
      for (const line of card.ledger.values()) this.#checkLine(card, line);
      if (card.open !== undefined) this.#checkOwner(card, card.open);
      this.#checkTakenOut(card);
    }
    for (const excluded of this.#excluded.values()) this.#checkExcluded(excluded);
    for (const listing of this.#listings.values()) this.#checkListed(listing);
    for (const citizen of citizens.values()) this.#checkMethods(citizen);
  }

  #gatherListings(citizen: Citizen): void {
    for (const payment of citizen.payments) {
      if (!this.#suspects.isSuspect(payment.hpan)) continue;
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

  #gatherExcluded(citizen: Citizen): void {
    for (const payment of citizen.exclusions.payments()) {
      if (!this.#suspects.isSuspect(payment.hpan)) continue;
      this.#excluded.set(listingId(payment.hpan, recordKeyText(payment.record)), { citizen, payment });
    }
  }

  #checkLine(card: CardAccount, { entry, countDelta }: LedgerLine): void {
    const listing = this.#listings.get(listingId(card.hpan, recordKeyText(entry.record)));
    if (entry.state === 'asked') {
      // The wallet may have listed it, and its verdict be on the way.
      if (listing !== undefined && this.#suspects.busy.has(card.hpan)) listing.isMatched = true;
      return;
    }
    if (entry.state !== 'counted' && entry.state !== 'applied') return;
    const subject = `${namedCard(card)}, record ${entry.key}`;
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
    this.#findings.expect(
      `${subject}: merchant by which the rule on abuse judged it`,
      isJudged(entry, this.#suspects.rule) ? entry.record.merchantId : null,
      listing.citizen.exclusions.shops.find(({ payment }) => payment === listing.payment)?.merchantId ?? null,
    );
  }

  #checkListed({ citizen, payment, isMatched }: Listing): void {
    if (isMatched) return;
    this.#findings.differ(
      `${named(citizen)}: lists ${recordKeyText(payment)}, but card ${short(payment.hpan)} has no such record counted`,
    );
  }

  #checkTakenOut(card: CardAccount): void {
    if (this.#suspects.busy.has(card.hpan)) return;
    for (const [place, out] of card.takenOut) {
      const entry = card.ledger.get(place)?.entry;
      if (entry === undefined) continue;
      const id = listingId(card.hpan, recordKeyText(entry.record));
      if (this.#excluded.get(id)?.citizen.key === entry.citizen) this.#excluded.delete(id);
      // Its owner had left: the card took nothing out, and puts nothing back when the exclusion is lifted.
      else if (out.state !== 'forgotten')
        this.#findings.differ(
          `${namedCard(card)}, record ${entry.key}: does not count, and citizen ${short(entry.citizen)} has no exclusion of it`,
        );
    }
  }

  /** Of what is fully reversed there is nothing to take out, nor of what its owner has left behind. */
  #checkExcluded({ citizen, payment: { hpan, record } }: Excluded): void {
    if (this.#suspects.busy.has(hpan)) return;
    const card = this.#suspects.cards.get(hpan);
    const key = recordKeyText(record);
    const entry = card?.ledger.get(card.placesByRecord.get(key) ?? NOWHERE)?.entry;
    if (card !== undefined && entry?.state === 'counted') {
      if (card.leftCents.get(entry.place) === 0 || card.hasDeparted(entry)) return;
    }
    this.#findings.differ(`${named(citizen)}: ${key} is excluded, and card ${short(hpan)} counts it all the same`);
  }

  #checkOwner(card: CardAccount, { citizen: key, enrolment, activationMs }: HistoryRow): void {
    if (this.#suspects.busy.has(card.hpan)) return;
    const subject = `${namedCard(card)}, active for ${short(key)} since ${activationMs}`;
    const citizen = this.#suspects.citizens.get(key);
    const method = citizen?.methods.get(card.hpan);
    if (citizen === undefined || citizen.enrolment !== enrolment || !citizen.isEnrolled) {
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
        waiting.some((other) => this.#suspects.busy.has(other)),
    );
  }

  #checkMethods(citizen: Citizen): void {
    for (const { hpan, cashback } of citizen.methods.values()) {
      if (!this.#suspects.isSuspect(hpan)) continue;
      const card = this.#suspects.cards.get(hpan);
      if (this.#suspects.busy.has(hpan) || (card !== undefined && this.#isUndecided(citizen, card))) continue;
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
  const amountCents = isTakingBack(record) ? -record.amountCents : record.amountCents;
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
