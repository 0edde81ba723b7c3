/**
 * How each thread of the process is, in memory that all see: whether it comes round, and how full its heap is. A thread
 * that is stuck cannot say so, and nothing can be asked of it; so each only beats, and another watches (watchdog.ts).
 *
 *   for each thread   beats, silence in ms, heap in thousandths, stalls, longest stall in ms: a word each
 */
import { getHeapStatistics } from 'node:v8';

const WORDS = 16;
const BEATS = 0;
const SILENT_MS = 1;
const HEAP_SHARE = 2;
const STALLS = 3;
const STALL_MS_MAX = 4;

/** How often a thread that has nothing else to do beats, and how often somebody looks. */
export const BEAT_MS = 50;
export const LOOK_MS = 25;
/** A thread that has not come round for so long is stuck. With what is lost between two looks: within 250 ms. */
export const STUCK_MS = 200;
/** And after so long it will not come round any more: the process ends. */
export const DEADLY_MS = 5_000;

/** Of its heap: from here on no new connections, and from here on no commands (fault 20). */
const CROWDED_SHARE = 0.8;
const FULL_SHARE = 0.9;

export interface ThreadView {
  readonly name: string;
  readonly isStuck: boolean;
  /** How often it was, since the start, and how long at most; one that still lasts included. */
  readonly stallCount: number;
  readonly stallMsMax: number;
  /** Of the heap that this thread may have. */
  readonly heapShare: number;
}

export class Vitals {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(of: number | SharedArrayBuffer) {
    this.memory = typeof of === 'number' ? new SharedArrayBuffer(of * WORDS * 4) : of;
    this.#words = new Int32Array(this.memory);
  }

  get threadCount(): number {
    return this.#words.length / WORDS;
  }

  // Said by the thread itself

  beat(thread: number): void {
    Atomics.add(this.#words, thread * WORDS + BEATS, 1);
  }

  setHeapShare(thread: number, share: number): void {
    Atomics.store(this.#words, thread * WORDS + HEAP_SHARE, Math.round(share * 1_000));
  }

  // Said by who watches

  beats(thread: number): number {
    return Atomics.load(this.#words, thread * WORDS + BEATS);
  }

  setSilence(thread: number, ms: number): void {
    const at = thread * WORDS;
    if (ms >= STUCK_MS) {
      if (!this.isStuck(thread)) Atomics.add(this.#words, at + STALLS, 1);
      Atomics.store(this.#words, at + STALL_MS_MAX, Math.max(ms, Atomics.load(this.#words, at + STALL_MS_MAX)));
    }
    Atomics.store(this.#words, at + SILENT_MS, ms);
  }

  // Asked by anybody

  isStuck(thread: number): boolean {
    return Atomics.load(this.#words, thread * WORDS + SILENT_MS) >= STUCK_MS;
  }

  isFull(thread: number): boolean {
    return this.#heapShare(thread) >= FULL_SHARE;
  }

  /** Any of them: whoever connects brings work for all. */
  get isCrowded(): boolean {
    for (let thread = 0; thread < this.threadCount; thread += 1) {
      if (this.#heapShare(thread) >= CROWDED_SHARE) return true;
    }
    return false;
  }

  view(thread: number, name: string): ThreadView {
    const at = thread * WORDS;
    return {
      name,
      isStuck: this.isStuck(thread),
      stallCount: Atomics.load(this.#words, at + STALLS),
      stallMsMax: Atomics.load(this.#words, at + STALL_MS_MAX),
      heapShare: this.#heapShare(thread),
    };
  }

  #heapShare(thread: number): number {
    return Atomics.load(this.#words, thread * WORDS + HEAP_SHARE) / 1_000;
  }
}

/** Of this thread, from now on; its loop is not kept alive by that. @returns ends it */
export function startHeart(vitals: Vitals, thread: number): () => void {
  const beating = setInterval(() => {
    vitals.beat(thread);
    vitals.setHeapShare(thread, heapShare());
  }, BEAT_MS).unref();
  return () => clearInterval(beating);
}

const SEMI_SPACE_MB_DEFAULT = 16;

/**
 * All that is held, against what the old generation may hold: the young one may be promoted whole, at once. V8 gives the
 * sum of both, in which the young one has three semi-spaces.
 */
function heapShare(): number {
  const { used_heap_size: usedBytes, heap_size_limit: limitBytes } = getHeapStatistics();
  return usedBytes / (limitBytes - 3 * SEMI_SPACE_BYTES);
}

const SEMI_SPACE_BYTES = semiSpaceMb() * 1_048_576;

function semiSpaceMb(): number {
  const flags = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(' ')];
  const flag = flags.find((each) => each.startsWith('--max-semi-space-size='));
  return flag === undefined ? SEMI_SPACE_MB_DEFAULT : Number(flag.split('=')[1]);
}
