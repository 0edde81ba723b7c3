/** How a record is named in a body: by its own key (domain 2.4), its instant as a text. */
import * as v from 'valibot';
import { parseInstant, type RecordKey } from '../../engine/index.ts';

const text = v.pipe(v.string(), v.maxLength(255));

export const keyFields = { idTrxAcquirer: text, trxDate: text, acquirerCode: text, acquirerId: text };

/** The operation of a payment may be left out where it is `00`. */
export const paymentKeyFields = { ...keyFields, operationType: v.optional(text, '00') };

/** Null: its date is none. */
export function keyOf(named: Omit<RecordKey, 'trxMs'> & { readonly trxDate: string }): RecordKey | null {
  const { idTrxAcquirer, trxDate, acquirerCode, acquirerId, operationType } = named;
  const trxMs = parseInstant(trxDate);
  return trxMs === null ? null : { idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType };
}
