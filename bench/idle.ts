/**
 * Peers that do nothing, or too little (faults 49, 50 and 65). As many idle sockets as this machine's limit of files allows, up
 * to 100,000: what each costs, and who else notices. Then the server is killed under them, and all come back as the SDK does,
 * while some citizens go on with their commands. Then 5,000 that never finish a request, and 10,000 that ask and do not read.
 *
 * --sockets 100000, --slow 5000, --readers 10000.
 */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebSocket } from 'ws';
import { type ChangeReply, ClickdayClient, newCommandId, type SocketConstructor } from '../client/sdk/index.ts';
import { type CommandId, makeTaxCode } from '../engine/index.ts';
import { descriptorLimit } from '../server/descriptors.ts';
import { openFolderIdentity } from '../server/index.ts';
import { enrolCrowd } from './crowd.ts';
import { IdleCrowd } from './idle/crowd.ts';
import type { Kind } from './idle/plan.ts';
import { Generator } from './load/generator.ts';
import type { Quantiles } from './load/plan.ts';
import { hpanOf } from './load/workload.ts';
import { ServerProcess } from './server-process.ts';
import type { Measurement, Ratio, SuiteResult } from './suite.ts';
import { signTokens } from './tokens.ts';

/** Files of the server that are no sockets of idle peers: its own, its margin, and the active citizens. */
const OTHER_DESCRIPTORS = 500;
const SOCKETS = Math.min(Number(process.env.SOCKETS ?? 100_000), descriptorLimit() - OTHER_DESCRIPTORS);
const SLOW = Math.min(Number(process.env.SLOW ?? 5_000), SOCKETS);
const READERS = Math.min(Number(process.env.READERS ?? 10_000), SOCKETS);
const MEASURE_MS = Number(process.env.SECONDS ?? 10) * 1_000;
const HOST = '127.0.0.1';
const NOW = '2020-12-07T10:00:00+01:00';
/** The clock of the server after it: never behind the one before. */
const LATER = '2020-12-07T11:00:00+01:00';
/** Citizens who go on beside them: numbers of `makeTaxCode` far from those of the others. */
const ACTIVE_FIRST = 900_000;
const ACTIVE = 20;
const ACTIVE_PER_SECOND = 300;
const STORM_ACTIVE = 10;
const WAIT_MS_MAX = 180_000;
/** Of those that are cut again and again some are always on their way. */
const NEARLY_ALL = 0.9;
const SAMPLE_MS = 200;
/** Whoever reads nothing is cut after ten seconds; it learns of it when it reads on. */
const PATIENCE = 1.5;
const PAGE_BYTES = 4_096;
const MINUTE_MS = 60_000;

export async function run(): Promise<SuiteResult> {
  const folder = await mkdtemp(join(tmpdir(), 'clickday-idle-'));
  const bench = new Idle(folder);
  try {
    return await bench.run();
  } finally {
    await bench.close();
    await rm(folder, { recursive: true, force: true });
  }
}

class Idle {
  readonly #folder: string;
  readonly #generator = new Generator();
  readonly #results: Measurement[] = [];
  readonly #ratios: Ratio[] = [];
  readonly #notes: string[] = [];
  #server!: ServerProcess;
  #crowd: IdleCrowd | null = null;
  #tokens: readonly string[] = [];
  #runs = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async run(): Promise<SuiteResult> {
    this.#server = await this.#serve(await quietPort(), NOW);
    const citizenCount = Math.max(SOCKETS, READERS);
    this.#tokens = await signTokens(
      this.#folder,
      'citizen',
      Array.from({ length: citizenCount }, (_, n) => makeTaxCode(n)),
    );
    await enrolCrowd({ folder: this.#folder, server: this.#server, generator: this.#generator, citizenCount: READERS });
    const idleElsewhere = await this.#elsewhere('idle', SOCKETS);
    const idle = await this.#measureIdle();
    await this.#measureStorm();
    await this.#leave();
    const slowElsewhere = await this.#elsewhere('slow', SLOW);
    const slow = await this.#measureSlow();
    await this.#measureReaders();
    this.#compare('idle', idle, idleElsewhere);
    this.#compare('slow', slow, slowElsewhere);
    const load = loadavg().map((average) => average.toFixed(1));
    this.#notes.push(`${SOCKETS} sockets: this process may have ${descriptorLimit()} files`);
    this.#notes.push(
      `processes that wanted a core, over 1, 5 and 15 minutes at the end: ${load.join(', ')} of ${cpus().length}`,
    );
    return { results: this.#results, ratios: this.#ratios, notes: this.#notes };
  }

  async close(): Promise<void> {
    this.#generator.close();
    await this.#crowd?.close();
    await this.#server.kill();
  }

  // The parts.

  async #measureIdle(): Promise<Quantiles> {
    const before = this.#memory();
    const startMs = performance.now();
    const cpuMs = this.#server.cpuMs();
    const crowd = this.#come('idle', SOCKETS);
    await crowd.until(() => crowd.open === SOCKETS, WAIT_MS_MAX);
    const seconds = (performance.now() - startMs) / 1_000;
    const handshakeUs = ((this.#server.cpuMs() - cpuMs) * 1_000) / SOCKETS;
    const after = this.#memory();
    this.#results.push(
      { name: 'idle sockets', unit: 'sockets', value: SOCKETS },
      { name: 'memory of the server for each', unit: 'bytes', value: grown(before, after, 'ownBytes') / SOCKETS },
      {
        name: 'kernel memory for each, both ends',
        unit: 'bytes',
        value: grown(before, after, 'kernelBytes') / SOCKETS,
      },
      { name: 'opened', unit: 'sockets/s', value: SOCKETS / seconds },
      { name: 'cpu of a handshake', unit: 'us', value: handshakeUs },
      { name: 'cpu of a signature', unit: 'us', value: await this.#signatureUs() },
    );
    const idleCpuMs = this.#server.cpuMs();
    await pause(MEASURE_MS);
    const share = (this.#server.cpuMs() - idleCpuMs) / MEASURE_MS;
    this.#results.push({ name: 'cpu of the server beside them', unit: 'cores', value: share });
    return this.#active();
  }

  /** All are cut at once, and the server is another one: nothing it had in memory helps it. */
  async #measureStorm(): Promise<void> {
    const crowd = this.#crowd!;
    const { port } = this.#server;
    const citizens = await this.#stormCitizens();
    const startMs = performance.now();
    await this.#server.kill();
    const gone = crowd.until(() => crowd.open === 0, WAIT_MS_MAX);
    [this.#server] = await Promise.all([this.#serve(port, LATER), gone]);
    const readyMs = performance.now();
    const cpuMs = this.#server.cpuMs();
    let backInTime = 1;
    const minute = setTimeout(
      () => {
        backInTime = crowd.open / SOCKETS;
      },
      startMs + MINUTE_MS - readyMs,
    );
    await crowd.until(() => crowd.open >= 0.95 * SOCKETS, WAIT_MS_MAX);
    const mostMs = performance.now();
    const share = (this.#server.cpuMs() - cpuMs) / (mostMs - readyMs);
    await crowd.until(() => crowd.open === SOCKETS, WAIT_MS_MAX);
    const allMs = performance.now();
    clearTimeout(minute);
    const lost = await citizens.end();
    this.#results.push(
      { name: 'storm: back, 95 %', unit: 's', value: (mostMs - startMs) / 1_000 },
      { name: 'storm: back, all', unit: 's', value: (allMs - startMs) / 1_000 },
      { name: 'storm: back within a minute', unit: '%', value: 100 * backInTime },
      { name: 'storm: cpu of the server meanwhile', unit: 'cores', value: share },
      { name: 'storm: sent away for now', unit: 'times', value: crowd.sentAway },
      { name: 'storm: commands beside it', unit: 'commands', value: lost.commandCount },
      { name: 'storm: commands lost', unit: 'commands', value: lost.lostCount },
    );
    this.#notes.push(`the server that was killed listened again ${((readyMs - startMs) / 1_000).toFixed(1)} s later`);
  }

  async #measureSlow(): Promise<Quantiles> {
    const crowd = this.#come('slow', SLOW);
    await crowd.until(() => crowd.open >= SLOW * NEARLY_ALL, WAIT_MS_MAX);
    const quantiles = await this.#active();
    const cuts = crowd.cuts.get('slow') ?? 0;
    this.#results.push(
      { name: 'slow sockets', unit: 'sockets', value: SLOW },
      { name: 'slow sockets cut meanwhile', unit: 'times', value: cuts },
    );
    await this.#leave();
    return quantiles;
  }

  async #measureReaders(): Promise<void> {
    const before = this.#memory();
    let most = { ownBytes: 0, kernelBytes: 0 };
    const sampling = setInterval(() => {
      const { ownBytes, kernelBytes } = this.#memory();
      most = { ownBytes: Math.max(most.ownBytes, ownBytes), kernelBytes: Math.max(most.kernelBytes, kernelBytes) };
    }, SAMPLE_MS);
    const crowd = this.#come('reader', READERS);
    // Whoever opens is counted, whoever is cut is counted when it looks: so all have come when as many were open.
    await crowd.until(() => crowd.open + sum(crowd.cuts) >= READERS, WAIT_MS_MAX);
    await pause(PATIENCE * MEASURE_MS);
    clearInterval(sampling);
    crowd.resume();
    await pause(MEASURE_MS / PATIENCE);
    this.#results.push(
      { name: 'slow readers', unit: 'sockets', value: READERS },
      {
        name: 'slow readers: memory of the server, most',
        unit: 'MB',
        value: grown(before, most, 'ownBytes') / 1e6,
      },
      {
        name: 'slow readers: kernel memory for each, most',
        unit: 'bytes',
        value: grown(before, most, 'kernelBytes') / READERS,
      },
    );
    for (const [reason, count] of crowd.cuts) this.#notes.push(`slow readers cut: ${count}, ${reason}`);
    await this.#leave();
  }

  // What they are made of.

  /** The same peers keep another server busy: they take the same processors, and none of the time of the one measured. */
  async #elsewhere(kind: Kind, count: number): Promise<Quantiles> {
    const folder = await mkdtemp(join(tmpdir(), 'clickday-elsewhere-'));
    await cp(join(this.#folder, 'identity'), join(folder, 'identity'), { recursive: true });
    const other = await ServerProcess.start({ data: folder, now: NOW });
    try {
      const crowd = this.#come(kind, count, other.port);
      await crowd.until(() => crowd.open >= count * NEARLY_ALL, WAIT_MS_MAX);
      return await this.#active();
    } finally {
      await this.#leave();
      await other.kill();
      await rm(folder, { recursive: true, force: true });
    }
  }

  #serve(port: number, now: string): Promise<ServerProcess> {
    return ServerProcess.run('server/main', { data: this.#folder, port, now });
  }

  #come(kind: Kind, count: number, port = this.#server.port): IdleCrowd {
    const tokens = this.#tokens.slice(0, count);
    this.#crowd = new IdleCrowd({ kind, host: HOST, port, tokens });
    return this.#crowd;
  }

  async #leave(): Promise<void> {
    await this.#crowd?.close();
    this.#crowd = null;
  }

  /** Some citizens who read at a steady pace, whatever else there is: a disk with bad moments would hide what sockets do. */
  async #active(): Promise<Quantiles> {
    this.#runs += 1;
    const subjects = Array.from({ length: ACTIVE }, (_, n) => makeTaxCode(ACTIVE_FIRST + n));
    const { latencyUs } = await this.#generator.run({
      ...{ host: HOST, port: this.#server.port, workload: 'read', inFlight: 8, ratePerSecond: ACTIVE_PER_SECOND },
      ...{ tokens: await signTokens(this.#folder, 'citizen', subjects), run: `1d1e${this.#runs}` },
      ...{ warmUpMs: MEASURE_MS / 5, measureMs: MEASURE_MS },
    });
    return latencyUs;
  }

  #compare(what: string, beside: Quantiles, elsewhere: Quantiles): void {
    const [to, of] = [`${what}: citizens while they are elsewhere`, `${what}: citizens beside them`];
    for (const [name, { p50, p99 }] of [
      [to, elsewhere],
      [of, beside],
    ] as const) {
      this.#results.push({ name, unit: 'us', value: p99, p50, p99 });
    }
    this.#ratios.push({ name: `${what}-p99`, value: beside.p99 / elsewhere.p99, of, to });
  }

  async #stormCitizens(): Promise<StormCitizens> {
    const subjects = Array.from({ length: STORM_ACTIVE }, (_, n) => makeTaxCode(ACTIVE_FIRST + ACTIVE + n));
    const tokens = await signTokens(this.#folder, 'citizen', subjects);
    const url = `http://${HOST}:${this.#server.port}`;
    return new StormCitizens(await Promise.all(tokens.map((token) => connectOne(url, token))));
  }

  async #signatureUs(): Promise<number> {
    const { identity } = await openFolderIdentity(this.#folder);
    const tokens = this.#tokens.slice(0, 2_000);
    const cpu = process.cpuUsage();
    for (const token of tokens) await identity.verify(token);
    const { user, system } = process.cpuUsage(cpu);
    return (user + system) / tokens.length;
  }

  #memory(): Memory {
    const sockets = readFileSync('/proc/net/sockstat', 'utf8');
    const pages = Number(/^TCP: .* mem (\d+)$/m.exec(sockets)?.[1] ?? 0);
    return { ownBytes: this.#server.memory().ownBytes, kernelBytes: pages * PAGE_BYTES };
  }
}

interface Memory {
  readonly ownBytes: number;
  readonly kernelBytes: number;
}

/** What was freed for other reasons meanwhile can be more. */
function grown(before: Memory, after: Memory, of: keyof Memory): number {
  return Math.max(0, after[of] - before[of]);
}

function connectOne(url: string, token: string): Promise<ClickdayClient> {
  const socket = WebSocket as unknown as SocketConstructor;
  return ClickdayClient.connect({ url, token, WebSocket: socket, deadlineMs: WAIT_MS_MAX });
}

/** Each sends one command after the other, whatever becomes of the connection, and asks at the end what became of all. */
class StormCitizens {
  readonly #clients: readonly ClickdayClient[];
  readonly #ending = new AbortController();
  readonly #working: Promise<readonly (readonly CommandId[])[]>;

  constructor(clients: readonly ClickdayClient[]) {
    this.#clients = clients;
    this.#working = Promise.all(clients.map((client, index) => this.#work(client, index)));
  }

  async end(): Promise<{ readonly commandCount: number; readonly lostCount: number }> {
    this.#ending.abort();
    const done = await this.#working;
    let lostCount = 0;
    for (const [index, ids] of done.entries()) {
      for (const id of ids) {
        const outcome = await this.#clients[index]!.read('outcome', { id });
        if (!outcome.ok || outcome.view.state !== 'done') lostCount += 1;
      }
      this.#clients[index]!.close();
    }
    return { commandCount: done.flat().length, lostCount };
  }

  /** @returns the ids of those that were answered as done; anything else ends the measurement */
  async #work(client: ClickdayClient, index: number): Promise<readonly CommandId[]> {
    const hpan = hpanOf(`storm ${index}`).toString();
    const ids: CommandId[] = [];
    const done = async (id: CommandId, asked: Promise<ChangeReply>) => {
      const reply = await asked;
      if (!reply.ok) throw new Error(`a command beside the storm: ${reply.code}`);
      ids.push(id);
    };
    const first = newCommandId();
    await done(first, client.change('enrol', {}, first));
    while (!this.#ending.signal.aborted) {
      const [on, off] = [newCommandId(), newCommandId()];
      await done(on, client.change('enableCashback', { hpan }, on));
      await done(off, client.change('disableCashback', { hpan }, off));
      await pause(20);
    }
    return ids;
  }
}

/** Below those that callers are given: one of them would take it while nobody listens there. */
async function quietPort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 30_000);
    const server = createServer().listen(port, HOST);
    const isFree = await Promise.race([
      once(server, 'listening').then(() => true),
      once(server, 'error').then(() => false),
    ]);
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((all, count) => all + count, 0);
}

function pause(ms: number): Promise<void> {
  return new Promise((resume) => setTimeout(resume, ms));
}
