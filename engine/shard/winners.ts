/** Who wins a frozen period: known from the standing, unless it is the very one of the last winner. */
import type { CitizenKey, PeriodParameters } from '../contract.ts';
import type { Standing } from '../facts.ts';
import { compareWithoutTaxCodes } from '../ranking/audit.ts';
import type { Ranking } from '../ranking/ranking.ts';
import type { Wallet } from '../wallet/wallet.ts';
import { totalsOf } from '../wallet/wallet-facts.ts';

export interface Winners {
  /** Of who has the last winning rank; null = nobody wins. */
  readonly lastWinner: Standing | null;
  /** Of those whose standing is the very same: whether their rank is a winning one. */
  readonly verdicts: ReadonlyMap<CitizenKey, boolean>;
}

export interface Tied {
  readonly citizen: CitizenKey;
  readonly standing: Standing;
}

/** Frozen positions stand, whoever left since (DECISION 25). */
export function lastWinner(ranking: Ranking, { minPosition }: PeriodParameters): Standing | null {
  const rank = Math.min(minPosition, ranking.count);
  return rank === 0 ? null : ranking.at(rank).standing;
}

/** Of whom it has to be asked. */
export function tiedOf(wallet: Wallet, awardPeriodId: number, { lastWinner, verdicts }: Winners): readonly Tied[] {
  const totals = totalsOf(wallet, awardPeriodId);
  if (totals?.isRanked !== true || lastWinner === null || verdicts.has(wallet.citizen)) return [];
  if (compareWithoutTaxCodes(totals, lastWinner) !== 0) return [];
  const { count, lastTrxMs, termsMs } = totals;
  return [{ citizen: wallet.citizen, standing: { count, lastTrxMs, termsMs } }];
}

export function isWinning(citizen: CitizenKey, standing: Standing, { lastWinner, verdicts }: Winners): boolean {
  if (lastWinner === null) return false;
  return verdicts.get(citizen) ?? compareWithoutTaxCodes(standing, lastWinner) < 0;
}
