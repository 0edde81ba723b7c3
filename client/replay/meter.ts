/** What happened so far: counts, latencies and rates. Filled by the traffic, read by view and report. */
import { build, type Histogram } from 'hdr-histogram-js';
import type { StepKind } from './plan.ts';

/** Microseconds; beyond a minute a person has gone. */
const LATENCY_US_MAX = 60_000_000;

export interface Latency {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export interface KindSummary extends Latency {
  readonly kind: StepKind;
  readonly done: number;
  /** Answered `repeated`: the engine had done that id before. */
  readonly repeated: number;
  /** Refusals of all tries; a refused command may still have been done later. */
  readonly refused: number;
  /** Never answered, or given up. */
  readonly lost: number;
}

interface KindMeter {
  done: number;
  repeated: number;
  refused: number;
  lost: number;
  readonly latency: Histogram;
}

export class Meter {
  readonly #kinds = new Map<StepKind, KindMeter>();
  readonly #all = newHistogram();
  readonly #refusals = new Map<string, number>();
  readonly #faults = new Map<string, number>();
  readonly #perSecond: number[] = [];
  inFlight = 0;
  sockets = 0;

  /**
   * @param latencyMs since the intended instant, so that waiting in our own queue counts too
   * @param atMs since the start of the replay
   */
  done(kind: StepKind, latencyMs: number, atMs: number, isRepeated: boolean): void {
    const meter = this.#of(kind);
    meter.done += 1;
    if (isRepeated) meter.repeated += 1;
    const latencyUs = Math.min(LATENCY_US_MAX, Math.max(1, Math.round(latencyMs * 1_000)));
    meter.latency.recordValue(latencyUs);
    this.#all.recordValue(latencyUs);
    const second = Math.floor(atMs / 1_000);
    while (this.#perSecond.length <= second) this.#perSecond.push(0);
    this.#perSecond[second]! += 1;
  }

  refused(kind: StepKind, code: string): void {
    this.#of(kind).refused += 1;
    this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + 1);
  }

  lost(kind: StepKind, code: string): void {
    this.#of(kind).lost += 1;
    this.#faults.set(code, (this.#faults.get(code) ?? 0) + 1);
  }

  get perSecond(): readonly number[] {
    return this.#perSecond;
  }

  /** Refusals by code, most frequent first. */
  refusals(): readonly (readonly [string, number])[] {
    return [...this.#refusals].sort((one, other) => other[1] - one[1]);
  }

  /** Faults by code: no answer, no connection. */
  faults(): readonly (readonly [string, number])[] {
    return [...this.#faults].sort((one, other) => other[1] - one[1]);
  }

  latency(): Latency {
    return latencyOf(this.#all);
  }

  kinds(): readonly KindSummary[] {
    return [...this.#kinds].map(([kind, { latency, ...counts }]) => ({ kind, ...counts, ...latencyOf(latency) }));
  }

  total(field: 'done' | 'repeated' | 'refused' | 'lost'): number {
    return [...this.#kinds.values()].reduce((sum, kind) => sum + kind[field], 0);
  }

  #of(kind: StepKind): KindMeter {
    const known = this.#kinds.get(kind);
    if (known !== undefined) return known;
    const meter: KindMeter = { done: 0, repeated: 0, refused: 0, lost: 0, latency: newHistogram() };
    this.#kinds.set(kind, meter);
    return meter;
  }
}

function newHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: LATENCY_US_MAX, numberOfSignificantValueDigits: 3 });
}

function latencyOf(histogram: Histogram): Latency {
  // A percentile is the upper edge of its bucket, which may lie above the highest value seen.
  const ms = (percentile: number) => Math.min(histogram.getValueAtPercentile(percentile), histogram.maxValue) / 1_000;
  return { p50Ms: ms(50), p99Ms: ms(99), p999Ms: ms(99.9), maxMs: histogram.maxValue / 1_000 };
}
