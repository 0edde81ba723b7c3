/** What a citizen's wallet is asked to change, and what is answered. */
import type { CitizenKey, CommandId, Hpan, Origin } from './keys.ts';
import type { RefusalName } from './refusals.ts';

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
