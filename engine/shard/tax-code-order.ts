/**
 * The last tie-break of the ranking (domain 5.1). Tax codes are sealed, so a tie unseals both citizens; the most
 * recent ones stay in memory. Orders that were journaled (before a citizen's key was destroyed) come first.
 * Journaling every pair when it is first compared was tried: citizens who enrolled in one turn share the instant,
 * and 60,000 payments among 30,000 such citizens wrote 400,000 pairs.
 */
import type { CitizenKey } from '../contract.ts';

export class TaxCodeOrder {
  readonly #taxCodeOf: (citizen: CitizenKey) => string;
  readonly #journaled = new Map<string, number>();
  readonly #unsealed = new Map<CitizenKey, string>();

  /** @param taxCodeOf throws StorageFault where a key is gone */
  constructor(taxCodeOf: (citizen: CitizenKey) => string) {
    this.#taxCodeOf = taxCodeOf;
  }

  remember(first: CitizenKey, second: CitizenKey): void {
    this.#journaled.set(first + second, -1);
    this.#journaled.set(second + first, 1);
  }

  readonly compare = (left: CitizenKey, right: CitizenKey): number => {
    if (left === right) return 0;
    const journaled = this.#journaled.size === 0 ? undefined : this.#journaled.get(left + right);
    return journaled ?? (this.#taxCode(left) < this.#taxCode(right) ? -1 : 1);
  };

  #taxCode(citizen: CitizenKey): string {
    const known = this.#unsealed.get(citizen);
    if (known !== undefined) return known;
    const taxCode = this.#taxCodeOf(citizen);
    if (this.#unsealed.size >= UNSEALED_COUNT_MAX) this.#unsealed.clear();
    this.#unsealed.set(citizen, taxCode);
    return taxCode;
  }
}

/** About 10 MB. */
const UNSEALED_COUNT_MAX = 65_536;
