/** Format 1 of the rows, by table. Field order and numbers are the format: see formats.ts. */
import type { Card, CardHead, Departure, HistoryRow, RecentRecord, ReversalRow } from '../../engine/card/card.ts';
import type { Line, OutboxRow, PageTable, PartitionRow, RowHeads, RowTable, RowTypes } from '../../engine/ports.ts';
import type { CommandPage, PeriodTotals, Wallet, WalletHead, WalletMethod } from '../../engine/wallet/wallet.ts';
import type { ByteReader } from './bytes.ts';
import { page, readLine } from './page.ts';
import {
  absent,
  bytes,
  type Codec,
  type Fields,
  integer,
  list,
  newer,
  nullable,
  oneOf,
  pair,
  shape,
  text,
} from './shape.ts';
import {
  doneCommand,
  ledgerEntry,
  message,
  methodDetails,
  operation,
  optInStatus,
  paymentRow,
  payoff,
  pendingReversal,
} from './values-v1.ts';

const walletMethod = shape<WalletMethod>({
  hpan: text,
  details: nullable(methodDetails),
  cashback: oneOf<WalletMethod['cashback']>({ off: 0, enabling: 1, enabled: 2, disabling: 3 }),
  activationMs: nullable(integer),
  deactivationMs: nullable(integer),
  channel: text,
});

export const periodTotalsFields: Fields<PeriodTotals> = {
  awardPeriodId: integer,
  enrolment: integer,
  termsMs: integer,
  rawCents: integer,
  count: integer,
  lastTrxMs: integer,
  insertions: integer,
  latest: integer,
  frozen: absent(null),
  isRanked: absent(true),
};

export const walletFields: Fields<Wallet> = {
  citizen: text,
  // `excluded` by format 3 only, whose facts say who did it.
  status: oneOf<Wallet['status']>({ none: 0, enabled: 1, disabled: 2, excluded: 3 }),
  enrolment: integer,
  termsMs: integer,
  cancellationMs: nullable(integer),
  optInStatus,
  slot: integer,
  sealedTaxCode: nullable(bytes),
  payoff: nullable(payoff),
  recheck: absent(null),
  payoffRefused: absent(null),
  methods: list(walletMethod),
  favourite: absent(null),
  claimed: list(text),
  totals: list(shape<PeriodTotals>(periodTotalsFields)),
  operations: list(operation),
  commands: list(doneCommand),
  pagedTo: text,
  updatedMs: integer,
};

const historyRow = shape<HistoryRow>({
  citizen: text,
  enrolment: integer,
  channel: text,
  master: text,
  activationMs: integer,
  deactivationMs: nullable(integer),
});

export const cardFields: Fields<Card> = {
  hpan: text,
  status: oneOf<Card['status']>({ absent: 0, inactive: 1, active: 2, provisional: 3 }),
  par: absent(''),
  history: list(historyRow),
  departed: list(shape<Departure>({ citizen: text, enrolment: integer })),
  unanswered: integer,
  recent: list(shape<RecentRecord>({ key: text, place: integer, trxMs: integer })),
  olderMs: integer,
  pending: list(pendingReversal),
  arrivals: integer,
  reversals: integer,
};

export const partitionFields: Fields<PartitionRow> = {
  lastMs: integer,
  received: list(integer),
  sent: list(integer),
  closedPeriods: list(integer),
  closeHeard: list(shape<PartitionRow['closeHeard'][number]>({ awardPeriodId: integer, from: list(integer) })),
  frozenPeriods: list(integer),
  ties: list(pair(text, text)),
  citizensEnabled: integer,
  cardsActive: integer,
  paymentsListed: integer,
  commandsDone: integer,
  payoutCount: absent(0),
  payoutRuns: absent([]),
  payoutOrders: absent([]),
  programme: nullable(shape<NonNullable<PartitionRow['programme']>>({ json: text, hash: text })),
  frozenRankings: list(
    shape<PartitionRow['frozenRankings'][number]>({
      awardPeriodId: integer,
      vector: list(integer),
      participants: integer,
      digest: text,
    }),
  ),
};

const reversalRow = shape<ReversalRow>({ hpan: text, place: integer, atMs: integer });

const outboxRow = shape<OutboxRow>({ messages: list(message) });

export type RowValues = { readonly [T in RowTable]: Codec<RowTypes[T]> };

export const rowValues: RowValues = {
  wallet: shape<Wallet>(walletFields),
  payment: page(paymentRow),
  command: shape<CommandPage>({ commands: list(doneCommand) }),
  card: shape<Card>(cardFields),
  record: page(ledgerEntry),
  reversal: reversalRow,
  partition: shape<PartitionRow>(partitionFields),
  outbox: outboxRow,
  resolution: newer,
  payout: newer,
  payoutLink: newer,
  payoutFile: newer,
  notice: newer,
  noticeRun: newer,
  fileTally: newer,
  receivedFile: newer,
  pointer: newer,
  periodDecision: newer,
  exclusion: newer,
  merchantDay: newer,
};

/** Of what a row begins with: read alone, the rest is left where it is. */
export type HeadCodecs = { readonly [T in keyof RowHeads]: Codec<RowHeads[T]> };

export function headCodecs(wallet: Fields<Wallet>, card: Fields<Card>): HeadCodecs {
  const { operations, commands, pagedTo, updatedMs, ...walletHead } = wallet;
  const { departed, unanswered, recent, olderMs, pending, arrivals, reversals, ...cardHead } = card;
  return { wallet: shape<WalletHead>(walletHead), card: shape<CardHead>(cardHead) };
}

export const rowHeads: HeadCodecs = headCodecs(walletFields, cardFields);

/** A line of a page alone; undefined where the page is shorter. */
export type LineReaders = {
  readonly [T in PageTable]: (from: ByteReader, index: number) => Line<T> | undefined;
};

export const lineReaders: LineReaders = {
  payment: (from, index) => readLine(from, paymentRow, index),
  record: (from, index) => readLine(from, ledgerEntry, index),
  payout: newer.read,
};
