/** How the app sees things: names, euro with decimals, ISO-8601 instants, and fields that are absent, never null. */
import {
  dayText,
  type InstrumentView,
  isoText,
  type MilestonesView,
  type PaymentView,
  type PeriodParameters,
  type PeriodView,
  type RankingView,
  romeDayNumber,
  type TotalView,
} from '../../engine/index.ts';

/** Cents to the number that prints as euro with at most two decimals; exact for any amount of the programme. */
export function euro(cents: number): number {
  return cents / 100;
}

/** In version 1 a period that still waits for late data is closed (domain 3.4). */
export function awardPeriodResource(period: PeriodView, version: 1 | 2): object {
  return {
    awardPeriodId: period.awardPeriodId,
    startDate: period.startDay,
    endDate: period.endDay,
    gracePeriod: period.graceDays,
    minTransactionNumber: period.minTransactionNumber,
    cashbackPercentage: period.cashbackPercent,
    maxTransactionEvaluated: euro(period.maxTransactionEvaluatedCents),
    maxTransactionCashback: euro(period.maxTransactionCashbackCents),
    maxPeriodCashback: euro(period.maxPeriodCashbackCents),
    minPosition: period.minPosition,
    maxAmount: euro(period.jackpotCents),
    status: version === 1 && period.status === 'WAITING' ? 'CLOSED' : period.status,
  };
}

export function instrumentResource(instrument: InstrumentView, fiscalCode: string): object {
  const { hpan, status, activationMs, deactivationMs } = instrument;
  return {
    hpan,
    fiscalCode,
    activationDate: isoText(activationMs),
    ...(deactivationMs === null ? {} : { deactivationDate: isoText(deactivationMs) }),
    Status: status,
  };
}

/** `updateDate` is returned, though the original kept it to itself (DECISION 12). */
export function rankingResource(ranking: RankingView): object {
  return {
    awardPeriodId: ranking.awardPeriodId,
    ranking: ranking.ranking,
    transactionNumber: ranking.transactionNumber,
    maxTransactionNumber: ranking.maxTransactionNumber,
    minTransactionNumber: ranking.minTransactionNumber,
    totalParticipants: ranking.totalParticipants,
    minPosition: ranking.minPosition,
    updateDate: isoText(ranking.updateMs),
  };
}

/** `totalCashback` is raw here (domain 5.5). `period` is undefined only for a programme that does not list it. */
export function milestoneResource(
  milestones: MilestonesView,
  total: TotalView,
  period: PeriodParameters | undefined,
): object {
  const { idTrxPivot, cashbackNormCents, idTrxMinTransactionNumber } = milestones;
  return {
    totalCashback: euro(total.rawCents),
    ...(period === undefined ? {} : { maxCashback: euro(period.maxPeriodCashbackCents) }),
    ...(idTrxPivot === null ? {} : { idTrxPivot }),
    ...(cashbackNormCents === null ? {} : { cashbackNorm: euro(cashbackNormCents) }),
    ...(idTrxMinTransactionNumber === null ? {} : { idTrxMinTransactionNumber }),
  };
}

/** `idTrxIssuer` is a text in every row: empty where the acquirer sent none. */
export function transactionResource(payment: PaymentView): object {
  return {
    idTrx: payment.idTrx,
    hashPan: payment.hpan,
    idTrxAcquirer: payment.idTrxAcquirer,
    idTrxIssuer: payment.idTrxIssuer,
    amount: euro(payment.amountCents),
    trxDate: isoText(payment.trxMs),
    cashback: euro(payment.cashbackCents),
    circuitType: payment.circuitType,
    awardPeriodId: payment.awardPeriodId,
  };
}

/** A page grouped by Rome day; payments come newest first and stay so. */
export function daysOfTransactions(payments: readonly PaymentView[]): object[] {
  const days: { readonly date: string; readonly transactions: object[] }[] = [];
  for (const payment of payments) {
    const date = dayText(romeDayNumber(payment.trxMs));
    const last = days.at(-1);
    if (last?.date === date) last.transactions.push(transactionResource(payment));
    else days.push({ date, transactions: [transactionResource(payment)] });
  }
  return days;
}
