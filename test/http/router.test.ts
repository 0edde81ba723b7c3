// Method: requests at the edges of the router, over a real port: unknown addresses, other methods, other roles, bad tokens,
// bodies too large or of another kind; and a handler whose engine breaks, called directly.
import * as v from 'valibot';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BrokenInvariant, italy2020, LIMITS, makeTaxCode, ROLES, StorageFault } from '../../engine/index.ts';
import { createClock } from '../../server/clock.ts';
import { createHttpHandler, type RequestLine } from '../../server/http/index.ts';
import { errorResponse } from '../../server/http/respond.ts';
import { createMetrics } from '../../server/metrics.ts';
import { NO_CHARGES, NO_SEARCH, OwnCardVault } from '../../server/partners/index.ts';
import { PayoutDesk } from '../../server/payout/index.ts';
import { freshStats, testService } from '../support/service.ts';
import { errorBody } from './contract.ts';
import { HttpServer, NO_BACKUPS, storage } from './http-server.ts';

let server: HttpServer;
let citizen: string;
beforeAll(async () => {
  server = await HttpServer.open();
  citizen = await server.token('citizen', makeTaxCode(1));
});
afterAll(() => server.close());

const CITIZEN = '/bpd/io/citizen/v2';

test('an unknown address is 404, with or without a token, and no other method is suggested', async () => {
  for (const path of ['/x', '/bpd/io', '/bpd/io/citizen/v3', '/bpd/io/citizen/v2/x', '//x', '/bpd//io/citizen', '/%']) {
    const received = await server.call('GET', path);
    expect([path, received.status]).toEqual([path, 404]);
    expect(v.parse(errorBody, received.body).name).toBe('NOT_FOUND');
    expect(received.headers.has('allow')).toBe(false);
  }
});

test('another method is 405 and says which ones there are', async () => {
  const received = await server.call('POST', CITIZEN, { body: '{}' });
  expect(received.status).toBe(405);
  expect(v.parse(errorBody, received.body).name).toBe('METHOD_NOT_ALLOWED');
  expect(received.headers.get('allow')?.split(', ').sort()).toEqual(['DELETE', 'GET', 'HEAD', 'PATCH', 'PUT']);
  expect((await server.call('PATCH', '/health')).headers.get('allow')).toBe('GET, HEAD');
});

test('HEAD answers as GET does, without a body', async () => {
  const head = await server.call('HEAD', '/health');
  expect([head.status, head.text, head.headers.get('content-type')]).toEqual([
    200,
    '',
    'application/json; charset=utf-8',
  ]);
  expect((await server.call('HEAD', CITIZEN)).status).toBe(401);
});

test('without a good token every closed address is 401 and says how to come in', async () => {
  for (const authorization of [
    '',
    'Bearer',
    'Bearer x',
    `Basic ${citizen}`,
    `Bearer ${citizen}x`,
    `Bearer ${citizen} x`,
  ]) {
    const received = await server.call('GET', CITIZEN, { headers: { authorization } });
    expect(received.status).toBe(401);
    expect(received.headers.get('www-authenticate')).toBe('Bearer');
    expect(v.parse(errorBody, received.body).name).toBe('UNAUTHENTICATED');
  }
  const old = await server.identity.sign({ role: 'citizen', subject: makeTaxCode(1), ttlSeconds: 0 });
  expect(v.parse(errorBody, (await server.call('GET', CITIZEN, { token: old })).body).name).toBe('TOKEN_EXPIRED');
});

test('each role opens its own addresses and no others', async () => {
  const tokens = {
    citizen,
    issuer: await server.token('issuer', '12345'),
    acquirer: await server.token('acquirer', '36081'),
    operator: await server.token('operator', 'anna'),
  };
  const table: [string, string, readonly string[]][] = [
    ['GET', CITIZEN, ['citizen']],
    ['PUT', '/bpd/io/citizen', ['citizen']],
    ['DELETE', `/bpd/io/payment-instruments/${'0'.repeat(64)}`, ['citizen']],
    ['GET', '/bpd/io/winning-transactions/v2?awardPeriodId=1', ['citizen']],
    ['GET', '/bpd/io/award-periods', ROLES],
    ['GET', '/rtd/payment-instrument-manager/salt', ['acquirer', 'operator']],
    ['POST', '/rtd/files/x', ['acquirer']],
    ['GET', '/admin/clock', ['operator']],
    ['POST', '/admin/clock', ['operator']],
    ['POST', '/admin/past', ['operator']],
    ['GET', '/admin/doubles', ['operator']],
  ];
  for (const [method, path, allowed] of table) {
    for (const role of ROLES) {
      const { status, body } = await server.call(method, path, { token: tokens[role] });
      if (allowed.includes(role)) expect([role, method, path, status]).not.toContain(403);
      else expect([role, method, path, status, body]).toMatchObject([role, method, path, 403, { name: 'FORBIDDEN' }]);
    }
  }
});

test('a body is bounded and must be what it says it is', async () => {
  const headers = { 'content-type': 'application/json' };
  const largest = `"${'x'.repeat(LIMITS.httpBodyBytesMax - 2)}"`;
  const call = (body: string, more = {}) =>
    server.call('PUT', CITIZEN, { token: citizen, body, headers: { ...headers, ...more } });
  expect((await call(largest)).body).toMatchObject({ name: 'FIELD_INVALID' });
  expect(await call(` ${largest}`)).toMatchObject({ status: 413, body: { name: 'TOO_LARGE' } });
  expect(await call('{}', { 'content-type': 'text/xml' })).toMatchObject({
    status: 415,
    body: { name: 'CONTENT_TYPE_INVALID' },
  });
  expect((await call('{}', { 'content-encoding': 'gzip' })).status).toBe(415);
  expect((await call('{}', { 'content-type': 'Application/JSON; charset=utf-8' })).status).toBe(200);
});

test('every answer forbids caching and guessing, and gives a harmless request id back', async () => {
  for (const path of ['/', '/health', CITIZEN, '/x']) {
    const { headers } = await server.call('GET', path, { headers: { 'x-request-id': 'abc-1' } });
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('x-request-id')).toBe('abc-1');
  }
  for (const id of ['x'.repeat(65), 'a b', 'caff\u00e8']) {
    expect((await server.call('GET', '/health', { headers: { 'x-request-id': id } })).headers.has('x-request-id')).toBe(
      false,
    );
  }
});

test('who is told to come back is told when, in whole seconds rounded up and never beyond the longest', () => {
  const retryAfter = (waitMs: number) => {
    const response = errorResponse({ ok: false, code: 'OVERLOADED', retryAtMs: 5_000_000 + waitMs }, 5_000_000);
    expect(response.status).toBe(429);
    expect(JSON.parse(String(response.body))).toMatchObject({ retryAtMs: 5_000_000 + waitMs });
    return response.headers['retry-after'];
  };
  expect([-5, 1, 1_000, 1_001, 86_400_000].map(retryAfter)).toEqual(['1', '1', '1', '2', '30']);
  expect(errorResponse({ ok: false, code: 'DRAINING' }, 0)).toMatchObject({ status: 503 });
});

test('what is logged names the route, never the path or the bearer', async () => {
  server.lines.length = 0;
  await server.call('GET', '/bpd/io/payment-instruments/4111111111111111?pan=4111111111111111', { token: citizen });
  await server.call('GET', '/4111111111111111');
  expect(server.lines.map(({ route, status }) => [route, status])).toEqual([
    ['/bpd/io/payment-instruments/:hpan', 404],
    ['unknown', 404],
  ]);
  expect(JSON.stringify(server.lines)).not.toMatch(/4111|eyJ/);
});

test('fault 24: a fault of the world is a plain 500 to the client and whole in the log; a mistake of ours is nobody’s to catch', async () => {
  const lines: RequestLine[] = [];
  const monotonicMs = () => 0;
  const service = testService(() => 0);
  const stats = freshStats(server.engine);
  const handlerWhere = (failure: Error) => {
    const rejecting = () => Promise.reject(failure);
    return createHttpHandler({
      engine: {
        ...server.engine,
        periods() {
          throw failure;
        },
      },
      identity: server.identity.identity,
      walletSessions: server.identity.walletSessions,
      clock: createClock({ monotonicMs, realMs: () => 0 }),
      files: { ingest: rejecting, ingestTokens: rejecting, takeLine: rejecting },
      metrics: createMetrics({ monotonicMs, socketCount: () => 0, storage, service, stats }),
      service,
      stats,
      storage,
      backups: NO_BACKUPS,
      payouts: new PayoutDesk({ engine: server.engine, clock: server.clock, folder: null, pause: async () => {} }),
      cardVault: new OwnCardVault(italy2020().panSalt),
      methodSearch: NO_SEARCH,
      cardCharges: NO_CHARGES,
      hashList: () => null,
      isReady: () => true,
      log: (line) => lines.push(line),
      realMs: () => 0,
      monotonicMs,
      random: () => 0,
    });
  };
  const request = {
    method: 'GET',
    path: '/bpd/io/award-periods',
    query: new URLSearchParams(),
    header: (name: string) => (name === 'authorization' ? `Bearer ${citizen}` : undefined),
    remoteAddress: '',
    body: (async function* () {})(),
  };
  // A web server may drop the body of a HEAD by itself: here is what it is given.
  expect(await handlerWhere(new StorageFault('X', ''))({ ...request, method: 'HEAD' })).toMatchObject({
    status: 500,
    body: '',
  });
  lines.length = 0;
  const failure = Object.assign(new Error('secret detail'), { code: 'EIO', syscall: 'write' });
  const response = await handlerWhere(failure)(request);
  expect(response.status).toBe(500);
  expect(String(response.body)).not.toContain('secret');
  expect(v.parse(errorBody, JSON.parse(String(response.body))).name).toBe('INTERNAL_ERROR');
  expect(lines).toMatchObject([{ status: 500, error: failure }]);
  for (const mistake of [new BrokenInvariant('ours'), new TypeError('ours'), new Error('ours')]) {
    await expect(handlerWhere(mistake)(request)).rejects.toThrow('ours');
  }
});
