/** A real server in a process of its own, as operators run it: started, measured from outside, stopped in order. */
import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { ENGINE_FLAGS, type Ready } from '../server/index.ts';

export interface ServerOptions {
  readonly data: string;
  readonly shards?: number;
  readonly transport?: 'auto' | 'uws' | 'ws';
  readonly programme: string;
  /** ISO-8601: the programme's clock starts there. */
  readonly now: string;
}

/** Linux counts processor time in these, whatever the kernel's own tick. */
const TICK_MS = 10;

export class ServerProcess {
  readonly ready: Ready;
  /** From the start of the process until it said that it serves. */
  readonly startMs: number;
  readonly #child: ChildProcess;

  /** Rejects when the process ends before it is ready; what it said went to standard error. */
  static async start(options: ServerOptions): Promise<ServerProcess> {
    const startedMs = performance.now();
    const child = fork(new URL('../server/main.js', import.meta.url), [JSON.stringify({ port: 0, ...options })], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [...ENGINE_FLAGS],
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
    const stat = readFileSync(`/proc/${this.#child.pid}/stat`, 'utf8');
    // The second field is the program's name in brackets, which may hold blanks; the time is in fields 14 and 15.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  }

  /** Resident memory, in bytes. Linux only. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1_024;
  }

  /** Asks for an orderly stop. Rejects when the server does not end well. */
  stop(): Promise<void> {
    return this.#end('SIGTERM', (code) => code === 0);
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
