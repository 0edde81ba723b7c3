/** The programs as people run them: compiled once per file of tests, started as processes, asked over real sockets. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import WebSocket from 'ws';
import { ClickdayClient, type SocketConstructor } from '../../client/sdk/index.ts';
import type { EngineStats, Role } from '../../engine/index.ts';
import { openFolderIdentity, type Ready } from '../../server/index.ts';
import { type Compiled, compile } from './compiled.ts';

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

export interface Answered {
  readonly status: number;
  readonly text: string;
  /** Parsed, where it is JSON. */
  readonly body: unknown;
}

export interface Call {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export class Programs {
  readonly commandLine: string;
  readonly folder = mkdtempSync(join(tmpdir(), 'clickday-programs-'));
  readonly #compiled: Compiled = compile('test/client/programs.ts');
  readonly #servers: RunningServer[] = [];
  readonly #verbs = new Set<ChildProcess>();

  constructor() {
    this.commandLine = join(dirname(this.#compiled.path), '..', '..', 'client', 'cli', 'main.js');
  }

  /** One verb, to its end. */
  async run(...words: readonly string[]): Promise<Ended> {
    const child = this.#start(words);
    this.#verbs.add(child);
    const [out, err] = [gather(child.stdout!), gather(child.stderr!)];
    const [code] = (await once(child, 'close')) as [number | null];
    this.#verbs.delete(child);
    return { code, out: out(), err: err() };
  }

  /** `clickday serve` on `data`, a folder below this one's, once it listens. Throws what it said when it does not. */
  async serve(data: string, ...more: readonly string[]): Promise<RunningServer> {
    const folder = join(this.folder, data);
    const port = more.includes('--port') ? [] : ['--port', '0'];
    const server = new RunningServer(this.#start(['serve', '--data', folder, '--json', ...port, ...more]), folder);
    this.#servers.push(server);
    await server.whenReady(1);
    return server;
  }

  /** Whatever still runs is stopped, also what a failed test waited for. */
  async close(): Promise<void> {
    for (const verb of this.#verbs) verb.kill('SIGTERM');
    await Promise.all(this.#servers.map((server) => server.stop()));
    rmSync(this.folder, { recursive: true, force: true });
    this.#compiled.remove();
  }

  #start(words: readonly string[]): ChildProcess {
    return spawn(process.execPath, [this.commandLine, ...words], {
      cwd: this.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }
}

/** A supervisor and its engine. */
export class RunningServer {
  readonly folder: string;
  readonly #supervisor: ChildProcess;
  readonly #out: () => string;
  readonly #err: () => string;
  readonly #ended: Promise<number | null>;

  constructor(supervisor: ChildProcess, folder: string) {
    this.#supervisor = supervisor;
    this.folder = folder;
    this.#out = gather(supervisor.stdout!);
    this.#err = gather(supervisor.stderr!);
    this.#ended = once(supervisor, 'close').then(([code]) => code);
  }

  /** What it said when its engine listened, for each engine that it started. */
  get starts(): readonly Ready[] {
    const whole = this.#out().match(/^\{\n[\s\S]*?^\}$/gm) ?? [];
    return whole.map((text) => (JSON.parse(text) as { readonly ready: Ready }).ready);
  }

  get url(): string {
    return this.starts.at(-1)!.url;
  }

  get errors(): string {
    return this.#err();
  }

  /** Resolves when the n-th engine listens. */
  async whenReady(count: number): Promise<void> {
    while (this.starts.length < count) {
      const said = await Promise.race([once(this.#supervisor.stdout!, 'data'), this.#ended.then(() => null)]);
      if (said === null) throw new Error(`ended before it was ready: ${this.errors}`);
    }
  }

  /** Orderly; resolves with the exit code, also when it has ended before. */
  stop(): Promise<number | null> {
    this.#supervisor.kill('SIGTERM');
    return this.#ended;
  }

  get enginePid(): number {
    return childOf(this.#supervisor.pid!);
  }

  /** `kill -9` of the engine alone. */
  killEngine(): void {
    process.kill(this.enginePid, 'SIGKILL');
  }

  /** `kill -9` of both: nobody is left to start anything. */
  async killAll(): Promise<void> {
    const engine = this.enginePid;
    this.#supervisor.kill('SIGKILL');
    process.kill(engine, 'SIGKILL');
    await this.#ended;
  }

  async token(role: Role, subject: string): Promise<string> {
    const { sign } = await openFolderIdentity(this.folder);
    return sign({ role, subject, ttlSeconds: 600 });
  }

  /** Over the SDK, which comes back by itself when the connection breaks. */
  async client(role: Role, subject: string): Promise<ClickdayClient> {
    const token = await this.token(role, subject);
    const socket = WebSocket as unknown as SocketConstructor;
    return ClickdayClient.connect({ url: this.url, token, WebSocket: socket, format: 'json' });
  }

  /** Over HTTP; a text or bytes go out as they are, all else as JSON. */
  async call(token: string, path: string, { method = 'GET', body, headers = {} }: Call = {}): Promise<Answered> {
    const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
        ...(isRaw ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, body: parsed(text) };
  }

  /** The engine's counters. */
  async counters(): Promise<Omit<EngineStats, 'rankings'>> {
    const { body } = await this.call('', '/status');
    return (body as { readonly engine: Omit<EngineStats, 'rankings'> }).engine;
  }

  async setClock(now: string): Promise<Answered> {
    return this.call(await this.token('operator', 'test'), '/admin/clock', { method: 'POST', body: { now } });
  }
}

/** A port that was free a moment ago: for who must find the server again after a restart. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function gather(stream: NodeJS.ReadableStream): () => string {
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  return () => text;
}

/** Linux knows the children of each process. */
export function childOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  if (!/^\d+$/.test(children)) throw new Error(`process ${pid} has not one child but "${children}"`);
  return Number(children);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
