/** What the rule on abuse remembers of a citizen's trifling payments at one merchant on one day (programme/abuse.ts). */
import type { PaymentName } from '../contract.ts';

export interface MerchantDay {
  /** Under which they were counted: a later one begins anew. */
  readonly enrolment: number;
  readonly awardPeriodId: number;
  readonly day: string;
  readonly merchantId: string;
  /** How many were counted so far. */
  readonly paymentCount: number;
  /** Those that the rule has not excluded; once there were too many, the first alone. */
  readonly kept: readonly PaymentName[];
  /** Day on which the citizen was told last; empty = never. Nobody is told twice on one day of one merchant. */
  readonly toldDay: string;
}
