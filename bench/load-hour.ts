/**
 * An hour of the click day, and in it what the press counted in a day (R18): five million requests to enable a card, and
 * four million payments, against one server with a million citizens in it. Every half a minute: what waits in the journal for the archive, what only memory holds, what a
 * request waits for its durable answer, what was handed to the disk for it. At the end requests come alone, then
 * payments alone: what is written for each of them.
 *
 * --speed 3 does the same in twenty minutes, --minutes M only that much of it; --citizens 1000000; --population DIR keeps
 * the seeded folder there.
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { EngineStats } from '../engine/index.ts';
import type { LoadResult } from './load/plan.ts';
import {
  ClickDay,
  type ClickDayResult,
  openForBusiness,
  type Population,
  populate,
  refusalsOf,
  tell,
  withFolder,
} from './seeded-day.ts';
import type { ServerProcess } from './server-process.ts';
import { median } from './statistics.ts';
import type { Measurement, Series, SuiteResult } from './suite.ts';

const CARDS = 5_000_000;
const PAYMENTS = 4_000_000;
const HOUR_MS = 3_600_000;
const SPEED = Number(process.env.SPEED ?? 1);
const LENGTH_MS = process.env.MINUTES === undefined ? HOUR_MS / SPEED : Number(process.env.MINUTES) * 60_000;
const CITIZENS = Number(process.env.CITIZENS ?? 1_000_000);
const WINDOW_MS = Math.min(30_000, LENGTH_MS);

/** What was seen at the end of one window, or of all of it. */
interface Seen {
  readonly atMinute: number;
  readonly doneCount: number;
  readonly load: ClickDayResult;
  /** Records that are in the journal and in no archive segment yet; and what its file takes. */
  readonly journalRecords: number;
  readonly journalBytes: number;
  readonly unwrittenRows: number;
  readonly ownBytes: number;
  readonly mappedBytes: number;
  readonly writtenBytes: number;
}

export function run(): Promise<SuiteResult> {
  return withFolder(async (parent) => {
    const population = { folder: join(parent, `${CITIZENS}-1`), citizenCount: CITIZENS, storeCount: 1 };
    await populate(population);
    const server = await openForBusiness(population);
    const hour = new LoadHour(population, server);
    try {
      return await hour.run();
    } finally {
      hour.close();
      await server.kill();
    }
  });
}

class LoadHour {
  readonly #population: Population;
  readonly #server: ServerProcess;
  readonly #clickDay = new ClickDay();
  readonly #startMs = performance.now();
  readonly #startBytes: number;
  readonly #refusals = new Map<string, number>();

  constructor(population: Population, server: ServerProcess) {
    this.#population = population;
    this.#server = server;
    this.#startBytes = server.writtenBytes();
  }

  async run(): Promise<SuiteResult> {
    const all: Seen[] = [];
    while (performance.now() - this.#startMs < LENGTH_MS) {
      all.push(await this.#window(all.at(-1)?.doneCount ?? 0));
      tell(lineOf(all.at(-1)!));
    }
    const alone = [
      { name: 'written for each request', unit: 'bytes', value: await this.#writtenAlone({ payments: 0 }) },
      { name: 'written for each row', unit: 'bytes', value: await this.#writtenAlone({ cards: 0 }) },
    ];
    const notes = [...this.#refusals].map(([code, count]) => `${count} refused, ${code}`);
    return { results: [...resultsOf(all), ...alone], ratios: [], series: seriesOf(all), notes };
  }

  close(): void {
    this.#clickDay.close();
  }

  /** Two windows, the second of which is measured: what the first leaves unwritten it leaves itself. */
  async #writtenAlone(counts: { readonly cards?: 0; readonly payments?: 0 }): Promise<number> {
    await this.#load(counts);
    const before = this.#server.writtenBytes();
    const { cards, payments } = await this.#load(counts);
    return (this.#server.writtenBytes() - before) / (cards.done + payments.done);
  }

  async #load({ cards = CARDS, payments = PAYMENTS } = {}): Promise<ClickDayResult> {
    const perSecond = (count: number) => (count * 1_000 * SPEED) / HOUR_MS;
    const rates = { cardsPerSecond: perSecond(cards), paymentsPerSecond: perSecond(payments) };
    const crowd = { ...rates, warmUpMs: 0, measureMs: WINDOW_MS };
    const load = await this.#clickDay.run(this.#population, this.#server, crowd);
    for (const { code, count } of refusalsOf(load)) this.#refusals.set(code, (this.#refusals.get(code) ?? 0) + count);
    return load;
  }

  async #window(doneBefore: number): Promise<Seen> {
    const load = await this.#load();
    const { ownBytes, mappedBytes } = this.#server.memory();
    return {
      atMinute: (performance.now() - this.#startMs) / 60_000,
      doneCount: doneBefore + load.cards.done + load.payments.done,
      load,
      ...(await this.#journal()),
      ownBytes,
      mappedBytes,
      writtenBytes: this.#server.writtenBytes() - this.#startBytes,
    };
  }

  async #journal(): Promise<Pick<Seen, 'journalRecords' | 'journalBytes' | 'unwrittenRows'>> {
    const response = await fetch(`http://127.0.0.1:${this.#server.port}/status`);
    const { engine } = (await response.json()) as { readonly engine: EngineStats };
    const store = join(this.#population.folder, 'store-0');
    // A segment is named after its first and its last record.
    const [newest = ''] = readdirSync(join(store, 'archive')).filter(isSegment).sort().reverse();
    const archived = Number(/-(\d+)\.segment$/.exec(newest)?.[1] ?? 0);
    return {
      journalRecords: engine.journalSequence - archived,
      journalBytes: statSync(join(store, 'journal', 'data.mdb')).blocks * 512,
      unwrittenRows: engine.unwrittenRowCount,
    };
  }
}

function isSegment(name: string): boolean {
  return name.endsWith('.segment');
}

function resultsOf(all: readonly Seen[]): readonly Measurement[] {
  const last = all.at(-1)!;
  const most = (of: (seen: Seen) => number) => Math.max(...all.map(of));
  const latency = (of: (load: ClickDayResult) => LoadResult) => {
    const all99 = all.map(({ load }) => of(load).latencyUs.p99 / 1_000);
    const all50 = all.map(({ load }) => of(load).latencyUs.p50 / 1_000);
    return { value: Math.max(...all99), p50: median(all50, (ms) => ms), p99: median(all99, (ms) => ms) };
  };
  return [
    {
      name: 'done',
      unit: 'a second',
      value: (last.doneCount * 1_000) / all.reduce((sum, { load }) => sum + load.cards.elapsedMs, 0),
    },
    { name: 'card request, worst window', unit: 'ms', ...latency(({ cards }) => cards) },
    { name: 'batch of payments, worst window', unit: 'ms', ...latency(({ payments }) => payments) },
    {
      name: 'written for each request or row, with the other',
      unit: 'bytes',
      value: last.writtenBytes / last.doneCount,
    },
    { name: 'journal file, most', unit: 'bytes', value: most(({ journalBytes }) => journalBytes) },
    { name: 'own memory, most', unit: 'bytes', value: most(({ ownBytes }) => ownBytes) },
    { name: 'records that wait for the archive, most', unit: 'records', value: most((seen) => seen.journalRecords) },
    { name: 'rows that wait for a checkpoint, most', unit: 'rows', value: most(({ unwrittenRows }) => unwrittenRows) },
  ];
}

function seriesOf(all: readonly Seen[]): readonly Series[] {
  const lines: readonly (readonly [name: string, unit: string, of: (seen: Seen) => number])[] = [
    ['card request, p50', 'ms', ({ load }) => load.cards.latencyUs.p50 / 1_000],
    ['card request, p99', 'ms', ({ load }) => load.cards.latencyUs.p99 / 1_000],
    ['own memory', 'MB', ({ ownBytes }) => ownBytes / 1e6],
    ['journal file', 'MB', ({ journalBytes }) => journalBytes / 1e6],
    ['rows that wait for a checkpoint', 'rows', ({ unwrittenRows }) => unwrittenRows],
    ['written for each', 'bytes', ({ writtenBytes, doneCount }) => writtenBytes / doneCount],
  ];
  return lines.map(([name, unit, of]) => {
    return { name, unit, along: 'minutes', points: all.map((seen) => [seen.atMinute, of(seen)] as const) };
  });
}

function lineOf(seen: Seen): string {
  const { atMinute, doneCount, load, journalRecords, journalBytes, unwrittenRows, ownBytes, mappedBytes } = seen;
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  const { p50, p99 } = load.cards.latencyUs;
  return [
    `${atMinute.toFixed(1)} min, ${doneCount} done`,
    `card request p50 ${(p50 / 1_000).toFixed(1)} ms, p99 ${(p99 / 1_000).toFixed(1)} ms`,
    `journal ${megabytes(journalBytes)} with ${journalRecords} records to archive`,
    `${unwrittenRows} rows unwritten`,
    `own memory ${megabytes(ownBytes)}, mapped ${megabytes(mappedBytes)}`,
    `${Math.round(seen.writtenBytes / doneCount)} bytes written for each`,
  ].join('; ');
}
