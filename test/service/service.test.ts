// Method: a real server whose door, clock and disk are the test's: people are turned away and come back, a part does not
// answer, the server dies; /status must tell each as it was, also to who asks after a restart. Then the file and the last
// good answer by themselves.
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { Admission } from '../../server/admission/index.ts';
import type { Incident } from '../../server/service/incidents.ts';
import { IncidentFile, LastGood, type Part, Service } from '../../server/service/index.ts';
import { digest } from '../admission/crowd.ts';
import { HttpServer } from '../http/http-server.ts';

const CITIZEN = '/bpd/io/citizen/v2';
const FULL = 10_000;

let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'clickday-service-'));
});
afterAll(() => rmSync(place, { recursive: true }));

describe('over HTTP', () => {
  const load = { inside: 0, answeredCount: 0, probe: () => Promise.resolve(0) };
  const kept = { incidents: [] as Incident[], seenMs: null };
  let nowMs: number;
  let parts: Part[];
  let service: Service;
  let server: HttpServer;

  beforeEach(async () => {
    nowMs = 1_607_400_000_000;
    parts = [];
    load.inside = 0;
    kept.incidents = [];
    const log = {
      kept,
      changed: (incidents: readonly Incident[]) => {
        kept.incidents = [...incidents];
      },
      seen() {},
    };
    service = new Service({ nowMs: () => nowMs, log, parts: () => parts });
    const admission = new Admission({
      shards: [load],
      ...{ digest, origin: 1, nowMs: () => nowMs, random: () => 0.5 },
    });
    server = await HttpServer.open({ admission, service });
  });
  afterEach(() => server.close());

  interface Status {
    readonly functions: Readonly<Record<string, { readonly state: string; readonly sinceStart: object }>>;
    readonly incidents: readonly Incident[];
    readonly incidentsBefore: number | null;
  }
  const status = async (query = '') => (await server.call('GET', `/status${query}`)).body as Status;

  test('R7: an appointment is a try without success, however often it is asked for, and another one when it is kept', async () => {
    const token = await server.token('citizen', makeTaxCode(1));
    load.inside = FULL;
    for (let times = 0; times < 5; times += 1) expect((await server.call('PUT', CITIZEN, { token })).status).toBe(429);
    expect((await status()).functions.enrol).toMatchObject({ state: 'failing', sinceStart: { tries: 1, shed: 1 } });
    load.inside = 0;
    nowMs += 5_000;
    expect((await server.call('PUT', CITIZEN, { token })).status).toBe(200);
    expect((await status()).functions.enrol).toMatchObject({ sinceStart: { tries: 2, shed: 1, done: 1 } });
    const metrics = await server.call('GET', '/metrics');
    expect(metrics.text).toContain('clickday_tries_total{function="enrol",result="shed"} 1\n');
  });

  test('R7: of an issuer, which is one asker, each request is somebody’s try', async () => {
    const token = await server.token('issuer', '03069');
    load.inside = FULL;
    for (let number = 0; number < 30; number += 1)
      await server.call('PUT', `/bpd/hb/citizens/${makeTaxCode(number + 10)}`, { token });
    expect((await status()).functions.enrol).toMatchObject({ state: 'down', sinceStart: { tries: 30, shed: 30 } });
  });

  test('R7: what fails since a third party does not answer failed, though the engine was never asked', async () => {
    await server.close();
    const cardVault = { hash: async () => ({ ok: false, code: 'PARTNER_UNAVAILABLE' }) as const };
    server = await HttpServer.open({ service, cardVault });
    const token = await server.token('issuer', '03069');
    await server.call('PUT', `/bpd/hb/citizens/${makeTaxCode(1)}`, { token });
    const body = { id: '4111111111111111', fiscalCode: makeTaxCode(1) };
    expect((await server.call('PUT', '/bpd/hb/payment-instruments/card', { token, body })).status).toBe(504);
    const { functions } = await status();
    expect(functions.enableCashback).toMatchObject({ sinceStart: { tries: 1, failed: 1, successShare: 0 } });
    expect(functions.enrol).toMatchObject({ sinceStart: { tries: 1, done: 1 } });
  });

  test('R7: an incident is told while it lasts and when it is over, and outlives a restart', async () => {
    load.inside = FULL;
    for (let number = 0; number < 30; number += 1) {
      const citizen = await server.token('citizen', makeTaxCode(number + 10));
      await server.call('PUT', CITIZEN, { token: citizen });
    }
    parts = [{ kind: 'thread', name: 'store 0', isSilent: true }];
    for (let seconds = 0; seconds <= 15; seconds += 1, nowMs += 1_000) service.tick();
    const during = await status();
    expect(during.functions.enrol).toMatchObject({ state: 'down' });
    const enrol = { kind: 'function', name: 'enrol', crossed: ['success'], successShareMin: 0 };
    expect(during.incidents).toMatchObject([
      { ...enrol, id: 2, startMs: 1_607_400_000_000, endMs: null, silentParts: ['store 0'] },
      { kind: 'thread', name: 'store 0', id: 1, endMs: null },
    ]);
    const metrics = await server.call('GET', '/metrics');
    expect(metrics.text).toContain('clickday_incidents_open_count{kind="function",name="enrol"} 1\n');
    expect(metrics.text).toContain('clickday_incidents_open_count{kind="function",name="wallet"} 0\n');
    const restarted = new Service({ nowMs: () => nowMs, log: { kept, changed() {}, seen() {} }, parts: () => [] });
    expect(restarted.open).toMatchObject(during.incidents);

    parts = [{ kind: 'thread', name: 'store 0', isSilent: false }];
    load.inside = 0;
    for (let seconds = 0; seconds < 130; seconds += 1, nowMs += 1_000) {
      const citizen = await server.token('citizen', makeTaxCode(10));
      if (seconds % 5 === 0) expect((await server.call('PUT', CITIZEN, { token: citizen })).status).toBe(200);
      service.tick();
    }
    const over = await status();
    expect(over.functions.enrol).toMatchObject({ state: 'ok' });
    expect(over.incidents).toMatchObject([{ ...enrol, id: 2 }, { id: 1 }]);
    for (const { endMs } of over.incidents) expect(endMs).toBeGreaterThan(1_607_400_015_000);
  });

  test('history comes in pages, the newest first, after what is open', async () => {
    parts = [{ kind: 'storage', name: 'storage', isSilent: true }];
    for (let times = 0; times < 2; times += 1, nowMs += 1_000) service.tick();
    const [open] = kept.incidents;
    const closed = Array.from({ length: 45 }, (_, index) => ({ ...open!, id: index + 1, endMs: nowMs }));
    kept.incidents = [...closed, { ...open!, id: 46 }];
    await server.close();
    const log = { kept, changed() {}, seen() {} };
    service = new Service({ nowMs: () => nowMs, log, parts: () => parts });
    server = await HttpServer.open({ service });
    const first = await status();
    expect(first.incidents.map(({ id }) => id)).toEqual([46, ...Array.from({ length: 20 }, (_, index) => 45 - index)]);
    expect(first.incidentsBefore).toBe(26);
    const second = await status('?before=26');
    expect(second.incidents.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, index) => 25 - index));
    expect(await status('?before=6')).toMatchObject({ incidentsBefore: null, incidents: { length: 5 } });
    expect((await server.call('GET', '/status?before=x')).status).toBe(400);
  });
});

describe('on disk', () => {
  const told: string[] = [];
  const open = (path: string) =>
    IncidentFile.open({ path, damaged: () => told.push('damaged'), failed: () => told.push('failed') });
  const incident: Incident = {
    ...{ id: 3, kind: 'function', name: 'wallet', startMs: 1_000, endMs: null, crossed: ['success'] },
    ...{ successShareMin: 0.25, p99MsMax: null, silentParts: ['store 1'] },
  };
  beforeEach(() => told.splice(0));

  test('incidents are there after a restart, and so is when the server was there last', async () => {
    const path = join(place, 'kept.json');
    const file = await open(path);
    expect(file.kept).toEqual({ incidents: [], seenMs: null });
    file.changed([incident]);
    await file.seen(1_607_400_000_500);
    const { kept } = await open(path);
    expect(kept.incidents).toEqual([incident]);
    expect(kept.seenMs).toBeCloseTo(1_607_400_000_500, 0);
    const again = new Service({ nowMs: () => 1_607_400_060_000, log: await open(path), parts: () => [] });
    expect(again.open).toEqual([incident]);
    expect(again.closed).toMatchObject([{ id: 4, kind: 'server', crossed: ['silence'], endMs: 1_607_400_060_000 }]);
  });

  test('what has not changed is not written again, only seen', async () => {
    const path = join(place, 'seen.json');
    const file = await open(path);
    await file.seen(1_000_000);
    const { ino } = statSync(path);
    await file.seen(2_000_000);
    expect(statSync(path)).toMatchObject({ ino, mtimeMs: 2_000_000 });
  });

  test('a bit that has changed anywhere is noticed, and history begins anew', async () => {
    const path = join(place, 'damaged.json');
    const file = await open(path);
    file.changed([incident]);
    await file.seen(1_000_000);
    const whole = readFileSync(path);
    for (let at = 0; at < whole.length - 1; at += 1) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1 << (at % 7);
      writeFileSync(path, damaged);
      told.splice(0);
      const { kept } = await open(path);
      if (told.length === 0) expect(kept.incidents, `byte ${at}`).toEqual([incident]);
      else expect(kept.incidents).toEqual([]);
    }
  });

  test('a disk that fails is told once, and what it lacks is written when it works again', async () => {
    const path = join(place, 'later', 'incidents.json');
    const file = await open(path);
    file.changed([incident]);
    await file.seen(1_000);
    await file.seen(2_000);
    expect(told).toEqual(['failed']);
    mkdirSync(join(place, 'later'));
    await file.seen(3_000);
    expect((await open(path)).kept.incidents).toEqual([incident]);
    rmSync(join(place, 'later'), { recursive: true });
    await file.seen(4_000);
    expect(told).toEqual(['failed', 'failed']);
  });
});

describe('the last good answer', () => {
  /** A reading that answers when it is told to, and a timer that has passed when it is told so. */
  class Reading {
    nowMs = 0;
    answer: (value: number) => void = () => {};
    fail: (error: Error) => void = () => {};
    pass: () => void = () => {};
    takenBackCount = 0;
    readonly lastGood = new LastGood<number>({
      read: () =>
        new Promise((resolve, reject) => {
          [this.answer, this.fail] = [resolve, reject];
        }),
      waitMsMax: 250,
      monotonicMs: () => this.nowMs,
      after: (_, then) => {
        this.pass = then;
        return () => {
          this.takenBackCount += 1;
        };
      },
    });
  }

  test('R6: is given with its age where a new one does not come in time', async () => {
    const reading = new Reading();
    const first = reading.lastGood.read();
    reading.pass(); // There is nothing to give yet.
    reading.answer(7);
    expect(await first).toEqual({ value: 7, ageMs: 0 });
    reading.nowMs = 1_000;
    const second = reading.lastGood.read();
    const { answer } = reading;
    reading.pass();
    expect(await second).toEqual({ value: 7, ageMs: 1_000 });
    reading.nowMs = 3_000;
    answer(8); // Late, and good for the next.
    await Promise.resolve();
    reading.nowMs = 3_500;
    const third = reading.lastGood.read();
    reading.pass();
    expect(await third).toEqual({ value: 8, ageMs: 500 });
  });

  test('one that comes in time takes the timer back, and one that fails is no answer', async () => {
    const reading = new Reading();
    const first = reading.lastGood.read();
    reading.answer(1);
    await first;
    await Promise.resolve();
    expect(reading.takenBackCount).toBe(1);
    const second = reading.lastGood.read();
    reading.fail(new Error('planted'));
    await expect(second).rejects.toThrow('planted');
  });
});
