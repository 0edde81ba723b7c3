/**
 * Who may arrive now, of those who arrive together: open a connection, or show a token that was never seen. The token's
 * signature costs a hundred times what a command does. So all together may bring so many that the rest of the programme goes
 * on beside it; beyond, each is given a moment of its own to come back, one behind the other, as far as retry times go
 * (faults 49 and 65).
 *
 * The last room is left to partners, who must not notice how many citizens come (R9), and the room before it to whoever was
 * here already and has something to finish. A token says which role it is of before its signature is checked: honest crowds
 * sort themselves by that, and whoever lies has its address to answer for it (addresses.ts).
 */
import { LIMITS, type Role } from '../../engine/index.ts';
import { Allowance } from './budget.ts';
import { waitOf } from './retry.ts';

/** The most urgent first: how much of all that may come at once has to be left when one of this class comes. */
const FILLS = [LIMITS.partnersFill, LIMITS.returningFill, LIMITS.firstLoginsFill] as const;
const [PARTNER, RETURNING, FIRST] = [0, 1, 2] as const;

export interface Arrival {
  /** Its signature need not be checked. */
  readonly isKnown: boolean;
  /** Which the token claims. */
  readonly role: Role;
  /** It proves that it was here before (stamps.ts). */
  readonly hasStamp: boolean;
}

export class Arrivals {
  readonly #random: () => number;
  readonly #ofAll = new Allowance({ perSecond: LIMITS.arrivalsPerSecond, burst: LIMITS.arrivalsAtOnce });
  /** So that none waits for ever, whoever comes back again and again. */
  readonly #ofFirst = new Allowance({ perSecond: LIMITS.firstLoginsPerSecondMin, burst: 1 });
  /** When the last of each class comes back who was sent away. */
  readonly #lastReturnMs = FILLS.map(() => 0);

  /** @param random in [0, 1) */
  constructor(random: () => number) {
    this.#random = random;
  }

  /**
   * @param nowMs monotonic
   * @returns 0: it may; else for how long it should stay away, in milliseconds
   */
  ask({ isKnown, role, hasStamp }: Arrival, nowMs: number): number {
    const rank = role !== 'citizen' ? PARTNER : isKnown || hasStamp ? RETURNING : FIRST;
    const cost = isKnown ? LIMITS.knownArrivalCost : 1;
    const earliestMs = this.#ofAll.spend(nowMs, { cost, fill: FILLS[rank] });
    if (earliestMs === 0 || (rank === FIRST && this.#ofFirst.spend(nowMs) === 0)) return 0;
    return this.#returnMs(rank, earliestMs, cost, nowMs);
  }

  /** Behind all who were sent away, of its class and of those before it. */
  #returnMs(rank: number, earliestMs: number, cost: number, nowMs: number): number {
    const latestMs = nowMs + LIMITS.retryMsMax;
    const lastMs = Math.max(earliestMs, ...this.#lastReturnMs.slice(0, rank + 1));
    const slotMs = Math.min(latestMs, lastMs + (cost * 1_000) / LIMITS.arrivalsPerSecond);
    this.#lastReturnMs[rank] = slotMs;
    // Whoever finds the order full comes at any time within it.
    return waitOf(slotMs < latestMs ? slotMs - nowMs : this.#random() * LIMITS.retryMsMax);
  }
}
