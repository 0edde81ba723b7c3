/** The programme's clock: real time, or a simulated one that an operator may move. It never falls. */
import { type Clock, invariant } from '../engine/index.ts';

export type ClockSetting =
  | { readonly ok: true; readonly nowMs: number }
  | { readonly ok: false; readonly code: 'CLOCK_NOT_SETTABLE' | 'CLOCK_BACKWARDS' };

/** Where a clock started and how fast it runs: all that another thread needs to tell the same time. */
export interface ClockOrigin {
  readonly originMs: number;
  /** Of a monotonic clock that all threads share. */
  readonly originMonotonicMs: number;
  readonly speed: number;
}

export interface SettableClock extends Clock {
  origin(): ClockOrigin;
  /** Only a clock that was given its start can be set (architecture 9). */
  readonly isSettable: boolean;
  /** Programme time per real time; 0 stands still until it is set. */
  readonly speed: number;
  /** Moves the clock to `ms` (milliseconds since the epoch). Never back (DECISION 34). */
  set(ms: number): ClockSetting;
}

export interface ClockOptions {
  /** Absent: the clock follows real time and cannot be set. */
  readonly startMs?: number;
  /** Default 1. */
  readonly speed?: number;
  /** Where another process, which started it, had it: it goes on from there. */
  readonly origin?: ClockOrigin | undefined;
  /** Never falls, whatever happens to the system's date (fault 25). May have fractions. */
  readonly monotonicMs: () => number;
  /** Read once, to start from. */
  readonly realMs: () => number;
}

/**
 * Milliseconds of the system's monotonic clock, the same on every thread and in every process: `performance.now()`
 * counts from the start of its own.
 */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1_000_000;
}

/** The time at an instant of the monotonic clock. */
export function clockAt({ originMs, originMonotonicMs, speed }: ClockOrigin, monotonicMs: number): number {
  return Math.floor(originMs + (monotonicMs - originMonotonicMs) * speed);
}

const ORIGIN_NUMBERS = 3;
/** Origins that are kept while a thread may still be reading one. */
const ORIGIN_COUNT = 64;
const COUNT_BYTES = 8;

/**
 * One time for all threads of a process: whoever hears, in whatever way, of something that came after a move of the
 * clock reads the moved clock. When each thread was told of it, a period's closing came to some before its time had.
 */
export class SharedClock implements Clock {
  readonly memory: SharedArrayBuffer;
  readonly #count: Int32Array;
  readonly #origins: Float64Array;

  constructor(memory = new SharedArrayBuffer(COUNT_BYTES + ORIGIN_COUNT * ORIGIN_NUMBERS * 8)) {
    this.memory = memory;
    this.#count = new Int32Array(memory, 0, 1);
    this.#origins = new Float64Array(memory, COUNT_BYTES);
  }

  nowMs(): number {
    return clockAt(this.#origin(), monotonicMs());
  }

  /** One thread moves it. */
  move({ originMs, originMonotonicMs, speed }: ClockOrigin): void {
    const next = Atomics.load(this.#count, 0) + 1;
    this.#origins.set([originMs, originMonotonicMs, speed], (next % ORIGIN_COUNT) * ORIGIN_NUMBERS);
    Atomics.store(this.#count, 0, next);
  }

  #origin(): ClockOrigin {
    const at = (Atomics.load(this.#count, 0) % ORIGIN_COUNT) * ORIGIN_NUMBERS;
    const [originMs = 0, originMonotonicMs = 0, speed = 0] = this.#origins.subarray(at, at + ORIGIN_NUMBERS);
    return { originMs, originMonotonicMs, speed };
  }
}

/** The same clock; `follow` hears of a move before anyone else can. */
export function followedClock(clock: SettableClock, follow: (origin: ClockOrigin) => void): SettableClock {
  return {
    ...clock,
    set(ms) {
      const setting = clock.set(ms);
      if (setting.ok) follow(clock.origin());
      return setting;
    },
  };
}

/** The time is an origin plus what the monotonic clock has run since: a jump of the system's date is not seen. */
export function createClock(options: ClockOptions): SettableClock {
  const { monotonicMs, speed = options.origin?.speed ?? 1 } = options;
  invariant(Number.isFinite(speed) && speed >= 0, `speed is not a number from 0: ${speed}`);
  const isSettable = options.startMs !== undefined;
  let origin: ClockOrigin = options.origin ?? {
    originMs: options.startMs ?? options.realMs(),
    originMonotonicMs: monotonicMs(),
    speed,
  };

  const nowMs = () => clockAt(origin, monotonicMs());

  return {
    isSettable,
    speed,
    nowMs,
    origin: () => origin,
    set(ms) {
      if (!isSettable) return { ok: false, code: 'CLOCK_NOT_SETTABLE' };
      if (ms < nowMs()) return { ok: false, code: 'CLOCK_BACKWARDS' };
      origin = { originMs: ms, originMonotonicMs: monotonicMs(), speed };
      return { ok: true, nowMs: nowMs() };
    },
  };
}
