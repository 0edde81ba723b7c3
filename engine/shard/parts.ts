/**
 * The parts of an engine, and what they say to each other. Each pair of them is first-in first-out and shares nothing
 * else: so the same parts run on one thread and call each other (open-engine.ts), or on many, with rings between them
 * (server/shards/).
 *
 *     front                    commands, reads, ticks          pages of rankings, closings
 *       |                              |                                |
 *       +---------------------->     shard     ------------------> coordinator
 *                                    |   ^      moves, ranks asked      |
 *                           messages +---+ <----------------------------+
 *                                                periods to close
 */
import type {
  AccountRecheck,
  CitizenKey,
  Exclusion,
  FileArrival,
  Hpan,
  ListedExclusionState,
  ListedNoticeState,
  ListedReversalState,
  Notice,
  NoticeChange,
  NoticeRunKind,
  PayoutChange,
  PayoutReply,
  PayoutView,
  PeriodDecision,
  PeriodOrder,
  ReceivedFile,
  RecordCover,
  ReversalView,
  UnverifiedAccount,
} from '../contract.ts';
import type { Engine, EngineStats, PayoutsFilter, Read } from '../engine.ts';
import type { Fact, Message, Standing } from '../facts.ts';
import type { FileTally } from '../file/received-file.ts';
import type { PayoutOrder } from '../payout/payout.ts';
import type { CheckpointMark, RankedMark } from '../ports.ts';
import type { Participant } from '../ranking/ranking.ts';
import type { DueClosing } from './intakes.ts';

/** A citizen enters a ranking (before null), moves in it, or leaves it (after null). */
export interface RankMove {
  readonly awardPeriodId: number;
  readonly citizen: CitizenKey;
  readonly before: Standing | null;
  readonly after: Standing | null;
}

/** Of a flush, what the coordinator has to know; in pieces where much has moved. */
export interface Published {
  readonly shard: number;
  /** Of the store's journal. */
  readonly sequence: number;
  /** Where each partition that took part now stands: [partition, sequence]. */
  readonly sequences: readonly (readonly [number, number])[];
  readonly moves: readonly RankMove[];
  /** Standings of a partition are final: [partition, awardPeriodId]. */
  readonly finalPeriods: readonly (readonly [number, number])[];
  /** Whose digest is on disk. */
  readonly frozenRankings: readonly number[];
}

export interface RankedStanding extends Participant {
  readonly awardPeriodId: number;
}

/** A standing of null takes no part: it stands behind everybody. */
export interface RankQuestion extends Omit<RankedStanding, 'standing'> {
  readonly standing: Standing | null;
}

/** How a ranking stands, for one citizen. */
export interface RankAnswer {
  readonly rank: number;
  readonly participants: number;
  /** Counts of the first, and of the last who would win; 0 = nobody. */
  readonly firstCount: number;
  readonly lastWinnerCount: number;
}

/** One reversal that an operator has to see, and the place after which the next one comes. */
export interface ReversalListed {
  readonly sub: string;
  readonly reversal: ReversalView;
}

export interface ReversalsPart {
  readonly state: ListedReversalState;
  readonly partition: number;
  readonly after: string;
  readonly countMax: number;
}

/** Of one partition, the cards after one, and as many rows as may be looked at. */
export interface CoveredPart {
  readonly partition: number;
  readonly dayNumber: number;
  /** Empty: from the first. */
  readonly after: Hpan;
  readonly countMax: number;
}

export interface CoveredPage {
  readonly hpans: readonly Hpan[];
  /** After which the next page begins; null = there is none. */
  readonly next: Hpan | null;
}

/** Of one partition, the records from a number on, and as many as may be looked at. */
export interface PayoutsPart {
  readonly partition: number;
  /** From 0. */
  readonly from: number;
  readonly countMax: number;
  readonly filter: PayoutsFilter;
  /** Null = of all periods. */
  readonly awardPeriodId: number | null;
  readonly isBrief: boolean;
}

export interface PayoutsPartPage {
  readonly payouts: readonly PayoutView[];
  /** Number of the record at which the next page begins; null = there is none. */
  readonly next: number | null;
}

/** The last order of a period, as partition 0 has it; null = there was none. */
export interface LastPayoutOrder {
  readonly order: PayoutOrder | null;
  /** Of all periods. */
  readonly orderCount: number;
}

/** How a store is with an order. */
export interface PayoutProgress {
  /** All its partitions have carried it out. */
  readonly isDone: boolean;
  readonly recordCount: number;
  readonly totalCents: number;
}

export interface PayoutRunWork {
  readonly order: PayoutOrder;
  /** Of who has the last winning rank; null = nobody wins. */
  readonly lastWinner: Standing | null;
}

/** What a shard knows of a PAR. */
export interface ParQuestion {
  readonly par: string;
  /** Rome day number of the record. */
  readonly dayNumber: number;
}

/** Of one partition: accounts that are to be checked again by then. */
export interface UnverifiedPart {
  readonly partition: number;
  readonly untilMs: number;
  readonly countMax: number;
}

/** Of one partition, in order. */
export interface NoticesPart {
  readonly partition: number;
  readonly state: ListedNoticeState;
  readonly after: string;
  readonly countMax: number;
  /** Only those that are due by then; null = all. */
  readonly untilMs: number | null;
}

/** A notice, and the place after which the next one comes. */
export interface NoticeListed {
  readonly sub: string;
  readonly notice: Notice;
}

/** Of one partition, in the order of citizens. */
export interface ExclusionsPart {
  readonly partition: number;
  readonly state: ListedExclusionState;
  readonly after: string;
  readonly countMax: number;
}

/** An exclusion, and the place after which the next one comes. */
export interface ExclusionListed {
  readonly sub: string;
  readonly exclusion: Exclusion;
}

export interface NoticeRunWork {
  readonly run: NoticeRunKind;
  readonly awardPeriodId: number;
  /** Of who has the last winning rank; null = nobody wins, or it does not matter. */
  readonly lastWinner: Standing | null;
}

/** By the subs of their rows, which begin with `prefix`. */
export interface ReceivedFilesPart {
  readonly prefix: string;
  readonly after: string;
  readonly countMax: number;
}

/** What recovery found in one store, as far as others have to know it before anything is served. */
export interface ShardReport {
  readonly isNew: boolean;
  /** See Store. */
  readonly isOlder: boolean;
  /** The last instant that any of its partitions has stamped. */
  readonly lastMs: number;
  /** What partition 0 has, in canonical form. */
  readonly programme: string | null;
  /** Of the store's journal, and of each partition, flushed; those of other stores are 0. */
  readonly sequence: number;
  readonly sequences: readonly number[];
  readonly mark: CheckpointMark;
  /** Whether all moves can be read that the mark's copies lack. */
  readonly hasMoves: boolean;
  readonly finalPeriods: Published['finalPeriods'];
  readonly frozenRankings: Published['frozenRankings'];
  readonly ties: readonly (readonly [CitizenKey, CitizenKey])[];
  /** All, of partition 0. */
  readonly periodDecisions: readonly PeriodDecision[];
}

/** What came of an order about periods. */
export interface PeriodSettled {
  /** Null: what was asked is so already. */
  readonly decision: PeriodDecision | null;
  /** The version of the programme that holds from now on, in canonical form; empty: the one before. */
  readonly programme: string;
}

/** Where a store is in its journal, and how many messages each of its partitions has sent to each other one by then. */
export interface ShardPlaces {
  readonly sequence: number;
  readonly partitions: readonly {
    readonly partition: number;
    readonly sequence: number;
    readonly sent: readonly number[];
  }[];
}

/** A move that copies of rankings may lack. */
export interface RecoveredMove extends RankMove {
  readonly partition: number;
  readonly sequence: number;
}

/** How many messages a part has sent to other parts and taken in from them: equal sums twice, and nothing is under way. */
export interface Traffic {
  readonly sent: number;
  readonly taken: number;
}

export type ShardStats = Omit<EngineStats, 'nowMs' | 'shardCount' | 'rankings'>;

/** A shard as the front sees it. */
export interface ServedShard
  extends Pick<
    Engine,
    | 'execute'
    | 'record'
    | 'outcome'
    | 'wallet'
    | 'instrument'
    | 'instruments'
    | 'activations'
    | 'taxCode'
    | 'total'
    | 'payments'
    | 'paymentDays'
    | 'milestones'
    | 'rankings'
    | 'resolveReversal'
    | 'exclude'
    | 'recordFate'
    | 'payoutsOf'
    | 'integratePayout'
    | 'payoutFiles'
    | 'setPayoutFile'
    | 'onChanged'
  > {
  /** Of one partition, in order. */
  reversals(part: ReversalsPart): Promise<Read<readonly ReversalListed[]>>;
  payouts(part: PayoutsPart): Promise<Read<PayoutsPartPage>>;
  /** Of one partition; each is answered for itself. */
  changePayouts(partition: number, changes: readonly PayoutChange[]): Promise<readonly PayoutReply[]>;
  exclusions(part: ExclusionsPart): Promise<Read<readonly ExclusionListed[]>>;
  notices(part: NoticesPart): Promise<Read<readonly NoticeListed[]>>;
  /** Of one partition; answers how many were due. */
  changeNotices(partition: number, changes: readonly NoticeChange[]): Promise<number>;
  /** Activations that cover a day, of all its cards with that PAR. */
  parCovers(asked: ParQuestion): Promise<Read<readonly RecordCover[]>>;
  /** Of an active card of the citizen's, or INSTRUMENT_NOT_FOUND. */
  setPar(citizen: CitizenKey, hpan: Hpan, par: string): Promise<Read<boolean>>;
  unverifiedAccounts(part: UnverifiedPart): Promise<Read<readonly UnverifiedAccount[]>>;
  /** Of one partition; answers how many of them were still due. */
  recheckAccounts(partition: number, rechecks: readonly AccountRecheck[]): Promise<number>;
  covered(part: CoveredPart): Promise<Read<CoveredPage>>;
  /** To the shard of partition 0. */
  receivedFiles(part: ReceivedFilesPart): Promise<Read<readonly ReceivedFile[]>>;
  /** What all partitions of the store have accepted of a file. */
  fileTally(fileNumber: number): Promise<Read<FileTally>>;
  /** To the shard of partition 0. */
  openFile(arrival: FileArrival): Promise<ReceivedFile>;
  closeFile(file: ReceivedFile): Promise<ReceivedFile>;
  stats(): Promise<ShardStats>;
  /** Performs what time alone causes to its cards. */
  tick(nowMs: number): void;
  /** Delivers again what was under way at the last stop, and journals the programme of a new folder. */
  resume(): Promise<void>;
  /** Refuses what comes from now on, `isHurried` also what waits; resolves when all else has been answered. */
  drain(isHurried: boolean): Promise<void>;
  /** Answers when there is nothing to do. */
  idle(): Promise<Traffic>;
  /** Checkpoints. Nothing may be under way any more. */
  close(): Promise<void>;
}

/** Can be asked how long commands wait. */
export interface ProbedShard extends ServedShard {
  /** Resolves when whoever comes now has its turn: so long a command waits. */
  probe(): Promise<void>;
}

/** A shard as other shards see it. */
export interface NeighbourShard {
  deliver(message: Message): void;
  /** The message is durable with its receiver: its sender need not keep it. */
  acknowledge(message: Message): void;
  /** Whether a citizen's own wallet has a card enabled. */
  hasEnabled(citizen: CitizenKey, hpan: Hpan): Promise<boolean>;
}

/** A shard as the coordinator sees it. */
export interface CoordinatedShard {
  /**
   * Nothing more of the period is taken out of counting, nor put back. Answers whether all that was before has reached its
   * cards, and the store's own cards are done with all that has reached them.
   */
  endExclusions(awardPeriodId: number): Promise<boolean>;
  /** Its card partitions journal that they take nothing more for the period, and tell all wallet partitions. */
  closePeriod(awardPeriodId: number): void;
  /** To the shard of partition 0. */
  freezeRanking(frozen: Extract<Fact, { kind: 'rankingFrozen' }>): void;
  /** At the start, in pieces until one is empty: moves since the mark's copies, everybody who takes part. */
  recoveredMoves(): Promise<readonly RecoveredMove[]>;
  participants(awardPeriodIds: readonly number[]): Promise<readonly RankedStanding[]>;
  /** What is due to all citizens of the store together, in cents; prizes come from elsewhere. */
  payoutsDue(awardPeriodId: number): Promise<Read<number>>;
  /** To the shard of partition 0. */
  lastPayoutOrder(awardPeriodId: number): Promise<LastPayoutOrder>;
  payoutProgress(orderNumber: number): Promise<PayoutProgress>;
  /** To the shard of partition 0: journals it, with the instant at which it does. */
  orderPayouts(order: PayoutOrder): Promise<PayoutOrder>;
  /** Carries an order out, or goes on with it: in all partitions of the store. */
  runPayouts(work: PayoutRunWork): Promise<Read<PayoutProgress>>;
  /** Nothing new is decided from now on, until a period is settled; answers the programme by which it was until then. */
  holdBack(): Promise<string>;
  /** To the shard of partition 0: judges an order, and journals what it decides. */
  judgePeriod(order: PeriodOrder, isFinal: boolean): Promise<Read<PeriodSettled>>;
  /** Goes on, by what was decided; answers how many of its partitions opened a period again. */
  settlePeriod(settled: PeriodSettled): Promise<number>;
  /** Makes a run, or goes on with it, in all partitions of the store; answers how many it has queued by now. */
  runNotices(work: NoticeRunWork): Promise<Read<number>>;
}

/** The coordinator as shards see it. */
export interface ShardCoordinator {
  /** It does not keep up: whoever publishes more should wait. */
  readonly isBehind: boolean;
  /** Before anybody hears of the flush in any other way. */
  published(published: Published): void;
  /** Exact: what the shard has published before is in it. */
  ranks(asked: readonly RankQuestion[]): Promise<readonly RankAnswer[]>;
  /** What a checkpoint of a shard has to say. */
  ranked(shard: number): Promise<RankedMark>;
}

/** The coordinator as the front sees it. */
export interface ServedCoordinator extends Pick<Engine, 'rankingPage' | 'makePayouts'> {
  /** PERIOD_NOT_FOUND, PERIOD_NOT_FROZEN, DRAINING; answers how many the run has queued by now. */
  runNotices(run: NoticeRunKind, awardPeriodId: number): Promise<Read<number>>;
  rankingStats(): Promise<EngineStats['rankings']>;
  /** As `Engine.decidePeriod`; null: carries out what was decided before a death, where that was cut short. */
  decidePeriod(order: PeriodOrder | null): Promise<Read<PeriodSettled>>;
  /** Nothing received before its end is open any more. May be told again. */
  closePeriod(due: DueClosing): void;
  traffic(): Promise<Traffic>;
  /** Copies what has moved: the checkpoints that follow need nothing before them. */
  close(): Promise<void>;
}
