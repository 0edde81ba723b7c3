/**
 * Pays a period: has its records made, writes the files for the bank, and takes in what the bank says. Nothing is paid
 * twice: records are marked before their file has its name, and after; whatever dies in between, the folder says by the
 * next export whether the file went out.
 */
import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type Clock,
  type Engine,
  LIMITS,
  type PayoutChange,
  type PayoutFile,
  type PayoutReply,
  type PayoutsMade,
  type PeriodView,
  type Read,
  type RefusalName,
  type Refused,
} from '../../engine/index.ts';
import type { BadLine } from '../errors/index.ts';
import { type ComplaintPayment, readComplaintPayments } from './complaint-payments.ts';
import { consapFile } from './consap-file.ts';
import { readOutcomes, type TransferOutcome } from './outcomes.ts';
import {
  type FilePlace,
  type OutputTransform,
  PayoutFault,
  type PayoutFormat,
  type WrittenFile,
  writePayoutFiles,
} from './payout-files.ts';
import type { PayoutRow } from './payout-row.ts';
import { type PayoutSource, payoutsIn, plannedRows, planPayout, Unwritable } from './payout-source.ts';
import type { ReadRow } from './row-reader.ts';

export interface PayoutDeskOptions {
  readonly engine: Engine;
  readonly clock: Clock;
  /** Where the files go; null = nobody said, and nothing can be exported. */
  readonly folder: string | null;
  /** Default: as many as the real programme had. */
  readonly rowsPerFile?: number | undefined;
  /** What goes to Consap is encrypted for Consap; a bank could not read that. */
  readonly consapTransform?: OutputTransform | undefined;
  /** Real time: until a busy engine is asked again. */
  readonly pause: (ms: number) => Promise<void>;
}

/** How an export goes, or went. */
export interface PayoutExport {
  readonly state: 'running' | 'done' | 'failed';
  readonly awardPeriodId: number;
  readonly fileCount: number;
  readonly rowCount: number;
  readonly totalCents: number;
  readonly unwritable: Unwritable['named'];
  readonly unwritableCount: number;
  /** Why it failed; null = it did not. */
  readonly problem: string | null;
}

/** What became of the lines of a file from the bank. */
export interface TakenIn {
  readonly rowCount: number;
  readonly takenCount: number;
  /** In the order of lines; only so many are named. */
  readonly rejected: readonly { readonly line: number; readonly code: RefusalName; readonly detail?: string }[];
  readonly rejectedCount: number;
}

const REJECTED_MAX = 1_000;
/**
 * They share flushes of the journal, and wait for the disk together; it has a few threads. With a disk that takes 20 ms to
 * flush, 16 files took 7.2 s one by one and 5.5 s so; with one of 100 ms, 16.6 s and 7.4 s. Where a flush takes next to
 * nothing, so does this.
 */
const FILES_AT_ONCE = 4;

export class PayoutDesk {
  readonly #options: PayoutDeskOptions;
  #export: PayoutExport | null = null;
  #ended: Promise<void> | null = null;
  #isStopped = false;

  constructor(options: PayoutDeskOptions) {
    this.#options = options;
  }

  /** The last export; null = there was none since the start. */
  get state(): PayoutExport | null {
    return this.#export;
  }

  make(awardPeriodId: number, fundsCents: number | null): Promise<Read<PayoutsMade>> {
    return this.#options.engine.makePayouts(awardPeriodId, fundsCents);
  }

  /**
   * Begins an export; how it goes is `state`.
   *
   * @returns PERIOD_NOT_FOUND, OVERLOADED while another one is under way, PAYOUT_FOLDER_MISSING
   */
  begin(awardPeriodId: number, format: PayoutFormat): Refused | { readonly ok: true; readonly ended: Promise<void> } {
    const { engine, folder } = this.#options;
    const period = engine.periods().find((one) => one.awardPeriodId === awardPeriodId);
    if (period === undefined) return { ok: false, code: 'PERIOD_NOT_FOUND' };
    if (folder === null) return { ok: false, code: 'PAYOUT_FOLDER_MISSING' };
    if (this.#isStopped) return { ok: false, code: 'DRAINING' };
    if (this.#ended !== null) return { ok: false, code: 'OVERLOADED', detail: 'an export is under way' };
    this.#export = begun(awardPeriodId);
    this.#ended = this.#exportAll(period, format, folder)
      .then(
        () => this.#tell({ state: 'done' }),
        (error: unknown) => this.#tell({ state: 'failed', problem: problemOf(error) }),
      )
      .finally(() => {
        this.#ended = null;
      });
    return { ok: true, ended: this.#ended };
  }

  /** An export ends before its next files: the next one goes on. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  /**
   * What became of files that were not finished, as an operator says it.
   *
   * @param name null = all of the period
   * @returns how many records; PAYOUT_FILE_NOT_FOUND where there is no such file
   */
  async restore(
    awardPeriodId: number,
    status: 'NEW' | 'RECOVERY' | 'SENT',
    name: string | null,
  ): Promise<Read<number>> {
    if (this.#ended !== null) return { ok: false, code: 'OVERLOADED', detail: 'an export is under way' };
    const files = await this.#openFiles(awardPeriodId);
    if (!files.ok) return files;
    const meant = files.value.filter((file) => name === null || file.name === name);
    if (meant.length === 0) return { ok: false, code: 'PAYOUT_FILE_NOT_FOUND' };
    let count = 0;
    for (const file of meant) {
      const { fileNumber } = file;
      count += await this.#changeWip(file, (id) => ({ kind: 'restore', id, fileNumber, status }));
      await this.#setFile({ ...file, state: status === 'SENT' ? 'delivered' : 'restored' });
    }
    return { ok: true, value: count };
  }

  /**
   * Each line for itself; a file that comes again changes nothing.
   *
   * @param rejected told of each line that has no effect
   */
  async takeOutcomes(body: AsyncIterable<Uint8Array>, rejected: Rejected = () => {}): Promise<TakenIn> {
    return this.#takeIn(readOutcomes(body), rejected, (rows) =>
      this.#options.engine.changePayouts(rows.map((row) => ({ kind: 'outcome', id: row.id, outcome: outcomeOf(row) }))),
    );
  }

  async takeComplaints(body: AsyncIterable<Uint8Array>, rejected: Rejected = () => {}): Promise<TakenIn> {
    return this.#takeIn(readComplaintPayments(body), rejected, (rows) =>
      Promise.all(rows.map((row) => this.#integrate(row))),
    );
  }

  get #source(): PayoutSource {
    const { engine, pause } = this.#options;
    return { engine, pause, isStopped: () => this.#isStopped };
  }

  // Out

  async #exportAll(period: PeriodView, format: PayoutFormat, folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await this.#settleOpenFiles(period.awardPeriodId, folder);
    const { engine, clock, rowsPerFile, consapTransform } = this.#options;
    const transform = format === consapFile ? consapTransform : undefined;
    const ids = await planPayout(this.#source, period);
    if (ids.length === 0) return;
    const unwritable = new Unwritable();
    const before = must(await engine.payoutFiles()).length;
    const fileAt = ({ number }: FilePlace) => fileOf(period, before + number);
    const written = writePayoutFiles(plannedRows(this.#source, { period, ids, unwritable }), {
      ...{ folder, format, clock, rowCount: ids.length, filesAtOnce: FILES_AT_ONCE },
      ...(rowsPerFile === undefined ? {} : { rowsPerFile }),
      ...(transform === undefined ? {} : { transform }),
      claim: (rows, place) => this.#claim(fileAt(place), rows),
      announce: (file) => this.#setFile({ ...fileAt(file), ...sumsOf(file) }),
    });
    // Marked while the next files are claimed: those have no name before, and all share flushes.
    const marked: Promise<void>[] = [];
    try {
      for await (const file of written) {
        const mark = this.#markDelivered({ ...fileAt(file), ...sumsOf(file), state: 'delivered' }, file);
        mark.catch(() => undefined); // It is waited for.
        marked.push(mark);
        if (marked.length > FILES_AT_ONCE) await marked.shift();
      }
    } finally {
      await Promise.allSettled(marked);
    }
    await Promise.all(marked);
    this.#tell({ unwritable: unwritable.named, unwritableCount: unwritable.count });
  }

  async #markDelivered(file: PayoutFile, { ids }: WrittenFile): Promise<void> {
    const { fileNumber } = file;
    await this.#change(ids.map((id) => ({ kind: 'deliver', id, fileNumber })));
    await this.#setFile(file);
    const { fileCount = 0, rowCount = 0, totalCents = 0 } = this.#export ?? {};
    this.#tell({
      fileCount: fileCount + 1,
      rowCount: rowCount + ids.length,
      totalCents: totalCents + file.totalCents,
    });
  }

  /** Without those that changed since they were read: whose citizen did not leave goes out with the next export. */
  async #claim(file: PayoutFile, rows: readonly PayoutRow[]): Promise<readonly PayoutRow[]> {
    if (this.#isStopped) throw new DeskFault('DRAINING');
    const { fileNumber } = file;
    await this.#setFile(file);
    const replies = await this.#options.engine.changePayouts(
      rows.map(({ id, updateMs }) => ({ kind: 'export', id, fileNumber, updateMs })),
    );
    for (const reply of replies) {
      if (!reply.ok && !NOT_CLAIMED.has(reply.code)) throw new DeskFault(reply.code);
    }
    const claimed = rows.filter((_, at) => replies[at]?.ok === true);
    if (claimed.length === 0) await this.#setFile({ ...file, state: 'restored' });
    return claimed;
  }

  /** Whether a file of a process that died went out is said by the folder: it is there under its name, or it is not. */
  async #settleOpenFiles(awardPeriodId: number, folder: string): Promise<void> {
    for (const file of must(await this.#openFiles(awardPeriodId))) {
      const { fileNumber } = file;
      const isThere = file.name !== '' && (await isFile(join(folder, file.name)));
      await this.#changeWip(file, (id) =>
        isThere ? { kind: 'deliver', id, fileNumber } : { kind: 'restore', id, fileNumber, status: 'NEW' },
      );
      await this.#setFile({ ...file, state: isThere ? 'delivered' : 'restored' });
    }
  }

  async #openFiles(awardPeriodId: number): Promise<Read<readonly PayoutFile[]>> {
    const files = await this.#options.engine.payoutFiles();
    if (!files.ok) return files;
    const open = files.value.filter((file) => file.awardPeriodId === awardPeriodId && file.state === 'writing');
    return { ok: true, value: open };
  }

  /** @returns how many records of the file were in it */
  async #changeWip({ awardPeriodId, fileNumber }: PayoutFile, change: (id: number) => PayoutChange): Promise<number> {
    const ids: number[] = [];
    for await (const page of payoutsIn(this.#source, { awardPeriodId, filter: 'wip', isBrief: true })) {
      for (const payout of page) if (payout.fileNumber === fileNumber) ids.push(payout.id);
    }
    for (let at = 0; at < ids.length; at += LIMITS.payoutsPageMax) {
      await this.#change(ids.slice(at, at + LIMITS.payoutsPageMax).map(change));
    }
    return ids.length;
  }

  /** What cannot be refused. */
  async #change(changes: readonly PayoutChange[]): Promise<void> {
    for (const reply of await this.#options.engine.changePayouts(changes))
      if (!reply.ok) throw new DeskFault(reply.code);
  }

  async #setFile(file: PayoutFile): Promise<void> {
    const reply = await this.#options.engine.setPayoutFile({ ...file, atMs: this.#options.clock.nowMs() });
    if (!reply.ok) throw new DeskFault(reply.code);
  }

  #tell(change: Partial<PayoutExport>): void {
    if (this.#export !== null) this.#export = { ...this.#export, ...change };
  }

  // In

  async #takeIn<T>(
    rows: AsyncIterable<ReadRow<T>>,
    rejected: Rejected,
    take: (rows: readonly T[]) => Promise<readonly PayoutReply[]>,
  ): Promise<TakenIn> {
    const tally = new Tally();
    const count = ({ line, text }: ReadRow<T>, reply: Reply) => {
      tally.count(line, reply);
      if (!reply.ok) rejected({ line, text, code: reply.code, detail: reply.detail ?? '' });
    };
    let batch: (ReadRow<T> & { readonly ok: true })[] = [];
    const flush = async () => {
      const replies = await take(batch.map(({ value }) => value));
      for (const [at, row] of batch.entries()) count(row, replies[at]!);
      batch = [];
    };
    for await (const row of rows) {
      if (row.ok) batch.push(row);
      else count(row, row);
      if (batch.length === LIMITS.payoutsPageMax) await flush();
    }
    await flush();
    return tally.result();
  }

  async #integrate(row: ComplaintPayment): Promise<PayoutReply> {
    const { engine } = this.#options;
    const period = engine.periods().find(({ startDay, endDay }) => startDay === row.startDay && endDay === row.endDay);
    if (period === undefined) return { ok: false, code: 'PERIOD_NOT_FOUND' };
    const { iban, accountHolderName, accountHolderSurname, cashbackCents, jackpotCents, consapId, ticketId } = row;
    return engine.integratePayout({
      citizen: engine.citizenKeyOf(row.citizenTaxCode),
      awardPeriodId: period.awardPeriodId,
      account: { iban, accountHolderCF: row.citizenTaxCode, accountHolderName, accountHolderSurname },
      ...{ cashbackCents, jackpotCents, consapId, ticketId, relatedId: row.relatedId },
      outcome: outcomeOf(row),
    });
  }
}

/** What a claim may be refused for. */
const NOT_CLAIMED: ReadonlySet<RefusalName> = new Set(['PAYOUT_NOT_EXPORTABLE', 'PAYOUT_CHANGED']);

/** The engine refused what it should not: it stops, or is full. */
class DeskFault extends Error {
  constructor(code: string) {
    super(`the engine refused: ${code}`);
  }
}

/** What the engine says of a row, or the reader. */
type Reply = { readonly ok: true } | { readonly ok: false; readonly code: RefusalName; readonly detail?: string };

type Rejected = (row: Pick<BadLine, 'line' | 'code' | 'detail' | 'text'>) => void;

class Tally {
  readonly #rejected: TakenIn['rejected'][number][] = [];
  #rowCount = 0;
  #rejectedCount = 0;

  count(line: number, reply: Reply): void {
    this.#rowCount += 1;
    if (reply.ok) return;
    this.#rejectedCount += 1;
    const { code, detail } = reply;
    if (this.#rejected.length < REJECTED_MAX) {
      this.#rejected.push(detail === undefined ? { line, code } : { line, code, detail });
    }
  }

  /** Those that were refused by the engine are found later than those that cannot be read. */
  result(): TakenIn {
    const rejected = this.#rejected.toSorted((left, right) => left.line - right.line);
    const rejectedCount = this.#rejectedCount;
    return { rowCount: this.#rowCount, takenCount: this.#rowCount - rejectedCount, rejected, rejectedCount };
  }
}

/** Before it has a name. */
function fileOf({ awardPeriodId }: PeriodView, fileNumber: number): PayoutFile {
  const nothing = { name: '', rowCount: 0, totalCents: 0, checksum: '' };
  return { fileNumber, awardPeriodId, ...nothing, state: 'writing', atMs: 0 };
}

function sumsOf({ name, ids, amountCents, sha256 }: WrittenFile) {
  return { name, rowCount: ids.length, totalCents: amountCents, checksum: sha256 };
}

async function isFile(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function begun(awardPeriodId: number): PayoutExport {
  const nothing = { fileCount: 0, rowCount: 0, totalCents: 0, unwritable: [], unwritableCount: 0, problem: null };
  return { state: 'running', awardPeriodId, ...nothing };
}

function outcomeOf({ result, resultReason, cro, executionDay }: TransferOutcome | ComplaintPayment) {
  return { result, reason: resultReason, cro, executionDay: executionDay ?? '' };
}

function must<T>(read: Read<T>): T {
  if (!read.ok) throw new DeskFault(read.code);
  return read.value;
}

/** Names no person: paths and codes only. */
function problemOf(error: unknown): string {
  if (error instanceof PayoutFault) return `${error.code}: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
