/**
 * A real browser without a window, driven by its DevTools protocol over a pipe. When the pipe breaks it ends: none
 * outlives the test that started it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fromPackage } from './packages.ts';

const PATH = '/usr/bin/chromium';
const FLAGS =
  '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking ' +
  '--disable-component-update --disable-sync --remote-debugging-pipe';

interface Reply {
  readonly id?: number;
  readonly result?: object;
  readonly error?: { readonly message: string };
}

export const hasChromium = () => fromPackage('chromium', () => (existsSync(PATH) ? PATH : undefined)) !== undefined;

export class Chromium {
  readonly #profile: string;
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown>;
  readonly #asked = new Map<number, (reply: Reply) => void>();
  #id = 0;

  /** @param profile what an earlier one has left */
  constructor(profile = mkdtempSync(join(tmpdir(), 'clickday-chromium-'))) {
    this.#profile = profile;
    this.#process = spawn(PATH, [...FLAGS.split(' '), `--user-data-dir=${profile}`], {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: profile },
    });
    this.#ended = once(this.#process, 'exit');
    let rest = '';
    (this.#process.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop()!;
      for (const reply of messages.map((message): Reply => JSON.parse(message)))
        this.#asked.get(reply.id ?? 0)?.(reply);
    });
  }

  async tab(): Promise<Tab> {
    const target = await this.call('Target.createTarget', { url: 'about:blank' });
    const attached = await this.call('Target.attachToTarget', { ...target, flatten: true });
    return new Tab(this, (attached as { readonly sessionId: string }).sessionId);
  }

  /** @throws what the browser complains of */
  async call(method: string, params: object = {}, sessionId?: string): Promise<object> {
    this.#id += 1;
    const id = this.#id;
    (this.#process.stdio[3] as Writable).write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const { result, error } = await new Promise<Reply>((resolve) => this.#asked.set(id, resolve));
    if (result === undefined) throw new Error(`${method}: ${error?.message}`);
    return result;
  }

  /** Of the whole browser, without a word to it. @returns one that begins with what it has left on the disk */
  async killed(): Promise<Chromium> {
    this.#process.kill('SIGKILL');
    await this.#ended;
    return new Chromium(this.#profile);
  }

  async close(): Promise<void> {
    this.#process.kill();
    await this.#ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10 }); // Its children go a little later.
  }
}

/** Whatever the newest one covers is in the background, where timers are slower. */
export class Tab {
  /** One of the protocol's methods. */
  readonly call: (method: string, params?: object) => Promise<object>;

  constructor(chromium: Chromium, sessionId: string) {
    this.call = (method, params) => chromium.call(method, params, sessionId);
  }

  /** Resolves once the page is there, with its scripts. The same address again reloads it. */
  async open(url: string): Promise<void> {
    await this.call('Page.navigate', { url });
    await this.run(
      `if (document.readyState !== 'complete') await new Promise((resolve) => addEventListener('load', resolve))`,
    );
  }

  /** The body of an asynchronous function, in the page. What it returns has to be JSON; what it throws is thrown here. */
  async run<T>(program: string): Promise<T> {
    const options = { expression: `(async () => {${program}})()`, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = (await this.call('Runtime.evaluate', options)) as {
      readonly result: { readonly value: T; readonly description?: string };
      readonly exceptionDetails?: object;
    };
    if (exceptionDetails !== undefined) throw new Error(result.description ?? JSON.stringify(exceptionDetails));
    return result.value;
  }
}
