/**
 * The promise that matters, measured from outside: durable commands a second through WebSocket, engine and disk, with
 * their latencies and what they cost the server. Server and load generator are processes of their own and share the
 * machine, so figures include the generator's need; `bench/load-suite.ts` says how much that is.
 *
 * SECONDS=8 is the length of each shape, CITIZENS=50000 how many wallets a restart finds.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTaxCode, type Role } from '../engine/index.ts';
import { openDevelopmentIdentity } from '../server/index.ts';
import { Generator } from './load/generator.ts';
import type { LoadPlan, LoadResult, Workload } from './load/plan.ts';
import { ServerProcess } from './server-process.ts';
import type { Measurement, SuiteResult } from './suite.ts';

const MEASURE_MS = Number(process.env.SECONDS ?? 8) * 1_000;
const TRANSPORT = process.env.TRANSPORT === 'ws' ? 'ws' : 'auto';
const CITIZEN_COUNT = Number(process.env.CITIZENS ?? 50_000);
const WARM_UP_MS = 2_000;
const TOKEN_TTL_SECONDS = 3_600;
const ACQUIRER = '36081';
/** Citizens enrol on the eve of the first period and pay on its second day, so that their payments count. */
const EVE = '2020-12-07T08:00:00Z';
const PAYING = '2020-12-09T12:00:00Z';

interface Shape {
  readonly name: string;
  readonly workload: Workload;
  readonly connections: number;
  readonly inFlight: number;
  readonly ratePerSecond?: number;
}

const CLOSED: readonly Shape[] = [
  { name: 'life 50 x 1', workload: 'life', connections: 50, inFlight: 1 },
  { name: 'life 1000 x 8', workload: 'life', connections: 1_000, inFlight: 8 },
  { name: 'iban 1000 x 8', workload: 'iban', connections: 1_000, inFlight: 8 },
  { name: 'read 1000 x 8', workload: 'read', connections: 1_000, inFlight: 8 },
];
const OPEN_SHARES = [0.05, 0.7];

export async function run(): Promise<SuiteResult> {
  const folder = await mkdtemp(join(tmpdir(), 'clickday-bench-'));
  const bench = new EndToEnd(folder);
  try {
    return await bench.run();
  } finally {
    await bench.close();
    await rm(folder, { recursive: true, force: true });
  }
}

class EndToEnd {
  readonly #folder: string;
  readonly #generator = new Generator();
  readonly #results: Measurement[] = [];
  #server: ServerProcess | null = null;
  #shapes = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async run(): Promise<SuiteResult> {
    await this.#start(EVE);
    const rates: number[] = [];
    for (const shape of CLOSED) rates.push(await this.#measure(shape));
    const peak = rates[1] ?? 0;
    for (const share of OPEN_SHARES) {
      const name = `life open loop at ${share * 100} % of peak`;
      const ratePerSecond = Math.max(1, Math.round(peak * share));
      await this.#measure({ name, workload: 'life', connections: 200, inFlight: 8, ratePerSecond });
    }
    await this.#seed();
    await this.#restart();
    await this.#pay();

    const [one, many] = [CLOSED[0]!.name, CLOSED[1]!.name];
    return {
      results: this.#results,
      ratios: [{ name: 'what batching brings', value: (rates[1] ?? 0) / (rates[0] ?? 1), of: many, to: one }],
    };
  }

  async close(): Promise<void> {
    this.#generator.close();
    await this.#server?.kill();
  }

  async #start(now: string): Promise<ServerProcess> {
    this.#server = await ServerProcess.start({
      data: this.#folder,
      programme: 'italy-2020',
      now,
      transport: TRANSPORT,
    });
    return this.#server;
  }

  /** @returns done a second */
  async #measure(shape: Shape): Promise<number> {
    const { name, workload, connections, inFlight, ratePerSecond } = shape;
    const tokens = await this.#citizenTokens(connections);
    const rate = ratePerSecond === undefined ? {} : { ratePerSecond };
    const { result, serverCpuMs } = await this.#load({ ...rate, tokens, workload, inFlight });
    const perSecond = (result.done * 1_000) / result.elapsedMs;
    const { p50, p99 } = result.latencyUs;
    this.#results.push(
      { name, unit: workload === 'read' ? 'reads/s' : 'commands/s', value: perSecond },
      { name: `${name}, latency`, unit: 'us', value: p50, p50, p99 },
      { name: `${name}, server cpu`, unit: 'us/command', value: (serverCpuMs * 1_000) / result.done },
      { name: `${name}, generator cpu`, unit: 'us/command', value: (result.generatorCpuMs * 1_000) / result.done },
    );
    this.#noteRefusals(name, result);
    return perSecond;
  }

  /** Issuers enrol everybody and enable one card of each. */
  async #seed(): Promise<void> {
    const tokens = await this.#tokens('issuer', new Array<string>(50).fill('03069'));
    const counts = { citizenCount: CITIZEN_COUNT, requestCount: CITIZEN_COUNT * 2 };
    const { result } = await this.#load({ ...counts, tokens, workload: 'seed', inFlight: 32 });
    const value = (result.done * 1_000) / result.elapsedMs;
    this.#results.push({ name: 'issuers, two commands a citizen', unit: 'commands/s', value });
    this.#noteRefusals('issuers', result);
  }

  /** Killed, not asked: recovery with a journal that no checkpoint covers. Then an orderly stop and start. */
  async #restart(): Promise<void> {
    await this.#server?.kill();
    const killed = await this.#start(EVE_LATER);
    await killed.stop();
    const stopped = await this.#start(PAYING);
    const wallets = `${CITIZEN_COUNT.toLocaleString('en-GB')} wallets more`;
    this.#results.push(
      { name: `restart after a kill, ${wallets}`, unit: 'ms', value: killed.startMs },
      { name: `restart after a stop, ${wallets}`, unit: 'ms', value: stopped.startMs },
      { name: 'memory after the restart', unit: 'MB', value: stopped.residentBytes() / 1_048_576 },
    );
  }

  async #pay(): Promise<void> {
    const tokens = await this.#tokens('acquirer', new Array<string>(4).fill(ACQUIRER));
    const batch = { rowCount: 100, trxMs: Date.parse(PAYING) - 3_600_000, acquirer: ACQUIRER };
    const counts = { citizenCount: CITIZEN_COUNT, batch };
    const { result, serverCpuMs } = await this.#load({ ...counts, tokens, workload: 'payments', inFlight: 4 });
    const { p50, p99 } = result.latencyUs;
    this.#results.push(
      {
        name: 'payments, 4 acquirers x 4 batches of 100',
        unit: 'rows/s',
        value: (result.done * 1_000) / result.elapsedMs,
      },
      { name: 'payments, latency of a batch', unit: 'us', value: p50, p50, p99 },
      { name: 'payments, server cpu', unit: 'us/row', value: (serverCpuMs * 1_000) / result.done },
    );
    this.#noteRefusals('payments', result);
  }

  async #load(
    plan: Pick<LoadPlan, 'tokens' | 'workload' | 'inFlight'> & Partial<LoadPlan>,
  ): Promise<{ readonly result: LoadResult; readonly serverCpuMs: number }> {
    const server = this.#server;
    if (server === null) throw new Error('no server is running');
    const times = { warmUpMs: WARM_UP_MS, measureMs: MEASURE_MS, run: randomBytes(3).toString('hex').slice(0, 5) };
    let serverCpuMs = 0;
    const result = await this.#generator.run({ host: '127.0.0.1', port: server.port, ...times, ...plan }, (phase) => {
      serverCpuMs = phase === 'measuring' ? server.cpuMs() : server.cpuMs() - serverCpuMs;
    });
    return { result, serverCpuMs };
  }

  /** Each shape has citizens of its own: wallets that a shape before it filled would not be comparable. */
  #citizenTokens(count: number): Promise<readonly string[]> {
    this.#shapes += 1;
    const first = 1_000_000_000 + this.#shapes * 1_000_000;
    return this.#tokens(
      'citizen',
      Array.from({ length: count }, (_, index) => makeTaxCode(first + index)),
    );
  }

  async #tokens(role: Role, subjects: readonly string[]): Promise<readonly string[]> {
    const identity = await openDevelopmentIdentity(this.#folder);
    return Promise.all(subjects.map((subject) => identity.sign({ role, subject, ttlSeconds: TOKEN_TTL_SECONDS })));
  }

  #noteRefusals(name: string, { refused }: LoadResult): void {
    for (const [code, value] of Object.entries(refused)) {
      this.#results.push({ name: `${name}, refused ${code}`, unit: 'requests', value });
    }
  }
}

/** The clock never starts before what is journaled. */
const EVE_LATER = '2020-12-07T20:00:00Z';
