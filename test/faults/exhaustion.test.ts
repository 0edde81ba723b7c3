// Method: real engines get less memory, or fewer files, than a flood would take; they must stay alive, say why they
// refuse, and serve as before when the flood is over.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { LIMITS, makeTaxCode } from '../../engine/index.ts';
import { DESCRIPTORS_MIN } from '../../server/index.ts';
import { type ThreadView, Vitals } from '../../server/vitals/vitals.ts';
import { verifyFolder } from '../../snapshots/index.ts';
import { Supervised } from '../support/supervised.ts';
import { hpan } from '../support/world.ts';

const NOW = '2021-03-01T09:00:00Z';
const REQUESTS_EACH = 2 * LIMITS.inFlightPerSocketMax;

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'clickday-exhaustion-'));
});
afterAll(async () => {
  await Supervised.stopAll();
  rmSync(place, { recursive: true, force: true });
});

describe('a heap near its limit', () => {
  test('fault 20: sheds connections from 80 %, commands from 90 %', () => {
    const vitals = new Vitals(2);
    const at = (share: number) => {
      vitals.setHeapShare(1, share);
      return { isCrowded: vitals.isCrowded, isFull: vitals.isFull(1), isOtherFull: vitals.isFull(0) };
    };
    expect(at(0.799)).toEqual({ isCrowded: false, isFull: false, isOtherFull: false });
    expect(at(0.8)).toEqual({ isCrowded: true, isFull: false, isOtherFull: false });
    expect(at(0.9)).toEqual({ isCrowded: true, isFull: true, isOtherFull: false });
    expect(at(0.5)).toEqual({ isCrowded: false, isFull: false, isOtherFull: false });
  });

  test.each(['front', 'store 0'])('fault 20: the server itself sheds them by the heap of its %s', async (full) => {
    const heaps = new Heaps(join(place, full.replace(' ', '-')));
    const { flags, environment } = heaps;
    const supervised = await Supervised.start({ folder: heaps.folder, now: NOW, shards: 1, flags, environment });
    // Whoever was refused is told to wait, whatever the heap: each asks once.
    const [first, second, third] = await Promise.all([1, 2, 3].map((number) => raw(supervised, makeTaxCode(number))));
    const enrol = { id: '0'.repeat(32), type: 'enrol' };
    expect(await ask(first!, enrol)).toMatchObject({ ok: true });

    await heaps.fill(supervised, { [full]: 0.85 });
    expect(await upgradeOf(supervised)).toEqual({ code: 'OVERLOADED', hasRetryAfter: true });
    expect(await ask(first!, enrol)).toMatchObject({ ok: true });

    await heaps.fill(supervised, { [full]: 0.95 });
    const refused = { ok: false, code: 'OVERLOADED', retryAtMs: expect.any(Number) };
    expect(await ask(second!, enrol)).toMatchObject(refused);
    expect(await ask(third!, { type: 'wallet' })).toMatchObject(refused);

    await heaps.fill(supervised, {});
    expect(await upgradeOf(supervised)).toBe('open');
    expect(await ask(first!, enrol)).toMatchObject({ ok: true });
    for (const socket of [first, second, third]) socket!.terminate();
    expect(await supervised.stop()).toBe(0);
  });

  test('fault 20: a flood of ten times what fits does not end the process, and refuses with a time to come back', async () => {
    const folder = join(place, 'flood');
    const flags = ['--max-old-space-size=64'];
    const supervised = await Supervised.start({ folder, now: NOW, shards: 1, flags });
    const codes = new Map<string, number>();
    let retriesMissing = 0;
    let waitingCount = 0;
    const sockets = await Promise.all(
      Array.from({ length: 200 }, async (_, number) => {
        const socket = await raw(supervised, makeTaxCode(number));
        if (socket === null) return null;
        let unanswered = REQUESTS_EACH;
        waitingCount += 1;
        // Whoever reads nothing for long, or goes on when told to wait, is cut: here whoever gets little of the processor.
        socket.once('close', () => {
          if (unanswered > 0) waitingCount -= 1;
        });
        socket.on('message', (data) => {
          const { ok, code, retryAtMs } = JSON.parse(String(data));
          if (ok === undefined) return;
          unanswered -= 1;
          if (unanswered === 0) waitingCount -= 1;
          const answer = ok ? 'done' : code;
          codes.set(answer, (codes.get(answer) ?? 0) + 1);
          if (answer === 'OVERLOADED' && retryAtMs === undefined) retriesMissing += 1;
        });
        return socket;
      }),
    );
    // Each sends twice what it may have in flight before it hears anything.
    for (let ref = 0; ref < REQUESTS_EACH; ref += 1) {
      for (const [number, socket] of sockets.entries()) {
        const id = (ref * 1_000 + number).toString(16).padStart(32, '0');
        const request = ref === 0 ? { type: 'enrol' } : { type: 'enableCashback', hpan: hpan(ref * 1_000 + number) };
        socket?.send(JSON.stringify({ ref, id, ...request }));
      }
    }
    while (waitingCount > 0 && supervised.events.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(supervised.events, supervised.errors).toEqual([]);
    expect(codes.get('OVERLOADED')).toBeGreaterThan(0);
    expect(retriesMissing).toBe(0);
    for (const socket of sockets) socket?.terminate();
    // What the flood left fills the heap until it is collected: so long, connections are refused.
    while ((await upgradeOf(supervised)) !== 'open') expect(supervised.events, supervised.errors).toEqual([]);
    const client = await supervised.client('citizen', makeTaxCode(1));
    expect(await client.change('enrol', {})).toMatchObject({ ok: true });
    client.close();
    expect(await supervised.stop()).toBe(0);
    expect((await verifyFolder(folder)).differences).toEqual([]);
  });
});

/** Loaded before the engine: V8 says of each thread's heap what a file says. All else is as it is. */
const SAYING = `
const { readFileSync } = require('node:fs');
const { syncBuiltinESMExports } = require('node:module');
const threads = require('node:worker_threads');
const v8 = require('node:v8');
v8.getHeapStatistics = () => {
  const name = threads.isMainThread ? 'front' : 'store ' + threads.workerData.own;
  const share = JSON.parse(readFileSync(process.env.HEAPS, 'utf8'))[name] ?? 0.1;
  return { used_heap_size: share * 1e15, heap_size_limit: 1e15 };
};
syncBuiltinESMExports();
`;

/** Of an engine's threads, as full as a test says. */
class Heaps {
  readonly folder: string;
  readonly flags: readonly string[];
  readonly environment: { readonly HEAPS: string };

  constructor(folder: string) {
    this.folder = folder;
    this.environment = { HEAPS: `${folder}.json` };
    this.flags = [`--require=${folder}.cjs`];
    writeFileSync(`${folder}.cjs`, SAYING);
    this.#say({});
  }

  /** @returns resolves when each thread has noticed */
  async fill({ url }: Supervised, shares: Readonly<Record<string, number>>): Promise<void> {
    this.#say(shares);
    for (;;) {
      const { threads } = (await (await fetch(`${url}/status`)).json()) as { threads: readonly ThreadView[] };
      if (threads.every(({ name, heapShare }) => heapShare === (shares[name] ?? 0.1))) return;
    }
  }

  /** Whole or not at all: threads read it all the time. */
  #say(shares: Readonly<Record<string, number>>): void {
    writeFileSync(`${this.environment.HEAPS}.new`, JSON.stringify(shares));
    renameSync(`${this.environment.HEAPS}.new`, this.environment.HEAPS);
  }
}

async function ask(socket: WebSocket, request: object): Promise<unknown> {
  refs += 1;
  const ref = refs;
  const answered = new Promise((resolve) => {
    socket.on('message', function hear(data) {
      const said = JSON.parse(String(data));
      if (said.ref !== ref) return;
      socket.off('message', hear);
      resolve(said);
    });
  });
  socket.send(JSON.stringify({ ref, ...request }));
  return answered;
}

let refs = 0;

/** 'open', or why not. */
async function upgradeOf(supervised: Supervised): Promise<unknown> {
  const authorization = `Bearer ${await supervised.token('citizen', makeTaxCode(2))}`;
  const url = `${supervised.url.replace('http', 'ws')}/ws`;
  const socket = new WebSocket(url, 'clickday.v1.json', { headers: { authorization } });
  return new Promise((resolve) => {
    socket.once('open', () => {
      socket.terminate();
      resolve('open');
    });
    socket.once('unexpected-response', async (_, response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve({ code: JSON.parse(body).code, hasRetryAfter: 'retry-after' in response.headers });
    });
  });
}

async function raw(supervised: Supervised, taxCode: string): Promise<WebSocket | null> {
  const authorization = `Bearer ${await supervised.token('citizen', taxCode)}`;
  const socket = new WebSocket(`${supervised.url.replace('http', 'ws')}/ws`, 'clickday.v1.json', {
    headers: { authorization },
  });
  return new Promise((resolve) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}

describe('too few files', () => {
  test('fault 27: a crowd of connections leaves the store what it needs, whatever else it opens', async () => {
    const folder = join(place, 'descriptors');
    const environment = { CLICKDAY_CHECKPOINT_ROWS: '40' };
    const supervised = await Supervised.start({
      folder,
      now: NOW,
      shards: 2,
      environment,
      descriptorCount: DESCRIPTORS_MIN,
    });
    const client = await supervised.client('citizen', makeTaxCode(1));
    await client.change('enrol', {});
    const port = Number(new URL(supervised.url).port);
    const crowd = await Promise.all(Array.from({ length: 600 }, () => dial(port)));
    const isIn = crowd.filter((socket) => !socket.destroyed).length;
    expect(isIn).toBeGreaterThan(16);
    expect(isIn).toBeLessThan(DESCRIPTORS_MIN - 64);
    // Checkpoints, segments of the archive and copies of rankings are opened beside them.
    for (let round = 0; round < 150; round += 1) {
      expect(await client.change('enableCashback', { hpan: hpan(1) })).toMatchObject({ ok: true });
      expect(await client.change('disableCashback', { hpan: hpan(1) })).toMatchObject({ ok: true });
    }
    expect(supervised.events, supervised.errors).toEqual([]);
    expect(supervised.errors).not.toMatch(/EMFILE/);
    for (const socket of crowd) socket.destroy();
    client.close();
    expect(await supervised.stop()).toBe(0);
    expect(readdirSync(join(folder, 'store-0', 'archive')).length).toBeGreaterThan(0);
    expect((await verifyFolder(folder)).differences).toEqual([]);
  });

  test('fault 27: with too few even for the store it says so, and what to do', () => {
    const program = new URL('../../dist/client/cli/main.js', import.meta.url).pathname;
    const run = `ulimit -n 100; exec ${process.execPath} ${program} serve --port 0 --data ${join(place, 'few')} 2>&1`;
    expect(() => execFileSync('sh', ['-c', run], { encoding: 'utf8' })).toThrow(
      expect.objectContaining({ status: 2, stdout: expect.stringMatching(/may open 100 files.*\n.*ulimit -n/) }),
    );
  });
});

test('fault 49: one address that asks too much, or connects too often, is told so; another one, and a partner, go on', async () => {
  const environment = {
    CLICKDAY_PROXIES: '127.0.0.1',
    CLICKDAY_REQUESTS_PER_ADDRESS: '1',
    CLICKDAY_HANDSHAKES_PER_ADDRESS: '1',
  };
  const supervised = await Supervised.start({ folder: join(place, 'address'), now: NOW, shards: 1, environment });
  const token = await supervised.token('issuer', '12940');
  const ask = async (address: string, path: string, more: Readonly<Record<string, string>> = {}) => {
    const headers = { 'x-forwarded-for': address, ...more };
    return (await fetch(supervised.url + path, { headers })).status;
  };
  const open = async (address: string) => {
    const headers = { authorization: `Bearer ${token}`, 'x-forwarded-for': address };
    const socket = new WebSocket(`${supervised.url.replace('http', 'ws')}/ws`, 'clickday.v1.json', { headers });
    return new Promise<string>((resolve) => {
      socket.once('open', () => resolve('open'));
      socket.once('error', ({ message }) => resolve(message));
    }).finally(() => socket.terminate());
  };
  /** Time goes on meanwhile, so a few more than at once. */
  const until = async (what: string | number, deed: () => Promise<string | number>) => {
    for (let count = 0; count < 1_000; count += 1) if ((await deed()) === what) return;
    throw new Error(`never ${what}`);
  };
  await until(429, () => ask('93.40.1.2', '/status'));
  expect(await open('93.40.1.2'), 'connections are counted apart').toBe('open');
  await until('Unexpected server response: 429', () => open('93.40.1.2'));
  await until(429, () => ask('93.40.1.2', '/status'));
  expect([await ask('93.40.1.3', '/status'), await open('93.40.1.3')]).toEqual([200, 'open']);
  const authorization = `Bearer ${token}`;
  expect(await ask('93.40.1.2', `/bpd/hb/citizens/${makeTaxCode(1)}`, { authorization })).toBe(404);
  expect(await supervised.stop()).toBe(0);
});

/** Resolves when it is in or out: a server that cuts does so at once, and answers who asks. */
function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.on('error', () => resolve(socket));
    socket.on('close', () => resolve(socket));
    socket.once('connect', () => socket.write('GET /health HTTP/1.1\r\nHost: x\r\n\r\n'));
    socket.once('data', () => resolve(socket));
  });
}
