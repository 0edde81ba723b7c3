/** What a citizen sees, and how all stand in the ranking. All from flushed state. */
import type { IbanCheckStatus, MethodDetails, OptInStatus, Position } from './commands.ts';
import type { CitizenKey, Hpan } from './keys.ts';

export interface MethodView {
  readonly hpan: Hpan;
  /** Null for an instrument that was enabled without being listed in the wallet. */
  readonly details: MethodDetails | null;
  readonly cashback: 'off' | 'enabling' | 'enabled' | 'disabling';
  readonly activationMs: number | null;
  readonly deactivationMs: number | null;
  readonly channel: string;
}

export interface WalletView {
  readonly enabled: boolean;
  readonly termsMs: number;
  readonly cancellationMs: number | null;
  readonly optInStatus: OptInStatus;
  readonly iban: string | null;
  /** `KO` without an IBAN: the bank service said later that the account is not the citizen's, and it is kept no more. */
  readonly ibanCheckStatus: IbanCheckStatus | null;
  /** Null = the account is the citizen's own. */
  readonly technicalAccountHolder: string | null;
  readonly issuerCardId: string | null;
  readonly methods: readonly MethodView[];
  /** The listed method that the citizen pays with by preference; null = none. */
  readonly favourite: Hpan | null;
  readonly position: Position;
}

export interface PaymentView {
  readonly idTrx: string;
  readonly hpan: Hpan;
  readonly idTrxAcquirer: string;
  readonly idTrxIssuer: string;
  readonly circuitType: string;
  readonly operationType: string;
  readonly trxMs: number;
  /** Signed: a reversal is negative. */
  readonly amountCents: number;
  readonly cashbackCents: number;
  readonly awardPeriodId: number;
}

export interface PaymentsPage {
  /** Newest first by instant, then by insertion (later first). */
  readonly payments: readonly PaymentView[];
  readonly nextCursor: number | null;
}

export interface DayCount {
  readonly day: string;
  readonly count: number;
}

export interface TotalView {
  readonly awardPeriodId: number;
  /** Floored at zero and capped (domain 4.2, DECISION 20). */
  readonly shownCents: number;
  /** Uncapped, signed. */
  readonly rawCents: number;
  /** Zero below the minimum number of payments. */
  readonly payableCents: number;
  readonly transactionNumber: number;
}

export interface MilestonesView {
  readonly idTrxPivot: string | null;
  readonly cashbackNormCents: number | null;
  readonly idTrxMinTransactionNumber: string | null;
}

export interface RankingView {
  readonly awardPeriodId: number;
  /** From 1; participants + 1 for who takes no part. */
  readonly ranking: number;
  readonly takesPart: boolean;
  readonly transactionNumber: number;
  readonly maxTransactionNumber: number;
  readonly minTransactionNumber: number;
  readonly totalParticipants: number;
  readonly minPosition: number;
  /** True when the citizen would win the Super Cashback as things stand (domain 5.4). */
  readonly wouldWin: boolean;
  readonly jackpotCents: number;
  readonly updateMs: number;
}

export interface RankingEntry {
  readonly rank: number;
  readonly citizen: CitizenKey;
  readonly transactionNumber: number;
  readonly lastTrxMs: number;
}
