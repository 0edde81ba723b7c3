/** What a wallet is told, and what it is told it with: the events and the context of its machine. */
import type {
  Hpan,
  IbanCheckStatus,
  PeriodParameters,
  RecheckVerdict,
  RefusalName,
  Role,
  TransactionRecord,
  WalletCommandBody,
  WalletCommandKind,
} from '../contract.ts';
import type { Decision } from '../decision.ts';
import type { Wallet } from './wallet.ts';

type Body<K extends WalletCommandKind> = Extract<WalletCommandBody, { kind: K }>;

/** Names one command: under which key its outcome is kept, and what its body was. */
export interface Asked {
  readonly commandKey: string;
  readonly bodyHash: string;
  readonly kind: WalletCommandKind;
  /** Absent of what goes on, and was judged when it began. */
  readonly role?: Role;
  readonly channel: string;
}

export type WalletEvent =
  | {
      readonly type: 'ENROL';
      readonly asked: Asked;
      readonly body: Body<'enrol'>;
      readonly identity: () => { readonly slot: number; readonly sealedTaxCode: Uint8Array };
      /** Of who left while excluded, that still stands. */
      readonly isExcluded: () => boolean;
    }
  /** The programme excludes the citizen, or does so no more. */
  | { readonly type: 'EXCLUDE'; readonly frozenPeriods: readonly number[] }
  | { readonly type: 'INCLUDE'; readonly frozenPeriods: readonly number[] }
  | { readonly type: 'LEAVE'; readonly asked: Asked; readonly frozenPeriods: readonly number[] }
  | {
      readonly type: 'SET_IBAN';
      readonly asked: Asked;
      readonly isIbanValid: boolean;
      readonly checkStatus: IbanCheckStatus;
      /** The folder keeps a format that has no words for checking it again. Absent: it does not. */
      readonly isOlder?: boolean;
      readonly seal: () => Uint8Array;
    }
  | { readonly type: 'ADD_METHOD'; readonly asked: Asked; readonly body: Body<'addMethod'> }
  | { readonly type: 'REMOVE_METHOD'; readonly asked: Asked; readonly body: Body<'removeMethod'> }
  | { readonly type: 'SET_FAVOURITE'; readonly asked: Asked; readonly body: Body<'setFavourite'> }
  | { readonly type: 'ENABLE'; readonly asked: Asked; readonly body: Body<'enableCashback'> }
  | { readonly type: 'ENABLE_ALL'; readonly asked: Asked }
  | { readonly type: 'DISABLE'; readonly asked: Asked; readonly body: Body<'disableCashback'> }
  /** The bank service was asked about the account that was to be checked again at `dueMs`. */
  | { readonly type: 'RECHECKED'; readonly dueMs: number; readonly verdict: RecheckVerdict }
  | { readonly type: 'CLAIM_JUDGED'; readonly hpan: Hpan; readonly activationMs: number | null }
  | {
      readonly type: 'RELEASE_JUDGED';
      readonly hpan: Hpan;
      readonly deactivationMs: number | null;
      readonly code: RefusalName | null;
    }
  | {
      readonly type: 'COUNT';
      readonly place: number;
      readonly record: TransactionRecord;
      readonly period: PeriodParameters | null;
      /** The period was opened again for it: it moves nobody in the ranking, which is frozen. */
      readonly isLate?: boolean;
    }
  | {
      readonly type: 'REVERSE';
      readonly place: number;
      readonly record: TransactionRecord;
      readonly enrolment: number;
      readonly awardPeriodId: number;
      readonly scoreCents: number;
      readonly countDelta: number;
      readonly isLate?: boolean;
    };

export interface WalletContext {
  readonly wallet: Wallet;
  readonly nowMs: number;
  readonly decision: Decision;
  /** Of the line that is listed next. */
  readonly newPlace: () => number;
}
