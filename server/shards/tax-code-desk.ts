/**
 * One question at a time from the coordinator's thread to a shard's: whose tax code is it? Only the vault of the
 * citizen's own store can unseal it, and a ranking cannot compare two that are equal in all else before it knows. So
 * the coordinator waits for the answer; shards never wait for the coordinator, so it always comes. The shard looks here
 * between two commands of a turn, and when it is rung: an answer takes as long as one command, not as long as a turn.
 *
 *   state, bytes: a word each; then the citizen's key, the tax code, or what is wrong
 */
import { invariant, StorageFault } from '../../engine/index.ts';

const HEADER_BYTES = 8;
const TEXT_BYTES = 1_016;

const STATE = 0;
const LENGTH = 1;
const QUIET = 0;
const ASKED = 1;
const ANSWERED = 2;
const FAILED = 3;

export function createDesk(): SharedArrayBuffer {
  return new SharedArrayBuffer(HEADER_BYTES + TEXT_BYTES);
}

class Desk {
  readonly words: Int32Array;
  readonly #text: Buffer;

  constructor(desk: SharedArrayBuffer) {
    this.words = new Int32Array(desk, 0, HEADER_BYTES / 4);
    this.#text = Buffer.from(desk, HEADER_BYTES);
  }

  put(text: string, state: number): void {
    this.words[LENGTH] = this.#text.write(text);
    Atomics.store(this.words, STATE, state);
  }

  take(): string {
    return this.#text.toString('utf8', 0, this.words[LENGTH]);
  }
}

/** The coordinator's side. */
export class AskedDesk {
  readonly #desk: Desk;
  readonly #ring: () => void;

  /** @param ring wakes the shard's thread */
  constructor(desk: SharedArrayBuffer, ring: () => void) {
    this.#desk = new Desk(desk);
    this.#ring = ring;
  }

  /** Waits for the answer. Throws StorageFault where the citizen's key is gone. */
  taxCodeOf(citizen: string): string {
    const { words } = this.#desk;
    this.#desk.put(citizen, ASKED);
    this.#ring();
    while (Atomics.load(words, STATE) === ASKED) Atomics.wait(words, STATE, ASKED);
    const text = this.#desk.take();
    const state = Atomics.exchange(words, STATE, QUIET);
    if (state === ANSWERED) return text;
    const [code = '', message] = text.split('\n');
    throw new StorageFault(code, message ?? '');
  }
}

/** The shard's side. */
export class AnsweringDesk {
  readonly #desk: Desk;
  readonly #taxCodeOf: (citizen: string) => string;

  constructor(desk: SharedArrayBuffer, taxCodeOf: (citizen: string) => string) {
    this.#desk = new Desk(desk);
    this.#taxCodeOf = taxCodeOf;
  }

  /** Nothing but one look, most of the time. */
  readonly look = (): void => {
    if (Atomics.load(this.#desk.words, STATE) !== ASKED) return;
    this.#answer();
    Atomics.notify(this.#desk.words, STATE);
  };

  #answer(): void {
    try {
      this.#desk.put(this.#taxCodeOf(this.#desk.take()), ANSWERED);
    } catch (error) {
      invariant(error instanceof StorageFault, `a tax code cannot be told: ${error}`);
      this.#desk.put(`${error.code}\n${error.message}`, FAILED);
    }
  }
}
