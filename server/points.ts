/** Named points at which a test makes something go wrong, on whichever thread comes there (CLICKDAY_KILL_AT). */
import type { Engine } from '../engine/index.ts';
import type { Metrics } from './metrics.ts';
import type { Repeat } from './session/index.ts';
import type { HttpHandler, SocketHandlers } from './transport/index.ts';

/**
 * `kill` and `abort` end the process as the system would, `throw` and `reject` as a mistake of ours, uncaught; `stall`
 * keeps the thread busy.
 */
const DEEDS = ['kill', 'abort', 'throw', 'reject', 'stall'] as const;
type Deed = (typeof DEEDS)[number];

export interface PlantedFault {
  readonly point: string;
  /** Null = whatever the point is about. */
  readonly subject: string | null;
  /** The n-th time that a thread comes there. */
  readonly count: number;
  readonly deed: Deed;
  /** Of a `stall`. */
  readonly stallMs: number;
}

/** @param subject what is being dealt with there, such as the id of a command */
export type OnPoint = (name: string, subject?: string) => void;

/** `point:count`, and more where it is not to be killed there: `point@subject:count:deed:milliseconds`. */
const PLANTED = /^(?<point>[\w-]+)(@(?<subject>[^:]+))?:(?<count>\d+)(:(?<deed>[a-z]+))?(:(?<stallMs>\d+))?$/i;

/** @returns null = nothing is planted; undefined = the text has another form */
export function parsePlanted(text: string | undefined): PlantedFault | null | undefined {
  if (text === undefined || text === '') return null;
  const { point, subject = null, count, deed = 'kill', stallMs = '3600000' } = PLANTED.exec(text)?.groups ?? {};
  if (point === undefined || !isDeed(deed)) return undefined;
  return { point, subject, count: Number(count), deed, stallMs: Number(stallMs) };
}

function isDeed(text: string): text is Deed {
  return (DEEDS as readonly string[]).includes(text);
}

/** Of a verb that works on a folder at rest. */
export function plantedPoints({ CLICKDAY_KILL_AT: text }: NodeJS.ProcessEnv): OnPoint {
  return pointsOf(parsePlanted(text) ?? null);
}

export function pointsOf(planted: PlantedFault | null): OnPoint {
  if (planted === null) return () => {};
  let left = planted.count;
  return (name, subject) => {
    if (name !== planted.point || (planted.subject !== null && planted.subject !== subject)) return;
    left -= 1;
    if (left === 0) perform(planted);
  };
}

function perform({ point, deed, stallMs }: PlantedFault): void {
  switch (deed) {
    case 'kill':
      return end('SIGKILL');
    case 'abort':
      return end('SIGABRT'); // `process.abort` is not for every thread.
    case 'throw':
      throw new Error(`planted at ${point} (${deed})`);
    case 'reject':
      void Promise.reject(new Error(`planted at ${point} (${deed})`));
      return;
    case 'stall':
      return stall(stallMs);
  }
}

/** The signal may reach another thread first: this one does nothing more. */
function end(signal: NodeJS.Signals): void {
  process.kill(process.pid, signal);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

function stall(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

// Points of the front: every way into it.

export function pointedSockets<T>(handlers: SocketHandlers<T>, onPoint: OnPoint): SocketHandlers<T> {
  return {
    upgrade(request) {
      onPoint('front-upgrade');
      return handlers.upgrade(request);
    },
    open(socket) {
      onPoint('front-open');
      handlers.open(socket);
    },
    message(socket, frame, isBinary) {
      onPoint('front-message');
      handlers.message(socket, frame, isBinary);
    },
    closed(socket, code) {
      onPoint('front-closed');
      handlers.closed(socket, code);
    },
  };
}

export function pointedHttp(handler: HttpHandler, onPoint: OnPoint): HttpHandler {
  return (request) => {
    onPoint('front-http');
    return handler(request);
  };
}

export function pointedRepeat(repeat: Repeat, onPoint: OnPoint): Repeat {
  return (task, intervalMs) =>
    repeat(() => {
      onPoint('front-timer');
      task();
    }, intervalMs);
}

/** Within a handler that has been waiting: what is thrown there rejects a promise. */
export function pointedMetrics(metrics: Metrics, onPoint: OnPoint): Metrics {
  return {
    ...metrics,
    async exposition() {
      onPoint('front-metrics');
      return metrics.exposition();
    },
  };
}

/** @param engine as `Metrics.observe` gives it */
export function pointedEngine(engine: Engine, onPoint: OnPoint): Engine {
  return {
    ...engine,
    execute(command, done) {
      onPoint('front-command');
      engine.execute(command, (reply) => {
        onPoint('front-reply');
        done(reply);
      });
    },
    record(command, done) {
      onPoint('front-row');
      engine.record(command, done);
    },
    wallet(citizen) {
      onPoint('front-read');
      return engine.wallet(citizen);
    },
    onChanged: (listener) =>
      engine.onChanged((citizens) => {
        onPoint('front-changed');
        listener(citizens);
      }),
  };
}
