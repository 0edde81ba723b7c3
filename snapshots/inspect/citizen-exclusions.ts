import type { Exclusion, PaymentName } from '../../engine/contract.ts';
import type { MerchantDay } from '../../engine/exclusion/merchant-day.ts';
import type { PaymentRow } from '../../engine/wallet/wallet.ts';
import type { Held } from './held.ts';

/** What of one citizen was taken out of counting, or is to be. Payments by `nameText`, the citizen as the empty text. */
export class CitizenExclusions {
  readonly proposed = new Map<string, Exclusion>();
  /** The last that was excluded or lifted. */
  readonly standing = new Map<string, Exclusion>();
  /** How often a payment was to be taken out, and was; put back likewise. */
  readonly asked = new Map<string, number>();
  readonly done = new Map<string, number>();
  /** By the subject that rows name. */
  readonly subjects = new Map<string, string>();
  /** What each row of the lists was, one after the other; by its sub. */
  readonly rows = new Map<string, Held<Exclusion>[]>();
  readonly merchantDays = new Map<string, Held<MerchantDay>[]>();
  /** Trifling payments that the rule has not judged yet. */
  unjudged: PaymentRow[] = [];
  /** By which merchant the rule has judged each of them. */
  readonly shops: { readonly payment: PaymentRow; readonly merchantId: string }[] = [];
  /** Payments that the rule excludes, and that are not excluded yet. */
  readonly due = new Map<string, PaymentName>();
  /** Notices that no merchant's day has named yet, by id. */
  readonly announced = new Set<string>();

  /** Those that the list has as excluded. */
  *payments(): Iterable<PaymentName> {
    for (const { state, payment } of this.standing.values())
      if (state === 'excluded' && payment !== null) yield payment;
  }
}
