/**
 * What crosses between threads: each question with the forms of what is asked and answered, each telling with that of what
 * is told. Both ends are the same program, so the order of fields in formats/ and the numbers here are all there is to agree
 * on; it is never stored. A read of the engine's door, a field or a kind of answer without a form does not compile.
 */
import type { CitizenKey, Hpan, ServedShard, ShardReport } from '../../engine/index.ts';
import {
  bytes,
  type Codec,
  exclusion,
  fileTally,
  flag,
  integer,
  list,
  message,
  noticeRunKind,
  nullable,
  payoutFile,
  payoutOrder,
  rankedMark,
  receivedFile,
  recordCover,
  recordKey,
  shape,
  text,
} from '../../snapshots/index.ts';
import type { Crossing, Telling } from './conversation.ts';
import { activationView, coveredPage, coveredPart, instrumentView } from './formats/cards.ts';
import { commandOutcome, commandReply, originOf, walletCommand } from './formats/commands.ts';
import { optional, read, tuple } from './formats/composed.ts';
import { exclusionListed, exclusionRequest, exclusionsPart } from './formats/exclusions.ts';
import { noticeChange, noticeListed, noticeRunWork, noticesPart } from './formats/notices.ts';
import {
  lastPayoutOrder,
  payoutChange,
  payoutIntegration,
  payoutProgress,
  payoutReply,
  payoutRunWork,
  payoutsMade,
  payoutsPart,
  payoutsPartPage,
  payoutView,
} from './formats/payouts.ts';
import { dueClosing, periodOrder, periodSettled } from './formats/periods.ts';
import {
  published,
  rankAnswer,
  rankedStanding,
  rankingEntry,
  rankingFrozen,
  rankingStats,
  rankQuestion,
  recoveredMove,
} from './formats/rankings.ts';
import {
  fileArrival,
  parQuestion,
  receivedFilesPart,
  recordCommand,
  recordFate,
  recordOutcome,
} from './formats/records.ts';
import { reversalDecision, reversalListed, reversalResolved, reversalsPart } from './formats/reversals.ts';
import { rowsCopied, shardReport, shardStats, storePosition, traffic } from './formats/stores.ts';
import {
  accountRecheck,
  dayCount,
  milestonesView,
  paymentsPage,
  paymentsQuery,
  rankingView,
  totalView,
  unverifiedAccount,
  unverifiedPart,
  walletView,
} from './formats/wallets.ts';

/** What a citizen, an acquirer or an operator may ask of one shard. */
export const READ_NAMES = [
  'outcome',
  'wallet',
  'instrument',
  'instruments',
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

export interface CoordinatorStart {
  readonly programme: string;
  readonly reports: readonly ShardReport[];
}

interface OwnedCard {
  readonly citizen: CitizenKey;
  readonly hpan: Hpan;
}

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
  instruments: crossing(90, tuple(text), read(list(text))),
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
  /** Answered with the instant of its turn, in microseconds of `monotonicMs`. */
  probe: crossing(89, nothing, integer),
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
  closePeriod: telling(23, dueClosing),
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
