/**
 * What may come from one address: as much as a carrier has citizens behind it, though not so much that nobody else is
 * served (fault 49). How many connections it may hold is left open for the same reason.
 */
import { isIP } from 'node:net';
import { LIMITS } from '../../engine/index.ts';
import { plainAddress } from '../transport/index.ts';
import { Budget } from './budget.ts';
import { waitOf } from './retry.ts';

/** How far apart those of one address come back: it has used up what is its own. */
const SPREAD_MS = 5_000;

export interface AddressesOptions {
  readonly perSecond: number;
  /** Addresses of proxies whose `X-Forwarded-For` is believed. Default: nobody's. */
  readonly proxies?: readonly string[] | undefined;
  /** In [0, 1). */
  readonly random: () => number;
}

export interface Caller {
  readonly remoteAddress: string;
  header(name: string): string | undefined;
}

export class Addresses {
  readonly #random: () => number;
  readonly #proxies: readonly string[];
  readonly #budget: Budget;

  constructor({ perSecond, proxies = [], random }: AddressesOptions) {
    this.#random = random;
    this.#proxies = proxies;
    this.#budget = new Budget({
      ...{ perSecond, burst: perSecond * LIMITS.secondsAtOnceOfAddress, keysMax: LIMITS.addressesMax },
    });
  }

  /**
   * @param nowMs monotonic
   * @returns 0: it may; else for how long it should stay away, in milliseconds
   */
  ask(caller: Caller, nowMs: number): number {
    const network = this.#networkOf(caller);
    const earliestMs = network === null ? 0 : this.#budget.spend(network, nowMs);
    return earliestMs === 0 ? 0 : waitOf(earliestMs - nowMs + this.#random() * SPREAD_MS);
  }

  /** It is not to count. */
  giveBack(caller: Caller, nowMs: number): void {
    const network = this.#networkOf(caller);
    if (network !== null) this.#budget.spend(network, nowMs, { cost: -1 });
  }

  /** Null: our own machine is a proxy that nobody named, or a test; its callers have no address at all. */
  #networkOf(caller: Caller): string | null {
    const address = this.#addressOf(caller);
    return isLoopback(address) ? null : networkOf(address);
  }

  /** The last one that a proxy of ours has seen: what stands before it, anybody may have written. */
  #addressOf({ remoteAddress, header }: Caller): string {
    if (!this.#proxies.includes(remoteAddress)) return remoteAddress;
    const forwarded = header('x-forwarded-for')?.split(',') ?? [];
    const seen = forwarded.map((address) => plainAddress(address.trim()));
    const last = seen.findLast((address) => !this.#proxies.includes(address));
    return last === undefined || isIP(last) === 0 ? remoteAddress : last;
  }
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** Four groups that are written out: an eighth of the time (0.2 us) that any other spelling takes. */
const WRITTEN_OUT = /^0*([0-9a-f]{1,4}):0*([0-9a-f]{1,4}):0*([0-9a-f]{1,4}):0*([0-9a-f]{1,4}):/;

/** Of IPv6 a subscriber has 64 bits for itself, and may come from any of them. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const text = address.toLowerCase();
  const writtenOut = WRITTEN_OUT.exec(text);
  if (writtenOut !== null) return `${writtenOut[1]}:${writtenOut[2]}:${writtenOut[3]}:${writtenOut[4]}`;
  const [front = '', back] = text.split('::');
  const [before, after] = [front, back ?? ''].map((part) => (part === '' ? [] : part.split(':'))) as [
    string[],
    string[],
  ];
  const gap = back === undefined ? [] : new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  const groups = [...before, ...gap, ...after].slice(0, 4);
  return groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':');
}
