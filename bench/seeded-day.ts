/**
 * A server on a seeded population, and the click day that comes to it: issuers enable new cards, acquirers send payments,
 * for citizens drawn from all there are, at a rate that does not wait for the server.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Generator } from './load/generator.ts';
import type { LoadPlan, LoadResult } from './load/plan.ts';
import { SEEDED_UNTIL } from './seed/population.ts';
import { seedFolder } from './seed/seeder.ts';
import { ServerProcess } from './server-process.ts';
import { signTokens } from './tokens.ts';

const SEED = 1;
const ISSUER = '03069';
const ACQUIRER = '36081';
const ISSUER_CONNECTIONS = 50;
const ISSUER_IN_FLIGHT = 64;
const ACQUIRER_CONNECTIONS = 8;
const ACQUIRER_IN_FLIGHT = 16;
const ROWS_PER_BATCH = 50;
/** Of the seeded folder's last day, before it was over. */
const TRX_MS = Date.parse('2021-01-05T09:00:00Z');

export interface Population {
  readonly folder: string;
  readonly citizenCount: number;
  readonly storeCount: number;
}

/** Where seeded folders lie: in the one named by --population, which keeps them, or in one that is gone in the end. */
export async function withFolder<T>(work: (parent: string, isKept: boolean) => Promise<T>): Promise<T> {
  const kept = process.env.POPULATION;
  if (kept !== undefined) return work(kept, true);
  const parent = await mkdtemp(join(tmpdir(), 'clickday-bench-'));
  try {
    return await work(parent, false);
  } finally {
    await rm(parent, { recursive: true, force: true });
  }
}

/** Makes the folder, where it is not there from an earlier run. */
export async function populate({ folder, citizenCount, storeCount }: Population): Promise<void> {
  if (existsSync(join(folder, 'manifest.json'))) return;
  tell(`seeding ${citizenCount} citizens into ${storeCount} store(s)`);
  await seedFolder({ folder, citizenCount, storeCount, seed: SEED });
}

export function openForBusiness({ folder, storeCount }: Population): Promise<ServerProcess> {
  return ServerProcess.start({ data: folder, shards: storeCount, programme: 'italy-2020', now: nowIn(folder) });
}

/** The programme's clock goes on where it stood, as long after the folder was made as it is by now. */
function nowIn(folder: string): string {
  const { createdAt } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as { createdAt: string };
  return new Date(Date.parse(SEEDED_UNTIL) + Date.now() - Date.parse(createdAt)).toISOString();
}

/** Where one of the rates is 0, nobody of those comes. */
export interface Crowd {
  readonly cardsPerSecond: number;
  readonly paymentsPerSecond: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
}

export interface ClickDayResult {
  readonly cards: LoadResult;
  readonly payments: LoadResult;
}

type Pace = Pick<LoadPlan, 'warmUpMs' | 'measureMs' | 'ratePerSecond'>;

const NOTHING: LoadResult = {
  ...{ done: 0, refused: {}, requests: 0, elapsedMs: 0, generatorCpuMs: 0 },
  latencyUs: { p50: 0, p90: 0, p99: 0, p999: 0, max: 0 },
};

export class ClickDay {
  readonly #issuers = new Generator();
  readonly #acquirers = new Generator();

  async run(population: Population, server: ServerProcess, crowd: Crowd): Promise<ClickDayResult> {
    const { warmUpMs, measureMs, cardsPerSecond, paymentsPerSecond } = crowd;
    const time = { warmUpMs, measureMs };
    const [cards, payments] = await Promise.all([
      cardsPerSecond === 0 ? NOTHING : this.#request(population, server, { ...time, ratePerSecond: cardsPerSecond }),
      paymentsPerSecond === 0
        ? NOTHING
        : this.pay(population, server, { ...time, ratePerSecond: paymentsPerSecond / ROWS_PER_BATCH }),
    ]);
    return { cards, payments };
  }

  async #request({ folder, citizenCount }: Population, { port }: ServerProcess, pace: Pace): Promise<LoadResult> {
    return this.#issuers.run({
      ...{ host: '127.0.0.1', port, citizenCount, populationSeed: SEED, ...pace },
      ...{ workload: 'cards', run: freshRun(), inFlight: ISSUER_IN_FLIGHT },
      tokens: await signTokens(folder, 'issuer', new Array<string>(ISSUER_CONNECTIONS).fill(ISSUER)),
    });
  }

  /** Without a rate: as many as the server takes. Requests are batches of payments. */
  async pay({ folder, citizenCount }: Population, { port }: ServerProcess, pace: Pace): Promise<LoadResult> {
    return this.#acquirers.run({
      ...{ host: '127.0.0.1', port, citizenCount, populationSeed: SEED, ...pace },
      ...{ workload: 'payments', run: freshRun(), inFlight: ACQUIRER_IN_FLIGHT },
      batch: { rowCount: ROWS_PER_BATCH, trxMs: TRX_MS, acquirer: ACQUIRER },
      tokens: await signTokens(folder, 'acquirer', new Array<string>(ACQUIRER_CONNECTIONS).fill(ACQUIRER)),
    });
  }

  close(): void {
    this.#issuers.close();
    this.#acquirers.close();
  }
}

export function refusalsOf({
  cards,
  payments,
}: ClickDayResult): readonly { readonly code: string; readonly count: number }[] {
  const all = [...Object.entries(cards.refused), ...Object.entries(payments.refused)];
  return all.map(([code, count]) => ({ code, count }));
}

/** One line for whoever waits: some of this takes an hour. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** 1m, 200k, 500: part of a name, so that only runs of one size are compared. */
export function shortCount(count: number): string {
  if (count % 1_000_000 === 0) return `${count / 1_000_000}m`;
  return count % 1_000 === 0 ? `${count / 1_000}k` : `${count}`;
}

function freshRun(): string {
  return randomBytes(3).toString('hex').slice(0, 5);
}
