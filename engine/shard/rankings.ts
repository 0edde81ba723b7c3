/** One ranking per award period, moved by facts that are on disk (architecture 6). */
import type { Programme } from '../contract.ts';
import type { Fact, TurnRecord } from '../facts.ts';
import { visiblePeriods } from '../programme/index.ts';
import type { CompareTaxCodes, Participant } from '../ranking/ranking.ts';
import { Ranking } from '../ranking/ranking.ts';
import type { Wallet } from '../wallet/wallet.ts';

export class Rankings {
  readonly #rankings = new Map<number, Ranking>();
  readonly #compare: CompareTaxCodes;

  constructor(programme: Programme, compare: CompareTaxCodes) {
    this.#compare = compare;
    for (const { awardPeriodId } of visiblePeriods(programme)) {
      this.#rankings.set(awardPeriodId, new Ranking({ awardPeriodId, compareTaxCodes: compare }));
    }
  }

  /** Undefined for a period that the programme does not show. */
  of(awardPeriodId: number): Ranking | undefined {
    return this.#rankings.get(awardPeriodId);
  }

  all(): Iterable<Ranking> {
    return this.#rankings.values();
  }

  /** Builds all of them anew from wallets: each total of a wallet is a participant (DECISIONS 21 and 38). */
  rebuild(wallets: Iterable<Wallet>): void {
    const participants = new Map<number, Participant[]>();
    for (const { citizen, totals } of wallets) {
      for (const { awardPeriodId, count, lastTrxMs, termsMs } of totals) {
        const known = participants.get(awardPeriodId);
        const participant: Participant = { citizen, standing: { count, lastTrxMs, termsMs } };
        if (known === undefined) participants.set(awardPeriodId, [participant]);
        else known.push(participant);
      }
    }
    for (const [awardPeriodId, entries] of participants) {
      this.#rankings.set(awardPeriodId, Ranking.build(awardPeriodId, entries, this.#compare));
    }
  }

  apply(record: TurnRecord): void {
    for (const { facts } of record.sections) for (const fact of facts) this.#applyFact(fact);
  }

  #applyFact(fact: Fact): void {
    switch (fact.kind) {
      case 'paymentListed': {
        const { before, after } = fact;
        if (before !== null && before.count === after.count && before.lastTrxMs === after.lastTrxMs) return;
        this.#rankings.get(fact.payment.awardPeriodId)?.move(fact.citizen, before, after);
        return;
      }
      case 'left':
        for (const { awardPeriodId, before } of fact.removed) {
          this.#rankings.get(awardPeriodId)?.move(fact.citizen, before, null);
        }
        return;
      case 'rankingFrozen':
        this.#rankings.get(fact.awardPeriodId)?.freeze();
        return;
      default:
    }
  }
}
