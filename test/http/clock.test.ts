// Method: the clock is driven by a monotonic time that the test moves, beside a system date that jumps; the operator's door
// to it is tried over HTTP on a server with `--now` and on one without.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BrokenInvariant, makeTaxCode } from '../../engine/index.ts';
import { createClock } from '../../server/clock.ts';
import { HttpServer } from './http-server.ts';

const START_MS = Date.UTC(2020, 11, 8);

describe('the clock', () => {
  test('follows real time from where it started, whatever happens to the date (fault 25)', () => {
    let [monotonic, real] = [1_000, START_MS];
    const clock = createClock({ monotonicMs: () => monotonic, realMs: () => real });
    expect(clock.nowMs()).toBe(START_MS);
    monotonic += 1_500.7;
    real -= 400 * 86_400_000;
    expect(clock.nowMs()).toBe(START_MS + 1_500);
    expect(clock.set(START_MS + 9_999)).toEqual({ ok: false, code: 'CLOCK_NOT_SETTABLE' });
    expect(clock.isSettable).toBe(false);
  });

  test('runs at its speed from its start, and from where it was set', () => {
    let monotonic = 5;
    const clock = createClock({ startMs: START_MS, speed: 60, monotonicMs: () => monotonic, realMs: () => 0 });
    monotonic += 100;
    expect(clock.nowMs()).toBe(START_MS + 6_000);
    expect(clock.set(START_MS + 5_999)).toEqual({ ok: false, code: 'CLOCK_BACKWARDS' });
    expect(clock.set(START_MS + 6_000)).toEqual({ ok: true, nowMs: START_MS + 6_000 });
    expect(clock.set(START_MS + 86_400_000)).toMatchObject({ ok: true });
    monotonic += 1;
    expect(clock.nowMs()).toBe(START_MS + 86_400_060);
  });

  test('stands still at speed 0 until it is set', () => {
    let monotonic = 0;
    const clock = createClock({ startMs: START_MS, speed: 0, monotonicMs: () => monotonic, realMs: () => 0 });
    monotonic = 1e9;
    expect(clock.nowMs()).toBe(START_MS);
    clock.set(START_MS + 1);
    expect(clock.nowMs()).toBe(START_MS + 1);
  });

  test('has no speed below 0 or beyond numbers', () => {
    for (const speed of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => createClock({ speed, monotonicMs: () => 0, realMs: () => 0 })).toThrow(BrokenInvariant);
    }
  });
});

describe('over HTTP', () => {
  let settable: HttpServer;
  let real: HttpServer;
  beforeAll(async () => {
    settable = await HttpServer.open({ now: '2020-12-31T23:00:00+01:00' });
    real = await HttpServer.open({ now: null });
  });
  afterAll(() => Promise.all([settable.close(), real.close()]));

  const set = async (server: HttpServer, body: unknown) =>
    server.call('POST', '/admin/clock', { token: await server.token('operator', 'anna'), body });

  test('an operator moves the clock on, and periods follow at once', async () => {
    const token = await settable.token('citizen', makeTaxCode(1));
    const statusOfChristmas = async () => {
      const { body } = await settable.call('GET', '/bpd/io/award-periods/v2', { token });
      return (body as { status: string }[])[0]?.status;
    };
    expect(await statusOfChristmas()).toBe('ACTIVE');
    expect(await set(settable, { now: '2021-01-11T00:00:00+01:00' })).toMatchObject({
      status: 200,
      body: { now: '2021-01-10T23:00:00.000Z', isSettable: true, speed: 0 },
    });
    expect(await statusOfChristmas()).toBe('CLOSED');
  });

  test('never back, never without --now, never to what is no instant', async () => {
    expect(await set(settable, { now: '2020-12-01T00:00:00Z' })).toMatchObject({
      status: 409,
      body: { name: 'CLOCK_BACKWARDS' },
    });
    expect(await set(real, { now: '2030-01-01T00:00:00Z' })).toMatchObject({
      status: 409,
      body: { name: 'CLOCK_NOT_SETTABLE' },
    });
    for (const body of [
      {},
      { now: 5 },
      { now: 'tomorrow' },
      { now: '2021-02-30T00:00:00Z' },
      { now: '2021-03-01T00:00:00' },
      [],
    ]) {
      expect(await set(settable, body)).toMatchObject({ status: 400, body: { name: 'FIELD_INVALID', detail: 'now' } });
    }
  });
});
