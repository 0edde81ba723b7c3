/** Forms of payout records, of orders to make them and of what becomes of them. */
import type {
  LastPayoutOrder,
  PayoutAccount,
  PayoutChange,
  PayoutIntegration,
  PayoutProgress,
  PayoutReply,
  PayoutRunWork,
  PayoutsMade,
  PayoutsPart,
  PayoutsPartPage,
  PayoutView,
} from '../../../engine/index.ts';
import {
  type Codec,
  flag,
  ibanCheckStatus,
  integer,
  list,
  nullable,
  oneOf,
  payoutCut,
  payoutOrder,
  payoutOutcome,
  payoutStatus,
  shape,
  standing,
  text,
} from '../../../snapshots/index.ts';
import { refusedFields, union } from './composed.ts';

export const payoutsPart = shape<PayoutsPart>({
  partition: integer,
  from: integer,
  countMax: integer,
  filter: oneOf<PayoutsPart['filter']>({ all: 0, exportable: 1, wip: 2, failed: 3 }),
  awardPeriodId: nullable(integer),
  isBrief: flag,
});

export const payoutView = shape<PayoutView>({
  id: integer,
  citizen: text,
  taxCode: text,
  awardPeriodId: integer,
  cashbackCents: integer,
  jackpotCents: integer,
  account: nullable(
    shape<PayoutAccount>({
      iban: text,
      accountHolderCF: text,
      accountHolderName: text,
      accountHolderSurname: text,
      checkStatus: ibanCheckStatus,
      technicalAccountHolder: nullable(text),
      issuerCardId: nullable(text),
    }),
  ),
  status: payoutStatus,
  isEnabled: flag,
  fileNumber: nullable(integer),
  outcome: nullable(payoutOutcome),
  relatedId: nullable(integer),
  ticketId: nullable(text),
  consapId: nullable(text),
  updateMs: integer,
});

export const payoutsPartPage = shape<PayoutsPartPage>({ payouts: list(payoutView), next: nullable(integer) });

export const payoutChange = union<PayoutChange>({
  kind: oneOf<PayoutChange['kind']>({ export: 0, deliver: 1, restore: 2, outcome: 3 }),
  id: integer,
  fileNumber: integer,
  status: payoutStatus as Codec<'NEW' | 'RECOVERY' | 'SENT'>,
  outcome: payoutOutcome,
  updateMs: integer,
});

export const payoutReply = union<PayoutReply>({ ok: flag, successorId: nullable(integer), ...refusedFields });

export const payoutIntegration = shape<PayoutIntegration>({
  citizen: text,
  awardPeriodId: integer,
  account: shape<PayoutIntegration['account']>({
    iban: text,
    accountHolderCF: text,
    accountHolderName: text,
    accountHolderSurname: text,
  }),
  cashbackCents: integer,
  jackpotCents: integer,
  outcome: payoutOutcome,
  consapId: text,
  ticketId: text,
  relatedId: nullable(integer),
});

export const payoutsMade = shape<PayoutsMade>({
  awardPeriodId: integer,
  orderNumber: integer,
  recordCount: integer,
  totalCents: integer,
  cut: payoutCut,
});

export const lastPayoutOrder = shape<LastPayoutOrder>({ order: nullable(payoutOrder), orderCount: integer });

export const payoutProgress = shape<PayoutProgress>({ isDone: flag, recordCount: integer, totalCents: integer });

export const payoutRunWork = shape<PayoutRunWork>({ order: payoutOrder, lastWinner: nullable(standing) });
