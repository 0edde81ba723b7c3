/** Looks closely at some cards, with two more walks through the journals: who had to do with them, and all about those. */
import type { CitizenKey, Hpan, Programme } from '../../engine/contract.ts';
import type { Fact } from '../../engine/facts.ts';
import { Agreement } from './agreement.ts';
import { scaleOf } from './balance.ts';
import { CardAccount, CardFold } from './cards.ts';
import { Citizen, CitizenFold } from './citizens.ts';
import { ExclusionCheck } from './exclusions.ts';
import { Findings } from './findings.ts';
import { type ActorFact, isCardFact, isNoticeFact, isPayoutFact, PartitionLog } from './partition-log.ts';
import type { PartitionAccount } from './partitions.ts';
import { ALL_PARTITIONS } from './rows.ts';
import { type History, inTimeOrder } from './walk.ts';

export interface SuspectParts extends History {
  readonly programme: Programme;
  readonly findings: Findings;
  readonly partitions: readonly PartitionAccount[];
  /** Cards about which a message is still under way. */
  readonly busy: ReadonlySet<Hpan>;
}

export class SuspectCheck {
  readonly #parts: SuspectParts;
  readonly #isSuspect: (hpan: Hpan) => boolean;
  readonly #cards = new Map<Hpan, CardAccount>();
  readonly #citizens = new Map<CitizenKey, Citizen>();
  /** All of it was said when each was looked at for itself. */
  readonly #said = new Findings();

  constructor(scales: Iterable<number>, parts: SuspectParts) {
    const suspects = new Set(scales);
    this.#parts = parts;
    this.#isSuspect = (hpan) => suspects.has(scaleOf(hpan));
  }

  /** Stops after each section and each partition, for whoever has to breathe. */
  *run(): Generator<void> {
    const concerned = new Set<CitizenKey>();
    for (const { section } of inTimeOrder(this.#parts, this.#said)) {
      for (const fact of section.facts) {
        const citizen = this.#concernedBy(fact);
        if (citizen !== null) concerned.add(citizen);
      }
      yield;
    }

    const isWanted = (fact: ActorFact) => {
      if (isCardFact(fact)) return this.#isSuspect(fact.hpan);
      return !isPayoutFact(fact) && !isNoticeFact(fact) && concerned.has(fact.citizen);
    };
    const logs = ALL_PARTITIONS.map((partition) => new PartitionLog(partition, isWanted));
    for (const step of inTimeOrder(this.#parts, this.#said)) {
      logs[step.section.partition]?.add(step);
      yield;
    }

    for (const log of logs) {
      this.#fold(log);
      yield;
    }
    const { busy, findings, programme } = this.#parts;
    const rule = programme.abuseRule;
    const suspects = { cards: this.#cards, citizens: this.#citizens, isSuspect: this.#isSuspect, busy, rule };
    new Agreement(suspects, findings).check();
  }

  #concernedBy(fact: Fact): CitizenKey | null {
    if (!('citizen' in fact)) return null;
    const hpan = hpanIn(fact);
    return hpan !== null && this.#isSuspect(hpan) ? fact.citizen : null;
  }

  #fold(log: PartitionLog): void {
    const { programme, partitions } = this.#parts;
    const exclusions = new ExclusionCheck({ programme, findings: this.#said });
    const citizenFold = new CitizenFold(programme, this.#said, { exclusions });
    const cardFold = new CardFold(programme, this.#said, partitions[0]?.decisions ?? []);
    for (const [key, at] of log.wallets) {
      const citizen = new Citizen(key, log.partition);
      citizenFold.fold(citizen, log.history(at));
      this.#citizens.set(key, citizen);
    }
    for (const [hpan, at] of log.cards) {
      const card = new CardAccount(hpan, log.partition);
      cardFold.fold(card, log.history(at));
      this.#cards.set(hpan, card);
    }
  }
}

function hpanIn(fact: Fact): Hpan | null {
  if (fact.kind === 'exclusionSet') return fact.exclusion.payment?.hpan ?? null;
  if ('payment' in fact) return fact.payment.hpan;
  return 'hpan' in fact ? fact.hpan : null;
}
