/**
 * Which PARs cards of a store may have. Most that acquirers send are nobody's, and in the rows that takes a look at each
 * partition; here a bit that is not set says so. A bit that is set may be another PAR's: then the rows say it.
 *
 *     PAR --hash--> one of 2^27 bits: 16 MB, whatever it holds; of ten million PARs seven in a hundred strangers meet one
 *
 * Nothing of it is kept: with the first question after a start the rows of all cards that have one are gone through, so
 * many at a time, and until that is done every answer is "perhaps".
 */
import { LIMITS } from '../limits.ts';
import { PAR_PREFIX, parOf } from '../pointer.ts';
import type { Schedule } from '../ports.ts';
import type { View } from './view.ts';

const BITS = 2 ** 27;
const WORD_BITS = 32;

export interface KnownParsOptions {
  readonly partitions: readonly number[];
  readonly flushed: View;
  readonly schedule: Schedule;
  /** Rows cannot be read. */
  readonly failed: (error: unknown) => void;
}

export class KnownPars {
  readonly #options: KnownParsOptions;
  #words: Uint32Array | null = null;
  #isBegun = false;
  #isComplete = false;
  #isStopped = false;

  constructor(options: KnownParsOptions) {
    this.#options = options;
  }

  /** Before a card gets it: whatever is in no row yet when those are gone through is here already. */
  add(par: string): void {
    this.#words ??= new Uint32Array(BITS / WORD_BITS);
    const bit = bitOf(par);
    this.#words[bit >>> 5]! |= 1 << bit;
  }

  /** False = no card of this store has it. */
  mayHave(par: string): boolean {
    if (!this.#isBegun) this.#begin();
    if (!this.#isComplete) return true;
    const bit = bitOf(par);
    return this.#words !== null && (this.#words[bit >>> 5]! & (1 << bit)) !== 0;
  }

  /** Rows are read no more. */
  stop(): void {
    this.#isStopped = true;
  }

  #begin(): void {
    this.#isBegun = true;
    this.#addAll().catch(this.#options.failed);
  }

  async #addAll(): Promise<void> {
    const { partitions, flushed, schedule } = this.#options;
    for (const partition of partitions) {
      for (let after: string | undefined = PAR_PREFIX; after !== undefined; ) {
        await new Promise<void>((resolve) => schedule(resolve));
        if (this.#isStopped) return;
        const part = { prefix: PAR_PREFIX, after, countMax: LIMITS.parsPerReadMax };
        const subs: readonly string[] = flushed.first('pointer', partition, '', part).map(([sub]) => sub);
        for (const sub of subs) this.add(parOf(sub));
        after = subs.length < LIMITS.parsPerReadMax ? undefined : subs.at(-1);
      }
    }
    this.#isComplete = true;
  }
}

/** FNV-1a. */
function bitOf(par: string): number {
  let hash = 0x811c_9dc5;
  for (let index = 0; index < par.length; index += 1) hash = Math.imul(hash ^ par.charCodeAt(index), 0x0100_0193);
  return (hash >>> 0) % BITS;
}
