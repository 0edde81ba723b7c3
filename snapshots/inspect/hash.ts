/**
 * A hash of values as their codec walks through them, so that no field can be forgotten. It holds against chance, not
 * against intent: whoever can write a data folder at will can write one that agrees with itself.
 */
import { ByteWriter } from '../codec/bytes.ts';
import type { Codec } from '../codec/shape.ts';

/** A writer that keeps 64 bits of what it was told. */
export class Hash extends ByteWriter {
  #first = 0;
  #second = 0;

  constructor() {
    super(0);
    this.reset();
  }

  get first(): number {
    return mixed(this.#first, this.#second);
  }

  get second(): number {
    return mixed(this.#second, this.#first);
  }

  /** As many bits as one number holds exactly. */
  get number(): number {
    return (this.first >>> 0) * 2 ** 21 + (this.second >>> 11);
  }

  of<T>(codec: Codec<T>, value: T): number {
    this.reset();
    codec.write(this, value);
    return this.number;
  }

  override reset(): void {
    this.#first = 0x2c1b_3c6d;
    this.#second = 0x297a_2d39;
  }

  override byte(value: number): void {
    this.#first = Math.imul(this.#first ^ value, 0x9e37_79b1);
    this.#second = Math.imul(this.#second ^ value, 0x5f35_6495);
    this.#first ^= this.#second >>> 15;
  }

  override integer(value: number): void {
    this.byte(value | 0);
    this.byte(Math.floor(value / 2 ** 32) | 0);
  }

  override text(value: string): void {
    let [first, second] = [this.#first ^ value.length, this.#second ^ value.length];
    for (let index = 0; index < value.length; index += 1) {
      const code = value.charCodeAt(index);
      first = Math.imul(first ^ code, 0x9e37_79b1);
      second = Math.imul(second ^ code, 0x5f35_6495);
      first ^= second >>> 15;
    }
    this.#first = first;
    this.#second = second;
    this.byte(value.length);
  }

  override bytes(value: Uint8Array): void {
    for (const byte of value) this.byte(byte);
    this.byte(value.length);
  }

  /** Whatever it is, it is written out. */
  override isLast(): boolean {
    return false;
  }
}

function mixed(one: number, other: number): number {
  const high = Math.imul(one ^ (one >>> 16), 0x85eb_ca6b) ^ Math.imul(other ^ (other >>> 13), 0xc2b2_ae35);
  return Math.imul(high ^ (high >>> 15), 0x27d4_eb2f) ^ (high >>> 13);
}
