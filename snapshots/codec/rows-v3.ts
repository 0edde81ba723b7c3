/** Format 3 of the rows: the tables that it changed, and those that are new in it. */
import type { PartitionRow, PayoutLink } from '../../engine/ports.ts';
import type { PeriodTotals, Wallet } from '../../engine/wallet/wallet.ts';
import { page, readLine } from './page.ts';
import {
  type LineReaders,
  lineReaders as lineReadersV1,
  partitionFields,
  periodTotalsFields,
  type RowValues,
} from './rows-v1.ts';
import { rowValues as rowValuesV2, walletFields } from './rows-v2.ts';
import { flag, integer, list, shape } from './shape.ts';
import {
  exclusion,
  merchantDay,
  notice,
  noticeRun,
  payout,
  payoutFile,
  payoutOrder,
  payoutRun,
  storedResolution,
} from './values-v3.ts';

export const rowValues: RowValues = {
  ...rowValuesV2,
  wallet: shape<Wallet>({
    ...walletFields,
    totals: list(shape<PeriodTotals>({ ...periodTotalsFields, isRanked: flag })),
  }),
  partition: shape<PartitionRow>({
    ...partitionFields,
    payoutCount: integer,
    payoutRuns: list(payoutRun),
    payoutOrders: list(payoutOrder),
  }),
  resolution: storedResolution,
  payout: page(payout),
  payoutLink: shape<PayoutLink>({ place: integer }),
  payoutFile,
  notice,
  noticeRun,
  exclusion,
  merchantDay,
};

export const lineReaders: LineReaders = {
  ...lineReadersV1,
  payout: (from, index) => readLine(from, payout, index),
};
