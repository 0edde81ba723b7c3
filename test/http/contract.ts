/**
 * The shapes of the real programme's answers, as its app decoded them: required fields, types, and optional fields
 * that are absent rather than null. Written down again here, since the documents themselves are not part of the project.
 */
import * as v from 'valibot';

const integer = v.pipe(v.number(), v.integer());
const day = v.pipe(v.string(), v.isoDate());
const instant = v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)$/));
const hpan = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
/** Euro: never more than two decimals. */
const euro = v.pipe(
  v.number(),
  v.check((amount) => Math.abs(amount * 100 - Math.round(amount * 100)) < 1e-6),
);

export const citizen = v.object({
  enabled: v.boolean(),
  fiscalCode: v.string(),
  timestampTC: instant,
  payoffInstr: v.exactOptional(v.string()),
  payoffInstrType: v.exactOptional(v.literal('IBAN')),
});
export const citizenV2 = v.object({ ...citizen.entries, optInStatus: v.picklist(['NOREQ', 'ACCEPTED', 'DENIED']) });

export const ibanAnswer = v.strictObject({ validationStatus: v.picklist(['OK', 'KO', 'UNKNOWN_PSP']) });

const ranking = v.object({
  awardPeriodId: integer,
  ranking: integer,
  transactionNumber: integer,
  maxTransactionNumber: integer,
  minTransactionNumber: integer,
  totalParticipants: integer,
  updateDate: instant,
});
export const rankings = v.array(ranking);
export const rankingsV2 = v.array(
  v.object({
    ...ranking.entries,
    milestoneResource: v.object({
      totalCashback: euro,
      maxCashback: euro,
      cashbackNorm: v.exactOptional(euro),
      idTrxPivot: v.exactOptional(v.string()),
      idTrxMinTransactionNumber: v.exactOptional(v.string()),
    }),
  }),
);

export const instrument = v.object({
  hpan,
  fiscalCode: v.string(),
  activationDate: instant,
  deactivationDate: v.exactOptional(instant),
  Status: v.picklist(['ACTIVE', 'INACTIVE']),
});
export const activation = v.strictObject({ activationDate: instant });
export const instrumentCounts = v.array(v.strictObject({ channel: v.string(), count: integer }));

export const awardPeriods = v.array(
  v.object({
    awardPeriodId: integer,
    startDate: day,
    endDate: day,
    gracePeriod: integer,
    minTransactionNumber: integer,
    cashbackPercentage: integer,
    maxTransactionEvaluated: integer,
    maxTransactionCashback: integer,
    maxPeriodCashback: integer,
    minPosition: integer,
    maxAmount: integer,
    status: v.picklist(['INACTIVE', 'ACTIVE', 'WAITING', 'CLOSED']),
  }),
);

export const total = v.strictObject({ totalCashback: euro, transactionNumber: integer });

const transaction = v.object({
  idTrx: v.string(),
  hashPan: hpan,
  idTrxAcquirer: v.string(),
  idTrxIssuer: v.string(),
  amount: euro,
  trxDate: instant,
  cashback: euro,
  circuitType: v.pipe(v.string(), v.regex(/^\d\d$/)),
  awardPeriodId: integer,
});
export const transactions = v.array(transaction);
export const transactionsV2 = v.object({
  nextCursor: v.exactOptional(integer),
  prevCursor: v.exactOptional(integer),
  transactions: v.array(v.object({ date: day, transactions: v.array(transaction) })),
});
export const countByDay = v.array(v.strictObject({ trxDate: day, count: integer }));

/** Domain 6.4, with our NAME beside it. */
export const errorBody = v.object({
  returnMessages: v.pipe(
    v.array(v.object({ code: v.string(), message: v.string(), severity: v.literal('ERROR') })),
    v.length(1),
  ),
  name: v.pipe(v.string(), v.regex(/^[A-Z_]+$/)),
  messageIt: v.string(),
});
