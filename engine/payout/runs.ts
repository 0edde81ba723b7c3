/** Records of a run stand in the order of their citizens: how one is found without an index of millions. */
import type { CitizenKey } from '../contract.ts';
import { type Payout, type PayoutRun, payoutPlace } from './payout.ts';

export type RecordAt = (place: number) => Payout;

/** Undefined = the run made none for this citizen. */
export function recordInRun(run: PayoutRun, citizen: CitizenKey, recordAt: RecordAt): Payout | undefined {
  const number = firstFrom(run, citizen, recordAt);
  if (number === run.first + run.count) return undefined;
  const record = recordAt(payoutPlace(number));
  return record.citizen === citizen ? record : undefined;
}

/** The records of a run, asked for citizens in the order of their keys: each is read once. */
export class RunReader {
  readonly #recordAt: RecordAt;
  readonly #end: number;
  #number: number;

  /** @param after the first citizen asked for comes after this one; empty = is any */
  constructor(run: PayoutRun, after: CitizenKey | '', recordAt: RecordAt) {
    this.#recordAt = recordAt;
    this.#end = run.first + run.count;
    this.#number = after === '' ? run.first : firstFrom(run, after, recordAt);
  }

  of(citizen: CitizenKey): Payout | undefined {
    for (; this.#number < this.#end; this.#number += 1) {
      const record = this.#recordAt(payoutPlace(this.#number));
      if (record.citizen === citizen) return record;
      if (record.citizen > citizen) return undefined;
    }
    return undefined;
  }
}

/** Number of the first record of this citizen, or of one after it. */
function firstFrom({ first, count }: PayoutRun, citizen: CitizenKey, recordAt: RecordAt): number {
  let [low, high] = [first, first + count];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (recordAt(payoutPlace(middle)).citizen < citizen) low = middle + 1;
    else high = middle;
  }
  return low;
}
