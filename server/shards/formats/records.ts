/** Forms of records, of what became of them and of the files that they came in. */
import {
  type FailedGuard,
  type FileArrival,
  type ParQuestion,
  RECORD_STATES,
  type ReceivedFilesPart,
  type RecordCommand,
  type RecordFate,
  type RecordOutcome,
  type RecordState,
  type Refused,
} from '../../../engine/index.ts';
import {
  type Codec,
  flag,
  integer,
  list,
  nullable,
  oneOf,
  recordCover,
  refusal,
  shape,
  sparse,
  text,
  transactionRecord,
} from '../../../snapshots/index.ts';
import { activationView } from './cards.ts';
import { refusedFields, union } from './composed.ts';
import { reversalResolved } from './reversals.ts';

export const fileArrival = shape<FileArrival>({ sender: text, name: text, digest: text, receivedMs: integer });

export const receivedFilesPart = shape<ReceivedFilesPart>({ prefix: text, after: text, countMax: integer });

export const recordCommand = sparse<RecordCommand>({
  record: transactionRecord,
  receivedMs: integer,
  fileNumber: integer,
  file: text,
  par: text,
  cover: recordCover,
});

export const parQuestion = shape<ParQuestion>({ par: text, dayNumber: integer });

export const recordOutcome = union<RecordOutcome | Refused>({
  ok: flag as Codec<false>, // There is no other.
  status: oneOf<RecordOutcome['status']>({ counted: 0, applied: 1, pending: 2, parked: 3, dropped: 4, rejected: 5 }),
  scoreCents: integer,
  awardPeriodId: integer,
  ...refusedFields,
});

export const recordFate = shape<RecordFate>({
  state: oneOf<RecordState>(
    Object.fromEntries(RECORD_STATES.map((state, number) => [state, number])) as Record<RecordState, number>,
  ),
  record: nullable(transactionRecord),
  receivedMs: nullable(integer),
  code: nullable(refusal),
  citizen: nullable(text),
  hasLeft: flag,
  awardPeriodId: nullable(integer),
  scoreCents: integer,
  leftCents: integer,
  expiresMs: nullable(integer),
  isFlagged: flag,
  related: list(transactionRecord),
  resolved: nullable(reversalResolved),
  guards: list(
    sparse<FailedGuard>({
      code: refusal,
      day: text,
      receivedDay: text,
      activations: list(activationView),
      termsMs: nullable(integer),
      acceptedUntilDay: nullable(text),
    }),
  ),
});
