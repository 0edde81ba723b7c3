/** The fold of a card: the only way in which one changes, live and in recovery alike. */
import { invariant, unreachable } from '../assert.ts';
import type { CitizenKey } from '../contract.ts';
import type { Draft } from '../draft.ts';
import type { CardFact } from '../facts.ts';
import type { Card, HistoryRow, LedgerEntry } from './card.ts';

/** Makes of the card what it is after `fact`. */
export function applyCardFact(card: Draft<Card>, fact: CardFact): void {
  switch (fact.kind) {
    case 'cardActivated':
    case 'cardClaimed': {
      const { citizen, enrolment, channel, master, activationMs } = fact;
      card.status = fact.kind === 'cardActivated' ? 'active' : 'provisional';
      card.history = [...card.history, { citizen, enrolment, channel, master, activationMs, deactivationMs: null }];
      return;
    }
    case 'claimConfirmed':
      card.status = 'active';
      return;
    case 'claimWithdrawn':
      card.status = fact.status;
      card.history = card.history.slice(0, -1);
      return;
    case 'cardDeactivated': {
      const last = lastActivation(card);
      invariant(last?.deactivationMs === null, 'only an active card is deactivated');
      card.status = 'inactive';
      card.history = [...card.history.slice(0, -1), { ...last, deactivationMs: fact.deactivationMs }];
      return;
    }
    case 'ownerLeft':
      card.departed = [...card.departed, { citizen: fact.citizen, enrolment: fact.enrolment }];
      return;
    case 'recordSet':
      // What arrived before changes nothing but its own line.
      if (fact.entry.arrival >= card.arrivals) addRecent(card, fact.entry);
      card.unanswered = fact.unanswered;
      card.pending = fact.pending;
      card.arrivals = fact.arrivals;
      card.reversals = fact.reversals;
      return;
    case 'parSet':
      card.par = fact.par;
      return;
    case 'parCovered':
      return; // Says why, for who looks into the journal.
    case 'lateRecordTaken':
      return; // Why, not what.
    case 'reversalResolved':
    case 'resolutionVoided':
      return; // Rows of their own.
    default:
      unreachable(fact);
  }
}

/** False of a card as nobody ever claimed it or paid with it: it has no row, also after its first claim was taken back. */
export function isKnownCard({ history, departed, arrivals }: Card): boolean {
  return history.length > 0 || departed.length > 0 || arrivals > 0;
}

/** As many as a card's payments of a few days. */
const RECENT_COUNT = 8;

function addRecent(card: Draft<Card>, { key, place, record }: LedgerEntry): void {
  const recent = [...card.recent, { key, place, trxMs: record.trxMs }];
  if (recent.length > RECENT_COUNT) card.olderMs = Math.max(card.olderMs, recent.shift()!.trxMs);
  card.recent = recent;
}

export function lastActivation(card: Card): HistoryRow | undefined {
  return card.history[card.history.length - 1];
}

export function hasDeparted(card: Card, owner: { readonly citizen: CitizenKey; readonly enrolment: number }): boolean {
  return card.departed.some((one) => one.citizen === owner.citizen && one.enrolment === owner.enrolment);
}
