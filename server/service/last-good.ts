/** A reading that may not come: after a while the last one that did is given in its place, with its age (R6). */

export interface LastGoodOptions<T> {
  readonly read: () => Promise<T>;
  readonly waitMsMax: number;
  readonly monotonicMs: () => number;
  /** @returns takes it back */
  readonly after: (ms: number, then: () => void) => () => void;
}

export interface Aged<T> {
  readonly value: T;
  /** 0 = it was read for this. */
  readonly ageMs: number;
}

export class LastGood<T> {
  readonly #options: LastGoodOptions<T>;
  #last: { readonly value: T; readonly readMs: number } | null = null;

  constructor(options: LastGoodOptions<T>) {
    this.#options = options;
  }

  /** The first one is waited for, however long it takes. Rejects as `read` does. */
  read(): Promise<Aged<T>> {
    const { read, waitMsMax, monotonicMs, after } = this.#options;
    return new Promise((resolve, reject) => {
      const takeBack = after(waitMsMax, () => {
        if (this.#last !== null) resolve({ value: this.#last.value, ageMs: monotonicMs() - this.#last.readMs });
      });
      read()
        .then((value) => {
          this.#last = { value, readMs: monotonicMs() };
          resolve({ value, ageMs: 0 });
        }, reject)
        .finally(takeBack);
    });
  }
}
