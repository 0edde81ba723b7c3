/**
 * Makes a data folder with a population in it, as if the engine had taken all of it in. Two threads tell the same
 * chronicle (chronicle.ts): this one makes the records, sealed and chained, and packs them into the archive; the other
 * (rows-thread.ts) makes the rows. What they need of each other, the seals, goes through a file.
 */
import { closeSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
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
import { KeyedHash } from '../../snapshots/index.ts';
import { explained } from '../../snapshots/lmdb/folder.ts';
import { Chronicle, type ChronicleOptions } from './chronicle.ts';
import type { RowsNews, RowsTask, SealedGroup } from './rows-thread.ts';
import { Scribe } from './scribe.ts';
import { VaultSeals } from './seals.ts';
import { Timeline } from './timeline.ts';

export interface SeedOptions {
  /** Made; must be empty where it is there. */
  readonly folder: string;
  readonly citizenCount: number;
  readonly storeCount: number;
  readonly seed: number;
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

/** What is written on the way, at most, for each citizen: archive, spilled rows, and rows in their place. */
const BYTES_PER_CITIZEN = 3_500;
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
  readonly #programme: Programme = italy2020();
  readonly #hash: KeyedHash;
  readonly #scribe: Scribe;
  /** Sections of the records that are to be appended, by store. */
  readonly #bodies: TurnBody[][];
  readonly #notesPath: string;
  readonly #notes: number;
  #notesAt = 0;
  readonly #rows: RowsThread;

  constructor(options: SeedOptions, folder: BulkFolder) {
    this.#options = options;
    this.#folder = folder;
    this.#timeline = new Timeline(options.citizenCount, options.storeCount);
    this.#hash = new KeyedHash(folder.indexKey);
    this.#bodies = folder.stores.map(() => []);
    const programmeFact = this.#programmeFact();
    this.#scribe = new Scribe(programmeFact, ({ nowMs }, sections) => this.#write(nowMs, sections));
    this.#notesPath = join(folder.path, 'seals.tmp');
    this.#notes = openSync(this.#notesPath, 'wx+', 0o600);
    const { seed, citizenCount } = options;
    this.#rows = new RowsThread({
      ...{ seed, citizenCount, programme: this.#programme, programmeFact, folder: folder.path },
      indexKey: folder.indexKey,
      rowsPaths: folder.stores.map(({ rowsPath }) => rowsPath),
      notesDescriptor: this.#notes,
    });
  }

  async run(): Promise<Seeded> {
    try {
      await this.#enrol();
      await this.#pay();
      const ticker = setInterval(() => this.#tellProgress(2 * this.#timeline.groupCount), PROGRESS_MS);
      const rowCount = await this.#rows.finished.finally(() => clearInterval(ticker));
      closeSync(this.#notes);
      rmSync(this.#notesPath);
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
    const seals = new VaultSeals((taxCode) => stores[storeOf(taxCode)]!.vault);
    for (let group = 0; group < this.#timeline.groupCount; group += 1) {
      this.#chronicle(group).enrol(this.#timeline.enrolment(group), seals);
      this.#hand(group, seals.takeNotes());
      // Not waited for: all keys are durable before the folder is one.
      for (const { vault } of stores) vault.flush().catch(() => undefined);
      await this.#append(group);
    }
  }

  async #pay(): Promise<void> {
    for (let group = 0; group < this.#timeline.groupCount; group += 1) {
      const termsMs = this.#timeline.enrolment(group)[0]!.nowMs;
      this.#chronicle(group).pay(this.#timeline.payments(group), termsMs);
      await this.#append(this.#timeline.groupCount + group);
    }
  }

  #chronicle(group: number): Chronicle {
    const { seed, storeCount } = this.#options;
    const options: ChronicleOptions = {
      ...{ seed, storeCount, programme: this.#programme, digest: (text) => this.#hash.digest(text) },
    };
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

  #hand(group: number, notes: Buffer): void {
    writeSync(this.#notes, notes, 0, notes.length, this.#notesAt);
    this.#rows.hand({ group, notesAt: this.#notesAt, notesBytes: notes.length });
    this.#notesAt += notes.length;
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
const YOUNG_MEGABYTES = 192;

class RowsThread {
  readonly #worker: Worker;
  /** Rows that were made, in the end. Rejects when the thread breaks. */
  readonly finished: Promise<number>;
  groupsDone = 0;
  rowsPlaced = 0;
  #failure: Error | null = null;

  constructor(task: RowsTask) {
    this.#worker = new Worker(new URL('./rows-thread.js', import.meta.url), {
      workerData: task,
      // A group lives until its rows are spilled: with the default it is copied several times before.
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
    });
    this.finished = new Promise((resolve, reject) => {
      this.#worker.on('message', (news: RowsNews) => {
        if (news.kind === 'group') this.groupsDone += 1;
        else if (news.kind === 'placed') this.rowsPlaced += news.rows;
        else resolve(news.rows);
      });
      this.#worker.once('error', reject);
      this.#worker.once('exit', (code) => reject(new Error(`the thread that makes rows ended (exit code ${code})`)));
    });
    this.finished.catch((failure: Error) => {
      this.#failure = failure;
    });
  }

  /** Throws what broke it. */
  check(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  hand(sealed: SealedGroup): void {
    this.#worker.postMessage(sealed);
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
