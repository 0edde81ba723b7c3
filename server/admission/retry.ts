/** When to come back. Jitter spreads those refused together, who would otherwise return together (faults 65). */
import { LIMITS } from '../../engine/index.ts';

/** A socket over its own limit: its answers are a turn or two away. */
const BUSY_MS = { from: 50, spread: 450 } as const;
/** A restart takes about two seconds. */
const RESTART_MS = { from: 2_000, spread: 3_000 } as const;
/** A third party that failed is left alone for ten seconds (partners/). */
const PARTNER_MS = { from: 10_000, spread: 5_000 } as const;
/** Room on a disk is made by people. */
const FULL_MS = { from: 10_000, spread: 20_000 } as const;
const WAITS = { busy: BUSY_MS, restart: RESTART_MS, partner: PARTNER_MS, full: FULL_MS } as const;

/**
 * @param random in [0, 1)
 * @returns for how long to stay away, in milliseconds; at most LIMITS.retryMsMax
 */
export function retryMs(why: keyof typeof WAITS, random: number): number {
  const { from, spread } = WAITS[why];
  return Math.min(LIMITS.retryMsMax, Math.round(from + random * spread));
}

/**
 * @param nowMs the programme's clock, as in `hello`
 * @returns an instant in it, see `retryMs`
 */
export function retryAtMs(why: keyof typeof WAITS, nowMs: number, random: number): number {
  return nowMs + retryMs(why, random);
}

/** A wait as it is told: whole milliseconds, at least one, and no longer than retry times go. */
export function waitOf(ms: number): number {
  return Math.max(1, Math.min(LIMITS.retryMsMax, Math.ceil(ms)));
}
