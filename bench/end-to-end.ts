/**
 * The promise that matters, measured from outside: durable commands a second through WebSocket, engine and disk, with
 * their latencies and what they cost the server; and what others make of the same commands, over the same transport
 * and from the same client: Redis and PostgreSQL behind clickday's front (peers/peer-engine.ts says what is asked of
 * them), and a bare echo of the same frames, which nothing that does any work can reach. All take turns, round by
 * round, so that a machine that slows down slows all of them; servers and load generator share it.
 *
 * SECONDS=4 is the length of each shape, ROUNDS=3 how often the peak is measured, CONNECTIONS=1000 how many there are
 * with 8 commands in flight each, PEERS=redis,postgres,echo who is measured beside, SHARDS=2 how many stores there are.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeTaxCode } from '../engine/index.ts';
import {
  type Contender,
  type ContenderOptions,
  startClickday,
  startEcho,
  startPostgresPeer,
  startRedisPeer,
} from './contender.ts';
import { Generator } from './load/generator.ts';
import type { LoadPlan, LoadResult, Workload } from './load/plan.ts';
import type { Phase } from './load/run.ts';
import { median } from './statistics.ts';
import type { Measurement, Ratio, Series, SuiteResult } from './suite.ts';
import { signTokens } from './tokens.ts';

const MEASURE_MS = Number(process.env.SECONDS ?? 4) * 1_000;
const CONNECTIONS = Number(process.env.CONNECTIONS ?? 1_000);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const PEERS = (process.env.PEERS ?? 'redis,postgres,echo').split(',');
const SHARDS = process.env.SHARDS === undefined ? undefined : Number(process.env.SHARDS);
const TRANSPORT = process.env.TRANSPORT === 'ws' ? 'ws' : 'auto';
const WARM_UP_MS = Math.min(2_000, MEASURE_MS);
/** The eve of the first period. */
const EVE = '2020-12-07T08:00:00Z';
/** Of the peak, in an open loop; the goals name the first and the last but one. */
const SHARES = [0.05, 0.3, 0.5, 0.7, 0.9] as const;
/** From this share of a core on, a thread is what limits; from this share of all, the machine is. */
const BUSY_SHARE = 0.9;

interface Shape {
  readonly workload: Workload;
  readonly connections: number;
  readonly inFlight: number;
  readonly ratePerSecond?: number;
}

const PEAK: Shape = { workload: 'life', connections: CONNECTIONS, inFlight: 8 };
const OTHERS: readonly (readonly [name: string, shape: Shape])[] = [
  ['life 50 x 1', { workload: 'life', connections: 50, inFlight: 1 }],
  [`iban ${CONNECTIONS} x 8`, { workload: 'iban', connections: CONNECTIONS, inFlight: 8 }],
  [`read ${CONNECTIONS} x 8`, { workload: 'read', connections: CONNECTIONS, inFlight: 8 }],
];

/** One shape, measured against one contender. */
interface Run {
  readonly result: LoadResult;
  readonly perSecond: number;
  /** Microseconds of each part of the contender, and of the generator, for each command. */
  readonly cpuUs: readonly { readonly name: string; readonly us: number }[];
  /** Processors that anybody kept busy meanwhile, neighbours included. */
  readonly busyCores: number;
}

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
  readonly #contenders: Contender[] = [];
  readonly #results: Measurement[] = [];
  readonly #ratios: Ratio[] = [];
  readonly #series: Series[] = [];
  readonly #notes: string[] = [];
  #shapes = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async run(): Promise<SuiteResult> {
    await this.#start();
    const peaks = await this.#measurePeaks();
    const [clickday] = this.#contenders;
    const own = peaks.get(clickday!)!;
    this.#results.push({ name: 'peak', unit: 'commands/s', value: own.perSecond });
    await this.#measureOpenLoops(clickday!, own.perSecond);
    for (const [contender, peak] of peaks) this.#reportPeak(contender, peak, own.perSecond);
    for (const [name, shape] of OTHERS) this.#reportShape(name, await this.#measure(clickday!, shape));
    return { results: this.#results, ratios: this.#ratios, series: this.#series, notes: this.#notes };
  }

  async close(): Promise<void> {
    this.#generator.close();
    await Promise.all(this.#contenders.map((contender) => contender.stop()));
  }

  async #start(): Promise<void> {
    const options: ContenderOptions = { folder: this.#folder, now: EVE, transport: TRANSPORT, shards: SHARDS };
    this.#contenders.push(await startClickday(options));
    const starts = { echo: startEcho, redis: startRedisPeer, postgres: startPostgresPeer };
    for (const [name, start] of Object.entries(starts)) {
      if (!PEERS.includes(name)) continue;
      const contender = await start(options);
      if (contender !== null) this.#contenders.push(contender);
    }
  }

  /** Of each contender the run with the median rate. */
  async #measurePeaks(): Promise<ReadonlyMap<Contender, Run>> {
    const runs = new Map(this.#contenders.map((contender) => [contender, [] as Run[]]));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [contender, list] of runs) list.push(await this.#measure(contender, PEAK));
    }
    return new Map([...runs].map(([contender, list]) => [contender, median(list, ({ perSecond }) => perSecond)]));
  }

  /** Requests come at their own pace, at shares of the peak: what a person waits. */
  async #measureOpenLoops(clickday: Contender, peak: number): Promise<void> {
    const runs = new Map<number, Run>();
    for (const share of SHARES) {
      const ratePerSecond = Math.max(1, Math.round(peak * share));
      const run = await this.#measure(clickday, { workload: 'life', connections: 200, inFlight: 8, ratePerSecond });
      this.#noteRefusals(`at ${share * 100} % of peak`, run.result);
      runs.set(share, run);
    }
    const [quiet, busy] = [inMs(runs.get(0.05)!.result), inMs(runs.get(0.7)!.result)];
    this.#results.push(
      { name: 'p50-idle', unit: 'ms', value: quiet.p50, ...quiet },
      { name: 'p99-at-70', unit: 'ms', value: busy.p99, ...busy },
    );
    for (const quantile of ['p50', 'p99'] as const) {
      const points = [...runs].map(([share, { result }]) => [share * 100, inMs(result)[quantile]] as const);
      this.#series.push({ name: quantile, unit: 'ms', along: '% of peak', points });
    }
  }

  #reportPeak({ name, parts }: Contender, run: Run, own: number): void {
    const { perSecond, cpuUs, result } = run;
    const isOwn = name === 'clickday';
    const label = (text: string) => (isOwn ? text : `${name} ${text}`);
    if (!isOwn) {
      this.#results.push({ name: label('peak'), unit: 'commands/s', value: perSecond });
      this.#ratios.push({ name, value: own / perSecond, of: 'peak', to: label('peak') });
    }
    const ofParts = cpuUs.slice(0, parts.length).reduce((sum, { us }) => sum + us, 0);
    const latency = inMs(result);
    this.#results.push(
      { name: label('cpu-us-per-command'), unit: 'us/command', value: ofParts },
      { name: label('latency at peak'), unit: 'ms', value: latency.p50, ...latency },
    );
    this.#notes.push(`${name}: ${profile(run)}`);
    this.#noteRefusals(name, result);
  }

  #reportShape(name: string, { perSecond, cpuUs, result }: Run): void {
    const latency = inMs(result);
    this.#results.push(
      { name, unit: name.startsWith('read') ? 'reads/s' : 'commands/s', value: perSecond },
      { name: `${name}, latency`, unit: 'ms', value: latency.p50, ...latency },
      { name: `${name}, server cpu`, unit: 'us/command', value: cpuUs[0]!.us },
    );
    this.#noteRefusals(name, result);
  }

  async #measure(contender: Contender, shape: Shape): Promise<Run> {
    const { workload, connections, inFlight, ratePerSecond } = shape;
    const plan: LoadPlan = {
      ...{
        host: '127.0.0.1',
        port: contender.port,
        tokens: await this.#citizenTokens(connections),
        workload,
        inFlight,
      },
      ...{ warmUpMs: WARM_UP_MS, measureMs: MEASURE_MS, run: randomBytes(3).toString('hex').slice(0, 5) },
      ...(ratePerSecond === undefined ? {} : { ratePerSecond }),
    };
    const cpuMs = () => [...contender.parts.map((part) => part.cpuMs()), busyMs()];
    let [before, after]: (readonly number[])[] = [[], []];
    const onPhase = (phase: Phase) => {
      if (phase === 'measuring') before = cpuMs();
      else after = cpuMs();
    };
    const result = await this.#generator.run(plan, onPhase).catch((cause: Error) => {
      throw new Error(`${contender.name}, ${workload}: ${cause.message}`, { cause });
    });
    const us = (ms: number) => (ms * 1_000) / result.done;
    return {
      result,
      perSecond: (result.done * 1_000) / result.elapsedMs,
      cpuUs: [
        ...contender.parts.map(({ name }, index) => ({ name, us: us(after![index]! - before![index]!) })),
        { name: 'load generator', us: us(result.generatorCpuMs) },
      ],
      busyCores: (after!.at(-1)! - before!.at(-1)!) / result.elapsedMs,
    };
  }

  /** Each shape has citizens of its own: wallets that a shape before it filled would not be comparable. */
  #citizenTokens(count: number): Promise<readonly string[]> {
    this.#shapes += 1;
    const first = 1_000_000_000 + this.#shapes * 1_000_000;
    const subjects = Array.from({ length: count }, (_, index) => makeTaxCode(first + index));
    return signTokens(this.#folder, 'citizen', subjects);
  }

  #noteRefusals(name: string, { refused }: LoadResult): void {
    for (const [code, count] of Object.entries(refused)) this.#notes.push(`${name}: ${count} refused, ${code}`);
  }
}

function inMs({ latencyUs: { p50, p99 } }: LoadResult): { readonly p50: number; readonly p99: number } {
  return { p50: p50 / 1_000, p99: p99 / 1_000 };
}

/** Processor time of the whole machine so far. */
function busyMs(): number {
  return cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0);
}

/** Who worked how much for a command, and what there was no more of. */
function profile({ perSecond, cpuUs, busyCores }: Run): string {
  const costs = cpuUs.map(({ name, us }) => ({ name, us, cores: (us * perSecond) / 1_000_000 }));
  const text = costs.map(({ name, us, cores }) => `${name} ${us.toFixed(1)} us (${cores.toFixed(2)} cores)`).join(', ');
  const others = Math.max(0, busyCores - costs.reduce((sum, { cores }) => sum + cores, 0));
  return `${text}, others here ${others.toFixed(2)} cores; limited by ${bottleneck(costs, others)}`;
}

function bottleneck(costs: readonly { readonly name: string; readonly cores: number }[], others: number): string {
  const [most] = costs.toSorted((left, right) => right.cores - left.cores);
  if (most!.cores >= BUSY_SHARE) return `one thread of ${most!.name}`;
  const all = costs.reduce((sum, { cores }) => sum + cores, others);
  if (all < BUSY_SHARE * cpus().length) return 'waiting, for the disk or for each other: processors were free';
  return others > most!.cores ? 'others on this machine' : `the processors, of which ${most!.name} had most`;
}
