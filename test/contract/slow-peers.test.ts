// Method: bare TCP peers that are slow in every way there is, all at once against both web servers. What holds is that
// each is cut, by the server and not by the test, and before the limits that servers have by themselves. How soon is
// not measured, which would fail on a busy machine, but summed up from the constants of either server.
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket as NetSocket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type Listening, listen } from '../../server/transport/index.ts';
import { STALLED_MS_MAX } from '../../server/transport/transport.ts';
import * as uws from '../../server/transport/uws.ts';
import * as ws from '../../server/transport/ws.ts';

const HOST = '127.0.0.1';
/** Only so that no test hangs: far from the 12 s of the limit, and nearer than what servers give by default. */
const PATIENCE_MS = 25_000;
const TRICKLE_MS = 500;

const UPGRADE =
  'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n' +
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: any\r\n';

/** What each says at once, and then again and again. */
const SLOW: Readonly<Record<string, readonly [first: string, drop?: string]>> = {
  'who says nothing': [''],
  'a header line at a time': ['GET / HTTP/1.1\r\nHost: x\r\n', 'a: b\r\n'],
  'a header byte at a time': ['GET / HTTP/1.1\r\nHost: x\r\nx-long: ', 'b'],
  'an upgrade at a time': [UPGRADE, 'a: b\r\n'],
  'a body that stops': ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\na'],
  'a body byte at a time': ['POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n', 'a'],
  'a chunk at a time': ['POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n', '1\r\na\r\n'],
  'no second request': ['GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
  'no pong': [`${UPGRADE}\r\n`],
};

const LARGE = Buffer.alloc(262_144);
const LARGE_COUNT = 100;

interface Server {
  readonly listening: Listening;
  /** Resolves when the streamed answer is read no further, with how much of it was. */
  readonly givenUp: Promise<number>;
}

const NAMES = ['uws', 'ws'] as const;
type Name = (typeof NAMES)[number];
const servers = new Map<Name, Server>();
const peers: NetSocket[] = [];

beforeAll(async () => {
  for (const name of NAMES) {
    servers.set(name, await serve(name));
    for (const [what, said] of Object.entries(SLOW)) begin(`${name} ${what}`, trickle(name, said));
    begin(name, takeNothing(name));
    quiet.set(name, await openQuiet(name));
  }
});

afterAll(async () => {
  for (const peer of peers) peer.destroy();
  for (const client of quiet.values()) client.terminate();
  for (const { listening } of servers.values()) await listening.close();
});

async function serve(name: Name): Promise<Server> {
  let giveUp: (count: number) => void = () => {};
  const givenUp = new Promise<number>((resolve) => {
    giveUp = resolve;
  });
  async function* large(): AsyncGenerator<Uint8Array> {
    let count = 0;
    try {
      for (; count < LARGE_COUNT; count += 1) yield LARGE;
    } finally {
      giveUp(count);
    }
  }
  const bytes = LARGE_COUNT * LARGE.length;
  const listening = await listen(name, {
    ...{ host: HOST, port: 0, frameBytesMax: 1_000, bufferedBytesMax: 1_000_000 },
    http: async ({ path, body }) => {
      for await (const _ of body);
      if (path === '/streamed') return { status: 200, headers: {}, body: { bytes, chunks: large() } };
      return { status: 200, headers: {}, body: path === '/large' ? Buffer.alloc(bytes) : 'short' };
    },
    sockets: { upgrade: () => ({ ok: true, protocol: 'any', data: null }), open() {}, message() {}, closed() {} },
  });
  return { listening, givenUp };
}

function dial(name: Name): NetSocket {
  const peer = connect(servers.get(name)!.listening.port, HOST);
  peer.on('error', () => {});
  peers.push(peer);
  return peer;
}

/** A request that is answered: the server has had its turns. */
async function ask(name: Name): Promise<void> {
  const asked = request({ host: HOST, port: servers.get(name)!.listening.port });
  asked.end();
  const [response] = await once(asked, 'response');
  response.resume();
  await once(response, 'end');
}

/** Says nothing either, but answers pings. */
async function openQuiet(name: Name): Promise<WebSocket> {
  const client = new WebSocket(`ws://${HOST}:${servers.get(name)!.listening.port}/ws`, 'any');
  await once(client, 'open');
  return client;
}

const quiet = new Map<Name, WebSocket>();

/** All begin at once; each test waits for its own, and none longer than since then. */
const ends = new Map<string, Promise<unknown>>();

function begin(what: string, end: Promise<unknown>): void {
  const late = pause(PATIENCE_MS, 'too late', { ref: false });
  ends.set(what, Promise.race([end, late]));
}

function trickle(name: Name, [first, drop]: (typeof SLOW)[string]): Promise<unknown> {
  const peer = dial(name);
  peer.resume().write(first);
  const dripping = drop === undefined ? undefined : setInterval(() => peer.write(drop), TRICKLE_MS);
  return once(peer, 'close').finally(() => clearInterval(dripping));
}

/** What was streamed, and what was taken of another answer, before the server gave both up. */
async function takeNothing(name: Name): Promise<readonly [streamed: number, taken: number]> {
  const [whole, streamed] = [dial(name), dial(name)];
  let bytes = 0;
  whole.on('data', (chunk) => {
    bytes += chunk.length;
  });
  whole.pause();
  whole.write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n');
  await ask(name);
  streamed.pause();
  streamed.write('GET /streamed HTTP/1.1\r\nHost: x\r\n\r\n');
  const count = await servers.get(name)!.givenUp;
  await ask(name);
  whole.resume();
  await once(whole, 'close');
  return [count, bytes / LARGE.length];
}

/** Newer versions of Node wait so much longer for a second request than they are told to. */
const KEEP_ALIVE_BUFFER_MS = 1_000;

/** After what time at the latest each is cut; an answer that nobody takes is a half-open connection, too. */
const CUT_MS: Readonly<Record<string, number>> = {
  'ws: a slow header': ws.HEADERS_MS_MAX + ws.CHECK_INTERVAL_MS,
  'ws: silent TCP': ws.HEADERS_MS_MAX + ws.CHECK_INTERVAL_MS,
  'ws: silent TCP after a request': ws.KEEP_ALIVE_MS + KEEP_ALIVE_BUFFER_MS,
  'ws: a slow body': ws.PACE_MS + ws.CHECK_INTERVAL_MS,
  'ws: half-open, or no pong': 2 * ws.PING_INTERVAL_MS,
  // Header, body and silent TCP: 10 s in the binary of uWebSockets.js, which transport.test.ts holds to its digest.
  'uws: half-open, or no pong': uws.IDLE_SECONDS_MAX * 1_000,
  'both: an answer that nobody takes': STALLED_MS_MAX,
};

test.each(Object.entries(CUT_MS))('fault 49, %s is cut within 12 s', (_, cutMs) => {
  expect(cutMs).toBeLessThanOrEqual(12_000);
});

const CASES = NAMES.flatMap((name) => Object.keys(SLOW).map((what) => [name, what] as const));

test.each(CASES)(
  'fault 49, %s: %s is cut',
  async (name, what) => {
    expect(await ends.get(`${name} ${what}`)).not.toBe('too late');
  },
  2 * PATIENCE_MS,
);

test.each(NAMES)(
  'fault 49, %s: an answer that nobody takes is given up',
  async (name) => {
    const [streamed, taken] = (await ends.get(name)) as readonly [number, number];
    expect(streamed).toBeLessThan(LARGE_COUNT / 2);
    expect(taken).toBeLessThan(LARGE_COUNT / 2);
  },
  2 * PATIENCE_MS,
);

test.each(NAMES)('fault 49, %s: half a connection is none', async (name) => {
  for (const said of [`${UPGRADE}\r\n`, 'GET / HTTP/1.1\r\n']) {
    const peer = dial(name);
    peer.end(said);
    peer.resume();
    await once(peer, 'close');
  }
});

test.each(NAMES)(
  'fault 49, %s: whoever only answers pings is kept, when those who do not are long gone',
  async (name) => {
    await ends.get(`${name} no pong`);
    await ask(name);
    const client = quiet.get(name)!;
    expect(client.readyState).toBe(WebSocket.OPEN);
    client.ping('still there?');
    const [said] = await once(client, 'pong');
    expect(String(said)).toBe('still there?');
  },
);
