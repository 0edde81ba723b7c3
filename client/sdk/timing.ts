/** What the SDK asks of its platform besides sockets: clocks, pauses and chance. Tests bring their own. */
export interface Timing {
  /** Monotonic: all durations. */
  nowMs(): number;
  /** Since the epoch: what has to mean something after a restart of the app, or to the issuer of a token. */
  realMs(): number;
  /** In [0, 1). */
  random(): number;
  /** @returns the way to call it off */
  after(pauseMs: number, run: () => void): () => void;
}

/** Timers count no further: 24 days. */
const PAUSE_MS_MAX = 2 ** 31 - 1;

export const PLATFORM_TIMING: Timing = {
  nowMs: () => performance.now(),
  realMs: () => Date.now(),
  random: () => Math.random(),
  after(pauseMs, run) {
    const timer = setTimeout(run, Math.min(pauseMs, PAUSE_MS_MAX));
    return () => clearTimeout(timer);
  },
};
