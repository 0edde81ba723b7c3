/** A payment instrument as it rests: immutable data. Its drafts change only by `applyCardFact` (card-facts.ts). */
import type { CitizenKey, Hpan, RefusalName, Resolution, TransactionRecord } from '../contract.ts';
import type { Draft } from '../draft.ts';

/** `provisional`: claimed for an activation of several cards, which may still be taken back (DECISION 38). */
export type CardStatus = 'absent' | 'inactive' | 'provisional' | 'active';

/** One activation (domain 2.2). Rows never cover a day twice. */
export interface HistoryRow {
  readonly citizen: CitizenKey;
  readonly enrolment: number;
  readonly channel: string;
  /** The physical card of a device token; of a card itself its own hpan. */
  readonly master: Hpan;
  readonly activationMs: number;
  readonly deactivationMs: number | null;
}

/** What its row begins with: whose it was when. */
export interface CardHead {
  readonly hpan: Hpan;
  readonly status: CardStatus;
  /** Payment Account Reference, in capitals: what the card has in common with its device tokens. Empty = not told. */
  readonly par: string;
  readonly history: readonly HistoryRow[];
}

export interface Card extends CardHead {
  /** (citizen, enrolment) pairs that left: their payments match no reversal (DECISION 22). */
  readonly departed: readonly Departure[];
  /** Records sent to a wallet and not yet answered. */
  readonly unanswered: number;
  /** The last that were taken, in the order of arrival: most records are known to be new by these alone. */
  readonly recent: readonly RecentRecord[];
  /** Of all records taken before those, the latest instant; 0 = there are none. */
  readonly olderMs: number;
  /** Stored reversals that match nothing yet, in the order received. */
  readonly pending: readonly PendingReversal[];
  /** Records ever taken: the order of arrival. */
  readonly arrivals: number;
  /** Reversals ever stored: most cards have none, and then nothing needs to be searched. */
  readonly reversals: number;
}

export interface Departure {
  readonly citizen: CitizenKey;
  readonly enrolment: number;
}

export interface RecentRecord {
  readonly key: string;
  readonly place: number;
  readonly trxMs: number;
}

export interface PendingReversal {
  readonly place: number;
  readonly expiresMs: number;
}

/**
 * One record that a card remembers. A payment is `asked` (sent to the wallet), then `counted`, or `forgotten` since the
 * wallet dropped it: then its key may come again. A reversal is `pending`, `asked`, `applied`, `parked` or `expired`,
 * and `discarded` where an operator said so.
 */
export interface LedgerEntry {
  /** See place.ts. */
  readonly place: number;
  /** Place of the card's record that arrived before. */
  readonly previous: number;
  /** Of the law (2.4), digested. */
  readonly key: string;
  /** The latest instant of the card's records up to this one. */
  readonly latestMs: number;
  readonly record: TransactionRecord;
  readonly receivedMs: number;
  readonly arrival: number;
  readonly state: 'asked' | 'counted' | 'forgotten' | 'pending' | 'applied' | 'parked' | 'expired' | 'discarded';
  /** Who owns the payment; of a reversal, who owned the matched payment. Empty while unknown. */
  readonly citizen: CitizenKey;
  readonly enrolment: number;
  readonly awardPeriodId: number;
  readonly scoreCents: number;
  /** What is left of a payment after its applied reversals. */
  readonly leftCents: number;
  /** Of a reversal that is asked or applied: the place of its payment. */
  readonly matched: number;
  /**
   * Why a reversal was parked, also while an operator's decision is on its way and when it was discarded. Of an applied
   * one REVERSAL_AMBIGUOUS: it was flagged, and an operator kept it.
   */
  readonly code: RefusalName | null;
  /** An applied reversal that a later payment made ambiguous: it stands, an operator is told (DECISION 18). */
  readonly flagged: boolean;
  /** Of a reversal: when it stops waiting for its payment (DECISION 23). 0 of a payment. */
  readonly expiresMs: number;
  /** Number of the file that it came in; 0 = in none that is accounted for. */
  readonly fileNumber: number;
}

/** What an operator decided about a reversal: the last decision, the journal has all of them. */
export interface StoredResolution {
  /** Of the reversal. */
  readonly place: number;
  readonly resolution: Resolution;
  /** Of the payment that it was to be applied to; `NOWHERE` of the other resolutions. */
  readonly paymentPlace: number;
  readonly operator: string;
  readonly reason: string;
  readonly atMs: number;
}

/** A line in the list of its partition; see listed-reversals.ts. */
export interface ReversalRow {
  readonly hpan: Hpan;
  readonly place: number;
  /** Of one that waits, when it expires; of the others, when it was received. */
  readonly atMs: number;
}

export function emptyCard(hpan: Hpan): Draft<Card> {
  return {
    hpan,
    status: 'absent',
    par: '',
    history: [],
    departed: [],
    unanswered: 0,
    recent: [],
    olderMs: 0,
    pending: [],
    arrivals: 0,
    reversals: 0,
  };
}

/** Field by field: see `draftOfWallet`. */
export function draftOfCard(card: Card): Draft<Card> {
  return {
    hpan: card.hpan,
    status: card.status,
    par: card.par,
    history: card.history,
    departed: card.departed,
    unanswered: card.unanswered,
    recent: card.recent,
    olderMs: card.olderMs,
    pending: card.pending,
    arrivals: card.arrivals,
    reversals: card.reversals,
  };
}
