/**
 * What the shell asks of a web server: HTTP requests and WebSockets on one port.
 * Implemented by uws.ts (uWebSockets.js) and ws.ts (node:http and ws); test/contract/transport holds both to it.
 */
export interface HttpRequest {
  readonly method: string;
  /** Path without query, as sent (still percent-encoded). */
  readonly path: string;
  readonly query: URLSearchParams;
  /**
   * Undefined when absent. Names are lower case; those with other than letters, digits and dashes, such as
   * `x_request_id`, arrive over ws only (see uws.ts).
   */
  header(name: string): string | undefined;
  readonly remoteAddress: string;
  /**
   * The body in chunks that the receiver owns; reading it slowly slows the sender down.
   * Throws TransportFault `BODY_ABORTED` when the peer goes away.
   */
  readonly body: AsyncIterable<Uint8Array>;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | StreamedBody;
}

/**
 * A body too large to be held, whose length is known. It is read as fast as the peer takes it, and no further once the
 * peer is gone; where it breaks off, or has another length, the connection is cut.
 */
export interface StreamedBody {
  readonly bytes: number;
  readonly chunks: AsyncIterable<Uint8Array>;
}

export function isStreamed(body: HttpResponse['body']): body is StreamedBody {
  return typeof body !== 'string' && 'chunks' in body;
}

export function bytesOf(body: HttpResponse['body']): number {
  return isStreamed(body) ? body.bytes : Buffer.byteLength(body);
}

export type HttpHandler = (request: HttpRequest) => Promise<HttpResponse>;

export interface Socket<T> {
  /** What `upgrade` decided; the session lives here. */
  readonly data: T;
  readonly protocol: string;
  readonly remoteAddress: string;
  /** The frame is the socket's from now on: nobody changes it any more. Nothing happens on a closed socket. */
  send(frame: string | Uint8Array): void;
  /**
   * Bytes given to `send` that the peer has not been heard to have read, wherever they are. Some kilobytes may have been
   * read: a receipt is not asked for every few bytes (receipts.ts).
   */
  unreadBytes(): number;
  /** How many receipts have come: while this grows, the peer reads. */
  receiptCount(): number;
  /** Whoever has so much to read before it (CLOSE_BUFFERED_BYTES_MAX) would not learn why: that connection is cut. */
  close(code: number, reason: string): void;
}

/** Of an answer something has to leave in this time, or nobody is there who takes it (faults 49). */
export const STALLED_MS_MAX = 12_000;

/** What a peer that takes leave may still have to read before it learns why. */
export const CLOSE_BUFFERED_BYTES_MAX = 65_536;

export interface UpgradeRequest {
  readonly path: string;
  header(name: string): string | undefined;
  /** Offered subprotocols, in order. */
  readonly protocols: readonly string[];
  readonly remoteAddress: string;
}

export type UpgradeDecision<T> =
  | { readonly ok: true; readonly protocol: string; readonly data: T }
  | { readonly ok: false; readonly response: HttpResponse };

export interface SocketHandlers<T> {
  /** Decides at once where it can; a promise may be slow (a key is fetched), and the peer can go away meanwhile. */
  upgrade(request: UpgradeRequest): UpgradeDecision<T> | Promise<UpgradeDecision<T>>;
  open(socket: Socket<T>): void;
  /** `frame` is only valid during the call. */
  message(socket: Socket<T>, frame: Uint8Array, isBinary: boolean): void;
  closed(socket: Socket<T>, code: number): void;
}

export interface TransportOptions<T> {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly http: HttpHandler;
  readonly sockets: SocketHandlers<T>;
  /** Larger than every limit of ours, which answers first with a code. */
  readonly frameBytesMax: number;
  /** A socket is cut without a word at so many bytes that the kernel has not taken: behind every limit of ours. */
  readonly bufferedBytesMax: number;
  /** Whoever comes when so many are connected is cut at once: the store needs files, too (fault 27). Absent: any number. */
  readonly connectionsMax?: number;
}

export interface Listening {
  readonly transport: 'uws' | 'ws';
  readonly port: number;
  /** Stops accepting; open sockets stay until closed. */
  stopAccepting(): void;
  /** Closes every socket with 1012 and ends. */
  close(): Promise<void>;
}

export class TransportFault extends Error {
  readonly code: 'PORT_IN_USE' | 'PORT_FORBIDDEN' | 'TRANSPORT_MISSING' | 'BODY_ABORTED';
  constructor(code: TransportFault['code'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
