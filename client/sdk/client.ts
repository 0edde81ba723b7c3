/**
 * One person's line to the engine: typed requests, replies matched by `ref`, live pushes, and a connection that
 * comes back by itself. Runs in browsers and, given the constructor of `ws`, in Node.
 *
 * A command keeps its id for ever, so whatever was unanswered when a connection broke is simply sent again:
 * the engine performs it once and gives the same answer (promise 2).
 */
import type { CommandId } from '../../engine/contract.ts';
import {
  BEARER_PREFIX,
  type ChangeType,
  type Codec,
  clientProtocol,
  createJsonCodec,
  createMsgpackCodec,
  type DoneReply,
  type FeaturesView,
  type Hello,
  type ReadType,
  type RefusedReply,
  type RequestInputOf,
  type Topic,
  type TopicPush,
  type ViewReply,
  type WirePush,
  type WireReply,
} from '../../server/wire/index.ts';
import { ClientFault } from './fault.ts';
import { newCommandId } from './identifier.ts';
import { platformSocket, type SocketConstructor, type StandardSocket, socketUrl } from './socket.ts';
import { SDK_CLIENT } from './version.ts';

export interface ClientOptions {
  /** `http://127.0.0.1:8080`, or the same with `ws:`; `/ws` is added. */
  readonly url: string;
  /** A token, or how to get a fresh one: asked at each connection. */
  readonly token: string | (() => string | Promise<string>);
  readonly format?: 'msgpack' | 'json';
  /** Which app this is: `ios/1.12.0`, `android/…`, `web/…`. By default the SDK itself. */
  readonly client?: string;
  /** The constructor of `ws` in Node; the platform's own by default. */
  readonly WebSocket?: SocketConstructor;
  /** Longest wait for one reply, reconnections included. Default 30 s. */
  readonly replyMsMax?: number;
  /** How long to go on trying when the connection breaks; 0 = not at all. Default 60 s. */
  readonly reconnectMsMax?: number;
  /** How long to go on obeying retry times before a refusal is returned. Default 0: refusals are returned at once. */
  readonly patienceMs?: number;
}

export type HelloView = Hello['hello'];
export type ChangeReply = DoneReply | RefusedReply;
export type ReadReply<T extends ReadType> = ViewReply<T> | RefusedReply;
export type ChangeFields<T extends ChangeType> = Omit<RequestInputOf<T>, 'ref' | 'type' | 'id'>;
export type ReadFields<T extends ReadType> = Omit<RequestInputOf<T>, 'ref' | 'type'>;
export type ConnectionState = 'open' | 'reconnecting' | 'closed';

interface Pending {
  readonly message: { readonly ref: number; readonly type: string };
  readonly id: CommandId | undefined;
  readonly deadlineMs: number;
  settle(reply: WireReply): void;
  fail(fault: ClientFault): void;
}

interface Turn {
  readonly ticket: string | undefined;
  come(): void;
}

/** First pause before a reconnection; doubles up to the maximum. Real pauses are a random part of it (fault 65). */
const BACK_OFF_MS_FIRST = 200;
const BACK_OFF_MS_MAX = 10_000;
/** Also covers the verification of the token and `hello`. */
const CONNECT_MS_MAX = 10_000;

export class ClickdayClient {
  readonly #options: ClientOptions;
  readonly #codec: Codec;
  readonly #Socket: SocketConstructor;
  /** In order of `ref`, which is the order in which they were asked: the oldest is always the first. */
  readonly #pending = new Map<number, Pending>();
  /** Asked, but beyond what the server takes at once. */
  readonly #waiting: Pending[] = [];
  /** Who waits for a turn, with the ticket for it. */
  readonly #turns = new Set<Turn>();
  readonly #topics = new Set<Topic>();
  readonly #pushListeners = new Set<(push: TopicPush) => void>();
  readonly #featuresListeners = new Set<(features: FeaturesView) => void>();
  readonly #stateListeners = new Set<(state: ConnectionState) => void>();
  #socket: StandardSocket | null = null;
  #hello: HelloView | null = null;
  #features: FeaturesView | null = null;
  #nextRef = 1;
  #state: ConnectionState = 'reconnecting';
  #deadlineTimer: ReturnType<typeof setTimeout> | null = null;

  private constructor(options: ClientOptions) {
    const Socket = options.WebSocket ?? platformSocket();
    if (Socket === undefined) throw new TypeError('no WebSocket here: pass the constructor of `ws` in the options');
    this.#options = options;
    this.#Socket = Socket;
    this.#codec = options.format === 'json' ? createJsonCodec() : createMsgpackCodec();
  }

  /** Rejects with ClientFault UNREACHABLE, UNAUTHENTICATED or PROTOCOL: a first connection is not repeated. */
  static async connect(options: ClientOptions): Promise<ClickdayClient> {
    const client = new ClickdayClient(options);
    await client.#open();
    return client;
  }

  get hello(): HelloView {
    return this.#hello!;
  }

  /** What this version can do now, and what to say of the rest. Null: the server has not said yet. */
  get features(): FeaturesView | null {
    return this.#features;
  }

  get state(): ConnectionState {
    return this.#state;
  }

  /** Requests asked and not yet answered. */
  get inFlight(): number {
    return this.#pending.size + this.#waiting.length;
  }

  /**
   * Asks for a change. A refusal is an answer like any other.
   *
   * @param id  give it to repeat an earlier command; by default a new one
   * @throws ClientFault NO_REPLY, UNREACHABLE or CLOSED, with the id: the outcome is unknown and can be asked for
   */
  async change<T extends ChangeType>(
    type: T,
    fields: ChangeFields<T>,
    id: CommandId = newCommandId(),
  ): Promise<ChangeReply> {
    return (await this.#patiently((ticket) => this.#ask(type, { id, ...ticket, ...fields }, id))) as ChangeReply;
  }

  /** @throws ClientFault NO_REPLY, UNREACHABLE or CLOSED */
  async read<T extends ReadType>(type: T, fields: ReadFields<T>): Promise<ReadReply<T>> {
    return (await this.#patiently((ticket) => this.#ask(type, { ...ticket, ...fields }, undefined))) as ReadReply<T>;
  }

  /** Live pushes; the subscription survives reconnections. Returns the way to stop listening. */
  async subscribe(topics: readonly Topic[], listener: (push: TopicPush) => void): Promise<() => void> {
    for (const topic of topics) this.#topics.add(topic);
    this.#pushListeners.add(listener);
    await this.#ask('subscribe', { topics: [...topics] }, undefined);
    return () => this.#pushListeners.delete(listener);
  }

  /** Told after each connection, and whenever it changes: no new version of the app is needed for it (R5). */
  onFeatures(listener: (features: FeaturesView) => void): () => void {
    this.#featuresListeners.add(listener);
    return () => this.#featuresListeners.delete(listener);
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    this.#stateListeners.add(listener);
    return () => this.#stateListeners.delete(listener);
  }

  /** What is unanswered fails with CLOSED; it may still be done. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#setState('closed');
    this.#socket?.close(1000, 'done');
    this.#failAll('CLOSED', 'the client was closed before the reply came');
  }

  // Requests.

  /** Comes back when a refusal says so, as long as patience lasts. */
  async #patiently(ask: (ticket: { readonly ticket?: string }) => Promise<WireReply>): Promise<WireReply> {
    const patientUntilMs = performance.now() + (this.#options.patienceMs ?? 0);
    let ticket: string | undefined;
    for (;;) {
      const reply = await ask(ticket === undefined ? {} : { ticket });
      if (reply.ok || reply.waitMs === undefined) return reply;
      if (performance.now() + reply.waitMs > patientUntilMs) return reply;
      ticket = reply.ticket;
      await this.#turn(reply.waitMs, ticket);
    }
  }

  /** Resolves when the pause is over, or before it when the server calls. */
  #turn(pauseMs: number, ticket: string | undefined): Promise<void> {
    return new Promise((resolve) => {
      const come = () => {
        clearTimeout(timer);
        this.#turns.delete(turn);
        resolve();
      };
      const timer = setTimeout(come, pauseMs);
      const turn = { ticket, come };
      this.#turns.add(turn);
    });
  }

  #call(ticket: string): void {
    for (const turn of this.#turns) if (turn.ticket === ticket) turn.come();
  }

  #ask(type: string, fields: object, id: CommandId | undefined): Promise<WireReply> {
    if (this.#state === 'closed') return Promise.reject(new ClientFault('CLOSED', 'the client is closed', unknown(id)));
    return new Promise((settle, fail) => {
      const ref = this.#nextRef++;
      const deadlineMs = performance.now() + (this.#options.replyMsMax ?? 30_000);
      this.#waiting.push({ message: { ref, type, ...fields }, id, deadlineMs, settle, fail });
      this.#sendWaiting();
      this.#armDeadline();
    });
  }

  #sendWaiting(): void {
    while (this.#state === 'open' && this.#waiting.length > 0 && this.#pending.size < this.hello.inFlightMax) {
      const pending = this.#waiting.shift()!;
      this.#pending.set(pending.message.ref, pending);
      this.#socket!.send(this.#codec.encode(pending.message));
    }
  }

  /** One timer for all: they wait equally long, so the oldest is the next to fall due. */
  #armDeadline(): void {
    const oldest = this.#oldest();
    if (oldest === undefined || this.#deadlineTimer !== null) return;
    this.#deadlineTimer = setTimeout(() => this.#failOverdue(), Math.max(1, oldest.deadlineMs - performance.now()));
  }

  #failOverdue(): void {
    this.#deadlineTimer = null;
    for (let oldest = this.#oldest(); oldest !== undefined; oldest = this.#oldest()) {
      if (oldest.deadlineMs > performance.now()) break;
      if (!this.#pending.delete(oldest.message.ref)) this.#waiting.shift();
      oldest.fail(new ClientFault('NO_REPLY', `no reply to ${oldest.message.type} in time`, unknown(oldest.id)));
    }
    this.#sendWaiting();
    this.#armDeadline();
  }

  #oldest(): Pending | undefined {
    return this.#pending.values().next().value ?? this.#waiting[0];
  }

  #failAll(code: ClientFault['code'], message: string): void {
    const unanswered = [...this.#pending.values(), ...this.#waiting];
    this.#pending.clear();
    this.#waiting.length = 0;
    this.#disarmDeadline();
    for (const pending of unanswered) pending.fail(new ClientFault(code, message, unknown(pending.id)));
  }

  #disarmDeadline(): void {
    if (this.#deadlineTimer !== null) clearTimeout(this.#deadlineTimer);
    this.#deadlineTimer = null;
  }

  // Replies and pushes.

  #receive(data: unknown): void {
    const frame = this.#decode(data) as WireReply | WirePush;
    if ('push' in frame) return this.#receivePush(frame);
    if (frame.ref === null) throw new ClientFault('PROTOCOL', `our frame was not understood: ${JSON.stringify(frame)}`);
    // A stopping server did not take it in: it stays pending and is sent again to the next one.
    if (!frame.ok && frame.code === 'DRAINING') return;
    const pending = this.#pending.get(frame.ref);
    if (pending === undefined) return; // Its caller has given up waiting.
    this.#pending.delete(frame.ref);
    if (this.#oldest() === undefined) this.#disarmDeadline(); // Or it would keep a finished program alive.
    pending.settle(frame);
    this.#sendWaiting();
  }

  #receivePush(frame: WirePush): void {
    if (frame.push === 'features') {
      this.#features = frame.view;
      for (const listener of this.#featuresListeners) listener(frame.view);
    } else if (frame.push === 'turn') {
      if (frame.view.position === 0) this.#call(frame.view.ticket);
    } else for (const listener of this.#pushListeners) listener(frame);
  }

  /** Binary frames come as ArrayBuffer. Throws for what is not of this subprotocol. */
  #decode(data: unknown): unknown {
    const frame = data instanceof ArrayBuffer ? new Uint8Array(data) : data;
    if (typeof frame !== 'string' && !(frame instanceof Uint8Array)) throw new TypeError('a frame of an unknown kind');
    if ((typeof frame === 'string') === this.#codec.isBinary) throw new TypeError('a frame of the other subprotocol');
    return this.#codec.decode(frame);
  }

  // The connection.

  /** Resolves once `hello` is in. */
  async #open(): Promise<void> {
    const { token, url, client = SDK_CLIENT } = this.#options;
    const bearer = typeof token === 'string' ? token : await token();
    const protocols = [this.#codec.protocol, `${BEARER_PREFIX}${bearer}`, clientProtocol(client)];
    const socket = new this.#Socket(socketUrl(url), protocols);
    socket.binaryType = 'arraybuffer';
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => fail('no hello in time'), CONNECT_MS_MAX);
      const fail = (reason: string) => {
        clearTimeout(timer);
        socket.close();
        reject(connectFault(url, reason));
      };
      let isOpen = false;
      socket.addEventListener('error', (event) => fail(event.message ?? 'the connection failed'));
      socket.addEventListener('close', (event) => {
        if (isOpen) this.#lost(socket);
        else fail(event.reason || 'the connection was closed');
      });
      socket.addEventListener('message', (event) => {
        if (isOpen) return this.#receiveOrDrop(socket, event.data);
        clearTimeout(timer);
        if (!this.#greet(socket, event.data)) return fail('the server did not say hello');
        isOpen = true;
        resolve();
      });
    });
  }

  #receiveOrDrop(socket: StandardSocket, data: unknown): void {
    try {
      this.#receive(data);
    } catch (cause) {
      // Whoever is at the other end does not speak our protocol: nothing more can be believed on this line.
      this.#failAll('PROTOCOL', cause instanceof Error ? cause.message : 'unreadable frame');
      this.#setState('closed');
      socket.close(1002, 'protocol error');
    }
  }

  #greet(socket: StandardSocket, data: unknown): boolean {
    if (socket.protocol !== this.#codec.protocol) return false;
    const frame = this.#decode(data) as Partial<Hello>;
    if (frame.hello === undefined) return false;
    this.#hello = frame.hello;
    this.#socket = socket;
    if (this.#state === 'closed') {
      socket.close(); // Closed by the caller while this connection was being made.
      return true;
    }
    this.#setState('open');
    this.#resume();
    return true;
  }

  /** Sends again, in order, what the broken connection left open; before it the subscriptions, which have no id. */
  #resume(): void {
    const unanswered = [...this.#pending.values()];
    this.#pending.clear();
    this.#waiting.unshift(...unanswered);
    if (this.#topics.size > 0 && unanswered.every((pending) => pending.message.type !== 'subscribe')) {
      void this.#ask('subscribe', { topics: [...this.#topics] }, undefined).catch(() => {});
    }
    this.#sendWaiting();
  }

  #lost(socket: StandardSocket): void {
    if (this.#state === 'closed' || socket !== this.#socket) return;
    this.#socket = null;
    this.#setState('reconnecting');
    void this.#reconnect();
  }

  async #reconnect(): Promise<void> {
    const untilMs = performance.now() + (this.#options.reconnectMsMax ?? 60_000);
    for (
      let backOffMs = BACK_OFF_MS_FIRST;
      performance.now() < untilMs;
      backOffMs = Math.min(backOffMs * 2, BACK_OFF_MS_MAX)
    ) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * backOffMs));
      if (this.#state === 'closed') return;
      try {
        return await this.#open();
      } catch (cause) {
        if (cause instanceof ClientFault && cause.code === 'UNAUTHENTICATED') break;
      }
    }
    if (this.#state === 'closed') return;
    this.#setState('closed');
    this.#failAll('UNREACHABLE', 'the connection broke and could not be made again');
  }

  #setState(state: ConnectionState): void {
    this.#state = state;
    for (const listener of this.#stateListeners) listener(state);
  }
}

function unknown(id: CommandId | undefined): { readonly id?: CommandId } {
  return id === undefined ? {} : { id };
}

/** Browsers hide the status of a refused upgrade; `ws` names it in the message. */
function connectFault(url: string, reason: string): ClientFault {
  if (/\b401\b/.test(reason))
    return new ClientFault('UNAUTHENTICATED', `the server at ${url} did not accept the token`);
  return new ClientFault('UNREACHABLE', `no answer at ${url}: ${reason}`);
}
