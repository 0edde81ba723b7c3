/** A real server in a process of its own, as operators run it: started, measured from outside, stopped in order. */
import { type ChildProcess, fork } from 'node:child_process';
import { ENGINE_FLAGS, type Ready } from '../server/index.ts';
import { cpuMsOf, memoryOf, type ProcessMemory, writtenBytesOf } from './process-cost.ts';

export interface ServerOptions {
  readonly data: string;
  readonly shards?: number | undefined;
  readonly transport?: 'auto' | 'uws' | 'ws';
  /** Absent: the folder's own. */
  readonly programme?: string;
  readonly payoutFolder?: string;
  /** Requests of one citizen in a second; absent: as many as any may ask for, 0: as many as it likes. */
  readonly citizenRate?: number;
  /** For rehearsals, see Configuration. */
  readonly slowdownUs?: number;
  readonly admission?: boolean;
  /** ISO-8601: the programme's clock starts there. */
  readonly now: string;
}

/** A program that speaks as the engine's process does: options as JSON, `ready` when it serves. */
export type Program = 'server/main' | 'bench/peers/peer-process' | 'bench/peers/echo-process';

/** What an orderly stop saves the next start is measured whole. */
const STOP_MS_MAX = 120_000;

export class ServerProcess {
  readonly ready: Ready;
  /** From the start of the process until it said that it serves. */
  readonly startMs: number;
  readonly #child: ChildProcess;

  /** Rejects when the process ends before it is ready; what it said went to standard error. */
  static start(options: ServerOptions): Promise<ServerProcess> {
    return ServerProcess.run('server/main', { port: 0, ...options });
  }

  /** As `start`, for a program that stands in the server's place. */
  static async run(program: Program, options: object): Promise<ServerProcess> {
    const startedMs = performance.now();
    const child = fork(new URL(`../${program}.js`, import.meta.url), [JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [...ENGINE_FLAGS],
      env: { ...process.env, CLICKDAY_STOP_MS: String(STOP_MS_MAX) },
    });
    const ready = await new Promise<Ready>((resolve, reject) => {
      child.on('message', (message) => {
        const { ready } = message as { readonly ready?: Ready };
        if (ready !== undefined) resolve(ready);
      });
      child.once('exit', (code) => reject(new Error(`the server ended before it was ready (exit code ${code})`)));
    });
    return new ServerProcess(child, ready, performance.now() - startedMs);
  }

  private constructor(child: ChildProcess, ready: Ready, startMs: number) {
    this.#child = child;
    this.ready = ready;
    this.startMs = startMs;
  }

  get port(): number {
    return Number(new URL(this.ready.url).port);
  }

  /** Processor time of all its threads so far, in milliseconds. Linux only. */
  cpuMs(): number {
    return cpuMsOf(this.#child.pid!);
  }

  memory(): ProcessMemory {
    return memoryOf(this.#child.pid!);
  }

  /** Handed to disks so far, in bytes. */
  writtenBytes(): number {
    return writtenBytesOf(this.#child.pid!);
  }

  /** Asks for an orderly stop. Rejects when the server does not end well. */
  stop(): Promise<void> {
    return this.#end('SIGTERM', (code) => code === 0);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** None of its threads runs until `resume`. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  resume(): void {
    this.#child.kill('SIGCONT');
  }

  /** As a power cut would, seen from the process. */
  kill(): Promise<void> {
    return this.#end('SIGKILL', () => true);
  }

  #end(signal: NodeJS.Signals, isWell: (code: number | null) => boolean): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#child.once('exit', (code) =>
        isWell(code) ? resolve() : reject(new Error(`the server ended with exit code ${code}`)),
      );
      this.#child.kill(signal);
    });
  }
}
