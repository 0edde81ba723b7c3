/** Format 1 of the values that facts, messages and rows share. Field order is the format: see formats.ts. */
import type { LedgerEntry, PendingReversal } from '../../engine/card/card.ts';
import {
  type Answer,
  type MethodDetails,
  type MethodKind,
  type OptInStatus,
  REFUSALS,
  type RefusalName,
  type TransactionRecord,
} from '../../engine/contract.ts';
import type { Message, MessageBody, Standing } from '../../engine/facts.ts';
import type { DoneCommand, Granted, Operation, PaymentRow, Payoff } from '../../engine/wallet/wallet.ts';
import {
  absent,
  bytes,
  type Fields,
  flag,
  integer,
  list,
  nullable,
  oneOf,
  shape,
  shared,
  sparse,
  tagged,
  text,
} from './shape.ts';

/** By the number of the table of refusals, which only grows. */
export const refusal = oneOf<RefusalName>(
  Object.fromEntries(Object.entries(REFUSALS).map(([name, { number }]) => [name, number])) as Record<
    RefusalName,
    number
  >,
);

export const optInStatus = oneOf<OptInStatus>({ NOREQ: 0, ACCEPTED: 1, DENIED: 2 });

export const ibanCheckStatus = oneOf<Payoff['checkStatus']>({ OK: 0, KO: 1, UNKNOWN_PSP: 2 });

const methodKind = oneOf<MethodKind>({ card: 0, bancomat: 1, satispay: 2, bpay: 3, cobadge: 4, privative: 5 });

export const standing = shape<Standing>({ count: integer, lastTrxMs: integer, termsMs: integer });

export const payoff = shape<Payoff>({ checkStatus: ibanCheckStatus, sealed: bytes });

export const methodDetails = shape<MethodDetails>({
  methodKind,
  brand: text,
  lastDigits: text,
  expiry: text,
  issuerAbi: text,
});

export const answer = sparse<Answer>({
  termsMs: integer,
  optInStatus,
  validationStatus: ibanCheckStatus,
  hpan: text,
  activationMs: integer,
  enabled: list(text),
  refused: list(text),
});

export const doneCommand = shape<DoneCommand>({
  commandKey: text,
  bodyHash: text,
  command: absent(null),
  answer,
  sequence: integer,
});

export const operation = shape<Operation>({
  commandKey: text,
  bodyHash: text,
  hpan: text,
  kind: oneOf<Operation['kind']>({ enableCashback: 0, enableAll: 1, disableCashback: 2, removeMethod: 3, leave: 4 }),
  waiting: list(text),
  next: list(text),
  granted: list(shape<Granted>({ hpan: text, activationMs: integer })),
  refused: list(text),
  code: nullable(refusal),
  cancellationMs: nullable(integer),
  channel: text,
});

export const paymentRow = shape<PaymentRow>({
  place: integer,
  previous: integer,
  awardPeriodId: integer,
  enrolment: integer,
  insertion: integer,
  hpan: text,
  acquirerCode: text,
  acquirerId: text,
  operationType: text,
  circuitType: text,
  idTrxAcquirer: text,
  idTrxIssuer: text,
  trxMs: integer,
  amountCents: integer,
  cashbackCents: integer,
  countDelta: integer,
});

/** In one turn a record stands in what the card asks, what it keeps before, and what it keeps after the answer. */
export const transactionRecord = shared(
  shape<TransactionRecord>({
    acquirerCode: text,
    operationType: text,
    circuitType: text,
    hpan: text,
    trxMs: integer,
    idTrxAcquirer: text,
    idTrxIssuer: text,
    correlationId: text,
    amountCents: integer,
    acquirerId: text,
    merchantId: text,
    terminalId: text,
  }),
);

export const pendingReversal = shape<PendingReversal>({ place: integer, expiresMs: integer });

export const ledgerEntryFields: Fields<LedgerEntry> = {
  place: integer,
  previous: integer,
  key: text,
  latestMs: integer,
  record: transactionRecord,
  receivedMs: integer,
  arrival: integer,
  state: oneOf<LedgerEntry['state']>({
    asked: 0,
    counted: 1,
    pending: 2,
    applied: 3,
    parked: 4,
    expired: 5,
    forgotten: 6,
    // By format 3 only, whose facts say who did it.
    discarded: 7,
  }),
  citizen: text,
  enrolment: integer,
  awardPeriodId: integer,
  scoreCents: integer,
  leftCents: integer,
  matched: integer,
  code: nullable(refusal),
  flagged: flag,
  expiresMs: integer,
  fileNumber: absent(0),
};

export const ledgerEntry = shape<LedgerEntry>(ledgerEntryFields);

const messageBody = tagged<MessageBody>({
  claim: [1, { citizen: text, hpan: text, enrolment: integer, channel: text, master: text, isProvisional: flag }],
  claimJudged: [2, { citizen: text, hpan: text, activationMs: nullable(integer) }],
  release: [
    3,
    {
      citizen: text,
      hpan: text,
      enrolment: integer,
      cancellationMs: nullable(integer),
      isLeaving: flag,
    },
  ],
  releaseJudged: [4, { citizen: text, hpan: text, deactivationMs: nullable(integer), code: nullable(refusal) }],
  count: [5, { citizen: text, place: integer, record: transactionRecord, receivedMs: integer }],
  countJudged: [
    6,
    {
      hpan: text,
      place: integer,
      code: nullable(refusal),
      enrolment: integer,
      awardPeriodId: integer,
      scoreCents: integer,
    },
  ],
  reverse: [
    7,
    {
      citizen: text,
      enrolment: integer,
      place: integer,
      record: transactionRecord,
      awardPeriodId: integer,
      scoreCents: integer,
      countDelta: integer,
    },
  ],
  reverseJudged: [8, { hpan: text, place: integer, applied: flag }],
  periodClosed: [9, { awardPeriodId: integer }],
  claimConfirmed: [10, { citizen: text, hpan: text }],
  claimWithdrawn: [11, { citizen: text, hpan: text }],
  // By format 3 only, as `discarded` above.
  countLate: [
    12,
    { citizen: text, place: integer, record: transactionRecord, receivedMs: integer, awardPeriodId: integer },
  ],
  exclude: [13, { hpan: text, key: text, trxMs: integer, isExcluded: flag }],
});

export const message = shape<Message>({ from: integer, to: integer, sequence: integer, body: messageBody });
