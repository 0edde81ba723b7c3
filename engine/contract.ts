/**
 * What goes into the engine and what comes out of it: commands, answers, views and refusals.
 * Types and constants only, no imports: the client shares this file.
 *
 * Money is integer cents. Instants are milliseconds since the epoch, UTC. Days are `YYYY-MM-DD`, Europe/Rome.
 */

/** Fixed for ever: rows, messages and cursors are addressed by partition, never by core or machine. */
export const PARTITION_COUNT = 64;

/** Integers that go in or out lie between this and its opposite: zigzag doubles them, and must stay exact. */
export const INTEGER_MAX = 2 ** 52 - 1;

/** Keyed hash of a tax code, 32 lower-case hex digits. Its first six bits are the citizen's partition. */
export type CitizenKey = string;
/** SHA-256 of PAN and salt, 64 lower-case hex digits. Its first six bits are the card's partition. */
export type Hpan = string;
/** Chosen by the client: a UUID (version 7 by preference), 32 lower-case hex digits, no dashes. */
export type CommandId = string;

export const ROLES = ['citizen', 'issuer', 'acquirer', 'operator'] as const;
export type Role = (typeof ROLES)[number];

/** Who asks, as the token says it. */
export interface Origin {
  readonly role: Role;
  /** A citizen's key; an issuer's channel; an acquirer's ABI; an operator's name. Never a tax code. */
  readonly subject: string;
  /** Recorded with activations: `app-io-channel` for citizens, the issuer's code otherwise (domain 1.1). */
  readonly channel: string;
}

export const APP_CHANNEL = 'app-io-channel';

export const OPT_IN_STATUSES = ['NOREQ', 'ACCEPTED', 'DENIED'] as const;
export type OptInStatus = (typeof OPT_IN_STATUSES)[number];

/** Domain 2.3. */
export const METHOD_KINDS = ['card', 'bancomat', 'satispay', 'bpay', 'cobadge', 'privative'] as const;
export type MethodKind = (typeof METHOD_KINDS)[number];

/** What a citizen lists in the wallet; nothing here identifies the card but its hpan (promise 9). */
export interface MethodDetails {
  readonly methodKind: MethodKind;
  readonly brand: string;
  /** The last digits as printed on a receipt, at most four; empty when the method has none. */
  readonly lastDigits: string;
  /** `YYYY-MM`, or empty. */
  readonly expiry: string;
  readonly issuerAbi: string;
}

/** A change that one citizen's wallet is asked to make. */
export type WalletCommandBody =
  | { readonly kind: 'enrol'; readonly optInStatus?: OptInStatus }
  | { readonly kind: 'leave' }
  | {
      readonly kind: 'setIban';
      readonly iban: string;
      readonly accountHolderCF: string;
      readonly accountHolderName: string;
      readonly accountHolderSurname: string;
      /** Legal name of the issuer whose pooled account receives the money (domain 2.1): nobody is asked about that. */
      readonly technicalAccountHolder?: string;
      /** The citizen's card at that issuer, for the reason of the transfer. */
      readonly issuerCardId?: string;
      /** What the bank service said, where one was asked: set at the edge, never by a client. */
      readonly checkStatus?: IbanCheckStatus;
    }
  | { readonly kind: 'addMethod'; readonly hpan: Hpan; readonly details: MethodDetails }
  | { readonly kind: 'removeMethod'; readonly hpan: Hpan }
  | { readonly kind: 'setFavourite'; readonly hpan: Hpan }
  | {
      readonly kind: 'enableCashback';
      readonly hpan: Hpan;
      readonly tokens?: readonly Hpan[];
      /** INSTRUMENT_NOT_FOUND unless the card is on: whoever knows more tokens of it does not enable the card. */
      readonly onlyTokens?: true;
    }
  | { readonly kind: 'disableCashback'; readonly hpan: Hpan; readonly cancellationMs?: number }
  | { readonly kind: 'enableAll' };

export type WalletCommandKind = WalletCommandBody['kind'];
export const WALLET_COMMAND_KINDS = [
  'enrol',
  'leave',
  'setIban',
  'addMethod',
  'removeMethod',
  'setFavourite',
  'enableCashback',
  'disableCashback',
  'enableAll',
] as const satisfies readonly WalletCommandKind[];

export interface WalletCommand {
  readonly citizen: CitizenKey;
  /** Needed to seal it at the first enrolment; never stored in clear. */
  readonly taxCode: string;
  readonly origin: Origin;
  readonly id: CommandId;
  readonly body: WalletCommandBody;
}

/** One row of an acquirer, checked in form (domain 2.4). The category code is already blanked. */
export interface TransactionRecord {
  readonly acquirerCode: string;
  /** Two digits; `01` is a reversal, everything else a payment. */
  readonly operationType: string;
  readonly circuitType: string;
  readonly hpan: Hpan;
  readonly trxMs: number;
  readonly idTrxAcquirer: string;
  /** Empty when the acquirer sent none; the same for `correlationId`. */
  readonly idTrxIssuer: string;
  readonly correlationId: string;
  /** Absolute value, at least 1. */
  readonly amountCents: number;
  readonly acquirerId: string;
  readonly merchantId: string;
  readonly terminalId: string;
}

/** What identifies a record of one card (domain 2.4, DECISION 35). */
export type RecordKey = Pick<
  TransactionRecord,
  'idTrxAcquirer' | 'trxMs' | 'acquirerCode' | 'acquirerId' | 'operationType'
>;

export interface RecordCommand {
  readonly record: TransactionRecord;
  /** Stamped once where the row entered; periods, grace and the reversal's month are judged by it. */
  readonly receivedMs: number;
  /** Number of the file that the row came in. Absent: in none that is accounted for. */
  readonly fileNumber?: number | undefined;
  /** Name of the acquirer file that it stands in, for a closed period that was opened again for that file (domain 3.4). */
  readonly file?: string;
  /** The Payment Account Reference that the row names, in capitals; absent = none. */
  readonly par?: string;
  /** Whose the record is by that reference: found by the engine, where no activation of the hpan itself covers the day. */
  readonly cover?: RecordCover;
}

/** An activation of a card that covers a record of one of its device tokens, which nobody has enrolled (domain 2.2, 9). */
export interface RecordCover {
  /** The card. */
  readonly master: Hpan;
  readonly citizen: CitizenKey;
  readonly enrolment: number;
}

/** What became of a row. `dropped`: a guard of domain 3.3; `rejected`: never stored; the code says why. */
export type RecordOutcome =
  | { readonly status: 'counted' | 'applied'; readonly scoreCents: number; readonly awardPeriodId: number }
  | { readonly status: 'pending' }
  | { readonly status: 'parked' | 'dropped' | 'rejected'; readonly code: RefusalName };

/**
 * What an account of a file says of a row. `accepted`: a payment counted, a reversal stored, or a token enabled;
 * `repeated`: the same was accounted for before, as a record that is stored or as a line of the same file, or the token is
 * its owner's already.
 */
export const ROW_FATES = ['accepted', 'dropped', 'rejected', 'repeated'] as const;
export type RowFate = (typeof ROW_FATES)[number];

/** Rows of one file that went the same way for the same reason. */
export interface FileFigure {
  readonly fate: RowFate;
  /** Null = nothing is to be said against them; of accepted ones: why a reversal was parked. */
  readonly code: RefusalName | null;
  readonly rowCount: number;
  /** Absolute amounts; a row of a wrong form has none, nor has a token. At most INTEGER_MAX. */
  readonly amountCents: number;
}

export interface FileArrival {
  /** ABI code. */
  readonly sender: string;
  readonly name: string;
  /** SHA-256 of its clear text, hexadecimal, and of one that has arrived a keyed hash of that: the same file, whatever it is called. */
  readonly digest: string;
  /** Of all its rows. */
  readonly receivedMs: number;
}

/** A file of an acquirer, each time that it comes. */
export interface ReceivedFile extends FileArrival {
  /** From 1, in the order of arrival. */
  readonly fileNumber: number;
  /** False: it is under way, or was cut short, and its sender was never answered. */
  readonly isDone: boolean;
  /** Of one that is not done: the records accepted so far, and nothing is known of the others, nor of tokens. */
  readonly figures: readonly FileFigure[];
}

export interface ReceivedFilesPage {
  readonly files: readonly ReceivedFile[];
  /** Null = this is the last page. */
  readonly nextCursor: string | null;
}

/** Reversals in a list: those that wait for their payment, and those that need an operator (domain 3.3b, DECISION 18). */
export const LISTED_REVERSAL_STATES = ['pending', 'parked', 'flagged'] as const;
export type ListedReversalState = (typeof LISTED_REVERSAL_STATES)[number];

export interface ReversalView {
  readonly record: TransactionRecord;
  readonly receivedMs: number;
  readonly awardPeriodId: number;
  /** When it stops waiting, if it does wait. */
  readonly expiresMs: number;
  /** Why it is parked; null of the others. */
  readonly code: RefusalName | null;
}

export interface ReversalsPage {
  readonly reversals: readonly ReversalView[];
  /** Null = this is the last page. */
  readonly nextCursor: string | null;
}

export const RESOLUTIONS = ['apply', 'discard', 'keep'] as const;
export type Resolution = (typeof RESOLUTIONS)[number];

/** What an operator makes of a reversal: a parked one is applied to a payment of its card or discarded, a flagged one kept. */
export interface ReversalDecision {
  readonly hpan: Hpan;
  readonly reversal: RecordKey;
  readonly resolution: Resolution;
  /** The one to apply it to; null of the other resolutions. */
  readonly payment: RecordKey | null;
  /** Name of the operator, and why: 1 to RESOLUTION_REASON_MAX characters that name nobody. */
  readonly operator: string;
  readonly reason: string;
}

export const RESOLUTION_REASON_MAX = 200;

/** What stands, as it was decided first: the same asked again changes nothing. */
export interface ReversalResolved {
  readonly state: 'applied' | 'discarded';
  readonly resolution: Resolution;
  readonly operator: string;
  readonly reason: string;
  readonly atMs: number;
  /** 0 or negative. */
  readonly scoreCents: number;
  readonly awardPeriodId: number;
}

// What is taken out of counting (domain 3.1, 5.6).

/** Names one payment: its key is its own within its card only (DECISION 35). */
export interface PaymentName {
  readonly hpan: Hpan;
  readonly record: RecordKey;
}

/** `appeal`: lifts what the rule on abuse has excluded, at the citizen's own request and within its days. */
export const EXCLUSION_ACTIONS = ['exclude', 'lift', 'appeal'] as const;
export type ExclusionAction = (typeof EXCLUSION_ACTIONS)[number];

/** What an operator does: proposes an action, or decides about what another one has proposed. */
export const EXCLUSION_STEPS = [...EXCLUSION_ACTIONS, 'approve', 'reject'] as const;
export type ExclusionStep = (typeof EXCLUSION_STEPS)[number];

export interface ExclusionRequest {
  readonly citizen: CitizenKey;
  /** Null = the citizen, with everything. */
  readonly payment: PaymentName | null;
  readonly step: ExclusionStep;
  /** Name of the operator, and why: 1 to RESOLUTION_REASON_MAX characters that name nobody. */
  readonly operator: string;
  readonly reason: string;
}

export const EXCLUSION_STATES = ['proposed', 'excluded', 'lifted', 'rejected'] as const;
export type ExclusionState = (typeof EXCLUSION_STATES)[number];
/** What was rejected is in the journal only. */
export const LISTED_EXCLUSION_STATES = ['proposed', 'excluded', 'lifted'] as const;
export type ListedExclusionState = (typeof LISTED_EXCLUSION_STATES)[number];

/** A proposal that waits, or what became of one. */
export interface Exclusion {
  readonly citizen: CitizenKey;
  readonly payment: PaymentName | null;
  readonly state: ExclusionState;
  readonly action: ExclusionAction;
  /** Who proposed it; empty = the rule on abuse, which needs nobody's approval. */
  readonly proposedBy: string;
  readonly reason: string;
  readonly proposedMs: number;
  /** Who approved or rejected it, and why; empty = nobody yet, or the rule. */
  readonly decidedBy: string;
  readonly decisionReason: string;
  /** 0 = it is not decided. */
  readonly decidedMs: number;
  /** Of what the rule excluded: the first instant at which no appeal is taken any more. 0 = there is none to take. */
  readonly appealEndsMs: number;
}

export interface ExclusionsPage {
  readonly exclusions: readonly Exclusion[];
  /** Null = this is the last page. */
  readonly nextCursor: string | null;
}

/** What has become of a record. `dropped`: by its citizen's wallet; `unknown`: nothing of it is kept. */
export const RECORD_STATES = [
  'unknown',
  'asked',
  'counted',
  'dropped',
  'pending',
  'applied',
  'parked',
  'discarded',
  'expired',
] as const;
export type RecordState = (typeof RECORD_STATES)[number];

/** A guard of domain 3.3 that says no, with what it looked at. */
export interface FailedGuard {
  readonly code: RefusalName;
  /** Of the record. */
  readonly day: string;
  /** RECORD_IN_FUTURE, NO_AWARD_PERIOD: the day of its reception. */
  readonly receivedDay?: string;
  /** INSTRUMENT_NOT_COVERED: none of these covers the day. */
  readonly activations?: readonly ActivationView[];
  /** TERMS_NOT_COVERED: null = the citizen is not enrolled. */
  readonly termsMs?: number | null;
  /** NO_AWARD_PERIOD: the last day of grace of the period that the day is in; null = it is in none. */
  readonly acceptedUntilDay?: string | null;
}

/** Why a record counts or does not. For operators: it says whose it is. */
export interface RecordFate {
  readonly state: RecordState;
  /** As it was taken; null of an unknown one. Any other row with this key is a DUPLICATE_RECORD. */
  readonly record: TransactionRecord | null;
  readonly receivedMs: number | null;
  /** Why a reversal was parked; EXCLUDED of a payment that does not count at present. */
  readonly code: RefusalName | null;
  /** Whose it is, or whom its day would make it: null = nobody's. */
  readonly citizen: CitizenKey | null;
  /** That citizen has left since: with the enrolment all that it counted went. */
  readonly hasLeft: boolean;
  readonly awardPeriodId: number | null;
  readonly scoreCents: number;
  /** What reversals have left of a payment. */
  readonly leftCents: number;
  /** Until when a reversal waits, or waited, for its payment. */
  readonly expiresMs: number | null;
  /** An applied reversal that a later payment made ambiguous. */
  readonly isFlagged: boolean;
  /** Of a payment the reversals applied to it; of a reversal the payments that it is or may be about; a page of them. */
  readonly related: readonly TransactionRecord[];
  /** What an operator decided; null = nothing. */
  readonly resolved: ReversalResolved | null;
  /** Of what was dropped or is unknown: which guards say no now, to a record received when this one was, or now. */
  readonly guards: readonly FailedGuard[];
}

/**
 * The few immutable fields kept as the answer of a command, by kind:
 * enrol `{termsMs, optInStatus}`; leave `{}`; setIban `{validationStatus}`; addMethod `{hpan}`; removeMethod `{}`;
 * setFavourite `{}`; enableCashback `{activationMs}`; disableCashback `{}`; enableAll `{enabled, refused}` (lists of hpan).
 */
export interface Answer {
  readonly termsMs?: number;
  readonly optInStatus?: OptInStatus;
  readonly validationStatus?: IbanCheckStatus;
  readonly hpan?: Hpan;
  readonly activationMs?: number;
  readonly enabled?: readonly Hpan[];
  readonly refused?: readonly Hpan[];
}

/** Where a change stands in its partition's journal; a later read can ask for at least this. */
export interface Position {
  readonly partition: number;
  readonly sequence: number;
}

export interface Done {
  readonly ok: true;
  readonly answer: Answer;
  readonly position: Position;
  /** True when this id had been done before: one effect, the same answer. */
  readonly repeated: boolean;
}

export interface Refused {
  readonly ok: false;
  readonly code: RefusalName;
  /** When it makes sense to come back; absent when it never does. */
  readonly retryAtMs?: number;
  /** The field at fault, or what else a person needs; never personal data. */
  readonly detail?: string;
}

export type CommandReply = Done | Refused;

/** Answer to "what became of my command?" (promise 8). A refusal leaves no trace: `not-done`. */
export type CommandOutcome =
  /** `command` is what was asked; null: it was done before this was remembered. */
  | { readonly state: 'done'; readonly command: WalletCommandKind | null; readonly answer: Answer }
  | { readonly state: 'in-progress' }
  | { readonly state: 'not-done' };

export const IBAN_CHECK_STATUSES = ['OK', 'KO', 'UNKNOWN_PSP'] as const;
export type IbanCheckStatus = (typeof IBAN_CHECK_STATUSES)[number];

// Views: what can be read. All from flushed state.

export interface MethodView {
  readonly hpan: Hpan;
  /** Null for an instrument that was enabled without being listed in the wallet. */
  readonly details: MethodDetails | null;
  readonly cashback: 'off' | 'enabling' | 'enabled' | 'disabling';
  readonly activationMs: number | null;
  readonly deactivationMs: number | null;
  readonly channel: string;
}

export interface WalletView {
  readonly enabled: boolean;
  readonly termsMs: number;
  readonly cancellationMs: number | null;
  readonly optInStatus: OptInStatus;
  readonly iban: string | null;
  /** `KO` without an IBAN: the bank service said later that the account is not the citizen's, and it is kept no more. */
  readonly ibanCheckStatus: IbanCheckStatus | null;
  /** Null = the account is the citizen's own. */
  readonly technicalAccountHolder: string | null;
  readonly issuerCardId: string | null;
  readonly methods: readonly MethodView[];
  /** The listed method that the citizen pays with by preference; null = none. */
  readonly favourite: Hpan | null;
  readonly position: Position;
}

export interface InstrumentView {
  readonly hpan: Hpan;
  readonly status: 'ACTIVE' | 'INACTIVE';
  readonly activationMs: number;
  readonly deactivationMs: number | null;
}

/** One stretch of time in which somebody had an instrument enabled (domain 2.2). */
export interface ActivationView {
  readonly citizen: CitizenKey;
  readonly channel: string;
  readonly activationMs: number;
  readonly deactivationMs: number | null;
}

/** An active card, and the activation that makes it one. */
export interface AccountCard extends Pick<ActivationView, 'citizen' | 'channel' | 'activationMs'> {
  readonly hpan: Hpan;
}

export interface PaymentView {
  readonly idTrx: string;
  readonly hpan: Hpan;
  readonly idTrxAcquirer: string;
  readonly idTrxIssuer: string;
  readonly circuitType: string;
  readonly operationType: string;
  readonly trxMs: number;
  /** Signed: a reversal is negative. */
  readonly amountCents: number;
  readonly cashbackCents: number;
  readonly awardPeriodId: number;
}

export interface PaymentsPage {
  /** Newest first by instant, then by insertion (later first). */
  readonly payments: readonly PaymentView[];
  readonly nextCursor: number | null;
}

export interface DayCount {
  readonly day: string;
  readonly count: number;
}

export interface TotalView {
  readonly awardPeriodId: number;
  /** Floored at zero and capped (domain 4.2, DECISION 20). */
  readonly shownCents: number;
  /** Uncapped, signed. */
  readonly rawCents: number;
  /** Zero below the minimum number of payments. */
  readonly payableCents: number;
  readonly transactionNumber: number;
}

export interface MilestonesView {
  readonly idTrxPivot: string | null;
  readonly cashbackNormCents: number | null;
  readonly idTrxMinTransactionNumber: string | null;
}

export interface RankingView {
  readonly awardPeriodId: number;
  /** From 1; participants + 1 for who takes no part. */
  readonly ranking: number;
  readonly takesPart: boolean;
  readonly transactionNumber: number;
  readonly maxTransactionNumber: number;
  readonly minTransactionNumber: number;
  readonly totalParticipants: number;
  readonly minPosition: number;
  /** True when the citizen would win the Super Cashback as things stand (domain 5.4). */
  readonly wouldWin: boolean;
  readonly jackpotCents: number;
  readonly updateMs: number;
}

export interface RankingEntry {
  readonly rank: number;
  readonly citizen: CitizenKey;
  readonly transactionNumber: number;
  readonly lastTrxMs: number;
}

// Payout (domain 2.8, 3.5).

/** Nine digits in the files for the bank. */
export const PAYOUT_ID_MAX = 999_999_999;

/** `WIP`: in a file that is being written. `INTEGRATION`: paid by Consap after a complaint, recorded only. */
export const PAYOUT_STATUSES = ['NEW', 'WIP', 'SENT', 'RECOVERY', 'INTEGRATION'] as const;
export type PayoutStatus = (typeof PAYOUT_STATUSES)[number];

export const PAYOUT_RESULTS = ['ORDINE ESEGUITO', 'KO', 'PRESA IN CARICO RIGETTATO'] as const;
export type PayoutResult = (typeof PAYOUT_RESULTS)[number];

/** What the bank says of a transfer. */
export interface PayoutOutcome {
  readonly result: PayoutResult;
  readonly reason: string;
  readonly cro: string;
  /** `YYYY-MM-DD`, or empty. */
  readonly executionDay: string;
}

/** Where the money goes. */
export interface PayoutAccount {
  readonly iban: string;
  readonly accountHolderCF: string;
  readonly accountHolderName: string;
  readonly accountHolderSurname: string;
  readonly checkStatus: IbanCheckStatus;
  /** Null = the account is the citizen's own. */
  readonly technicalAccountHolder: string | null;
  readonly issuerCardId: string | null;
}

/** A payout record as operators and the files for the bank see it: personal data, for nobody else. */
export interface PayoutView {
  readonly id: number;
  readonly citizen: CitizenKey;
  /** Empty where the citizen's key is gone. */
  readonly taxCode: string;
  readonly awardPeriodId: number;
  readonly cashbackCents: number;
  readonly jackpotCents: number;
  /** Null = nobody has said where the money goes, or the citizen's key is gone. */
  readonly account: PayoutAccount | null;
  readonly status: PayoutStatus;
  /** False = the citizen left before it was sent. */
  readonly isEnabled: boolean;
  /** Of the file that it is in; null = none. */
  readonly fileNumber: number | null;
  readonly outcome: PayoutOutcome | null;
  /** The failed record that it corrects. */
  readonly relatedId: number | null;
  readonly ticketId: string | null;
  readonly consapId: string | null;
  /** Of the last change, and later than of the one before: two states of a record never have the same. */
  readonly updateMs: number;
}

export interface PayoutsPage {
  /** May be none, though more follow. */
  readonly payouts: readonly PayoutView[];
  /** Null = this is the last page. */
  readonly nextCursor: string | null;
}

export const PAYOUT_FILE_STATES = ['writing', 'delivered', 'restored'] as const;

/** A file for the bank. While it is being written, its records are `WIP`. */
export interface PayoutFile {
  /** From 1. */
  readonly fileNumber: number;
  readonly awardPeriodId: number;
  readonly name: string;
  readonly rowCount: number;
  readonly totalCents: number;
  /** SHA-256, 64 hex digits; empty until it is delivered. */
  readonly checksum: string;
  readonly state: (typeof PAYOUT_FILE_STATES)[number];
  readonly atMs: number;
}

/** What is to become of a payout record. Asked twice, each has one effect. */
export type PayoutChange =
  /** `updateMs`: of the record as it was read for the file. */
  | { readonly kind: 'export'; readonly id: number; readonly fileNumber: number; readonly updateMs: number }
  | { readonly kind: 'deliver'; readonly id: number; readonly fileNumber: number }
  | {
      readonly kind: 'restore';
      readonly id: number;
      readonly fileNumber: number;
      readonly status: 'NEW' | 'RECOVERY' | 'SENT';
    }
  | { readonly kind: 'outcome'; readonly id: number; readonly outcome: PayoutOutcome };

export type PayoutReply =
  /** `successorId`: the record that a failed one is sent again by; null = none. */
  { readonly ok: true; readonly successorId: number | null } | Refused;

/** What Consap paid after a complaint (domain 2.8, complaint payments file). */
export interface PayoutIntegration {
  readonly citizen: CitizenKey;
  readonly awardPeriodId: number;
  readonly account: Omit<PayoutAccount, 'checkStatus' | 'technicalAccountHolder' | 'issuerCardId'>;
  readonly cashbackCents: number;
  readonly jackpotCents: number;
  readonly outcome: PayoutOutcome;
  readonly consapId: string;
  readonly ticketId: string;
  /** The record that the complaint was about; null = there is none. */
  readonly relatedId: number | null;
}

/** What an order made, once all partitions have carried it out. */
export interface PayoutsMade {
  readonly awardPeriodId: number;
  readonly orderNumber: number;
  readonly recordCount: number;
  readonly totalCents: number;
  /** What was due and what there was, where that was less (DECISION 9). */
  readonly cut: { readonly fundsCents: number; readonly totalCents: number } | null;
}

// Notices (domain 2.9).

/** What a citizen is told. Transfers to an issuer's own account are told in other words, not as another kind. */
export const NOTICE_KINDS = [
  'missingIban',
  'endOfPeriod',
  'refund',
  'refundAndPrize',
  'noRefund',
  'transferExecuted',
  'transferFailed',
  'anomalous',
] as const;
export type NoticeKind = (typeof NOTICE_KINDS)[number];

/** What is told to many citizens at once, each of them once in a period. */
export const NOTICE_RUN_KINDS = ['missingIban', 'endOfPeriod', 'final'] as const;
export type NoticeRunKind = (typeof NOTICE_RUN_KINDS)[number];

/** Names nobody: the words are found when it is delivered. */
export interface NoticeContent {
  readonly kind: NoticeKind;
  readonly awardPeriodId: number;
  /** As shown: never above the cap of the period. */
  readonly cashbackCents: number;
  readonly jackpotCents: number;
}

export const NOTICE_STATES = ['due', 'failed', 'delivered', 'withdrawn'] as const;

/** `due`: waits for its instant. `failed`: given up, for operators to see. `withdrawn`: it concerned nobody any more. */
export type NoticeState = (typeof NOTICE_STATES)[number];
export const LISTED_NOTICE_STATES = ['due', 'failed'] as const;
export type ListedNoticeState = (typeof LISTED_NOTICE_STATES)[number];

export interface Notice extends NoticeContent {
  /** Says what it is about and to whom: no two notices share one, so that nobody is told anything twice. */
  readonly id: string;
  readonly citizen: CitizenKey;
  /** The record whose transfer it is about; 0 = none. */
  readonly payoutId: number;
  readonly state: NoticeState;
  /** Deliveries that failed. */
  readonly attempts: number;
  /** Not delivered before this instant. */
  readonly dueMs: number;
  /** Instant of the last change. */
  readonly atMs: number;
}

export interface NoticesPage {
  readonly notices: readonly Notice[];
  /** Null = this is the last page. */
  readonly nextCursor: string | null;
}

/** What became of a delivery. `later`: the receiver was busy, which is no failure. */
export type NoticeResult =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'withdrawn' }
  | { readonly kind: 'later'; readonly laterMs: number };

/** Of the notice as it was read: one that is no longer due at that instant has been dealt with. */
export type NoticeChange = NoticeResult & Pick<Notice, 'id' | 'citizen' | 'dueMs'>;

/** What a run has queued by now, in all partitions. */
export interface NoticesQueued {
  readonly run: NoticeRunKind;
  readonly awardPeriodId: number;
  readonly noticeCount: number;
}

// Accounts that nobody could verify (domain 2.1, R13).

/** What the bank service says of an account when it is asked again. `INVALID`: there is none with this IBAN. */
export const RECHECK_VERDICTS = ['OK', 'KO', 'INVALID', 'UNKNOWN_PSP'] as const;
export type RecheckVerdict = (typeof RECHECK_VERDICTS)[number];

/** An account that was stored unverified, and when the bank service is to be asked about it again. */
export interface UnverifiedAccount {
  readonly citizen: CitizenKey;
  readonly dueMs: number;
  /** How often it has been asked again so far. */
  readonly attempts: number;
}

/** Of the account as it was read: one that is no longer due at that instant was replaced, or dealt with, meanwhile. */
export interface AccountRecheck {
  readonly citizen: CitizenKey;
  readonly dueMs: number;
  readonly verdict: RecheckVerdict;
}

export const PERIOD_STATUSES = ['INACTIVE', 'ACTIVE', 'WAITING', 'CLOSED'] as const;
export type PeriodStatus = (typeof PERIOD_STATUSES)[number];

/** Domain 2.6. Amounts in cents; days inclusive. */
export interface PeriodParameters {
  readonly awardPeriodId: number;
  readonly name: string;
  readonly startDay: string;
  readonly endDay: string;
  readonly graceDays: number;
  readonly minTransactionNumber: number;
  readonly cashbackPercent: number;
  readonly maxTransactionEvaluatedCents: number;
  readonly maxTransactionCashbackCents: number;
  readonly maxPeriodCashbackCents: number;
  /** Last winning rank of the Super Cashback; 0 = there is none. */
  readonly minPosition: number;
  readonly jackpotCents: number;
  /** A suspended period is unknown to everybody (3.4, DECISION 40). */
  readonly isSuspended: boolean;
}

/**
 * The rule on split purchases (domain 5.6): of a citizen's payments of trifling amount at one merchant on one day all but
 * the first stop counting, as soon as there are so many.
 */
export interface AbuseRule {
  /** Of the first payments that are judged, `YYYY-MM-DD`. */
  readonly firstDay: string;
  /** What is trifling: at most this. */
  readonly amountCentsMax: number;
  /** From so many on. */
  readonly paymentsMin: number;
  /** Days after the one on which a payment stopped counting. */
  readonly appealDays: number;
}

/** The law as data: checked, hashed, journaled when a folder is made. */
export interface Programme {
  readonly name: string;
  /** The platform salt of the hpan (domain 2.2). */
  readonly panSalt: string;
  readonly periods: readonly PeriodParameters[];
  /** Circuits (two digits) that only the named senders (ABI) may send (DECISION 15); others are free. */
  readonly circuitSenders: Readonly<Record<string, readonly string[]>>;
  /** Absent: nothing is judged. */
  readonly abuseRule?: AbuseRule | undefined;
}

/** What operators decide about periods (domain 3.4). `replace`: a newer version of the whole programme. */
export const PERIOD_DECISION_KINDS = ['suspend', 'resume', 'replace', 'reopen', 'close'] as const;
export type PeriodDecisionKind = (typeof PERIOD_DECISION_KINDS)[number];

/** Acquirer files that a period is opened again for: every acquirer's, one a day, for three months. */
export const REOPENED_FILES_MAX = 1_000;

/** What an operator asks. Asked twice it has one effect. */
export interface PeriodOrder {
  readonly kind: PeriodDecisionKind;
  /** 0 of `replace`. */
  readonly awardPeriodId: number;
  /** `reopen`: names of the acquirer files whose rows are taken; empty of the others. */
  readonly files: readonly string[];
  /** `reopen`: rows received from this instant on are not; 0 of the others. */
  readonly untilMs: number;
  /** `replace`: the newer version as JSON; empty of the others. */
  readonly programme: string;
  /** Name of the operator, and why: 1 to RESOLUTION_REASON_MAX characters that name nobody. */
  readonly operator: string;
  readonly reason: string;
}

export interface PeriodDecision extends Omit<PeriodOrder, 'programme'> {
  /** Of all decisions, from 1. */
  readonly number: number;
  readonly atMs: number;
  /** The version of the programme that it put an end to, in canonical form; empty where it put an end to none. */
  readonly replaced: string;
}

/** A period as operators see it: suspended ones too. */
export interface PeriodDetail extends PeriodParameters {
  readonly status: PeriodStatus;
  /** Until when a closed period takes rows of named files; null: it does not. */
  readonly reopenedUntilMs: number | null;
  /** About this period, oldest first. */
  readonly decisions: readonly PeriodDecision[];
}

/**
 * One table of refusals. The wire carries the NAME; `number` is for logs and metrics. Append, never reuse.
 * `programmeCode` is the real programme's own code (domain 6.4).
 */
export const REFUSALS = {
  CITIZEN_NOT_FOUND: {
    number: 1,
    status: 404,
    programmeCode: 'user.not-found.error',
    text: 'This citizen never enrolled.',
    testo: 'Cittadino mai iscritto.',
  },
  CITIZEN_NOT_ENABLED: {
    number: 2,
    status: 400,
    programmeCode: 'resource.not-enabled.error',
    text: 'The citizen is not enrolled now: enrol first.',
    testo: 'Cittadino non iscritto: occorre prima aderire.',
  },
  INSTRUMENT_NOT_FOUND: {
    number: 3,
    status: 404,
    programmeCode: 'resource.not-found.error',
    text: 'This payment instrument is not known.',
    testo: 'Strumento di pagamento sconosciuto.',
  },
  INSTRUMENT_TAKEN: {
    number: 4,
    status: 409,
    programmeCode: 'hpan already exists',
    text: 'Someone else has cashback active on this instrument.',
    testo: 'Il cashback su questo strumento è attivo per un’altra persona.',
  },
  INSTRUMENT_NOT_YOURS: {
    number: 5,
    status: 409,
    programmeCode: 'hpan already exists',
    text: 'This instrument belongs to someone else.',
    testo: 'Questo strumento appartiene a un’altra persona.',
  },
  IBAN_INVALID: {
    number: 6,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'The IBAN is not correct.',
    testo: 'L’IBAN non è corretto.',
  },
  TAX_CODE_INVALID: {
    number: 7,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'The tax code is not correct.',
    testo: 'Il codice fiscale non è corretto.',
  },
  METHOD_NOT_FOUND: {
    number: 8,
    status: 404,
    programmeCode: 'resource.not-found.error',
    text: 'This method is not in the wallet.',
    testo: 'Il metodo non è nel portafoglio.',
  },
  TOO_MANY_METHODS: {
    number: 9,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'The wallet is full.',
    testo: 'Il portafoglio è pieno.',
  },
  PERIOD_NOT_FOUND: {
    number: 10,
    status: 404,
    programmeCode: 'resource.not-found.error',
    text: 'This award period is not known.',
    testo: 'Periodo sconosciuto.',
  },
  ID_REUSED: {
    number: 11,
    status: 409,
    programmeCode: 'generic.error',
    text: 'This command id was used with another body.',
    testo: 'Identificativo già usato con un altro contenuto.',
  },
  TOO_MANY_CHANNELS: {
    number: 12,
    status: 400,
    programmeCode: 'too many channels',
    text: 'The citizen has cashback active through another channel: only the app may end it all.',
    testo: 'Cashback attivo anche tramite altri canali: il recesso è possibile solo da app.',
  },
  COMMAND_SET_ASIDE: {
    number: 13,
    status: 422,
    programmeCode: 'generic.error',
    text: 'This command has stopped the engine twice and was set aside: an operator will look at it.',
    testo: 'Questa richiesta ha fermato due volte il servizio ed è stata accantonata: la esaminerà un operatore.',
  },
  CARD_REFUSED: {
    number: 14,
    status: 422,
    programmeCode: 'generic.error',
    text: 'The bank refused the verification charge: the card is not in the wallet any more.',
    testo: 'La banca ha rifiutato l’addebito di verifica: la carta non è più nel portafoglio.',
  },
  BAD_FRAME: {
    number: 20,
    status: 400,
    programmeCode: 'generic.error',
    text: 'This is not a message of the protocol.',
    testo: 'Messaggio non valido.',
  },
  UNKNOWN_COMMAND: {
    number: 21,
    status: 400,
    programmeCode: 'generic.error',
    text: 'There is no such command.',
    testo: 'Comando sconosciuto.',
  },
  FIELD_INVALID: {
    number: 22,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'A field is missing or has a wrong form.',
    testo: 'Un campo manca o non è corretto.',
  },
  TOO_LARGE: {
    number: 23,
    status: 413,
    programmeCode: 'generic.error',
    text: 'The message is too large.',
    testo: 'Messaggio troppo grande.',
  },
  UNAUTHENTICATED: {
    number: 24,
    status: 401,
    programmeCode: 'generic.error',
    text: 'No valid token.',
    testo: 'Accesso non valido.',
  },
  TOKEN_EXPIRED: {
    number: 25,
    status: 401,
    programmeCode: 'generic.error',
    text: 'The token has expired.',
    testo: 'Accesso scaduto.',
  },
  FORBIDDEN: {
    number: 26,
    status: 403,
    programmeCode: 'generic.error',
    text: 'This role may not do that.',
    testo: 'Operazione non consentita.',
  },
  NOT_FOUND: {
    number: 27,
    status: 404,
    programmeCode: 'resource.not-found.error',
    text: 'There is nothing at this address.',
    testo: 'Risorsa inesistente.',
  },
  METHOD_NOT_ALLOWED: {
    number: 28,
    status: 405,
    programmeCode: 'generic.error',
    text: 'This address does not take that method.',
    testo: 'Metodo non consentito.',
  },
  OVERLOADED: {
    number: 30,
    status: 429,
    programmeCode: 'generic.error',
    text: 'Too busy just now: come back at the time given.',
    testo: 'Troppe richieste: riprova all’ora indicata.',
  },
  DRAINING: {
    number: 31,
    status: 503,
    programmeCode: 'generic.error',
    text: 'The server is stopping: reconnect.',
    testo: 'Il servizio si sta riavviando.',
  },
  CLOCK_NOT_SETTABLE: {
    number: 32,
    status: 409,
    programmeCode: 'generic.error',
    text: 'Only a server started with --now lets its clock be set.',
    testo: 'L’orologio non può essere impostato.',
  },
  CLOCK_BACKWARDS: {
    number: 33,
    status: 409,
    programmeCode: 'generic.error',
    text: 'The clock never goes back.',
    testo: 'L’orologio non torna indietro.',
  },
  INTERNAL_ERROR: {
    number: 34,
    status: 500,
    programmeCode: 'generic.error',
    text: 'Something went wrong on our side: try again.',
    testo: 'Errore del servizio: riprova.',
  },
  CONTENT_TYPE_INVALID: {
    number: 35,
    status: 415,
    programmeCode: 'generic.error',
    text: 'This address does not read that kind of content.',
    testo: 'Tipo di contenuto non ammesso.',
  },
  STORAGE_FULL: {
    number: 36,
    status: 507,
    programmeCode: 'generic.error',
    text: 'There is no room for changes just now, reads go on: come back at the time given.',
    testo: 'Spazio esaurito, modifiche sospese: riprova all’ora indicata.',
  },
  PARTNER_UNAVAILABLE: {
    number: 37,
    status: 504,
    programmeCode: 'generic.error',
    text: 'A third party that this needs does not answer now: try again.',
    testo: 'Un servizio esterno non risponde: riprova.',
  },
  FEATURE_OFF: {
    number: 38,
    status: 403,
    programmeCode: 'generic.error',
    text: 'This is not available in this version of the app.',
    testo: 'Funzione non disponibile in questa versione dell’app.',
  },
  /** The status that app stores' clients know. It asks for no other protocol, so there is no `Upgrade` with it. */
  CLIENT_TOO_OLD: {
    number: 39,
    status: 426,
    programmeCode: 'generic.error',
    text: 'This version of the app is too old for that: update it to go on.',
    testo: 'Questa versione dell’app è troppo vecchia: per continuare occorre aggiornarla.',
  },
  // Rows of acquirers (domain 3.3, 9 and the DECISIONS named).
  INSTRUMENT_NOT_COVERED: {
    number: 40,
    status: 400,
    programmeCode: 'resource.not-enabled.error',
    text: 'No activation of this instrument covers the day.',
    testo: 'Strumento non attivo in quel giorno.',
  },
  TERMS_NOT_COVERED: {
    number: 41,
    status: 400,
    programmeCode: 'resource.not-enabled.error',
    text: 'The citizen was not enrolled before this transaction.',
    testo: 'Cittadino non iscritto prima della transazione.',
  },
  NO_AWARD_PERIOD: {
    number: 42,
    status: 400,
    programmeCode: 'resource.not-found.error',
    text: 'No award period accepts this transaction now.',
    testo: 'Nessun periodo accetta la transazione.',
  },
  DUPLICATE_RECORD: {
    number: 43,
    status: 409,
    programmeCode: 'resource.exists.error',
    text: 'A record with this key is already stored.',
    testo: 'Transazione già registrata.',
  },
  RECORD_IN_FUTURE: {
    number: 44,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'The transaction is dated after today.',
    testo: 'Transazione con data futura.',
  },
  REVERSAL_AMBIGUOUS: {
    number: 45,
    status: 200,
    programmeCode: 'generic.error',
    text: 'Several payments match: an operator decides.',
    testo: 'Più pagamenti corrispondono.',
  },
  REVERSAL_EXCEEDS: {
    number: 46,
    status: 200,
    programmeCode: 'generic.error',
    text: 'More than is left of the payment: an operator decides.',
    testo: 'Importo superiore al residuo.',
  },
  WRONG_COLUMNS: {
    number: 50,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'The row has another number of columns: acquirers send 15 or 16, of device tokens 2, of a bank outcomes have 5 and complaint payments 16.',
    testo: 'Numero di colonne errato: 15 o 16 dagli acquirer, 2 per i token, 5 per gli esiti e 16 per le integrazioni.',
  },
  AMOUNT_INVALID: {
    number: 51,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'The amount is 1 to 10 digits of cents, more than zero.',
    testo: 'Importo non valido.',
  },
  CURRENCY_INVALID: {
    number: 52,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'Only euro (978) is accepted.',
    testo: 'Valuta non ammessa.',
  },
  DATE_INVALID: {
    number: 53,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'The date is ISO-8601 with an offset.',
    testo: 'Data non valida.',
  },
  CATEGORY_EXCLUDED: {
    number: 54,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'Cash withdrawals (MCC 6010, 6011) do not take part.',
    testo: 'Categoria esclusa.',
  },
  SENDER_NOT_ALLOWED: {
    number: 55,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'Only the circuit itself sends these records, under its own code.',
    testo: 'Mittente non ammesso.',
  },
  ENCODING_INVALID: {
    number: 56,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'The text is not UTF-8.',
    testo: 'Codifica non valida.',
  },
  FILE_NAME_INVALID: {
    number: 57,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'A file is named CSTAR.<ABI>.TRNLOG.<date>.<time>.<number>.csv, or TKM.<ABI>.TKNLST.…, or the same with .pgp.',
    testo: 'Nome del file non valido.',
  },
  // What is encrypted on its way (domain 1, 6.2, 9).
  PGP_NOT_CONFIGURED: {
    number: 60,
    status: 415,
    programmeCode: 'generic.error',
    text: 'Nothing encrypted is taken here: this server has no PGP key.',
    testo: 'Contenuto cifrato non ammesso: il servizio non ha una chiave PGP.',
  },
  PGP_REQUIRED: {
    number: 61,
    status: 415,
    programmeCode: 'generic.error',
    text: 'This is taken only when it is encrypted with the PGP key of the platform.',
    testo: 'È ammesso solo se cifrato con la chiave PGP della piattaforma.',
  },
  PGP_INVALID: {
    number: 62,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'This is no PGP message, or was cut or changed on its way: nothing of it was taken.',
    testo: 'Non è un messaggio PGP, o è stato troncato o alterato: nulla è stato acquisito.',
  },
  PGP_OTHER_KEY: {
    number: 63,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'This is encrypted for another PGP key than the one of the platform.',
    testo: 'È cifrato per una chiave PGP diversa da quella della piattaforma.',
  },
  FORMAT_KEPT: {
    number: 64,
    status: 409,
    programmeCode: 'generic.error',
    text: 'The data folder keeps an older format, which has no words for this: start without --keep-format.',
    testo: 'La cartella dati mantiene un formato precedente: riavviare senza --keep-format.',
  },
  // Payout (domain 3.5).
  PAYOUT_NOT_FOUND: {
    number: 70,
    status: 404,
    programmeCode: 'resource.not-found.error',
    text: 'There is no payout record with this id.',
    testo: 'Nessun pagamento con questo identificativo.',
  },
  PAYOUT_NOT_EXPORTABLE: {
    number: 71,
    status: 409,
    programmeCode: 'generic.error',
    text: 'This record is not to be sent: it was sent before, lacks an IBAN, or its citizen has left.',
    testo: 'Pagamento non esportabile.',
  },
  PAYOUT_IN_OTHER_FILE: {
    number: 72,
    status: 409,
    programmeCode: 'generic.error',
    text: 'This record is not in that file.',
    testo: 'Il pagamento non è in quel file.',
  },
  PAYOUT_NOT_SENT: {
    number: 73,
    status: 409,
    programmeCode: 'generic.error',
    text: 'This record was not sent: there can be no outcome.',
    testo: 'Pagamento non ancora inviato.',
  },
  PAYOUT_DECIDED: {
    number: 74,
    status: 409,
    programmeCode: 'resource.exists.error',
    text: 'This record has another outcome already.',
    testo: 'Pagamento già con un altro esito.',
  },
  PAYOUT_INTEGRATED: {
    number: 75,
    status: 409,
    programmeCode: 'resource.exists.error',
    text: 'What Consap paid under these numbers is recorded already.',
    testo: 'Integrazione già registrata.',
  },
  PERIOD_NOT_FROZEN: {
    number: 76,
    status: 409,
    programmeCode: 'generic.error',
    text: 'The ranking of this period is not final yet.',
    testo: 'La classifica del periodo non è ancora definitiva.',
  },
  PAYOUT_FOLDER_MISSING: {
    number: 77,
    status: 409,
    programmeCode: 'generic.error',
    text: 'No folder for payout files is configured: start the server with --payout-folder.',
    testo: 'Nessuna cartella configurata per i file di pagamento.',
  },
  PAYOUT_FILE_NOT_FOUND: {
    number: 78,
    status: 404,
    programmeCode: 'resource.not-found.error',
    text: 'No unfinished payout file of this period has this name.',
    testo: 'Nessun file di pagamento in sospeso con questo nome.',
  },
  PAYOUT_CHANGED: {
    number: 79,
    status: 409,
    programmeCode: 'generic.error',
    text: 'This record has changed since it was read: read it again.',
    testo: 'Pagamento modificato dopo la lettura.',
  },
  // What operators make of reversals (domain 3.3b).
  REVERSAL_NOT_FOUND: {
    number: 90,
    status: 404,
    programmeCode: 'resource.not-found.error',
    text: 'This card has no reversal with this key.',
    testo: 'Nessuno storno con questa chiave.',
  },
  REVERSAL_EXPIRED: {
    number: 91,
    status: 409,
    programmeCode: 'generic.error',
    text: 'This reversal has waited for its month: nothing more can be made of it.',
    testo: 'Storno scaduto.',
  },
  REVERSAL_RESOLVED: {
    number: 92,
    status: 409,
    programmeCode: 'resource.exists.error',
    text: 'This reversal was resolved in another way.',
    testo: 'Storno già risolto in altro modo.',
  },
  REVERSAL_NOT_RESOLVABLE: {
    number: 93,
    status: 409,
    programmeCode: 'generic.error',
    text: 'Only a parked reversal is applied or discarded, and only a flagged one is kept.',
    testo: 'Lo storno non ammette questa decisione.',
  },
  PAYMENT_NOT_FOUND: {
    number: 94,
    status: 404,
    programmeCode: 'resource.not-found.error',
    text: 'There is no counted payment with this key, or not in the period that is asked about.',
    testo: 'Nessun pagamento conteggiato con questa chiave.',
  },
  PAYMENT_OWNER_LEFT: {
    number: 95,
    status: 409,
    programmeCode: 'generic.error',
    text: 'Who owned that payment has left: there is nothing to take back, and the reversal stays parked.',
    testo: 'Il titolare del pagamento ha receduto: lo storno resta sospeso.',
  },
  PAYMENT_EXCEEDED: {
    number: 96,
    status: 409,
    programmeCode: 'generic.error',
    text: 'Less is left of that payment than the reversal takes back.',
    testo: 'Importo superiore al residuo del pagamento.',
  },
  PERIOD_CLOSED: {
    number: 97,
    status: 409,
    programmeCode: 'generic.error',
    text: 'The period has closed: its figures are final.',
    testo: 'Il periodo è chiuso: gli importi sono definitivi.',
  },
  // Bad lines of files, and what operators make of them.
  ERROR_NOT_FOUND: {
    number: 105,
    status: 404,
    programmeCode: 'resource.not-found.error',
    text: 'No bad line is kept under this id.',
    testo: 'Nessuna riga scartata con questo identificativo.',
  },
  ERROR_CLOSED: {
    number: 106,
    status: 409,
    programmeCode: 'generic.error',
    text: 'This line was taken in or dismissed before.',
    testo: 'Riga già acquisita o archiviata.',
  },
  ERROR_LINE_NEEDED: {
    number: 107,
    status: 400,
    programmeCode: 'resource.invalid.error',
    text: 'This line is not kept as it came, since it was too long or had a card number in it: submit a corrected one.',
    testo: 'La riga non è conservata com’era arrivata: inviare quella corretta.',
  },
  // What operators decide about periods (domain 3.4).
  PERIOD_BEGUN: {
    number: 110,
    status: 409,
    programmeCode: 'generic.error',
    text: 'This period has begun: it is neither suspended nor taken up again any more.',
    testo: 'Il periodo è iniziato: non può più essere sospeso né ripristinato.',
  },
  PERIOD_REOPENED: {
    number: 111,
    status: 409,
    programmeCode: 'generic.error',
    text: 'This period was opened again for late files: first it has to close.',
    testo: 'Il periodo è stato riaperto per file tardivi: occorre prima chiuderlo.',
  },
  PERIOD_PAID: {
    number: 112,
    status: 409,
    programmeCode: 'generic.error',
    text: 'Payout records of this period were made: what is missing is paid by complaint.',
    testo: 'I pagamenti del periodo sono già stati disposti: le differenze seguono la via del reclamo.',
  },
  PERIOD_NOT_REOPENED: {
    number: 113,
    status: 409,
    programmeCode: 'generic.error',
    text: 'This period is not open again: there is nothing to close.',
    testo: 'Il periodo non è stato riaperto: non c’è nulla da chiudere.',
  },
  PROGRAMME_REFUSED: {
    number: 114,
    status: 409,
    programmeCode: 'generic.error',
    text: 'A newer version of the programme changes only periods that have not begun.',
    testo: 'Una nuova versione del programma modifica solo periodi non ancora iniziati.',
  },
  // What is taken out of counting (domain 3.1, 5.6).
  EXCLUSION_NOT_FOUND: {
    number: 100,
    status: 404,
    programmeCode: 'resource.not-found.error',
    text: 'Nothing of that is excluded, or no proposal about it waits for a decision.',
    testo: 'Nessuna esclusione, o nessuna proposta in attesa.',
  },
  EXCLUSION_EXISTS: {
    number: 101,
    status: 409,
    programmeCode: 'resource.exists.error',
    text: 'It is excluded already, or another proposal about it waits for a decision.',
    testo: 'Già escluso, o un’altra proposta è in attesa.',
  },
  SECOND_PERSON_NEEDED: {
    number: 102,
    status: 403,
    programmeCode: 'generic.error',
    text: 'Who proposed it cannot decide about it: another operator has to.',
    testo: 'Chi ha proposto non può decidere: occorre un altro operatore.',
  },
  EXCLUDED: {
    number: 103,
    status: 403,
    programmeCode: 'resource.not-enabled.error',
    text: 'This is excluded from the programme until the exclusion is lifted.',
    testo: 'Escluso dal programma finché l’esclusione non viene revocata.',
  },
  APPEAL_OVER: {
    number: 104,
    status: 409,
    programmeCode: 'generic.error',
    text: 'The days in which an appeal could be made are over, or nothing here can be appealed against.',
    testo: 'Termini per il ricorso scaduti, o nessun ricorso possibile.',
  },
} as const;

export type RefusalName = keyof typeof REFUSALS;
