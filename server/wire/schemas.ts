/**
 * The wire protocol, once: every request, reply and push as a valibot schema. Guards, types and the
 * AsyncAPI document (async-api.ts) all come from here. Both subprotocols, msgpack and JSON, carry the same.
 *
 * Requests are strict: an unknown key is refused, so that a mistyped field is never silently ignored.
 * Replies and pushes are open: a client of version N reads those of N+1 (faults 75).
 */
import * as v from 'valibot';
import {
  type Answer,
  type CommandOutcome,
  IBAN_CHECK_STATUSES,
  INTEGER_MAX,
  type InstrumentView,
  METHOD_KINDS,
  type MethodDetails,
  type MethodView,
  type MilestonesView,
  OPT_IN_STATUSES,
  type PaymentsPage,
  type PaymentView,
  PERIOD_STATUSES,
  type Position,
  type RankingEntry,
  type RankingView,
  REFUSALS,
  type RefusalName,
  ROLES,
  type TotalView,
  WALLET_COMMAND_KINDS,
  type WalletView,
} from '../../engine/contract.ts';
import { FEATURES, type Feature } from './features.ts';
import { containsPan } from './pan.ts';

export const PROTOCOL_MSGPACK = 'clickday.v1.msgpack';
export const PROTOCOL_JSON = 'clickday.v1.json';
export const PROTOCOLS = [PROTOCOL_MSGPACK, PROTOCOL_JSON] as const;
export type Protocol = (typeof PROTOCOLS)[number];
/** A browser cannot set headers: it offers its token as a further subprotocol, which is never echoed. */
export const BEARER_PREFIX = 'bearer.';
/** And what an earlier `hello` gave it. */
export const STAMP_PREFIX = 'stamp.';

/** Sizes inside a message. `wire.test.ts` holds the first four equal to engine/limits.ts, which this file may not import. */
export const WIRE_LIMITS = {
  rowsMax: 512,
  tokensMax: 16,
  paymentsPageMax: 100,
  rankingPageMax: 1_000,
  /** Domain 2.4: ids of a record. */
  recordTextMax: 255,
  /** Domain 2.4: an amount has 1 to 10 digits. */
  amountCentsMax: 9_999_999_999,
  textMax: 128,
} as const;

// Fields.

const integer = v.pipe(v.number(), v.safeInteger(), v.minValue(-INTEGER_MAX), v.maxValue(INTEGER_MAX));
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0), v.maxValue(INTEGER_MAX));
const instantMs = integer;
const waitMs = v.pipe(
  count,
  v.description('From now, in real milliseconds; `retryAtMs` is the same in the clock of the programme'),
);
const ref = v.pipe(count, v.description('Chosen by the client, repeated in the reply; unique among those in flight'));

const commandId = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}$/i),
  v.transform((text) => (text.length === 32 ? text : text.replaceAll('-', '')).toLowerCase()),
  v.description('UUID, version 7 by preference. The same id twice has one effect and the same answer'),
);

const hpan = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{64}$/i),
  v.toLowerCase(),
  v.description('SHA-256 of PAN and salt, hexadecimal'),
);

const pan = v.pipe(
  v.string(),
  v.regex(/^[0-9]{12,19}$/),
  v.description('Card number: hashed where it enters, never stored, logged or passed on'),
);

/** Issuers and operators name the citizen; a citizen never does. The check character is verified by the session. */
const taxCode = v.exactOptional(
  v.pipe(
    v.string(),
    v.regex(/^[a-z]{6}[0-9a-z]{10}$/i),
    v.toUpperCase(),
    v.description('Issuers and operators only: the citizen concerned'),
  ),
);

/**
 * One line of text: no control characters, which would forge lines of a log; no halves of surrogate pairs, which do
 * not survive UTF-8; no card number, which belongs in `pan` and nowhere else.
 */
export function line(charactersMin: number, charactersMax: number) {
  return v.pipe(
    v.string(),
    v.minLength(charactersMin),
    v.maxLength(charactersMax),
    v.regex(/^[^\p{Cc}\p{Cs}]*$/u),
    v.check((text) => !containsPan(text), 'a card number'),
  );
}

/** Most of an IBAN is digits, some of which may pass for a card number: so only a text without a country is looked at. */
const iban = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(64),
  v.regex(/^[^\p{Cc}\p{Cs}]*$/u),
  v.check((text) => /[a-z]/i.test(text) || !containsPan(text), 'a card number'),
);

const awardPeriodId = count;

const methodDetails = v.strictObject({
  methodKind: v.picklist(METHOD_KINDS),
  brand: v.optional(line(0, 32), ''),
  lastDigits: v.pipe(
    v.optional(v.pipe(v.string(), v.regex(/^[0-9]{0,4}$/)), ''),
    v.description('With `pan`: taken from it'),
  ),
  expiry: v.optional(v.pipe(v.string(), v.regex(/^([0-9]{4}-(0[1-9]|1[0-2]))?$/)), ''),
  issuerAbi: v.optional(v.pipe(v.string(), v.regex(/^[0-9]{0,5}$/)), ''),
}) satisfies v.GenericSchema<unknown, MethodDetails>;

const recordText = v.pipe(v.string(), v.minLength(1), v.maxLength(WIRE_LIMITS.recordTextMax));
const recordTextOrNone = v.exactOptional(v.pipe(v.string(), v.maxLength(WIRE_LIMITS.recordTextMax)));
const twoDigits = v.pipe(v.string(), v.regex(/^[0-9]{2}$/));

/**
 * One row of an acquirer (domain 2.4), for clients and documents. The server judges each row by itself with
 * `checkRecordFields` of the engine, the very rules of files; a test holds the two to each other.
 */
export const paymentRow = v.strictObject({
  acquirerCode: v.pipe(v.string(), v.minLength(1), v.maxLength(20), v.description('The sender’s own ABI')),
  operationType: v.pipe(twoDigits, v.description('`01` is a reversal, everything else a payment')),
  circuitType: twoDigits,
  hpan,
  trxDate: v.pipe(v.string(), v.minLength(10), v.maxLength(40), v.description('ISO-8601 with offset')),
  idTrxAcquirer: recordText,
  idTrxIssuer: recordTextOrNone,
  correlationId: recordTextOrNone,
  amountCents: v.pipe(integer, v.minValue(1), v.maxValue(WIRE_LIMITS.amountCentsMax)),
  acquirerId: recordText,
  merchantId: recordText,
  terminalId: recordText,
  amountCurrency: v.exactOptional(v.picklist(['', '978'])),
  bin: v.exactOptional(v.pipe(v.string(), v.regex(/^([0-9]{6}|[0-9]{8})?$/))),
  mcc: v.exactOptional(v.pipe(v.string(), v.maxLength(5))),
  par: recordTextOrNone,
});
export type PaymentRow = v.InferInput<typeof paymentRow>;

export const TOPICS = ['wallet', 'rank', 'notices'] as const;
export type Topic = (typeof TOPICS)[number];
const topics = v.pipe(v.array(v.picklist(TOPICS)), v.minLength(1), v.maxLength(TOPICS.length));

// Requests.

/** Of the refusal that said when to come back. */
const ticket = v.exactOptional(v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/)));

function message<const Type extends string, Fields extends v.ObjectEntries>(type: Type, fields: Fields) {
  return v.strictObject({ ref, type: v.literal(type), ticket, ...fields });
}

/** A change to one citizen's wallet: has an id. */
function change<const Type extends string, Fields extends v.ObjectEntries>(type: Type, fields: Fields) {
  return message(type, { id: commandId, taxCode, ...fields });
}

/** A read about one citizen. */
function read<const Type extends string, Fields extends v.ObjectEntries>(type: Type, fields: Fields) {
  return message(type, { taxCode, ...fields });
}

/** Every request, by type. */
export const REQUESTS = {
  enrol: change('enrol', { optInStatus: v.exactOptional(v.picklist(OPT_IN_STATUSES)) }),
  leave: change('leave', {}),
  setIban: change('setIban', {
    /** Its form is the programme's business (IBAN_INVALID); that it is no card number is ours. */
    iban,
    accountHolderCF: line(1, WIRE_LIMITS.textMax),
    accountHolderName: line(0, WIRE_LIMITS.textMax),
    accountHolderSurname: line(0, WIRE_LIMITS.textMax),
  }),
  /** Exactly one of `pan` and `hpan`: a rule across fields, judged by the session. */
  addMethod: change('addMethod', {
    pan: v.exactOptional(pan),
    hpan: v.exactOptional(hpan),
    details: methodDetails,
  }),
  removeMethod: change('removeMethod', { hpan }),
  setFavourite: change('setFavourite', { hpan }),
  enableCashback: change('enableCashback', {
    hpan,
    tokens: v.exactOptional(v.pipe(v.array(hpan), v.maxLength(WIRE_LIMITS.tokensMax))),
  }),
  disableCashback: change('disableCashback', { hpan, cancellationMs: v.exactOptional(instantMs) }),
  enableAll: change('enableAll', {}),

  wallet: read('wallet', {}),
  instrument: read('instrument', { hpan }),
  payments: read('payments', {
    awardPeriodId,
    hpan: v.exactOptional(hpan),
    limit: v.exactOptional(v.pipe(integer, v.minValue(1), v.maxValue(WIRE_LIMITS.paymentsPageMax))),
    cursor: v.exactOptional(count),
  }),
  total: read('total', { awardPeriodId }),
  milestones: read('milestones', { awardPeriodId }),
  ranking: read('ranking', { awardPeriodId: v.exactOptional(awardPeriodId) }),
  outcome: read('outcome', { id: commandId }),
  rankingPage: message('rankingPage', {
    awardPeriodId,
    firstRank: v.pipe(integer, v.minValue(1)),
    count: v.pipe(integer, v.minValue(1), v.maxValue(WIRE_LIMITS.rankingPageMax)),
  }),
  periods: message('periods', {}),

  recordPayments: message('recordPayments', {
    rows: v.pipe(v.array(paymentRow), v.minLength(1), v.maxLength(WIRE_LIMITS.rowsMax)),
  }),

  subscribe: message('subscribe', { topics }),
  unsubscribe: message('unsubscribe', { topics }),
  /** Renews the token in band: same role, same subject (faults 53). */
  authenticate: message('authenticate', { token: v.pipe(v.string(), v.minLength(1), v.maxLength(3_072)) }),
} as const;

export type RequestType = keyof typeof REQUESTS;
/** A request as a client writes it. */
export type RequestInputOf<T extends RequestType> = v.InferInput<(typeof REQUESTS)[T]>;
export type RequestInput = { [T in RequestType]: RequestInputOf<T> }[RequestType];
/** A request as the server reads it: defaults filled in, ids and hashes in their one spelling. */
export type RequestOf<T extends RequestType> = v.InferOutput<(typeof REQUESTS)[T]>;
export type WireRequest = { [T in RequestType]: RequestOf<T> }[RequestType];

export const CHANGE_TYPES = WALLET_COMMAND_KINDS satisfies readonly RequestType[];
export type ChangeType = (typeof CHANGE_TYPES)[number];

// Views. Each `satisfies` makes the compiler hold the schema to the contract's type.

const nullable = <S extends v.GenericSchema>(schema: S) => v.nullable(schema);

const position = v.object({ partition: count, sequence: count }) satisfies v.GenericSchema<unknown, Position>;

const answer = v.object({
  termsMs: v.exactOptional(instantMs),
  optInStatus: v.exactOptional(v.picklist(OPT_IN_STATUSES)),
  validationStatus: v.exactOptional(v.picklist(IBAN_CHECK_STATUSES)),
  hpan: v.exactOptional(hpan),
  activationMs: v.exactOptional(instantMs),
  enabled: v.exactOptional(v.array(hpan)),
  refused: v.exactOptional(v.array(hpan)),
}) satisfies v.GenericSchema<unknown, Answer>;

const detailsView = v.object({
  methodKind: v.picklist(METHOD_KINDS),
  brand: v.string(),
  lastDigits: v.string(),
  expiry: v.string(),
  issuerAbi: v.string(),
}) satisfies v.GenericSchema<unknown, MethodDetails>;

const methodView = v.object({
  hpan,
  details: nullable(detailsView),
  cashback: v.picklist(['off', 'enabling', 'enabled', 'disabling']),
  activationMs: nullable(instantMs),
  deactivationMs: nullable(instantMs),
  channel: v.string(),
}) satisfies v.GenericSchema<unknown, MethodView>;

const walletView = v.object({
  enabled: v.boolean(),
  termsMs: instantMs,
  cancellationMs: nullable(instantMs),
  optInStatus: v.picklist(OPT_IN_STATUSES),
  iban: nullable(v.string()),
  ibanCheckStatus: nullable(v.picklist(IBAN_CHECK_STATUSES)),
  // A server of before has neither.
  technicalAccountHolder: v.optional(nullable(v.string()), null),
  issuerCardId: v.optional(nullable(v.string()), null),
  methods: v.array(methodView),
  // Nor this.
  favourite: v.optional(nullable(hpan), null),
  position,
}) satisfies v.GenericSchema<unknown, WalletView>;

const instrumentView = v.object({
  hpan,
  status: v.picklist(['ACTIVE', 'INACTIVE']),
  activationMs: instantMs,
  deactivationMs: nullable(instantMs),
}) satisfies v.GenericSchema<unknown, InstrumentView>;

const paymentView = v.object({
  idTrx: v.string(),
  hpan,
  idTrxAcquirer: v.string(),
  idTrxIssuer: v.string(),
  circuitType: v.string(),
  operationType: v.string(),
  trxMs: instantMs,
  amountCents: integer,
  cashbackCents: integer,
  awardPeriodId,
}) satisfies v.GenericSchema<unknown, PaymentView>;

const paymentsPage = v.object({
  payments: v.array(paymentView),
  nextCursor: nullable(count),
}) satisfies v.GenericSchema<unknown, PaymentsPage>;

const totalView = v.object({
  awardPeriodId,
  shownCents: integer,
  rawCents: integer,
  payableCents: integer,
  transactionNumber: integer,
}) satisfies v.GenericSchema<unknown, TotalView>;

const milestonesView = v.object({
  idTrxPivot: nullable(v.string()),
  cashbackNormCents: nullable(integer),
  idTrxMinTransactionNumber: nullable(v.string()),
}) satisfies v.GenericSchema<unknown, MilestonesView>;

const rankingView = v.object({
  awardPeriodId,
  ranking: integer,
  takesPart: v.boolean(),
  transactionNumber: integer,
  maxTransactionNumber: integer,
  minTransactionNumber: integer,
  totalParticipants: integer,
  minPosition: integer,
  wouldWin: v.boolean(),
  jackpotCents: integer,
  updateMs: instantMs,
}) satisfies v.GenericSchema<unknown, RankingView>;

/** A citizen sees ranks and counts; who holds a rank, and since when, only an operator. */
const rankingEntry = v.object({
  rank: integer,
  transactionNumber: integer,
  citizen: v.exactOptional(v.string()),
  lastTrxMs: v.exactOptional(instantMs),
}) satisfies v.GenericSchema<unknown, Partial<RankingEntry>>;

const periodView = v.object({
  awardPeriodId,
  name: v.string(),
  startDay: v.string(),
  endDay: v.string(),
  graceDays: integer,
  minTransactionNumber: integer,
  cashbackPercent: v.number(),
  maxTransactionEvaluatedCents: integer,
  maxTransactionCashbackCents: integer,
  maxPeriodCashbackCents: integer,
  minPosition: integer,
  jackpotCents: integer,
  isSuspended: v.boolean(),
  status: v.picklist(PERIOD_STATUSES),
});

const outcomeView = v.variant('state', [
  /** A server of the version before says no `command`. */
  v.object({
    state: v.literal('done'),
    command: v.optional(v.nullable(v.picklist(WALLET_COMMAND_KINDS)), null),
    answer,
  }),
  v.object({ state: v.literal('in-progress') }),
  v.object({ state: v.literal('not-done') }),
]) satisfies v.GenericSchema<unknown, CommandOutcome>;

const refusalName = v.picklist(Object.keys(REFUSALS) as RefusalName[]);

/** What became of one row. `refused` was not taken in: send that row again; `rejected` never will be. */
const rowOutcome = v.variant('status', [
  v.object({ status: v.picklist(['counted', 'applied']), scoreCents: integer, awardPeriodId }),
  v.object({ status: v.literal('pending') }),
  v.object({
    status: v.picklist(['parked', 'dropped', 'rejected']),
    code: refusalName,
    detail: v.exactOptional(v.string()),
  }),
  v.object({
    status: v.literal('refused'),
    code: refusalName,
    retryAtMs: v.exactOptional(instantMs),
    waitMs: v.exactOptional(waitMs),
  }),
]);
export type RowOutcome = v.InferOutput<typeof rowOutcome>;

/** The `view` of the reply to each request that changes nothing in a wallet. */
export const VIEWS = {
  wallet: walletView,
  instrument: instrumentView,
  payments: paymentsPage,
  total: totalView,
  milestones: milestonesView,
  ranking: v.array(rankingView),
  rankingPage: v.array(rankingEntry),
  periods: v.array(periodView),
  outcome: outcomeView,
  /** One outcome per row, in order. */
  recordPayments: v.object({ outcomes: v.array(rowOutcome) }),
  /** All topics of this socket after the change. */
  subscribe: v.object({ topics: v.array(v.picklist(TOPICS)) }),
  unsubscribe: v.object({ topics: v.array(v.picklist(TOPICS)) }),
  authenticate: v.object({ expiresAtMs: instantMs }),
} as const satisfies Record<Exclude<RequestType, ChangeType>, v.GenericSchema>;
export type ReadType = keyof typeof VIEWS;
export type ViewOf<T extends ReadType> = v.InferOutput<(typeof VIEWS)[T]>;

// Replies.

export const doneReply = v.object({
  ref,
  ok: v.literal(true),
  repeated: v.pipe(v.boolean(), v.description('This id had been done before: one effect, the same answer')),
  answer,
  position,
});
export type DoneReply = v.InferOutput<typeof doneReply>;

export const viewReply = v.object({ ref, ok: v.literal(true), view: v.unknown() });
export interface ViewReply<T extends ReadType = ReadType> {
  readonly ref: number;
  readonly ok: true;
  readonly view: ViewOf<T>;
}

export const refusedReply = v.object({
  ref: nullable(ref),
  ok: v.literal(false),
  code: refusalName,
  message: v.string(),
  messageIt: v.string(),
  messageCode: v.exactOptional(v.pipe(v.string(), v.description('Of the app’s own words for this: see /messages'))),
  retryAtMs: v.exactOptional(instantMs),
  waitMs: v.exactOptional(waitMs),
  ticket: v.exactOptional(
    v.pipe(v.string(), v.description('An appointment: whoever asks again with it at that time is let in')),
  ),
  position: v.exactOptional(v.pipe(count, v.description('How many are let in before'))),
  detail: v.exactOptional(v.string()),
});
export type RefusedReply = v.InferOutput<typeof refusedReply>;

/** The reply to a request of type T. */
export type ReplyOf<T extends RequestType> =
  | RefusedReply
  | (T extends ChangeType ? DoneReply : T extends ReadType ? ViewReply<T> : never);
export type WireReply = DoneReply | ViewReply | RefusedReply;

// What the server sends by itself.

export const hello = v.object({
  hello: v.object({
    role: v.picklist(ROLES),
    channel: v.string(),
    nowMs: v.pipe(instantMs, v.description('The programme’s clock')),
    frameBytesMax: count,
    inFlightMax: count,
    programme: v.pipe(v.string(), v.description('Its name; `periods` reads the rest')),
    stamp: v.optional(
      v.pipe(
        v.string(),
        v.description('A citizen’s: offered as the subprotocol `stamp.…` it comes back before first logins'),
      ),
    ),
  }),
});
export type Hello = v.InferOutput<typeof hello>;

/** A feature that is off says why, as the refusal of what needs it would. */
const featureView = v.object({
  isOn: v.boolean(),
  code: v.exactOptional(refusalName),
  message: v.exactOptional(v.string()),
  messageIt: v.exactOptional(v.string()),
  messageCode: v.exactOptional(v.string()),
});
export type FeatureView = v.InferOutput<typeof featureView>;

/** What a client of this version can do now (R5). */
export const featuresView = v.object({
  client: nullable(v.pipe(v.string(), v.description('As it was understood; null: it did not say'))),
  updateRequired: v.boolean(),
  minVersion: nullable(v.string()),
  features: v.object(
    Object.fromEntries(FEATURES.map((name) => [name, featureView])) as Record<Feature, typeof featureView>,
  ),
});
export type FeaturesView = v.InferOutput<typeof featuresView>;

const letterText = v.object({ subject: v.string(), body: v.string() });

/** What its citizen was just told by message; who is not connected then has the message alone. */
export const noticeView = v.object({
  id: v.pipe(v.string(), v.description('The same however often it comes')),
  kind: v.string(),
  awardPeriodId: count,
  it: letterText,
  en: letterText,
  link: nullable(v.pipe(v.string(), v.description('What it offers to do, in the app'))),
});
export type NoticeView = v.InferOutput<typeof noticeView>;

export const PUSHES = {
  /** The wallet with the totals of every period. */
  wallet: v.object({
    push: v.literal('wallet'),
    view: v.object({ ...walletView.entries, totals: v.array(totalView) }),
  }),
  rank: v.object({ push: v.literal('rank'), view: v.array(rankingView) }),
  notices: v.object({ push: v.literal('notices'), view: noticeView }),
  /** Nobody subscribes to it: whoever said its version is told after `hello`, and at each change. */
  features: v.object({ push: v.literal('features'), view: featuresView }),
  /** Whoever was told to come back is told where it stands; at position 0 it may come at once. */
  turn: v.object({
    push: v.literal('turn'),
    view: v.object({ position: count, retryAtMs: instantMs, waitMs, ticket: v.string() }),
  }),
} as const satisfies Record<Topic | 'features' | 'turn', v.GenericSchema>;
export type PushOf<T extends keyof typeof PUSHES> = v.InferOutput<(typeof PUSHES)[T]>;
export type TopicPush = { [T in Topic]: PushOf<T> }[Topic];
export type WirePush = TopicPush | PushOf<'features'> | PushOf<'turn'>;

export type ServerFrame = Hello | WireReply | WirePush;
