/**
 * Who may open a connection now. A handshake costs many times what a command does, most of it for the signature of a
 * token: so the question comes before that, and asks only where the caller is (faults 49 and 65).
 *
 * All together may open so many a second that the rest of the programme goes on beside it; beyond, each is given a moment
 * of its own to come back, one behind the other, as far as retry times go. One address may open as many as a carrier has
 * citizens behind it, though not so many that nobody else comes in. How many it may hold is left open for the same reason.
 */
import { isIP } from 'node:net';
import { LIMITS } from '../../engine/index.ts';
import { plainAddress } from '../transport/index.ts';
import { Budget } from './budget.ts';

const EVERYBODY = '';
/** How far apart those of one address come back: it has used up what is its own. */
const SPREAD_MS = 5_000;

export interface HandshakesOptions {
  /** In [0, 1). */
  readonly random: () => number;
  /** Undefined: as LIMITS says. */
  readonly perSecondOfAddress?: number | undefined;
  /** Addresses of proxies whose `X-Forwarded-For` is believed. Default: nobody's. */
  readonly proxies?: readonly string[] | undefined;
}

export interface Caller {
  readonly remoteAddress: string;
  header(name: string): string | undefined;
}

export class Handshakes {
  readonly #random: () => number;
  readonly #proxies: readonly string[];
  readonly #ofAddress: Budget;
  readonly #ofAll = new Budget({
    ...{ perSecond: LIMITS.handshakesPerSecond, burst: LIMITS.handshakesAtOnce, keysMax: 1 },
  });
  /** When the last of those comes back who were sent away. */
  #lastReturnMs = 0;

  constructor({ random, perSecondOfAddress = LIMITS.handshakesPerSecondOfAddress, proxies = [] }: HandshakesOptions) {
    this.#random = random;
    this.#proxies = proxies;
    const burst = (perSecondOfAddress * LIMITS.handshakesAtOnceOfAddress) / LIMITS.handshakesPerSecondOfAddress;
    this.#ofAddress = new Budget({ perSecond: perSecondOfAddress, burst, keysMax: LIMITS.addressesMax });
  }

  /**
   * @param nowMs monotonic
   * @returns 0: it may; else for how long it should stay away, in milliseconds
   */
  ask(caller: Caller, nowMs: number): number {
    const address = this.#addressOf(caller);
    // Our own machine is a proxy that nobody named, or a test: its callers have no address at all.
    const network = isLoopback(address) ? null : networkOf(address);
    const ownMs = network === null ? 0 : this.#ofAddress.spend(network, nowMs);
    if (ownMs > 0) return wait(ownMs - nowMs + this.#random() * SPREAD_MS);
    const allMs = this.#ofAll.spend(EVERYBODY, nowMs);
    if (allMs === 0) return 0;
    if (network !== null) this.#ofAddress.spend(network, nowMs, -1);
    const latestMs = nowMs + LIMITS.retryMsMax;
    this.#lastReturnMs = Math.min(latestMs, Math.max(this.#lastReturnMs, allMs) + 1_000 / LIMITS.handshakesPerSecond);
    // Whoever finds the order full comes at any time within it.
    return wait(this.#lastReturnMs < latestMs ? this.#lastReturnMs - nowMs : this.#random() * LIMITS.retryMsMax);
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

function wait(ms: number): number {
  return Math.max(1, Math.min(LIMITS.retryMsMax, Math.ceil(ms)));
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.');
}

/** Of IPv6 a subscriber has 64 bits for itself, and may come from any of them. */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address;
  const [front = '', back] = address.toLowerCase().split('::');
  const [before, after] = [front, back ?? ''].map((part) => (part === '' ? [] : part.split(':'))) as [
    string[],
    string[],
  ];
  const gap = back === undefined ? [] : new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  const groups = [...before, ...gap, ...after].slice(0, 4);
  return groups.map((group) => group.replace(/^0+(?=.)/, '')).join(':');
}
