/** A request encoded once; each sending copies it and writes ref, id and other fields of fixed width over it. */
import { Packr } from 'msgpackr';
import { clientFrame } from './raw-socket.ts';

const packr = () => new Packr({ useRecords: false });
/** A string that no field holds: its place in the encoded message is the place of that field. */
const MARK = '\u0001';
const HEX = Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** Stands for a text of `length` ASCII characters that is filled in at each sending. */
export function blank(name: number, length: number): string {
  return `${MARK}${String.fromCharCode(name)}`.padEnd(length, MARK);
}

export class Template {
  readonly #frame: Buffer;
  readonly #refAt: number;
  readonly #blankAt: readonly number[];

  /** @param fields without `ref`; blanks are numbered from 2 in the order of `fill` */
  constructor(fields: Readonly<Record<string, unknown>>, blanks: readonly string[] = []) {
    // A ref below 128 is one byte of msgpack, so that any other may be written over it.
    this.#frame = clientFrame(packr().encode({ ref: 1, ...fields }));
    const refKey = Buffer.from([0xa3, ...Buffer.from('ref')]);
    this.#refAt = this.#frame.indexOf(refKey) + refKey.length;
    this.#blankAt = blanks.map((text) => this.#frame.indexOf(text, 0, 'latin1'));
    if (this.#blankAt.includes(-1)) throw new RangeError('a blank is not in the message');
  }

  /** A frame ready to send, with `texts` in the places of the blanks; each must be as long as its blank. */
  fill(ref: number, texts: readonly Buffer[]): Buffer {
    const frame = Buffer.from(this.#frame);
    frame[this.#refAt] = ref;
    for (let index = 0; index < texts.length; index += 1) frame.set(texts[index]!, this.#blankAt[index]!);
    return frame;
  }
}

/** Command ids, UUID version 7 in form, unique within a run: 15 digits of time and run, then a count. */
export class Ids {
  readonly #text: Buffer;
  #count = 0;

  /** @param run 5 hex digits */
  constructor(nowMs: number, run: string) {
    const time = nowMs.toString(16).padStart(12, '0');
    this.#text = Buffer.from(`${time}7${run.slice(0, 3)}8${run.slice(3).padEnd(3, '0')}${'0'.repeat(12)}`);
  }

  /** How many were given out. */
  get count(): number {
    return this.#count;
  }

  next(): Buffer {
    this.#count += 1;
    return this.of(this.#count);
  }

  /** The one that was given out as the `count`th. The same buffer each time: copy it before the next. */
  of(count: number): Buffer {
    let rest = count;
    for (let at = 31; at >= 20; at -= 1) {
      this.#text[at] = HEX[rest & 15]!;
      rest = Math.floor(rest / 16);
    }
    return this.#text;
  }
}
