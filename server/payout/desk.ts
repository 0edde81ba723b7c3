/**
 * Pays a period: has its records made, writes the files for the bank, and takes in what the bank says. Nothing is paid
 * twice: records are marked before their file has its name, and after. Where something dies in between, an operator says
 * which files were sent, before anything else of the period is (domain 3.5): the folder cannot, whoever sends them may
 * have taken them away. Only what was never announced was never there, and goes out with the next export by itself.
 *
 *     claimed, without a name ----> announced, with a name ----> delivered
 *     back with the next export     as an operator says
 */
import { mkdir } from 'node:fs/promises';
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
  removePayoutFile,
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

/** What an operator says of files of which nobody here knows whether they were sent. */
export type SaidOfFiles =
  /** All were up to this one, and none behind it. */
  | { readonly lastSent: string }
  /** One of them, or all: null. */
  | { readonly status: FileStatus; readonly name: string | null };
type FileStatus = 'NEW' | 'RECOVERY' | 'SENT';

export interface Restored {
  /** Records that count as sent. */
  readonly sentCount: number;
  /** Records that go out with the next export. */
  readonly returnedCount: number;
}

/** Of one file. */
interface FileRecords {
  readonly wip: number[];
  /** Some were marked as delivered: so it was. */
  isDelivered: boolean;
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
   * @param lastSent of one that was cut short: the last file that was sent; null = an operator has said so, or need not
   * @returns PERIOD_NOT_FOUND, OVERLOADED while another one is under way, PAYOUT_FOLDER_MISSING, PAYOUT_UNFINISHED,
   * PAYOUT_FILE_NOT_FOUND
   */
  async begin(
    awardPeriodId: number,
    format: PayoutFormat,
    lastSent: string | null = null,
  ): Promise<Refused | { readonly ok: true; readonly ended: Promise<void> }> {
    const { engine, folder } = this.#options;
    const period = engine.periods().find((one) => one.awardPeriodId === awardPeriodId);
    if (period === undefined) return { ok: false, code: 'PERIOD_NOT_FOUND' };
    if (folder === null) return { ok: false, code: 'PAYOUT_FOLDER_MISSING' };
    const refused = this.#refusedNow();
    if (refused !== null) return refused;
    const settled = lastSent === null ? this.#allSettled(awardPeriodId) : this.#restore(awardPeriodId, { lastSent });
    const ended = this.#alone(settled.then((read) => (read.ok ? this.#run(period, format, folder) : undefined)));
    const read = await settled;
    if (read.ok) return { ok: true, ended };
    await ended;
    return read;
  }

  /** An export ends before its next files: the next one goes on. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#ended;
  }

  /**
   * What became of files that were not finished, as an operator says it. Those that were never announced go back, whatever
   * is said; a file that some records know to be delivered was. What goes back is taken out of the folder.
   *
   * @returns PAYOUT_FILE_NOT_FOUND where no file is meant, PAYOUT_FOLDER_MISSING
   */
  async restore(awardPeriodId: number, said: SaidOfFiles): Promise<Read<Restored>> {
    const refused = this.#refusedNow();
    if (refused !== null) return refused;
    const restored = this.#restore(awardPeriodId, said);
    this.#alone(restored);
    return restored;
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

  #refusedNow(): Refused | null {
    if (this.#isStopped) return { ok: false, code: 'DRAINING' };
    return this.#ended === null ? null : { ok: false, code: 'OVERLOADED', detail: 'an export is under way' };
  }

  /** Until it ends, however it does, nothing else is begun. */
  #alone(work: Promise<unknown>): Promise<void> {
    const end = () => {
      this.#ended = null;
    };
    this.#ended = work.then(end, end);
    return this.#ended;
  }

  // Out

  async #run(period: PeriodView, format: PayoutFormat, folder: string): Promise<void> {
    this.#export = begun(period.awardPeriodId);
    try {
      await this.#exportAll(period, format, folder);
      this.#tell({ state: 'done' });
    } catch (error) {
      this.#tell({ state: 'failed', problem: problemOf(error) });
    }
  }

  async #exportAll(period: PeriodView, format: PayoutFormat, folder: string): Promise<void> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const open = openIn(must(await this.#filesOf(period.awardPeriodId)));
    await this.#settle(
      period.awardPeriodId,
      withStatuses(open, () => 'NEW'),
    );
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
      withdraw: (place) => this.#setFile(fileAt(place)),
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

  /** @returns PAYOUT_UNFINISHED where there are files of which only an operator knows whether they were sent */
  async #allSettled(awardPeriodId: number): Promise<Read<Restored>> {
    const files = await this.#filesOf(awardPeriodId);
    if (!files.ok) return files;
    const undecided = openIn(files.value).filter(isAnnounced);
    if (undecided.length > 0) {
      return { ok: false, code: 'PAYOUT_UNFINISHED', detail: undecided.map(({ name }) => name).join(', ') };
    }
    return { ok: true, value: { sentCount: 0, returnedCount: 0 } };
  }

  async #restore(awardPeriodId: number, said: SaidOfFiles): Promise<Read<Restored>> {
    const files = await this.#filesOf(awardPeriodId);
    if (!files.ok) return files;
    const meant = statusesOf(files.value, said);
    if (meant === null) return { ok: false, code: 'PAYOUT_FILE_NOT_FOUND' };
    const mustGo = [...meant].some(([file, status]) => isAnnounced(file) && status !== 'SENT');
    if (mustGo && this.#options.folder === null) return { ok: false, code: 'PAYOUT_FOLDER_MISSING' };
    return { ok: true, value: await this.#settle(awardPeriodId, meant) };
  }

  async #settle(awardPeriodId: number, statuses: ReadonlyMap<PayoutFile, FileStatus>): Promise<Restored> {
    const records = await this.#recordsOf(awardPeriodId, [...statuses.keys()]);
    const counts = { SENT: 0, NEW: 0, RECOVERY: 0 };
    for (const [file, said] of statuses) {
      const { fileNumber } = file;
      const { wip, isDelivered } = records.get(fileNumber)!;
      const status = isDelivered ? 'SENT' : said;
      if (status !== 'SENT' && isAnnounced(file)) await this.#takeBack(file);
      for (let at = 0; at < wip.length; at += LIMITS.payoutsPageMax) {
        const ids = wip.slice(at, at + LIMITS.payoutsPageMax);
        await this.#change(ids.map((id) => ({ kind: 'restore', id, fileNumber, status })));
      }
      await this.#setFile({ ...file, state: status === 'SENT' ? 'delivered' : 'restored' });
      counts[status] += wip.length;
    }
    return { sentCount: counts.SENT, returnedCount: counts.NEW + counts.RECOVERY };
  }

  /**
   * First out of the folder, then without a name, and only then its records: whatever dies in between, nobody finds it
   * while they go out with another file, and the next export takes them all back.
   */
  async #takeBack({ name, awardPeriodId, fileNumber }: PayoutFile): Promise<void> {
    const { folder } = this.#options;
    if (folder === null) throw new DeskFault('PAYOUT_FOLDER_MISSING');
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await removePayoutFile(folder, name);
    await this.#setFile(fileOf({ awardPeriodId }, fileNumber));
  }

  async #filesOf(awardPeriodId: number): Promise<Read<readonly PayoutFile[]>> {
    const files = await this.#options.engine.payoutFiles();
    if (!files.ok) return files;
    return { ok: true, value: files.value.filter((file) => file.awardPeriodId === awardPeriodId) };
  }

  async #recordsOf(
    awardPeriodId: number,
    files: readonly PayoutFile[],
  ): Promise<ReadonlyMap<number, Readonly<FileRecords>>> {
    const found = new Map<number, FileRecords>();
    for (const { fileNumber } of files) found.set(fileNumber, { wip: [], isDelivered: false });
    if (files.length === 0) return found;
    for await (const page of payoutsIn(this.#source, { awardPeriodId, filter: 'all', isBrief: true })) {
      for (const { id, status, fileNumber } of page) {
        const ofFile = fileNumber === null ? undefined : found.get(fileNumber);
        if (ofFile === undefined) continue;
        if (status === 'WIP') ofFile.wip.push(id);
        else ofFile.isDelivered = true;
      }
    }
    return found;
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

/** In the order of their numbers: files whose records are work in progress. */
function openIn(files: readonly PayoutFile[]): readonly PayoutFile[] {
  return files.filter(({ state }) => state === 'writing');
}

/** What becomes of open files of a period; null = none is meant. */
function statusesOf(files: readonly PayoutFile[], said: SaidOfFiles): ReadonlyMap<PayoutFile, FileStatus> | null {
  const open = openIn(files);
  if ('lastSent' in said) {
    const last = files.findLast(({ name, state }) => name === said.lastSent && state !== 'restored');
    if (last === undefined) return null;
    return withStatuses(open, ({ fileNumber }) => (fileNumber <= last.fileNumber ? 'SENT' : 'NEW'));
  }
  const isMeant = ({ name }: PayoutFile) => said.name === null || said.name === name;
  if (!open.some(isMeant)) return null;
  const meant = open.filter((file) => isMeant(file) || !isAnnounced(file));
  return withStatuses(meant, () => said.status);
}

/** What was never announced was never there. */
function withStatuses(
  files: readonly PayoutFile[],
  statusOf: (file: PayoutFile) => FileStatus,
): ReadonlyMap<PayoutFile, FileStatus> {
  return new Map(files.map((file) => [file, isAnnounced(file) ? statusOf(file) : 'NEW']));
}

function isAnnounced({ name }: PayoutFile): boolean {
  return name !== '';
}

/** Before it has a name. */
function fileOf({ awardPeriodId }: Pick<PeriodView, 'awardPeriodId'>, fileNumber: number): PayoutFile {
  const nothing = { name: '', rowCount: 0, totalCents: 0, checksum: '' };
  return { fileNumber, awardPeriodId, ...nothing, state: 'writing', atMs: 0 };
}

function sumsOf({ name, ids, amountCents, sha256 }: WrittenFile) {
  return { name, rowCount: ids.length, totalCents: amountCents, checksum: sha256 };
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
