/**
 * The transport over uWebSockets.js: 5.3 us of CPU per echoed message where ws takes 9.1.
 *
 * Its objects are only alive during a callback (requests) or until an abort (responses): whatever outlives the
 * callback is copied at once, and `isGone` is asked before every late use, which would otherwise end the process.
 */

import type * as Uws from 'uWebSockets.js';
import { STATUS_CODES } from 'node:http';
import { createServer } from 'node:net';
import { isWorldsFault } from '../worlds-fault.ts';
import { BodyQueue } from './body-queue.ts';
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
  STALLED_MS_MAX,
  type StreamedBody,
  TransportFault,
  type TransportOptions,
  type UpgradeDecision,
  type UpgradeRequest,
} from './transport.ts';

type UwsModule = typeof Uws;

export type LoadedUws =
  | { readonly ok: true; readonly uws: UwsModule }
  | { readonly ok: false; readonly cause: unknown };

/** An optional dependency with a binary per system: it may be absent, or not fit this C library. */
export async function loadUws(): Promise<LoadedUws> {
  try {
    const loaded = (await import('uWebSockets.js')) as unknown as { readonly default: UwsModule };
    return { ok: true, uws: loaded.default };
  } catch (cause) {
    return { ok: false, cause };
  }
}

/**
 * Half-open and silent peers are gone after this time, in steps of four seconds (faults 49). Slow headers, and
 * bodies of less than 16 kB in ten seconds, uWebSockets.js cuts as soon: that time is fixed in its binary.
 * An answer that nobody takes it keeps for ever.
 */
export const IDLE_SECONDS_MAX = 12;
/** Each is pinged once in this time, some at a time: by itself this build pings all at once that fell silent in the same four seconds. */
const PING_INTERVAL_MS = 5_000;
const PING_TICK_MS = 50;
/** Time for close frames and last answers to leave before what is left is cut. */
const CLOSE_GRACE_MS = 500;
const SERVICE_RESTART = 1012;
/** Of an answer so large it is looked at whether it is taken; a smaller one the kernel takes whole. */
const STREAMED_BYTES_MIN = 65_536;
/** A batch of replies is sent at this size at the latest: past it there is no system call to be saved. */
const BATCH_BYTES_MAX = 16_384;
const EXCLUSIVE_PORT: Uws.ListenOptions.LIBUS_LISTEN_EXCLUSIVE_PORT = 1;

export async function listenUws<T>(uws: UwsModule, options: TransportOptions<T>): Promise<Listening> {
  const app = uws.App();
  const http = new PendingRequests();
  const sockets = new Set<UwsSocket<T>>();
  const unsent = new Unsent();
  const socketClosed = limitConnections(app, options.connectionsMax ?? Number.POSITIVE_INFINITY);

  app.ws<Holder<T>>('/*', {
    compression: uws.DISABLED,
    maxPayloadLength: options.frameBytesMax,
    maxBackpressure: options.bufferedBytesMax,
    closeOnBackpressureLimit: 1,
    idleTimeout: IDLE_SECONDS_MAX,
    sendPingsAutomatically: false,
    upgrade: (res, req, context) => upgrade(res, req, context, options, unsent),
    open: (peer) => {
      const { socket } = peer.getUserData();
      socket.attach(peer);
      sockets.add(socket);
      options.sockets.open(socket);
    },
    message: (peer, frame, isBinary) => {
      const { socket } = peer.getUserData();
      socket.isReading = true;
      options.sockets.message(socket, new Uint8Array(frame), isBinary);
      socket.isReading = false;
    },
    pong: (peer, payload) => peer.getUserData().socket.ponged(new Uint8Array(payload)),
    close: (peer, code) => {
      const { socket } = peer.getUserData();
      socket.detach();
      sockets.delete(socket);
      if (socket.isLeaving) setTimeout(socketClosed, IDLE_SECONDS_MAX * 1_000).unref();
      else socketClosed();
      options.sockets.closed(socket, code);
    },
  });
  app.any('/*', (res, req) => http.track(answer(res, req, options.http)));

  const listenSocket = await bind(app, options);
  const endPings = pingInTurn(sockets);
  let isAccepting = true;
  const stopAccepting = () => {
    if (isAccepting) uws.us_listen_socket_close(listenSocket);
    isAccepting = false;
  };

  return {
    transport: 'uws',
    port: uws.us_socket_local_port(listenSocket),
    stopAccepting,
    async close() {
      stopAccepting();
      endPings();
      for (const socket of [...sockets]) socket.close(SERVICE_RESTART, 'service restart');
      await http.settled(CLOSE_GRACE_MS);
      app.close();
    },
  };
}

/**
 * Cuts whoever comes when there is no room. uWebSockets.js tells of connections as they come and go, but no more of those
 * that have become WebSockets: when they close is said elsewhere.
 * @returns to be called when a WebSocket has closed
 */
function limitConnections(app: Uws.TemplatedApp, connectionsMax: number): () => void {
  let count = 0;
  const limit = (res: Uws.HttpResponse, change: unknown) => {
    count += Number(change);
    if (Number(change) > 0 && count > connectionsMax) res.close();
  };
  app.filter(limit);
  return () => {
    count -= 1;
  };
}

/** A set is gone through in the order of coming, whoever comes and goes meanwhile. */
function pingInTurn(sockets: ReadonlySet<{ ping(): void }>): () => void {
  let turn = sockets.values();
  const timer = setInterval(() => {
    for (let left = Math.ceil((sockets.size * PING_TICK_MS) / PING_INTERVAL_MS); left > 0; left -= 1) {
      const next = turn.next();
      if (next.done) {
        turn = sockets.values();
        return;
      }
      next.value.ping();
    }
  }, PING_TICK_MS).unref();
  return () => clearInterval(timer);
}

/** Exclusive, said aloud: a build that shares ports by default would let two servers each get half of the callers. */
function bind<T>(app: Uws.TemplatedApp, { host, port }: TransportOptions<T>): Promise<Uws.us_listen_socket> {
  // The type of `listen` lacks the form with host and options that the binary has.
  type Listen = (
    host: string,
    port: number,
    options: number,
    done: (socket: Uws.us_listen_socket | false) => void,
  ) => void;
  const listen = app.listen.bind(app) as unknown as Listen;
  return new Promise((resolve, reject) => {
    listen(host, port, EXCLUSIVE_PORT, (socket) => {
      if (socket !== false) return resolve(socket);
      app.close();
      whyNot(host, port).then(reject, reject);
    });
  });
}

/** uWebSockets.js says only that it failed: asking Node for the same port tells why. */
function whyNot(host: string, port: number): Promise<TransportFault> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', (cause) => resolve(listenFault(cause, host, port)));
    probe.listen({ host, port }, () => {
      probe.close(() =>
        resolve(new TransportFault('PORT_IN_USE', `port ${port} of ${host} is in use: choose another with --port`)),
      );
    });
  });
}

// WebSockets.

/** uWebSockets.js copies the properties of user data onto an object of its own: one property survives that, a class does not. */
interface Holder<T> {
  readonly socket: UwsSocket<T>;
}

/** Sockets that have something to send when all that is to be sent in this turn of the event loop is known. */
class Unsent {
  readonly #sockets: Flushed[] = [];

  add(socket: Flushed): void {
    this.#sockets.push(socket);
    if (this.#sockets.length === 1) queueMicrotask(this.#flush);
  }

  readonly #flush = () => {
    for (const socket of this.#sockets) socket.flush();
    this.#sockets.length = 0;
  };
}

interface Flushed {
  flush(): void;
}

class UwsSocket<T> implements Socket<T>, Flushed {
  readonly data: T;
  readonly protocol: string;
  readonly remoteAddress: string;
  /** Within the callback of a frame, which corks by itself: what is sent in answer to all that was read leaves together. */
  isReading = false;
  /** Undefined before it opens and after it closed: a dead peer must not be touched. */
  #peer: Uws.WebSocket<Holder<T>> | undefined;
  readonly #unsent: Unsent;
  readonly #waiting: (string | Uint8Array)[] = [];
  #waitingBytes = 0;
  readonly #receipts = new Receipts();
  /** We said good-bye: until the peer does, or is given up, the connection still takes a file. */
  isLeaving = false;

  constructor(
    { data, protocol, remoteAddress }: Pick<Socket<T>, 'data' | 'protocol' | 'remoteAddress'>,
    unsent: Unsent,
  ) {
    this.data = data;
    this.protocol = protocol;
    this.remoteAddress = remoteAddress;
    this.#unsent = unsent;
  }

  attach(peer: Uws.WebSocket<Holder<T>>): void {
    this.#peer = peer;
  }

  detach(): void {
    this.#peer = undefined;
  }

  /**
   * Frames of one turn of the event loop leave together: the replies of an engine's turn come outside of any callback
   * of uWebSockets.js, where each would be a system call of its own. Measured, 8 replies of 90 bytes to each of 20
   * sockets: 1.8 us a frame in one cork, 10 to 17 us one by one (node 20, two shared cores).
   */
  send(frame: string | Uint8Array): void {
    if (this.#peer === undefined) return;
    this.#receipts.sent(frame.length);
    if (this.isReading && this.#waiting.length === 0) {
      this.#peer.send(frame, typeof frame !== 'string');
      this.#askForReceipt();
      return;
    }
    if (this.#waiting.length === 0) this.#unsent.add(this);
    this.#waiting.push(frame);
    this.#waitingBytes += frame.length;
    if (this.#waitingBytes > BATCH_BYTES_MAX) this.flush();
  }

  unreadBytes(): number {
    return this.#receipts.unreadBytes;
  }

  receiptCount(): number {
    return this.#receipts.count;
  }

  ponged(payload: Uint8Array): void {
    this.#receipts.ponged(payload);
    this.#askForReceipt();
  }

  close(code: number, reason: string): void {
    this.flush();
    const peer = this.#peer;
    if (peer === undefined) return;
    if (peer.getBufferedAmount() > CLOSE_BUFFERED_BYTES_MAX) peer.close();
    else {
      this.isLeaving = true;
      peer.end(code, reason);
    }
  }

  ping(): void {
    this.#peer?.ping();
  }

  flush(): void {
    if (this.#waiting.length === 0) return;
    this.#peer?.cork(this.#sendWaiting);
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
  }

  /** A frame over the limit of the backlog closes the socket at once: the peer is looked at anew each time. */
  readonly #sendWaiting = () => {
    for (const frame of this.#waiting) this.#peer?.send(frame, typeof frame !== 'string');
    this.#askForReceipt();
  };

  #askForReceipt(): void {
    const mark = this.#peer === undefined ? undefined : this.#receipts.ask();
    if (mark !== undefined) this.#peer!.ping(mark);
  }
}

type Accepted<T> = UpgradeDecision<T> & { readonly ok: true };

function upgrade<T>(
  res: Uws.HttpResponse,
  req: Uws.HttpRequest,
  context: Uws.us_socket_context_t,
  { sockets }: TransportOptions<T>,
  unsent: Unsent,
): void {
  const headers = copyHeaders(req);
  const header = (name: string) => headers.get(name);
  const request: UpgradeRequest = {
    path: req.getUrl(),
    header,
    protocols: splitProtocols(header('sec-websocket-protocol')),
    remoteAddress: addressOf(res),
  };
  const accept = ({ protocol, data }: Accepted<T>) => {
    const { remoteAddress } = request;
    const holder: Holder<T> = { socket: new UwsSocket({ data, protocol, remoteAddress }, unsent) };
    const extensions = header('sec-websocket-extensions') ?? '';
    res.upgrade(holder, header('sec-websocket-key') ?? '', protocol, extensions, context);
  };

  const decision = sockets.upgrade(request);
  if (decision instanceof Promise) upgradeLater(res, decision, accept);
  else if (decision.ok) accept(decision);
  else writeResponse(res, decision.response, { isHead: false });
}

/**
 * Never `res.cork(() => res.upgrade(...))`: this build then goes on reading the upgraded socket as an HTTP response if
 * `realloc` left it where it was, finds whatever lies there, and in one process of four cuts its first socket right
 * after the 101. Inside the handler of uWebSockets.js the cork is its own and knows about upgrades. Out here nothing
 * is corked: a few more system calls, and a warning on stderr, are what a caller pays whose key had to be fetched.
 */
function upgradeLater<T>(
  res: Uws.HttpResponse,
  deciding: Promise<UpgradeDecision<T>>,
  accept: (decision: Accepted<T>) => void,
): void {
  let isGone = false;
  res.onAborted(() => {
    isGone = true;
  });
  void deciding.then((decision) => {
    if (isGone) return;
    if (decision.ok) accept(decision);
    else res.cork(() => writeResponse(res, decision.response, { isHead: false }));
  });
}

// HTTP.

function answer(res: Uws.HttpResponse, req: Uws.HttpRequest, handler: HttpHandler): Promise<void> {
  const body = new BodyQueue({ pause: () => res.pause(), resume: () => res.resume() });
  const request = copyRequest(res, req, body);
  const peer: Peer = { isGone: false, whenGone: () => {} };
  res.onAborted(() => {
    peer.isGone = true;
    peer.whenGone();
    body.abort();
  });
  res.onData((chunk, isLast) => {
    body.push(new Uint8Array(chunk.slice(0)), isLast); // uWebSockets.js takes its own back when this returns.
  });

  return handler(request).then((response) => {
    if (peer.isGone) return;
    body.drop();
    const isHead = request.method === 'HEAD';
    if (!isHead && (isStreamed(response.body) || bytesOf(response.body) >= STREAMED_BYTES_MIN)) {
      return new ResponseStream(res, streamOf(response.body), peer).write(response);
    }
    res.cork(() => writeResponse(res, response, { isHead }));
    return undefined;
  });
}

function copyRequest(res: Uws.HttpResponse, req: Uws.HttpRequest, body: BodyQueue): HttpRequest {
  const headers = copyHeaders(req);
  return {
    method: req.getCaseSensitiveMethod().toUpperCase(),
    path: req.getUrl(),
    query: new URLSearchParams(req.getQuery()),
    header: (name) => headers.get(name),
    remoteAddress: addressOf(res),
    body,
  };
}

/**
 * What never gets here: a request with a header name of other than letters, digits and dashes, such as `x_request_id`.
 * The parser of this build waits in front of that character for more, and the idle connection is cut after
 * IDLE_SECONDS_MAX without an answer (upstream 20.42 reads on). Whoever has such clients listens with `ws`.
 */
function copyHeaders(req: Uws.HttpRequest): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  // A header sent twice reads as Node reads it: joined. Two tokens are thus no token.
  req.forEach((name, value) => {
    const earlier = headers.get(name);
    headers.set(name, earlier === undefined ? value : `${earlier}, ${value}`);
  });
  return headers;
}

function addressOf(res: Uws.HttpResponse): string {
  return plainAddress(Buffer.from(res.getRemoteAddressAsText()).toString('latin1'));
}

/** These carry no body, not even an empty one that is announced (RFC 9110, 6.4.1). */
const BODILESS: readonly number[] = [204, 304];

function writeResponse(res: Uws.HttpResponse, response: HttpResponse, { isHead }: { readonly isHead: boolean }): void {
  res.writeStatus(`${response.status} ${STATUS_CODES[response.status] ?? 'Unknown'}`);
  for (const [name, value] of Object.entries(response.headers)) res.writeHeader(name, value);
  const isBodiless = BODILESS.includes(response.status);
  if (!isBodiless && !isHead) {
    res.end(response.body as string | Uint8Array);
    return;
  }
  // Announced by hand: given to `endWithoutBody`, the length would leave the response waiting for that many bytes.
  if (!isBodiless) res.writeHeader('Content-Length', String(bytesOf(response.body)));
  res.endWithoutBody();
}

function streamOf(body: HttpResponse['body']): StreamedBody {
  if (isStreamed(body)) return body;
  const whole = Buffer.from(body as string);
  return { bytes: whole.length, chunks: only(whole) };
}

async function* only(chunk: Uint8Array): AsyncGenerator<Uint8Array> {
  yield chunk;
}

/** Whoever waits for an answer, and may be gone before it is there. */
interface Peer {
  isGone: boolean;
  whenGone: () => void;
}

/** A body of known length, a chunk at a time: the next one is asked for when the kernel has taken this one. */
class ResponseStream {
  readonly #res: Uws.HttpResponse;
  readonly #body: StreamedBody;
  readonly #peer: Peer;

  constructor(res: Uws.HttpResponse, body: StreamedBody, peer: Peer) {
    this.#res = res;
    this.#body = body;
    this.#peer = peer;
  }

  async write({ status, headers }: HttpResponse): Promise<void> {
    const res = this.#res;
    const { bytes, chunks } = this.#body;
    res.cork(() => {
      res.writeStatus(`${status} ${STATUS_CODES[status] ?? 'Unknown'}`);
      for (const [name, value] of Object.entries(headers)) res.writeHeader(name, value);
      if (bytes === 0) res.end();
    });
    let left = bytes;
    try {
      for await (const chunk of chunks) {
        left -= chunk.length;
        if (left < 0 || this.#peer.isGone) break;
        await this.#writeChunk(chunk);
      }
    } catch (fault) {
      this.#cut();
      if (!isWorldsFault(fault)) throw fault;
      return;
    }
    if (left !== 0) this.#cut();
  }

  #writeChunk(chunk: Uint8Array): Promise<void> {
    const res = this.#res;
    const { bytes } = this.#body;
    const start = res.getWriteOffset();
    let isTaken = false;
    res.cork(() => {
      [isTaken] = res.tryEnd(chunk, bytes);
    });
    if (isTaken) return Promise.resolve();
    return new Promise((resolve) => {
      const stalled = setTimeout(() => this.#cut(), STALLED_MS_MAX);
      this.#peer.whenGone = () => {
        clearTimeout(stalled);
        resolve();
      };
      res.onWritable((offset) => {
        stalled.refresh();
        const [isOut] = res.tryEnd(chunk.subarray(offset - start), bytes);
        if (isOut) clearTimeout(stalled);
        // After this callback the build lets no promise go on before the next event: it would wait for ever.
        if (isOut) setImmediate(resolve);
        return isOut;
      });
    });
  }

  #cut(): void {
    if (!this.#peer.isGone) this.#res.close();
  }
}
