/**
 * What followed from commands: the only thing that is journaled, the only thing that changes state.
 * A fact carries the values it leads to, so that each row can be folded alone: a row at or past the
 * sequence of a fact skips it. Facts are data; their disk form is snapshots/codec/.
 */
import type { LedgerEntry, PendingReversal, StoredResolution } from './card/card.ts';
import type {
  Answer,
  CitizenKey,
  Exclusion,
  Hpan,
  MethodDetails,
  Notice,
  OptInStatus,
  PayoutFile,
  PeriodDecision,
  ReceivedFile,
  RecheckVerdict,
  RecordCover,
  RefusalName,
  TransactionRecord,
  WalletCommandKind,
} from './contract.ts';
import type { MerchantDay } from './exclusion/merchant-day.ts';
import type { FileTally } from './file/received-file.ts';
import type { NoticeRun } from './notice/notice.ts';
import type { Payout, PayoutOrder, PayoutRun } from './payout/payout.ts';
import type { DoneCommand, Operation, PaymentRow, Payoff, Recheck } from './wallet/wallet.ts';

/** A place in a ranking; all that its order needs but the tax code. */
export interface Standing {
  readonly count: number;
  readonly lastTrxMs: number;
  readonly termsMs: number;
}

export type WalletFact =
  | {
      readonly kind: 'enrolled';
      readonly citizen: CitizenKey;
      readonly enrolment: number;
      readonly termsMs: number;
      readonly optInStatus: OptInStatus;
      readonly slot: number;
      readonly sealedTaxCode: Uint8Array;
    }
  | { readonly kind: 'optInSet'; readonly citizen: CitizenKey; readonly optInStatus: OptInStatus }
  | {
      readonly kind: 'left';
      readonly citizen: CitizenKey;
      readonly cancellationMs: number;
      /** Award periods whose totals vanish with the enrolment (the open ones), with the standing that each had. */
      readonly removed: readonly { readonly awardPeriodId: number; readonly before: Standing }[];
    }
  | { readonly kind: 'payoffSet'; readonly citizen: CitizenKey; readonly payoff: Payoff; readonly atMs: number }
  /** When the bank service is to be asked about the account again; null = no more. `wasDueMs`: null = it was not to be. */
  | {
      readonly kind: 'recheckSet';
      readonly citizen: CitizenKey;
      readonly recheck: Recheck | null;
      readonly wasDueMs: number | null;
    }
  /** It was asked again, and knows; the payoff as it now stands. */
  | {
      readonly kind: 'payoffJudged';
      readonly citizen: CitizenKey;
      readonly verdict: Exclude<RecheckVerdict, 'UNKNOWN_PSP'>;
      readonly payoff: Payoff | null;
      readonly atMs: number;
    }
  | {
      readonly kind: 'methodAdded';
      readonly citizen: CitizenKey;
      readonly hpan: Hpan;
      readonly details: MethodDetails;
      readonly atMs: number;
    }
  | { readonly kind: 'methodRemoved'; readonly citizen: CitizenKey; readonly hpan: Hpan; readonly atMs: number }
  | { readonly kind: 'favouriteSet'; readonly citizen: CitizenKey; readonly hpan: Hpan; readonly atMs: number }
  | { readonly kind: 'claimStarted'; readonly citizen: CitizenKey; readonly hpan: Hpan; readonly channel: string }
  | {
      readonly kind: 'claimEnded';
      readonly citizen: CitizenKey;
      readonly hpan: Hpan;
      /** Null = refused. */
      readonly activationMs: number | null;
      readonly atMs: number;
    }
  | { readonly kind: 'releaseStarted'; readonly citizen: CitizenKey; readonly hpan: Hpan }
  | {
      readonly kind: 'releaseEnded';
      readonly citizen: CitizenKey;
      readonly hpan: Hpan;
      /** Null = the card refused; the method keeps what it was before. */
      readonly deactivationMs: number | null;
      readonly atMs: number;
    }
  /** Started or moved on; the whole operation as it now stands. */
  | { readonly kind: 'operationSet'; readonly citizen: CitizenKey; readonly operation: Operation }
  /** Ended in a refusal: no trace stays but the operation's absence. */
  | {
      readonly kind: 'operationRefused';
      readonly citizen: CitizenKey;
      readonly commandKey: string;
      readonly code: RefusalName;
    }
  /** Ends the operation of that key, if there is one. */
  | {
      readonly kind: 'commandDone';
      readonly citizen: CitizenKey;
      readonly commandKey: string;
      readonly bodyHash: string;
      /** Null = journaled before it was said. */
      readonly command: WalletCommandKind | null;
      readonly answer: Answer;
    }
  /** The oldest commands of the wallet go to a page of their own. */
  | { readonly kind: 'commandsPaged'; readonly citizen: CitizenKey; readonly commands: readonly DoneCommand[] }
  /** A payment counted or a reversal applied: the new line, the totals after it, the move in the ranking. */
  | {
      readonly kind: 'paymentListed';
      readonly citizen: CitizenKey;
      readonly payment: PaymentRow;
      readonly rawCents: number;
      /** Null = took no part before. */
      readonly before: Standing | null;
      readonly after: Standing;
      readonly atMs: number;
    }
  /** The same in a period whose ranking is frozen, and that was opened again: the totals grow, nobody moves (DECISION 25). */
  | {
      readonly kind: 'latePaymentListed';
      readonly citizen: CitizenKey;
      readonly payment: PaymentRow;
      readonly rawCents: number;
      /** Null = had counted nothing before. */
      readonly before: Standing | null;
      readonly after: Standing;
      readonly atMs: number;
    }
  /** The same of a citizen who is excluded: nothing moves, and nobody sees it until the exclusion is lifted. */
  | {
      readonly kind: 'paymentKept';
      readonly citizen: CitizenKey;
      readonly payment: PaymentRow;
      readonly rawCents: number;
      readonly before: Standing | null;
      readonly after: Standing;
      readonly atMs: number;
    }
  /** The citizen is excluded, or no more: leaves the rankings of these periods (the open ones), or comes back to them. */
  | {
      readonly kind: 'citizenExcluded';
      readonly citizen: CitizenKey;
      readonly isExcluded: boolean;
      readonly standings: readonly { readonly awardPeriodId: number; readonly standing: Standing }[];
      readonly atMs: number;
    };

export type CardFact =
  | {
      readonly kind: 'cardActivated';
      readonly hpan: Hpan;
      readonly citizen: CitizenKey;
      readonly enrolment: number;
      readonly channel: string;
      readonly master: Hpan;
      readonly activationMs: number;
    }
  /** For an activation of several cards, undecided as yet: followed by `claimConfirmed` or `claimWithdrawn`. */
  | {
      readonly kind: 'cardClaimed';
      readonly hpan: Hpan;
      readonly citizen: CitizenKey;
      readonly enrolment: number;
      readonly channel: string;
      readonly master: Hpan;
      readonly activationMs: number;
    }
  | { readonly kind: 'claimConfirmed'; readonly hpan: Hpan }
  /** The history row goes: no day was covered, the card is what it was before the claim (DECISION 38). */
  | { readonly kind: 'claimWithdrawn'; readonly hpan: Hpan; readonly status: 'absent' | 'inactive' }
  | { readonly kind: 'cardDeactivated'; readonly hpan: Hpan; readonly deactivationMs: number }
  | { readonly kind: 'ownerLeft'; readonly hpan: Hpan; readonly citizen: CitizenKey; readonly enrolment: number }
  /** A record's entry as it now stands, and the card's counters after it. */
  | {
      readonly kind: 'recordSet';
      readonly hpan: Hpan;
      readonly entry: LedgerEntry;
      readonly unanswered: number;
      readonly pending: readonly PendingReversal[];
      readonly arrivals: number;
      readonly reversals: number;
    }
  /** The `recordSet` of that place, which follows, is of a file that a closed period was opened again for. */
  | {
      readonly kind: 'lateRecordTaken';
      readonly hpan: Hpan;
      readonly place: number;
      /** Of the decision that opened the period. */
      readonly decisionNumber: number;
      readonly file: string;
    }
  /** What an operator decided; a `recordSet` says how the reversal then stands. */
  | { readonly kind: 'reversalResolved'; readonly hpan: Hpan; readonly resolution: StoredResolution }
  /** The Payment Account Reference of an active card. `wasPar`: the one before; empty = it had none. */
  | { readonly kind: 'parSet'; readonly hpan: Hpan; readonly par: string; readonly wasPar: string }
  /** Why the record with that key is taken next, though no activation of its own hpan covers its day. */
  | { readonly kind: 'parCovered'; readonly hpan: Hpan; readonly key: string; readonly cover: RecordCover }
  /** The payment's owner had left: the reversal is parked as before. */
  | { readonly kind: 'resolutionVoided'; readonly hpan: Hpan; readonly place: number };

/** A payout record as it now stands. */
export type PayoutFact =
  /** New, by a run: found among the run's by its citizen. */
  | { readonly kind: 'payoutMade'; readonly citizen: CitizenKey; readonly payout: Payout }
  /** New, and not by a run: found by a link beside its citizen. */
  | { readonly kind: 'payoutAdded'; readonly citizen: CitizenKey; readonly payout: Payout }
  | { readonly kind: 'payoutSet'; readonly citizen: CitizenKey; readonly payout: Payout };

/** What a citizen is to be told, and what became of it. */
export type NoticeFact =
  | { readonly kind: 'noticeQueued'; readonly citizen: CitizenKey; readonly notice: Notice }
  /** As it now stands; `wasDueMs`: where it stood among those that are due. */
  | {
      readonly kind: 'noticeSet';
      readonly citizen: CitizenKey;
      readonly notice: Notice;
      readonly wasDueMs: number;
    };

/** What is taken out of counting, and what the rule on abuse has to remember for that. */
export type ExclusionFact =
  /** A proposal, or what became of one, as it now stands. */
  | {
      readonly kind: 'exclusionSet';
      readonly citizen: CitizenKey;
      /** See `exclusionSubject`. */
      readonly subject: string;
      readonly exclusion: Exclusion;
    }
  | {
      readonly kind: 'merchantDaySet';
      readonly citizen: CitizenKey;
      /** Of the row. */
      readonly sub: string;
      readonly merchantDay: MerchantDay;
    };

export type PartitionFact =
  /** This card partition takes nothing more for the period. */
  | { readonly kind: 'periodClosed'; readonly awardPeriodId: number }
  /** This wallet partition heard that card partition `from` closed the period. */
  | { readonly kind: 'periodCloseHeard'; readonly awardPeriodId: number; readonly from: number }
  /** All 64 heard: standings of this partition are final. */
  | { readonly kind: 'periodFrozen'; readonly awardPeriodId: number }
  /** The whole ranking is frozen (written by partition 0): at these sequences, with this digest. */
  | {
      readonly kind: 'rankingFrozen';
      readonly awardPeriodId: number;
      readonly vector: readonly number[];
      readonly participants: number;
      readonly digest: string;
    }
  /** Two citizens equal in everything but their tax code: `first` stands before `second`, for ever. */
  | { readonly kind: 'tieOrdered'; readonly first: CitizenKey; readonly second: CitizenKey }
  /** An operator's decision; written by partition 0, with the version of the programme that follows from it, if any. */
  | { readonly kind: 'periodDecided'; readonly decision: PeriodDecision }
  /** This partition takes late records of the period, until it closes again as it did first: `periodClosed` and so on. */
  | { readonly kind: 'periodReopened'; readonly decision: PeriodDecision }
  /** The programme of this folder, or a newer version of it; written by partition 0 (DECISION in architecture 5). */
  | { readonly kind: 'programmeSet'; readonly json: string; readonly hash: string }
  /** Written by partition 0. */
  | { readonly kind: 'payoutsOrdered'; readonly order: PayoutOrder }
  /** How far this partition is with an order. */
  | { readonly kind: 'payoutRunSet'; readonly run: PayoutRun }
  /** Written by partition 0: a file for the bank, as it now stands. */
  | { readonly kind: 'payoutFileSet'; readonly file: PayoutFile }
  /** How far this partition is with telling its citizens. */
  | { readonly kind: 'noticeRunSet'; readonly run: NoticeRun }
  /** What this partition has accepted of a file by the end of a turn. */
  | { readonly kind: 'fileTallySet'; readonly tally: FileTally }
  /** Written by partition 0: a file of an acquirer, as it now stands. */
  | { readonly kind: 'receivedFileSet'; readonly file: ReceivedFile };

export type Fact = WalletFact | PayoutFact | NoticeFact | ExclusionFact | CardFact | PartitionFact;

/** What partitions tell each other. Journaled with the sender's facts, first-in first-out per pair. */
export type MessageBody =
  | {
      readonly kind: 'claim';
      readonly citizen: CitizenKey;
      readonly hpan: Hpan;
      readonly enrolment: number;
      readonly channel: string;
      readonly master: Hpan;
      /** Other cards of the same activation are still to be asked: `claimConfirmed` or `claimWithdrawn` will follow. */
      readonly isProvisional: boolean;
    }
  /** Null = refused, or taken back. */
  | {
      readonly kind: 'claimJudged';
      readonly citizen: CitizenKey;
      readonly hpan: Hpan;
      readonly activationMs: number | null;
    }
  | { readonly kind: 'claimConfirmed'; readonly citizen: CitizenKey; readonly hpan: Hpan }
  | { readonly kind: 'claimWithdrawn'; readonly citizen: CitizenKey; readonly hpan: Hpan }
  | {
      readonly kind: 'release';
      readonly citizen: CitizenKey;
      readonly hpan: Hpan;
      readonly enrolment: number;
      /** Null = now. Clamped to [activation, now] by the card (DECISION 37). */
      readonly cancellationMs: number | null;
      readonly isLeaving: boolean;
    }
  | {
      readonly kind: 'releaseJudged';
      readonly citizen: CitizenKey;
      readonly hpan: Hpan;
      readonly deactivationMs: number | null;
      readonly code: RefusalName | null;
    }
  | {
      readonly kind: 'count';
      readonly citizen: CitizenKey;
      readonly place: number;
      readonly record: TransactionRecord;
      readonly receivedMs: number;
    }
  /** The same for a row that a closed period takes: its card has judged by which decision. */
  | {
      readonly kind: 'countLate';
      readonly citizen: CitizenKey;
      readonly place: number;
      readonly record: TransactionRecord;
      readonly receivedMs: number;
      readonly awardPeriodId: number;
    }
  | {
      readonly kind: 'countJudged';
      readonly hpan: Hpan;
      readonly place: number;
      /** Null = counted. */
      readonly code: RefusalName | null;
      readonly enrolment: number;
      readonly awardPeriodId: number;
      readonly scoreCents: number;
    }
  | {
      readonly kind: 'reverse';
      readonly citizen: CitizenKey;
      readonly enrolment: number;
      readonly place: number;
      readonly record: TransactionRecord;
      readonly awardPeriodId: number;
      readonly scoreCents: number;
      readonly countDelta: number;
    }
  /** `applied` false: the owner has left meanwhile, there is nothing to match. */
  | { readonly kind: 'reverseJudged'; readonly hpan: Hpan; readonly place: number; readonly applied: boolean }
  /** To a card: this payment is to count no more, or again. */
  | {
      readonly kind: 'exclude';
      readonly hpan: Hpan;
      readonly key: string;
      readonly trxMs: number;
      readonly isExcluded: boolean;
    }
  | { readonly kind: 'periodClosed'; readonly awardPeriodId: number };

/** A message to one wallet or card; the rest are told to every partition. */
export type ActorMessage = Exclude<MessageBody, { kind: 'periodClosed' }>;

export interface Message {
  readonly from: number;
  readonly to: number;
  /** Counts the messages of this pair from 1. */
  readonly sequence: number;
  readonly body: MessageBody;
}

/** One partition's part of a turn. */
export interface Section {
  readonly partition: number;
  /** This partition's own count of turns, from 1. */
  readonly sequence: number;
  readonly facts: readonly Fact[];
  /** Messages that leave the record. Of those that it takes in itself the facts say all that came of them. */
  readonly sent: readonly Message[];
  /** Highest sequence sent to and taken in by a partition of the same record: [to, sequence]. */
  readonly within: readonly (readonly [number, number])[];
  /** Highest message sequence taken in, by sender: [from, sequence]. */
  readonly received: readonly (readonly [number, number])[];
}

/** One turn of a shard: one journal record, all or none. */
export interface TurnRecord {
  readonly epoch: number;
  /** Position in this store's journal, from 1, without gaps. */
  readonly sequence: number;
  readonly nowMs: number;
  readonly sections: readonly Section[];
}
