/** What everybody may know: is it up, how is it doing, and the page for who comes here first. */
import { type Engine, isoText } from '../../engine/index.ts';
import type { StorageStatus } from '../admission/index.ts';
import type { ServedBackups } from '../backups.ts';
import type { SettableClock } from '../clock.ts';
import type { Metrics } from '../metrics.ts';
import type { ThreadView } from '../vitals/index.ts';
import { readPage } from './page.ts';
import { json } from './respond.ts';
import type { Route } from './route.ts';

export interface StatusOptions {
  readonly engine: Engine;
  readonly clock: SettableClock;
  readonly metrics: Metrics;
  readonly storage: () => StorageStatus;
  readonly backups: ServedBackups;
  /** False while starting or stopping: a balancer sends nobody here. */
  readonly isReady: () => boolean;
  /** Of this process. Absent: nobody watches them. */
  readonly threads?: (() => readonly ThreadView[]) | undefined;
}

export function statusRoutes(options: StatusOptions): readonly Route[] {
  const page = readPage();
  return [
    { method: 'GET', path: '/', roles: 'public', handle: async () => page },
    { method: 'GET', path: '/health', roles: 'public', handle: async () => json({ healthy: true }) },
    { method: 'GET', path: '/ready', roles: 'public', handle: async () => readiness(options.isReady()) },
    { method: 'GET', path: '/status', roles: 'public', handle: async () => json(await status(options)) },
    { method: 'GET', path: '/metrics', roles: 'public', handle: async () => exposition(options.metrics) },
  ];
}

function readiness(isReady: boolean) {
  return { ...json({ ready: isReady }), status: isReady ? 200 : 503 };
}

/** Live numbers, and how well each function has done since the start (R7): computed, never declared. */
async function status(options: StatusOptions): Promise<object> {
  const { engine, clock, metrics, storage, backups, isReady, threads } = options;
  const { rankings, ...counts } = await engine.stats();
  const nowMs = clock.nowMs();
  return {
    programme: engine.programme.name,
    now: isoText(nowMs),
    nowMs,
    isReady: isReady(),
    uptimeSeconds: Math.round(metrics.uptimeSeconds()),
    engine: counts,
    storage: storage(),
    shipping: backups.shipping(counts),
    ...(threads === undefined ? {} : { threads: threads() }),
    answers: metrics.latency(),
    functions: metrics.functions(),
    periods: engine.periods().map(({ awardPeriodId, name, startDay, endDay, status, minPosition }) => {
      const ranking = rankings.find((each) => each.awardPeriodId === awardPeriodId);
      const { participants = 0, isFrozen = false } = ranking ?? {};
      return { awardPeriodId, name, startDay, endDay, status, minPosition, participants, isFrozen };
    }),
  };
}

async function exposition(metrics: Metrics) {
  const { contentType, text } = await metrics.exposition();
  return { status: 200, headers: { 'content-type': contentType }, body: text };
}
