// Method: the watch is driven look by look with a clock of its own; then threads of real processes are made busy for
// ever, or for a while, and what others say and do meanwhile is compared. A front on a real port counts its beats.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { makeTaxCode } from '../../engine/index.ts';
import { Storage } from '../../server/admission/index.ts';
import { Backups } from '../../server/backups.ts';
import { createClock } from '../../server/clock.ts';
import { readConfiguration } from '../../server/config.ts';
import { serve } from '../../server/front.ts';
import { openFolderIdentity } from '../../server/identity/folder-identity.ts';
import type { StartedEngine } from '../../server/shards/index.ts';
import { Versions } from '../../server/versions/index.ts';
import { BEAT_MS, DEADLY_MS, LOOK_MS, STUCK_MS, Vitals } from '../../server/vitals/vitals.ts';
import { Watch } from '../../server/vitals/watch.ts';
import { openPersistence } from '../../snapshots/index.ts';
import { Supervised } from '../support/supervised.ts';
import { hpan, World } from '../support/world.ts';

const NOW = '2021-03-01T09:00:00Z';

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'clickday-watchdog-'));
});
afterAll(async () => {
  await Supervised.stopAll();
  rmSync(place, { recursive: true, force: true });
});

describe('the watch', () => {
  /** Two threads that beat as they should, until one does not. */
  class Watched {
    readonly vitals = new Vitals(2);
    readonly #watch = new Watch(this.vitals, 0);
    nowMs = 0;

    /** @returns who is past saving at the end */
    pass(ms: number, beating: readonly number[]): number | null {
      let dead: number | null = null;
      for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
        this.nowMs += LOOK_MS;
        if (this.nowMs % BEAT_MS === 0) for (const thread of beating) this.vitals.beat(thread);
        dead = this.#watch.look(this.nowMs);
      }
      return dead;
    }

    sleep(ms: number): number | null {
      this.nowMs += ms;
      return this.#watch.look(this.nowMs);
    }
  }

  test('fault 19: sees a thread that does not come round within 250 ms, and none that does', () => {
    const watched = new Watched();
    expect(watched.pass(60_000, [0, 1])).toBe(null);
    expect([0, 1].map((thread) => watched.vitals.view(thread, '').stallCount)).toEqual([0, 0]);
    watched.pass(STUCK_MS - 2 * LOOK_MS, [0]);
    expect(watched.vitals.isStuck(1)).toBe(false);
    watched.pass(250 - (STUCK_MS - 2 * LOOK_MS), [0]);
    expect([0, 1].map((thread) => watched.vitals.isStuck(thread))).toEqual([false, true]);
  });

  test('fault 19: a stall that ends is over at the next beat, and remembered', () => {
    const watched = new Watched();
    watched.pass(BEAT_MS, [0, 1]);
    watched.pass(2_000, [0]);
    watched.pass(BEAT_MS, [0, 1]);
    expect(watched.vitals.view(1, 'store 1')).toMatchObject({ name: 'store 1', isStuck: false, stallCount: 1 });
    expect(watched.vitals.view(1, '').stallMsMax).toBeGreaterThanOrEqual(2_000);
    expect(watched.vitals.view(1, '').stallMsMax).toBeLessThan(2_000 + BEAT_MS);
    expect(watched.vitals.view(0, '')).toMatchObject({ stallCount: 0, stallMsMax: 0 });
  });

  test('fault 19: a thread that does not come round for 5 s is past saving', () => {
    const watched = new Watched();
    watched.pass(BEAT_MS, [0, 1]);
    expect(watched.pass(DEADLY_MS - LOOK_MS, [0])).toBe(null);
    expect(watched.pass(LOOK_MS, [0])).toBe(1);
  });

  test('fault 77: a process that was stopped for a minute was not stuck for one', () => {
    const watched = new Watched();
    watched.pass(BEAT_MS, [0, 1]);
    expect(watched.sleep(60_000)).toBe(null);
    expect([0, 1].map((thread) => watched.vitals.isStuck(thread))).toEqual([false, false]);
  });
});

test('fault 19: a front that has much to do is not stuck: each connection, frame and request is a beat', async () => {
  const folder = join(place, 'front');
  const persistence = await openPersistence({ folder, shardCount: 1 });
  const world = await World.open({ now: NOW, persistence });
  const { sign } = await openFolderIdentity(folder);
  const token = await sign({ role: 'citizen', subject: makeTaxCode(1), ttlSeconds: 600 });
  let beatCount = 0;
  const beat = () => {
    beatCount += 1;
  };
  const health = { threads: () => [], isCrowded: false, beat };
  const { listening, drain } = await serve({
    configuration: readConfiguration(JSON.stringify({ data: folder, port: 0, admission: false }), {}),
    keys: { platform: null, consap: null },
    started: { engine: world.engine, shards: [], health, exchange: () => {} } as unknown as StartedEngine,
    clock: createClock({ startMs: world.nowMs, speed: 0, monotonicMs: () => 0, realMs: Date.now }),
    folder,
    storage: new Storage({
      folder,
      quotaBytes: undefined,
      diskSpace: async () => ({ freeBytes: 1, totalBytes: 1 }),
      folderBytes: async () => 0,
      random: () => 0,
      changed: () => {},
    }),
    backups: new Backups({ shipping: null } as unknown as ConstructorParameters<typeof Backups>[0]),
    versions: new Versions(),
  });
  const socket = new WebSocket(`ws://127.0.0.1:${listening.port}/ws`, 'clickday.v1.json', {
    headers: { authorization: `Bearer ${token}` },
  });
  const heard = () => new Promise((resolve) => socket.once('message', resolve));
  await heard();
  expect(beatCount).toBe(1);
  const answered = heard();
  socket.send(JSON.stringify({ ref: 1, type: 'periods' }));
  await answered;
  expect(beatCount).toBe(2);
  expect((await fetch(`http://127.0.0.1:${listening.port}/health`)).status).toBe(200);
  expect(beatCount).toBe(3);
  socket.terminate();
  await drain();
  await listening.close();
  await world.engine.close();
  await persistence.close();
});

describe('a real process', () => {
  test('fault 19: whose store is busy for 2 s refuses its commands meanwhile and says why, and then answers', async () => {
    const killAt = [`deciding@${STALLING}:1:stall:2000`];
    const supervised = await Supervised.start({ folder: join(place, 'busy'), now: NOW, shards: 1, killAt });
    const client = await supervised.client('citizen', makeTaxCode(1));
    await client.change('enrol', {});
    await fetchJson(`${supervised.url}/status`); // What is known last when nobody answers any more.
    const order: string[] = [];
    const stalling = client.change('enableCashback', { hpan: hpan(1) }, STALLING).then((reply) => {
      order.push('answered');
      return reply;
    });
    const { threads, engineAgeMs } = await untilStuck(supervised);
    order.push('seen');
    expect(engineAgeMs, 'what the store cannot say is what it said last').toBeGreaterThan(0);
    expect(threads.map(({ name, isStuck }) => [name, isStuck])).toEqual([
      ['store 0', true],
      ['front', false],
    ]);
    const other = await supervised.client('citizen', makeTaxCode(2));
    const refusals: string[] = [];
    other.onRefusal(({ refusal }) => refusals.push(refusal.code));
    expect(await other.change('enrol', {})).toMatchObject({ ok: true });
    expect(refusals).toContain('OVERLOADED');
    expect(await stalling).toMatchObject({ ok: true });
    expect(order).toEqual(['seen', 'answered']);
    expect(await client.change('enableCashback', { hpan: hpan(2) })).toMatchObject({ ok: true });
    const metrics = await (await fetch(`${supervised.url}/metrics`)).text();
    expect(metrics).toMatch(/^clickday_thread_stalls_count\{thread="store 0"\} [1-9]/m);
    for (const one of [client, other]) one.close();
    expect(supervised.events).toEqual([]);
    expect(await supervised.stop()).toBe(0);
  });

  test('fault 19: whose store or front is stuck for good is killed and started again', async () => {
    const killAt = [`deciding@${STALLING}:1:stall`, 'front-message:3:stall', ''];
    const supervised = await Supervised.start({ folder: join(place, 'stuck'), now: NOW, shards: 1, killAt });
    const client = await supervised.client('citizen', makeTaxCode(1));
    expect(await client.change('enrol', {})).toMatchObject({ ok: true });
    const cards = [1, 2, 3, 4].map((card) =>
      client.change('enableCashback', { hpan: hpan(card) }, card === 1 ? STALLING : undefined),
    );
    for (const reply of await Promise.all(cards)) expect(reply).toMatchObject({ ok: true });
    expect(supervised.events).toHaveLength(2);
    for (const event of supervised.events) expect(event).toContain('the engine died (SIGKILL)');
    for (const name of ['store 0', 'front']) {
      expect(supervised.errors).toContain(`clickday stops: the thread "${name}" has not come round for 5 s`);
    }
    // R7: what happened to the two processes before is told by the third.
    const { incidents } = (await fetchJson(`${supervised.url}/status`)) as { readonly incidents: readonly object[] };
    expect(incidents).toContainEqual(expect.objectContaining({ kind: 'thread', name: 'store 0' }));
    expect(incidents).toContainEqual(expect.objectContaining({ kind: 'server', endMs: expect.any(Number) }));
    client.close();
    expect(await supervised.stop()).toBe(0);
  });
});

const STALLING = 'ab'.padStart(32, '0');

interface Thread {
  readonly name: string;
  readonly isStuck: boolean;
}

interface Status {
  readonly threads: readonly Thread[];
  readonly engineAgeMs: number;
}

async function untilStuck({ url }: Supervised): Promise<Status> {
  for (;;) {
    const status = (await fetchJson(`${url}/status`)) as Status;
    if (status.threads.some(({ isStuck }) => isStuck)) return status;
  }
}

async function fetchJson(url: string): Promise<unknown> {
  return (await fetch(url)).json();
}
