/** A web server on loopback, what it answers, and the clients that tests of its sockets and of its HTTP send there. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type Agent, request as httpRequest } from 'node:http';
import { connect, type Socket as NetSocket } from 'node:net';
import { WebSocket } from 'ws';
import {
  type HttpHandler,
  type Listening,
  listen,
  type Socket,
  type SocketHandlers,
  type TransportName,
  type TransportOptions,
} from '../../server/transport/index.ts';

export const HOST = '127.0.0.1';
export const FRAME_BYTES_MAX = 300_000;
const BUFFERED_BYTES_MAX = 1_000_000;
export const PROTOCOL = 'clickday.v1.msgpack';

export interface Seen {
  readonly opened: Socket<string>[];
  /** What was delivered, as text. */
  readonly frames: string[];
  readonly closedCodes: number[];
}

/** Both lists: what a test has begun and `endClientsAndServers` ends. */
export const running: Listening[] = [];
export const clients: { terminate(): void }[] = [];

export async function endClientsAndServers(): Promise<void> {
  for (const client of clients.splice(0)) client.terminate();
  for (const listening of running.splice(0)) await listening.close();
}

/** Echoes frames; `/close` closes with 4000, `/flood` sends without end, `/refuse` is no door. */
export function echo(seen: Seen): SocketHandlers<string> {
  return {
    async upgrade({ path, header, protocols }) {
      await Promise.resolve();
      if (path === '/refuse' || header('authorization') === 'Bearer bad') {
        return {
          ok: false,
          response: { status: 401, headers: { 'content-type': 'text/plain' }, body: 'who are you?' },
        };
      }
      if (!protocols.includes(PROTOCOL)) return { ok: false, response: { status: 400, headers: {}, body: 'protocol' } };
      return { ok: true, protocol: PROTOCOL, data: path };
    },
    open: (socket) => void seen.opened.push(socket),
    message(socket, frame, isBinary) {
      const text = Buffer.from(frame).toString();
      seen.frames.push(text);
      if (socket.data === '/close') socket.close(4000, 'enough');
      else if (socket.data === '/flood') for (let index = 0; index < 400; index += 1) socket.send(Buffer.alloc(50_000));
      else if (text === 'address') socket.send(socket.remoteAddress);
      else socket.send(isBinary ? Buffer.from(frame) : text);
    },
    closed: (_socket, code) => void seen.closedCodes.push(code),
  };
}

/** Tells what it got: method, path, query, one header, and the body's length and digest. */
const mirror: HttpHandler = async (request) => {
  if (request.path === '/none') return { status: 204, headers: {}, body: '' };
  if (request.path === '/early') return { status: 413, headers: {}, body: 'too large' };
  const hash = createHash('sha256');
  let bodyBytes = 0;
  for await (const chunk of request.body) {
    hash.update(chunk);
    bodyBytes += chunk.length;
  }
  const { method, path, query, remoteAddress } = request;
  const told = { method, path, query: [...query], probe: request.header('x-probe') ?? null, remoteAddress };
  const body = JSON.stringify({ ...told, bodyBytes, digest: hash.digest('hex') });
  return { status: 200, headers: { 'content-type': 'application/json', 'x-own': 'yes' }, body };
};

interface Started {
  readonly listening: Listening;
  readonly seen: Seen;
  readonly port: number;
}

/** Echoes and mirrors unless a test says otherwise. */
export async function startServer(
  name: TransportName,
  overrides: Partial<TransportOptions<string>> = {},
): Promise<Started> {
  const seen: Seen = { opened: [], frames: [], closedCodes: [] };
  const listening = await listen(name, {
    host: HOST,
    port: 0,
    http: mirror,
    sockets: echo(seen),
    frameBytesMax: FRAME_BYTES_MAX,
    bufferedBytesMax: BUFFERED_BYTES_MAX,
    ...overrides,
  });
  running.push(listening);
  return { listening, seen, port: listening.port };
}

export function dial(
  port: number,
  path = '/ws',
  headers: Record<string, string> = {},
  protocols = [PROTOCOL],
): WebSocket {
  const client = new WebSocket(`ws://${HOST}:${port}${path}`, protocols, { headers });
  client.on('error', () => {});
  clients.push(client);
  return client;
}

export async function open(port: number, path?: string): Promise<WebSocket> {
  const client = dial(port, path);
  await once(client, 'open');
  return client;
}

export async function reply(
  client: WebSocket,
  frame: string | Uint8Array,
): Promise<{ data: Buffer; isBinary: boolean }> {
  const answered = once(client, 'message');
  client.send(frame);
  const [data, isBinary] = await answered;
  return { data: data as Buffer, isBinary: isBinary as boolean };
}

export async function closeOf(client: WebSocket): Promise<{ code: number; reason: string }> {
  const [code, reason] = await once(client, 'close');
  return { code: code as number, reason: String(reason) };
}

export async function refusalOf(client: WebSocket): Promise<{ status: number; body: string }> {
  const [, response] = await once(client, 'unexpected-response');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, body };
}

/** A raw client after a hand-made handshake. */
export async function handshakeByHand(
  port: number,
  extra = '',
  options = {},
): Promise<{ stream: NetSocket; head: string }> {
  const stream = connect({ port, host: HOST, ...options });
  clients.push({ terminate: () => stream.destroy() });
  stream.on('error', () => {});
  stream.write(
    `GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n` +
      `Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ${PROTOCOL}\r\n${extra}\r\n`,
  );
  let head = '';
  while (!head.includes('\r\n\r\n')) head += String((await once(stream, 'data'))[0]);
  return { stream, head };
}

export async function ended(stream: NetSocket): Promise<void> {
  if (stream.closed) return;
  stream.resume();
  await once(stream, 'close');
}

/** All that still comes until the server ends the connection. */
export async function restOf(stream: NetSocket): Promise<Buffer> {
  const got: Buffer[] = [];
  stream.on('data', (chunk) => got.push(chunk));
  await ended(stream);
  return Buffer.concat(got);
}

async function textOf(response: AsyncIterable<unknown>): Promise<string> {
  const parts: string[] = [];
  for await (const chunk of response) parts.push(String(chunk));
  return parts.join('');
}

interface Told {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

export function ask(
  port: number,
  options: { method?: string; path?: string; headers?: Record<string, string>; body?: Uint8Array[]; agent?: Agent },
): Promise<Told> {
  return new Promise((resolve, reject) => {
    const { body = [], ...rest } = options;
    const outgoing = httpRequest({ host: HOST, port, ...rest }, (response) => {
      textOf(response).then((text) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      }, reject);
    });
    outgoing.on('error', reject);
    for (const chunk of body) outgoing.write(chunk);
    outgoing.end();
  });
}
