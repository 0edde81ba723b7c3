/**
 * How much may be asked over HTTP: by whom, where that is known, and otherwise from where. So a partner may ask as much as it
 * needs from its one address, whoever else is behind it, while whoever has no token, or one that is not good, uses up what
 * its address has.
 */
import { LIMITS } from '../../engine/index.ts';
import type { Principal, Reading } from '../identity/identity.ts';
import type { Addresses, Caller } from './addresses.ts';
import type { Arrivals } from './arrivals.ts';
import { Budget } from './budget.ts';
import { waitOf } from './retry.ts';

export class Requests {
  readonly #addresses: Addresses;
  readonly #arrivals: Arrivals;
  readonly #principals = new Budget({
    perSecond: LIMITS.requestsPerSecondOfPrincipal,
    burst: LIMITS.requestsAtOnceOfPrincipal,
    keysMax: LIMITS.principalsMax,
  });

  constructor(addresses: Addresses, arrivals: Arrivals) {
    this.#addresses = addresses;
    this.#arrivals = arrivals;
  }

  /**
   * Before a token is verified.
   *
   * @param reading null: there is none, or nobody asks for one
   * @param nowMs   monotonic
   * @returns 0: it may; else for how long it should stay away, in milliseconds
   */
  ask(caller: Caller, reading: Reading | null, nowMs: number): number {
    if (reading?.isKnown === true) return 0;
    const waitMs = this.#addresses.ask(caller, nowMs);
    if (waitMs > 0 || reading === null || reading.claimed === null) return waitMs;
    const { role } = reading.claimed;
    const arrivalMs = this.#arrivals.ask({ isKnown: false, role, hasStamp: false }, nowMs);
    if (arrivalMs > 0) this.#addresses.giveBack(caller, nowMs);
    return arrivalMs;
  }

  /** And after it: as `ask`. Whoever is two things under one name is one partner. */
  askVerified(caller: Caller, { isKnown }: Reading, { subject }: Principal, nowMs: number): number {
    if (!isKnown) this.#addresses.giveBack(caller, nowMs);
    const earliestMs = this.#principals.spend(subject, nowMs);
    return earliestMs === 0 ? 0 : waitOf(earliestMs - nowMs);
  }
}
