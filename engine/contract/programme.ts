/** The law as data (domain 2.6). */

export const PERIOD_STATUSES = ['INACTIVE', 'ACTIVE', 'WAITING', 'CLOSED'] as const;
export type PeriodStatus = (typeof PERIOD_STATUSES)[number];

/** Domain 2.6. Amounts in cents; days inclusive. */
export interface PeriodParameters {
  readonly awardPeriodId: number;
  readonly name: string;
  readonly startDay: string;
  readonly endDay: string;
  readonly graceDays: number;
  readonly minTransactionNumber: number;
  readonly cashbackPercent: number;
  readonly maxTransactionEvaluatedCents: number;
  readonly maxTransactionCashbackCents: number;
  readonly maxPeriodCashbackCents: number;
  /** Last winning rank of the Super Cashback; 0 = there is none. */
  readonly minPosition: number;
  readonly jackpotCents: number;
  /** A suspended period is unknown to everybody (3.4, DECISION 40). */
  readonly isSuspended: boolean;
}

/**
 * The rule on split purchases (domain 5.6): of a citizen's payments of trifling amount at one merchant on one day all but
 * the first stop counting, as soon as there are so many.
 */
export interface AbuseRule {
  /** Of the first payments that are judged, `YYYY-MM-DD`. */
  readonly firstDay: string;
  /** What is trifling: at most this. */
  readonly amountCentsMax: number;
  /** From so many on. */
  readonly paymentsMin: number;
  /** Days after the one on which a payment stopped counting. */
  readonly appealDays: number;
}

/** The law as data: checked, hashed, journaled when a folder is made. */
export interface Programme {
  readonly name: string;
  /** The platform salt of the hpan (domain 2.2). */
  readonly panSalt: string;
  readonly periods: readonly PeriodParameters[];
  /** Circuits (two digits) that only the named senders (ABI) may send (DECISION 15); others are free. */
  readonly circuitSenders: Readonly<Record<string, readonly string[]>>;
  /** Absent: nothing is judged. */
  readonly abuseRule?: AbuseRule | undefined;
}
