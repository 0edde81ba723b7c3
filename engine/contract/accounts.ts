/** Accounts that nobody could verify (domain 2.1, R13). */
import type { CitizenKey } from './keys.ts';

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
