/** What is said of a phase. */
import type { PhaseResult, Second } from './plan.ts';

/** A second is good in which so much of what is asked is served before people lose their patience... */
const GOOD_SHARE = 0.98;
/** ...and enough is: who hears nothing asks less. */
const ASKED_SHARE_MIN = 0.5;
const REFUSED_SHARE_MAX = 0.02;
/** One good second may be luck. */
const GOOD_SECONDS = 3;

/** 1: everybody has the same; 1 / n: one has everything (Jain, Chiu and Hawe 1984). */
export function jain(each: readonly number[]): number {
  const sum = each.reduce((all, one) => all + one, 0);
  const squares = each.reduce((all, one) => all + one * one, 0);
  return squares === 0 ? 0 : (sum * sum) / (each.length * squares);
}

export function usefulPerSecond({ seconds, ms }: PhaseResult): number {
  return (sum(seconds, 'useful') * 1_000) / ms;
}

export function sum(seconds: readonly Second[], what: 'asked' | 'useful' | 'refused'): number {
  return seconds.reduce((total, second) => total + second[what], 0);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Until so many seconds in a row are good, and as fast as they are to be; null: they never are, among those that were seen. */
export function secondsToNormal(
  seconds: readonly Second[],
  { perSecond, p99MsMax }: { readonly perSecond: number; readonly p99MsMax: number },
): number | null {
  const isGood = (second: Second) => isServed(second, perSecond) && second.p99 <= p99MsMax;
  for (let at = 0; at + GOOD_SECONDS <= seconds.length; at += 1) {
    if (seconds.slice(at, at + GOOD_SECONDS).every(isGood)) return at;
  }
  return null;
}

/** Wishes come by chance, and some are answered in the next second: a few more or less are no sign. */
function isServed({ asked, useful, refused }: Second, perSecond: number): boolean {
  const wanted = GOOD_SHARE * Math.min(asked, perSecond) - 4 * Math.sqrt(perSecond);
  return useful >= Math.max(wanted, ASKED_SHARE_MIN * perSecond) && refused <= REFUSED_SHARE_MAX * asked;
}
