/**
 * Makes a data folder with a population in it, as if the engine had taken all of it in. Two threads tell the same
 * chronicle (chronicle.ts): this one makes the records, sealed and chained, and packs them into the archive; the other
 * (rows-thread.ts) makes the rows. What takes the folder's keys is done by one of them and noted for the other (notes.ts).
 */
import { statfsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import {
  canonicalJson,
  citizenKeyText,
  type Fact,
  italy2020,
  type Programme,
  partitionOf,
  type Section,
} from '../../engine/index.ts';
import { type BulkFolder, openBulkFolder } from '../../snapshots/bulk/bulk-folder.ts';
import type { TurnBody } from '../../snapshots/codec/turn-v1.ts';
import { ByteWriter, KeyedHash } from '../../snapshots/index.ts';
import { explained } from '../../snapshots/lmdb/folder.ts';
import { Chronicle, type Digests } from './chronicle.ts';
import { Law } from './law.ts';
import { KeyedDigests, Noted, NotesFiles, VaultSeals } from './notes.ts';
import type { EnrolledGroup, RowsNews, RowsTask } from './rows-thread.ts';
import { Scribe } from './scribe.ts';
import { Timeline } from './timeline.ts';

export interface SeedOptions {
  /** Made; must be empty where it is there. */
  readonly folder: string;
  readonly citizenCount: number;
  readonly storeCount: number;
  readonly seed: number;
  /** Default Italy's. */
  readonly programme?: Programme;
  /** Default false: some put it off. */
  readonly everyIban?: boolean;
  readonly onProgress?: (progress: SeedProgress) => void;
}

/** Shares of the work, each from 0 to 1. */
export interface SeedProgress {
  readonly records: number;
  readonly rows: number;
  /** Rows sorted and in their place. */
  readonly placed: number;
}

export interface Seeded {
  readonly recordCount: number;
  readonly recordBytes: number;
  readonly rowCount: number;
}

/** What is on the disk at once, at most, for each citizen: archive, notes, rows spilled or in their place. */
const BYTES_PER_CITIZEN = 3_000;
/** About as many rows for each citizen: only progress depends on it. */
const ROWS_PER_CITIZEN = 3.6;

/** Somebody else's disk, or ours: what a person has to put right. */
export class SeedFault extends Error {}

/**
 * Until it has resolved no server opens the folder.
 * @throws SeedFault when the disk is too small; StorageFault FOLDER_NOT_EMPTY, FOLDER_IN_USE, FOLDER_NOT_WRITABLE,
 *   STORAGE_FULL
 */
export async function seedFolder(options: SeedOptions): Promise<Seeded> {
  const folder = await openBulkFolder(options.folder, options.storeCount);
  try {
    checkSpace(options);
    return await new Seeder(options, folder).run();
  } catch (error) {
    throw explained(options.folder, error);
  } finally {
    await folder.close();
  }
}

function checkSpace({ folder, citizenCount }: SeedOptions): void {
  const { bavail, bsize } = statfsSync(folder);
  const needed = citizenCount * BYTES_PER_CITIZEN;
  if (bavail * bsize >= needed) return;
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(1)} GB`;
  throw new SeedFault(`${folder} needs ${gigabytes(needed)} and has ${gigabytes(bavail * bsize)}`);
}

class Seeder {
  readonly #options: SeedOptions;
  readonly #folder: BulkFolder;
  readonly #timeline: Timeline;
  readonly #programme: Programme;
  readonly #law: Law;
  readonly #hash: KeyedHash;
  readonly #scribe: Scribe;
  /** Sections of the records that are to be appended, by store. */
  readonly #bodies: TurnBody[][];
  readonly #notes = new ByteWriter();
  readonly #rows: RowsThread;

  constructor(options: SeedOptions, folder: BulkFolder) {
    this.#options = options;
    this.#folder = folder;
    this.#programme = options.programme ?? italy2020();
    this.#law = new Law(this.#programme);
    this.#timeline = new Timeline(options.citizenCount, options.storeCount);
    this.#hash = new KeyedHash(folder.indexKey);
    this.#bodies = folder.stores.map(() => []);
    const programmeFact = this.#programmeFact();
    this.#scribe = new Scribe(programmeFact, ({ nowMs }, sections) => this.#write(nowMs, sections));
    const { seed, citizenCount, everyIban = false } = options;
    this.#rows = new RowsThread({
      ...{ seed, citizenCount, everyIban, programme: this.#programme, programmeFact, folder: folder.path },
      indexKey: folder.indexKey,
      rowsPaths: folder.stores.map(({ rowsPath }) => rowsPath),
    });
  }

  async run(): Promise<Seeded> {
    try {
      await this.#enrol();
      await this.#pay();
      const ticker = setInterval(() => this.#tellProgress(2 * this.#timeline.groupCount), PROGRESS_MS);
      const rowCount = await this.#rows.finished.finally(() => clearInterval(ticker));
      await this.#folder.finish();
      const journals = this.#folder.stores.map(({ journal }) => journal);
      return {
        recordCount: journals.reduce((sum, { lastSequence }) => sum + lastSequence, 0),
        recordBytes: journals.reduce((sum, { recordBytes }) => sum + recordBytes, 0),
        rowCount,
      };
    } finally {
      await this.#rows.end();
    }
  }

  async #enrol(): Promise<void> {
    const { stores } = this.#folder;
    const storeOf = (taxCode: string) => partitionOf(this.#hash.digest(citizenKeyText(taxCode))) % stores.length;
    const seals = new VaultSeals((taxCode) => stores[storeOf(taxCode)]!.vault, this.#notes);
    const digests = new KeyedDigests(this.#hash, this.#notes);
    for (let group = 0; group < this.#timeline.groupCount; group += 1) {
      this.#chronicle(group, digests).enrol(this.#timeline.enrolment(group), seals);
      this.#hand(group);
      // Not waited for: all keys are durable before the folder is one.
      if (group % FLUSH_GROUPS === 0) for (const { vault } of stores) vault.flush().catch(() => undefined);
      await this.#append(group);
    }
  }

  async #pay(): Promise<void> {
    for (let group = 0; group < this.#timeline.groupCount; group += 1) {
      const noted = new Noted(await this.#rows.notesOf(group));
      const termsMs = this.#timeline.enrolment(group)[0]!.nowMs;
      this.#chronicle(group, noted).pay(this.#timeline.payments(group), termsMs);
      noted.finish();
      await this.#append(this.#timeline.groupCount + group);
    }
  }

  #chronicle(group: number, digests: Digests): Chronicle {
    const { seed, storeCount, everyIban = false } = this.#options;
    const options = { seed, storeCount, law: this.#law, digests, everyIban };
    return new Chronicle(options, this.#timeline.citizensOf(group), this.#scribe);
  }

  #write(nowMs: number, sections: readonly Section[]): void {
    const { storeCount } = this.#options;
    for (const [index, bodies] of this.#bodies.entries()) {
      bodies.push({ nowMs, sections: sections.filter(({ partition }) => partition % storeCount === index) });
    }
  }

  /** @param done groups of both passes, before this one */
  async #append(done: number): Promise<void> {
    this.#rows.check();
    for (const [index, bodies] of this.#bodies.entries()) {
      for (const body of bodies.splice(0)) await this.#folder.stores[index]!.journal.append(body);
    }
    if (done % PROGRESS_GROUPS === 0) this.#tellProgress(done);
    // Lets the other thread's news, and what was packed, come in.
    await new Promise((resolve) => setImmediate(resolve));
  }

  #hand(group: number): void {
    this.#rows.hand(group, this.#notes.view());
    this.#notes.reset();
  }

  #tellProgress(groups: number): void {
    const { citizenCount } = this.#options;
    const { groupCount } = this.#timeline;
    this.#options.onProgress?.({
      records: groups / (2 * groupCount),
      rows: this.#rows.groupsDone / groupCount,
      placed: Math.min(1, this.#rows.rowsPlaced / (ROWS_PER_CITIZEN * citizenCount)),
    });
  }

  #programmeFact(): Fact {
    const json = canonicalJson(this.#programme);
    return { kind: 'programmeSet', json, hash: this.#hash.digest(json) };
  }
}

const PROGRESS_GROUPS = 200;
const PROGRESS_MS = 5_000;
/** New keys are synced once for so many. */
const FLUSH_GROUPS = 64;
const YOUNG_MEGABYTES = 192;

class RowsThread {
  readonly #worker: Worker;
  /** What it is handed. */
  readonly #files: NotesFiles;
  /** Rows that were made, in the end. Rejects when the thread breaks. */
  readonly finished: Promise<number>;
  groupsDone = 0;
  rowsPlaced = 0;
  #failure: Error | null = null;
  /** Of the payments of each group, until they are taken. */
  readonly #notes = new Map<number, Uint8Array>();
  #heard: () => void = () => {};

  constructor(task: RowsTask) {
    this.#files = new NotesFiles(task.folder);
    this.#worker = new Worker(new URL('./rows-thread.js', import.meta.url), {
      workerData: task,
      // A group lives until its rows are spilled: with the default it is copied several times before.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
    });
    this.finished = new Promise((resolve, reject) => {
      this.#worker.on('message', (news: RowsNews) => {
        if (news.kind === 'group') this.#keepNotes(news.notes);
        else if (news.kind === 'placed') this.rowsPlaced += news.rows;
        else resolve(news.rows);
      });
      this.#worker.once('error', reject);
      this.#worker.once('exit', (code) => reject(new Error(`the thread that makes rows ended (exit code ${code})`)));
    });
    this.finished.catch((failure: Error) => {
      this.#failure = failure;
      this.#heard();
    });
  }

  /** Throws what broke it. */
  check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  hand(group: number, notes: Uint8Array): void {
    const enrolled: EnrolledGroup = { group, notes: this.#files.write(notes) };
    this.#worker.postMessage(enrolled);
  }

  /** Taken once. Resolves when the group's rows are made. */
  async notesOf(group: number): Promise<Uint8Array> {
    for (;;) {
      this.check();
      const notes = this.#notes.get(group);
      if (notes !== undefined) {
        this.#notes.delete(group);
        return notes;
      }
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  #keepNotes(notes: Uint8Array): void {
    this.#files.read();
    this.#notes.set(this.groupsDone, notes);
    this.groupsDone += 1;
    this.#heard();
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
    this.#files.close();
  }
}
