/**
 * What crosses between threads, in bytes. Both ends are the same program, so the order of fields here is all there is to
 * agree on; it is never stored. A read of the engine's door, a field or a kind of answer without a form does not
 * compile.
 */
import {
  type AccountRecheck,
  type ActivationView,
  APP_CHANNEL,
  type CitizenKey,
  type CommandOutcome,
  type CommandReply,
  type CoveredPage,
  type CoveredPart,
  type DayCount,
  type EngineStats,
  type ExclusionListed,
  type ExclusionRequest,
  type ExclusionStep,
  type ExclusionsPart,
  type Fact,
  type FailedGuard,
  type FileArrival,
  type Hpan,
  type InstrumentView,
  type LastPayoutOrder,
  type ListedExclusionState,
  type ListedReversalState,
  type MethodView,
  type MilestonesView,
  type NoticeChange,
  type NoticeListed,
  type NoticeRunWork,
  type NoticesPart,
  type Origin,
  type ParQuestion,
  type PaymentsPage,
  type PaymentsQuery,
  type PaymentView,
  type PayoutAccount,
  type PayoutChange,
  type PayoutIntegration,
  type PayoutProgress,
  type PayoutReply,
  type PayoutRunWork,
  type PayoutsMade,
  type PayoutsPart,
  type PayoutsPartPage,
  type PayoutView,
  type PeriodOrder,
  type PeriodSettled,
  type Position,
  type Published,
  type RankAnswer,
  type RankedStanding,
  type RankingEntry,
  type RankingView,
  type RankMove,
  type RankQuestion,
  RECORD_STATES,
  type Read,
  type ReceivedFilesPart,
  type RecordCommand,
  type RecordFate,
  type RecordOutcome,
  type RecordState,
  type RecoveredMove,
  type Refused,
  type ReversalDecision,
  type ReversalListed,
  type ReversalResolved,
  type ReversalsPart,
  type ReversalView,
  type Role,
  type ServedShard,
  type ShardReport,
  type ShardStats,
  type TotalView,
  type Traffic,
  type UnverifiedAccount,
  type UnverifiedPart,
  type WalletCommand,
  type WalletCommandBody,
  type WalletView,
} from '../../engine/index.ts';
import {
  answer,
  bytes,
  type Codec,
  checkpointMark,
  commandKind,
  exclusion,
  type Fields,
  fileTally,
  flag,
  ibanCheckStatus,
  integer,
  list,
  message,
  methodDetails,
  notice,
  noticeRunKind,
  nullable,
  oneOf,
  optInStatus,
  pair,
  paymentName,
  payoutCut,
  payoutFile,
  payoutOrder,
  payoutOutcome,
  payoutStatus,
  periodDecision,
  periodDecisionKind,
  type RowsCopied,
  rankedMark,
  receivedFile,
  recordCover,
  recordKey,
  refusal,
  resolution,
  type StorePosition,
  shape,
  sparse,
  standing,
  text,
  transactionRecord,
} from '../../snapshots/index.ts';
import type { Crossing, Telling } from './conversation.ts';

/** What a citizen, an acquirer or an operator may ask of one shard. */
export const READ_NAMES = [
  'outcome',
  'wallet',
  'instrument',
  'activations',
  'taxCode',
  'total',
  'payments',
  'paymentDays',
  'milestones',
  'rankings',
  'reversals',
  'recordFate',
  'covered',
  'payouts',
  'payoutsOf',
  'payoutFiles',
  'exclusions',
  'notices',
  'receivedFiles',
  'fileTally',
  'unverifiedAccounts',
  'parCovers',
] as const;
export type ReadName = (typeof READ_NAMES)[number];
export type Asked<M extends ReadName> = Parameters<ServedShard[M]>;
export type Answered<M extends ReadName> = Awaited<ReturnType<ServedShard[M]>>;

type Reads = { readonly [M in ReadName]: Crossing<Asked<M>, Answered<M>> };

/** Every field of any member of a union, present or not. */
type AnyField<U> = { [K in U extends U ? keyof U : never]?: U extends { readonly [P in K]?: infer V } ? V : never };

/** A union as one object whose fields may be absent: which are there says which member it is. */
function union<U extends object>(fields: Fields<AnyField<U>>): Codec<U> {
  return sparse<AnyField<U>>(fields) as unknown as Codec<U>;
}

const refusedFields = { code: refusal, retryAtMs: integer, detail: text };

function read<T>(value: Codec<T>): Codec<Read<T>> {
  const fields = { ok: flag, value, ...refusedFields } as unknown as Fields<AnyField<Read<T>>>;
  return union<Read<T>>(fields);
}

function tuple<T extends readonly unknown[]>(...codecs: { readonly [I in keyof T]-?: Codec<T[I]> }): Codec<T> {
  return {
    write(to, values) {
      for (let at = 0; at < codecs.length; at += 1) codecs[at]!.write(to, values[at]);
    },
    read: (from) => codecs.map((codec) => codec.read(from)) as unknown as T,
  };
}

function optional<T>(inner: Codec<T>): Codec<T | undefined> {
  const orNull = nullable(inner);
  return {
    write: (to, value) => orNull.write(to, value ?? null),
    read: (from) => orNull.read(from) ?? undefined,
  };
}

// Asking.

const anyOrigin = shape<Origin>({
  role: oneOf<Role>({ citizen: 0, issuer: 1, acquirer: 2, operator: 3 }),
  subject: text,
  channel: text,
});

/** Nearly always the citizen's own, through the app: then one byte says all. */
const originOf = (citizen: CitizenKey): Codec<Origin> => ({
  write(to, origin) {
    const isOwn = origin.role === 'citizen' && origin.subject === citizen && origin.channel === APP_CHANNEL;
    flag.write(to, isOwn);
    if (!isOwn) anyOrigin.write(to, origin);
  },
  read: (from) =>
    flag.read(from) ? { role: 'citizen', subject: citizen, channel: APP_CHANNEL } : anyOrigin.read(from),
});

const commandBody = union<WalletCommandBody>({
  kind: oneOf<WalletCommandBody['kind']>({
    enrol: 0,
    leave: 1,
    setIban: 2,
    addMethod: 3,
    removeMethod: 4,
    enableCashback: 5,
    disableCashback: 6,
    enableAll: 7,
    setFavourite: 8,
  }),
  optInStatus,
  iban: text,
  accountHolderCF: text,
  accountHolderName: text,
  accountHolderSurname: text,
  technicalAccountHolder: text,
  issuerCardId: text,
  checkStatus: ibanCheckStatus,
  hpan: text,
  details: methodDetails,
  tokens: list(text),
  cancellationMs: integer,
  onlyTokens: flag as Codec<true>,
});

const walletCommand: Codec<WalletCommand> = {
  write(to, { citizen, taxCode, origin, id, body }) {
    to.text(citizen);
    to.text(taxCode);
    originOf(citizen).write(to, origin);
    to.text(id);
    commandBody.write(to, body);
  },
  read(from) {
    const citizen = from.text();
    const taxCode = from.text();
    const origin = originOf(citizen).read(from);
    return { citizen, taxCode, origin, id: from.text(), body: commandBody.read(from) };
  },
};

const fileArrival = shape<FileArrival>({ sender: text, name: text, digest: text, receivedMs: integer });

const receivedFilesPart = shape<ReceivedFilesPart>({ prefix: text, after: text, countMax: integer });

const recordCommand = sparse<RecordCommand>({
  record: transactionRecord,
  receivedMs: integer,
  fileNumber: integer,
  file: text,
  par: text,
  cover: recordCover,
});

const parQuestion = shape<ParQuestion>({ par: text, dayNumber: integer });

const paymentsQuery = sparse<PaymentsQuery>({ awardPeriodId: integer, hpan: text, limit: integer, cursor: integer });

const reversalsPart = shape<ReversalsPart>({
  state: oneOf<ListedReversalState>({ pending: 0, parked: 1, flagged: 2 }),
  partition: integer,
  after: text,
  countMax: integer,
});

export interface CoordinatorStart {
  readonly programme: string;
  readonly reports: readonly ShardReport[];
}

interface OwnedCard {
  readonly citizen: CitizenKey;
  readonly hpan: Hpan;
}

type RankingFrozen = Extract<Fact, { readonly kind: 'rankingFrozen' }>;

// Answering.

const position = shape<Position>({ partition: integer, sequence: integer });

const commandReply = union<CommandReply>({ ok: flag, answer, position, repeated: flag, ...refusedFields });

const recordOutcome = union<RecordOutcome | Refused>({
  ok: flag as Codec<false>, // There is no other.
  status: oneOf<RecordOutcome['status']>({ counted: 0, applied: 1, pending: 2, parked: 3, dropped: 4, rejected: 5 }),
  scoreCents: integer,
  awardPeriodId: integer,
  ...refusedFields,
});

const commandOutcome = union<CommandOutcome>({
  state: oneOf<CommandOutcome['state']>({ done: 0, 'in-progress': 1, 'not-done': 2 }),
  command: commandKind,
  answer,
});

const methodView = shape<MethodView>({
  hpan: text,
  details: nullable(methodDetails),
  cashback: oneOf<MethodView['cashback']>({ off: 0, enabling: 1, enabled: 2, disabling: 3 }),
  activationMs: nullable(integer),
  deactivationMs: nullable(integer),
  channel: text,
});

const walletView = shape<WalletView>({
  enabled: flag,
  termsMs: integer,
  cancellationMs: nullable(integer),
  optInStatus,
  iban: nullable(text),
  ibanCheckStatus: nullable(ibanCheckStatus),
  technicalAccountHolder: nullable(text),
  issuerCardId: nullable(text),
  methods: list(methodView),
  favourite: nullable(text),
  position,
});

const instrumentView = shape<InstrumentView>({
  hpan: text,
  status: oneOf<InstrumentView['status']>({ ACTIVE: 0, INACTIVE: 1 }),
  activationMs: integer,
  deactivationMs: nullable(integer),
});

const activationView = shape<ActivationView>({
  citizen: text,
  channel: text,
  activationMs: integer,
  deactivationMs: nullable(integer),
});

const coveredPart = shape<CoveredPart>({ partition: integer, dayNumber: integer, after: text, countMax: integer });
const coveredPage = shape<CoveredPage>({ hpans: list(text), next: nullable(text) });

const totalView = shape<TotalView>({
  awardPeriodId: integer,
  shownCents: integer,
  rawCents: integer,
  payableCents: integer,
  transactionNumber: integer,
});

const paymentView = shape<PaymentView>({
  idTrx: text,
  hpan: text,
  idTrxAcquirer: text,
  idTrxIssuer: text,
  circuitType: text,
  operationType: text,
  trxMs: integer,
  amountCents: integer,
  cashbackCents: integer,
  awardPeriodId: integer,
});

const paymentsPage = shape<PaymentsPage>({ payments: list(paymentView), nextCursor: nullable(integer) });

const dayCount = shape<DayCount>({ day: text, count: integer });

const milestonesView = shape<MilestonesView>({
  idTrxPivot: nullable(text),
  cashbackNormCents: nullable(integer),
  idTrxMinTransactionNumber: nullable(text),
});

const rankingView = shape<RankingView>({
  awardPeriodId: integer,
  ranking: integer,
  takesPart: flag,
  transactionNumber: integer,
  maxTransactionNumber: integer,
  minTransactionNumber: integer,
  totalParticipants: integer,
  minPosition: integer,
  wouldWin: flag,
  jackpotCents: integer,
  updateMs: integer,
});

const rankingEntry = shape<RankingEntry>({
  rank: integer,
  citizen: text,
  transactionNumber: integer,
  lastTrxMs: integer,
});

const reversalView = shape<ReversalView>({
  record: transactionRecord,
  receivedMs: integer,
  awardPeriodId: integer,
  expiresMs: integer,
  code: nullable(refusal),
});

const reversalListed = shape<ReversalListed>({ sub: text, reversal: reversalView });

const reversalDecision = shape<ReversalDecision>({
  hpan: text,
  reversal: recordKey,
  resolution,
  payment: nullable(recordKey),
  operator: text,
  reason: text,
});

const reversalResolved = shape<ReversalResolved>({
  state: oneOf<ReversalResolved['state']>({ applied: 0, discarded: 1 }),
  resolution,
  operator: text,
  reason: text,
  atMs: integer,
  scoreCents: integer,
  awardPeriodId: integer,
});

const recordFate = shape<RecordFate>({
  state: oneOf<RecordState>(
    Object.fromEntries(RECORD_STATES.map((state, number) => [state, number])) as Record<RecordState, number>,
  ),
  record: nullable(transactionRecord),
  receivedMs: nullable(integer),
  code: nullable(refusal),
  citizen: nullable(text),
  hasLeft: flag,
  awardPeriodId: nullable(integer),
  scoreCents: integer,
  leftCents: integer,
  expiresMs: nullable(integer),
  isFlagged: flag,
  related: list(transactionRecord),
  resolved: nullable(reversalResolved),
  guards: list(
    sparse<FailedGuard>({
      code: refusal,
      day: text,
      receivedDay: text,
      activations: list(activationView),
      termsMs: nullable(integer),
      acceptedUntilDay: nullable(text),
    }),
  ),
});

// Payouts.

const payoutsPart = shape<PayoutsPart>({
  partition: integer,
  from: integer,
  countMax: integer,
  filter: oneOf<PayoutsPart['filter']>({ all: 0, exportable: 1, wip: 2, failed: 3 }),
  awardPeriodId: nullable(integer),
  isBrief: flag,
});

const payoutView = shape<PayoutView>({
  id: integer,
  citizen: text,
  taxCode: text,
  awardPeriodId: integer,
  cashbackCents: integer,
  jackpotCents: integer,
  account: nullable(
    shape<PayoutAccount>({
      iban: text,
      accountHolderCF: text,
      accountHolderName: text,
      accountHolderSurname: text,
      checkStatus: ibanCheckStatus,
      technicalAccountHolder: nullable(text),
      issuerCardId: nullable(text),
    }),
  ),
  status: payoutStatus,
  isEnabled: flag,
  fileNumber: nullable(integer),
  outcome: nullable(payoutOutcome),
  relatedId: nullable(integer),
  ticketId: nullable(text),
  consapId: nullable(text),
  updateMs: integer,
});

const payoutsPartPage = shape<PayoutsPartPage>({ payouts: list(payoutView), next: nullable(integer) });

const payoutChange = union<PayoutChange>({
  kind: oneOf<PayoutChange['kind']>({ export: 0, deliver: 1, restore: 2, outcome: 3 }),
  id: integer,
  fileNumber: integer,
  status: payoutStatus as Codec<'NEW' | 'RECOVERY' | 'SENT'>,
  outcome: payoutOutcome,
  updateMs: integer,
});

const payoutReply = union<PayoutReply>({ ok: flag, successorId: nullable(integer), ...refusedFields });

const payoutIntegration = shape<PayoutIntegration>({
  citizen: text,
  awardPeriodId: integer,
  account: shape<PayoutIntegration['account']>({
    iban: text,
    accountHolderCF: text,
    accountHolderName: text,
    accountHolderSurname: text,
  }),
  cashbackCents: integer,
  jackpotCents: integer,
  outcome: payoutOutcome,
  consapId: text,
  ticketId: text,
  relatedId: nullable(integer),
});

const payoutsMade = shape<PayoutsMade>({
  awardPeriodId: integer,
  orderNumber: integer,
  recordCount: integer,
  totalCents: integer,
  cut: payoutCut,
});

const lastPayoutOrder = shape<LastPayoutOrder>({ order: nullable(payoutOrder), orderCount: integer });

const payoutProgress = shape<PayoutProgress>({ isDone: flag, recordCount: integer, totalCents: integer });

const payoutRunWork = shape<PayoutRunWork>({ order: payoutOrder, lastWinner: nullable(standing) });

// Notices.

const noticesPart = shape<NoticesPart>({
  partition: integer,
  state: oneOf<NoticesPart['state']>({ due: 0, failed: 1 }),
  after: text,
  countMax: integer,
  untilMs: nullable(integer),
});

const exclusionsPart = shape<ExclusionsPart>({
  partition: integer,
  state: oneOf<ListedExclusionState>({ proposed: 0, excluded: 1, lifted: 2 }),
  after: text,
  countMax: integer,
});

const exclusionListed = shape<ExclusionListed>({ sub: text, exclusion });

const exclusionRequest = shape<ExclusionRequest>({
  citizen: text,
  payment: nullable(paymentName),
  step: oneOf<ExclusionStep>({ exclude: 0, lift: 1, appeal: 2, approve: 3, reject: 4 }),
  operator: text,
  reason: text,
});

const noticeListed = shape<NoticeListed>({ sub: text, notice });

const noticeChange = union<NoticeChange>({
  kind: oneOf<NoticeChange['kind']>({ delivered: 0, failed: 1, withdrawn: 2, later: 3 }),
  id: text,
  citizen: text,
  dueMs: integer,
  laterMs: integer,
});

const noticeRunWork = shape<NoticeRunWork>({
  run: noticeRunKind,
  awardPeriodId: integer,
  lastWinner: nullable(standing),
});

// Accounts that are checked again.

const unverifiedPart = shape<UnverifiedPart>({ partition: integer, untilMs: integer, countMax: integer });

const unverifiedAccount = shape<UnverifiedAccount>({ citizen: text, dueMs: integer, attempts: integer });

const accountRecheck = shape<AccountRecheck>({
  citizen: text,
  dueMs: integer,
  verdict: oneOf<AccountRecheck['verdict']>({ OK: 0, KO: 1, INVALID: 2, UNKNOWN_PSP: 3 }),
});

const shardStats = shape<ShardStats>({
  citizensEnabled: integer,
  cardsActive: integer,
  paymentsListed: integer,
  commandsDone: integer,
  mailboxCount: integer,
  journalSequence: integer,
  checkpointSequence: integer,
  unwrittenRowCount: integer,
  turns: integer,
  facts: integer,
});

const rankingStats = list(
  shape<EngineStats['rankings'][number]>({ awardPeriodId: integer, participants: integer, isFrozen: flag }),
);

// Decisions about periods.

const periodOrder = shape<PeriodOrder>({
  kind: periodDecisionKind,
  awardPeriodId: integer,
  files: list(text),
  untilMs: integer,
  programme: text,
  operator: text,
  reason: text,
});

const periodSettled = shape<PeriodSettled>({ decision: nullable(periodDecision), programme: text });

// Between shards and the coordinator.

const places = list(pair(integer, integer));

const rankMove = { awardPeriodId: integer, citizen: text, before: nullable(standing), after: nullable(standing) };

const published = shape<Published>({
  shard: integer,
  sequence: integer,
  sequences: places,
  moves: list(shape<RankMove>(rankMove)),
  finalPeriods: places,
  frozenRankings: list(integer),
});

const recoveredMove = shape<RecoveredMove>({ ...rankMove, partition: integer, sequence: integer });

const rankedStanding = shape<RankedStanding>({ awardPeriodId: integer, citizen: text, standing });

const rankQuestion = shape<RankQuestion>({ awardPeriodId: integer, citizen: text, standing: nullable(standing) });

const rankAnswer = shape<RankAnswer>({
  rank: integer,
  participants: integer,
  firstCount: integer,
  lastWinnerCount: integer,
});

const rankingFrozenFields = shape<Omit<RankingFrozen, 'kind'>>({
  awardPeriodId: integer,
  vector: list(integer),
  participants: integer,
  digest: text,
});
const rankingFrozen: Codec<RankingFrozen> = {
  write: (to, fact) => rankingFrozenFields.write(to, fact),
  read: (from) => ({ kind: 'rankingFrozen', ...rankingFrozenFields.read(from) }),
};

const shardReport = shape<ShardReport>({
  isNew: flag,
  isOlder: flag,
  lastMs: integer,
  programme: nullable(text),
  sequence: integer,
  sequences: list(integer),
  mark: checkpointMark,
  hasMoves: flag,
  finalPeriods: places,
  frozenRankings: list(integer),
  ties: list(pair(text, text)),
  periodDecisions: list(periodDecision),
});

const storePosition = shape<StorePosition>({
  sequence: integer,
  slotCount: integer,
  partitions: list(
    shape<StorePosition['partitions'][number]>({ partition: integer, sequence: integer, sent: list(integer) }),
  ),
});

const rowsCopied = shape<RowsCopied>({
  format: integer,
  sequence: integer,
  partitions: list(
    shape<RowsCopied['partitions'][number]>({
      partition: integer,
      sequence: integer,
      sent: list(integer),
      received: list(integer),
    }),
  ),
});

const traffic = shape<Traffic>({ sent: integer, taken: integer });

const nothing: Codec<void> = { write: () => {}, read: () => {} };

const outcomeAsked: Codec<Asked<'outcome'>> = {
  write(to, [citizen, origin, id]) {
    to.text(citizen);
    originOf(citizen).write(to, origin);
    to.text(id);
  },
  read(from) {
    const citizen = from.text();
    return [citizen, originOf(citizen).read(from), from.text()];
  },
};

/** The crossing of a read, where its name is only known to be one of them. */
export function crossingOf<M extends ReadName>(name: M): Crossing<Asked<M>, Answered<M>> {
  return READS[name] as unknown as Crossing<Asked<M>, Answered<M>>;
}

function crossing<Question, Reply>(
  number: number,
  asked: Codec<Question>,
  answered: Codec<Reply>,
): Crossing<Question, Reply> {
  return { number, asked, answered };
}

function telling<T>(number: number, told: Codec<T>): Telling<T> {
  return { number, told };
}

// Each has a number of its own, after those of answers.

const READS: Reads = {
  outcome: crossing(2, outcomeAsked, read(commandOutcome)),
  wallet: crossing(3, tuple(text), read(walletView)),
  instrument: crossing(4, tuple(text, text), read(instrumentView)),
  activations: crossing(41, tuple(text), read(list(activationView))),
  taxCode: crossing(42, tuple(text), read(text)),
  total: crossing(5, tuple(text, integer), read(totalView)),
  payments: crossing(6, tuple(text, paymentsQuery), read(paymentsPage)),
  paymentDays: crossing(7, tuple(text, paymentsQuery), read(list(dayCount))),
  milestones: crossing(8, tuple(text, integer), read(milestonesView)),
  rankings: crossing(9, tuple(text, optional(integer)), read(list(rankingView))),
  reversals: crossing(10, tuple(reversalsPart), read(list(reversalListed))),
  recordFate: crossing(56, tuple(text, recordKey), read(recordFate)),
  covered: crossing(43, tuple(coveredPart), read(coveredPage)),
  payouts: crossing(45, tuple(payoutsPart), read(payoutsPartPage)),
  payoutsOf: crossing(46, tuple(text), read(list(payoutView))),
  payoutFiles: crossing(47, tuple(), read(list(payoutFile))),
  exclusions: crossing(72, tuple(exclusionsPart), read(list(exclusionListed))),
  notices: crossing(60, tuple(noticesPart), read(list(noticeListed))),
  receivedFiles: crossing(76, tuple(receivedFilesPart), read(list(receivedFile))),
  fileTally: crossing(77, tuple(integer), read(fileTally)),
  parCovers: crossing(86, tuple(parQuestion), read(list(recordCover))),
  unverifiedAccounts: crossing(84, tuple(unverifiedPart), read(list(unverifiedAccount))),
};

/** From the front to a shard, beside reads; `changed` the other way. */
export const SHARD = {
  execute: crossing(11, walletCommand, commandReply),
  record: crossing(12, recordCommand, recordOutcome),
  stats: crossing(13, nothing, shardStats),
  resume: crossing(14, nothing, nothing),
  drain: crossing(15, flag, nothing),
  idle: crossing(16, nothing, traffic),
  checkpoint: crossing(17, nothing, nothing),
  resolveReversal: crossing(57, reversalDecision, read(reversalResolved)),
  exclude: crossing(73, exclusionRequest, read(exclusion)),
  changePayouts: crossing(48, tuple(integer, list(payoutChange)), list(payoutReply)),
  integratePayout: crossing(49, payoutIntegration, payoutReply),
  setPayoutFile: crossing(50, payoutFile, payoutReply),
  openFile: crossing(78, fileArrival, receivedFile),
  closeFile: crossing(79, receivedFile, receivedFile),
  changeNotices: crossing(61, tuple(integer, list(noticeChange)), integer),
  setPar: crossing(87, tuple(text, text, text), read(flag)),
  recheckAccounts: crossing(85, tuple(integer, list(accountRecheck)), integer),
  tick: telling(18, integer),
  changed: telling(19, list(text)),
};

/** From the front to the coordinator. */
export const COORDINATOR = {
  rankingPage: crossing(20, tuple(integer, integer, integer), read(list(rankingEntry))),
  rankingStats: crossing(21, nothing, rankingStats),
  traffic: crossing(22, nothing, traffic),
  runNotices: crossing(62, tuple(noticeRunKind, integer), read(integer)),
  makePayouts: crossing(51, tuple(integer, nullable(integer)), read(payoutsMade)),
  closePeriod: telling(23, tuple<[number, number]>(integer, integer)),
  decidePeriod: crossing(80, nullable(periodOrder), read(periodSettled)),
  close: crossing(24, nothing, nothing),
};

/** From the front to any thread: how it starts and ends. */
export const THREAD = {
  recover: crossing(25, nothing, shardReport),
  /** The programme, as text. */
  beginShard: crossing(26, text, nothing),
  beginCoordinator: crossing(27, shape<CoordinatorStart>({ programme: text, reports: list(shardReport) }), nothing),
  close: crossing(28, nothing, nothing),
  /** For who backs the store up: where it is, and its records from one on. */
  position: crossing(39, nothing, storePosition),
  records: crossing(40, integer, list(bytes)),
  /** Its rows into a folder. */
  copyRows: crossing(44, text, rowsCopied),
};

/** From a shard to another. */
export const NEIGHBOUR = {
  deliver: telling(29, message),
  acknowledge: telling(30, message),
  hasEnabled: crossing(31, shape<OwnedCard>({ citizen: text, hpan: text }), flag),
};

/** From the coordinator to a shard. */
export const COORDINATED = {
  closePeriod: telling(32, integer),
  freezeRanking: telling(33, rankingFrozen),
  recoveredMoves: crossing(34, nothing, list(recoveredMove)),
  participants: crossing(35, list(integer), list(rankedStanding)),
  payoutsDue: crossing(52, integer, read(integer)),
  payoutProgress: crossing(53, integer, payoutProgress),
  lastPayoutOrder: crossing(70, integer, lastPayoutOrder),
  orderPayouts: crossing(54, payoutOrder, payoutOrder),
  runPayouts: crossing(55, payoutRunWork, read(payoutProgress)),
  runNotices: crossing(63, noticeRunWork, read(integer)),
  holdBack: crossing(81, nothing, text),
  judgePeriod: crossing(82, tuple(periodOrder, flag), read(periodSettled)),
  settlePeriod: crossing(83, periodSettled, integer),
  endExclusions: crossing(88, integer, flag),
};

/** From a shard to the coordinator. */
export const TO_COORDINATOR = {
  published: telling(36, published),
  ranks: crossing(37, list(rankQuestion), list(rankAnswer)),
  ranked: crossing(38, integer, rankedMark),
};
