/** The door of the engine as the shell sees it. `openEngine` (shard/open-engine.ts) makes one. */
import type {
  AccountCard,
  AccountRecheck,
  ActivationView,
  CitizenKey,
  CommandId,
  CommandOutcome,
  CommandReply,
  DayCount,
  Exclusion,
  ExclusionRequest,
  ExclusionsPage,
  FileArrival,
  Hpan,
  InstrumentView,
  ListedExclusionState,
  ListedNoticeState,
  ListedReversalState,
  MilestonesView,
  NoticeChange,
  NoticeRunKind,
  NoticesPage,
  NoticesQueued,
  Origin,
  PaymentsPage,
  PayoutChange,
  PayoutFile,
  PayoutIntegration,
  PayoutReply,
  PayoutsMade,
  PayoutsPage,
  PayoutView,
  PeriodDecision,
  PeriodDetail,
  PeriodOrder,
  PeriodParameters,
  PeriodStatus,
  Programme,
  RankingEntry,
  RankingView,
  ReceivedFile,
  ReceivedFilesPage,
  RecordCommand,
  RecordFate,
  RecordKey,
  RecordOutcome,
  Refused,
  ReversalDecision,
  ReversalResolved,
  ReversalsPage,
  TotalView,
  UnverifiedAccount,
  WalletCommand,
  WalletView,
} from './contract.ts';

export type Read<T> = { readonly ok: true; readonly value: T } | Refused;

export interface PaymentsQuery {
  readonly awardPeriodId: number;
  readonly hpan?: Hpan;
  /** At most LIMITS.paymentsPageMax; default 20. */
  readonly limit?: number;
  /** Page number from 0. */
  readonly cursor?: number;
}

export interface ReversalsQuery {
  readonly state: ListedReversalState;
  /** At most LIMITS.reversalsPageMax; default 20. */
  readonly limit?: number;
  /** Of the page before; what is not one finds nothing. */
  readonly cursor?: string;
}

export interface NoticesQuery {
  readonly state: ListedNoticeState;
  /** Only those that are due by then. */
  readonly untilMs?: number;
  /** At most LIMITS.noticesPageMax; default 20. */
  readonly limit?: number;
  /** Of the page before; what is not one finds nothing. */
  readonly cursor?: string;
}

export interface ReceivedFilesQuery {
  /** Rome day number of their arrival. */
  readonly dayNumber: number;
  /** Absent: of all. */
  readonly sender?: string;
  /** Of the page before; what is not one finds nothing. */
  readonly cursor?: string;
}

export interface ExclusionsQuery {
  readonly state: ListedExclusionState;
  /** At most LIMITS.exclusionsPageMax; default 20. */
  readonly limit?: number;
  /** Of the page before; what is not one finds nothing. */
  readonly cursor?: string;
}

export interface CoveredQuery {
  /** Rome day number. */
  readonly dayNumber: number;
  /** Of the page before; what is not one finds nothing. */
  readonly cursor?: string;
}

export interface CoveredHpans {
  /** May be none, though more follow. */
  readonly hpans: readonly Hpan[];
  /** Null = this is the last page. */
  readonly nextCursor: string | null;
}

/** Which records: all, those to be sent, those in a file that is being written, those that a bank has not executed. */
export const PAYOUTS_FILTERS = ['all', 'exportable', 'wip', 'failed'] as const;
export type PayoutsFilter = (typeof PAYOUTS_FILTERS)[number];

export interface PayoutsQuery {
  readonly awardPeriodId?: number;
  /** Default `all`. */
  readonly filter?: PayoutsFilter;
  /** Without accounts and tax codes, which are sealed and cost most of the reading. */
  readonly isBrief?: boolean;
  /** Only those of one partition: its store reads, and opens seals, beside the others. */
  readonly partition?: number;
  /** Of the page before; what is not one finds nothing. */
  readonly cursor?: string;
}

export interface PeriodView extends PeriodParameters {
  readonly status: PeriodStatus;
}

export interface EngineStats {
  readonly nowMs: number;
  readonly shardCount: number;
  readonly citizensEnabled: number;
  readonly cardsActive: number;
  readonly paymentsListed: number;
  readonly commandsDone: number;
  readonly mailboxCount: number;
  readonly journalSequence: number;
  readonly checkpointSequence: number;
  /** Rows that are newer in memory than on disk. */
  readonly unwrittenRowCount: number;
  readonly turns: number;
  readonly facts: number;
  readonly rankings: readonly {
    readonly awardPeriodId: number;
    readonly participants: number;
    readonly isFrozen: boolean;
  }[];
}

/**
 * Everything here answers from flushed state only (promise 1). Reads are promises because an engine may live
 * on another thread (server/shards/); what is not a promise needs nothing of its state.
 */
export interface Engine {
  readonly programme: Programme;
  /** `done` is called exactly once, after the flush; OVERLOADED, STORAGE_FULL and DRAINING may come at once. */
  execute(command: WalletCommand, done: (reply: CommandReply) => void): void;
  record(command: RecordCommand, done: (outcome: RecordOutcome | Refused) => void): void;
  /**
   * For who hands over rows received together one after the other: a period that was open at `receivedMs` stays so
   * until all of them are through. Records on their way need none of this.
   *
   * @returns the way to close it, to be called once, also where not all rows were handed over
   */
  openIntake(receivedMs: number): () => void;

  /** Keyed hash of an upper-case tax code. */
  citizenKeyOf(taxCode: string): CitizenKey;
  outcome(citizen: CitizenKey, origin: Origin, id: CommandId): Promise<Read<CommandOutcome>>;
  /** CITIZEN_NOT_FOUND for who never enrolled. */
  wallet(citizen: CitizenKey): Promise<Read<WalletView>>;
  /** DECISION 36: INSTRUMENT_NOT_FOUND, INSTRUMENT_TAKEN, or the caller's own. */
  instrument(citizen: CitizenKey, hpan: Hpan): Promise<Read<InstrumentView>>;
  /** Of an instrument, by time: for whoever may know whose it was. INSTRUMENT_NOT_FOUND, never an empty list. */
  activations(hpan: Hpan): Promise<Read<readonly ActivationView[]>>;
  /**
   * What the wallet has, and what was removed from it since the citizen enrolled last, each once. Of an enrolment before that,
   * only what the wallet still has: who enrols anew begins with nothing claimed. Nor what was removed, and then claimed again
   * in vain: the wallet forgets it with that claim. CITIZEN_NOT_FOUND for who never enrolled.
   */
  instruments(citizen: CitizenKey): Promise<Read<readonly Hpan[]>>;
  /** CITIZEN_NOT_FOUND for who never enrolled. */
  taxCode(citizen: CitizenKey): Promise<Read<string>>;
  total(citizen: CitizenKey, awardPeriodId: number): Promise<Read<TotalView>>;
  payments(citizen: CitizenKey, query: PaymentsQuery): Promise<Read<PaymentsPage>>;
  paymentDays(citizen: CitizenKey, query: PaymentsQuery): Promise<Read<readonly DayCount[]>>;
  milestones(citizen: CitizenKey, awardPeriodId: number): Promise<Read<MilestonesView>>;
  /** Without a period: one per period in which the citizen takes part (DECISION 29). */
  rankings(citizen: CitizenKey, awardPeriodId?: number): Promise<Read<readonly RankingView[]>>;
  rankingPage(awardPeriodId: number, firstRank: number, count: number): Promise<Read<readonly RankingEntry[]>>;
  /** For operators: partition by partition, in each the oldest first (of those that wait, the first to expire). */
  reversals(query: ReversalsQuery): Promise<Read<ReversalsPage>>;
  /**
   * For operators. A period's figures are final once it has closed; until then, and while it is open again, a parked
   * reversal may be applied to a payment of its card and period, whose owner has not left. Asked twice it has one effect
   * and the same answer.
   *
   * @returns FIELD_INVALID (reason, operator, payment), REVERSAL_NOT_FOUND, REVERSAL_EXPIRED, REVERSAL_RESOLVED,
   *   REVERSAL_NOT_RESOLVABLE, PAYMENT_NOT_FOUND, PAYMENT_OWNER_LEFT, PAYMENT_EXCEEDED, PERIOD_CLOSED, OVERLOADED, DRAINING
   */
  resolveReversal(decision: ReversalDecision): Promise<Read<ReversalResolved>>;
  /**
   * For operators: one proposes that a citizen, or one payment, be excluded or the exclusion lifted; another one decides, and
   * only then anything happens. Payments: until their period has closed, and while it is open again. Asked again by the
   * same one it changes nothing and answers the same, but for what was rejected, or decided otherwise since.
   *
   * @returns FIELD_INVALID (reason, operator), CITIZEN_NOT_FOUND, PAYMENT_NOT_FOUND, PERIOD_CLOSED, EXCLUSION_NOT_FOUND,
   *   EXCLUSION_EXISTS, SECOND_PERSON_NEEDED, APPEAL_OVER, DRAINING
   */
  exclude(request: ExclusionRequest): Promise<Read<Exclusion>>;
  /** Partition by partition, in the order of citizens. */
  exclusions(query: ExclusionsQuery): Promise<Read<ExclusionsPage>>;
  /** For operators: why a record of an instrument counts, or does not. */
  recordFate(hpan: Hpan, record: RecordKey): Promise<Read<RecordFate>>;
  /** For acquirers: every instrument that an activation covers on a day (domain 2.2), partition by partition, by hpan. */
  covered(query: CoveredQuery): Promise<Read<CoveredHpans>>;
  /**
   * Has the payout records of a period made, whose ranking is frozen: one for each citizen who is enrolled now and has
   * enough payments; where there are records, what they lack (DECISION 6), so that again makes nothing new. Goes on
   * where a stop cut it short, then with the funds that were named at first.
   *
   * @param fundsCents where less than is due, every refund is cut in proportion (DECISION 9); null = as it
   * was named last, and there is enough where it never was
   * @returns PERIOD_NOT_FOUND, PERIOD_NOT_FROZEN, PERIOD_REOPENED, DRAINING
   */
  makePayouts(awardPeriodId: number, fundsCents: number | null): Promise<Read<PayoutsMade>>;
  /** Each for itself, in the order given within a partition; answered when all are on disk. */
  changePayouts(changes: readonly PayoutChange[]): Promise<readonly PayoutReply[]>;
  /** CITIZEN_NOT_FOUND, PERIOD_NOT_FOUND, PAYOUT_NOT_FOUND, PAYOUT_INTEGRATED. */
  integratePayout(integration: PayoutIntegration): Promise<PayoutReply>;
  /** Partition by partition, by id; a page at a time. */
  payouts(query: PayoutsQuery): Promise<Read<PayoutsPage>>;
  /** In the order in which they were made; none for who never enrolled. */
  payoutsOf(citizen: CitizenKey): Promise<Read<readonly PayoutView[]>>;
  /** The files for the bank, by number. */
  payoutFiles(): Promise<Read<readonly PayoutFile[]>>;
  /** As it now stands. */
  setPayoutFile(file: PayoutFile): Promise<PayoutReply>;
  /**
   * Queues what citizens are to be told about periods, of the runs that have their time now (domain 2.9); each citizen
   * once. Goes on where a stop cut it short; again queues nothing new.
   *
   * @returns PERIOD_NOT_FROZEN, PERIOD_REOPENED, DRAINING
   */
  queueNotices(runs: readonly NoticeRunKind[]): Promise<Read<readonly NoticesQueued[]>>;
  /** Partition by partition; there by the instant from which they are due, or at which they were given up. */
  notices(query: NoticesQuery): Promise<Read<NoticesPage>>;
  /** What became of deliveries; answers how many of them were due, when all are on disk. */
  changeNotices(changes: readonly NoticeChange[]): Promise<Read<number>>;
  /**
   * Before the first row of a file is handed over, under the number that this answers: from then on what becomes of it
   * is accounted for, whatever dies.
   *
   * @returns FORMAT_KEPT: rows are handed over without a number; DRAINING
   */
  openFile(arrival: FileArrival): Promise<Read<ReceivedFile>>;
  /**
   * When all its rows are answered: `file` as it was opened, with what became of them. Of one whose content was accounted for
   * before, whatever is not accepted now is a repetition.
   *
   * @returns as it then stands; DRAINING
   */
  closeFile(file: ReceivedFile): Promise<Read<ReceivedFile>>;
  /** By sender, in the order of arrival; a page at a time. */
  receivedFiles(query: ReceivedFilesQuery): Promise<Read<ReceivedFilesPage>>;
  /**
   * Of an active card of the citizen's: rows of acquirers that name this PAR, in capitals, are the card's where their own
   * hash is nobody's (domain 2.2). Said again it changes nothing; another one takes its place.
   *
   * @returns whether it is new; INSTRUMENT_NOT_FOUND, FORMAT_KEPT, DRAINING
   */
  setPar(citizen: CitizenKey, hpan: Hpan, par: string): Promise<Read<boolean>>;
  /** An active card that has this PAR, in capitals. Null: none has, or cards of several citizens, whose account nobody knows. */
  cardOfPar(par: string): Promise<Read<AccountCard | null>>;
  /** Accounts about which the bank service is to be asked again by then: those of all partitions, at most so many. */
  unverifiedAccounts(untilMs: number, countMax: number): Promise<Read<readonly UnverifiedAccount[]>>;
  /**
   * What it said. `OK`: verified; nothing known: asked again later, less and less often. What is not the citizen's, or does
   * not exist, is kept no more, neither in the wallet nor in a payout that is not under way (domain 2.1: KO is not stored).
   *
   * @returns how many of them were still due, when all are on disk; FORMAT_KEPT, DRAINING
   */
  recheckAccounts(rechecks: readonly AccountRecheck[]): Promise<Read<number>>;
  /** Without suspended ones, by start day. */
  periods(): readonly PeriodView[];
  /** For operators: all of them, with what was decided about each. */
  periodDetails(): readonly PeriodDetail[];
  /** Of all periods, and of the programme as a whole, by number. */
  periodDecisions(): readonly PeriodDecision[];
  /**
   * For operators (domain 3.4): answered when all stores go on by the decision. Null: what was asked is so already.
   *
   * - `suspend`, `resume`: before the period starts.
   * - `replace`: a newer version of the programme, which changes only what has not begun.
   * - `reopen`: a closed period, before anybody is paid, takes the rows of named files that are dated inside it. Totals and
   *   payouts count them; positions in the ranking stand (DECISION 25).
   * - `close`: closes it again, as it closes by itself at the instant named. What was received by then still counts.
   *
   * @returns FIELD_INVALID, PERIOD_NOT_FOUND, PERIOD_BEGUN, PROGRAMME_REFUSED, PERIOD_NOT_FROZEN, PERIOD_REOPENED, PERIOD_PAID,
   *   PERIOD_NOT_REOPENED, DRAINING
   */
  decidePeriod(order: PeriodOrder): Promise<Read<PeriodDecision | null>>;
  stats(): Promise<EngineStats>;

  /** Called after each flush with the citizens whose wallet or totals changed. Returns the way to stop it. */
  onChanged(listener: (citizens: readonly CitizenKey[]) => void): () => void;
  /**
   * Performs what time alone causes: closing periods once the rows received before are answered. The shell calls it
   * every second or so.
   *
   * @param nowMs as the clock of who calls says it, where rows may have been received since and are handed over later;
   *   default: as the engine's own says it
   */
  tick(nowMs?: number): void;
  /**
   * Refuses new work (DRAINING), answers all that was taken in, checkpoints, closes the stores.
   *
   * @param isHurried what waits and was not begun is refused, too
   */
  close(isHurried?: boolean): Promise<void>;
}
