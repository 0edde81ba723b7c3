/** Who is asking: a token becomes a principal, or nothing. */
import type { Role } from '../../engine/contract.ts';

export interface Principal {
  readonly role: Role;
  /** Citizen: tax code, upper case. Issuer: channel. Acquirer: ABI, five digits. Operator: name. */
  readonly subject: string;
  /** Real time, not the programme's (DECISION 34). */
  readonly expiresAtMs: number;
}

export type Verification =
  | { readonly ok: true; readonly principal: Principal }
  | { readonly ok: false; readonly code: 'UNAUTHENTICATED' | 'TOKEN_EXPIRED' };

/** Short tokens of citizens that open the calls of the wallet's keeper and nothing else (domain 6.3). */
export interface WalletSessions extends Identity {
  /** For ten minutes, or as long as the token lives with which it was asked for. */
  open(citizen: Principal): Promise<WalletSession>;
}

export interface WalletSession {
  readonly token: string;
  readonly expiresAtMs: number;
}

export interface Identity {
  /** What can be said of a token at once. */
  read(token: string): Reading;
  /** A promise only where the issuer must first be asked for its keys. Never throws, nor rejects, for a bad token. */
  verify(token: string): Verification | Promise<Verification>;
}

/** A token before the expensive question. */
export interface Reading {
  /** Its signature was checked before, and it has not expired: verifying costs nothing more. */
  readonly isKnown: boolean;
  /** Whom it claims to be; null: it is no token for us, and verifying says so without asking for a key. */
  readonly claimed: Principal | null;
  /** As `Identity.verify` does. */
  verify(): Verification | Promise<Verification>;
}
