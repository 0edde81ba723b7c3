/**
 * What a connection was told that has to wait, ready to be said again to whoever asks before its time: only how its request
 * begins is looked at, and its answer leaves with the next that the connection is told, so that coming early is cheap and no
 * faster than waiting. Whatever was on its way when it was told to wait may still come; whoever sends more
 * than that does not listen, and is cut rather than refused for ever.
 */
import type { Clock } from '../../engine/index.ts';
import type { Codec, RefusedReply, Repeated } from '../wire/index.ts';

/** In which refusals of the same words differ. */
const CHANGING = ['ref', 'retryAtMs', 'waitMs', 'position', 'ticket'] as const;
const REPEATED = new WeakMap<Codec, Map<string, Repeated>>();

interface Told {
  readonly ticket: string;
  dueMs: number;
  readonly again: Repeated;
  position: number;
  /** How often it came back since. */
  count: number;
  /** With these it came before its time, and is not answered yet. */
  refs: number[];
}

export interface Clocks {
  readonly monotonicMs: () => number;
  /** The programme's. */
  readonly clock: Clock;
}

export class Reminders {
  readonly #codec: Codec;
  readonly #onTheirWayMax: number;
  readonly #clocks: Clocks;
  /** By type of request, since each has its own words. */
  readonly #told = new Map<string, Told>();
  /** Those to be answered. */
  #early: Told[] = [];
  #isDeaf = false;

  constructor(codec: Codec, onTheirWayMax: number, clocks: Clocks) {
    this.#codec = codec;
    this.#onTheirWayMax = onTheirWayMax;
    this.#clocks = clocks;
  }

  /** It sent more than can have been on its way. */
  get isDeaf(): boolean {
    return this.#isDeaf;
  }

  /** Was given an appointment just now, or reminded of it. */
  add(type: string, refused: RefusedReply, ticket: string): void {
    const { waitMs = 0, position = 0 } = refused;
    const before = this.#told.get(type);
    if (before !== undefined && before.ticket === ticket) return this.#count(before);
    const dueMs = this.#clocks.monotonicMs() + waitMs;
    this.#told.set(type, { ticket, dueMs, again: repeatedBy(this.#codec, refused), position, count: 0, refs: [] });
  }

  /** It stands elsewhere now; at position 0 it may come. */
  moved(ticket: string, position: number): void {
    for (const [type, told] of this.#told) {
      if (told.ticket !== ticket) continue;
      told.position = position;
      if (position > 0) continue;
      told.dueMs = this.#clocks.monotonicMs();
      this.#told.delete(type);
    }
  }

  /** Whether such a frame came before its time, and so is answered by `answers`; any other has to be looked at. */
  isEarly(frame: Uint8Array): boolean {
    if (this.#told.size === 0) return false;
    const asked = this.#codec.peek(frame);
    const told = asked === null ? undefined : this.#told.get(asked.type);
    if (asked === null || told === undefined) return false;
    if (this.#waitMs(told) === 0) {
      this.#told.delete(asked.type);
      return false;
    }
    this.#count(told);
    if (told.refs.length === 0) this.#early.push(told);
    told.refs.push(asked.ref);
    return true;
  }

  /** To all that came early since the last time. */
  answers(): readonly (string | Uint8Array)[] {
    if (this.#early.length === 0) return [];
    const nowMs = this.#clocks.clock.nowMs();
    const answers = this.#early.flatMap((told) => {
      const waitMs = this.#waitMs(told);
      const { refs, position, ticket } = told;
      told.refs = [];
      return refs.map((ref) => told.again([ref, nowMs + waitMs, waitMs, position, ticket]));
    });
    this.#early = [];
    return answers;
  }

  #waitMs({ dueMs }: Told): number {
    return Math.max(0, Math.ceil(dueMs - this.#clocks.monotonicMs()));
  }

  #count(told: Told): void {
    told.count += 1;
    if (told.count > this.#onTheirWayMax) this.#isDeaf = true;
  }
}

/** Made once for all who are told so: nothing is in it but the words. */
function repeatedBy(codec: Codec, { ok, code, messageCode, message, messageIt }: RefusedReply): Repeated {
  const ofCodec = REPEATED.get(codec) ?? new Map<string, Repeated>();
  REPEATED.set(codec, ofCodec);
  const name = `${code} ${message}`;
  const again = ofCodec.get(name) ?? codec.repeated({ ok, code, messageCode, message, messageIt }, CHANGING);
  ofCodec.set(name, again);
  return again;
}
