/** A real WebSocket server that speaks the protocol and does what a test tells it: answer, keep silent, hang up. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type WebSocket, WebSocketServer } from 'ws';
import { REFUSALS, type RefusalName } from '../../engine/contract.ts';
import type { Codec } from '../../server/wire/codec.ts';
import { createJsonCodec } from '../../server/wire/json.ts';
import { createMsgpackCodec } from '../../server/wire/msgpack.ts';
import { BEARER_PREFIX, PROTOCOL_JSON, STAMP_PREFIX } from '../../server/wire/schemas.ts';

interface Request {
  readonly ref: number;
  readonly type: string;
  readonly id?: string;
  readonly [field: string]: unknown;
}

interface Line {
  send(message: object): void;
  /** Without a goodbye, as when a cable is pulled. */
  cut(): void;
}

export type Answering = (request: Request, line: Line) => void;

export interface ProtocolServer {
  readonly url: string;
  readonly requests: readonly Request[];
  readonly tokens: readonly string[];
  /** Undefined: it showed none. */
  readonly stamps: readonly (string | undefined)[];
  readonly lines: readonly Line[];
  answer: Answering;
  close(): Promise<void>;
}

export const GOOD_TOKEN = 'header.payload.signature';

export interface ServerOptions {
  readonly inFlightMax?: number;
  readonly port?: number;
  readonly isGood?: (token: string) => boolean;
}

export async function startProtocolServer(options: ServerOptions = {}): Promise<ProtocolServer> {
  const { inFlightMax = 256, port = 0, isGood = (token: string) => token === GOOD_TOKEN } = options;
  const http = createServer((_, response) => response.writeHead(404).end());
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered][0] ?? false });
  const [requests, tokens, lines]: [Request[], string[], Line[]] = [[], [], []];
  const stamps: (string | undefined)[] = [];
  const server: ProtocolServer = {
    url: `http://127.0.0.1:${await listen(http, port)}`,
    requests,
    tokens,
    stamps,
    lines,
    answer: done,
    close: () => close(http, sockets),
  };
  http.on('upgrade', (request, socket, head) => {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((entry) => entry.trim());
    const token = offered.find((entry) => entry.startsWith(BEARER_PREFIX))?.slice(BEARER_PREFIX.length) ?? '';
    tokens.push(token);
    stamps.push(offered.find((entry) => entry.startsWith(STAMP_PREFIX)));
    if (!isGood(token) || request.url !== '/ws') {
      socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const codec = webSocket.protocol === PROTOCOL_JSON ? createJsonCodec() : createMsgpackCodec();
      const line = lineOf(webSocket, codec);
      lines.push(line);
      line.send({
        hello: {
          ...{ role: 'citizen', channel: 'test', nowMs: 0, frameBytesMax: 4_096, inFlightMax, programme: 'test' },
          stamp: `of-line-${lines.length}`,
        },
      });
      webSocket.on('message', (data: Buffer) => {
        const message = codec.decode(data) as Request;
        requests.push(message);
        server.answer(message, line);
      });
    });
  });
  return server;
}

/** Everything is done at once. */
export const done: Answering = ({ ref, type }, line) => {
  if (type === 'subscribe') return line.send({ ref, ok: true, view: { topics: ['rank'] } });
  line.send({ ref, ok: true, repeated: false, answer: { termsMs: 7 }, position: { partition: 1, sequence: 2 } });
};

interface Place {
  readonly ticket?: string;
  readonly position?: number;
}

/** Its clock is of another century: programmes run at their own time. */
export function refusal(ref: number | null, code: RefusalName, waitMs?: number, place: Place = {}): object {
  const { text, testo } = REFUSALS[code];
  return {
    ref,
    ok: false,
    code,
    message: text,
    messageIt: testo,
    ...(waitMs === undefined ? {} : { retryAtMs: 4_102_444_800_000, waitMs }),
    ...place,
  };
}

function lineOf(webSocket: WebSocket, codec: Codec): Line {
  return {
    send: (message) => webSocket.send(codec.encode(message)),
    cut: () => webSocket.terminate(),
  };
}

function listen(http: Server, port: number): Promise<number> {
  return new Promise((resolve) => http.listen(port, '127.0.0.1', () => resolve((http.address() as AddressInfo).port)));
}

function close(http: Server, sockets: WebSocketServer): Promise<void> {
  for (const webSocket of sockets.clients) webSocket.terminate();
  sockets.close();
  http.closeAllConnections();
  return new Promise((resolve) => http.close(() => resolve()));
}
