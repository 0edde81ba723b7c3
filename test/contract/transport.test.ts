// Method: sockets on loopback, in one suite run over both web servers: the ws package as a well-behaved client, bare
// TCP for everything a well-behaved client cannot do. For plain HTTP there is transport-http.test.ts.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { WebSocket } from 'ws';
import {
  TransportFault,
  type TransportOptions,
  type UpgradeDecision,
  type UpgradeRequest,
} from '../../server/transport/index.ts';
import { compile } from '../support/compiled.ts';
import {
  ask,
  clients,
  closeOf,
  dial,
  echo,
  endClientsAndServers,
  ended,
  FRAME_BYTES_MAX,
  HOST,
  handshakeByHand,
  open,
  PROTOCOL,
  refusalOf,
  reply,
  restOf,
  running,
  type Seen,
  startServer,
} from './transport-server.ts';

const FINAL = 0x80;
const [CONTINUED, TEXT, BINARY, CLOSE, PING] = [0x0, 0x1, 0x2, 0x8, 0x9];

/** What no WebSocket client may send (RFC 6455), by what is wrong with it. */
const BROKEN_FRAMES: readonly (readonly [string, Buffer])[] = [
  ['text that is not UTF-8', maskedFrame(FINAL | TEXT, [0xc3, 0x28])],
  ['text cut inside a character', maskedFrame(FINAL | TEXT, [0xf0, 0x9f, 0x8e])],
  [
    'text that is no UTF-8 when its fragments are put together',
    Buffer.concat([maskedFrame(TEXT, [0xc3]), maskedFrame(FINAL | CONTINUED, [0x28])]),
  ],
  ['a data opcode that there is not', maskedFrame(FINAL | 0x3, [1])],
  ['a control opcode that there is not', maskedFrame(FINAL | 0xb, [1])],
  ['a compressed frame where compression was not granted', maskedFrame(FINAL | 0x40 | TEXT, [1])],
  ['a reserved bit', maskedFrame(FINAL | 0x10 | BINARY, [1])],
  ['a continuation of nothing', maskedFrame(FINAL | CONTINUED, [1])],
  ['a control frame in fragments', maskedFrame(PING, [1])],
  [
    'a control frame over 125 bytes',
    Buffer.concat([Buffer.from([FINAL | PING, 0xfe, 0, 126, 0, 0, 0, 0]), Buffer.alloc(126)]),
  ],
  ['a close of one byte', maskedFrame(FINAL | CLOSE, [3])],
  ['a close with a code that is never sent', maskedFrame(FINAL | CLOSE, [0x03, 0xed])],
  ['a close whose reason is not UTF-8', maskedFrame(FINAL | CLOSE, [0x03, 0xe8, 0xc3, 0x28])],
  [
    'a length of more than a number holds',
    Buffer.concat([Buffer.from([FINAL | BINARY, 0xff]), Buffer.alloc(8, 0xff), Buffer.alloc(100)]),
  ],
];

afterEach(endClientsAndServers);

const freshSockets = compile('test/contract/fresh-sockets.ts');
afterAll(() => freshSockets.remove());

describe.each(['uws', 'ws'] as const)('the transport %s', (name) => {
  const start = (overrides?: Partial<TransportOptions<string>>) => startServer(name, overrides);

  /** The server hears of a close in its own time: each request gives it a turn. */
  async function closedCount(port: number, seen: Seen, count: number): Promise<void> {
    while (seen.closedCodes.length < count) await ask(port, {});
    expect(seen.closedCodes.length).toBe(count);
  }

  test('says which server it is', async () => {
    const { listening } = await start();
    expect(listening.transport).toBe(name);
  });

  test('echoes text as text and binary as binary', async () => {
    const client = await open((await start()).port);
    expect(client.protocol).toBe(PROTOCOL);
    const text = await reply(client, 'perché no? 🎉');
    expect([text.data.toString(), text.isBinary]).toEqual(['perché no? 🎉', false]);
    const binary = await reply(client, Buffer.from([0, 255, 1]));
    expect([[...binary.data], binary.isBinary]).toEqual([[0, 255, 1], true]);
    expect((await reply(client, Buffer.alloc(0))).data.length).toBe(0);
  });

  test('delivers a frame whole when it comes in fragments', async () => {
    const client = await open((await start()).port);
    const answered = once(client, 'message');
    client.send('one ', { fin: false });
    client.send('two ', { fin: false });
    client.send('three', { fin: true });
    expect(String((await answered)[0])).toBe('one two three');
  });

  test('tells the address of the peer', async () => {
    const { port } = await start();
    expect((await reply(await open(port), 'address')).data.toString()).toBe(HOST);
    expect(JSON.parse((await ask(port, {})).body).remoteAddress).toBe(HOST);
  });

  test('a thousand sockets at once each get their own answer', async () => {
    const { port } = await start();
    const sockets = await Promise.all(Array.from({ length: 1_000 }, () => open(port)));
    const answers = await Promise.all(sockets.map((client, index) => reply(client, `message ${index}`)));
    expect(answers.map(({ data }) => data.toString())).toEqual(sockets.map((_, index) => `message ${index}`));
  });

  test('keeps the order of many frames in flight', async () => {
    const client = await open((await start()).port);
    const got: string[] = [];
    const all = new Promise<void>((resolve) => {
      client.on('message', (data) => {
        got.push(String(data));
        if (got.length === 5_000) resolve();
      });
    });
    for (let index = 0; index < 5_000; index += 1) client.send(String(index));
    await all;
    expect(got).toEqual(Array.from({ length: 5_000 }, (_, index) => String(index)));
  });

  test('a refused upgrade carries status and body', async () => {
    const { port, seen } = await start();
    expect(await refusalOf(dial(port, '/refuse'))).toEqual({ status: 401, body: 'who are you?' });
    expect(await refusalOf(dial(port, '/ws', { authorization: 'Bearer bad' }))).toMatchObject({ status: 401 });
    expect(seen.opened).toEqual([]);
  });

  test('an unknown subprotocol is the decision of the handler', async () => {
    const { port } = await start();
    expect(await refusalOf(dial(port, '/ws', {}, ['something.else']))).toEqual({ status: 400, body: 'protocol' });
  });

  test('only the chosen subprotocol is echoed', async () => {
    const client = dial((await start()).port, '/ws', {}, ['bearer.secret', PROTOCOL]);
    await once(client, 'open');
    expect(client.protocol).toBe(PROTOCOL);
  });

  test('an upgrade may be decided at once or later, for and against', async () => {
    for (const isLater of [false, true]) {
      const seen: Seen = { opened: [], frames: [], closedCodes: [] };
      const refused = { ok: false, response: { status: 403, headers: {}, body: 'no' } } as const;
      const decide = ({ path }: UpgradeRequest): UpgradeDecision<string> =>
        path === '/refuse' ? refused : { ok: true, protocol: PROTOCOL, data: path };
      const upgrade = isLater ? (request: UpgradeRequest) => Promise.resolve(decide(request)) : decide;
      const { port } = await start({ sockets: { ...echo(seen), upgrade } });
      expect((await reply(await open(port), 'hello')).data.toString()).toBe('hello');
      expect(await refusalOf(dial(port, '/refuse'))).toEqual({ status: 403, body: 'no' });
      expect(seen.opened.length).toBe(1);
    }
  });

  test('what is sent, and even a close, while a socket opens arrives', async () => {
    const seen: Seen = { opened: [], frames: [], closedCodes: [] };
    const { port } = await start({
      sockets: {
        ...echo(seen),
        upgrade: ({ path }) => ({ ok: true, protocol: PROTOCOL, data: path }),
        open(socket) {
          socket.send('hello');
          queueMicrotask(() => socket.close(4002, 'and good-bye'));
        },
      },
    });
    for (let each = 0; each < 100; each += 1) {
      const client = dial(port);
      const said = once(client, 'message');
      expect(await closeOf(client)).toEqual({ code: 4002, reason: 'and good-bye' });
      expect(String((await said)[0])).toBe('hello');
    }
    await closedCount(port, seen, 100);
  });

  // Memory that is free has the bit pattern that made an upgraded socket look like an HTTP response to be closed.
  test.runIf(process.platform === 'linux').each(['at once', 'later'])(
    'a fresh socket is never cut when its upgrade is decided %s, whatever lies in free memory',
    async (when) => {
      const env = { ...process.env, GLIBC_TUNABLES: 'glibc.malloc.tcache_count=0:glibc.malloc.perturb=16' };
      const { stdout } = await promisify(execFile)(process.execPath, [freshSockets.path, name, when], { env });
      expect(JSON.parse(stdout)).toEqual({ answered: 200, cut: 0 });
    },
  );

  test('a peer that goes away while its upgrade is decided does no harm', async () => {
    const gate: { open?: () => void } = {};
    const isOpen = new Promise<void>((resolve) => {
      gate.open = resolve;
    });
    const seen: Seen = { opened: [], frames: [], closedCodes: [] };
    const asked = new Promise<void>((resolve) => {
      const handlers = echo(seen);
      void start({
        sockets: {
          ...handlers,
          async upgrade(request) {
            resolve();
            await isOpen;
            return handlers.upgrade(request);
          },
        },
      }).then(({ port }) => void dial(port));
    });
    await asked;
    const client = clients[0] as WebSocket;
    const gone = new Promise((resolve) => client.once('close', resolve));
    client.terminate();
    await gone;
    await ask(running[0]!.port, {}); // The server has had a turn to notice.
    gate.open?.();
    await ask(running[0]!.port, {});
    expect(seen.opened.length).toBe(seen.closedCodes.length);
  });

  test('fault 47: compression is never granted', async () => {
    const { port } = await start();
    const { head } = await handshakeByHand(port, 'Sec-WebSocket-Extensions: permessage-deflate\r\n');
    expect(head).toMatch(/^HTTP\/1.1 101/);
    expect(head.toLowerCase()).not.toContain('permessage-deflate');
  });

  test('fault 44: a frame over the limit of the transport ends the socket, one at the limit does not', async () => {
    const { port } = await start();
    const client = await open(port);
    expect((await reply(client, Buffer.alloc(FRAME_BYTES_MAX))).data.length).toBe(FRAME_BYTES_MAX);
    const closed = closeOf(client);
    client.send(Buffer.alloc(FRAME_BYTES_MAX + 1));
    expect([1006, 1009]).toContain((await closed).code);
  });

  test('fault 44: so does one that comes in fragments, none of which is over the limit', async () => {
    const { port, seen } = await start();
    const client = await open(port);
    const closed = closeOf(client);
    client.send(Buffer.alloc(FRAME_BYTES_MAX / 2), { fin: false });
    client.send(Buffer.alloc(FRAME_BYTES_MAX / 2), { fin: false });
    client.send(Buffer.alloc(1), { fin: true });
    expect([1006, 1009]).toContain((await closed).code);
    expect(seen.opened.length).toBe(1);
  });

  test.each(BROKEN_FRAMES)('fault 48: %s ends the socket', async (_, bytes) => {
    const { port, seen } = await start();
    const { stream } = await handshakeByHand(port);
    stream.write(bytes);
    expect(withoutClose(await restOf(stream))).toEqual([]);
    await closedCount(port, seen, 1);
    expect(seen.frames).toEqual([]);
  });

  test('fault 48: a new message inside another ends the socket, or makes one frame of both', async () => {
    const { stream } = await handshakeByHand((await start()).port);
    stream.write(Buffer.concat([maskedFrame(BINARY, [1]), maskedFrame(FINAL | BINARY, [2])]));
    if (name === 'ws') return ended(stream);
    const [said] = await once(stream, 'data');
    expect([...said]).toEqual([FINAL | BINARY, 2, 1, 2]);
  });

  test('fault 48: an unmasked frame ends the socket, or is never delivered as it was sent', async () => {
    const { port, seen } = await start();
    const { stream } = await handshakeByHand(port);
    stream.write(Buffer.concat([Buffer.from([FINAL | TEXT, 5]), Buffer.from('hello')]));
    if (name === 'ws') {
      expect(withoutClose(await restOf(stream))).toEqual([]);
      await closedCount(port, seen, 1);
      expect(seen.frames).toEqual([]);
      return;
    }
    // This build takes `hell` for the mask and waits for the four bytes that it then misses, here zeros.
    stream.write(Buffer.alloc(4));
    const [said] = await once(stream, 'data');
    expect([...said]).toEqual([FINAL | TEXT, 5, ...Buffer.from('\x07ellh')]);
    expect(seen.frames).toEqual(['\x07ellh']);
  });

  test('a close code and reason chosen by the server arrive', async () => {
    const { port, seen } = await start();
    const client = await open(port, '/close');
    const closed = closeOf(client);
    client.send('now');
    expect(await closed).toEqual({ code: 4000, reason: 'enough' });
    await closedCount(port, seen, 1);
    expect(seen.closedCodes).toEqual([4000]);
  });

  test('a close code chosen by the client is reported', async () => {
    const { port, seen } = await start();
    const client = await open(port);
    client.close(4321, 'bye');
    await closedCount(port, seen, 1);
    expect(seen.closedCodes).toEqual([4321]);
  });

  test('nothing happens on a closed socket', async () => {
    const { port, seen } = await start();
    const client = await open(port);
    client.terminate();
    await closedCount(port, seen, 1);
    const socket = seen.opened[0]!;
    socket.send('anyone?');
    socket.close(1000, 'late');
    expect(seen.closedCodes.length).toBe(1);
  });

  test('fault 50: a slow reader is cut, and others are served meanwhile', async () => {
    const { port, seen } = await start();
    const client = await open(port, '/flood');
    const quiet = await open(port);
    client.pause();
    client.send('go');
    while (seen.closedCodes.length === 0) await reply(quiet, 'still served?');
    expect(seen.closedCodes).toEqual([1006]);
  });

  test('fault 50: what a peer has read is known, and that it does not read', async () => {
    const { port, seen } = await start();
    const client = await open(port);
    const [socket] = seen.opened;
    const said = 'x'.repeat(10_000);
    for (let round = 0; round < 3; round += 1) {
      const [count, unread] = [socket!.receiptCount(), socket!.unreadBytes()];
      socket!.send(said);
      expect(socket!.unreadBytes()).toBe(unread + said.length);
      while (socket!.receiptCount() === count) await ask(port, {});
      expect(socket!.unreadBytes()).toBe(0);
    }
    const count = socket!.receiptCount();
    client.pause();
    client.ping('');
    client.pong(Buffer.from([1, 2, 3, 4]));
    for (let round = 0; round < 20; round += 1) {
      socket!.send(said);
      await ask(port, {});
    }
    expect([socket!.unreadBytes(), socket!.receiptCount()]).toEqual([200_000, count]);
    client.resume();
    while (socket!.unreadBytes() > 0) await ask(port, {});
  });

  test('fault 50: a reader that is cut finds the reason behind what it left unread, if that is not too much', async () => {
    const { port, seen } = await start();
    const client = await open(port);
    client.pause();
    seen.opened[0]!.send(Buffer.alloc(50_000));
    seen.opened[0]!.close(1013, 'reads too slowly');
    await ask(port, {});
    const closed = closeOf(client);
    client.resume();
    expect(await closed).toEqual({ code: 1013, reason: 'reads too slowly' });
  });

  test('frames leave in the order in which they were sent, before the close that follows them', async () => {
    const { port, seen } = await start();
    const client = await open(port);
    const got: string[] = [];
    client.on('message', (data) => got.push(String(data)));
    const closed = closeOf(client);
    const [socket] = seen.opened;
    for (let index = 0; index < 100; index += 1) socket!.send(index % 10 === 0 ? 'x'.repeat(20_000) : String(index));
    socket!.close(4001, 'done');
    expect((await closed).code).toBe(4001);
    expect(got).toEqual(
      Array.from({ length: 100 }, (_, index) => (index % 10 === 0 ? 'x'.repeat(20_000) : String(index))),
    );
  });

  test('stopAccepting keeps open sockets and takes no new ones', async () => {
    const { port, listening } = await start();
    const client = await open(port);
    listening.stopAccepting();
    listening.stopAccepting();
    const late = connect(port, HOST);
    const [error] = await once(late, 'error');
    expect(error.code).toBe('ECONNREFUSED');
    expect((await reply(client, 'still here')).data.toString()).toBe('still here');
  });

  test('fault 27: whoever comes when so many are connected is cut, until one of them has gone', async () => {
    const { port } = await start({ connectionsMax: 3 });
    const sockets = [await open(port), await open(port), await open(port)];
    for (const _ of [1, 2, 3]) {
      const late = connect(port, HOST);
      late.on('error', () => {});
      await ended(late);
    }
    for (const socket of sockets) expect((await reply(socket, 'still here')).data.toString()).toBe('still here');
    sockets[0]!.close();
    await once(sockets[0]!, 'close');
    // The server hears of a close in its own time.
    for (let isIn = false; !isIn; ) {
      const next = dial(port);
      isIn = await Promise.race([once(next, 'open').then(() => true), once(next, 'close').then(() => false)]);
    }
  });

  test('fault 27: whoever was told to go and stays still takes the place', async () => {
    const { port, seen } = await start({ connectionsMax: 1 });
    const { stream } = await handshakeByHand(port, '', { allowHalfOpen: true });
    seen.opened[0]!.close(4000, 'go');
    await once(stream, 'data');
    const late = dial(port);
    const isIn = new Promise((resolve) => late.once('open', () => resolve(true)).once('close', () => resolve(false)));
    expect(await isIn).toBe(false);
  });

  test('close says 1012 to everyone and frees the port', async () => {
    const { port, listening, seen } = await start();
    const all = await Promise.all([open(port), open(port), open(port)]);
    const codes = Promise.all(all.map(closeOf));
    await listening.close();
    expect((await codes).map(({ code }) => code)).toEqual([1012, 1012, 1012]);
    expect(seen.closedCodes.length).toBe(3);
    running.length = 0;
    await start({ port });
  });

  test('a port in use is a fault with a code', async () => {
    const { port } = await start();
    await expect(start({ port })).rejects.toMatchObject({ name: 'Error', code: 'PORT_IN_USE' });
    const other = createServer().listen(0, HOST);
    await once(other, 'listening');
    const taken = (other.address() as { port: number }).port;
    await expect(start({ port: taken })).rejects.toBeInstanceOf(TransportFault);
    other.close();
  });
});

test('auto takes uWebSockets.js where it loads', async () => {
  const { listening } = await startServer('auto');
  expect(listening.transport).toBe('uws');
});

// Its author does not publish it to the registry: what a mirror serves must be the very binary that was tried.
test.runIf(process.platform === 'linux' && process.arch === 'x64' && process.versions.modules === '115')(
  'the binary of uWebSockets.js is the one that was examined',
  () => {
    const folder = dirname(createRequire(import.meta.url).resolve('uWebSockets.js'));
    const binary = readFileSync(join(folder, 'uws_linux_x64_115.node'));
    expect(createHash('sha256').update(binary).digest('hex')).toBe(
      'f4fa5d7b697529b45ac8aa3d57385d9af51bc1d2b26aa9f5b68ca4361542e665',
    );
  },
);

/**
 * What a server said but for a close frame, if that is how it begins. Whoever is cut for its silence is pinged before:
 * where this is empty, it was the broken frame that ended the socket.
 */
function withoutClose(said: Buffer): readonly number[] {
  return [...(said[0] === (FINAL | CLOSE) ? said.subarray(2 + said[1]!) : said)];
}

/** A client's frame, masked with zeros. */
function maskedFrame(head: number, payload: readonly number[]): Buffer {
  return Buffer.from([head, 0x80 | payload.length, 0, 0, 0, 0, ...payload]);
}
