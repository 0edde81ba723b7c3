/** The programme's clock: real time, or a simulated one that an operator may move. It never falls. */
import { type Clock, invariant } from '../engine/index.ts';

export type ClockSetting =
  | { readonly ok: true; readonly nowMs: number }
  | { readonly ok: false; readonly code: 'CLOCK_NOT_SETTABLE' | 'CLOCK_BACKWARDS' };

export interface SettableClock extends Clock {
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
  /** Never falls, whatever happens to the system's date (fault 25). May have fractions. */
  readonly monotonicMs: () => number;
  /** Read once, to start from. */
  readonly realMs: () => number;
}

/** The time is an origin plus what the monotonic clock has run since: a jump of the system's date is not seen. */
export function createClock(options: ClockOptions): SettableClock {
  const { speed = 1, monotonicMs } = options;
  invariant(Number.isFinite(speed) && speed >= 0, `speed is not a number from 0: ${speed}`);
  const isSettable = options.startMs !== undefined;
  let originMs = options.startMs ?? options.realMs();
  let originMonotonicMs = monotonicMs();

  const nowMs = () => Math.floor(originMs + (monotonicMs() - originMonotonicMs) * speed);

  return {
    isSettable,
    speed,
    nowMs,
    set(ms) {
      if (!isSettable) return { ok: false, code: 'CLOCK_NOT_SETTABLE' };
      if (ms < nowMs()) return { ok: false, code: 'CLOCK_BACKWARDS' };
      originMs = ms;
      originMonotonicMs = monotonicMs();
      return { ok: true, nowMs: nowMs() };
    },
  };
}
