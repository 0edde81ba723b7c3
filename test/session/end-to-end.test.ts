// Method: the whole front with nothing in place of anything: real sockets over both transports, signed tokens, the
// engine on one thread and on threads of its own; the client is the ws package.
import { on, once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { TRANSPORT_BUFFERED_BYTES_MAX, TRANSPORT_FRAME_BYTES_MAX } from '../../server/admission/index.ts';
import { type FolderIdentity, openFolderIdentity } from '../../server/identity/folder-identity.ts';
import { createSocketHandlers, type SessionHandlers } from '../../server/session/index.ts';
import { type Listening, listen } from '../../server/transport/index.ts';
import { createMsgpackCodec, PROTOCOL_MSGPACK, type RequestInput } from '../../server/wire/index.ts';
import { Threads } from '../support/threads.ts';
import { World } from '../support/world.ts';
import { anna, type Frame, newId } from './front.ts';

const HOST = '127.0.0.1';
const codec = createMsgpackCodec();
let folder: string;
let provider: FolderIdentity;
let handlers: SessionHandlers;
let listening: Listening;
let token: string;
let threads: Threads;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clickday-session-'));
  provider = await openFolderIdentity(folder);
  threads = new Threads();
  token = await provider.sign({ role: 'citizen', subject: anna, ttlSeconds: 60 });
});

afterEach(async () => {
  handlers.stop();
  await listening.close();
  await threads.close();
  threads.remove();
  await rm(folder, { recursive: true });
});

async function start(name: 'uws' | 'ws', where: 'one thread' | 'two stores' = 'one thread'): Promise<void> {
  const world = where === 'one thread' ? await World.open() : await threads.open(2);
  handlers = createSocketHandlers({
    readFailed: (fault) => {
      throw fault;
    },
    engine: world.engine,
    identity: provider.identity,
    clock: { nowMs: () => world.nowMs },
    realMs: Date.now,
    monotonicMs: () => performance.now(),
    random: Math.random,
    pause,
    repeat: (task, intervalMs) => {
      const timer = setInterval(task, intervalMs).unref();
      return () => clearInterval(timer);
    },
  });
  listening = await listen(name, {
    host: HOST,
    port: 0,
    http: async () => ({ status: 404, headers: {}, body: '' }),
    sockets: handlers,
    frameBytesMax: TRANSPORT_FRAME_BYTES_MAX,
    bufferedBytesMax: TRANSPORT_BUFFERED_BYTES_MAX,
  });
}

/** A client that keeps what arrives until it is asked for: two frames may come in one packet. */
class Client {
  readonly socket: WebSocket;
  readonly #inbox: AsyncIterator<readonly unknown[]>;

  private constructor(protocols: string[], headers: Record<string, string>) {
    this.socket = new WebSocket(`ws://${HOST}:${listening.port}/ws`, protocols, { headers });
    this.#inbox = on(this.socket, 'message')[Symbol.asyncIterator]();
  }

  static async connect(protocols: string[], headers: Record<string, string> = {}): Promise<Client> {
    const client = new Client(protocols, headers);
    expect(await client.next()).toMatchObject({ hello: { role: 'citizen', programme: expect.any(String) } });
    return client;
  }

  async next(): Promise<Frame> {
    const { value } = await this.#inbox.next();
    return codec.decode(value[0] as Buffer) as Frame;
  }

  ask(request: RequestInput): Promise<Frame> {
    this.socket.send(codec.encode(request));
    return this.next();
  }
}

test.each([
  ['uws', 'one thread'],
  ['ws', 'one thread'],
  ['uws', 'two stores'],
  ['ws', 'two stores'],
] as const)(
  'a citizen comes in over %s on %s, enrols, gets a live push, and is told of the stop',
  async (name, where) => {
    await start(name, where);
    const client = await Client.connect([PROTOCOL_MSGPACK], { authorization: `Bearer ${token}` });
    expect(await client.ask({ ref: 1, type: 'enrol', id: newId() })).toMatchObject({ ref: 1, ok: true });
    expect(await client.ask({ ref: 2, type: 'wallet' })).toMatchObject({ ref: 2, view: { enabled: true } });
    expect(await client.ask({ ref: 3, type: 'subscribe', topics: ['wallet'] })).toMatchObject({ ref: 3, ok: true });
    expect(await client.next()).toMatchObject({ push: 'wallet', view: { enabled: true } });

    const page = await Client.connect([`bearer.${token}`, PROTOCOL_MSGPACK]);
    expect(page.socket.protocol).toBe(PROTOCOL_MSGPACK);
    const large = page.next();
    page.socket.send(Buffer.alloc(16_384));
    expect(await large).toMatchObject({ ref: null, code: 'TOO_LARGE' });

    const closes = Promise.all([client, page].map(({ socket }) => once(socket, 'close')));
    await handlers.drain();
    await listening.close();
    expect((await closes).map(([code]) => code)).toEqual([1012, 1012]);
    expect(handlers.openCount).toBe(0);
  },
);

test.each(['uws', 'ws'] as const)('fault 52: without a good token nobody comes in over %s', async (name) => {
  await start(name);
  for (const headers of [{}, { authorization: `Bearer ${token}x` }]) {
    const client = new WebSocket(`ws://${HOST}:${listening.port}/ws`, [PROTOCOL_MSGPACK], { headers });
    const [, response] = await once(client, 'unexpected-response');
    let body = '';
    for await (const chunk of response) body += chunk;
    expect([response.statusCode, JSON.parse(body).code]).toEqual([401, 'UNAUTHENTICATED']);
  }
  expect(handlers.openCount).toBe(0);
});
