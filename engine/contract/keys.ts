/** Who and what everything else is about: citizens, cards, whoever asks; and where they belong. */

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
