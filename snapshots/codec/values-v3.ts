/**
 * Format 3 of the values that are new in it: what is owed to citizens and the files that it goes out with; what citizens are
 * told; what operators decided about reversals and periods; what is taken out of counting; files of acquirers, which a record names now; what a bank says of an account
 * when it is asked again.
 */
import type { LedgerEntry, StoredResolution } from '../../engine/card/card.ts';
import type {
  Exclusion,
  FileFigure,
  Notice,
  PaymentName,
  PayoutFile,
  PayoutOutcome,
  PeriodDecision,
  ReceivedFile,
  RecordCover,
  RecordKey,
  Resolution,
} from '../../engine/contract.ts';
import type { MerchantDay } from '../../engine/exclusion/merchant-day.ts';
import type { FileTally } from '../../engine/file/received-file.ts';
import type { NoticeRun } from '../../engine/notice/notice.ts';
import type { Payout, PayoutOrder, PayoutRun } from '../../engine/payout/payout.ts';
import type { Recheck, Wallet } from '../../engine/wallet/wallet.ts';
import { flag, integer, list, nullable, oneOf, shape, text } from './shape.ts';
import { ledgerEntryFields, payoff, refusal } from './values-v1.ts';

export const ledgerEntry = shape<LedgerEntry>({ ...ledgerEntryFields, fileNumber: integer });

export const fileTally = shape<FileTally>({ fileNumber: integer, rowCount: integer, amountCents: integer });

export const fileFigure = shape<FileFigure>({
  fate: oneOf<FileFigure['fate']>({ accepted: 0, dropped: 1, rejected: 2, repeated: 3 }),
  code: nullable(refusal),
  rowCount: integer,
  amountCents: integer,
});

export const receivedFile = shape<ReceivedFile>({
  fileNumber: integer,
  sender: text,
  name: text,
  digest: text,
  receivedMs: integer,
  isDone: flag,
  figures: list(fileFigure),
});

export const recheck = shape<Recheck>({ dueMs: integer, attempts: integer });

export const payoffRefused = oneOf<NonNullable<Wallet['payoffRefused']>>({ KO: 0, INVALID: 1 });

export const recordCover = shape<RecordCover>({ master: text, citizen: text, enrolment: integer });

export const payoutOutcome = shape<PayoutOutcome>({
  result: oneOf<PayoutOutcome['result']>({ 'ORDINE ESEGUITO': 0, KO: 1, 'PRESA IN CARICO RIGETTATO': 2 }),
  reason: text,
  cro: text,
  executionDay: text,
});

export const payoutStatus = oneOf<Payout['status']>({ NEW: 0, WIP: 1, SENT: 2, RECOVERY: 3, INTEGRATION: 4 });

export const payout = shape<Payout>({
  place: integer,
  citizen: text,
  enrolment: integer,
  slot: integer,
  awardPeriodId: integer,
  cashbackCents: integer,
  jackpotCents: integer,
  payoff: nullable(payoff),
  status: payoutStatus,
  orderNumber: integer,
  isEnabled: flag,
  fileNumber: integer,
  outcome: nullable(payoutOutcome),
  relatedPlace: integer,
  successorPlace: integer,
  ticketId: text,
  consapId: text,
  atMs: integer,
});

export const resolution = oneOf<Resolution>({ apply: 0, discard: 1, keep: 2 });

export const storedResolution = shape<StoredResolution>({
  place: integer,
  resolution,
  paymentPlace: integer,
  operator: text,
  reason: text,
  atMs: integer,
});

export const payoutRun = shape<PayoutRun>({
  awardPeriodId: integer,
  orderNumber: integer,
  first: integer,
  count: integer,
  totalCents: integer,
  cursor: text,
  isDone: flag,
});

export const payoutCut = nullable(shape<NonNullable<PayoutOrder['cut']>>({ fundsCents: integer, totalCents: integer }));

export const payoutOrder = shape<PayoutOrder>({
  orderNumber: integer,
  awardPeriodId: integer,
  cut: payoutCut,
  atMs: integer,
});

export const payoutFile = shape<PayoutFile>({
  fileNumber: integer,
  awardPeriodId: integer,
  name: text,
  rowCount: integer,
  totalCents: integer,
  checksum: text,
  state: oneOf<PayoutFile['state']>({ writing: 0, delivered: 1, restored: 2 }),
  atMs: integer,
});

export const noticeRunKind = oneOf<NoticeRun['run']>({ missingIban: 0, endOfPeriod: 1, final: 2 });

export const notice = shape<Notice>({
  id: text,
  citizen: text,
  kind: oneOf<Notice['kind']>({
    missingIban: 0,
    endOfPeriod: 1,
    refund: 2,
    refundAndPrize: 3,
    noRefund: 4,
    transferExecuted: 5,
    transferFailed: 6,
    anomalous: 7,
  }),
  awardPeriodId: integer,
  cashbackCents: integer,
  jackpotCents: integer,
  payoutId: integer,
  state: oneOf<Notice['state']>({ due: 0, failed: 1, delivered: 2, withdrawn: 3 }),
  attempts: integer,
  dueMs: integer,
  atMs: integer,
});

export const noticeRun = shape<NoticeRun>({
  run: noticeRunKind,
  awardPeriodId: integer,
  cursor: text,
  count: integer,
  isDone: flag,
});

export const periodDecisionKind = oneOf<PeriodDecision['kind']>({
  suspend: 0,
  resume: 1,
  replace: 2,
  reopen: 3,
  close: 4,
});

export const periodDecision = shape<PeriodDecision>({
  number: integer,
  kind: periodDecisionKind,
  awardPeriodId: integer,
  files: list(text),
  untilMs: integer,
  operator: text,
  reason: text,
  atMs: integer,
  replaced: text,
});

export const recordKey = shape<RecordKey>({
  idTrxAcquirer: text,
  trxMs: integer,
  acquirerCode: text,
  acquirerId: text,
  operationType: text,
});

export const paymentName = shape<PaymentName>({ hpan: text, record: recordKey });

export const exclusion = shape<Exclusion>({
  citizen: text,
  payment: nullable(paymentName),
  state: oneOf<Exclusion['state']>({ proposed: 0, excluded: 1, lifted: 2, rejected: 3 }),
  action: oneOf<Exclusion['action']>({ exclude: 0, lift: 1, appeal: 2 }),
  proposedBy: text,
  reason: text,
  proposedMs: integer,
  decidedBy: text,
  decisionReason: text,
  decidedMs: integer,
  appealEndsMs: integer,
});

export const merchantDay = shape<MerchantDay>({
  enrolment: integer,
  awardPeriodId: integer,
  day: text,
  merchantId: text,
  paymentCount: integer,
  kept: list(paymentName),
  toldDay: text,
});
