/**
 * The last tie-break of the ranking (domain 5.1). Tax codes are sealed, so an order is worked out once, by
 * unsealing both, and journaled as a fact: erased citizens and `verify` use that.
 */
import type { CitizenKey } from '../contract.ts';

export interface TaxCodeOrderOptions {
  /** Throws StorageFault where a key is gone. */
  readonly taxCodeOf: (citizen: CitizenKey) => string;
  /** Called once for each pair that was not known. */
  readonly onOrdered: (first: CitizenKey, second: CitizenKey) => void;
}

export class TaxCodeOrder {
  readonly #options: TaxCodeOrderOptions;
  readonly #known = new Map<string, number>();

  constructor(options: TaxCodeOrderOptions) {
    this.#options = options;
  }

  remember(first: CitizenKey, second: CitizenKey): void {
    this.#known.set(first + second, -1);
    this.#known.set(second + first, 1);
  }

  readonly compare = (left: CitizenKey, right: CitizenKey): number => {
    if (left === right) return 0;
    const known = this.#known.get(left + right);
    if (known !== undefined) return known;
    const isLeftFirst = this.#options.taxCodeOf(left) < this.#options.taxCodeOf(right);
    const [first, second] = isLeftFirst ? [left, right] : [right, left];
    this.remember(first, second);
    this.#options.onOrdered(first, second);
    return isLeftFirst ? -1 : 1;
  };
}
