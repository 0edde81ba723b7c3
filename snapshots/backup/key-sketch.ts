/**
 * Finds keys that come under more than one card, in bounded memory: an open-addressed table of hashes. Where it is full the
 * upper half of the keys is given up, for a later sketch to begin with.
 */
export interface KeySketchOptions {
  /** The first key; all before it were looked at. */
  readonly from: number;
  /** A power of two; 12 bytes each. */
  readonly slotsMax: number;
  /** How many keys are told; the others are counted. */
  readonly foundMax: number;
}

/** Keys are below it: the first 13 of 32 hex digits. */
export const KEYS_END = 2 ** 52;
const SLOTS_FIRST = 2 ** 10;
const FULL = 0.7;
const EMPTY = -1;
/** In place of a card; cards are below it. */
const SEVERAL = 0xffff_ffff;

export class KeySketch {
  readonly #options: KeySketchOptions;
  #end = KEYS_END;
  #keys = new Float64Array(0);
  #cards = new Uint32Array(0);
  #count = 0;

  constructor(options: KeySketchOptions) {
    this.#options = options;
    this.#keep(SLOTS_FIRST, [new Float64Array(0), new Uint32Array(0)]);
  }

  /** All keys before it were looked at. */
  get end(): number {
    return this.#end;
  }

  /** How many keys came under several cards, and as many of them as are told. */
  found(): { readonly count: number; readonly keys: readonly number[] } {
    let count = 0;
    const keys: number[] = [];
    for (const [slot, card] of this.#cards.entries()) {
      if (card !== SEVERAL) continue;
      count += 1;
      if (keys.length < this.#options.foundMax) keys.push(this.#keys[slot]!);
    }
    return { count, keys };
  }

  /** @param card of 32 bits */
  add(key: number, card: number): void {
    if (key < this.#options.from || key >= this.#end) return;
    this.#put(key, Math.min(card, SEVERAL - 1));
    if (this.#count > FULL * this.#keys.length) this.#makeRoom();
  }

  #put(key: number, card: number): void {
    const mask = this.#keys.length - 1;
    for (let slot = key & mask; ; slot = (slot + 1) & mask) {
      if (this.#keys[slot] === EMPTY) {
        this.#keys[slot] = key;
        this.#cards[slot] = card;
        this.#count += 1;
        return;
      }
      if (this.#keys[slot] === key) {
        if (this.#cards[slot] !== card) this.#cards[slot] = SEVERAL;
        return;
      }
    }
  }

  #makeRoom(): void {
    const { from, slotsMax } = this.#options;
    const slots = this.#keys.length;
    if (slots === slotsMax) this.#end = from + Math.ceil((this.#end - from) / 2);
    this.#keep(Math.min(2 * slots, slotsMax), [this.#keys, this.#cards]);
  }

  #keep(slots: number, [keys, cards]: readonly [Float64Array, Uint32Array]): void {
    this.#keys = new Float64Array(slots).fill(EMPTY);
    this.#cards = new Uint32Array(slots);
    this.#count = 0;
    for (const [slot, key] of keys.entries()) if (key !== EMPTY && key < this.#end) this.#put(key, cards[slot]!);
  }
}
