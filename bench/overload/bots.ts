/** Connections that send whatever they are told, many frames to a write, and are back at once when they are cut. */
import { RawSocket } from '../load/raw-socket.ts';
import type { Tally } from './tally.ts';

const PROTOCOL = 'clickday.v1.msgpack';
const FRAMES_PER_WRITE = 32;
const TICK_MS = 10;
/** A refused connection is tried again so soon, which no person could. */
const RETRY_MS = 20;

export interface BotsOptions {
  readonly host: string;
  readonly port: number;
  readonly tokens: readonly string[];
  readonly frame: Buffer;
  readonly perSecond: number;
  readonly tally: () => Tally;
}

export class Bots {
  readonly #options: BotsOptions;
  readonly #burst: Buffer;
  readonly #sockets: (RawSocket | null)[];
  readonly #timer: NodeJS.Timeout;
  #dueMs = performance.now();
  #next = 0;
  #isOver = false;

  constructor(options: BotsOptions, socketCount: number) {
    this.#options = options;
    this.#burst = Buffer.concat(new Array<Buffer>(FRAMES_PER_WRITE).fill(options.frame));
    this.#sockets = new Array<RawSocket | null>(socketCount).fill(null);
    for (let bot = 0; bot < socketCount; bot += 1) this.#connect(bot);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  stop(): void {
    this.#isOver = true;
    clearInterval(this.#timer);
    for (const socket of this.#sockets) socket?.close();
  }

  #connect(bot: number): void {
    if (this.#isOver) return;
    const { host, port, tokens, tally } = this.#options;
    tally().bots.connections += 1;
    const gone = () => {
      this.#sockets[bot] = null;
      if (!this.#isOver) setTimeout(() => this.#connect(bot), RETRY_MS);
    };
    const socket = new RawSocket({
      ...{ host, port, path: '/ws', protocol: PROTOCOL, token: tokens[bot % tokens.length]! },
      onFrame: () => {},
      onClosed: () => {
        tally().bots.cuts += 1;
        gone();
      },
    });
    socket.opened.then(() => {
      this.#sockets[bot] = socket;
    }, gone);
  }

  /** What could not be sent in time is not made up for. */
  #tick(): void {
    const nowMs = performance.now();
    const { perSecond, tally } = this.#options;
    const intervalMs = (FRAMES_PER_WRITE * 1_000) / perSecond;
    this.#dueMs = Math.max(this.#dueMs, nowMs - TICK_MS);
    for (let tried = 0; this.#dueMs <= nowMs && tried < this.#sockets.length; tried += 1) {
      const socket = this.#sockets[this.#next % this.#sockets.length];
      this.#next += 1;
      if (socket === undefined || socket === null || !socket.isWritable) continue;
      socket.send(this.#burst);
      tally().bots.sent += FRAMES_PER_WRITE;
      this.#dueMs += intervalMs;
    }
  }
}
