/**
 * The door of one shard: how much may be inside at once, so that nobody inside waits much longer than the target. Inside is
 * what was handed over and not answered. The signal is the time that a probe waits for its turn as commands do: while even
 * the luckiest of an interval waits longer than the target, a queue stands that does nothing but make everybody late, and
 * less is let in (the idea of CoDel, Nichols and Jacobson 2012); when there was too little room and nobody waited, more. The
 * disk is no part of it: less of a crowd would not make a flush shorter, only emptier (fault 14; see the shard's `probe`).
 */
import { LIMITS } from '../../engine/index.ts';
import { CHANNELS, type Channel } from './classes.ts';

const INTERVAL_MS = 100;
/** Nearly all of the room was in use. */
const USED = 0.9;
const GROWTH = 1.05;
const GROWTH_COUNT = 4;
/**
 * Whoever comes in one round of the front is handed over together, and waits for each other: with a round that lasts longer
 * than the target that is no queue yet. Up to here.
 */
const ROUND_MS_MAX = 100;
/** At most so much is taken away at once, and at least so much. */
const SHRINK_MIN = 0.7;
const SHRINK_MAX = 0.97;
/** Answers come in bursts, a turn at a time: what a door does shows over so many intervals together. */
const MEASURED_COUNT = 10;
/** Of those, it had enough to do in nearly all. */
const BUSY_COUNT_MIN = 8;
/** With less of an interval to spare the front cannot ask for more, however much a shard could do. */
const IDLE_SHARE_MIN = 0.05;
/** Weight of the newest of them in what a door is thought to do: more is believed sooner, less only when it lasts. */
const NEWEST_IF_MORE = 0.5;
const NEWEST_IF_LESS = 0.15;
const SECOND_MS = 1_000;

/** What was handed over and is not answered, and what was answered since the start. */
export interface Load {
  readonly inside: number;
  readonly answeredCount: number;
}

export class Door {
  #limit: number = LIMITS.insideCountFirst;
  readonly #load: Load;
  /** When each channel will have had no more than its share. */
  readonly #paidBackMs: Record<Channel, number> = { citizens: 0, issuers: 0, acquirers: 0, operators: 0 };
  readonly #frontIdleMs: () => number;
  #idleMs = 0;
  #insidePeak = 0;
  #isShort = false;
  #waitMsMin = Number.POSITIVE_INFINITY;
  #answeredCount = 0;
  #intervalEndsMs = 0;
  /** Answers since the start, with which what was inside when it was made narrower is done. */
  #effectiveCount = 0;
  #tickedMs = 0;
  /** The longest round of the front in this interval. */
  #roundMs = 0;
  #perSecond: number = LIMITS.perSecondFirst;
  #isMeasured = false;
  /** Of the last intervals, fewer than MEASURED_COUNT. */
  #measured = { count: 0, busyCount: 0, answered: 0, sinceMs: 0 };
  /** When each probe that is on its way was sent. */
  readonly #probesSentMs: number[] = [];

  /** @param idleMs see AdmissionOptions */
  constructor(load: Load, idleMs: () => number) {
    this.#load = load;
    this.#frontIdleMs = idleMs;
  }

  get limit(): number {
    return this.#limit;
  }
  get inside(): number {
    return this.#load.inside;
  }
  /** How much it does in a second when it has enough to do. */
  get perSecond(): number {
    return this.#perSecond;
  }

  /**
   * @param fill how full the door may be for this request: 1 is its limit
   * @param keptCount how many were called and are on their way
   */
  hasRoom(fill: number, weight: number, keptCount: number): boolean {
    return this.#fits(weight, this.#limit * fill, keptCount);
  }

  /** A heavy one needs half of the room at most: however little there is, it passes when the others are done. */
  #fits(weight: number, limit: number, keptCount = 0): boolean {
    return this.inside + keptCount + Math.min(weight, limit / 2) <= limit;
  }

  /** For a class of which nobody waits, while only less urgent ones do (fault 68): all may wait for as long again. */
  hasRoomForUrgent(weight: number): boolean {
    return this.#fits(weight, this.#limit + (this.perSecond * LIMITS.waitTargetMs) / SECOND_MS);
  }

  /**
   * For whoever was promised to pass, which is as good as not to have had one's share: a promise is kept until the queue behind
   * it would be seconds long.
   */
  hasRoomForPromised(weight: number): boolean {
    const extra = (this.perSecond * LIMITS.promisedWaitMsMax) / SECOND_MS;
    return this.#fits(weight, Math.min(LIMITS.changesInFlightMax, Math.max(2 * this.#limit, this.#limit + extra)));
  }

  /** Whether a channel had less than its share lately: what it did not use is kept for it for a while. */
  isWithinShare(channel: Channel, weight: number, nowMs: number): boolean {
    return (
      this.#owedMs(channel, nowMs) + Math.min(this.#costMs(channel, weight), LIMITS.shareKeptMs) <= LIMITS.shareKeptMs
    );
  }

  #owedMs(channel: Channel, nowMs: number): number {
    return Math.max(0, this.#paidBackMs[channel] - nowMs);
  }

  #costMs(channel: Channel, weight: number): number {
    return (weight * SECOND_MS) / (this.perSecond * CHANNELS[channel].share);
  }

  /** Somebody was kept out for want of room, also of room that is kept for others. */
  wasShort(): void {
    this.#isShort = true;
  }

  /** It was let in, and will be handed over at once. */
  pass(channel: Channel, weight: number, nowMs: number): void {
    this.#insidePeak = Math.max(this.#insidePeak, this.inside + weight);
    const owedMs = this.#owedMs(channel, nowMs) + this.#costMs(channel, weight);
    this.#paidBackMs[channel] = nowMs + Math.min(owedMs, LIMITS.shareOwedMsMax);
  }

  // The signal. All times are monotonic.

  get mayProbe(): boolean {
    return this.#probesSentMs.length < LIMITS.probesInFlightMax;
  }

  probeSent(nowMs: number): void {
    this.#probesSentMs.push(nowMs);
  }

  /** The oldest one has had its turn. */
  probeTaken(waitMs: number): void {
    this.#probesSentMs.shift();
    this.#waitMsMin = Math.min(this.#waitMsMin, waitMs);
  }

  /** Nobody has waited for a while: the next crowd is met like the first. */
  relax(): void {
    this.#limit = Math.max(this.#limit, LIMITS.insideCountFirst);
  }

  /**
   * To be called often; judges once in an interval.
   *
   * @param isWaitedFor somebody was turned away, and waits
   */
  tick(nowMs: number, isWaitedFor: boolean): void {
    const seenMs = this.#tickedMs;
    this.#tickedMs = nowMs;
    if (seenMs > 0) this.#roundMs = Math.max(this.#roundMs, nowMs - seenMs);
    if (nowMs < this.#intervalEndsMs) return;
    const isFirst = this.#intervalEndsMs === 0;
    const passedMs = nowMs - this.#intervalEndsMs + INTERVAL_MS;
    this.#intervalEndsMs = nowMs + INTERVAL_MS;
    const isFrontFull = this.#isFrontFull(passedMs);
    if (isFirst) {
      this.#measured.sinceMs = nowMs;
      return;
    }
    const { inside, answeredCount } = this.#load;
    const hadEnough = this.#judge(this.#waitMs(seenMs));
    const isHeldUp = this.#isMeasured && isWaitedFor && isFrontFull;
    this.#measure(answeredCount - this.#answeredCount, hadEnough || isHeldUp, nowMs);
    this.#waitMsMin = Number.POSITIVE_INFINITY;
    this.#roundMs = 0;
    this.#isShort = false;
    this.#insidePeak = inside;
    this.#answeredCount = answeredCount;
  }

  /**
   * Where no probe came back, the one that waits longest has waited so long at least.
   *
   * @param seenMs when we last came round: what has come back since is not known yet
   */
  #waitMs(seenMs: number): number {
    if (this.#waitMsMin < Number.POSITIVE_INFINITY) return this.#waitMsMin;
    const [oldest] = this.#probesSentMs;
    return oldest === undefined ? 0 : Math.max(0, seenMs - oldest);
  }

  #isFrontFull(passedMs: number): boolean {
    const idleMs = this.#frontIdleMs();
    const isFull = idleMs - this.#idleMs < IDLE_SHARE_MIN * passedMs;
    this.#idleMs = idleMs;
    return isFull;
  }

  /** @returns whether it had as much to do as it can */
  #judge(waitMs: number): boolean {
    const { inside, answeredCount } = this.#load;
    const isUsed = this.#insidePeak >= this.#limit * USED;
    const targetMs = Math.max(LIMITS.waitTargetMs, Math.min(this.#roundMs, ROUND_MS_MAX));
    const isLate = waitMs > targetMs;
    // The last time has had its effect when no more is inside than may be, or when all that was then has been answered.
    if (isLate && (inside <= this.#limit || answeredCount >= this.#effectiveCount)) {
      this.#effectiveCount = answeredCount + inside;
      const factor = Math.min(SHRINK_MAX, Math.max(SHRINK_MIN, targetMs / waitMs));
      this.#limit = Math.max(LIMITS.insideCountMin, Math.floor(this.#limit * factor));
    } else if (!isLate && (isUsed || this.#isShort)) {
      const grown = Math.max(this.#limit + GROWTH_COUNT, Math.floor(this.#limit * GROWTH));
      this.#limit = Math.min(LIMITS.changesInFlightMax, grown);
    }
    return isUsed || isLate;
  }

  /** What it did while it had less to do than it can says only that it can do as much. */
  #measure(answered: number, isBusy: boolean, nowMs: number): void {
    const measured = this.#measured;
    measured.count += 1;
    measured.answered += answered;
    if (isBusy) measured.busyCount += 1;
    if (measured.count < MEASURED_COUNT) return;
    const wasBusy = measured.busyCount >= BUSY_COUNT_MIN;
    const perSecond = (measured.answered * SECOND_MS) / (nowMs - measured.sinceMs);
    this.#measured = { count: 0, busyCount: 0, answered: 0, sinceMs: nowMs };
    if (wasBusy && !this.#isMeasured) {
      this.#isMeasured = true;
      this.#perSecond = Math.max(perSecond, LIMITS.insideCountMin);
      return;
    }
    const more = perSecond - this.#perSecond;
    if (more > 0) this.#perSecond += more * NEWEST_IF_MORE;
    else if (wasBusy) this.#perSecond += more * NEWEST_IF_LESS;
  }
}
