/**
 * When the clicks come: the rates that the press reported for the first days of December 2020, and the instant of
 * each single operation. Arrivals are independent of each other and of the answers (open loop): a queue at the
 * server makes nobody stay at home.
 */
import type { SeededRandom } from './random.ts';

export interface Phase {
  readonly name: string;
  /** Programme time that passes during the phase. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Operations a second at the peak, as reported for the whole country. */
  readonly peak: number;
  /** Share of the visits made by who has been here before. */
  readonly returningShare: number;
}

export const PHASES: readonly Phase[] = [
  {
    name: 'before dawn: what stopped the app on the 5th',
    fromMs: Date.parse('2020-12-07T06:00:00+01:00'),
    toMs: Date.parse('2020-12-07T08:30:00+01:00'),
    peak: 1_900,
    returningShare: 0,
  },
  {
    name: 'the morning: half a million cards',
    fromMs: Date.parse('2020-12-07T08:30:00+01:00'),
    toMs: Date.parse('2020-12-07T13:00:00+01:00'),
    peak: 6_000,
    returningShare: 0.1,
  },
  {
    name: 'the evening before the start',
    fromMs: Date.parse('2020-12-07T13:00:00+01:00'),
    toMs: Date.parse('2020-12-07T23:30:00+01:00'),
    peak: 8_000,
    returningShare: 0.2,
  },
  {
    name: 'the click day',
    fromMs: Date.parse('2020-12-08T07:00:00+01:00'),
    toMs: Date.parse('2020-12-08T22:00:00+01:00'),
    peak: 14_000,
    returningShare: 0.4,
  },
];

/** Each phase climbs from the end of the one before, stays at its peak, and falls back to half of it. */
const CLIMB_SHARE = 0.3;
const STAY_SHARE = 0.4;
const END_LEVEL = 0.5;

export interface ScheduleOptions {
  /** Part of the country that comes: 0.1 = one operation for ten reported ones. */
  readonly scale: number;
  /** Real time that all phases take together. */
  readonly durationMs: number;
}

export function phaseDurationMs({ durationMs }: ScheduleOptions): number {
  return durationMs / PHASES.length;
}

/** The phase at a real instant since the start, and how far it has gone, from 0 to 1. */
export function phaseAt(atMs: number, options: ScheduleOptions): { readonly index: number; readonly progress: number } {
  const eachMs = phaseDurationMs(options);
  const index = Math.min(PHASES.length - 1, Math.max(0, Math.floor(atMs / eachMs)));
  return { index, progress: Math.min(1, Math.max(0, atMs / eachMs - index)) };
}

/** The programme's time at a real instant since the start. */
export function programmeTimeAt(atMs: number, options: ScheduleOptions): number {
  const { index, progress } = phaseAt(atMs, options);
  const phase = PHASES[index]!;
  return Math.floor(phase.fromMs + (phase.toMs - phase.fromMs) * progress);
}

/** Operations a second at a real instant since the start. */
export function rateAt(atMs: number, options: ScheduleOptions): number {
  const { index, progress } = phaseAt(atMs, options);
  const peak = PHASES[index]!.peak * options.scale;
  const before = (PHASES[index - 1]?.peak ?? 0) * options.scale * END_LEVEL;
  if (progress < CLIMB_SHARE) return before + (peak - before) * (progress / CLIMB_SHARE);
  if (progress < CLIMB_SHARE + STAY_SHARE) return peak;
  const fall = (progress - CLIMB_SHARE - STAY_SHARE) / (1 - CLIMB_SHARE - STAY_SHARE);
  return peak * (1 - (1 - END_LEVEL) * fall);
}

/**
 * Instants of all operations, milliseconds since the start, ascending: a Poisson process of the rate above, drawn
 * at the highest rate and thinned.
 */
export function* operationTimes(options: ScheduleOptions, random: SeededRandom): Generator<number> {
  const rateMax = Math.max(...PHASES.map(({ peak }) => peak)) * options.scale;
  for (let atMs = random.exponential(rateMax / 1_000); atMs < options.durationMs; ) {
    if (random.chance(rateAt(atMs, options) / rateMax)) yield atMs;
    atMs += random.exponential(rateMax / 1_000);
  }
}
