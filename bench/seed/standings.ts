/** Everybody's standings, gathered off the heap while rows are made, and the rankings that follow from them. */
import { type CitizenKey, makeTaxCode } from '../../engine/index.ts';
import { type Participant, Ranking } from '../../engine/ranking/ranking.ts';
import type { Wallet } from '../../engine/wallet/wallet.ts';

const KEY_BYTES = 16;

interface PeriodStandings {
  /** 0: takes no part. */
  readonly counts: Uint32Array;
  readonly lastTrxMs: Float64Array;
}

export class Standings {
  readonly #keys: Buffer;
  readonly #termsMs: Float64Array;
  readonly #periods: ReadonlyMap<number, PeriodStandings>;
  readonly #citizenCount: number;

  constructor(citizenCount: number, awardPeriodIds: readonly number[]) {
    this.#citizenCount = citizenCount;
    this.#keys = Buffer.allocUnsafeSlow(citizenCount * KEY_BYTES);
    this.#termsMs = new Float64Array(citizenCount);
    this.#periods = new Map(
      awardPeriodIds.map((awardPeriodId) => [
        awardPeriodId,
        { counts: new Uint32Array(citizenCount), lastTrxMs: new Float64Array(citizenCount) },
      ]),
    );
  }

  /** @param number of `makeTaxCode` */
  add(number: number, { citizen, termsMs, totals }: Wallet): void {
    this.#keys.write(citizen, number * KEY_BYTES, 'hex');
    this.#termsMs[number] = termsMs;
    for (const { awardPeriodId, count, lastTrxMs } of totals) {
      const period = this.#periods.get(awardPeriodId)!;
      period.counts[number] = count;
      period.lastTrxMs[number] = lastTrxMs;
    }
  }

  ranking(awardPeriodId: number): Ranking {
    const compare = (left: CitizenKey, right: CitizenKey) =>
      makeTaxCode(this.#numberOf(left)) < makeTaxCode(this.#numberOf(right)) ? -1 : 1;
    return Ranking.build(awardPeriodId, this.#participants(awardPeriodId), compare);
  }

  *#participants(awardPeriodId: number): Iterable<Participant> {
    const { counts, lastTrxMs } = this.#periods.get(awardPeriodId)!;
    for (let number = 0; number < this.#citizenCount; number += 1) {
      const count = counts[number]!;
      if (count === 0) continue;
      const standing = { count, lastTrxMs: lastTrxMs[number]!, termsMs: this.#termsMs[number]! };
      yield { citizen: this.#keys.toString('hex', number * KEY_BYTES, (number + 1) * KEY_BYTES), standing };
    }
  }

  /** A search through all of them: of ten million citizens a handful are equal down to their tax code. */
  #numberOf(citizen: CitizenKey): number {
    const key = Buffer.from(citizen, 'hex');
    let at = this.#keys.indexOf(key);
    while (at % KEY_BYTES !== 0) at = this.#keys.indexOf(key, at + 1);
    return at / KEY_BYTES;
  }
}
