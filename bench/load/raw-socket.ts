/**
 * A WebSocket client reduced to what a load generator needs: frames made beforehand, many to a write. It shares two
 * cores with the server that it measures, so what it does not do is the point: no masking work (a mask of zeros is a
 * mask), no copies of what arrives, no events per frame.
 */
import { createHash, randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';

const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const HEADER_END = Buffer.from('\r\n\r\n');
const OPCODE_BINARY = 2;
const OPCODE_CLOSE = 8;
const OPCODE_PING = 9;
const MASKED = 0x80;
const BACKLOG_BYTES_MAX = 65_536;

export interface RawSocketOptions {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly protocol: string;
  readonly token: string;
  /** One of this machine's, where there are more connections than one address has ports. */
  readonly localAddress?: string;
  /** `payload` is only valid during the call. */
  readonly onFrame: (payload: Buffer) => void;
  /** After `opened` has resolved; once. */
  readonly onClosed: (reason: string) => void;
}

/** The server said no, and perhaps for how long. */
export class UpgradeRefused extends Error {
  readonly retryAfterMs: number | null;

  constructor(answer: string) {
    super(`the server refused the upgrade: ${answer.split('\r\n')[0]}`);
    const seconds = /^retry-after: (\d+)/im.exec(answer)?.[1];
    this.retryAfterMs = seconds === undefined ? null : Number(seconds) * 1_000;
  }
}

export class RawSocket {
  /** Rejects when the server refuses the upgrade, with UpgradeRefused. */
  readonly opened: Promise<void>;
  readonly #options: RawSocketOptions;
  readonly #socket: Socket;
  readonly #key = randomBytes(16).toString('base64');
  #rest: Buffer = Buffer.alloc(0);
  #isUpgraded = false;
  #isClosing = false;
  #out: Buffer[] = [];
  #isHolding = false;

  constructor(options: RawSocketOptions) {
    this.#options = options;
    const { host, port, localAddress } = options;
    this.#socket = connect({ host, port, noDelay: true, ...(localAddress === undefined ? {} : { localAddress }) });
    this.opened = new Promise((resolve, reject) => this.#upgrade(resolve, reject));
  }

  /** `frame` comes from `clientFrame` and is not copied: it must not change until it is on its way. */
  send(frame: Buffer): void {
    if (this.#isHolding) this.#out.push(frame);
    else this.#socket.write(frame);
  }

  /** Everything sent while `act` runs goes out in one write. */
  batch(act: () => void): void {
    this.#isHolding = true;
    act();
    this.#isHolding = false;
    if (this.#out.length === 1) this.#socket.write(this.#out[0]!);
    else if (this.#out.length > 1) this.#socket.write(Buffer.concat(this.#out));
    this.#out = [];
  }

  /** What was sent before is on its way, or nearly. */
  get isWritable(): boolean {
    return this.#socket.writableLength < BACKLOG_BYTES_MAX;
  }

  /** Reads no more until `resume`. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#isClosing = true;
    this.#socket.destroy();
  }

  #upgrade(resolve: () => void, reject: (error: Error) => void): void {
    const { host, port, path, protocol, token } = this.#options;
    const lines = [
      `GET ${path} HTTP/1.1`,
      `Host: ${host}:${port}`,
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${this.#key}`,
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Protocol: ${protocol}`,
      `Authorization: Bearer ${token}`,
    ];
    this.#socket.write(`${lines.join('\r\n')}\r\n\r\n`);
    this.#socket.on('error', (error) => (this.#isUpgraded ? this.#closed(error.message) : reject(error)));
    this.#socket.on('close', () => {
      if (this.#isUpgraded) this.#closed('closed by the server');
      else reject(new Error('closed before the upgrade'));
    });
    this.#socket.on('data', (chunk) => {
      if (this.#isUpgraded) return this.batch(() => this.#read(chunk));
      const rest = this.#readUpgrade(chunk, reject);
      if (rest === null) return;
      this.#isUpgraded = true;
      resolve();
      this.batch(() => this.#read(rest));
    });
  }

  /** @returns what follows the answer; null while it is not whole, or not the one hoped for */
  #readUpgrade(chunk: Buffer, reject: (error: Error) => void): Buffer | null {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    const end = this.#rest.indexOf(HEADER_END);
    if (end === -1) return null;
    const answer = this.#rest.toString('latin1', 0, end);
    const rest = this.#rest.subarray(end + HEADER_END.length);
    const accept = createHash('sha1').update(this.#key).update(ACCEPT_GUID).digest('base64');
    if (!answer.startsWith('HTTP/1.1 101') || !answer.includes(accept)) {
      reject(new UpgradeRefused(answer));
      this.close();
      return null;
    }
    this.#rest = Buffer.alloc(0);
    return rest;
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + 2 <= bytes.length) {
      const short = bytes[at + 1]! & 0x7f;
      const start = at + (short < 126 ? 2 : short === 126 ? 4 : 10);
      if (start > bytes.length) break;
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6);
      if (start + length > bytes.length) break;
      this.#frame(bytes[at]! & 0x0f, bytes.subarray(start, start + length));
      at = start + length;
    }
    this.#rest = at === bytes.length ? EMPTY : bytes.subarray(at);
  }

  #frame(opcode: number, payload: Buffer): void {
    if (opcode === OPCODE_BINARY) this.#options.onFrame(payload);
    else if (opcode === OPCODE_PING) this.send(clientFrame(payload, 10));
    else if (opcode === OPCODE_CLOSE)
      this.#closed(`close code ${payload.length >= 2 ? payload.readUInt16BE(0) : 1005}`);
  }

  #closed(reason: string): void {
    if (this.#isClosing) return;
    this.close();
    this.#options.onClosed(reason);
  }
}

const EMPTY = Buffer.alloc(0);

/** A whole frame from a client, masked with zeros. The payload stands at its end and may be patched there. */
export function clientFrame(payload: Uint8Array, opcode: number = OPCODE_BINARY): Buffer {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(2 + lengthBytes + 4 + length);
  frame[0] = 0x80 | opcode;
  frame[1] = MASKED | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) frame.writeUInt16BE(length, 2);
  if (lengthBytes === 8) frame.writeUInt32BE(length, 6);
  frame.set(payload, 2 + lengthBytes + 4);
  return frame;
}
