/** Payout records and the files for the bank (domain 2.8, 3.5). */
import type { IbanCheckStatus, Refused } from './commands.ts';
import type { CitizenKey } from './keys.ts';

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
  /** Empty until it is announced: before, nobody finds it anywhere. */
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
