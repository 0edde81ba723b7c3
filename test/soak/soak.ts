/**
 * A real server under its supervisor, for hours (R19) at 70 % of what it can do, and a fault a minute. After each fault
 * everything that was acknowledged is counted, after each that ends the process it is asked for, and at the end the folder
 * is recomputed. It ends at the first promise that is broken; the folder is kept then.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { secondsToNormal, usefulPerSecond } from '../../bench/overload/figures.ts';
import type { PhaseResult, Second } from '../../bench/overload/plan.ts';
import { median } from '../../bench/statistics.ts';
import { makeTaxCode } from '../../engine/index.ts';
import { ROWS_GROWN, SLOW_READER } from '../../server/shards/maintenance.ts';
import { BackupReader, type FileStore, inspectBackup, openPersistence, verifyFolder } from '../../snapshots/index.ts';
import type { EnvironmentRoom } from '../../snapshots/lmdb/environment.ts';
import { Random } from '../support/random.ts';
import { shortPeriods } from '../support/short-periods.ts';
import { ACQUIRER } from './acquirer.ts';
import { SoakCrowd } from './crowd.ts';
import { drawFaults, type Fault } from './faults.ts';
import type { Checked, SoakPhase } from './plan.ts';
import { type FolderSizes, type IncidentView, type Seen, SoakServer } from './server.ts';

export interface SoakOptions {
  readonly seed: number;
  readonly faultCount: number;
  /** From one fault to the next. */
  readonly everyMs: number;
  readonly citizenCount: number;
  /** JavaScript of crowd-process.ts. */
  readonly crowdProgram: string;
  readonly peakMs: number;
  readonly sampleMs: number;
  /** Of the promises that are asked for after a fault that ends the process. */
  readonly newestCount: number;
  readonly olderCount: number;
  /** In place of all. */
  readonly faults?: readonly Fault[];
  /** For tests of the soak itself, see SoakPlan. */
  readonly isPlanted?: boolean;
  readonly say?: (line: string) => void;
}

/** What became of one fault. */
export interface Happened {
  readonly fault: Fault;
  /** From its end, until everything was as usual; null: not before the next. */
  readonly normalAfterS: number | null;
  /** As the server's own page tells them. */
  readonly incidents: readonly IncidentView[];
  /** Of the engine, as soon as it served again; undefined: it was not started. */
  readonly startBytes: number | undefined;
  /** Engines that died without being made to: on a crowded machine the watchdog may end one that stands. */
  readonly deathCount: number;
}

export interface Sample extends Seen {
  readonly atS: number;
  /** Long after a fault. */
  readonly isCalm: boolean;
}

export interface SeenSecond extends Second {
  readonly atS: number;
}

export interface Growth extends FolderSizes {
  readonly atS: number;
  readonly commandCount: number;
}

export interface SoakResult {
  /** One line each. */
  readonly broken: readonly string[];
  /** Null: all is well, and it is gone. */
  readonly keptFolder: string | null;
  readonly peakPerSecond: number;
  /** Wishes and payments. */
  readonly loadPerSecond: number;
  readonly loadedS: number;
  readonly seconds: readonly SeenSecond[];
  /** From one fault to the next. */
  readonly everyS: number;
  readonly happened: readonly Happened[];
  readonly samples: readonly Sample[];
  readonly growth: readonly Growth[];
  readonly checked: Checked;
  /** Promises that were asked for, in all checks together. */
  readonly askedCount: number;
  readonly scanned: number;
  readonly ownFound: number;
  readonly foreignFound: number;
  readonly pushes: number;
  readonly refusedOnMerits: Readonly<Record<string, number>>;
  readonly databases: DatabaseFigures;
}

/** Of databases that nobody but the engine may open while it works: what it says itself, and what they are at rest. */
export interface DatabaseFigures {
  /** How often a reader was told to have kept one state of a database for seconds. */
  readonly slowReaderCount: number;
  /** How often the file of rows was told to be too large for what is in it. */
  readonly growthCount: number;
  /** Bytes of the files of rows for each byte that is in them, at the end. */
  readonly rowsGrowth: number;
}

/** Of the peak: what citizens wish, and payments. */
const WISH_SHARE = 0.6;
const ROW_SHARE = 0.1;
/** Enough to keep every thread busy, and too few to be refused. */
const PEAK_AT_ONCE = 256;
/** On a shared machine one of them may be anything. */
const PEAK_ROUNDS = 3;
/** Until all is compiled, and payments are as many as belong to what the others ask. */
const LEARNING_ROUNDS = 2;
/** What the press asked for (R17). */
const NORMAL_P99_MS = 1_000;
const BOT_CITIZENS = 200;
const PERIODS_BESIDE = 2;
/** 10:00 in Rome of the first day of the first period. */
const START_MS = Date.parse('2021-01-11T09:00:00Z');
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Payments reach us so long after they were made. */
const ROW_AGE_MS = 1_800_000;
const NOTHING_CHECKED: Checked = { broken: [], commandCount: 0, rowCount: 0, askedCount: 0, notCounted: {} };

export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const soak = await Soak.begin(options);
  try {
    return await soak.run();
  } finally {
    await soak.end();
  }
}

class Soak {
  readonly #options: SoakOptions;
  readonly #random: Random;
  readonly #faults: readonly Fault[];
  readonly #folder: string;
  readonly #server: SoakServer;
  readonly #crowd: SoakCrowd;
  readonly #broken: string[] = [];
  readonly #seconds: SeenSecond[] = [];
  readonly #happened: Happened[] = [];
  readonly #samples: Sample[] = [];
  readonly #growth: Growth[] = [];
  readonly #refusedOnMerits = new Map<string, number>();
  readonly #sums = { scanned: 0, ownFound: 0, foreignFound: 0, withData: 0, pushes: 0 };
  /** Of the load. */
  #startMs = performance.now();
  #checked = NOTHING_CHECKED;
  #askedCount = 0;
  #peak = 0;
  #calmFromMs = Number.POSITIVE_INFINITY;
  #rowsGrowth = 0;
  #isOver = false;
  /** To its end, and nothing was broken. */
  #isSound = false;

  static async begin(options: SoakOptions): Promise<Soak> {
    const random = new Random(options.seed);
    const faults = drawFaults(random, options.faultCount, Math.floor(HOUR_MS / options.everyMs), options.faults);
    const folder = await mkdtemp(join(tmpdir(), 'clickday-soak-'));
    const programme = join(folder, 'programme.json');
    await mkdir(join(folder, 'promises'));
    const ends = faults.filter(({ name }) => name === 'end of a period').length;
    await writeFile(programme, JSON.stringify(shortPeriods(START_MS, ends + PERIODS_BESIDE)));
    // A token has to last: the minutes, and what is asked between them.
    const ttlSeconds = 3_600 + (4 * options.faultCount * options.everyMs) / 1_000;
    const server = await SoakServer.start({ folder, startMs: START_MS, programme, ttlSeconds });
    return new Soak(options, { random, faults, folder, server });
  }

  private constructor(
    options: SoakOptions,
    made: { random: Random; faults: readonly Fault[]; folder: string; server: SoakServer },
  ) {
    this.#options = options;
    this.#random = made.random;
    this.#faults = made.faults;
    this.#folder = made.folder;
    this.#server = made.server;
    this.#crowd = new SoakCrowd(options.crowdProgram);
  }

  /** Nothing runs any more; the folder stays where a promise was broken. */
  async end(): Promise<void> {
    this.#isOver = true;
    this.#crowd.close();
    await this.#server.stop();
    if (this.#isSound) await rm(this.#folder, { recursive: true, force: true });
  }

  async run(): Promise<SoakResult> {
    await this.#open();
    this.#startMs = performance.now();
    const sampling = this.#sample();
    for (const [at, fault] of this.#faults.entries()) {
      await this.#pass(fault);
      if (this.#isBroken) break;
      this.#options.say?.(this.#lineOf(at));
    }
    const loadedS = this.#atS;
    if (!this.#isBroken) await this.#check({ isAsked: true, areTotalsAsked: true });
    this.#isOver = true;
    await sampling;
    await this.#close();
    this.#isSound = !this.#isBroken;
    return this.#result(loadedS);
  }

  /** Everybody enrols; on the next day their cards count. Then what the server can do is found. */
  async #open(): Promise<void> {
    const { citizenCount, seed, peakMs, isPlanted = false } = this.#options;
    const subjects = (first: number, count: number) =>
      Array.from({ length: count }, (_, at) => makeTaxCode(first + at));
    await this.#crowd.open({
      ...{ host: '127.0.0.1', port: this.#server.port, seed, isPlanted, folder: join(this.#folder, 'promises') },
      tokens: await this.#server.tokens('citizen', subjects(0, citizenCount)),
      botTokens: await this.#server.tokens('citizen', subjects(citizenCount, BOT_CITIZENS)),
      acquirerToken: (await this.#server.tokens('acquirer', [ACQUIRER]))[0]!,
    });
    await this.#server.setClock(START_MS + DAY_MS);
    // Citizens as fast as they are answered, and beside them as many payments as belong to that.
    let rowsPerSecond = 1;
    const rounds: number[] = [];
    for (let round = 0; round < PEAK_ROUNDS + LEARNING_ROUNDS; round += 1) {
      const perSecond = usefulPerSecond(await this.#load({ ms: peakMs, atOnce: PEAK_AT_ONCE, rowsPerSecond }));
      if (round >= LEARNING_ROUNDS) rounds.push(perSecond + rowsPerSecond);
      rowsPerSecond = perSecond * (ROW_SHARE / WISH_SHARE);
    }
    this.#peak = median(rounds, (rate) => rate);
    this.#options.say?.(`${Math.round(this.#peak)} requests a second at most`);
  }

  /** One fault and what comes after it, until the next. */
  async #pass(fault: Fault): Promise<void> {
    const { everyMs } = this.#options;
    const random = this.#random;
    const ms = everyMs * (fault.share?.(random) ?? 0);
    const perSecond = WISH_SHARE * this.#peak;
    const usual = { perSecond, rowsPerSecond: ROW_SHARE * this.#peak };
    const before = new Set((await this.#server.status()).incidents.map(({ id }) => id));
    this.#calmFromMs = performance.now() + everyMs / 2;

    let startBytes: number | undefined;
    let { startCount } = this.#server;
    const act = async () => {
      const broken = (await fault.act?.(this.#server, { random, ms, folder: this.#folder })) ?? [];
      if (fault.endsProcess !== true) return broken;
      startBytes = this.#server.ownBytes();
      startCount = this.#server.startCount;
      return broken;
    };
    const doing = act().catch((error: unknown) => [firstLineOf(error)]);
    const fromS = this.#atS;
    const during = ms === 0 ? [] : [await this.#load({ ...usual, ...fault.phase?.(perSecond), ms })];
    const after = await this.#load({ ...usual, ...(ms === 0 ? fault.phase?.(perSecond) : {}), ms: everyMs - ms });
    this.#tell(fault.name, await doing);
    this.#calmFromMs = Number.POSITIVE_INFINITY;
    if (this.#isBroken) return;

    const seconds = [...during, after].flatMap((phase) => phase.seconds.slice(0, -1));
    this.#seconds.push(...seconds.map((second, at) => ({ ...second, atS: fromS + at })));
    const normal = secondsToNormal(seconds.slice(Math.round(ms / 1_000)), { perSecond, p99MsMax: NORMAL_P99_MS });
    const { incidents } = await this.#server.status();
    const deathCount = this.#server.startCount - startCount;
    this.#happened.push({
      ...{ fault, startBytes, normalAfterS: normal, deathCount },
      incidents: incidents.filter(({ id }) => !before.has(id)),
    });
    await this.#check({ isAsked: fault.endsProcess === true, areTotalsAsked: false }, fault.name);
    const commandCount = this.#checked.commandCount + this.#checked.rowCount;
    this.#growth.push({ ...this.#server.sizes(), commandCount, atS: this.#atS });
  }

  async #load(phase: Omit<SoakPhase, 'trxMs'>): Promise<PhaseResult> {
    const result = await this.#crowd.run({ ...phase, trxMs: this.#server.programmeMs - ROW_AGE_MS });
    for (const name of ['scanned', 'ownFound', 'foreignFound', 'withData', 'pushes'] as const) {
      this.#sums[name] += result[name];
    }
    for (const [code, count] of Object.entries(result.refusedOnMerits)) {
      this.#refusedOnMerits.set(code, (this.#refusedOnMerits.get(code) ?? 0) + count);
    }
    return result;
  }

  async #check(how: { isAsked: boolean; areTotalsAsked: boolean }, after = 'the end'): Promise<void> {
    const { newestCount, olderCount } = this.#options;
    const counts = how.isAsked ? { newestCount, olderCount } : { newestCount: 0, olderCount: 0 };
    const { periods } = await this.#server.status();
    const periodCount = periods.filter(({ status }) => status !== 'INACTIVE').length;
    this.#checked = await this.#crowd.check({ ...counts, areTotalsAsked: how.areTotalsAsked, periodCount });
    this.#askedCount += this.#checked.askedCount;
    this.#tell(`after ${after}`, this.#checked.broken);
    const { foreignFound, withData, ownFound } = this.#sums;
    if (foreignFound > 0) this.#tell(after, [`${foreignFound} times a citizen was shown what is another's`]);
    if (ownFound < withData) this.#tell(after, [`${withData - ownFound} wallets came without their canary`]);
  }

  /** Stopped in order; whoever recomputes the folder finds the same. */
  async #close(): Promise<void> {
    this.#crowd.close();
    const code = await this.#server.stop();
    if (code !== 0) this.#tell('the end', [`an orderly stop ended with ${code}`]);
    this.#rowsGrowth = await rowsGrowth(this.#server.data);
    this.#tell('verify', (await verifyFolder(this.#server.data)).differences);
    if (this.#happened.some(({ fault }) => fault.name === 'backup')) {
      const { differences } = await inspectBackup(new BackupReader(join(this.#folder, 'backup')));
      this.#tell('the backup', differences);
    }
  }

  async #sample(): Promise<void> {
    while (!this.#isOver) {
      const seen = await this.#server.see();
      const isCalm = performance.now() >= this.#calmFromMs;
      if (seen !== undefined) {
        this.#samples.push({ ...seen, atS: this.#atS, isCalm });
      }
      await pause(this.#options.sampleMs);
    }
  }

  get #atS(): number {
    return (performance.now() - this.#startMs) / 1_000;
  }

  get #isBroken(): boolean {
    return this.#broken.length > 0;
  }

  #tell(where: string, lines: readonly string[]): void {
    for (const line of lines) this.#broken.push(`seed ${this.#options.seed}, ${where}: ${line}`);
  }

  #lineOf(at: number): string {
    const { fault, normalAfterS, incidents, deathCount } = this.#happened[at]!;
    const deaths = deathCount === 0 ? '' : `; it died by itself ${deathCount} times`;
    const { commandCount, rowCount } = this.#checked;
    const normal = normalAfterS === null ? 'not normal before the next' : `normal after ${normalAfterS} s`;
    const own = Math.round((this.#samples.at(-1)?.ownBytes ?? 0) / 1e6);
    const told = incidents.map(({ kind, name }) => `${kind} ${name}`).join(', ') || 'none';
    return `${at + 1} of ${this.#faults.length}, ${fault.name}: ${normal}; incidents: ${told}; ${commandCount} commands and ${rowCount} payments acknowledged; ${own} MB${deaths}`;
  }

  #result(loadedS: number): SoakResult {
    const { scanned, ownFound, foreignFound, pushes } = this.#sums;
    return {
      broken: this.#broken,
      keptFolder: this.#isBroken ? this.#folder : null,
      peakPerSecond: this.#peak,
      loadPerSecond: (WISH_SHARE + ROW_SHARE) * this.#peak,
      ...{ loadedS, seconds: this.#seconds, happened: this.#happened, samples: this.#samples, growth: this.#growth },
      ...{ checked: this.#checked, askedCount: this.#askedCount, scanned, ownFound, foreignFound, pushes },
      everyS: this.#options.everyMs / 1_000,
      refusedOnMerits: Object.fromEntries(this.#refusedOnMerits),
      databases: {
        slowReaderCount: this.#server.loggedCount(SLOW_READER),
        growthCount: this.#server.loggedCount(ROWS_GROWN),
        rowsGrowth: this.#rowsGrowth,
      },
    };
  }
}

/** At rest. */
async function rowsGrowth(folder: string): Promise<number> {
  const persistence = await openPersistence({ folder });
  const rooms = (persistence.stores as readonly FileStore[]).map((store) => store.maintain().rows);
  await persistence.close();
  const sum = (of: (room: EnvironmentRoom) => number) => rooms.reduce((total, room) => total + of(room), 0);
  return sum(({ fileBytes }) => fileBytes) / sum(({ liveBytes }) => liveBytes);
}

function firstLineOf(error: unknown): string {
  return String(error).split('\n', 1)[0]!;
}
