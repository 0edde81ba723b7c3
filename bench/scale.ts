/**
 * What grows with the citizens: restart, latency and memory of one server, from 100,000 of them up. Each size is a seeded
 * folder: the server starts on it with nothing of it in the system's page cache, then again with what is left there; then
 * the click day comes at one rate for all sizes (seeded-day.ts), ends with a kill, and the folder is started once more
 * and verified. A figure that does not depend on the citizens has the exponent 0, one that doubles with them 1.
 *
 * --citizens-max 1000000 is the last size (10000000 takes half an hour), --stores 1,2 what is measured, --minutes 0.5 how long
 * each load lasts, --rate 2500 how many card requests and payments a second, --verify-max 1000000 the largest folder
 * to be verified, which takes 3.5 minutes. --population DIR keeps the folders there, for the next run.
 */
import { execFile, spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ProcessMemory } from './process-cost.ts';
import {
  ClickDay,
  type ClickDayResult,
  openForBusiness,
  type Population,
  populate,
  refusalsOf,
  shortCount,
  tell,
  withFolder,
} from './seeded-day.ts';
import type { ServerProcess } from './server-process.ts';
import type { Measurement, Series, SuiteResult } from './suite.ts';

const SIZES = [100_000, 1_000_000, 3_000_000, 10_000_000] as const;
const CITIZENS_MAX = Number(process.env.CITIZENS_MAX ?? 1_000_000);
const STORES = (process.env.STORES ?? '1,2').split(',').map(Number);
const MEASURE_MS = Number(process.env.MINUTES ?? 0.5) * 60_000;
/** More than the 1,900 at which the press saw slowdowns (R8), with a million who are there already (R25). */
const RATE = Number(process.env.RATE ?? 2_500);
/** The press counted five million requests to add a card, and four million payments fit beside them. */
const CARDS_SHARE = 5 / 9;
const VERIFY_MAX = Number(process.env.VERIFY_MAX ?? 1_000_000);
const WARM_UP_MS = Math.min(5_000, MEASURE_MS);
const LOOK_MS = 1_000;

/** Of one size and number of stores. */
interface Figures {
  readonly citizenCount: number;
  readonly storeCount: number;
  readonly coldS: number;
  readonly warmS: number;
  readonly killedS: number;
  readonly load: ClickDayResult;
  /** At rest, before any load; and the most that was seen under it. */
  readonly idle: ProcessMemory;
  readonly busy: ProcessMemory;
}

export function run(): Promise<SuiteResult> {
  return withFolder(async (folder, isKept) => {
    const bench = new Scale(folder, isKept);
    try {
      return await bench.run();
    } finally {
      await bench.close();
    }
  });
}

class Scale {
  readonly #folder: string;
  readonly #isKept: boolean;
  readonly #clickDay = new ClickDay();
  readonly #notes: string[] = [];
  #server: ServerProcess | null = null;

  constructor(folder: string, isKept: boolean) {
    this.#folder = folder;
    this.#isKept = isKept;
  }

  async run(): Promise<SuiteResult> {
    const all: Figures[] = [];
    for (const storeCount of STORES) {
      for (const citizenCount of sizesUpTo(CITIZENS_MAX)) all.push(await this.#measure(citizenCount, storeCount));
    }
    const results = STORES.flatMap((storeCount) => resultsOf(all.filter((one) => one.storeCount === storeCount)));
    return { results, ratios: [], series: seriesOf(all), notes: this.#notes };
  }

  async close(): Promise<void> {
    this.#clickDay.close();
    await this.#server?.kill();
  }

  async #measure(citizenCount: number, storeCount: number): Promise<Figures> {
    const name = `${shortCount(citizenCount)}${ofStores(storeCount)}`;
    const folder = join(this.#folder, `${citizenCount}-${storeCount}`);
    const population: Population = { folder, citizenCount, storeCount };
    await populate(population);

    forgetPages(folder);
    const coldS = await this.#start(population);
    await this.#server!.stop();
    const warmS = await this.#start(population);
    const idle = this.#server!.memory();
    tell(`${name}: ${MEASURE_MS / 1_000} s of load`);
    const { load, busy } = await this.#load(population);
    for (const { code, count } of refusalsOf(load)) this.#notes.push(`${name}: ${count} refused, ${code}`);
    await this.#server!.kill();
    const killedS = await this.#start(population);
    await this.#server!.stop();
    await this.#verify(name, population);
    if (!this.#isKept) await rm(folder, { recursive: true });
    return { citizenCount, storeCount, coldS, warmS, killedS, load, idle, busy };
  }

  async #start(population: Population): Promise<number> {
    this.#server = await openForBusiness(population);
    return this.#server.startMs / 1_000;
  }

  async #load(population: Population): Promise<Pick<Figures, 'load' | 'busy'>> {
    const server = this.#server!;
    let busy = server.memory();
    const looking = setInterval(() => {
      const now = server.memory();
      if (now.ownBytes > busy.ownBytes) busy = now;
    }, LOOK_MS);
    const cardsPerSecond = Math.round(RATE * CARDS_SHARE);
    const rates = { cardsPerSecond, paymentsPerSecond: RATE - cardsPerSecond };
    const crowd = { ...rates, warmUpMs: WARM_UP_MS, measureMs: MEASURE_MS };
    const load = await this.#clickDay.run(population, server, crowd).finally(() => clearInterval(looking));
    return { load, busy };
  }

  /** In a process of its own, as an operator does it. */
  async #verify(name: string, { folder, citizenCount }: Population): Promise<void> {
    if (citizenCount > VERIFY_MAX) {
      this.#notes.push(`${name}: not verified, see --verify-max`);
      return;
    }
    const program = fileURLToPath(new URL('../client/cli/main.js', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [program, 'verify', '--data', folder]);
    this.#notes.push(`${name}: ${stdout.trim().replace(/\s+/g, ' ')}`);
  }
}

/** The usual sizes below the largest, and that one; never one alone, which has no exponent. */
function sizesUpTo(citizensMax: number): readonly number[] {
  const sizes = [...SIZES.filter((size) => size < citizensMax), citizensMax];
  return sizes.length > 1 ? sizes : [Math.ceil(citizensMax / 2), citizensMax];
}

function ofStores(storeCount: number): string {
  return storeCount === 1 ? '' : `, ${storeCount} stores`;
}

function resultsOf(figures: readonly Figures[]): readonly Measurement[] {
  const stores = ofStores(figures[0]!.storeCount);
  const exponent = (name: string, of: (one: Figures) => number) => ({
    ...{ name: `${name}${stores}`, unit: 'exponent over citizens' },
    value: slope(figures.map((one) => [Math.log(one.citizenCount), Math.log(of(one))])),
  });
  const [few, many] = [figures[0]!, figures.at(-1)!];
  const moreBytes = (many.idle.ownBytes - few.idle.ownBytes) / (many.citizenCount - few.citizenCount);
  return [
    exponent('p99-growth', p99Ms),
    exponent('memory growth', ({ busy }) => busy.ownBytes),
    exponent('restart growth', ({ killedS }) => killedS),
    ...figures.flatMap((one) => resultsOfSize(one, stores)),
    { name: `own memory for each citizen more, before the load${stores}`, unit: 'bytes/citizen', value: moreBytes },
  ];
}

function resultsOfSize(figures: Figures, stores: string): readonly Measurement[] {
  const { citizenCount, coldS, warmS, killedS, load, idle, busy } = figures;
  const size = shortCount(citizenCount);
  const named = (name: string) => `${name}${stores}`;
  const { p50, p99 } = load.cards.latencyUs;
  const ofPayments = load.payments.latencyUs;
  return [
    { name: named(`anon-${size}-bytes`), unit: 'bytes', value: busy.ownBytes },
    { name: named(`anon-${size}-bytes, before the load`), unit: 'bytes', value: idle.ownBytes },
    { name: named(`mapped pages of files, ${size}`), unit: 'bytes', value: busy.mappedBytes },
    { name: named(`restart-${size}-s`), unit: 's', value: killedS },
    { name: named(`restart-${size}-s, after an orderly stop`), unit: 's', value: warmS },
    { name: named(`restart-${size}-s, nothing in the page cache`), unit: 's', value: coldS },
    { name: named(`card request, ${size}`), unit: 'ms', value: p99 / 1_000, p50: p50 / 1_000, p99: p99 / 1_000 },
    {
      ...{ name: named(`batch of payments, ${size}`), unit: 'ms', value: ofPayments.p99 / 1_000 },
      ...{ p50: ofPayments.p50 / 1_000, p99: ofPayments.p99 / 1_000 },
    },
    { name: named(`done, ${size}`), unit: 'a second', value: perSecond(load) },
  ];
}

function seriesOf(all: readonly Figures[]): readonly Series[] {
  const lines = [
    ['p99 of a card request', 'ms', p99Ms],
    ['own memory', 'MB', ({ busy }: Figures) => busy.ownBytes / 1e6],
    ['restart after a kill', 's', ({ killedS }: Figures) => killedS],
    ['restart, nothing in the page cache', 's', ({ coldS }: Figures) => coldS],
  ] as const;
  return STORES.flatMap((storeCount) =>
    lines.map(([name, unit, of]) => ({
      ...{ name: `${name}${ofStores(storeCount)}`, unit, along: 'citizens' },
      points: all.filter((one) => one.storeCount === storeCount).map((one) => [one.citizenCount, of(one)] as const),
    })),
  );
}

function p99Ms({ load }: Figures): number {
  return load.cards.latencyUs.p99 / 1_000;
}

function perSecond({ cards, payments }: ClickDayResult): number {
  return (cards.done * 1_000) / cards.elapsedMs + (payments.done * 1_000) / payments.elapsedMs;
}

/** Of the straight line that is nearest to the points. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [meanX, meanY] = [mean(([x]) => x), mean(([, y]) => y)];
  return mean(([x, y]) => (x - meanX) * (y - meanY)) / mean(([x]) => (x - meanX) ** 2);
}

/** As after a restart of the machine, for these files alone: their pages are written, then let go of. */
function forgetPages(folder: string): void {
  spawnSync('sync');
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name))) {
    if (statSync(path).isFile()) spawnSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
  }
}
