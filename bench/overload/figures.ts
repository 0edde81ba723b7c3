/** What is said of a phase. */
import type { PhaseResult, Second } from './plan.ts';

/** A second is good again in which so much of what was wished is served, as fast as is promised to who is let in. */
const NORMAL_SHARE = 0.98;
const NORMAL_P99_MS = 200;

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

/** Seconds until everything is served again, and stays so: after the last second that was not good. */
export function backToNormal(seconds: readonly Second[], perSecond: number): number {
  const whole = seconds.slice(0, -1);
  const lastBad = whole.findLastIndex(({ served, asked, refused, p99 }) => {
    const isServed = served >= NORMAL_SHARE * Math.min(asked, perSecond) - 3 * Math.sqrt(perSecond);
    return !isServed || refused > 0.02 * asked || p99 > NORMAL_P99_MS;
  });
  return lastBad + 1;
}
