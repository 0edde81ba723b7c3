/** Which kinds of client there are, how one says which it is, and what may be off for some of them (domain 6.5, R5). */
import { METHOD_KINDS } from '../../engine/contract.ts';

export const PLATFORMS = ['ios', 'android', 'web', 'sdk'] as const;
export type Platform = (typeof PLATFORMS)[number];

/**
 * Adding a method of each kind; `cashback`: joining and enabling; `payout`: saying where the money goes; `ranking`:
 * seeing one's place. Reading a wallet, removing, disabling and leaving are no features: they are never off (R3, R6).
 */
export const FEATURES = [...METHOD_KINDS, 'cashback', 'payout', 'ranking'] as const;
export type Feature = (typeof FEATURES)[number];

/** Of HTTP requests and upgrades: `ios/1.12.0`. */
export const CLIENT_HEADER = 'x-client-version';
/** A browser cannot set headers: it offers `client.web.1.0.0` as a further subprotocol, which is never echoed. */
export const CLIENT_PREFIX = 'client.';

/** As a subprotocol says it, where no slash may be. */
export function clientProtocol(client: string): string {
  return CLIENT_PREFIX + client.replace('/', '.');
}
