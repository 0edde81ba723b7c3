// Method: a real server is used a little, and then asked about itself: the numbers must be those of what was done. The page
// is held to its own security policy by hashing what it holds.
import { createHash } from 'node:crypto';
import { Histogram, Registry } from 'prom-client';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { createMetrics } from '../../server/metrics.ts';
import { freshStats, testService } from '../support/service.ts';
import { HttpServer, storage } from './http-server.ts';

let server: HttpServer;
let isReady = true;
const service = testService();
const stats = () => freshStats(server.engine)();
beforeAll(async () => {
  server = await HttpServer.open({ isReady: () => isReady });
  const token = await server.token('citizen', makeTaxCode(1));
  await server.call('PUT', '/bpd/io/citizen/v2', { token });
  await server.call('PUT', `/bpd/io/payment-instruments/${'a'.repeat(64)}`, { token });
  await server.call('GET', `/bpd/io/payment-instruments/${'b'.repeat(64)}`, { token });
});
afterAll(() => server.close());

test('health says it runs, readiness whether to send people here', async () => {
  expect(await server.call('GET', '/health')).toMatchObject({ status: 200, body: { healthy: true } });
  expect(await server.call('GET', '/ready')).toMatchObject({ status: 200, body: { ready: true } });
  isReady = false;
  expect(await server.call('GET', '/ready')).toMatchObject({ status: 503, body: { ready: false } });
  expect((await server.call('GET', '/health')).status).toBe(200);
  isReady = true;
});

test('R7: the status is computed from what happened', async () => {
  const { body } = await server.call('GET', '/status');
  expect(body).toMatchObject({
    now: '2020-12-07T09:00:00.000Z',
    isReady: true,
    engine: { citizensEnabled: 1, cardsActive: 1, paymentsListed: 0, commandsDone: 2 },
    functions: {
      enrol: { state: 'ok', lastMinute: { tries: 1, successShare: 1 }, sinceStart: { done: 1, shed: 0, failed: 0 } },
      enableCashback: { state: 'ok', sinceStart: { tries: 1, done: 1 } },
      addMethod: { state: 'quiet', lastMinute: { tries: 0, successShare: null, p99Ms: null } },
    },
    calls: {
      enrol: { done: 1, refused: 0, shed: 0, failed: 0, successShare: 1 },
      instrument: { done: 0, refused: 1, successShare: 1 },
    },
  });
  const { answers, periods } = v.parse(
    v.object({
      answers: v.object({ perSecond: v.number(), p50Ms: v.number(), p99Ms: v.number() }),
      periods: v.array(v.object({ awardPeriodId: v.number(), participants: v.number(), status: v.string() })),
    }),
    body,
  );
  expect(answers.p99Ms).toBeGreaterThanOrEqual(answers.p50Ms);
  expect(answers.p50Ms).toBeGreaterThan(0);
  expect(periods.map(({ awardPeriodId }) => awardPeriodId)).toEqual([1, 2, 4]);
});

test('metrics speak the exposition format, with units in their names and nobody’s data', async () => {
  const { headers, text } = await server.call('GET', '/metrics');
  expect(headers.get('content-type')).toContain('text/plain');
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  for (const sample of samples) {
    expect(sample).toMatch(
      /^clickday_\w+_(total|count|seconds|seconds_(bucket|sum|count)|bytes|share|sequence|records)(\{[^}]*\})? \S+$/,
    );
  }
  expect(samples).toContain('clickday_commands_total{function="enrol",result="done"} 1');
  expect(samples).toContain('clickday_refusals_total{function="instrument",code="INSTRUMENT_NOT_FOUND"} 1');
  expect(samples).toContain('clickday_answer_seconds_count{class="command"} 2');
  expect(samples).toContain('clickday_answer_seconds_bucket{le="+Inf",class="command"} 2');
  expect(samples).toContain('clickday_citizens_enabled_count 1');
  expect(samples).toContain('clickday_http_requests_total{route="/bpd/io/citizen/v2",status="200"} 1');
  expect(text).not.toContain(makeTaxCode(1));
  // Read twice: what is collected anew must not add up.
  expect((await server.call('GET', '/metrics')).text).toContain(
    'clickday_commands_total{function="enrol",result="done"} 1\n',
  );
});

describe('the pages', () => {
  test.each(['/', '/status.html'])(
    '%s is small, needs nothing from elsewhere, and may run what it holds and nothing else',
    async (path) => {
      const { status, headers, text } = await server.call('GET', path);
      expect(status).toBe(200);
      expect(Buffer.byteLength(text)).toBeLessThan(30_000);
      expect(text).not.toMatch(/\b(src|href)="(https?:)?\/\//);
      expect(text).not.toMatch(/ (style|on\w+)="/);
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toContain('unsafe');
      for (const element of ['script', 'style']) {
        const bodies = [...text.matchAll(new RegExp(`<${element}[^>]*>([^]*?)</${element}>`, 'g'))].map(
          ([, body = '']) => body,
        );
        expect(bodies.length).toBe(1);
        const hash = createHash('sha256')
          .update(bodies[0] ?? '')
          .digest('base64');
        expect(policy).toContain(`${element}-src 'sha256-${hash}'`);
      }
    },
  );

  test('the one about the status has a word for each function and each part, in both languages', async () => {
    const { text } = await server.call('GET', '/status.html');
    const { body } = await server.call('GET', '/status');
    const { functions } = body as { readonly functions: object };
    const tongues = [...text.matchAll(/ name: \{([^}]*)\}/g)].map(([, names = '']) => names);
    expect(tongues.length).toBe(2);
    const parts = ['storage', 'server', 'ibanChecker', 'cardVault', 'cardCharges', 'notices'];
    for (const name of [...Object.keys(functions), ...parts])
      for (const names of tongues) expect(names).toMatch(new RegExp(`\\b${name}: '`));
    for (const field of ['realMs', 'engineAgeMs', 'incidents', 'incidentsBefore']) {
      expect(text).toContain(`status.${field}`);
      expect(body).toHaveProperty(field);
    }
  });

  test('the first one asks the status for fields that are there', async () => {
    const { text } = await server.call('GET', '/');
    const { body } = await server.call('GET', '/status');
    const { engine, answers, periods } = body as Record<'engine' | 'answers', object> & { periods: object[] };
    const asked = (prefix: string) =>
      [...text.matchAll(new RegExp(`\\b${prefix}\\.([a-zA-Z0-9]+)`, 'g'))].map(([, name]) => name ?? '');
    for (const name of asked('engine')) expect(engine).toHaveProperty(name);
    for (const name of asked('answers')) expect(answers).toHaveProperty(name);
    for (const name of asked('period')) expect(periods[0]).toHaveProperty(name);
    expect(asked('engine').length + asked('answers').length + asked('period').length).toBeGreaterThan(10);
  });
});

test('latency is that of the last two windows, and forgets what is older', () => {
  let nowMs = 0;
  const metrics = createMetrics({ monotonicMs: () => nowMs, socketCount: () => 0, storage, service, stats });
  const observed = metrics.observe({
    ...server.engine,
    execute(_, done) {
      nowMs += 40;
      done({ ok: false, code: 'OVERLOADED' });
    },
  });
  const run = (times: number) => {
    for (let each = 0; each < times; each += 1) {
      const origin = { role: 'citizen', subject: '', channel: '' } as const;
      observed.execute({ citizen: '', taxCode: '', origin, id: '', body: { kind: 'enrol' } }, () => {});
    }
  };
  run(100);
  expect(metrics.latency().perSecond).toBeCloseTo(25, 5);
  expect(metrics.latency().p50Ms).toBeCloseTo(40, 0);
  expect(metrics.functions().enrol).toMatchObject({ done: 0, shed: 100, successShare: 0 });
  nowMs = 12_000;
  run(1);
  expect(metrics.latency().p99Ms).toBeCloseTo(40, 0);
  nowMs = 60_000;
  expect(metrics.latency()).toEqual({ perSecond: 0, p50Ms: 0, p99Ms: 0 });
});

test('answers fall into the buckets into which the library puts them', async () => {
  const buckets = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];
  const tookMs = [0, 0.7, 1.1, 3, 4_000, 9_000, ...buckets.map((bound) => bound * 1_000)];
  const registry = new Registry();
  const described = { name: 'clickday_answer_seconds', help: 'As the library counts' };
  const histogram = new Histogram({ ...described, labelNames: ['class'], buckets, registers: [registry] });
  let nowMs = 0;
  const metrics = createMetrics({ monotonicMs: () => nowMs, socketCount: () => 0, storage, service, stats });
  for (const ms of tookMs) {
    const observed = metrics.observe({
      ...server.engine,
      execute(_, done) {
        nowMs += ms;
        done({ ok: false, code: 'OVERLOADED' });
      },
    });
    const startedMs = nowMs;
    const origin = { role: 'citizen', subject: '', channel: '' } as const;
    observed.execute({ citizen: '', taxCode: '', origin, id: '', body: { kind: 'enrol' } }, () => {});
    histogram.observe({ class: 'command' }, (nowMs - startedMs) / 1_000);
  }
  const samplesOf = (text: string) => text.match(/^clickday_answer_seconds_(bucket|count).*"command".*$/gm);
  expect(samplesOf((await metrics.exposition()).text)).toEqual(samplesOf(await registry.metrics()));
});
