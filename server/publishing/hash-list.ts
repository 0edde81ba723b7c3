/**
 * The list by which acquirers filter their payments (domain 6.3): the hashes of all instruments that an activation covers
 * on a day, in a zip. It is made once a day, from what was registered by 23:59:59 of the day before; what happens while
 * it is made changes nothing in it, since no activation covers its own day.
 */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import * as v from 'valibot';
import { ZipFile } from 'yazl';
import { type Clock, dayText, type Engine, romeDayNumber } from '../../engine/index.ts';
import { monotonicMs } from '../clock.ts';
import { Rounds } from '../rounds.ts';
import { isWorldsFault } from '../worlds-fault.ts';

/** Published at 02:00 in Rome (domain 2.2). */
const PUBLISHED_MS = 2 * 3_600_000;
const CONTENT = 'hashed-pans.csv';
/** Between two pages of 500: ten million cards take some seven minutes, and citizens notice nothing. */
const PAUSE_MS = 20;
/** The engine has no room: this can wait longer than anybody. */
const RETRY_MS = 1_000;
/** After a list that broke off: the next try begins with the first card again. */
const REST_MS = 60_000;

export interface HashList {
  readonly day: string;
  readonly path: string;
  readonly bytes: number;
  /** Of the zip, hexadecimal. */
  readonly sha256: string;
  readonly hashCount: number;
  /** Real time, milliseconds since the epoch. */
  readonly madeMs: number;
}

export interface HashListsOptions {
  readonly engine: Pick<Engine, 'covered'>;
  readonly clock: Clock;
  readonly realMs: () => number;
  readonly pause: (ms: number) => Promise<void>;
  /** Default the system's. */
  readonly monotonicMs?: () => number;
  readonly folder: string;
  /** A list could not be made: it is tried again, in a minute. */
  readonly failed: (fault: unknown) => void;
}

const keptSchema = v.object({
  day: v.string(),
  bytes: v.number(),
  sha256: v.string(),
  hashCount: v.number(),
  madeMs: v.number(),
});

interface Making {
  hashCount: number;
  /** Why it broke off. */
  fault: unknown;
}

export class HashLists {
  readonly #options: HashListsOptions;
  readonly #rounds: Rounds;
  #current: HashList | null = null;
  #hasLooked = false;

  constructor(options: HashListsOptions) {
    this.#options = options;
    this.#rounds = new Rounds({ monotonicMs, ...options, restMs: REST_MS });
  }

  /** Null: none was made yet. */
  get current(): HashList | null {
    return this.#current;
  }

  /** Makes the list of the day, if it is time and there is none. Resolves when none is being made. */
  tick(): Promise<void> {
    return this.#rounds.run(() => this.#makeIfMissing());
  }

  /** One that is being made breaks off. */
  stop(): Promise<void> {
    return this.#rounds.stop();
  }

  /** Goes on with the list that an earlier process made, if it is whole: a start does not wait for that to be read. */
  async #makeIfMissing(): Promise<void> {
    const { folder, clock } = this.#options;
    if (!this.#hasLooked) {
      await mkdir(folder, { recursive: true });
      this.#current = await newestIn(folder);
      this.#hasLooked = true;
    }
    const dayNumber = romeDayNumber(clock.nowMs() - PUBLISHED_MS);
    if (this.#current?.day !== dayText(dayNumber)) await this.#make(dayNumber);
  }

  async #make(dayNumber: number): Promise<void> {
    const { folder, realMs } = this.#options;
    const day = dayText(dayNumber);
    const unfinished = join(folder, `${day}.unfinished`);
    const making: Making = { hashCount: 0, fault: null };
    const zip = new ZipFile();
    zip.addReadStream(Readable.from(this.#lines(dayNumber, making)), CONTENT, { mtime: new Date(realMs()) });
    zip.end();
    await pipeline(zip.outputStream, createWriteStream(unfinished, { flush: true }));
    const isCut = !this.#rounds.isOn;
    if (making.fault !== null || isCut) await rm(unfinished);
    if (making.fault !== null) throw making.fault;
    if (isCut) return;

    const path = join(folder, `${day}.zip`);
    const { bytes, sha256 } = await measured(unfinished);
    const list = { day, bytes, sha256, hashCount: making.hashCount, madeMs: realMs() };
    await rename(unfinished, path);
    await writeFile(`${path}.json`, JSON.stringify(list), { flush: true });
    this.#current = { ...list, path };
    await removeOthers(folder, day);
  }

  /** Ends at a fault, and leaves it: yazl would tell of one where nobody can listen. */
  async *#lines(dayNumber: number, making: Making): AsyncGenerator<string> {
    try {
      yield* this.#pages(dayNumber, making);
    } catch (fault) {
      making.fault = fault;
    }
  }

  async *#pages(dayNumber: number, making: Making): AsyncGenerator<string> {
    const { engine, pause } = this.#options;
    let cursor: string | null = '0';
    while (cursor !== null && this.#rounds.isOn) {
      const page = await engine.covered({ dayNumber, cursor });
      if (!page.ok) {
        await pause(RETRY_MS);
        continue;
      }
      const { hpans, nextCursor } = page.value;
      cursor = nextCursor;
      if (hpans.length === 0) continue;
      making.hashCount += hpans.length;
      yield `${hpans.join('\n')}\n`;
      await pause(PAUSE_MS);
    }
  }
}

/** What was damaged or is not whole is made anew. */
async function newestIn(folder: string): Promise<HashList | null> {
  const days = (await readdir(folder)).filter((name) => name.endsWith('.zip.json')).sort();
  const name = days.at(-1);
  if (name === undefined) return null;
  const path = join(folder, name.slice(0, -'.json'.length));
  try {
    const kept = v.parse(keptSchema, JSON.parse(await readFile(join(folder, name), 'utf8')));
    const { bytes, sha256 } = await measured(path);
    return bytes === kept.bytes && sha256 === kept.sha256 ? { ...kept, path } : null;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof v.ValiError || isWorldsFault(error)) return null;
    throw error;
  }
}

async function measured(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}

async function removeOthers(folder: string, day: string): Promise<void> {
  const others = (await readdir(folder)).filter((name) => !name.startsWith(day));
  await Promise.all(others.map((name) => rm(join(folder, name))));
}
