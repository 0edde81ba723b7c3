/** Format 3 of the rows: the tables that it changed, and those that are new in it. */
import type { Card } from '../../engine/card/card.ts';
import type { Pointer } from '../../engine/pointer.ts';
import type { PartitionRow, PayoutLink } from '../../engine/ports.ts';
import type { FrozenPlace, PeriodTotals, Wallet } from '../../engine/wallet/wallet.ts';
import { page, readLine } from './page.ts';
import {
  cardFields as cardFieldsV1,
  type HeadCodecs,
  headCodecs,
  type LineReaders,
  lineReaders as lineReadersV1,
  partitionFields,
  periodTotalsFields,
  type RowValues,
} from './rows-v1.ts';
import { rowValues as rowValuesV2, walletFields as walletFieldsV2 } from './rows-v2.ts';
import { type Fields, flag, integer, list, nullable, shape, text } from './shape.ts';
import { standing } from './values-v1.ts';
import {
  exclusion,
  fileTally,
  ledgerEntry,
  merchantDay,
  notice,
  noticeRun,
  payoffRefused,
  payout,
  payoutFile,
  payoutOrder,
  payoutRun,
  periodDecision,
  receivedFile,
  recheck,
  storedResolution,
} from './values-v3.ts';

const frozenPlace = shape<FrozenPlace>({ standing: nullable(standing) });

const walletFields: Fields<Wallet> = {
  ...walletFieldsV2,
  recheck: nullable(recheck),
  payoffRefused: nullable(payoffRefused),
  favourite: nullable(text),
  totals: list(shape<PeriodTotals>({ ...periodTotalsFields, frozen: nullable(frozenPlace), isRanked: flag })),
};

const cardFields: Fields<Card> = { ...cardFieldsV1, par: text };

export const rowValues: RowValues = {
  ...rowValuesV2,
  wallet: shape<Wallet>(walletFields),
  card: shape<Card>(cardFields),
  partition: shape<PartitionRow>({
    ...partitionFields,
    payoutCount: integer,
    payoutRuns: list(payoutRun),
    payoutOrders: list(payoutOrder),
  }),
  record: page(ledgerEntry),
  resolution: storedResolution,
  payout: page(payout),
  payoutLink: shape<PayoutLink>({ place: integer }),
  payoutFile,
  notice,
  noticeRun,
  fileTally,
  receivedFile,
  pointer: shape<Pointer>({ key: text }),
  periodDecision,
  exclusion,
  merchantDay,
};

export const rowHeads: HeadCodecs = headCodecs(walletFields, cardFields);

export const lineReaders: LineReaders = {
  ...lineReadersV1,
  record: (from, index) => readLine(from, ledgerEntry, index),
  payout: (from, index) => readLine(from, payout, index),
};
