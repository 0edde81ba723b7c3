// Method: requests over a real port, behind a proxy that names addresses as the test likes, while no time passes: each address
// and each partner uses up what it has, and others are answered as before.
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS, makeTaxCode } from '../../engine/index.ts';
import { Addresses, Arrivals, Requests } from '../../server/admission/index.ts';
import { HttpServer, type Sent } from './http-server.ts';

const AT_ONCE = LIMITS.secondsAtOnceOfAddress;
const PROXY = '127.0.0.1';
const HERE = '93.40.1.2';
const ELSEWHERE = '93.40.1.3';
const ISSUER = '12940';

let nowMs: number;
let arrivals: Arrivals;
let requests: Requests;
let server: HttpServer;
beforeEach(async () => {
  nowMs = 0;
  arrivals = new Arrivals(() => 0.5);
  requests = new Requests(new Addresses({ perSecond: 1, proxies: [PROXY], random: () => 0 }), arrivals);
  server = await HttpServer.open({ requests, monotonicMs: () => nowMs });
});
afterEach(() => server.close());

function from(address: string, path: string, sent: Sent & { readonly method?: string } = {}) {
  const headers = { 'x-forwarded-for': address, ...sent.headers };
  return server.call(sent.method ?? 'GET', path, { ...sent, headers });
}

async function statusesFrom(address: string, count: number, path: string, sent?: Parameters<typeof from>[2]) {
  const statuses: number[] = [];
  for (let index = 0; index < count; index += 1) statuses.push((await from(address, path, sent)).status);
  return statuses;
}

const times = (count: number, status: number) => new Array<number>(count).fill(status);
const enrolment = (number: number) => `/bpd/hb/citizens/${makeTaxCode(number)}`;

describe('fault 49: an address from which nobody who is known asks', () => {
  test('is told when to come back, in the words of the API, and keeps nobody else out', async () => {
    expect(await statusesFrom(HERE, AT_ONCE, '/status')).toEqual(times(AT_ONCE, 200));
    const refused = await from(HERE, '/status');
    expect(refused.status).toBe(429);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.body).toMatchObject({
      name: 'OVERLOADED',
      retryAtMs: server.clock.nowMs() + 1_000,
      returnMessages: [{ severity: 'ERROR' }],
    });
    expect((await from(ELSEWHERE, '/status')).status).toBe(200);
    nowMs += 1_000;
    expect(await statusesFrom(HERE, 2, '/status')).toEqual([200, 429]);
  });

  test('is always told whether we are here: that costs no more, and balancers ask', async () => {
    expect(await statusesFrom(HERE, 2 * AT_ONCE, '/health')).toEqual(times(2 * AT_ONCE, 200));
    expect(await statusesFrom(HERE, 2 * AT_ONCE, '/ready')).toEqual(times(2 * AT_ONCE, 200));
    expect((await from(HERE, '/')).status).toBe(200);
  });

  test.each<[string, string, () => Promise<NonNullable<Parameters<typeof from>[2]>>, number]>([
    ['no such page', '/wp-login.php', async () => ({}), 404],
    ['no such method', '/status', async () => ({ method: 'DELETE' }), 405],
    ['no token', '/bpd/io/citizen/v2', async () => ({}), 401],
    ['what is no token', '/bpd/io/citizen/v2', async () => ({ token: 'x' }), 401],
    ['a token that nobody signed', '/v1/wallet', async () => ({ token: await forged() }), 401],
    ['an expired one', '/bpd/io/citizen/v2', expired, 401],
  ])('pays for what fails: %s', async (_, path, sent, status) => {
    expect(await statusesFrom(HERE, AT_ONCE + 1, path, await sent())).toEqual([...times(AT_ONCE, status), 429]);
    expect((await from(HERE, '/status')).status).toBe(429);
  });

  async function forged(): Promise<string> {
    const [header, payload] = (await server.token('citizen', makeTaxCode(1))).split('.');
    const other = await server.token('citizen', makeTaxCode(2));
    return [header, payload, other.split('.')[2]].join('.');
  }

  async function expired(): Promise<Sent> {
    return { token: await server.identity.sign({ role: 'citizen', subject: makeTaxCode(1), ttlSeconds: -1 }) };
  }
});

describe('a partner', () => {
  test('asks as much as it needs from one address, whoever else is behind it, with one token or with many', async () => {
    const token = await server.token('issuer', ISSUER);
    expect((await from(HERE, enrolment(0), { method: 'PUT', token })).status).toBe(200);
    for (let number = 1; number <= 2 * AT_ONCE; number += 1) {
      const another = await server.identity.sign({ role: 'issuer', subject: ISSUER, ttlSeconds: 600 + number });
      expect((await from(HERE, enrolment(number), { method: 'PUT', token: another })).status).toBe(200);
    }
    expect(await statusesFrom(HERE, AT_ONCE + 1, '/status')).toEqual([...times(AT_ONCE, 200), 429]);
    expect(await statusesFrom(HERE, 2 * AT_ONCE, enrolment(0), { token })).toEqual(times(2 * AT_ONCE, 200));
    expect((await from(HERE, '/status')).status).toBe(429);
  });

  test('has a budget of its own, from wherever it asks', async () => {
    const token = await server.token('issuer', ISSUER);
    const caller = { remoteAddress: HERE, header: () => undefined };
    const reading = server.identity.identity.read(token);
    const verification = await reading.verify();
    if (!verification.ok) throw new Error('was not let in');
    for (let count = 0; count < LIMITS.requestsAtOnceOfPrincipal; count += 1)
      expect(requests.askVerified(caller, { ...reading, isKnown: true }, verification.principal, nowMs)).toBe(0);
    const refused = await from(ELSEWHERE, enrolment(0), { method: 'PUT', token });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    const other = await server.token('issuer', '03069');
    expect((await from(ELSEWHERE, enrolment(0), { method: 'PUT', token: other })).status).toBe(200);
    nowMs += 1_000 / LIMITS.requestsPerSecondOfPrincipal;
    expect((await from(ELSEWHERE, enrolment(0), { token })).status).toBe(200);
  });
});

test('fault 65: tokens that come for the first time wait behind those that were here, and partners behind nobody', async () => {
  const known = await server.token('citizen', makeTaxCode(1));
  expect((await from(HERE, '/bpd/io/citizen/v2', { method: 'PUT', token: known })).status).toBe(200);
  while (arrivals.ask({ isKnown: false, role: 'citizen', hasStamp: false }, nowMs) === 0);
  const first = await server.token('citizen', makeTaxCode(2));
  expect(await statusesFrom(HERE, 2 * AT_ONCE, '/bpd/io/citizen/v2', { token: first })).toEqual(
    times(2 * AT_ONCE, 429),
  );
  expect((await from(HERE, '/bpd/io/citizen/v2', { token: known })).status).toBe(200);
  const issuer = await server.token('issuer', ISSUER);
  expect((await from(HERE, enrolment(1), { method: 'PUT', token: issuer })).status).toBe(200);
});
