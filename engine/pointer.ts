/**
 * What a partition finds by something else than its key: a citizen, by the instant at which the bank service is to be
 * asked about the account again; a card, by its PAR. A pointer says no more than where to look.
 */
import type { CitizenKey, Hpan } from './contract.ts';

export interface Pointer {
  readonly key: CitizenKey | Hpan;
}

/** Cards share one: who has several of one account, or a new one in place of an old one. */
export function parSub(par: string, hpan: Hpan): string {
  return `${parPrefix(par)}${hpan}`;
}

export function parPrefix(par: string): string {
  return `${PAR_PREFIX}${par} `;
}

export const PAR_PREFIX = 'par ';

/** Of a `parSub`. */
export function parOf(sub: string): string {
  return sub.slice(PAR_PREFIX.length, sub.lastIndexOf(' '));
}

export const RECHECK_PREFIX = 'recheck ';

/** Those that are due first stand first. */
export function recheckSub(citizen: CitizenKey, dueMs: number): string {
  return `${RECHECK_PREFIX}${String(dueMs).padStart(INSTANT_DIGITS, '0')} ${citizen}`;
}

const INSTANT_DIGITS = 15;
