/** The transport over node:http and ws: slower than uWebSockets.js, and at home wherever Node is. */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocket, WebSocketServer } from 'ws';
import { isWorldsFault } from '../worlds-fault.ts';
import { listenFault } from './listen-fault.ts';
import { plainAddress, splitProtocols } from './peer.ts';
import { PendingRequests } from './pending-requests.ts';
import { Receipts } from './receipts.ts';
import {
  bytesOf,
  CLOSE_BUFFERED_BYTES_MAX,
  type HttpHandler,
  type HttpRequest,
  type HttpResponse,
  isStreamed,
  type Listening,
  type Socket,
  type SocketHandlers,
  STALLED_MS_MAX,
  type StreamedBody,
  TransportFault,
  type TransportOptions,
  type UpgradeRequest,
} from './transport.ts';

/**
 * Who is slow or silent is cut within 12 s (faults 49): the sums are held to it by test/contract/slow-peers.
 * Node looks for slow headers once per check, and begins to count when a connection does.
 */
export const HEADERS_MS_MAX = 10_000;
export const KEEP_ALIVE_MS = 10_000;
export const CHECK_INTERVAL_MS = 1_500;
/** So much of a body has to come in that time, while it is wanted. */
export const PACE_MS = 10_000;
const PACE_BYTES = 16_384;
/** A socket that has been silent for two of these is gone. */
export const PING_INTERVAL_MS = 6_000;
/** Time for close frames and last answers to leave before what is left is cut. */
const CLOSE_GRACE_MS = 500;
const SERVICE_RESTART = 1012;

export async function listenWs<T>(options: TransportOptions<T>): Promise<Listening> {
  const pending = new PendingRequests();
  const server = createServer({
    ...{ headersTimeout: HEADERS_MS_MAX, keepAliveTimeout: KEEP_ALIVE_MS },
    ...{ requestTimeout: 0, connectionsCheckingInterval: CHECK_INTERVAL_MS },
  });
  const bodies = new Bodies();
  if (options.connectionsMax !== undefined) server.maxConnections = options.connectionsMax;
  const sockets = new SocketServer(options);
  server.on('request', (request, response) => {
    bodies.watch(request);
    pending.track(answer(request, response, options.http));
  });
  server.on('upgrade', (request, stream, head) => sockets.upgrade(request, stream, head));

  await bind(server, options);
  let ended: Promise<void> | undefined;
  const stopAccepting = () => {
    ended ??= new Promise((resolve) => server.close(() => resolve()));
  };

  return {
    transport: 'ws',
    port: (server.address() as AddressInfo).port,
    stopAccepting,
    async close() {
      stopAccepting();
      bodies.stop();
      await Promise.all([sockets.close(), pending.settled(CLOSE_GRACE_MS)]);
      server.closeAllConnections();
      await ended;
    },
  };
}

function bind<T>(server: Server, { host, port }: TransportOptions<T>): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => reject(listenFault(cause, host, port)));
    server.listen({ host, port, exclusive: true }, resolve);
  });
}

// WebSockets.

class WsSocket<T> implements Socket<T> {
  readonly data: T;
  readonly protocol: string;
  readonly remoteAddress: string;
  readonly #peer: WebSocket;
  readonly #bufferedBytesMax: number;
  readonly #receipts = new Receipts();
  #isSilent = false;

  constructor(
    peer: WebSocket,
    { data, protocol, remoteAddress }: Pick<Socket<T>, 'data' | 'protocol' | 'remoteAddress'>,
    bufferedBytesMax: number,
  ) {
    this.#peer = peer;
    this.data = data;
    this.protocol = protocol;
    this.remoteAddress = remoteAddress;
    this.#bufferedBytesMax = bufferedBytesMax;
  }

  send(frame: string | Uint8Array): void {
    if (this.#peer.readyState !== WebSocket.OPEN) return;
    this.#peer.send(frame);
    this.#receipts.sent(frame.length);
    if (this.#peer.bufferedAmount > this.#bufferedBytesMax) this.#peer.terminate();
    else this.#askForReceipt();
  }

  unreadBytes(): number {
    return this.#receipts.unreadBytes;
  }

  receiptCount(): number {
    return this.#receipts.count;
  }

  close(code: number, reason: string): void {
    if (this.#peer.bufferedAmount > CLOSE_BUFFERED_BYTES_MAX) this.#peer.terminate();
    else this.#peer.close(code, reason);
  }

  hear(): void {
    this.#isSilent = false;
  }

  ponged(payload: Uint8Array): void {
    this.hear();
    this.#receipts.ponged(payload);
    if (this.#peer.readyState === WebSocket.OPEN) this.#askForReceipt();
  }

  #askForReceipt(): void {
    const mark = this.#receipts.ask();
    if (mark !== undefined) this.#peer.ping(mark);
  }

  /** Called once per interval: pings, or cuts who did not answer the last one. */
  ping(): void {
    if (this.#isSilent) {
      this.#peer.terminate();
      return;
    }
    this.#isSilent = true;
    this.#peer.ping();
  }

  terminate(): void {
    this.#peer.terminate();
  }
}

class SocketServer<T> {
  readonly #server: WebSocketServer;
  readonly #handlers: SocketHandlers<T>;
  readonly #bufferedBytesMax: number;
  readonly #open = new Set<WsSocket<T>>();
  /** Upgrades that wait for their decision: no longer HTTP, not yet sockets. */
  readonly #undecided = new Set<Duplex>();
  /** What `upgrade` chose, while ws asks for it. */
  readonly #protocols = new WeakMap<IncomingMessage, string>();
  readonly #pinging: NodeJS.Timeout;
  #whenEmpty: (() => void) | undefined;

  constructor({ sockets, frameBytesMax, bufferedBytesMax }: TransportOptions<T>) {
    this.#handlers = sockets;
    this.#bufferedBytesMax = bufferedBytesMax;
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: frameBytesMax,
      handleProtocols: (_offered, request) => this.#protocols.get(request) ?? false,
    });
    this.#pinging = setInterval(() => {
      for (const socket of this.#open) socket.ping();
    }, PING_INTERVAL_MS).unref();
  }

  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    stream.on('error', ignorePeer);
    this.#undecided.add(stream);
    const offer: UpgradeRequest = {
      path: pathOf(request),
      header: (name) => headerOf(request, name),
      protocols: splitProtocols(headerOf(request, 'sec-websocket-protocol')),
      remoteAddress: plainAddress(request.socket.remoteAddress ?? ''),
    };
    void Promise.resolve(this.#handlers.upgrade(offer)).then((decision) => {
      this.#undecided.delete(stream);
      if (stream.destroyed) return;
      if (!decision.ok) return refuseUpgrade(stream, decision.response);
      const { protocol, data } = decision;
      this.#protocols.set(request, protocol);
      this.#server.handleUpgrade(request, stream, head, (peer) => {
        stream.off('error', ignorePeer);
        this.#take(
          peer,
          new WsSocket(peer, { data, protocol, remoteAddress: offer.remoteAddress }, this.#bufferedBytesMax),
        );
      });
    });
  }

  #take(peer: WebSocket, socket: WsSocket<T>): void {
    this.#open.add(socket);
    peer.on('message', (frame: Buffer, isBinary) => {
      socket.hear();
      this.#handlers.message(socket, frame, isBinary);
    });
    peer.on('pong', (payload: Buffer) => socket.ponged(payload));
    peer.on('error', ignorePeer); // The close event follows and says the code.
    peer.on('close', (code) => {
      this.#open.delete(socket);
      this.#handlers.closed(socket, code);
      if (this.#open.size === 0) this.#whenEmpty?.();
    });
    this.#handlers.open(socket);
  }

  /** Says good-bye to all, and cuts those that do not answer in time. */
  async close(): Promise<void> {
    clearInterval(this.#pinging);
    for (const socket of this.#open) socket.close(SERVICE_RESTART, 'service restart');
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, CLOSE_GRACE_MS);
      this.#whenEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
      if (this.#open.size === 0) this.#whenEmpty();
    });
    for (const socket of this.#open) socket.terminate();
    for (const stream of this.#undecided) stream.destroy();
    this.#server.close();
  }
}

function ignorePeer(): void {
  // A peer that breaks off is everyday life; its close event is what counts.
}

function refuseUpgrade(stream: Duplex, { status, headers, body }: HttpResponse): void {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  lines.push(`Content-Length: ${bytesOf(body)}`, 'Connection: close', '', '');
  stream.write(lines.join('\r\n'));
  stream.end(body as string | Uint8Array);
}

// HTTP.

/** Bodies on their way. Who sends too slowly is cut, as by uWebSockets.js; who is not read from is not to blame. */
class Bodies {
  readonly #arriving = new Map<IncomingMessage, { bytes: number; ms: number }>();
  readonly #checking = setInterval(() => this.#check(performance.now()), CHECK_INTERVAL_MS).unref();

  watch(request: IncomingMessage): void {
    this.#arriving.set(request, { bytes: request.socket.bytesRead, ms: performance.now() });
  }

  stop(): void {
    clearInterval(this.#checking);
  }

  #check(nowMs: number): void {
    for (const [request, since] of this.#arriving) {
      const { socket, complete, destroyed } = request;
      if (complete || destroyed) this.#arriving.delete(request);
      else if (
        socket.bytesRead - since.bytes >= PACE_BYTES ||
        request.readableLength >= request.readableHighWaterMark
      ) {
        since.bytes = socket.bytesRead;
        since.ms = nowMs;
      } else if (nowMs - since.ms >= PACE_MS) socket.destroy();
    }
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, handler: HttpHandler): Promise<void> {
  const answered = await handler(toRequest(request));
  if (response.destroyed) return;
  // Node looks twice before it believes that nothing has left.
  response.setTimeout(STALLED_MS_MAX / 2, () => response.destroy());
  const { body } = answered;
  const bodyBytes = bytesOf(body);
  const isBodiless = answered.status === 204 || answered.status === 304;
  response.writeHead(answered.status, { ...answered.headers, ...(isBodiless ? {} : { 'content-length': bodyBytes }) });
  if (request.method === 'HEAD' || isBodiless) response.end();
  else if (isStreamed(body)) await stream(body, response);
  else response.end(body);
}

async function stream({ bytes, chunks }: StreamedBody, response: ServerResponse): Promise<void> {
  let left = bytes;
  try {
    for await (const chunk of chunks) {
      left -= chunk.length;
      if (left < 0 || response.destroyed) break;
      if (!response.write(chunk)) await drained(response);
    }
  } catch (fault) {
    response.destroy();
    if (!isWorldsFault(fault)) throw fault;
    return;
  }
  if (left === 0) response.end();
  else response.destroy();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      response.off('drain', end).off('close', end);
      resolve();
    };
    response.on('drain', end).on('close', end);
  });
}

function toRequest(request: IncomingMessage): HttpRequest {
  return {
    method: request.method ?? '',
    path: pathOf(request),
    query: new URLSearchParams(request.url?.split('?')[1] ?? ''),
    header: (name) => headerOf(request, name),
    remoteAddress: plainAddress(request.socket.remoteAddress ?? ''),
    body: { [Symbol.asyncIterator]: () => readBody(request) },
  };
}

/** Leaving early must not destroy the request: its connection still has to carry the answer. */
async function* readBody(request: IncomingMessage): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
  } catch (cause) {
    throw new TransportFault('BODY_ABORTED', 'the peer went away during its request', { cause });
  }
}

function pathOf(request: IncomingMessage): string {
  return request.url?.split('?')[0] ?? '/';
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}
