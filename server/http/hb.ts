/** The issuers' side of the programme's HTTP API (domain 6.2), in both versions. */
import type { Engine } from '../../engine/index.ts';
import { citizenNamed } from './citizen-call.ts';
import { BASE, ISSUER } from './hb-call.ts';
import { hbCitizenRoutes } from './hb-citizen.ts';
import { hbInstrumentRoutes, type IssuerOptions } from './hb-instruments.ts';
import { periodsRoute } from './io.ts';
import { readTotal } from './io-transactions.ts';
import type { Call, Route } from './route.ts';

export function hbRoutes(options: IssuerOptions): readonly Route[] {
  const { engine } = options;
  return [
    ...hbCitizenRoutes(options),
    ...hbInstrumentRoutes(options),
    totalRoute(engine, `${BASE}/winning-transactions/total-cashback`, ({ request }) => request.query.get('fiscalCode')),
    totalRoute(engine, `${BASE}/winning-transactions/v2/total-cashback`, ({ request }) => request.header('fiscalcode')),
    periodsRoute(engine, `${BASE}/award-periods`, 1),
    periodsRoute(engine, `${BASE}/award-periods/v2`, 2),
  ];
}

function totalRoute(engine: Engine, path: string, taxCodeIn: (call: Call) => string | null | undefined): Route {
  const handle = async (call: Call) => {
    const citizen = citizenNamed(engine, call, taxCodeIn(call));
    return citizen.ok ? readTotal(engine, call, citizen.value.key) : citizen;
  };
  return { method: 'GET', path, roles: ISSUER, handle };
}
