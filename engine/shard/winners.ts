/** Who wins a frozen period: known from the standing, unless it is the very one of the last winner. */
import type { CitizenKey, PeriodParameters } from '../contract.ts';
import type { Standing } from '../facts.ts';
import { compareWithoutTaxCodes } from '../ranking/audit.ts';
import type { Ranking } from '../ranking/ranking.ts';
import type { PeriodTotals, WalletHead } from '../wallet/wallet.ts';
import { rankedStanding, totalsOf } from '../wallet/wallet-facts.ts';

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
export function tiedOf(wallet: WalletHead, awardPeriodId: number, { lastWinner, verdicts }: Winners): readonly Tied[] {
  const totals = totalsOf(wallet, awardPeriodId);
  if (totals === undefined || lastWinner === null || verdicts.has(wallet.citizen)) return [];
  const standing = rankedStanding(totals);
  if (standing === null || compareWithoutTaxCodes(standing, lastWinner) !== 0) return [];
  return [{ citizen: wallet.citizen, standing }];
}

export function isWinning(citizen: CitizenKey, totals: PeriodTotals, { lastWinner, verdicts }: Winners): boolean {
  const standing = rankedStanding(totals);
  if (lastWinner === null || standing === null) return false;
  return verdicts.get(citizen) ?? compareWithoutTaxCodes(standing, lastWinner) < 0;
}
