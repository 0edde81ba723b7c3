/**
 * One line to the server, which comes back by itself: after pauses drawn from nothing up to twice as long each time
 * (full jitter: a fleet that lost its lines together does not come back together, fault 65), within a budget of tries.
 */
import {
  BEARER_PREFIX,
  type Codec,
  clientProtocol,
  createJsonCodec,
  createMsgpackCodec,
  type Hello,
  STAMP_PREFIX,
  type WirePush,
  type WireReply,
} from '../../server/wire/index.ts';
import type { RetryBudget } from './budget.ts';
import { ClientFault } from './fault.ts';
import type { SocketConstructor, StandardSocket } from './socket.ts';
import type { Timing } from './timing.ts';

export type HelloView = Hello['hello'];

export interface ConnectionOptions {
  /** Of the endpoint. */
  readonly address: string;
  readonly format: 'msgpack' | 'json';
  /** Which app this is. */
  readonly client: string;
  readonly Socket: SocketConstructor;
  /** Asked before each try. */
  readonly bearer: () => Promise<string>;
  readonly timing: Timing;
  readonly budget: RetryBudget;
}

export interface ConnectionEvents {
  opened(hello: HelloView): void;
  heard(frame: WireReply | WirePush): void;
  /** It is being made again. */
  lost(): void;
  /** It will not come again. */
  ended(fault: ClientFault): void;
  /** Whether anything was asked that is not answered. */
  isExpecting(): boolean;
}

/** The longest first pause before a try; it doubles up to the maximum. */
const BACK_OFF_MS_FIRST = 500;
const BACK_OFF_MS_MAX = 10_000;
/** Also covers the verification of the token and `hello`. */
const CONNECT_MS_MAX = 10_000;
/** While something is expected: the server is asked whether it is there, and has so long to say anything at all. */
const SILENCE_MS_MAX = 5_000;
const PROBE_MS_MAX = 3_000;
/** Requests count from 1. What nobody waits for, costs the engine nothing and every role may ask. */
const PROBE = { ref: 0, type: 'periods' } as const;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #events: ConnectionEvents;
  readonly #codec: Codec;
  /** Null: there is no line. */
  #socket: StandardSocket | null = null;
  #coming: StandardSocket | null = null;
  #isClosed = false;
  /** Undefined: it was never here, or nobody gives one. */
  #stamp: string | undefined;
  #tries = 0;
  #openedMs = 0;
  #heardMs: number | null = null;
  #heardCount = 0;
  #cancelTry = nothing;
  #cancelWatch: (() => void) | null = null;

  constructor(options: ConnectionOptions, events: ConnectionEvents) {
    this.#options = options;
    this.#events = events;
    this.#codec = options.format === 'json' ? createJsonCodec() : createMsgpackCodec();
  }

  get isOpen(): boolean {
    return this.#socket !== null;
  }

  /** Since the server last said anything. Null: it never has. */
  get silentMs(): number | null {
    return this.#heardMs === null ? null : this.#options.timing.nowMs() - this.#heardMs;
  }

  /** One try. Rejects with ClientFault UNREACHABLE or UNAUTHENTICATED, or with what the token's function threw. */
  async open(): Promise<void> {
    const bearer = await this.#options.bearer();
    if (this.#isClosed) throw new ClientFault('CLOSED', 'the client is closed');
    await this.#greeted(this.#dial(bearer));
  }

  /** Tries until it succeeds, is turned away, or is closed. */
  keepTrying(): void {
    if (this.#isClosed) return;
    const longestMs = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_FIRST * 2 ** this.#tries);
    this.#tries += 1;
    const { timing } = this.#options;
    this.#cancelTry = timing.after(timing.random() * longestMs, () => void this.#tryAgain());
  }

  /** Only while it is open. */
  send(message: object): void {
    this.#socket!.send(this.#codec.encode(message));
    this.#watch();
  }

  /** What was asked is being answered: the next loss is a new one. */
  proved(): void {
    this.#tries = 0;
  }

  close(code: number, reason: string): void {
    this.#isClosed = true;
    this.#cancelTry();
    this.#unwatch();
    (this.#socket ?? this.#coming)?.close(code, reason);
    this.#socket = null;
    this.#coming = null;
  }

  async #tryAgain(): Promise<void> {
    const { budget } = this.#options;
    if (!budget.take()) return this.keepTrying();
    try {
      await this.open();
      budget.giveBack();
    } catch (fault) {
      if (this.#isClosed) return;
      if (fault instanceof ClientFault && fault.code === 'UNAUTHENTICATED') this.#events.ended(fault);
      else this.keepTrying();
    }
  }

  #dial(bearer: string): StandardSocket {
    const { Socket, address, client } = this.#options;
    const stamps = this.#stamp === undefined ? [] : [`${STAMP_PREFIX}${this.#stamp}`];
    const protocols = [this.#codec.protocol, `${BEARER_PREFIX}${bearer}`, clientProtocol(client), ...stamps];
    try {
      return new Socket(address, protocols);
    } catch (cause) {
      // Everything else was the same at the first try.
      throw new ClientFault('UNAUTHENTICATED', 'the token has characters that no token has', { cause });
    }
  }

  /** Resolves once `hello` is in. */
  #greeted(socket: StandardSocket): Promise<void> {
    const { timing, address } = this.#options;
    this.#coming = socket;
    socket.binaryType = 'arraybuffer';
    return new Promise<void>((resolve, reject) => {
      const cancel = timing.after(CONNECT_MS_MAX, () => fail('no hello in time'));
      const fail = (reason: string) => {
        cancel();
        if (this.#coming === socket) this.#coming = null;
        socket.close();
        reject(connectFault(address, reason));
      };
      let isOpen = false;
      socket.addEventListener('error', (event) => fail(event.message ?? 'the connection failed'));
      socket.addEventListener('close', (event) => {
        if (isOpen) this.#lost(socket);
        else fail(event.reason || 'the connection was closed');
      });
      socket.addEventListener('message', (event) => {
        if (isOpen) return this.#receive(socket, event.data);
        if (this.#coming !== socket) return;
        const hello = this.#helloIn(socket, event.data);
        if (hello === undefined) return fail('the server did not say hello');
        cancel();
        isOpen = true;
        this.#open(socket, hello);
        resolve();
      });
    });
  }

  #open(socket: StandardSocket, hello: HelloView): void {
    this.#coming = null;
    this.#socket = socket;
    this.#stamp = hello.stamp;
    this.#openedMs = this.#options.timing.nowMs();
    this.#heard();
    this.#events.opened(hello);
  }

  #helloIn(socket: StandardSocket, data: unknown): HelloView | undefined {
    try {
      return socket.protocol === this.#codec.protocol ? (this.#decode(data) as Partial<Hello>).hello : undefined;
    } catch {
      return undefined;
    }
  }

  /** A line that is no longer ours may still deliver something: its requests are under way on another one. */
  #receive(socket: StandardSocket, data: unknown): void {
    if (socket !== this.#socket) return;
    this.#heard();
    let frame: object;
    try {
      frame = this.#decode(data);
    } catch (cause) {
      // Whoever is at the other end does not speak our protocol: nothing more can be believed on this line.
      this.#events.ended(new ClientFault('PROTOCOL', 'a frame that is not of the protocol', { cause }));
      return;
    }
    this.#events.heard(frame as WireReply | WirePush);
  }

  /** Binary frames come as ArrayBuffer. Throws for what is not of this subprotocol. */
  #decode(data: unknown): object {
    const frame = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
    if (typeof frame !== 'string' && !(frame instanceof Uint8Array)) throw new TypeError('a frame of an unknown kind');
    if ((typeof frame === 'string') === this.#codec.isBinary) throw new TypeError('a frame of the other subprotocol');
    const message = this.#codec.decode(frame);
    if (typeof message !== 'object' || message === null) throw new TypeError('a frame that is no message');
    return message;
  }

  #lost(socket: StandardSocket): void {
    if (this.#isClosed || socket !== this.#socket) return;
    this.#socket = null;
    this.#unwatch();
    // A server that lets in and then breaks down is no reason to hurry; a line that has held is.
    if (this.#options.timing.nowMs() - this.#openedMs > BACK_OFF_MS_MAX) this.#tries = 0;
    this.#events.lost();
    this.keepTrying();
  }

  #heard(): void {
    this.#heardMs = this.#options.timing.nowMs();
    this.#heardCount += 1;
  }

  // A line may be dead without a word (fault 49), and browsers cannot ping.

  #watch(): void {
    if (this.#cancelWatch !== null) return;
    const before = this.#heardCount;
    this.#cancelWatch = this.#options.timing.after(SILENCE_MS_MAX, () => {
      this.#cancelWatch = null;
      if (!this.#events.isExpecting()) return;
      if (this.#heardCount === before) this.#probe(before);
      else this.#watch();
    });
  }

  #probe(before: number): void {
    const socket = this.#socket!;
    socket.send(this.#codec.encode(PROBE));
    this.#cancelWatch = this.#options.timing.after(PROBE_MS_MAX, () => {
      this.#cancelWatch = null;
      if (this.#heardCount > before) return this.#watch();
      this.#lost(socket); // Not when its closing is confirmed, which nobody may be there to do.
      socket.close();
    });
  }

  #unwatch(): void {
    this.#cancelWatch?.();
    this.#cancelWatch = null;
  }
}

function nothing(): void {}

/** Browsers hide the status of a refused upgrade; `ws` names it in the message. */
function connectFault(address: string, reason: string): ClientFault {
  const { origin } = new URL(address.replace(/^ws/, 'http'));
  if (/\b401\b/.test(reason))
    return new ClientFault('UNAUTHENTICATED', `the server at ${origin} did not accept the token`);
  return new ClientFault('UNREACHABLE', `no answer at ${origin}: ${reason}`);
}
