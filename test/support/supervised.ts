/** A real supervisor with real engines, in each of which a test may have planted a fault. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import WebSocket from 'ws';
import { ClickdayClient, type SocketConstructor } from '../../client/sdk/index.ts';
import { SDK_CLIENT } from '../../client/sdk/version.ts';
import type { Role } from '../../engine/index.ts';
import { openFolderIdentity, type Ready } from '../../server/index.ts';
import { childOf, freePort } from './programs.ts';

/** Says on its standard output what the supervisor says. Each engine finds a plan of its own in its environment. */
const PARENT = `
const { supervise } = await import(process.argv[1]);
const { options, limits, killAt } = JSON.parse(process.argv[2]);
const say = (said) => process.stdout.write(JSON.stringify(said) + '\\n');
const supervisor = supervise({
  options: {
    ...options,
    toJSON() {
      if (killAt.length > 0) process.env.CLICKDAY_KILL_AT = killAt.shift();
      return { ...this, toJSON: undefined };
    },
  },
  limits,
  onReady: (ready) => say({ ready }),
  onEvent: (event) => say({ event }),
});
process.on('SIGTERM', () => supervisor.stop());
process.exitCode = await supervisor.ended;
`;

const SUPERVISOR = new URL('../../dist/server/supervisor.js', import.meta.url).href;

export interface SupervisedOptions {
  readonly folder: string;
  /** Null: real time. */
  readonly now: string | null;
  /** By default one that is free. */
  readonly port?: number | undefined;
  readonly shards?: number;
  readonly transport?: 'uws' | 'ws';
  readonly environment?: Readonly<Record<string, string>>;
  /** What is planted in the first engine, the second, and so on; in those after them what was in the last. */
  readonly killAt?: readonly string[];
  /** Of Node, in all engines. */
  readonly flags?: readonly string[];
  /** Files and sockets that it may have open. */
  readonly descriptorCount?: number;
  /** Of tokens. */
  readonly realMs?: () => number;
  readonly deathCountMax?: number;
}

interface Said {
  readonly ready?: Ready;
  readonly event?: string;
}

export class Supervised {
  readonly url: string;
  readonly ready: Ready[] = [];
  readonly events: string[] = [];
  readonly #folder: string;
  readonly #realMs: () => number;
  readonly #parent: ChildProcess;
  readonly #ended: Promise<number | null>;
  #errors = '';
  #isReady = false;
  #wake: () => void = () => {};

  static readonly #running = new Set<Supervised>();

  /** What a failed test left behind. */
  static async stopAll(): Promise<void> {
    await Promise.all([...Supervised.#running].map((one) => one.stop()));
  }

  static async start(options: SupervisedOptions): Promise<Supervised> {
    const supervised = new Supervised(options, options.port ?? (await freePort()));
    Supervised.#running.add(supervised);
    await supervised.whenReady(1);
    return supervised;
  }

  private constructor(options: SupervisedOptions, port: number) {
    const { folder, now, shards, transport, environment, killAt = [], flags = [], deathCountMax = 100 } = options;
    const descriptors = options.descriptorCount === undefined ? '' : `ulimit -n ${options.descriptorCount};`;
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = folder;
    this.#realMs = options.realMs ?? Date.now;
    // Few citizens stand for many.
    const data = {
      data: folder,
      port,
      programme: 'italy-2020',
      citizenRate: 0,
      ...(now === null ? {} : { now, speed: 1 }),
    };
    const more = { ...(shards === undefined ? {} : { shards }), ...(transport === undefined ? {} : { transport }) };
    const limits = { backOffMsFirst: 1, backOffMsMax: 1, deathCountMax };
    const said = JSON.stringify({ options: { ...data, ...more }, limits, killAt });
    const node = [process.execPath, '--input-type=module', '-e', PARENT, SUPERVISOR, said];
    this.#parent = spawn('sh', ['-c', `${descriptors} exec "$@"`, 'sh', ...node], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: flags.join(' '), ...environment },
    });
    this.#ended = once(this.#parent, 'close').then(([code]) => code);
    this.#parent.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    let rest = '';
    this.#parent.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop()!;
      for (const line of lines) this.#hear(JSON.parse(line));
    });
    void this.#ended.then(() => {
      Supervised.#running.delete(this);
      this.#wake();
    });
  }

  /** What the engines have written to standard error. */
  get errors(): string {
    return this.#errors;
  }

  /** Resolves when the n-th engine listens. */
  whenReady(count: number): Promise<void> {
    return this.until(() => this.ready.length >= count);
  }

  /** Resolves when it is so, asked whenever the parent said something. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      if (this.#parent.exitCode !== null) throw new Error(`the supervisor has ended: ${this.#errors}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Resolves when the engine that runs now listens: after each death there is one. */
  untilReady(): Promise<void> {
    return this.until(() => this.#isReady);
  }

  /** `kill -9` of the engine. */
  killEngine(): void {
    process.kill(childOf(this.#parent.pid!), 'SIGKILL');
  }

  stop(): Promise<number | null> {
    this.#parent.kill('SIGTERM');
    return this.#ended;
  }

  async token(role: Role, subject: string): Promise<string> {
    const { sign } = await openFolderIdentity(this.#folder, { realMs: this.#realMs });
    return sign({ role, subject, ttlSeconds: 100_000_000 });
  }

  /**
   * @param deadlineMs of each request
   * @param client which it says to be
   */
  async client(role: Role, subject: string, deadlineMs = 30_000, client = SDK_CLIENT): Promise<ClickdayClient> {
    return ClickdayClient.connect({
      url: this.url,
      token: await this.token(role, subject),
      WebSocket: WebSocket as unknown as SocketConstructor,
      format: 'json',
      client,
      deadlineMs,
    });
  }

  #hear({ ready, event }: Said): void {
    if (ready !== undefined) this.ready.push(ready);
    if (event !== undefined) this.events.push(event);
    if (ready !== undefined || event !== undefined) this.#isReady = ready !== undefined;
    this.#wake();
  }
}
