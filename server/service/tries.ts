/**
 * What became of the tries of one function: over the last minute, minute by minute over the last hour, and since the start.
 * A ring of slices holds the minute, each with its counts and how long its answers took, in bins that grow by a fifth: 23 kB
 * for each function, whatever comes.
 */

/** Tells what became of one: done; refused on the merits; turned away, to come again; ended in an error of ours. */
export const RESULTS = ['done', 'refused', 'shed', 'failed'] as const;
export type Result = (typeof RESULTS)[number];

export interface Figures extends Readonly<Record<Result, number>> {
  readonly tries: number;
  /** Done or refused on the merits, of all; null where nobody tried. */
  readonly successShare: number | null;
  /** Of those that were answered so: none of them took longer than said, and a sixth less at least. Null where none was. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export const SLICE_MS = 5_000;
const SLICES = 12;
export const MINUTE_MS = SLICES * SLICE_MS;
const MINUTES = 60;

/** Of the first bin; the last one is for a minute and all beyond. */
const BIN_MS_FIRST = 0.1;
const BIN_GROWTH = 1.2;
const BINS = Math.ceil(Math.log(MINUTE_MS / BIN_MS_FIRST) / Math.log(BIN_GROWTH)) + 1;
const WORDS = RESULTS.length + BINS;
const LOG_GROWTH = Math.log(BIN_GROWTH);

export class Tries {
  readonly #slices = Array.from({ length: SLICES }, () => new Float64Array(WORDS));
  readonly #sinceStart = new Float64Array(WORDS);
  readonly #minuteShares: (number | null)[] = Array.from({ length: MINUTES }, () => null);
  #slice: number;

  /** @param nowMs as of every other call: never less than before */
  constructor(nowMs: number) {
    this.#slice = Math.floor(nowMs / SLICE_MS);
  }

  /** @param tookMs of an answer; one that is turned away at once is no quick answer */
  count(result: Result, tookMs: number, nowMs: number): void {
    this.#turn(nowMs);
    const slice = this.#slices[this.#slice % SLICES]!;
    const word = RESULTS.indexOf(result);
    slice[word]! += 1;
    this.#sinceStart[word]! += 1;
    if (result !== 'done' && result !== 'refused') return;
    const bin = RESULTS.length + binOf(tookMs);
    slice[bin]! += 1;
    this.#sinceStart[bin]! += 1;
  }

  /** Of 55 to 60 seconds: the slice that has begun, and those before it. */
  lastMinute(nowMs: number): Figures {
    this.#turn(nowMs);
    return this.#sum();
  }

  sinceStart(): Figures {
    return figuresOf(this.#sinceStart);
  }

  /** The success share of each of the last 60 full minutes, the oldest first; null = nobody tried. */
  lastHour(nowMs: number): readonly (number | null)[] {
    this.#turn(nowMs);
    const minute = Math.floor(this.#slice / SLICES);
    return this.#minuteShares.map((_, index) => this.#minuteShares[(minute + index) % MINUTES] ?? null);
  }

  #turn(nowMs: number): void {
    const slice = Math.floor(nowMs / SLICE_MS);
    // After a longer silence there is nothing left to keep.
    this.#slice = Math.max(this.#slice, slice - SLICES * (MINUTES + 1));
    while (this.#slice < slice) this.#begin(this.#slice + 1);
  }

  #begin(slice: number): void {
    if (slice % SLICES === 0) this.#minuteShares[(slice / SLICES - 1) % MINUTES] = this.#sum().successShare;
    this.#slice = slice;
    this.#slices[slice % SLICES]!.fill(0);
  }

  #sum(): Figures {
    const sum = new Float64Array(WORDS);
    for (const slice of this.#slices) for (let word = 0; word < WORDS; word += 1) sum[word]! += slice[word]!;
    return figuresOf(sum);
  }
}

function binOf(ms: number): number {
  const bin = Math.ceil(Math.log(ms / BIN_MS_FIRST) / LOG_GROWTH);
  return Math.min(BINS - 1, Math.max(0, bin));
}

function figuresOf(words: Float64Array): Figures {
  const [done = 0, refused = 0, shed = 0, failed = 0] = words;
  const answered = done + refused;
  const tries = answered + shed + failed;
  return {
    ...{ tries, done, refused, shed, failed },
    successShare: tries === 0 ? null : answered / tries,
    p50Ms: percentile(words, answered, 0.5),
    p99Ms: percentile(words, answered, 0.99),
  };
}

/** The upper end of the bin: it never flatters. */
function percentile(words: Float64Array, count: number, share: number): number | null {
  if (count === 0) return null;
  let left = Math.ceil(count * share);
  for (let bin = 0; bin < BINS; bin += 1) {
    left -= words[RESULTS.length + bin]!;
    if (left <= 0) return Math.round(BIN_MS_FIRST * BIN_GROWTH ** bin * 10) / 10;
  }
  return MINUTE_MS;
}
