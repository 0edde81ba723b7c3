/** `clickday serve` on the folder of a soak: what is done to it, and what is seen of it from outside. */
import { spawn } from 'node:child_process';
import { createWriteStream, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { memoryOf } from '../../bench/process-cost.ts';
import { isoText, type Role } from '../../engine/index.ts';
import { openFolderIdentity } from '../../server/index.ts';
import { freePort, RunningServer } from '../support/programs.ts';
import { patientFetch } from './patient-fetch.ts';

/** As `npm run build` leaves it. */
const COMMAND_LINE = resolve('dist/client/cli/main.js');
const LOOK_MS = 200;
/** In which the system counts what a file takes. */
const BLOCK_BYTES = 512;

export interface SoakServerOptions {
  /** Of the soak: the data are below it. */
  readonly folder: string;
  readonly startMs: number;
  readonly programme: string;
  /** Of tokens. */
  readonly ttlSeconds: number;
}

export interface StatusView {
  readonly nowMs: number;
  readonly storage: { readonly isFull: boolean };
  readonly incidents: readonly IncidentView[];
  readonly periods: readonly PeriodView[];
  readonly threads: readonly { readonly name: string; readonly heapShare: number; readonly stallMsMax: number }[];
}

interface BackupView {
  readonly state: 'running' | 'done' | 'failed';
}

interface PeriodView {
  readonly awardPeriodId: number;
  readonly endDay: string;
  readonly status: string;
  readonly isFrozen: boolean;
}

export interface IncidentView {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly crossed: readonly string[];
}

/** In bytes. */
export interface FolderSizes {
  readonly journal: number;
  readonly rows: number;
  readonly archive: number;
  readonly total: number;
}

export interface Seen {
  readonly pid: number;
  readonly ownBytes: number;
  /** How late the front's event loop was since it was last asked: 99th percentile, in milliseconds. */
  readonly delayMs: number;
  /** Of the fullest heap, what it may hold. */
  readonly heapShare: number;
}

export class SoakServer {
  readonly data: string;
  readonly port: number;
  readonly #options: SoakServerOptions;
  #running: RunningServer;
  /** The programme's time, at an instant of the monotonic clock. */
  #clock = { programmeMs: 0, atMs: 0 };
  #operator: string | undefined;

  static async start(options: SoakServerOptions): Promise<SoakServer> {
    const server = new SoakServer(options, await freePort());
    await server.#running.whenReady(1);
    return server;
  }

  private constructor(options: SoakServerOptions, port: number) {
    this.#options = options;
    this.port = port;
    this.data = join(options.folder, 'data');
    this.#clock = { programmeMs: options.startMs, atMs: performance.now() };
    this.#running = this.#spawn([]);
  }

  /** As a new supervisor would have to be told. */
  get programmeMs(): number {
    return Math.floor(this.#clock.programmeMs + performance.now() - this.#clock.atMs);
  }

  /** Of engines that this supervisor has seen serve. */
  get startCount(): number {
    return this.#running.starts.length;
  }

  whenReady(count: number): Promise<void> {
    return this.#running.whenReady(count);
  }

  killEngine(): void {
    this.#running.killEngine();
  }

  /** No thread of the engine runs meanwhile. */
  async stand(ms: number): Promise<void> {
    const pid = this.#running.enginePid;
    process.kill(pid, 'SIGSTOP');
    await pause(ms);
    process.kill(pid, 'SIGCONT');
  }

  /** In order, and again. @returns what it should not have said */
  async restart(...more: readonly string[]): Promise<readonly string[]> {
    const code = await this.#running.stop();
    this.#running = this.#spawn(more);
    await this.#running.whenReady(1);
    return code === 0 ? [] : [`an orderly stop ended with ${code}`];
  }

  /** Power is cut to both processes, and comes back. */
  async crash(): Promise<void> {
    await this.#running.killAll();
    this.#running = this.#spawn([]);
    await this.#running.whenReady(1);
  }

  /** Whatever it stands for, also in the middle of a fault. */
  stop(): Promise<number | null> {
    return this.#running.stop();
  }

  async setClock(ms: number): Promise<void> {
    await this.operate('/admin/clock', { now: isoText(ms) });
    this.#clock = { programmeMs: ms, atMs: performance.now() };
  }

  /** A copy while everybody goes on. @returns why it failed */
  async backUp(folder: string): Promise<readonly string[]> {
    await this.operate('/admin/backups', { folder });
    for (;;) {
      const { backup } = (await this.operate('/admin/backups')) as { readonly backup: BackupView | null };
      if (backup?.state === 'done') return [];
      if (backup?.state !== 'running') return [`the backup failed: ${JSON.stringify(backup)}`];
      await pause(LOOK_MS);
    }
  }

  status(): Promise<StatusView> {
    return this.#get<StatusView>('/status');
  }

  /** Undefined: it does not answer just now. */
  async see(): Promise<Seen | undefined> {
    try {
      const pid = this.#running.enginePid;
      const signal = AbortSignal.timeout(1_000);
      const [status, metrics] = await Promise.all(
        ['/status', '/metrics'].map(async (path) => (await fetch(this.url + path, { signal })).text()),
      );
      const { threads } = JSON.parse(status!) as StatusView;
      return {
        pid,
        ownBytes: memoryOf(pid).ownBytes,
        delayMs: 1_000 * Number(/^clickday_front_delay_seconds (\S+)$/m.exec(metrics!)?.[1]),
        heapShare: Math.max(...threads.map(({ heapShare }) => heapShare)),
      };
    } catch {
      return undefined;
    }
  }

  /** Undefined: just now there is no engine. */
  ownBytes(): number | undefined {
    try {
      return memoryOf(this.#running.enginePid).ownBytes;
    } catch {
      return undefined;
    }
  }

  sizes(): FolderSizes {
    const stores = readdirSync(this.data).filter((name) => name.startsWith('store-'));
    const of = (part: string) => stores.reduce((sum, store) => sum + bytesBelow(join(this.data, store, part)), 0);
    return { journal: of('journal'), rows: of('rows'), archive: of('archive'), total: bytesBelow(this.data) };
  }

  /** Of all that its engines have logged. */
  loggedCount(message: string): number {
    return readFileSync(this.#log, 'utf8').split(JSON.stringify(message)).length - 1;
  }

  async tokens(role: Role, subjects: readonly string[]): Promise<readonly string[]> {
    const { sign } = await openFolderIdentity(this.data);
    const { ttlSeconds } = this.#options;
    return Promise.all(subjects.map((subject) => sign({ role, subject, ttlSeconds })));
  }

  /** Without a body it reads. @throws Error with what was answered instead */
  async operate(path: string, body?: object): Promise<unknown> {
    this.#operator ??= (await this.tokens('operator', ['soak']))[0]!;
    const response = await patientFetch(this.url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${this.#operator}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  get #log(): string {
    return join(this.#options.folder, 'server.log');
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async #get<T>(path: string): Promise<T> {
    return (await (await patientFetch(this.url + path)).json()) as T;
  }

  #spawn(more: readonly string[]): RunningServer {
    const { programme } = this.#options;
    const words = ['serve', '--data', this.data, '--port', String(this.port), '--json', '--programme', programme];
    const now = ['--now', new Date(this.programmeMs).toISOString(), '--shards', '2'];
    const supervisor = spawn(process.execPath, [COMMAND_LINE, ...words, ...now, ...more], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // For whoever looks into a folder that was kept.
    supervisor.stderr.pipe(createWriteStream(this.#log, { flags: 'a' }));
    return new RunningServer(supervisor, this.data);
  }
}

/** As the disk has them: files of LMDB are larger than what is written of them. */
function bytesBelow(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += bytesBelow(path);
    else bytes += BLOCK_BYTES * (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0);
  }
  return bytes;
}
