/** The app's side of the programme's HTTP API (domain 6.1): paths, bodies and codes as the IO app used them. */
import { type Engine, ROLES } from '../../engine/index.ts';
import type { CitizenCallOptions, Version } from './citizen-call.ts';
import { BASE } from './io-call.ts';
import { citizenRoutes } from './io-citizen.ts';
import { instrumentRoutes } from './io-instruments.ts';
import { rankingRoutes } from './io-ranking.ts';
import { awardPeriodResource } from './io-resources.ts';
import { transactionRoutes } from './io-transactions.ts';
import { json } from './respond.ts';
import type { Route } from './route.ts';

export function ioRoutes(options: CitizenCallOptions): readonly Route[] {
  return [
    ...rankingRoutes(options),
    ...citizenRoutes(options),
    ...instrumentRoutes(options),
    ...transactionRoutes(options),
    periodsRoute(options.engine, `${BASE}/award-periods`, 1),
    periodsRoute(options.engine, `${BASE}/award-periods/v2`, 2),
  ];
}

export function periodsRoute(engine: Engine, path: string, version: Version): Route {
  const handle = async () => json(engine.periods().map((period) => awardPeriodResource(period, version)));
  return { method: 'GET', path, roles: ROLES, priority: null, handle };
}
