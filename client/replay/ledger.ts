/**
 * What must be true at the end, computed from the acknowledgements alone and in the plainest way: the replay's own
 * memory of the rules (domain 2.2, 3.3, 4.1, 4.3, 5), against which the engine's answers are held.
 */
import type { Answer, CommandId, Hpan } from '../../engine/contract.ts';
import { romeDay } from '../rome.ts';
import type { Purchase } from './purchases.ts';

export interface Acknowledged {
  readonly taxCode: string;
  readonly id: CommandId;
  readonly kind: string;
  /** Null: no answer came; what became of it is asked at the end. */
  readonly answer: Answer | null;
  /** The card concerned, for those that have one. */
  readonly hpan: Hpan | null;
}

export interface Standing {
  readonly taxCode: string;
  readonly termsMs: number;
  readonly count: number;
  readonly rawCents: number;
  readonly lastTrxMs: number;
}

interface Holding {
  readonly taxCode: string;
  readonly activationMs: number;
}

export class Ledger {
  readonly #commands = new Map<CommandId, Acknowledged>();
  readonly #counts = new Map<string, number>();
  readonly #termsMs = new Map<string, number>();
  readonly #holdings = new Map<Hpan, Holding>();
  readonly #refused = new Set<CommandId>();
  readonly #violations: string[] = [];

  /** Notes one answer; the second answer to one id must equal the first. */
  note(command: Acknowledged): void {
    const before = this.#commands.get(command.id);
    if (before?.answer && command.answer && !sameAnswer(before.answer, command.answer)) {
      this.#violations.push(`command ${command.id} was answered twice, differently`);
    }
    if (before?.answer && !command.answer) return;
    this.#commands.set(command.id, command);
    if (command.answer === null || before?.answer) return;
    this.#counts.set(command.kind, this.count(command.kind) + 1);
    this.#apply(command, command.answer);
  }

  /** Refused for good: nothing was promised, and nothing may have happened (checked at the end). */
  refuse(id: CommandId): void {
    this.#refused.add(id);
  }

  #apply({ kind, taxCode, hpan }: Acknowledged, answer: Answer): void {
    if (kind === 'enrol' && answer.termsMs !== undefined) this.#termsMs.set(taxCode, answer.termsMs);
    if (kind !== 'enableCashback' || hpan === null || answer.activationMs === undefined) return;
    const holder = this.#holdings.get(hpan);
    if (holder !== undefined && holder.taxCode !== taxCode) {
      this.#violations.push(`card ${hpan.slice(0, 8)}… was granted to two citizens`);
    }
    this.#holdings.set(hpan, { taxCode, activationMs: answer.activationMs });
  }

  /** Contradictions seen on the way: promises 2 and 5. */
  get violations(): readonly string[] {
    return this.#violations;
  }

  get commands(): readonly Acknowledged[] {
    return [...this.#commands.values()];
  }

  isRefused(id: CommandId): boolean {
    return this.#refused.has(id);
  }

  get citizens(): ReadonlyMap<string, number> {
    return this.#termsMs;
  }

  get instrumentCount(): number {
    return this.#holdings.size;
  }

  /** Acknowledged commands of a kind. */
  count(kind: string): number {
    return this.#counts.get(kind) ?? 0;
  }

  /**
   * Who gets the payment: the day after the activation is the first that counts (2.2). Null: nobody, it is dropped.
   * A reversal goes where its payment went; of a payment that was dropped there is nothing to take back.
   */
  ownerOf(purchase: Purchase): string | null {
    const holding = this.#holdings.get(purchase.hpan);
    if (holding === undefined || romeDay(purchase.paidMs) <= romeDay(holding.activationMs)) return null;
    const termsMs = this.#termsMs.get(holding.taxCode);
    return termsMs !== undefined && termsMs < purchase.paidMs ? holding.taxCode : null;
  }

  /** Everyone's place, best first: count, then earlier last payment, then earlier terms, then tax code (5.1). */
  standings(purchases: readonly Purchase[]): readonly Standing[] {
    const byCitizen = new Map<string, Standing>();
    for (const purchase of purchases) {
      const taxCode = this.ownerOf(purchase);
      if (taxCode === null) continue;
      const termsMs = this.#termsMs.get(taxCode)!;
      const before = byCitizen.get(taxCode) ?? { taxCode, termsMs, count: 0, rawCents: 0, lastTrxMs: 0 };
      byCitizen.set(taxCode, {
        ...before,
        count: before.count + (purchase.isReversal ? -1 : 1),
        rawCents: before.rawCents + (purchase.isReversal ? -1 : 1) * scoreCents(purchase.amountCents),
        lastTrxMs: purchase.isReversal ? before.lastTrxMs : Math.max(before.lastTrxMs, purchase.trxMs),
      });
    }
    return [...byCitizen.values()].sort(
      (one, other) =>
        other.count - one.count ||
        one.lastTrxMs - other.lastTrxMs ||
        one.termsMs - other.termsMs ||
        (one.taxCode < other.taxCode ? -1 : 1),
    );
  }
}

/** Ten per cent of at most 150 euro; half a cent goes down (4.1). */
export function scoreCents(amountCents: number): number {
  const evaluated = Math.min(amountCents, 15_000);
  return Math.floor(evaluated / 10) + (evaluated % 10 > 5 ? 1 : 0);
}

function sameAnswer(one: Answer, other: Answer): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
}

function sorted(answer: Answer): unknown {
  return Object.entries(answer).sort(([one], [other]) => (one < other ? -1 : 1));
}
