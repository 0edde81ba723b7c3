/** What the engine needs from outside. Declared here, implemented where it can fail. */
import type { Card, CardHead, LedgerEntry, ReversalRow, StoredResolution } from './card/card.ts';
import type { CitizenKey, Exclusion, Notice, PayoutFile, PeriodDecision, ReceivedFile } from './contract.ts';
import type { MerchantDay } from './exclusion/merchant-day.ts';
import type { Message, TurnRecord } from './facts.ts';
import type { FileTally } from './file/received-file.ts';
import type { NoticeRun } from './notice/notice.ts';
import type { Payout, PayoutOrder, PayoutRun } from './payout/payout.ts';
import type { Pointer } from './pointer.ts';
import type { CommandPage, PaymentRow, Wallet, WalletHead } from './wallet/wallet.ts';

export interface Clock {
  /** The programme's time, milliseconds since the epoch, UTC. May be simulated; never falls. */
  nowMs(): number;
}

/** Runs `task` soon, after what has already arrived. Tests run tasks by hand. */
export type Schedule = (task: () => void) => void;

/** The world failed (disk, file): final, the process stops. `code` is stable. */
export class StorageFault extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export function isRowDamage(fault: unknown): fault is StorageFault {
  return fault instanceof StorageFault && fault.code === 'ROW_DAMAGED';
}

export interface Journal {
  /** Sequence of the newest record; 0 = empty. */
  readonly lastSequence: number;
  /** Grows by one at each opening. */
  readonly epoch: number;
  /**
   * Makes one turn durable, all or none; sequences follow each other without a gap.
   * Resolves once it would survive a power cut; appends resolve in order.
   * Rejects with StorageFault; the process then stops, since its memory is ahead of the disk.
   */
  append(turn: TurnRecord): Promise<void>;
  /** Records from `sequence` on, in order, each verified (checksum and chain); also those archived. */
  read(sequence: number): Iterable<TurnRecord>;
  /** Everything up to `sequence` is in rows and snapshots: it may move to the archive, at once or with rests. */
  trim(sequence: number, rest?: Rest): Promise<void>;
}

/** Asked between two steps of work that is not urgent, of which that share is done (0 to 1). Resolves when it may go on. */
export type Rest = (doneShare: number) => Promise<void>;

/** Tables of rows, by what they hold. `entity` is a citizen key, an hpan, or empty; `sub` orders rows within it. */
export interface RowTypes {
  /** entity citizen, sub '' */
  readonly wallet: Wallet;
  /** entity '', sub `pageOf`: what one turn listed */
  readonly payment: readonly PaymentRow[];
  /** entity citizen, sub `pageSub` */
  readonly command: CommandPage;
  /** entity hpan, sub '' */
  readonly card: Card;
  /** entity '', sub `pageOf`: what one turn took in */
  readonly record: readonly LedgerEntry[];
  /** entity '', sub '' */
  readonly partition: PartitionRow;
  /** entity '', sub `reversalSub`: reversals that wait, or that an operator has to see */
  readonly reversal: ReversalRow;
  /** entity hpan, sub the place of the reversal: what an operator decided about it */
  readonly resolution: StoredResolution;
  /** entity '', sub the receiver's number: messages sent and not known to be taken in */
  readonly outbox: OutboxRow;
  /** entity '', sub `pageOf`: so many payout records, by number */
  readonly payout: readonly Payout[];
  /** entity citizen, sub `payoutLinkSub`: a record that no run made */
  readonly payoutLink: PayoutLink;
  /** partition 0; entity '', sub `payoutFileSub` */
  readonly payoutFile: PayoutFile;
  /** entity '', sub `noticeSub`: notices that are due, and those that were given up */
  readonly notice: Notice;
  /** entity '', sub `noticeRunSub` */
  readonly noticeRun: NoticeRun;
  /** entity '', sub `fileTallySub` */
  readonly fileTally: FileTally;
  /** partition 0; entity '', sub one of `receivedFileSubs` */
  readonly receivedFile: ReceivedFile;
  /** entity '', sub as pointer.ts says */
  readonly pointer: Pointer;
  /** entity '', sub `decisionSub`: what operators decided (partition 0), and by what the partition opened a period again */
  readonly periodDecision: PeriodDecision;
  /** entity '', sub `exclusionSub`: proposals that wait, what is excluded, what was lifted */
  readonly exclusion: Exclusion;
  /** entity citizen, sub the day and the merchant, digested: what the rule on abuse has to remember */
  readonly merchantDay: MerchantDay;
}
export type RowTable = keyof RowTypes;
/** Rows that are actors: one for each entity. The others are lists, many rows to an entity. */
export type ActorTable = 'wallet' | 'card' | 'partition';
export type ListTable = Exclude<RowTable, ActorTable>;
/** Lists whose rows are pages; see place.ts. */
export type PageTable = 'payment' | 'record' | 'payout';
/** Those of which a page is what one turn took in. */
export type TurnPageTable = Exclude<PageTable, 'payout'>;
export type Line<T extends PageTable> = RowTypes[T][number];

export interface PartitionRow {
  /** Instants within a partition never fall. */
  readonly lastMs: number;
  /** Highest message sequence taken in from each partition; 64 numbers. */
  readonly received: readonly number[];
  /** Highest message sequence sent to each partition; 64 numbers. */
  readonly sent: readonly number[];
  /** Until they are opened again, as those heard of and those frozen. */
  readonly closedPeriods: readonly number[];
  /** By award period: which card partitions were heard to close it. */
  readonly closeHeard: readonly { readonly awardPeriodId: number; readonly from: readonly number[] }[];
  readonly frozenPeriods: readonly number[];
  readonly ties: readonly (readonly [CitizenKey, CitizenKey])[];
  /** Running counts of this partition, for status and metrics. */
  readonly citizensEnabled: number;
  readonly cardsActive: number;
  readonly paymentsListed: number;
  readonly commandsDone: number;
  /** Payout records ever made: the number of the next one. */
  readonly payoutCount: number;
  readonly payoutRuns: readonly PayoutRun[];
  /** Partition 0. */
  readonly payoutOrders: readonly PayoutOrder[];
  /** Partition 0: the programme, and the frozen rankings. */
  readonly programme: { readonly json: string; readonly hash: string } | null;
  readonly frozenRankings: readonly {
    readonly awardPeriodId: number;
    readonly vector: readonly number[];
    readonly participants: number;
    readonly digest: string;
  }[];
}

/** Who goes through millions of them looks at no more: the rest is two fifths of what a wallet takes to read. */
export interface RowHeads {
  readonly wallet: WalletHead;
  readonly card: CardHead;
}

export interface PayoutLink {
  readonly place: number;
}

/** Never empty: a pair without open messages has no row. */
export interface OutboxRow {
  readonly messages: readonly Message[];
}

export interface RowAddress {
  readonly table: RowTable;
  readonly partition: number;
  readonly entity: string;
  readonly sub: string;
}

export interface StoredRow<T> {
  /** The partition's sequence of the last fact folded into this row. */
  readonly sequence: number;
  /** Null in a change: delete. Never null in an answer. */
  readonly value: T;
}

export type RowChange = {
  [T in RowTable]: {
    readonly address: RowAddress & { readonly table: T };
    readonly sequence: number;
    readonly value: RowTypes[T] | null;
  };
}[RowTable];

/** A page as it will be written: bytes outside of the heap, in place of the hundreds of objects that say the same. */
export interface PackedPage {
  readonly lineCount: number;
  lines(): RowTypes[PageTable];
  line(index: number): Line<PageTable> | undefined;
}

export type PageChange = {
  [T in PageTable]: {
    readonly address: RowAddress & { readonly table: T };
    readonly sequence: number;
    readonly value: RowTypes[T];
  };
}[PageTable];

export interface PackedChange {
  readonly address: RowAddress;
  readonly value: PackedPage;
}

export interface Rows {
  /** Undefined = no such row. Throws StorageFault (`ROW_DAMAGED`, `FORMAT_NEWER`, `FORMAT_OLDER`) rather than serve a wrong row. */
  get<T extends RowTable>(table: T, partition: number, entity: string, sub: string): StoredRow<RowTypes[T]> | undefined;
  /** One line of a page, without reading the others. Throws as `get` does. */
  line<T extends PageTable>(table: T, partition: number, place: number): Line<T> | undefined;
  /** All rows of one entity, ordered by `sub`; the first whose `sub` begins with `prefix` on. */
  list<T extends RowTable>(
    table: T,
    partition: number,
    entity: string,
    prefix: string,
  ): Iterable<readonly [string, StoredRow<RowTypes[T]>]>;
  /** Every row of one table in one partition, in key order; from `entity` on where one is named. */
  scan<T extends RowTable>(
    table: T,
    partition: number,
    entity?: string,
  ): Iterable<readonly [RowAddress, StoredRow<RowTypes[T]>]>;
  /** What each row of one table in one partition begins with, in key order; of those after the entity that is named. */
  heads<T extends keyof RowHeads>(table: T, partition: number, after?: string): Iterable<RowHeads[T]>;
  /** Rows had to be fetched from the disk since this was last asked: reading ahead pays. Cheap enough for every turn. */
  isSlow(): boolean;
  /** Fetches rows from the disk, many at once and on other threads, so that `get` finds them in memory. */
  prefetch(addresses: readonly RowAddress[]): Promise<void>;
  /** Pages to be written later, in one piece of memory. */
  pack(pages: readonly PageChange[]): readonly PackedPage[];
  /** One transaction, all or none, flushed when resolved. Rejects with StorageFault: the process stops. */
  write(changes: readonly (RowChange | PackedChange)[]): Promise<void>;
  /**
   * Writes rows that an older format left once more, in today's, from among the next `rowCountMax` that may be such, and
   * keeps where it stopped. Nobody else writes rows meanwhile. False = all of them are of today's. Rejects as `write`.
   */
  rewriteOlder(rowCountMax: number): Promise<boolean>;
  /** The checkpoint is complete up to this sequence of the store's journal: all of it is in rows. */
  setCheckpoint(mark: CheckpointMark): Promise<void>;
  checkpoint(): CheckpointMark;
}

export interface CheckpointMark {
  /** Store journal sequence; 0 = none yet. */
  readonly sequence: number;
  /** Sequence of each partition at that moment; 64 numbers. */
  readonly partitions: readonly number[];
  readonly ranked: RankedMark;
}

/** How rankings come to where they were at a checkpoint: from these copies, or newer ones, by the moves journaled since. */
export interface RankedMark {
  /** Store journal sequence: no move up to here is missing in the copies. Not after the checkpoint's. */
  readonly sequence: number;
  readonly copies: readonly { readonly awardPeriodId: number; readonly vector: readonly number[] }[];
}

/** Personal data. Keys live in slots of a plain file; see snapshots/vault.ts. */
export interface Vault {
  /** Reserves a slot with a fresh key. Durable after the next `flush`. */
  newSlot(): number;
  seal(slot: number, text: string): Uint8Array;
  /** Throws StorageFault `SEAL_BROKEN`. */
  open(slot: number, sealed: Uint8Array): string;
  /** Keyed hash of a text, 32 hex digits; its key never rotates. Same text, same digest. */
  digest(text: string): string;
  /** Resolves at once when no slot was reserved since the last flush. Rejects with StorageFault. */
  flush(): Promise<void>;
}

/**
 * A copy of a ranking that may move while it is being taken: whoever did not is in it once, as it stands; whoever did,
 * at none, one or several of the places where it stood meanwhile. `Ranking.settle` puts that right.
 */
export interface RankingCopy {
  /** In order, to be taken one after the other, whenever. Good for ever. */
  readonly rows: Iterable<Uint8Array>;
  readonly headerBytes: number;
  /** What stands before the rows; known when all of them were taken. */
  header(): Uint8Array;
}

/** Copies of rankings, so that a start need not read every wallet. Losing one costs time, nothing else. */
export interface RankingCopies {
  /** Keeps a copy that was begun at `vector` (the sequence of each partition). Rejects with StorageFault. */
  saveRanking(awardPeriodId: number, copy: RankingCopy, vector: readonly number[]): Promise<void>;
  /** Null = none. The chunks are read while they are asked for, and what they say must be checked. */
  loadRanking(
    awardPeriodId: number,
  ): { readonly chunks: Iterable<Uint8Array>; readonly vector: readonly number[] } | null;
}

/**
 * Commands that end the process (fault 18). Whatever is being decided is named first, where the next process finds it:
 * who is named when a process dies is a suspect, and is named alone from then on; who is named alone at a second death
 * is set aside. Names are texts of one line.
 */
export interface Quarantine {
  /** These are being decided, and nothing else. Outlives the process, not a power cut; never throws. */
  name(tasks: readonly string[]): void;
  /** One more. */
  nameToo(task: string): void;
  /** Nothing is being decided any more. */
  clear(): void;
  readonly hasSuspects: boolean;
  isSuspect(task: string): boolean;
  /** Decided, and nothing happened. */
  acquit(task: string): void;
  /** To be refused, or to wait, until an operator releases it. */
  isSetAside(task: string): boolean;
}

/** A shard's disk. */
export interface Store {
  readonly journal: Journal;
  readonly rows: Rows;
  readonly vault: Vault;
  /** The folder keeps an older format: it has no words for what is new in today's. Absent: it does not. */
  readonly isOlder?: boolean;
  /** Absent: a death is blamed on nobody. */
  readonly quarantine?: Quarantine | undefined;
}
