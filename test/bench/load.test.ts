// Method: the load generator runs against a target that says yes to everything, and against a real WebSocket server
// (`ws`) that decodes each frame: what arrives must be what the plan says, and every answer must be counted once.
import type { AddressInfo } from 'node:net';
import { Packr, unpack } from 'msgpackr';
import { afterEach, describe, expect, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { openEchoTarget } from '../../bench/load/echo-target.ts';
import type { LoadPlan } from '../../bench/load/plan.ts';
import { runLoad } from '../../bench/load/run.ts';

type Request = { readonly ref: number; readonly type: string; readonly id?: string } & Record<string, unknown>;

const closings: (() => void)[] = [];
afterEach(() => {
  for (const close of closings.splice(0)) close();
});

function plan(port: number, change: Partial<LoadPlan> = {}): LoadPlan {
  const tokens = ['one', 'two'];
  return {
    host: '127.0.0.1',
    port,
    tokens,
    workload: 'life',
    inFlight: 3,
    warmUpMs: 0,
    measureMs: 100,
    run: 'a1b2c',
    ...change,
  };
}

/** Answers each request by `reply`, and keeps all of them. */
async function openServer(reply: (request: Request) => object): Promise<{ port: number; requests: Request[] }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'clickday.v1.msgpack' });
  const packr = new Packr({ useRecords: false });
  const requests: Request[] = [];
  server.on('connection', (socket) => {
    socket.send(packr.encode({ hello: { role: 'citizen' } }));
    socket.on('message', (frame) => {
      const request = unpack(frame as Buffer) as Request;
      requests.push(request);
      socket.send(packr.encode(reply(request)));
    });
  });
  await new Promise((resolve) => server.once('listening', resolve));
  closings.push(() => server.close());
  return { port: (server.address() as AddressInfo).port, requests };
}

const yes = ({ ref }: Request) => ({
  ref,
  ok: true,
  repeated: false,
  answer: {},
  position: { partition: 0, sequence: 1 },
});

describe('the load generator', () => {
  test('sends a life of requests, each with an id of its own', async () => {
    const { port, requests } = await openServer(yes);
    const result = await runLoad(plan(port, { requestCount: 60 }));
    expect(result).toMatchObject({ done: 60, requests: 60, refused: {} });
    expect(requests).toHaveLength(62); // Each citizen enrols first.

    const ids = requests.map(({ id }) => id);
    expect(new Set(ids).size).toBe(62);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{12}7[0-9a-f]{3}8[0-9a-f]{15}$/);
    const types = new Set(requests.map(({ type }) => type));
    expect(types).toEqual(
      new Set(['enrol', 'addMethod', 'enableCashback', 'setIban', 'disableCashback', 'removeMethod']),
    );
    for (const { type, hpan } of requests) {
      if (type !== 'enrol' && type !== 'setIban') expect(hpan).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test('never has more requests in flight than the plan says', async () => {
    const { port, requests } = await openServer(yes);
    await runLoad(plan(port, { inFlight: 1, tokens: ['one'], requestCount: 20 }));
    expect(requests.map(({ ref }) => ref)).toEqual(new Array(21).fill(0));
  });

  test('counts a refusal by its code, and nothing as done', async () => {
    const { port } = await openServer(({ ref, type }) =>
      type === 'setIban' ? { ref, ok: false, code: 'OVERLOADED', message: '', messageIt: '' } : yes({ ref, type }),
    );
    const result = await runLoad(plan(port, { workload: 'iban', requestCount: 10 }));
    expect(result).toMatchObject({ done: 0, refused: { OVERLOADED: 10 } });
  });

  test('counts rows of a batch one by one', async () => {
    const { port, requests } = await openServer(({ ref, rows }) => ({
      ref,
      ok: true,
      view: {
        outcomes: (rows as unknown[]).map((_, row) =>
          row === 0 ? { status: 'dropped', code: 'INSTRUMENT_NOT_COVERED' } : { status: 'counted', scoreCents: 450 },
        ),
      },
    }));
    const batch = { rowCount: 5, trxMs: Date.parse('2020-12-09T10:00:00Z'), acquirer: '36081' };
    const result = await runLoad(plan(port, { workload: 'payments', batch, citizenCount: 3, requestCount: 4 }));
    expect(result).toMatchObject({ done: 16, refused: { INSTRUMENT_NOT_COVERED: 4 }, requests: 4 });

    const rows = requests.flatMap(
      (request) => request.rows as { idTrxAcquirer: string; trxDate: string; hpan: string }[],
    );
    expect(new Set(rows.map(({ idTrxAcquirer }) => idTrxAcquirer)).size).toBe(20);
    expect(new Set(rows.map(({ trxDate }) => trxDate)).size).toBe(20);
    expect(new Set(rows.map(({ hpan }) => hpan)).size).toBe(3);
  });

  test('seeds each citizen once, and the same card that payments name', async () => {
    const { port, requests } = await openServer(yes);
    await runLoad(plan(port, { workload: 'seed', citizenCount: 7, requestCount: 14 }));
    const enrolled = requests.filter(({ type }) => type === 'enrol').map(({ taxCode }) => taxCode);
    expect(new Set(enrolled).size).toBe(7);
    expect(enrolled).toHaveLength(7);
    expect(requests.filter(({ type }) => type === 'enableCashback')).toHaveLength(7);
  });

  test('keeps to its rate in an open loop', async () => {
    const target = await openEchoTarget();
    closings.push(target.close);
    const result = await runLoad(plan(target.port, { ratePerSecond: 500, measureMs: 400 }));
    expect(result.done).toBeGreaterThan(100);
    expect(result.done).toBeLessThan(260);
    expect(result.latencyUs.p50).toBeGreaterThan(0);
  });

  test('ends with the reason when the server refuses the upgrade', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', verifyClient: () => false });
    await new Promise((resolve) => server.once('listening', resolve));
    closings.push(() => server.close());
    await expect(runLoad(plan((server.address() as AddressInfo).port))).rejects.toThrow(
      'the server refused the upgrade: HTTP/1.1 401 Unauthorized',
    );
  });

  test('ends with the reason when a connection is cut', async () => {
    const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'clickday.v1.msgpack' });
    closings.push(() => server.close());
    server.on('connection', (socket) => {
      socket.send(new Packr({ useRecords: false }).encode({ hello: {} }));
      socket.on('message', () => socket.close(1012));
    });
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(runLoad(plan(port))).rejects.toThrow('a connection was cut: close code 1012');
  });
});
