/** The fold of a card: the only way in which one changes, live and in recovery alike. */
import { invariant, unreachable } from '../assert.ts';
import type { CitizenKey } from '../contract.ts';
import type { CardFact } from '../facts.ts';
import type { Card, HistoryRow, LedgerEntry } from './card.ts';

/** @returns the card after `fact`; the argument is not modified */
export function applyCardFact(card: Card, fact: CardFact): Card {
  switch (fact.kind) {
    case 'cardActivated':
    case 'cardClaimed': {
      const { citizen, enrolment, channel, master, activationMs } = fact;
      const row: HistoryRow = { citizen, enrolment, channel, master, activationMs, deactivationMs: null };
      const status = fact.kind === 'cardActivated' ? 'active' : 'provisional';
      return { ...card, status, history: [...card.history, row] };
    }
    case 'claimConfirmed':
      return { ...card, status: 'active' };
    case 'claimWithdrawn':
      return { ...card, status: fact.status, history: card.history.slice(0, -1) };
    case 'cardDeactivated': {
      const last = lastActivation(card);
      invariant(last?.deactivationMs === null, 'only an active card is deactivated');
      const closed: HistoryRow = { ...last, deactivationMs: fact.deactivationMs };
      return { ...card, status: 'inactive', history: [...card.history.slice(0, -1), closed] };
    }
    case 'ownerLeft':
      return { ...card, departed: [...card.departed, { citizen: fact.citizen, enrolment: fact.enrolment }] };
    case 'recordSet': {
      const { entry, unanswered, pending, arrivals, reversals } = fact;
      // What arrived before changes nothing but its own line.
      const taken = entry.arrival < card.arrivals ? card : withRecent(card, entry);
      return { ...taken, unanswered, pending, arrivals, reversals };
    }
    default:
      return unreachable(fact);
  }
}

/** False of a card as nobody ever claimed it: it has no row, also after its first claim was taken back. */
export function isKnownCard({ history, departed }: Card): boolean {
  return history.length > 0 || departed.length > 0;
}

/** As many as a card's payments of a few days. */
const RECENT_COUNT = 8;

function withRecent(card: Card, { key, place, record }: LedgerEntry): Card {
  const recent = [...card.recent, { key, place, trxMs: record.trxMs }];
  if (recent.length <= RECENT_COUNT) return { ...card, recent };
  const { trxMs } = recent.shift()!;
  return { ...card, recent, olderMs: Math.max(card.olderMs, trxMs) };
}

export function lastActivation(card: Card): HistoryRow | undefined {
  return card.history[card.history.length - 1];
}

export function hasDeparted(card: Card, owner: { readonly citizen: CitizenKey; readonly enrolment: number }): boolean {
  return card.departed.some((one) => one.citizen === owner.citizen && one.enrolment === owner.enrolment);
}
