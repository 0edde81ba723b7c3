/**
 * What everybody may know: is it up, how is it doing, and two pages. The one for people about the status has an address of
 * its own: what /status answers does not depend on who seems to ask, so scripts, caches and links get what they name.
 */
import { type Engine, type EngineStats, isoText } from '../../engine/index.ts';
import type { StorageStatus } from '../admission/index.ts';
import type { ServedBackups } from '../backups.ts';
import type { SettableClock } from '../clock.ts';
import type { Metrics } from '../metrics.ts';
import type { Aged, Incident, Service } from '../service/index.ts';
import type { HttpRequest } from '../transport/index.ts';
import type { ThreadView } from '../vitals/index.ts';
import { readPage } from './page.ts';
import { type Answer, json, refuse } from './respond.ts';
import type { Route } from './route.ts';

export interface StatusOptions {
  readonly engine: Engine;
  readonly clock: SettableClock;
  readonly metrics: Metrics;
  readonly service: Service;
  /** The last ones where the engine does not answer. */
  readonly stats: () => Promise<Aged<EngineStats>>;
  readonly storage: () => StorageStatus;
  readonly backups: ServedBackups;
  /** False while starting or stopping: a balancer sends nobody here. */
  readonly isReady: () => boolean;
  /** Of this process. Absent: nobody watches them. */
  readonly threads?: (() => readonly ThreadView[]) | undefined;
}

export function statusRoutes(options: StatusOptions): readonly Route[] {
  const [page, statusPage] = [readPage('index.html'), readPage('status.html')];
  const probe = { method: 'GET', roles: 'public', isProbe: true } as const;
  return [
    { method: 'GET', path: '/', roles: 'public', handle: async () => page },
    { ...probe, path: '/health', handle: async () => json({ healthy: true }) },
    { ...probe, path: '/ready', handle: async () => readiness(options.isReady()) },
    { method: 'GET', path: '/status', roles: 'public', handle: (request) => status(options, request) },
    { method: 'GET', path: '/status.html', roles: 'public', handle: async () => statusPage },
    { method: 'GET', path: '/metrics', roles: 'public', handle: async () => exposition(options.metrics) },
  ];
}

function readiness(isReady: boolean) {
  return { ...json({ ready: isReady }), status: isReady ? 200 : 503 };
}

/**
 * Live numbers, and how well each function does (R7): computed, never declared. What the engine says of itself is as old as
 * `engineAgeMs` says (R6). `?before=ID` goes on with older incidents where `incidentsBefore` said so; FIELD_INVALID.
 */
async function status(options: StatusOptions, { query }: HttpRequest): Promise<Answer> {
  const { engine, clock, metrics, service, stats, storage, backups, isReady, threads } = options;
  const before = query.get('before');
  if (before !== null && !/^\d{1,15}$/.test(before)) return refuse('FIELD_INVALID', 'before');
  const { value, ageMs } = await stats();
  const { rankings, ...counts } = value;
  const nowMs = clock.nowMs();
  return json({
    programme: engine.programme.name,
    now: isoText(nowMs),
    nowMs,
    isReady: isReady(),
    uptimeSeconds: Math.round(metrics.uptimeSeconds()),
    engine: counts,
    engineAgeMs: Math.round(ageMs),
    storage: storage(),
    shipping: backups.shipping(counts),
    ...(threads === undefined ? {} : { threads: threads() }),
    answers: metrics.latency(),
    functions: service.functions(),
    calls: metrics.functions(),
    /** In which incidents are told: real time, whatever the programme's is. */
    realMs: Math.round(service.nowMs),
    ...incidentsOf(service, before === null ? null : Number(before)),
    periods: engine.periods().map(({ awardPeriodId, name, startDay, endDay, status, minPosition }) => {
      const ranking = rankings.find((each) => each.awardPeriodId === awardPeriodId);
      const { participants = 0, isFrozen = false } = ranking ?? {};
      return { awardPeriodId, name, startDay, endDay, status, minPosition, participants, isFrozen };
    }),
  });
}

const CLOSED_PAGE = 20;

/** Open ones first, then the newest that are over. */
function incidentsOf({ open, closed }: Service, before: number | null): object {
  const older = before === null ? closed : closed.filter(({ id }) => id < before);
  const page = older.slice(0, CLOSED_PAGE);
  return {
    incidents: [...(before === null ? open : []), ...page].map(incidentResource),
    incidentsBefore: older.length > page.length ? page.at(-1)!.id : null,
  };
}

function incidentResource({ startMs, endMs, ...incident }: Incident): object {
  return { ...incident, startMs: Math.round(startMs), endMs: endMs === null ? null : Math.round(endMs) };
}

async function exposition(metrics: Metrics) {
  const { contentType, text } = await metrics.exposition();
  return { status: 200, headers: { 'content-type': contentType }, body: text };
}
