/**
 * What crosses between the front's thread and the engine's, in bytes. Both ends are the same program, so the order of
 * the fields here is all there is to agree on; it is never stored. A method of the engine's door, a field or a kind of
 * answer without a form does not compile.
 */
import {
  APP_CHANNEL,
  type CitizenKey,
  type CommandOutcome,
  type CommandReply,
  type DayCount,
  type Engine,
  type EngineStats,
  type InstrumentView,
  type ListedReversalState,
  type MethodView,
  type MilestonesView,
  type Origin,
  type PaymentsPage,
  type PaymentsQuery,
  type PaymentView,
  type Position,
  type RankingEntry,
  type RankingView,
  type Read,
  type RecordCommand,
  type RecordOutcome,
  type Refused,
  type ReversalsPage,
  type ReversalsQuery,
  type ReversalView,
  type Role,
  type TotalView,
  type WalletCommand,
  type WalletCommandBody,
  type WalletView,
} from '../../engine/index.ts';
import {
  answer,
  type Codec,
  type Fields,
  flag,
  ibanCheckStatus,
  integer,
  list,
  methodDetails,
  nullable,
  oneOf,
  optInStatus,
  refusal,
  shape,
  sparse,
  text,
  transactionRecord,
} from '../../snapshots/index.ts';
import type { ClockOrigin } from '../clock.ts';

/** A question with an answer: how each is written. */
export interface Crossing<Question, Reply> {
  readonly number: number;
  readonly asked: Codec<Question>;
  readonly answered: Codec<Reply>;
}

export const READ_NAMES = [
  'outcome',
  'wallet',
  'instrument',
  'total',
  'payments',
  'paymentDays',
  'milestones',
  'rankings',
  'rankingPage',
  'reversals',
  'stats',
] as const;
export type ReadName = (typeof READ_NAMES)[number];
export type Asked<M extends ReadName> = Parameters<Engine[M]>;
export type Answered<M extends ReadName> = Awaited<ReturnType<Engine[M]>>;

type Crossings = { readonly [M in ReadName]: Crossing<Asked<M>, Answered<M>> } & {
  readonly execute: Crossing<WalletCommand, CommandReply>;
  readonly record: Crossing<RecordCommand, RecordOutcome | Refused>;
  readonly close: Crossing<readonly [], readonly []>;
};

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
  }),
  optInStatus,
  iban: text,
  accountHolderCF: text,
  accountHolderName: text,
  accountHolderSurname: text,
  hpan: text,
  details: methodDetails,
  tokens: list(text),
  cancellationMs: integer,
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

const recordCommand = shape<RecordCommand>({ record: transactionRecord, receivedMs: integer });

const paymentsQuery = sparse<PaymentsQuery>({ awardPeriodId: integer, hpan: text, limit: integer, cursor: integer });

const reversalsQuery = sparse<ReversalsQuery>({
  state: oneOf<ListedReversalState>({ pending: 0, parked: 1, flagged: 2 }),
  limit: integer,
  cursor: text,
});

/** The programme's clock was moved: what follows is judged by it. */
export const clockOrigin = shape<ClockOrigin>({
  originMs: float(),
  originMonotonicMs: float(),
  speed: float(),
});

/** Any number, exactly. */
function float(): Codec<number> {
  return { write: (to, value) => to.text(String(value)), read: (from) => Number(from.text()) };
}

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
  methods: list(methodView),
  position,
});

const instrumentView = shape<InstrumentView>({
  hpan: text,
  status: oneOf<InstrumentView['status']>({ ACTIVE: 0, INACTIVE: 1 }),
  activationMs: integer,
  deactivationMs: nullable(integer),
});

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

const reversalsPage = shape<ReversalsPage>({ reversals: list(reversalView), nextCursor: nullable(text) });

const engineStats = shape<EngineStats>({
  nowMs: integer,
  shardCount: integer,
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
  rankings: list(
    shape<EngineStats['rankings'][number]>({ awardPeriodId: integer, participants: integer, isFrozen: flag }),
  ),
});

const outcomeAsked: Crossings['outcome']['asked'] = {
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

const nothing = tuple<[]>();

/** The crossing of a read, where its name is only known to be one of them. */
export function crossingOf<M extends ReadName>(name: M): Crossing<Asked<M>, Answered<M>> {
  return CROSSINGS[name] as unknown as Crossing<Asked<M>, Answered<M>>;
}

export const CROSSINGS: Crossings = {
  execute: { number: 0, asked: walletCommand, answered: commandReply },
  record: { number: 1, asked: recordCommand, answered: recordOutcome },
  outcome: { number: 2, asked: outcomeAsked, answered: read(commandOutcome) },
  wallet: { number: 3, asked: tuple(text), answered: read(walletView) },
  instrument: { number: 4, asked: tuple(text, text), answered: read(instrumentView) },
  total: { number: 5, asked: tuple(text, integer), answered: read(totalView) },
  payments: { number: 6, asked: tuple(text, paymentsQuery), answered: read(paymentsPage) },
  paymentDays: { number: 7, asked: tuple(text, paymentsQuery), answered: read(list(dayCount)) },
  milestones: { number: 8, asked: tuple(text, integer), answered: read(milestonesView) },
  rankings: { number: 9, asked: tuple(text, optional(integer)), answered: read(list(rankingView)) },
  rankingPage: { number: 10, asked: tuple(integer, integer, integer), answered: read(list(rankingEntry)) },
  reversals: { number: 11, asked: tuple(reversalsQuery), answered: read(reversalsPage) },
  stats: { number: 12, asked: nothing, answered: engineStats },
  close: { number: 13, asked: nothing, answered: nothing },
};

/** What is told to the engine and not answered; numbers go on after those of the crossings. */
export const TOLD = { tick: 14, clock: 15, openIntake: 16, closeIntake: 17 } as const;

/** What the engine's thread says: an answer, a read that failed, citizens whose wallets changed. */
export const SAID = { answered: 0, failed: 1, changed: 2 } as const;

export const citizens = list(text);
