/** Format 3 of the rows: the tables that it changed, and those that are new in it. */
import type { PartitionRow, PayoutLink } from '../../engine/ports.ts';
import { page, readLine } from './page.ts';
import { type LineReaders, lineReaders as lineReadersV1, partitionFields, type RowValues } from './rows-v1.ts';
import { rowValues as rowValuesV2 } from './rows-v2.ts';
import { integer, list, shape } from './shape.ts';
import {
  notice,
  noticeRun,
  payout,
  payoutFile,
  payoutOrder,
  payoutRun,
  periodDecision,
  storedResolution,
} from './values-v3.ts';

export const rowValues: RowValues = {
  ...rowValuesV2,
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
  periodDecision,
};

export const lineReaders: LineReaders = {
  ...lineReadersV1,
  payout: (from, index) => readLine(from, payout, index),
};
