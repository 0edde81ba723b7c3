/** A citizen's wallet as it rests: immutable data. Its drafts change only by `applyWalletFact` (wallet-facts.ts). */
import type {
  Answer,
  CitizenKey,
  Hpan,
  IbanCheckStatus,
  MethodDetails,
  OptInStatus,
  RecheckVerdict,
  RefusalName,
  WalletCommandBody,
  WalletCommandKind,
} from '../contract.ts';
import type { Draft } from '../draft.ts';
import type { Standing } from '../facts.ts';

/** `excluded`: by the programme, which can be lifted. To everybody else it is as if the citizen had left. */
export type WalletStatus = 'none' | 'enabled' | 'disabled' | 'excluded';

export interface WalletMethod {
  readonly hpan: Hpan;
  /** Null: enabled without being listed. */
  readonly details: MethodDetails | null;
  readonly cashback: 'off' | 'enabling' | 'enabled' | 'disabling';
  readonly activationMs: number | null;
  readonly deactivationMs: number | null;
  readonly channel: string;
}

export interface Payoff {
  readonly checkStatus: IbanCheckStatus;
  /** `SealedPayoff` as JSON, sealed with the citizen's key. */
  readonly sealed: Uint8Array;
}

/** Of a payoff that nobody could verify. */
export interface Recheck {
  /** When the bank service is asked again. */
  readonly dueMs: number;
  /** How often it has been, in vain. */
  readonly attempts: number;
}

/** As the citizen or an issuer said it; the IBAN without blanks, in capitals. */
export interface SealedPayoff extends Omit<Extract<WalletCommandBody, { kind: 'setIban' }>, 'kind' | 'checkStatus'> {
  /** The citizen's own: whoever pays reads one seal, not two. Absent in what was sealed before there were payouts. */
  readonly taxCode?: string;
}

/** What a citizen has in one award period, under one enrolment. */
export interface PeriodTotals {
  readonly awardPeriodId: number;
  readonly enrolment: number;
  /** Terms of that enrolment: part of the standing, also when the citizen enrols anew later. */
  readonly termsMs: number;
  /** Uncapped, signed. */
  readonly rawCents: number;
  readonly count: number;
  /** Of the latest counted payment. A reversal never moves it. */
  readonly lastTrxMs: number;
  /** Lines ever listed in this period, for the order of insertion. */
  readonly insertions: number;
  /** Place of the line listed last: the chain of all of them begins there. */
  readonly latest: number;
  /** Where the ranking has the citizen, since late data counted after it was frozen; null = by these very numbers. */
  readonly frozen: FrozenPlace | null;
  /** Stands in the ranking. False where the citizen is excluded, and stays so in a period that was frozen meanwhile. */
  readonly isRanked: boolean;
}

/** Frozen positions stand (DECISION 25), whatever a period counts that was opened again. */
export interface FrozenPlace {
  /** Null = takes no part. */
  readonly standing: Standing | null;
}

/** A claim that its card granted. One of several cards ends in the wallet when all have answered (DECISION 38). */
export interface Granted {
  readonly hpan: Hpan;
  readonly activationMs: number;
}

/** A command that waits for card partitions: enabling, disabling, leaving. */
export interface Operation {
  /** Origin and command id; see `commandKey`. */
  readonly commandKey: string;
  readonly bodyHash: string;
  readonly kind: 'enableCashback' | 'enableAll' | 'disableCashback' | 'removeMethod' | 'leave';
  /** The instrument that the command named; of an activation with tokens, the card. Empty where it named none. */
  readonly hpan: Hpan;
  /** Hpans whose card has not answered; in the order in which they are asked. */
  readonly waiting: readonly Hpan[];
  /** Tokens not asked yet: of one activation, claimed one by one (DECISION 38). */
  readonly next: readonly Hpan[];
  readonly granted: readonly Granted[];
  readonly refused: readonly Hpan[];
  /** Set when the operation will end in a refusal; claims just granted are being taken back first. */
  readonly code: RefusalName | null;
  /** Requested deactivation, before clamping; null = the instant of the card's turn. */
  readonly cancellationMs: number | null;
  readonly channel: string;
}

/** What its row begins with: who it is, where money goes, and what for. */
export interface WalletHead {
  readonly citizen: CitizenKey;
  readonly status: WalletStatus;
  /** 0 = never; grows by one at each enrolment. */
  readonly enrolment: number;
  readonly termsMs: number;
  readonly cancellationMs: number | null;
  readonly optInStatus: OptInStatus;
  /** Slot of the citizen's key in the key file; -1 = none. */
  readonly slot: number;
  readonly sealedTaxCode: Uint8Array | null;
  readonly payoff: Payoff | null;
  /** Null = nobody need be asked, or it was set before this was kept. */
  readonly recheck: Recheck | null;
  /** Why there is no payoff any more; null = that is not why. */
  readonly payoffRefused: Extract<RecheckVerdict, 'KO' | 'INVALID'> | null;
  readonly methods: readonly WalletMethod[];
  /** One of those that are listed; null = none. */
  readonly favourite: Hpan | null;
  /** Every hpan claimed under the present enrolment, also when removed since: leaving tells them all. */
  readonly claimed: readonly Hpan[];
  readonly totals: readonly PeriodTotals[];
}

export interface Wallet extends WalletHead {
  readonly operations: readonly Operation[];
  /** The newest that are done, oldest first; see commands.ts. */
  readonly commands: readonly DoneCommand[];
  /** The latest id that went to a page; empty = none did. */
  readonly pagedTo: string;
  /** Instant of the last change. */
  readonly updatedMs: number;
}

/** One line of a citizen's list of transactions. */
export interface PaymentRow {
  /** See place.ts. */
  readonly place: number;
  /** Place of the citizen's line before it, of the same period and enrolment. */
  readonly previous: number;
  readonly awardPeriodId: number;
  readonly enrolment: number;
  readonly insertion: number;
  readonly hpan: Hpan;
  readonly acquirerCode: string;
  readonly acquirerId: string;
  readonly operationType: string;
  readonly circuitType: string;
  readonly idTrxAcquirer: string;
  readonly idTrxIssuer: string;
  readonly trxMs: number;
  /** Signed. */
  readonly amountCents: number;
  readonly cashbackCents: number;
  /** +1 a payment, -1 a full reversal, 0 a partial one. */
  readonly countDelta: number;
}

/** A command that is done: who sends it again gets the same answer (promise 2). */
export interface DoneCommand {
  readonly commandKey: string;
  readonly bodyHash: string;
  /** What was asked; null = it was done before this was kept. */
  readonly command: WalletCommandKind | null;
  readonly answer: Answer;
  /** The partition's sequence at which it was done. */
  readonly sequence: number;
}

/** In the order in which they were done; see commands.ts. */
export interface CommandPage {
  readonly commands: readonly DoneCommand[];
}

/** Domain 3.3: terms accepted strictly before. */
export function isBeforeTerms(
  { trxMs }: { readonly trxMs: number },
  { termsMs }: { readonly termsMs: number },
): boolean {
  return trxMs <= termsMs;
}

export function emptyWallet(citizen: CitizenKey): Draft<Wallet> {
  return {
    citizen,
    status: 'none',
    enrolment: 0,
    termsMs: 0,
    cancellationMs: null,
    optInStatus: 'NOREQ',
    slot: -1,
    sealedTaxCode: null,
    payoff: null,
    recheck: null,
    payoffRefused: null,
    methods: [],
    favourite: null,
    claimed: [],
    totals: [],
    operations: [],
    commands: [],
    pagedTo: '',
    updatedMs: 0,
  };
}

/** Field by field: the compiler makes one object of it, which it does not of a spread. */
export function draftOfWallet(wallet: Wallet): Draft<Wallet> {
  return {
    citizen: wallet.citizen,
    status: wallet.status,
    enrolment: wallet.enrolment,
    termsMs: wallet.termsMs,
    cancellationMs: wallet.cancellationMs,
    optInStatus: wallet.optInStatus,
    slot: wallet.slot,
    sealedTaxCode: wallet.sealedTaxCode,
    payoff: wallet.payoff,
    recheck: wallet.recheck,
    payoffRefused: wallet.payoffRefused,
    methods: wallet.methods,
    favourite: wallet.favourite,
    claimed: wallet.claimed,
    totals: wallet.totals,
    operations: wallet.operations,
    commands: wallet.commands,
    pagedTo: wallet.pagedTo,
    updatedMs: wallet.updatedMs,
  };
}
