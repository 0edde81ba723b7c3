/** Real processes that get killed: told where to die, or killed from outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

/** As `npm run build` leaves it. */
export const PROGRAM = resolve('dist/server/main.js');
const COMMAND_LINE = resolve('dist/client/cli/main.js');

/** Enough on any machine: a stop that a test asks for comes to its end. */
const STOP_MS = '60000';

/** Where a process ends itself. */
export interface Death {
  /** `point:count`, see CLICKDAY_KILL_AT; empty: at none. */
  readonly killAt?: string;
  /** See disk-steps.ts. */
  readonly step?: DiskStep;
}

export interface DiskStep {
  /** JavaScript of disk-steps.ts. */
  readonly program: string;
  readonly count: number;
  /** Of paths. */
  readonly pattern: string;
}

export interface VictimOptions extends Death {
  readonly program: string;
  readonly folder: string;
  readonly now: string;
  readonly shards: number;
  readonly programme: string;
  readonly checkpointRows: number;
  /** In bytes. */
  readonly quota?: number | undefined;
  readonly environment?: Readonly<Record<string, string>>;
  /** 0 if not given: any. */
  readonly port?: number;
  readonly keepFormat?: boolean;
  /** Where its journal is shipped to. */
  readonly ship?: string;
}

abstract class Doomed {
  protected readonly child: ChildProcess;
  /** Resolves with the signal or exit code that ended it. */
  readonly ended: Promise<string>;
  #errors = '';

  constructor(words: readonly string[], environment: NodeJS.ProcessEnv, { killAt = '', step }: Death) {
    const stepping =
      step === undefined
        ? {}
        : {
            NODE_OPTIONS: `--import ${pathToFileURL(step.program)}`,
            CLICKDAY_KILL_STEP: `${step.count} ${step.pattern}`,
          };
    this.child = spawn(process.execPath, words, {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, ...environment, ...stepping, CLICKDAY_KILL_AT: killAt },
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#errors += text;
    });
    this.ended = once(this.child, 'exit').then(([code, signal]) => String(signal ?? code));
  }

  get errors(): string {
    return this.#errors;
  }

  async kill(): Promise<string> {
    this.child.kill('SIGKILL');
    return this.ended;
  }
}

/** A server, started on a folder. */
export class Victim extends Doomed {
  /** Undefined: it died before it listened. */
  readonly url: Promise<string | undefined>;

  constructor({ program, folder, checkpointRows, environment, killAt, step, ...options }: VictimOptions) {
    // Few citizens stand for many.
    const json = JSON.stringify({ data: folder, port: 0, speed: 1, citizenRate: 0, ...options });
    const death = { ...(killAt === undefined ? {} : { killAt }), ...(step === undefined ? {} : { step }) };
    const settings = { CLICKDAY_CHECKPOINT_ROWS: String(checkpointRows), CLICKDAY_STOP_MS: STOP_MS };
    super([program, json], { ...settings, ...environment }, death);
    this.url = new Promise((resolve) => {
      this.child.on('message', (message) => {
        const { ready } = message as { readonly ready?: { readonly url: string } };
        if (ready !== undefined) resolve(ready.url);
      });
      void this.ended.then(() => resolve(undefined));
    });
  }

  /** True when it has ended by itself. The load notices a death before the parent does: waits a moment for that. */
  async isGone(withinMs = 250): Promise<boolean> {
    return (await Promise.race([this.ended, new Promise((resolve) => setTimeout(resolve, withinMs))])) !== undefined;
  }

  async stop(): Promise<string> {
    this.child.kill('SIGTERM');
    return this.ended;
  }
}

/** A verb of the command line, on a folder at rest. */
export class DoomedVerb extends Doomed {
  constructor(words: readonly string[], death: Death) {
    super([COMMAND_LINE, ...words], {}, death);
  }
}
