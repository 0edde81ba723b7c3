/**
 * A data folder whose processes are killed, one after the other. It begins in the oldest format, is raised on the way,
 * dealt out to other numbers of stores, and backed up all along; what the crowd was promised must outlive all of it.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFolderIdentity } from '../../server/index.ts';
import { openFolder, verifyFolder } from '../../snapshots/index.ts';
import { writeManifest } from '../../snapshots/lmdb/folder.ts';
import type { Random } from '../support/random.ts';
import { DAYS_PER_PERIOD, shortPeriods } from '../support/short-periods.ts';
import { Crowd } from './crowd.ts';
import type { Place } from './places.ts';
import { type Death, type DiskStep, PROGRAM, Victim } from './victim.ts';

export interface KilledFolderOptions {
  readonly random: Random;
  readonly shardCount: number;
  /** JavaScript of disk-steps.ts. */
  readonly stepProgram: string;
  /** A server that is to be caught; default the one that was built. */
  readonly program?: string | undefined;
  /** Told of what was promised and is missing or different, and of what does not add up. */
  readonly broken: (place: string, line: string) => void;
}

/** How a server starts that is to be killed. */
export interface Start extends Death {
  readonly ship?: string;
  readonly checkpointRows?: number;
}

export interface Load {
  readonly place: Place;
  /** Called after a seeded number of promises. */
  readonly onceRaging?: (url: string) => void;
}

const CHECKPOINT_ROWS = 100;
const ACTIONS = 30;
const PROMISES_MAX = 200;
const FORMAT_FIRST = 1;
const DAY_MS = 86_400_000;
const PERIODS = 16;
/** 10:00 in Rome of the first day of the first period. */
const START = Date.parse('2021-01-11T09:00:00Z');
/** From there to the midnight that ends the day. */
const TO_MIDNIGHT_MS = 14 * 3_600_000;
const MINUTE_MS = 60_000;

export class KilledFolder {
  readonly random: Random;
  readonly crowd: Crowd;
  readonly data: string;
  readonly backup: string;
  readonly restored: string;
  /** Of stores. */
  shardCount: number;
  /** Nobody has begun to raise it. */
  keepsFormat = true;
  readonly #options: KilledFolderOptions;
  readonly #path: string;
  #day = 0;
  #nowMs = START;
  #place = '';

  static async make(options: KilledFolderOptions): Promise<KilledFolder> {
    const path = await mkdtemp(join(tmpdir(), 'clickday-kill-'));
    const data = join(path, 'data');
    await mkdir(data);
    await writeFile(join(path, 'programme.json'), JSON.stringify(shortPeriods(START, PERIODS)));
    const { manifest, unlock } = openFolder(data, options.shardCount);
    writeManifest(data, { ...manifest, format: FORMAT_FIRST });
    unlock();
    return new KilledFolder(options, path, new Crowd(options.random, await openFolderIdentity(data)));
  }

  private constructor(options: KilledFolderOptions, path: string, crowd: Crowd) {
    this.#options = options;
    this.#path = path;
    this.random = options.random;
    this.shardCount = options.shardCount;
    this.crowd = crowd;
    this.data = join(path, 'data');
    this.backup = join(path, 'backup');
    this.restored = join(path, 'restored');
  }

  remove(): Promise<void> {
    return rm(this.#path, { recursive: true, force: true });
  }

  /** A day a round: what was activated yesterday counts today. Or the last minute of a period. */
  nextRound(name: string, isLastOfPeriod = false): void {
    this.#place = name;
    this.#day += 1;
    if (isLastOfPeriod) this.#day += DAYS_PER_PERIOD - 1 - (this.#day % DAYS_PER_PERIOD);
    this.#nowMs = START + this.#day * DAY_MS + (isLastOfPeriod ? TO_MIDNIGHT_MS - 2 * MINUTE_MS : 0);
  }

  /** The clock of the one before has run on. */
  start({ checkpointRows = CHECKPOINT_ROWS, ...more }: Start): Victim {
    this.#nowMs += MINUTE_MS / 2;
    return new Victim({
      program: this.#options.program ?? PROGRAM,
      folder: this.data,
      now: new Date(this.#nowMs).toISOString(),
      shards: this.shardCount,
      programme: join(this.#path, 'programme.json'),
      checkpointRows,
      keepFormat: this.keepsFormat,
      ...more,
    });
  }

  /** @param timesMax it may pass so many steps first */
  step(pattern: string, timesMax: number): DiskStep {
    return { program: this.#options.stepProgram, count: 1 + this.random.below(timesMax), pattern };
  }

  /** Of files in folders. */
  stepIn(folders: readonly string[], timesMax: number): DiskStep {
    return this.step(`^(${folders.join('|')})(/|$)`, timesMax);
  }

  /** What was promised is asked for, and then everybody rages, until the server is gone or all is done. */
  async load(url: string, { place, onceRaging }: Load): Promise<void> {
    this.broken((await this.crowd.brokenPromises(url)).broken);
    const raging = this.crowd.rage(url, this.#nowMs, ACTIONS);
    // Times that need no clock: after a seeded number of promises.
    const promises = 1 + this.random.below(PROMISES_MAX);
    const ring =
      place.isAcrossPeriods === true
        ? () => void this.crowd.moveClock(url, this.#nowMs + 2 * MINUTE_MS)
        : onceRaging && (() => onceRaging(url));
    if (ring !== undefined) this.crowd.afterPromises(promises, ring);
    await raging;
  }

  /** Whoever was told to die, or was killed from outside; one that stops at a fault ends by the same signal, and says so. */
  expectKilled(death: string, errors: string): void {
    if (death !== 'SIGKILL' || errors.includes('clickday stops')) this.broken([`ended by itself: ${death} ${errors}`]);
  }

  broken(lines: readonly string[]): void {
    for (const line of lines) this.#options.broken(this.#place, line);
  }

  /** Recomputes all of a folder. @throws StorageFault where it cannot even be opened */
  async verify(folder = this.data): Promise<void> {
    this.broken((await verifyFolder(folder)).differences);
  }

  /** Whoever is not killed has to answer for everything. */
  async lastWitness(): Promise<void> {
    this.nextRound('last witness');
    const witness = this.start({});
    const url = await witness.url;
    if (url === undefined) this.broken([`did not start: ${await witness.ended} ${witness.errors}`]);
    else {
      const { broken, unanswered } = await this.crowd.brokenPromises(url, { areAllAsked: true });
      this.broken(unanswered === 0 ? broken : [...broken, `${unanswered} questions without an answer`]);
    }
    await witness.kill();
  }
}
