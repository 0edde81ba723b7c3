/** From a recording and a number to one image: where the power goes, what the disk keeps, and what becomes of it. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Random } from '../support/random.ts';
import { type DiskLog, diskLogOf } from './disk-log.ts';
import { type Span, spansOf, WINDOWS, type Window, windowsAt, writeImage } from './image.ts';
import { type Expected, judge, type Verdict } from './promises.ts';
import { DATA, type Recording } from './recording.ts';

export interface ExplorerOptions {
  readonly seed: number;
  /** For images that must be found broken: see `diskLogOf`; empty = the disk is honest. */
  readonly liesAbout: string;
  /** For promises that must be found broken: so many moments before they were made, they count as made. */
  readonly haste: number;
  /** Where the power goes; undefined = anywhere. */
  readonly window?: Window | undefined;
  /** During which process of the recording it goes; undefined = any. */
  readonly life?: number | undefined;
}

export interface Examined extends Verdict {
  readonly image: number;
  readonly moment: number;
  /** What was under way, or not yet durable; none = idle. */
  readonly windows: readonly Window[];
  readonly promised: number;
  readonly isSameBoot: boolean;
  readonly lock: Lock;
}

/** What is left of LMDB's lock table, which is written through memory: any of it. */
export const LOCKS = ['kept', 'torn', 'missing'] as const;
export type Lock = (typeof LOCKS)[number];

const OTHER_BOOT = '01234567-89ab-cdef-0123-456789abcdef\n';
const LOCK_PIECE_BYTES = 512;

export class Explorer {
  readonly #recording: Recording;
  readonly #options: ExplorerOptions;
  /** What its disk did. */
  readonly #log: DiskLog;
  readonly #spans: readonly Span[];
  /** Moments at which the power may go: from the first until before the second. */
  readonly #range: readonly [number, number];

  constructor(recording: Recording, options: ExplorerOptions) {
    this.#recording = recording;
    this.#options = options;
    this.#log = diskLogOf(recording.logged, options.liesAbout);
    this.#spans = spansOf(this.#log);
    const { starts, end } = recording.logged;
    const { life } = options;
    this.#range = life === undefined ? [1, end + 1] : [starts[life]!, starts[life + 1] ?? end + 1];
  }

  /** Writes image number `image` below `place`, recovers it there and removes it. */
  async examine(image: number, place: string): Promise<Examined> {
    const random = new Random(this.#options.seed + image * 7_919);
    const moment = this.#momentFor(random);
    const expected = this.#expectedAt(moment);
    rmSync(place, { recursive: true, force: true });
    writeImage(this.#log, moment, random, place);
    const lock = this.#leaveLocks(place, random);
    const isSameBoot = this.#boot(place, random);
    const verdict = await judge(join(place, DATA), expected, random);
    rmSync(place, { recursive: true, force: true });
    const windows = [...windowsAt(this.#spans, moment)];
    return { ...verdict, image, moment, windows, promised: expected.promised.length, isSameBoot, lock };
  }

  /** One in so many anywhere, which is idle for the most part; else while something is under way in a window. */
  #momentFor(random: Random): number {
    const window = this.#options.window ?? random.pick([...WINDOWS, null]);
    const [first, last] = this.#range;
    const spans = this.#spans.flatMap(({ window: of, begin, durableAt }): (readonly [number, number])[] => {
      const [from, until] = [Math.max(begin, first), Math.min(durableAt, last)];
      return of === window && from < until ? [[from, until]] : [];
    });
    const [from, until] = spans.length === 0 ? this.#range : random.pick(spans);
    return from + random.below(until - from);
  }

  #leaveLocks(place: string, random: Random): Lock {
    const lock = random.pick(LOCKS);
    if (lock === 'missing') return lock;
    for (const [path, bytes] of Object.entries(this.#recording.locks)) {
      if (!existsSync(join(place, dirname(path)))) continue;
      const left = Buffer.from(bytes);
      for (let at = 0; lock === 'torn' && at < left.length; at += LOCK_PIECE_BYTES) {
        if (random.below(2) === 0) left.fill(0, at, Math.min(at + LOCK_PIECE_BYTES, left.length));
      }
      writeFileSync(join(place, path), left);
    }
    return lock;
  }

  /** A disk that was cloned is opened by the system that wrote it: LMDB must not trust that (fault 7). */
  #boot(place: string, random: Random): boolean {
    const isSame = random.below(2) === 0;
    const other = `${place}.boot-id`;
    if (!isSame) writeFileSync(other, OTHER_BOOT);
    process.env.RECORDER_BOOT_ID = isSame ? '' : other;
    return isSame;
  }

  #expectedAt(moment: number): Expected {
    const { answeredAt } = this.#log;
    const isPromised = ({ ref }: { readonly ref: number }) =>
      (answeredAt.get(ref) ?? Number.POSITIVE_INFINITY) <= moment + this.#options.haste;
    const { promised, rows, nowMs } = this.#recording;
    return {
      promised: promised.filter(isPromised),
      rows: rows.filter(isPromised),
      unpromised: promised.filter((one) => !isPromised(one)).slice(0, 5),
      nowMs,
    };
  }
}
