/** A real server process that gets killed: started on a folder, told where to die, or killed from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

/** As `npm run build` leaves it. */
export const PROGRAM = resolve('dist/server/main.js');

export interface VictimOptions {
  readonly program: string;
  readonly folder: string;
  readonly now: string;
  readonly shards: number;
  readonly programme: string;
  /** `point:count`, see CLICKDAY_KILL_AT; empty: it does not end itself. */
  readonly killAt: string;
  readonly checkpointRows: number;
  /** In bytes. */
  readonly quota?: number | undefined;
  readonly environment?: Readonly<Record<string, string>>;
  /** 0 if not given: any. */
  readonly port?: number;
  readonly keepFormat?: boolean;
}

export class Victim {
  readonly #child: ChildProcess;
  /** Resolves with the signal or exit code that ended it. */
  readonly ended: Promise<string>;
  /** Undefined: it died before it listened. */
  readonly url: Promise<string | undefined>;
  #errors = '';

  constructor({ program, folder, killAt, checkpointRows, environment, ...options }: VictimOptions) {
    const json = JSON.stringify({ data: folder, port: 0, speed: 1, ...options });
    this.#child = spawn(process.execPath, [program, json], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {
        ...process.env,
        ...environment,
        CLICKDAY_KILL_AT: killAt,
        CLICKDAY_CHECKPOINT_ROWS: String(checkpointRows),
      },
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.ended = once(this.#child, 'exit').then(([code, signal]) => String(signal ?? code));
    this.url = new Promise((resolve) => {
      this.#child.on('message', (message) => {
        const { ready } = message as { readonly ready?: { readonly url: string } };
        if (ready !== undefined) resolve(ready.url);
      });
      void this.ended.then(() => resolve(undefined));
    });
  }

  get errors(): string {
    return this.#errors;
  }

  /** True when it has ended by itself. The load notices a death before the parent does: waits a moment for that. */
  async isGone(): Promise<boolean> {
    return (await Promise.race([this.ended, new Promise((resolve) => setTimeout(resolve, 250))])) !== undefined;
  }

  async stop(): Promise<string> {
    this.#child.kill('SIGTERM');
    return this.ended;
  }

  async kill(): Promise<string> {
    this.#child.kill('SIGKILL');
    return this.ended;
  }
}
