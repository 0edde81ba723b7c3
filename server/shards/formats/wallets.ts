/** Forms of what a wallet shows, and of accounts that are checked again. */
import type {
  AccountRecheck,
  DayCount,
  MethodView,
  MilestonesView,
  PaymentsPage,
  PaymentsQuery,
  PaymentView,
  RankingView,
  TotalView,
  UnverifiedAccount,
  UnverifiedPart,
  WalletView,
} from '../../../engine/index.ts';
import {
  flag,
  ibanCheckStatus,
  integer,
  list,
  methodDetails,
  nullable,
  oneOf,
  optInStatus,
  shape,
  sparse,
  text,
} from '../../../snapshots/index.ts';
import { position } from './commands.ts';

export const paymentsQuery = sparse<PaymentsQuery>({
  awardPeriodId: integer,
  hpan: text,
  limit: integer,
  cursor: integer,
});

const methodView = shape<MethodView>({
  hpan: text,
  details: nullable(methodDetails),
  cashback: oneOf<MethodView['cashback']>({ off: 0, enabling: 1, enabled: 2, disabling: 3 }),
  activationMs: nullable(integer),
  deactivationMs: nullable(integer),
  channel: text,
});

export const walletView = shape<WalletView>({
  enabled: flag,
  termsMs: integer,
  cancellationMs: nullable(integer),
  optInStatus,
  iban: nullable(text),
  ibanCheckStatus: nullable(ibanCheckStatus),
  technicalAccountHolder: nullable(text),
  issuerCardId: nullable(text),
  methods: list(methodView),
  favourite: nullable(text),
  position,
});

export const totalView = shape<TotalView>({
  awardPeriodId: integer,
  shownCents: integer,
  rawCents: integer,
  payableCents: integer,
  transactionNumber: integer,
});

const paymentView = shape<PaymentView>({
  idTrx: text,
  hpan: text,
  idTrxAcquirer: text,
  idTrxIssuer: text,
  circuitType: text,
  operationType: text,
  trxMs: integer,
  amountCents: integer,
  cashbackCents: integer,
  awardPeriodId: integer,
});

export const paymentsPage = shape<PaymentsPage>({ payments: list(paymentView), nextCursor: nullable(integer) });

export const dayCount = shape<DayCount>({ day: text, count: integer });

export const milestonesView = shape<MilestonesView>({
  idTrxPivot: nullable(text),
  cashbackNormCents: nullable(integer),
  idTrxMinTransactionNumber: nullable(text),
});

export const rankingView = shape<RankingView>({
  awardPeriodId: integer,
  ranking: integer,
  takesPart: flag,
  transactionNumber: integer,
  maxTransactionNumber: integer,
  minTransactionNumber: integer,
  totalParticipants: integer,
  minPosition: integer,
  wouldWin: flag,
  jackpotCents: integer,
  updateMs: integer,
});

export const unverifiedPart = shape<UnverifiedPart>({ partition: integer, untilMs: integer, countMax: integer });

export const unverifiedAccount = shape<UnverifiedAccount>({ citizen: text, dueMs: integer, attempts: integer });

export const accountRecheck = shape<AccountRecheck>({
  citizen: text,
  dueMs: integer,
  verdict: oneOf<AccountRecheck['verdict']>({ OK: 0, KO: 1, INVALID: 2, UNKNOWN_PSP: 3 }),
});
