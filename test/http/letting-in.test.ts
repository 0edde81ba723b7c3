// Method: requests over a real port before a door that the test fills: whoever is refused is told when to come back, and
// comes; issuers have a share of their own (R9, R10).
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { LIMITS, makeTaxCode } from '../../engine/index.ts';
import { Admission } from '../../server/admission/index.ts';
import { digest } from '../admission/crowd.ts';
import { HttpServer } from './http-server.ts';

const FULL = 10_000;
const CITIZEN = '/bpd/io/citizen/v2';
const TICKET = 'x-clickday-ticket';

const load = { inside: 0, answeredCount: 0, probe: () => Promise.resolve(0) };
let nowMs = 1_607_400_000_000;
let server: HttpServer;
let admission: Admission;

beforeAll(async () => {
  admission = new Admission({
    shards: [load],
    ...{ digest, origin: 1, nowMs: () => nowMs, random: () => 0.5 },
  });
  server = await HttpServer.open({ admission });
});
beforeEach(() => {
  load.inside = 0;
  nowMs += 60_000;
});
afterAll(() => server.close());

interface Refused {
  readonly name: string;
  readonly ticket: string;
  readonly position: number;
  readonly retryAtMs: number;
}

test('R10: a citizen is told when to come back, and is let in then', async () => {
  const token = await server.token('citizen', makeTaxCode(1));
  load.inside = FULL;
  const refused = await server.call('PUT', CITIZEN, { token });
  expect(refused.status).toBe(429);
  const body = refused.body as Refused;
  expect(body).toMatchObject({ name: 'OVERLOADED', position: 1, ticket: expect.stringMatching(/^[\w-]{28}$/) });
  const waitMs = body.retryAtMs - server.clock.nowMs();
  expect(waitMs).toBeGreaterThan(0);
  expect(Number(refused.headers.get('retry-after'))).toBe(Math.ceil(Math.max(1_000, waitMs) / 1_000));

  const early = await server.call('PUT', CITIZEN, { token, headers: { [TICKET]: body.ticket } });
  expect((early.body as Refused).ticket).toBe(body.ticket);
  nowMs += waitMs;
  load.inside = 0;
  expect((await server.call('PUT', CITIZEN, { token, headers: { [TICKET]: body.ticket } })).status).toBe(200);
});

test('fault 66: a citizen who has asked as much as it may is told for how long it is not heard', async () => {
  const citizen = server.engine.citizenKeyOf(makeTaxCode(5));
  for (let asked = 0; asked < LIMITS.citizenBurst; asked += 1) expect(admission.slowDownMs(citizen)).toBe(0);
  const token = await server.token('citizen', makeTaxCode(5));
  const refused = await server.call('PUT', CITIZEN, { token });
  expect(refused.status).toBe(429);
  const { retryAtMs, ticket } = refused.body as Refused;
  expect(ticket).toBeUndefined();
  expect(retryAtMs - server.clock.nowMs()).toBe(1_000 / LIMITS.citizenPerSecond);
  nowMs += retryAtMs - server.clock.nowMs();
  expect((await server.call('PUT', CITIZEN, { token })).status).toBe(200);
});

test('R9: with citizens before a full door, issuers have their share, and what costs the engine nothing is answered', async () => {
  for (let number = 0; number < 300; number += 1)
    admission.ask({ asker: `crowd ${number}`, channel: 'citizens', class: 'card', shard: 0, weight: 1 });
  load.inside = 1_500;
  const citizen = await server.token('citizen', makeTaxCode(2));
  expect((await server.call('PUT', CITIZEN, { token: citizen })).status).toBe(429);
  const issuer = await server.token('issuer', '03069');
  const enrolled = await server.call('PUT', `/bpd/hb/citizens/${makeTaxCode(3)}`, { token: issuer });
  expect(enrolled.status, enrolled.text).toBe(200);
  expect((await server.call('GET', '/health')).status).toBe(200);
});

test('a ticket that is none is passed over', async () => {
  const token = await server.token('citizen', makeTaxCode(4));
  expect((await server.call('PUT', CITIZEN, { token, headers: { [TICKET]: 'x'.repeat(5_000) } })).status).toBe(200);
});
