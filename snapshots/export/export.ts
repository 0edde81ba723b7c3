/**
 * Everything that a programme knew, in open formats: so that an authority can hand it over, or keep it, without this
 * program. It is read from a folder at rest, verified first, by the fold that an engine recovers with; what is written is
 * either there whole or not at all.
 *
 * Citizens come first: whoever was erased, or has left, is marked then, and of records that concern them alone the wallet
 * is asked again. Memory holds pages, those marks and one ranking at a time (39 bytes a participant).
 */
import { readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import type { LedgerEntry } from '../../engine/card/card.ts';
import type { CitizenKey, Programme } from '../../engine/contract.ts';
import { StorageFault } from '../../engine/ports.ts';
import { acceptingPeriod, findPeriod, isExclusion, isReversal } from '../../engine/programme/index.ts';
import { rankingDigest } from '../../engine/ranking/digest.ts';
import { type Participant, Ranking } from '../../engine/ranking/ranking.ts';
import { TaxCodeOrder } from '../../engine/shard/tax-code-order.ts';
import { rankedStanding } from '../../engine/wallet/wallet-facts.ts';
import { type FolderAtRest, openAtRest } from '../backup/at-rest.ts';
import { restoreBackup } from '../backup/restore.ts';
import { verifyPersistence } from '../inspect.ts';
import { readManifest } from '../lmdb/folder.ts';
import { rankingCopiesIn } from '../lmdb/persistence.ts';
import type { Table } from './column.ts';
import type { ExportFormat } from './lines.ts';
import { manifestText, type PackageParts } from './manifest.ts';
import { People } from './people.ts';
import { Remembered } from './remembered.ts';
import { type WrittenTable, writeTable, writeText } from './table-file.ts';
import * as tables from './tables.ts';
import { makeWhole } from './target.ts';

export interface ExportOptions {
  /** Empty, or not there. */
  readonly to: string;
  readonly format: ExportFormat;
  /** False: citizens have keys only. */
  readonly hasPersonalData: boolean;
  /** Of a real clock. */
  readonly nowMs: number;
  /** For verifying, as `verifyFolder` has it. */
  readonly memoryBytes?: number | undefined;
  /** For tests that kill the process at a named point: `exported-payments`, …, when that file is durable. */
  readonly onPoint?: ((name: string) => void) | undefined;
}

export interface Exported {
  readonly files: readonly { readonly name: string; readonly rows: number; readonly bytes: number }[];
}

/**
 * Exports a data folder that no engine has open.
 *
 * @throws StorageFault FOLDER_MISSING, PROGRAMME_MISSING, FOLDER_IN_USE, EXPORT_INSIDE_DATA; FOLDER_DIFFERS where verifying
 *   finds a difference, KEYS_DAMAGED, and as `openPersistence`; as `makeWhole`
 */
export async function exportFolder(folder: string, options: ExportOptions): Promise<Exported> {
  if (!isDataFolder(folder)) throw new StorageFault('FOLDER_MISSING', `there is no data folder ${folder}`);
  expectOutside(folder, options.to);
  return makeWhole(options.to, (unfinished) => writeAll(folder, unfinished, options));
}

/** Where there is a name for it: to a cut of the backup, else to its end. */
export interface BackupToExport {
  readonly backup: string;
  readonly keys?: string | undefined;
  readonly cut?: string | undefined;
}

/** Exports a backup, restored beside for as long. @throws StorageFault as `restoreBackup` and `exportFolder` */
export async function exportBackup({ backup, keys, cut }: BackupToExport, options: ExportOptions): Promise<Exported> {
  expectOutside(backup, options.to);
  return makeWhole(options.to, async (unfinished) => {
    const folder = join(unfinished, 'restored');
    await restoreBackup({ backup, keys, folder, until: cut === undefined ? 'end' : { cut } });
    const exported = await writeAll(folder, unfinished, options);
    rmSync(folder, { recursive: true });
    return exported;
  });
}

function expectOutside(folder: string, to: string): void {
  if (!`${resolve(to)}${sep}`.startsWith(`${resolve(folder)}${sep}`)) return;
  throw new StorageFault(
    'EXPORT_INSIDE_DATA',
    `${to} is in ${folder}, which is exported: name another place with --to`,
  );
}

/** Opening would make one. What has stores and no manifest is one that is damaged. */
function isDataFolder(path: string): boolean {
  return (
    statSync(path, { throwIfNoEntry: false })?.isDirectory() === true &&
    (readManifest(path) !== null || readdirSync(path).some((name) => name.startsWith('store-')))
  );
}

async function writeAll(path: string, to: string, options: ExportOptions): Promise<Exported> {
  const folder = await openAtRest(path);
  try {
    await expectSound(folder, options);
    return await new Export(folder, to, options).run();
  } finally {
    await folder.close();
  }
}

async function expectSound({ source, stores, past }: FolderAtRest, { memoryBytes }: ExportOptions): Promise<void> {
  const persistence = { stores, past, ...rankingCopiesIn({ path: source.folder }) };
  const { differences } = await verifyPersistence(persistence, { memoryBytes });
  const [difference] = differences;
  if (difference === undefined) return;
  const more = differences.length === 1 ? '' : ` and ${differences.length - 1} more (clickday verify)`;
  throw new StorageFault('FOLDER_DIFFERS', `${source.folder} is not what its journal says: ${difference}${more}`);
}

class Export {
  readonly #to: string;
  readonly #options: ExportOptions;
  readonly #remembered: Remembered;
  readonly #people: People;
  readonly #programme: Programme;
  readonly #digest: (text: string) => string;
  readonly #written: { readonly table: Table<never>; readonly written: WrittenTable }[] = [];

  constructor(folder: FolderAtRest, to: string, options: ExportOptions) {
    const { source, stores } = folder;
    this.#to = to;
    this.#options = options;
    this.#remembered = new Remembered(folder);
    this.#people = new People(this.#remembered, source.folder, source.manifest);
    this.#digest = (text) => stores[0]!.vault.digest(text);
    const { programme } = this.#remembered;
    if (programme === null) {
      throw new StorageFault('PROGRAMME_MISSING', `${source.folder} has no programme yet: there is nothing to export`);
    }
    this.#programme = programme;
  }

  async run(): Promise<Exported> {
    const { format, hasPersonalData, nowMs } = this.#options;
    await this.#write(tables.CITIZENS_TABLE, this.#citizens());
    await this.#write(tables.METHODS_TABLE, this.#methods());
    await this.#write(tables.INSTRUMENTS_TABLE, this.#instruments());
    await this.#write(tables.ACTIVATIONS_TABLE, this.#activations());
    await this.#write(tables.PAYMENTS_TABLE, this.#payments());
    await this.#write(tables.REVERSALS_TABLE, this.#reversals());
    await this.#write(tables.RESOLUTIONS_TABLE, this.#resolutions());
    await this.#write(tables.TOTALS_TABLE, this.#totals());
    await this.#write(tables.RANKINGS_TABLE, this.#rankings());
    await this.#write(tables.PAYOUTS_TABLE, this.#payouts());
    await this.#write(tables.PAYOUT_ORDERS_TABLE, this.#remembered.payoutOrders);
    await this.#write(tables.PAYOUT_FILES_TABLE, this.#remembered.payoutFiles);
    await this.#write(tables.EXCLUSIONS_TABLE, this.#exclusions());
    await this.#write(tables.PERIOD_DECISIONS_TABLE, this.#remembered.periodDecisions);
    await this.#write(tables.RECEIVED_FILES_TABLE, this.#receivedFiles());
    await this.#write(tables.NOTICES_TABLE, this.#notices());
    const programme = await writeText(this.#to, 'programme.json', [this.#programmeText()]);
    const parts: PackageParts = {
      ...{ format, hasPersonalData, exportedMs: nowMs, lastMs: this.#remembered.lastMs },
      ...{ programme, tables: this.#written },
    };
    await writeText(this.#to, 'manifest.json', [manifestText(parts)]);
    this.#options.onPoint?.('exported-manifest');
    return { files: this.#written.map(({ written: { name, rows, bytes } }) => ({ name, rows, bytes })) };
  }

  async #write<R>(table: Table<R>, rows: Iterable<R>): Promise<void> {
    const written = await writeTable(this.#to, table, rows, this.#options);
    this.#written.push({ table, written });
    this.#options.onPoint?.(`exported-${table.name}`);
  }

  #programmeText(): string {
    const { panSalt, ...open } = this.#programme;
    return `${JSON.stringify(this.#options.hasPersonalData ? { ...open, panSalt } : open, null, 2)}\n`;
  }

  *#citizens(): Iterable<tables.CitizenLine> {
    const { hasPersonalData } = this.#options;
    for (const wallet of this.#people.present()) {
      if (wallet.enrolment === 0) continue;
      const taxCode = hasPersonalData ? this.#people.taxCode(wallet) : '';
      yield { wallet, taxCode, account: hasPersonalData ? this.#people.payoff(wallet) : null };
    }
  }

  *#methods(): Iterable<tables.MethodLine> {
    for (const { citizen, methods, favourite } of this.#people.present()) {
      for (const method of methods) yield { citizen, method, isFavourite: method.hpan === favourite };
    }
  }

  *#totals(): Iterable<tables.TotalsLine> {
    for (const { citizen, totals } of this.#people.present()) {
      for (const one of totals) yield { citizen, totals: one, period: this.#period(one.awardPeriodId) };
    }
  }

  *#instruments(): Iterable<tables.InstrumentLine> {
    for (const card of this.#remembered.cards()) {
      const activations = card.history.filter(({ citizen }) => this.#people.isPresent(citizen));
      if (activations.length === 0) continue;
      const last = activations.at(-1) === card.history.at(-1) ? activations.at(-1)! : null;
      yield { card, last, activations: activations.length };
    }
  }

  *#activations(): Iterable<tables.ActivationLine> {
    for (const { hpan, history } of this.#remembered.cards()) {
      for (const [at, row] of history.entries()) {
        if (this.#people.isPresent(row.citizen)) yield { hpan, number: at + 1, row };
      }
    }
  }

  *#payments(): Iterable<tables.RecordLine> {
    for (const entry of this.#remembered.records()) {
      if (isAboutPayment(entry) || !this.#people.isPresent(entry.citizen)) continue;
      yield { entry, owner: entry.citizen, ...this.#paymentFate(entry) };
    }
  }

  #paymentFate(entry: tables.RecordLine['entry']): Pick<tables.RecordLine, 'state' | 'reason'> {
    switch (entry.state) {
      case 'asked':
        return { state: 'asked', reason: 'UNDER_WAY' };
      case 'forgotten': {
        // The card asks about the period, too: what was in none hardly ever came as far as its wallet.
        const isInPeriod = acceptingPeriod(this.#programme, { ...entry, trxMs: entry.record.trxMs }) !== null;
        return { state: 'dropped', reason: isInPeriod ? 'TERMS_NOT_COVERED' : 'NO_AWARD_PERIOD' };
      }
      default:
        return this.#hasKept(entry) ? { state: 'counted', reason: null } : WITHDRAWN;
    }
  }

  *#reversals(): Iterable<tables.RecordLine> {
    for (const entry of this.#remembered.records()) {
      if (!isAboutPayment(entry)) continue;
      const owner = this.#remembered.ownerOf(entry);
      if (!this.#people.isPresent(owner)) continue;
      const isWithdrawn = entry.state === 'applied' && !this.#hasKept(entry);
      yield { entry, owner, ...(isWithdrawn ? WITHDRAWN : { state: entry.state, reason: entry.code }) };
    }
  }

  #hasKept({ citizen, enrolment, awardPeriodId }: tables.RecordLine['entry']): boolean {
    return this.#people.hasKept(citizen, enrolment, awardPeriodId);
  }

  *#resolutions(): Iterable<tables.ResolutionLine> {
    for (const { fact, nowMs } of this.#remembered.facts()) {
      if (fact.kind !== 'reversalResolved' && fact.kind !== 'resolutionVoided') continue;
      const made = fact.kind === 'reversalResolved' ? fact.resolution : null;
      const place = fact.kind === 'reversalResolved' ? fact.resolution.place : fact.place;
      const owner = this.#remembered.ownerOf(this.#remembered.record(fact.hpan, place));
      if (this.#people.isPresent(owner)) yield { hpan: fact.hpan, place, atMs: nowMs, made };
    }
  }

  *#rankings(): Iterable<tables.RankedLine> {
    for (const { awardPeriodId, digest } of this.#remembered.frozenRankings) {
      const ranking = Ranking.build(awardPeriodId, this.#participants(awardPeriodId), this.#taxCodeOrder());
      if (rankingDigest(ranking.entries(), this.#digest) !== digest) {
        throw new StorageFault(
          'RANKING_DAMAGED',
          `the ranking of period ${awardPeriodId} is not the one that was frozen`,
        );
      }
      const period = this.#period(awardPeriodId);
      for (const ranked of ranking.entries()) {
        if (this.#people.isPresent(ranked.citizen)) yield { ...ranked, period };
      }
    }
  }

  /** Also whoever was erased: the others stand behind. */
  *#participants(awardPeriodId: number): Iterable<Participant> {
    for (const { citizen, totals } of this.#remembered.wallets()) {
      for (const one of totals) {
        const standing = one.awardPeriodId === awardPeriodId ? rankedStanding(one) : null;
        if (standing !== null) yield { citizen, standing };
      }
    }
  }

  #taxCodeOrder(): (left: CitizenKey, right: CitizenKey) => number {
    const order = new TaxCodeOrder((citizen) => {
      const wallet = this.#remembered.wallet(citizen);
      // Whoever ties with one who was erased has a place that was journaled before.
      return wallet === undefined || this.#people.isErased(wallet) ? '' : this.#people.taxCode(wallet);
    });
    for (const [first, second] of this.#remembered.ties()) order.remember(first, second);
    return order.compare;
  }

  *#payouts(): Iterable<tables.PayoutLine> {
    for (const [partition, payout] of this.#remembered.payouts()) {
      if (!this.#people.isPresent(payout.citizen)) continue;
      yield { partition, payout, account: this.#options.hasPersonalData ? this.#people.payoff(payout) : null };
    }
  }

  *#exclusions(): Iterable<tables.ExclusionLine> {
    for (const { fact, nowMs } of this.#remembered.facts()) {
      if (fact.kind !== 'exclusionSet') continue;
      if (this.#people.isPresent(fact.citizen)) yield { exclusion: fact.exclusion, atMs: nowMs };
    }
  }

  *#receivedFiles(): Iterable<tables.ReceivedFileLine> {
    for (const file of this.#remembered.receivedFiles()) {
      if (file.figures.length === 0) yield { file, figure: null };
      for (const figure of file.figures) yield { file, figure };
    }
  }

  *#notices(): Iterable<tables.NoticeLine> {
    for (const { fact, nowMs } of this.#remembered.facts()) {
      if (fact.kind !== 'noticeQueued' && fact.kind !== 'noticeSet') continue;
      if (this.#people.isPresent(fact.citizen)) yield { notice: fact.notice, atMs: nowMs };
    }
  }

  #period(awardPeriodId: number) {
    const period = findPeriod(this.#programme, awardPeriodId);
    if (period !== null) return period;
    throw new StorageFault('PROGRAMME_MISSING', `the programme has no period ${awardPeriodId}`);
  }
}

const WITHDRAWN = { state: 'withdrawn', reason: 'CITIZEN_LEFT' } as const;

/** A reversal; or what is taken out of counting, and put back. */
function isAboutPayment({ record }: LedgerEntry): boolean {
  return isReversal(record) || isExclusion(record);
}
