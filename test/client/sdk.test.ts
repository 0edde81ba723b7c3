// Method: the client talks to a real WebSocket server on the loopback that answers, keeps silent or hangs up as the
// test says; what arrived there, and in which order, is compared with what the client was asked to do.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { ClickdayClient, ClientFault, newCommandId, type SocketConstructor } from '../../client/sdk/index.ts';
import { socketUrl } from '../../client/sdk/socket.ts';
import { until } from './clockwork.ts';
import { done, GOOD_TOKEN, type ProtocolServer, refusal, startProtocolServer } from './protocol-server.ts';

let server: ProtocolServer;
let client: ClickdayClient | undefined;

const nodeSocket = WebSocket as unknown as SocketConstructor;

async function connect(options: Partial<Parameters<typeof ClickdayClient.connect>[0]> = {}): Promise<ClickdayClient> {
  client = await ClickdayClient.connect({ url: server.url, token: GOOD_TOKEN, WebSocket: nodeSocket, ...options });
  return client;
}

beforeEach(async () => {
  server = await startProtocolServer();
});

afterEach(async () => {
  client?.close();
  await server.close();
});

describe('a connection', () => {
  test.each(['msgpack', 'json'] as const)('speaks %s and reads hello', async (format) => {
    const { hello } = await connect({ format });
    expect(hello).toMatchObject({ role: 'citizen', inFlightMax: 256 });
    const reply = await client!.change('enrol', {});
    expect(reply).toMatchObject({ ok: true, answer: { termsMs: 7 } });
    expect(server.requests[0]).toMatchObject({ ref: 1, type: 'enrol' });
  });

  test('a refused token is a fault of its own, and is not tried again', async () => {
    await expect(connect({ token: 'wrong' })).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(server.tokens).toEqual(['wrong']);
  });

  test('nobody there is UNREACHABLE', async () => {
    const { url } = server;
    await server.close();
    await expect(connect({ url })).rejects.toMatchObject({ code: 'UNREACHABLE' });
    server = await startProtocolServer();
  });

  test('the address may be of http or ws, with a path or without', () => {
    expect(socketUrl('http://127.0.0.1:8080')).toBe('ws://127.0.0.1:8080/ws');
    expect(socketUrl('https://example.org/cashback/')).toBe('wss://example.org/cashback/ws');
    expect(socketUrl('ws://127.0.0.1:1/ws')).toBe('ws://127.0.0.1:1/ws');
  });
});

describe('requests', () => {
  test('replies are matched by ref, in whatever order they come', async () => {
    const held: (() => void)[] = [];
    server.answer = ({ ref, hpan }, line) => held.push(() => line.send({ ref, ok: true, view: { hpan } }));
    await connect();
    const replies = ['a', 'b', 'c'].map((hpan) => client!.read('instrument', { hpan }));
    await until(() => held.length === 3);
    for (const release of held.reverse()) release();
    const views = (await Promise.all(replies)).map((reply) => reply.ok && reply.view.hpan);
    expect(views).toEqual(['a', 'b', 'c']);
  });

  test('a refusal is an answer, not an error', async () => {
    server.answer = ({ ref }, line) => line.send(refusal(ref, 'INSTRUMENT_TAKEN'));
    await connect();
    const reply = await client!.change('enableCashback', { hpan: 'a'.repeat(64) });
    expect(reply).toMatchObject({ ok: false, code: 'INSTRUMENT_TAKEN' });
  });

  test('no more are in flight than the server takes; the rest waits its turn', async () => {
    await server.close();
    server = await startProtocolServer({ inFlightMax: 2 });
    const held: (() => void)[] = [];
    server.answer = (request, line) => held.push(() => done(request, line));
    await connect();
    const replies = Array.from({ length: 5 }, () => client!.change('enrol', {}));
    await until(() => held.length === 2);
    await roundTrip();
    expect(held).toHaveLength(2);
    expect(client!.inFlight).toBe(5);
    for (let index = 0; index < 5; index += 1) {
      await until(() => held.length > index);
      held[index]!();
    }
    await Promise.all(replies);
    expect(server.requests.map(({ ref }) => ref)).toEqual([1, 2, 3, 4, 5]);
  });

  test('a reply that does not come fails with the id, so that its outcome can be asked for', async () => {
    server.answer = () => {};
    await connect({ deadlineMs: 30 });
    const id = newCommandId();
    await expect(client!.change('leave', {}, id)).rejects.toMatchObject({ code: 'NO_REPLY', id });
  });

  test('a refusal is obeyed: it comes back at the time given, under the same id', async () => {
    server.answer = (request, line) => {
      if (server.requests.length < 3) line.send(refusal(request.ref, 'OVERLOADED', 5));
      else done(request, line);
    };
    await connect();
    expect(await client!.change('enrol', {})).toMatchObject({ ok: true });
    expect(server.requests).toHaveLength(3);
    expect(new Set(server.requests.map(({ id }) => id)).size).toBe(1);
  });

  test('a time beyond the deadline is returned at once', async () => {
    server.answer = ({ ref }, line) => line.send(refusal(ref, 'OVERLOADED', 1_000_000));
    await connect();
    expect(await client!.change('enrol', {})).toMatchObject({ ok: false, code: 'OVERLOADED', waitMs: 1_000_000 });
  });
});

describe('a broken connection', () => {
  test('what was unanswered is sent again, in order, under the same ids', async () => {
    server.answer = (request, line) => {
      if (server.lines.length > 1) done(request, line);
      else if (server.requests.length === 3) line.cut();
    };
    await connect();
    const ids = [newCommandId(), newCommandId(), newCommandId()];
    const replies = await Promise.all(ids.map((id) => client!.change('enrol', {}, id)));
    expect(replies.every(({ ok }) => ok)).toBe(true);
    expect(server.requests.slice(3).map(({ id }) => id)).toEqual(ids);
  });

  test('a stopping server (DRAINING) keeps nothing: the command goes to the next connection', async () => {
    server.answer = (request, line) => {
      if (server.lines.length > 1) return done(request, line);
      line.send(refusal(request.ref, 'DRAINING'));
      line.cut();
    };
    await connect();
    expect(await client!.change('enrol', {})).toMatchObject({ ok: true });
    expect(server.requests.map(({ id }) => id)[0]).toBe(server.requests.map(({ id }) => id)[1]);
  });

  test('subscriptions are made again, and pushes go on', async () => {
    await connect();
    const pushes: unknown[] = [];
    await client!.subscribe(['rank'], (push) => pushes.push(push));
    server.lines[0]!.send({ push: 'rank', view: [] });
    await until(() => pushes.length === 1);
    server.lines[0]!.cut();
    await until(() => server.requests.length === 2 && server.lines.length === 2);
    expect(server.requests[1]).toMatchObject({ type: 'subscribe', topics: ['rank'] });
    server.lines[1]!.send({ push: 'rank', view: [] });
    await until(() => pushes.length === 2);
  });

  test('a fresh token is asked for at each connection', async () => {
    let asked = 0;
    await connect({ token: async () => (++asked > 0 ? GOOD_TOKEN : '') });
    server.lines[0]!.cut();
    await until(() => server.lines.length === 2);
    expect(asked).toBe(2);
  });

  test('a token that is turned down is the end: what is unanswered fails, and later requests too', async () => {
    server.answer = (_, line) => line.cut();
    const tokens = [GOOD_TOKEN, 'wrong'];
    await connect({ token: () => tokens.shift()! });
    const id = newCommandId();
    await expect(client!.change('enrol', {}, id)).rejects.toMatchObject({ code: 'UNAUTHENTICATED', id });
    expect(client!.state).toMatchObject({ is: 'closed', fault: { code: 'UNAUTHENTICATED' } });
    await expect(client!.read('wallet', {})).rejects.toMatchObject({ code: 'CLOSED' });
  });

  test('closing fails what is unanswered, and does not reconnect', async () => {
    server.answer = () => {};
    await connect();
    const reply = client!.change('enrol', {});
    client!.close();
    await expect(reply).rejects.toBeInstanceOf(ClientFault);
    await roundTrip();
    expect(server.lines).toHaveLength(1);
  });

  test('a frame that the server could not read ends the line: nobody knows which request it was', async () => {
    server.answer = (_, line) => line.send(refusal(null, 'BAD_FRAME'));
    await connect();
    await expect(client!.change('enrol', {})).rejects.toMatchObject({ code: 'PROTOCOL' });
  });
});

describe('command ids', () => {
  test('are UUIDs of version 7: unique, and in the order of their time', () => {
    const ids = Array.from({ length: 1_000 }, (_, index) => newCommandId(1_607_410_800_000 + index));
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{12}7[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
    expect([...ids].sort()).toEqual(ids);
    expect(new Set(Array.from({ length: 1_000 }, () => newCommandId(5))).size).toBe(1_000);
    expect(Number.parseInt(ids[3]!.slice(0, 12), 16)).toBe(1_607_410_800_003);
  });
});

/** Whatever was sent before is there when this has gone there and back on a connection of its own. */
async function roundTrip(): Promise<void> {
  await expect(ClickdayClient.connect({ url: server.url, token: 'x', WebSocket: nodeSocket })).rejects.toThrow();
}
