/**
 * Keeps one engine process running: starts it, starts it again when it dies, and stops it when asked.
 * A process is the unit of failure (architecture 4), so whoever keeps it alive must be another one, and small.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What the engine process says over its IPC channel once it listens. */
export interface Ready {
  readonly url: string;
  readonly transport: string;
  readonly shardCount: number;
  readonly folder: string;
  readonly programme: string;
  /** True when the data folder was made just now. */
  readonly isNew: boolean;
  /** Names of what this start has set aside: it stopped the engine again and again (fault 18). Absent: none. */
  readonly setAside?: readonly string[];
}

/**
 * How it ended: 0 = stopped in order when asked; 2 = the engine refused its configuration; 1 = it kept dying, or died of
 * something else when it was asked to stop, so that some may have had no answer.
 */
export type ExitCode = 0 | 1 | 2;

export interface SupervisorOptions {
  /** Handed to the engine process as JSON, with what the one before it left to the next. */
  readonly options: object;
  readonly onReady: (ready: Ready) => void;
  /** One line for a person: deaths, restarts, giving up, a stop that was not in order. */
  readonly onEvent: (text: string) => void;
  /** The engine's program; only tests run another. */
  readonly program?: string;
  /** Given to tests, so that they need not wait. */
  readonly limits?: Partial<SupervisorLimits>;
}

interface SupervisorLimits {
  /** Pause before the second restart in a row; the first is at once (fault 17: serving again within 2 s). */
  readonly backOffMsFirst: number;
  readonly backOffMsMax: number;
  /** A process that ran this long has recovered: what follows is a new story. */
  readonly steadyMs: number;
  /** Deaths in a row, without a steady run between, after which it gives up. */
  readonly deathCountMax: number;
  /** Longest wait for an orderly stop, which gives itself less; then it is killed: nothing acknowledged is lost. */
  readonly stopMsMax: number;
}

const LIMITS: SupervisorLimits = {
  backOffMsFirst: 250,
  backOffMsMax: 5_000,
  steadyMs: 10_000,
  deathCountMax: 5,
  stopMsMax: 6_000,
};

const EXIT_CONFIGURATION = 2;

/**
 * A turn's facts live until they are flushed and its rows until the next checkpoint: with Node's default of 16 MB for
 * young objects they are copied again and again. 128 MB took a third off the CPU of a command (bench/end-to-end.ts).
 */
export const ENGINE_FLAGS = ['--enable-source-maps', '--max-semi-space-size=128'] as const;

export interface Supervisor {
  /** Resolves when no engine process is left. Never rejects. */
  readonly ended: Promise<ExitCode>;
  /** Asks for an orderly stop; resolves as `ended`. A second call does nothing more. */
  stop(): Promise<ExitCode>;
}

export function supervise(options: SupervisorOptions): Supervisor {
  const run = new Run(options);
  return { ended: run.ended, stop: () => run.stop() };
}

class Run {
  readonly ended: Promise<ExitCode>;
  readonly #options: SupervisorOptions;
  readonly #limits: SupervisorLimits;
  #child: ChildProcess | null = null;
  /** As the last process said it: the next one goes on from there. */
  #left: Left = {};
  #isStopping = false;
  /** It did not stop in time: told when it was killed. */
  #isOverdue = false;
  /** The process that runs has answered everybody, and ends itself with rows left to write. */
  #hasAnswered = false;
  /** The process that runs is rid of what killed the ones before it: a new story, however short. */
  #hasSetAside = false;
  #wakeFromPause: () => void = () => {};

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
    this.ended = this.#run();
  }

  stop(): Promise<ExitCode> {
    if (this.#isStopping) return this.ended;
    this.#isStopping = true;
    this.#wakeFromPause();
    const child = this.#child;
    if (child === null) return this.ended;
    child.kill('SIGTERM');
    const timer = setTimeout(() => {
      this.#isOverdue = true;
      this.#options.onEvent(`the engine did not stop within ${this.#limits.stopMsMax / 1_000} s: killed`);
      child.kill('SIGKILL');
    }, this.#limits.stopMsMax);
    void this.ended.finally(() => clearTimeout(timer));
    return this.ended;
  }

  async #run(): Promise<ExitCode> {
    let deaths = 0;
    while (!this.#isStopping) {
      const startedMs = performance.now();
      this.#hasSetAside = false;
      const death = await this.#runOnce();
      if (death.code === EXIT_CONFIGURATION) return 2;
      if (this.#isStopping) return this.#endOfStop(death);
      if (death.code === 0) return 0;
      const isSteady = performance.now() - startedMs >= this.#limits.steadyMs;
      deaths = isSteady || this.#hasSetAside ? 1 : deaths + 1;
      if (deaths >= this.#limits.deathCountMax) return this.#giveUp(death, deaths);
      const pauseMs = this.#backOffMs(deaths);
      this.#options.onEvent(
        `the engine died (${death.reason}): starting it again${pauseMs ? ` in ${pauseMs} ms` : ''}`,
      );
      await this.#pause(pauseMs);
    }
    return 0;
  }

  /** One that dies of the request itself had not begun to serve: nobody waits for its answer. */
  #endOfStop({ code, signal, reason }: Death): ExitCode {
    if (this.#isOverdue) return 1;
    if (code === 0 || signal === 'SIGTERM' || this.#hasAnswered) return 0;
    this.#options.onEvent(
      `the engine died (${reason}) when it was asked to stop: nothing acknowledged is lost, and whoever had no answer can ` +
        'ask again',
    );
    return 1;
  }

  #heardReady(ready: Ready): void {
    const { setAside = [] } = ready;
    for (const name of setAside) {
      this.#options.onEvent(`set aside, since the engine died of it again: ${name}. See: clickday doctor`);
    }
    this.#hasSetAside = setAside.length > 0;
    this.#options.onReady(ready);
  }

  #giveUp(death: Death, deaths: number): ExitCode {
    this.#options.onEvent(
      `the engine died ${deaths} times in a row (last: ${death.reason}): giving up. What it said is above; ` +
        'nothing acknowledged is lost. Check the folder with: clickday verify',
    );
    return 1;
  }

  #backOffMs(deaths: number): number {
    if (deaths <= 1) return 0;
    return Math.min(this.#limits.backOffMsMax, this.#limits.backOffMsFirst * 2 ** (deaths - 2));
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeFromPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Its own process group: Ctrl-C in a terminal reaches only us, and we ask for one orderly stop. */
  #runOnce(): Promise<Death> {
    const { program = engineProgram() } = this.#options;
    const options = { ...this.#options.options, ...this.#left };
    return new Promise((resolve) => {
      const child = spawn(process.execPath, [...ENGINE_FLAGS, program, JSON.stringify(options)], {
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
        detached: true,
        // Each store's flushes hold threads of the pool, which files and hashes share; Node's default is four.
        env: { UV_THREADPOOL_SIZE: String(Math.max(16, 4 * availableParallelism())), ...process.env },
      });
      this.#child = child;
      child.on('message', (message) => {
        if (isReady(message)) this.#heardReady(message.ready);
        else if (isAnswered(message)) this.#hasAnswered = true;
        else if (isLeft(message)) this.#left = { ...this.#left, ...message };
      });
      const ended = (death: Death) => {
        this.#child = null;
        resolve(death);
      };
      child.once('error', (error) => ended({ code: null, signal: null, reason: error.message }));
      child.once('exit', (code, signal) => ended({ code, signal, reason: reasonOf(code, signal) }));
      if (this.#isStopping) child.kill('SIGTERM');
    });
  }
}

/** LMDB reads pages where they lie, and has no checksums: one that is damaged may end the process there. */
function reasonOf(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal === 'SIGBUS' || signal === 'SIGSEGV') return `${signal}: a damaged page of a database does that`;
  return signal ?? `exit code ${code}`;
}

interface Death {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly reason: string;
}

/** `main` beside this file, compiled like it or, where Node reads TypeScript, not. */
function engineProgram(): string {
  const self = fileURLToPath(import.meta.url);
  return fileURLToPath(new URL(`./main${extname(self)}`, import.meta.url));
}

/** Where a simulated clock stands, and what clients may do. */
interface Left {
  readonly clock?: unknown;
  readonly policy?: unknown;
}

function isLeft(message: unknown): message is Left {
  return typeof message === 'object' && message !== null && ('clock' in message || 'policy' in message);
}

function isAnswered(message: unknown): message is { readonly answered: true } {
  return typeof message === 'object' && message !== null && 'answered' in message;
}

function isReady(message: unknown): message is { readonly ready: Ready } {
  return typeof message === 'object' && message !== null && 'ready' in message;
}
