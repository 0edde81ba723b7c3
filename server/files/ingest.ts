/** Takes in acquirers' files: every good row is applied, every other one is named with its reason (DECISION 17). */
import { createHash } from 'node:crypto';
import {
  type Clock,
  checkRow,
  type Engine,
  type FileArrival,
  type Hpan,
  isoText,
  LIMITS,
  type Programme,
  type Read,
  type RecordOutcome,
  type RefusalName,
  type Refused,
  romeDayNumber,
  type TransactionRecord,
} from '../../engine/index.ts';
import type { FileLane } from '../admission/index.ts';
import { BadLines, type ErrorStore, type KeptErrors, NO_ERRORS } from '../errors/index.ts';
import { PgpFault, type Transform } from '../pgp/index.ts';
import { isNetworkPan } from '../wire/index.ts';
import { openAccount } from './account.ts';
import { type FileName, readFileName } from './file-name.ts';
import { type Line, linesOf } from './lines.ts';
import { FileOutcome, type FileSummary } from './outcome.ts';
import { type Spool, type Spooled, spoolText } from './spool.ts';
import { type TokenOptions, type TokenReport, takeTokens } from './tokens.ts';

export interface FileIngestOptions {
  readonly engine: Pick<Engine, 'record' | 'openIntake' | 'openFile' | 'closeFile' | 'programme'> &
    TokenOptions['engine'];
  readonly clock: Clock;
  /** Where lines in error are kept for an operator. Absent: nowhere. */
  readonly errors?: ErrorStore | undefined;
  /** Where uploads wait to be whole; they never have a name there. */
  readonly spoolFolder: string;
  /** Real time: how long to wait says nothing about the programme's clock, which may run or stand still. */
  readonly pause: (ms: number) => Promise<void>;
  /** Files give way to everybody else there. Absent: they need not. */
  readonly lane?: Pick<FileLane, 'enter' | 'leave'> | undefined;
  /** Why nothing more may be written now; null = it may. */
  readonly refusal: () => Refused | null;
  /** Largest file; default LIMITS.fileBytesMax. */
  readonly bytesMax?: number;
  /** Of a file named `.pgp`; null or absent: there is no key for it. */
  readonly decrypting?: Transform | null;
  /** Others are refused. Absent: both kinds are taken. */
  readonly isEncryptionRequired?: boolean;
  /** The server stops: what is under way is answered, and nothing more is taken. Absent: it never does. */
  readonly stopping?: AbortSignal;
}

export interface UploadedFile {
  readonly name: string;
  /** The ABI code that the sender's token names. */
  readonly sender: string;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface FileReport {
  readonly ok: true;
  readonly summary: FileSummary;
  readonly outcome: FileOutcome;
  /** Lines in error, those that an operator finds again and those that are only counted. */
  readonly errors: KeptErrors;
}

/** A line that an operator submits in the place of one in error. */
export interface SubmittedLine {
  /** Of its file. */
  readonly name: string;
  readonly sender: string;
  readonly line: number;
  readonly text: string;
}

export interface FileIngester {
  /**
   * Transactions. Resolves when every row is answered, which is when it is durable. Refuses FILE_NAME_INVALID, FORBIDDEN
   * (another sender's name), TOO_LARGE, ENCODING_INVALID, PGP_… and OVERLOADED with nothing taken; STORAGE_FULL and DRAINING
   * where rows may have been taken: sending the file again is safe, since keys decide.
   */
  ingest(file: UploadedFile): Promise<FileReport | Refused>;
  /** Device tokens. Resolves, and refuses, as `ingest` does. */
  ingestTokens(file: UploadedFile): Promise<TokenReport | Refused>;
  /** As a file of one row. Refuses with what is wrong with it; one that is stored already is taken in. */
  takeLine(line: SubmittedLine): Promise<{ readonly ok: true } | Refused>;
}

export function createFileIngester(options: FileIngestOptions): FileIngester {
  let openCount = 0;
  const during = async <T>(work: () => Promise<T | Refused>): Promise<T | Refused> => {
    if (openCount >= LIMITS.filesAtOnceMax) {
      return { ok: false, code: 'OVERLOADED', retryAtMs: options.clock.nowMs() + LIMITS.retryMsMax };
    }
    const refused = options.refusal();
    if (refused !== null) return refused;
    openCount += 1;
    try {
      return await work();
    } finally {
      openCount -= 1;
    }
  };
  const takeFile = async <T>(
    file: UploadedFile,
    kind: FileName['kind'],
    take: (spool: Spool, name: FileName) => Promise<T | Refused>,
  ): Promise<T | Refused> => {
    const name = readFileName(file.name);
    if (name === null || name.kind !== kind) return { ok: false, code: 'FILE_NAME_INVALID' };
    if (name.sender !== file.sender)
      return { ok: false, code: 'FORBIDDEN', detail: 'the file is named after another sender' };
    const reading = readingOf(name, options);
    return reading.ok
      ? during(() => takeIn(reading.value(bodyOf(file, options)), options, (spool) => take(spool, name)))
      : reading;
  };
  return {
    ingest: (file) => takeFile(file, 'transactions', (spool, { plain }) => deliver({ ...file, plain }, spool, options)),
    ingestTokens: (file) =>
      takeFile(file, 'tokens', (spool) => takeTokens(arrivalOf(file, spool.digest, options), spool, options)),
    takeLine: (line) => during(() => takeLine(line, options)),
  };
}

async function takeLine(submitted: SubmittedLine, options: FileIngestOptions): Promise<{ ok: true } | Refused> {
  const { sender, text } = submitted;
  const { kind = 'transactions', plain = submitted.name } = readFileName(submitted.name) ?? {};
  const file = { name: `${submitted.name}#${submitted.line}`, sender, plain };
  const digest = createHash('sha256').update(text).digest('hex');
  const once = async function* () {
    yield text;
  };
  const unkept = { ...options, errors: undefined };
  const report =
    kind === 'tokens'
      ? await takeTokens(arrivalOf(file, digest, options), { text: once }, unkept)
      : await deliver(file, { digest, text: once }, unkept);
  if (!report.ok) return report;
  const [bad] = report.outcome.rowsNotCounted();
  if (bad === undefined || bad.code === 'DUPLICATE_RECORD') return { ok: true };
  if (bad.code === '' || bad.status === 'pending' || bad.status === 'parked') return { ok: true };
  return { ok: false, code: bad.code, ...(bad.detail === '' ? {} : { detail: bad.detail }) };
}

/** How the bytes of such a file become text. */
function readingOf({ isEncrypted }: FileName, options: FileIngestOptions): Read<Transform> {
  const { decrypting = null, isEncryptionRequired = false } = options;
  if (!isEncrypted)
    return isEncryptionRequired ? { ok: false, code: 'PGP_REQUIRED' } : { ok: true, value: (bytes) => bytes };
  return decrypting === null ? { ok: false, code: 'PGP_NOT_CONFIGURED' } : { ok: true, value: decrypting };
}

/** With its name as operators know it, who open a closed period for it. */
type Named<T extends Partial<UploadedFile>> = T & Pick<FileName, 'plain'>;

async function takeIn<T>(
  body: AsyncIterable<Uint8Array>,
  options: FileIngestOptions,
  take: (spool: Spool) => Promise<T | Refused>,
): Promise<T | Refused> {
  const { stopping } = options;
  const spooled = await spool(body, options);
  if (!spooled.ok) return stopping?.aborted === true ? DRAINING : spooled;
  try {
    return stopping?.aborted === true ? DRAINING : await take(spooled.spool);
  } finally {
    await spooled.spool.close();
  }
}

/**
 * An encrypted file too is here in its spool before its first row counts: only its end tells that it is whole. There it
 * lies as any other does, without a name and under a key that nobody else has.
 */
async function spool(body: AsyncIterable<Uint8Array>, options: FileIngestOptions): Promise<Spooled> {
  const { spoolFolder, bytesMax = LIMITS.fileBytesMax, refusal } = options;
  try {
    return await spoolText(body, spoolFolder, { bytesMax, refusal });
  } catch (fault) {
    if (fault instanceof PgpFault) return { ok: false, code: fault.code };
    throw fault;
  }
}

const DRAINING: Refused = { ok: false, code: 'DRAINING' };

function bodyOf({ body }: UploadedFile, { stopping }: FileIngestOptions): AsyncIterable<Uint8Array> {
  return stopping === undefined ? body : until(stopping, body);
}

/** What has come until then; whoever is slow to send is not waited for. */
async function* until(stopping: AbortSignal, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const chunks = body[Symbol.asyncIterator]();
  const stopped = new Promise<null>((resolve) => stopping.addEventListener('abort', () => resolve(null)));
  while (!stopping.aborted) {
    const next = await Promise.race([chunks.next(), stopped]);
    if (next === null || next.done === true) return;
    yield next.value;
  }
}

function arrivalOf(
  { sender, name }: Pick<UploadedFile, 'sender' | 'name'>,
  digest: string,
  { clock }: FileIngestOptions,
): FileArrival {
  return { sender, name, digest, receivedMs: clock.nowMs() };
}

async function deliver(
  { plain, ...file }: Named<Pick<UploadedFile, 'name' | 'sender'>>,
  text: Pick<Spool, 'digest' | 'text'>,
  options: FileIngestOptions,
): Promise<FileReport | Refused> {
  const arrival = arrivalOf(file, text.digest, options);
  const closeIntake = options.engine.openIntake(arrival.receivedMs);
  try {
    return await accountFor(arrival, { text, plain }, options);
  } finally {
    // Also where the rest cannot be read; a period waits by itself for what was handed over.
    closeIntake();
  }
}

/**
 * What became of the rows is accounted for when all are answered and before the sender is. Whatever dies in between, the
 * engine knows which rows it has accepted of the file; sent again they are repetitions, and the others are judged anew.
 */
async function accountFor(
  arrival: FileArrival,
  { text, plain }: { readonly text: Pick<Spool, 'text'>; readonly plain: string },
  options: FileIngestOptions,
): Promise<FileReport | Refused> {
  const opened = await openAccount(options.engine, arrival);
  if (!opened.ok) return opened;
  const account = opened.value;
  const [outcome, badLines] = [new FileOutcome(), new BadLines()];
  const refused = await handOverAll(text, {
    options,
    outcome,
    badLines,
    arrival,
    plain,
    fileNumber: account?.fileNumber,
  });
  if (refused !== null) return refused;
  const file = { kind: 'transactions', ...arrival } as const;
  const errors = (await options.errors?.keep(file, badLines)) ?? NO_ERRORS;
  const closed = account && (await options.engine.closeFile({ ...account, figures: outcome.figures() }));
  if (closed?.ok === false) return closed;
  return { ok: true, summary: outcome.summary(arrival.name, isoText(arrival.receivedMs)), outcome, errors };
}

/** @returns why the rest was not sent, when what was is answered; null = all is */
async function handOverAll(text: Pick<Spool, 'text'>, work: DeliveryOptions): Promise<Refused | null> {
  const { options, arrival } = work;
  const delivery = new Delivery(work);
  const { programme } = options.engine;
  const context = { sender: arrival.sender, programme, todayDayNumber: romeDayNumber(arrival.receivedMs) };
  const cut = () => delivery.cut();
  options.stopping?.addEventListener('abort', cut);
  try {
    await handOver(text, context, delivery, work);
    await delivery.settle();
  } finally {
    options.stopping?.removeEventListener('abort', cut);
  }
  return delivery.refusal;
}

async function handOver(
  text: Pick<Spool, 'text'>,
  context: Context,
  delivery: Delivery,
  { outcome, badLines }: DeliveryOptions,
): Promise<void> {
  for await (const lines of linesOf(text)) {
    for (const line of lines) {
      const row = readRow(line, context);
      if (!row.ok) {
        outcome.reject(line.number, row.code, row.detail);
        badLines.add({ line: line.number, code: row.code, detail: row.detail, text: line.text });
      } else if (!(await delivery.add({ ...row, line: line.number, text: line.text }))) return;
    }
    if (delivery.refusal !== null) return;
  }
}

interface Context {
  readonly sender: string;
  readonly programme: Programme;
  readonly todayDayNumber: number;
}

type CheckedRow =
  | { readonly ok: true; readonly record: TransactionRecord; readonly par?: string }
  | { readonly ok: false; readonly code: RefusalName; readonly detail: string };

function readRow({ columns }: Line, context: Context): CheckedRow {
  if (columns === null) return { ok: false, code: 'WRONG_COLUMNS', detail: 'line too long' };
  const checked = checkRow(columns, context);
  if (!checked.ok) return checked;
  const exposed = IDENTIFIERS.find((name) => isNetworkPan(checked.record[name]));
  return exposed === undefined ? checked : { ok: false, code: 'FIELD_INVALID', detail: exposed };
}

/** Free texts of a sender, where a card number must not slip into the store (fault 60). */
const IDENTIFIERS = [
  'idTrxAcquirer',
  'idTrxIssuer',
  'correlationId',
  'acquirerId',
  'merchantId',
  'terminalId',
] as const;

interface Row {
  readonly line: number;
  readonly text: string;
  readonly record: TransactionRecord;
  readonly par?: string;
}

interface DeliveryOptions {
  readonly options: FileIngestOptions;
  readonly outcome: FileOutcome;
  readonly badLines: BadLines;
  readonly arrival: FileArrival;
  /** Undefined: it is not accounted for. */
  readonly fileNumber: number | undefined;
  /** Its name, as operators know it. */
  readonly plain: string;
}

const FIRST_PAUSE_MS = 20;
const PAUSE_MS_MAX = 1_000;

/**
 * A window of rows under way. The order of reversals is the order of the file (DECISION 19): the engine takes the rows
 * of one card in the order in which it is told them, so a row refused for want of room holds back those behind it.
 *
 *     card A   row 1 under way, row 4 under way
 *     card B   row 2 refused: held   <- row 3, row 7 held behind it
 *
 * An engine refuses for want of room at once, before the next row is sent: the one exception, 8,192 tasks put off
 * behind one card, is out of reach for all files together (limits.ts).
 */
class Delivery {
  readonly #options: DeliveryOptions;
  readonly #held = new Map<Hpan, Row[]>();
  #isRetrying = false;
  /** Rows under way, those held included. */
  #count = 0;
  /** Called when there are fewer of them. */
  #wake: () => void = () => {};
  #refusal: Refused | null = null;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** Set once the engine takes nothing more: the rest of the file is not sent. */
  get refusal(): Refused | null {
    return this.#refusal;
  }

  /** Resolves when there was room for the row; false: it was not taken, nor will any other be. */
  async add(row: Row): Promise<boolean> {
    if (this.#count >= LIMITS.fileRowsInFlightMax) await this.#fallsBelow(LIMITS.fileRowsInFlightMax);
    const { lane } = this.#options.options;
    const turn = lane?.enter() ?? null;
    if (turn !== null) await turn;
    if (this.#refusal !== null) {
      lane?.leave();
      return false;
    }
    this.#count += 1;
    this.#send(row);
    return true;
  }

  /** Sends nothing more; what is under way will be answered. */
  cut(): void {
    this.#refuse(DRAINING);
    this.#wake();
  }

  /** Resolves when nothing is under way. */
  settle(): Promise<void> {
    return this.#fallsBelow(1);
  }

  async #fallsBelow(count: number): Promise<void> {
    while (this.#count >= count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #send(row: Row): void {
    if (this.#held.has(row.record.hpan)) {
      this.#hold(row);
      return;
    }
    const { options, arrival, fileNumber, plain } = this.#options;
    const { receivedMs } = arrival;
    const { record, par } = row;
    const command = { record, receivedMs, fileNumber, file: plain, ...(par === undefined ? {} : { par }) };
    options.engine.record(command, (answer) => this.#answered(row, answer));
  }

  #answered(row: Row, answer: RecordOutcome | Refused): void {
    if ('ok' in answer && answer.code === 'OVERLOADED' && this.#refusal === null) {
      this.#hold(row);
      return;
    }
    if ('ok' in answer) this.#refuse(answer);
    else this.#judged(row, answer);
    this.#leave(1);
    this.#wake();
  }

  #leave(count: number): void {
    this.#count -= count;
    for (let left = 0; left < count; left += 1) this.#options.options.lane?.leave();
  }

  /** One that is stored already leaves nothing to put right. */
  #judged({ line, text, record }: Row, answer: RecordOutcome): void {
    this.#options.outcome.add(line, answer, record.amountCents);
    if (answer.status !== 'rejected' || answer.code === 'DUPLICATE_RECORD') return;
    this.#options.badLines.add({ line, code: answer.code, text });
  }

  /** What is held will not be sent any more either. */
  #refuse(refusal: Refused): void {
    this.#refusal ??= refusal;
    for (const rows of this.#held.values()) this.#leave(rows.length);
    this.#held.clear();
  }

  #hold(row: Row): void {
    const rows = this.#held.get(row.record.hpan);
    if (rows === undefined) this.#held.set(row.record.hpan, [row]);
    else rows.push(row);
    if (!this.#isRetrying) void this.#retry();
  }

  async #retry(): Promise<void> {
    this.#isRetrying = true;
    for (let pauseMs = FIRST_PAUSE_MS; this.#held.size > 0; pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)) {
      await this.#options.options.pause(pauseMs);
      const rows = [...this.#held.values()].flat();
      this.#held.clear();
      for (const row of rows) this.#send(row);
    }
    this.#isRetrying = false;
  }
}
