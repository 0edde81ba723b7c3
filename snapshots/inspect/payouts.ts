/**
 * The inspector's own account of what is owed (domain 3.5, 4.2): each record by the law, from the totals of its citizen
 * and the frozen ranking, and what became of it since.
 */
import type { CitizenKey, PeriodParameters, Programme } from '../../engine/contract.ts';
import type { PayoutFact } from '../../engine/facts.ts';
import { type Payout, type PayoutOrder, payoutLinkSub } from '../../engine/payout/payout.ts';
import { findPeriod, payableCents, proportionalCut } from '../../engine/programme/index.ts';
import type { PeriodTotals } from '../../engine/wallet/wallet.ts';
import { type Citizen, named, placeOf, shown } from './citizens.ts';
import type { Findings } from './findings.ts';
import type { NoticeCheck } from './notices.ts';
import type { Place } from './partition-log.ts';
import type { Order } from './standings.ts';

export interface PayoutCheckParts {
  readonly programme: Programme;
  readonly findings: Findings;
  /** As partition 0 has journaled them. */
  readonly orders: readonly PayoutOrder[];
  readonly jackpots: Jackpots;
  readonly notices: NoticeCheck;
}

export class PayoutCheck {
  readonly #parts: PayoutCheckParts;

  constructor(parts: PayoutCheckParts) {
    this.#parts = parts;
  }

  apply(citizen: Citizen, { kind, payout }: PayoutFact, place: Place): void {
    const { records, links } = citizen.payouts;
    const subject = `${named(citizen)} at ${shown(place)}: payout at ${payout.place}`;
    if (payout.citizen !== citizen.key) this.#parts.findings.differ(`${subject}: names another citizen`);
    const before = records.get(payout.place);
    if (kind === 'payoutSet') {
      this.#change(before, payout, subject);
      if (before?.outcome === null && payout.outcome !== null) this.#parts.notices.settled(citizen, payout);
    } else {
      this.#parts.findings.count('payouts');
      if (kind === 'payoutMade') this.#judgeMade(citizen, payout, place, subject);
      else {
        const sub = payoutLinkSub(payout.place);
        links.set(sub, { value: { place: payout.place }, sequence: place.sequence, isRowSeen: false });
      }
    }
    records.set(payout.place, payout);
  }

  /** What a record is, it stays; what was sent, is not sent again. */
  #change(before: Payout | undefined, after: Payout, subject: string): void {
    const { findings } = this.#parts;
    if (before === undefined) return findings.differ(`${subject}: changes before it was made`);
    for (const field of ['citizen', 'enrolment', 'awardPeriodId', 'cashbackCents', 'jackpotCents'] as const) {
      findings.expect(`${subject}: ${field}`, before[field], after[field]);
    }
    if (before.status === 'SENT') findings.expect(`${subject}: status`, 'SENT', after.status);
    if (before.outcome !== null) findings.expect(`${subject}: outcome`, before.outcome, after.outcome);
    if (before.successorPlace !== 0) {
      findings.expect(`${subject}: successor`, before.successorPlace, after.successorPlace);
    }
    if (after.status !== before.status && after.status === 'WIP' && (!after.isEnabled || after.payoff === null)) {
      findings.differ(`${subject}: goes into a file, though nobody is to be paid by it`);
    }
  }

  #judgeMade(citizen: Citizen, payout: Payout, place: Place, subject: string): void {
    const { findings, programme, orders, jackpots } = this.#parts;
    const { awardPeriodId, orderNumber } = payout;
    const period = findPeriod(programme, awardPeriodId);
    const order = orders.find((one) => one.orderNumber === orderNumber);
    if (period === null || order?.awardPeriodId !== awardPeriodId) {
      return findings.differ(`${subject}: made by order ${orderNumber}, which is none of period ${awardPeriodId}`);
    }
    if (!citizen.isEnabled) findings.differ(`${subject}: made while not enrolled`);
    if (!place.frozen.includes(awardPeriodId)) findings.differ(`${subject}: made before its period was frozen`);
    findings.expect(`${subject}: enrolment`, citizen.enrolment, payout.enrolment);
    const totals = citizen.totals.get(`${awardPeriodId}/${citizen.enrolment}`);
    if (totals === undefined) return findings.differ(`${subject}: made for who took no part`);
    if (totals.count < period.minTransactionNumber) findings.differ(`${subject}: made for too few payments`);

    const earlier = madeIn(citizen, awardPeriodId);
    const granted = [...earlier, ...paidByConsap(citizen, awardPeriodId)];
    const due = dueCents(totals, period, order);
    const grantedCents = sum(granted, ({ cashbackCents }) => cashbackCents);
    findings.expect(`${subject}: cashback`, Math.max(0, due - grantedCents), payout.cashbackCents);
    const isFirst = earlier.length === 0;
    if (!isFirst && payout.cashbackCents + payout.jackpotCents === 0)
      findings.differ(`${subject}: supplements nothing`);

    const prizeLeftCents = period.jackpotCents - sum(granted, ({ jackpotCents }) => jackpotCents);
    if (payout.jackpotCents !== 0 && payout.jackpotCents !== prizeLeftCents)
      findings.differ(`${subject}: has no such prize: ${payout.jackpotCents}`);
    const isWinner = payout.jackpotCents + sum(earlier, ({ jackpotCents }) => jackpotCents) !== 0;
    const ranked = placeOf(totals);
    if (ranked === null) {
      if (isWinner) findings.differ(`${subject}: has a prize without a place in the ranking`);
    } else if (isWinner || prizeLeftCents > 0) {
      // Whom Consap gave the whole prize, no run gives any: it does not say whether the ranking would have.
      jackpots.add(awardPeriodId, citizen.key, { count: ranked.count, isWinner });
    }
  }

  /** Whoever was there when a run went through, and is still, has what is due. */
  finish(citizen: Citizen, periodsDone: ReadonlySet<number>): void {
    if (!citizen.isEnabled) return;
    for (const totals of citizen.totals.values()) {
      const { awardPeriodId, enrolment, count } = totals;
      const period = findPeriod(this.#parts.programme, awardPeriodId);
      const isDue = enrolment === citizen.enrolment && count >= (period?.minTransactionNumber ?? 0);
      // Who was excluded when the run went through is paid by the next one.
      if (citizen.wasExcluded || !isDue || !periodsDone.has(awardPeriodId) || madeIn(citizen, awardPeriodId).length > 0)
        continue;
      this.#parts.findings.differ(`${named(citizen)}: no payout record in period ${awardPeriodId}`);
    }
  }
}

/** Who was given the prize of a period, to be held against its frozen ranking. */
export class Jackpots {
  readonly #periods = new Map<number, { readonly winners: Set<CitizenKey>; readonly others: Set<number> }>();

  add(
    awardPeriodId: number,
    citizen: CitizenKey,
    { count, isWinner }: { readonly count: number; readonly isWinner: boolean },
  ): void {
    const known = this.#periods.get(awardPeriodId);
    const ofPeriod = known ?? { winners: new Set(), others: new Set() };
    if (known === undefined) this.#periods.set(awardPeriodId, ofPeriod);
    if (isWinner) ofPeriod.winners.add(citizen);
    else ofPeriod.others.add(count);
  }

  /** Of others only their counts are remembered: whoever has more payments than the last winner is one, too. */
  check(order: Order, { awardPeriodId, minPosition, jackpotCents }: PeriodParameters, findings: Findings): void {
    const { winners = new Set<CitizenKey>(), others = new Set<number>() } = this.#periods.get(awardPeriodId) ?? {};
    const left = new Set(winners);
    let rank = 0;
    let lastCount = Number.POSITIVE_INFINITY;
    for (const { citizen, count } of order) {
      rank += 1;
      if (rank > minPosition) break;
      left.delete(citizen);
      lastCount = count;
    }
    const subject = `prize of period ${awardPeriodId}`;
    if (left.size > 0) findings.differ(`${subject}: given to ${left.size} who stand behind rank ${minPosition}`);
    const passedOver = [...others].filter((count) => jackpotCents > 0 && count > lastCount);
    if (passedOver.length > 0) findings.differ(`${subject}: not given to who has ${passedOver[0]} payments`);
  }
}

/** By runs: the first, and supplements. */
function madeIn({ payouts }: Citizen, awardPeriodId: number): readonly Payout[] {
  return [...payouts.records.values()].filter((one) => one.awardPeriodId === awardPeriodId && one.orderNumber > 0);
}

/** Not what the bank refused: that is Consap's to pay again. */
function paidByConsap({ payouts }: Citizen, awardPeriodId: number): readonly Payout[] {
  return [...payouts.records.values()].filter(
    (one) =>
      one.awardPeriodId === awardPeriodId && one.status === 'INTEGRATION' && one.outcome?.result === 'ORDINE ESEGUITO',
  );
}

function dueCents({ rawCents, count }: PeriodTotals, period: PeriodParameters, { cut }: PayoutOrder): number {
  const payable = payableCents({ rawCents, count }, period);
  return cut === null ? payable : proportionalCut(payable, cut);
}

function sum(payouts: readonly Payout[], of: (payout: Payout) => number): number {
  return payouts.reduce((total, payout) => total + of(payout), 0);
}
