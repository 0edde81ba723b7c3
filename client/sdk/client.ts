/**
 * One person's line to the engine: typed requests, live pushes, and a connection that comes back by itself. Runs in
 * browsers and, given the constructor of `ws`, in Node.
 *
 * A command keeps its id for ever, so whatever was unanswered when a connection broke is simply sent again: the engine
 * performs it once and gives the same answer (promise 2). Each request has one deadline, within which everything
 * happens: waiting for a connection, sending again, coming back when the server says so.
 */
import type { CommandId } from '../../engine/contract.ts';
import type {
  ChangeType,
  FeaturesView,
  ReadType,
  RefusedReply,
  RequestInputOf,
  RequestType,
  Topic,
  TopicPush,
  ViewOf,
  ViewReply,
  WirePush,
  WireReply,
} from '../../server/wire/index.ts';
import { RetryBudget } from './budget.ts';
import { Connection, type HelloView } from './connection.ts';
import { ClientFault } from './fault.ts';
import { newCommandId } from './identifier.ts';
import { type ChangeReply, Keeper, type Settled } from './keeper.ts';
import { Listeners } from './listeners.ts';
import type { KeptCommand, Outbox } from './outbox.ts';
import { Requests } from './requests.ts';
import { platformSocket, type SocketConstructor, socketUrl } from './socket.ts';
import type { ClientState } from './state.ts';
import { Subscriptions } from './subscriptions.ts';
import { PLATFORM_TIMING, type Timing } from './timing.ts';
import { Token } from './token.ts';
import { SDK_CLIENT } from './version.ts';
import { type LastGood, LastViews, type ShownType } from './views.ts';

export interface ClientOptions {
  /** `http://127.0.0.1:8080`, or the same with `ws:`; `/ws` is added. */
  readonly url: string;
  /** A token, or how to get a fresh one: asked at each connection, and before the last one expires. */
  readonly token: string | (() => string | Promise<string>);
  readonly format?: 'msgpack' | 'json';
  /** Which app this is: `ios/1.12.0`, `android/…`, `web/…`. By default the SDK itself. */
  readonly client?: string;
  /** The constructor of `ws` in Node; the platform's own by default. */
  readonly WebSocket?: SocketConstructor;
  /** From asking to the answer, whatever happens in between. Default 30 s; at most 24 days. */
  readonly deadlineMs?: number;
  /** Where commands outlive the app. By default they live in memory alone. */
  readonly outbox?: Outbox;
  readonly timing?: Timing;
}

export type ReadReply<T extends ReadType> = ViewReply<T> | RefusedReply;
export type ChangeFields<T extends ChangeType> = Omit<RequestInputOf<T>, 'ref' | 'type' | 'id'>;
export type ReadFields<T extends ReadType> = Omit<RequestInputOf<T>, 'ref' | 'type'>;

export interface Refused {
  readonly type: RequestType;
  readonly refusal: RefusedReply;
}

const DEADLINE_MS = 30_000;
/** Between two questions what became of a command that is being done. */
const OUTCOME_MS_MAX = 1_000;

export class ClickdayClient {
  readonly #options: ClientOptions;
  readonly #timing: Timing;
  readonly #connection: Connection;
  readonly #requests: Requests;
  readonly #token: Token;
  readonly #views: LastViews;
  readonly #keeper: Keeper | null;
  readonly #subscriptions: Subscriptions;
  readonly #featuresListeners = new Listeners<FeaturesView>();
  readonly #stateListeners = new Listeners<ClientState>();
  readonly #refusalListeners = new Listeners<Refused>();
  readonly #settledListeners = new Listeners<Settled>();
  #hello: HelloView | null = null;
  #features: FeaturesView | null = null;
  /** Set at the end, which may have a reason. */
  #closed: (ClientState & { readonly is: 'closed' }) | null = null;
  #toldState: ClientState['is'] = 'stale';

  private constructor(options: ClientOptions) {
    const Socket = options.WebSocket ?? platformSocket();
    if (Socket === undefined) throw new TypeError('no WebSocket here: pass the constructor of `ws` in the options');
    const { url, token, format = 'msgpack', client = SDK_CLIENT, timing = PLATFORM_TIMING } = options;
    const budget = new RetryBudget(timing);
    this.#options = options;
    this.#timing = timing;
    this.#views = new LastViews(timing);
    this.#connection = new Connection(
      { ...{ address: socketUrl(url), format, client, Socket, timing, budget }, bearer: () => this.#token.next() },
      {
        opened: (hello) => this.#opened(hello),
        heard: (frame) => this.#heard(frame),
        lost: () => this.#lost(),
        ended: (fault) => this.#end(fault),
        isExpecting: () => this.#requests.isExpecting,
      },
    );
    this.#requests = new Requests({
      ...{ timing, budget },
      send: (message) => this.#connection.send(message),
      renew: () => this.#token.renewNow(),
      refused: (type, refusal) => this.#refusalListeners.tell({ type, refusal }),
      appointmentsChanged: () => this.#stateChanged(),
    });
    this.#token = new Token({
      ...{ token, timing },
      authenticate: (bearer) => this.#authenticate(bearer),
      renewed: () => this.#requests.resume(),
      ended: (fault) => this.#end(fault),
    });
    this.#subscriptions = new Subscriptions((type, topics, urgency) =>
      this.#ask(type, { topics }, undefined, Number.POSITIVE_INFINITY, urgency),
    );
    this.#keeper = options.outbox === undefined ? null : this.#keep(options.outbox);
  }

  /**
   * Resolves once connected. Rejects with ClientFault UNREACHABLE, UNAUTHENTICATED or OUTBOX_UNREADABLE: a first
   * connection is not repeated. See `open`.
   */
  static async connect(options: ClientOptions): Promise<ClickdayClient> {
    const client = new ClickdayClient(options);
    try {
      await client.#keeper?.loaded;
      await client.#connection.open();
    } catch (cause) {
      client.#end(cause instanceof ClientFault ? cause : null);
      throw cause;
    }
    return client;
  }

  /**
   * Starts without a connection, and goes on trying to get one: what is asked meanwhile waits for it. A token that is
   * turned down or an outbox that cannot be read closes the client, and its state says so. Browsers do not tell of the
   * token: there it goes on trying, with what the token's function gives each time.
   */
  static open(options: ClientOptions): ClickdayClient {
    const client = new ClickdayClient(options);
    void client.#start();
    return client;
  }

  /** Null: there was no connection yet. */
  get hello(): HelloView | null {
    return this.#hello;
  }

  /** What this version can do now, and what to say of the rest. Null: the server has not said yet. */
  get features(): FeaturesView | null {
    return this.#features;
  }

  /** As of now: ages and waits go on between the changes that `onState` tells. */
  get state(): ClientState {
    if (this.#closed !== null) return this.#closed;
    if (!this.#connection.isOpen) return { is: 'stale', ageMs: this.#connection.silentMs };
    const { appointment } = this.#requests;
    if (appointment === null) return { is: 'connected' };
    const { position, dueMs } = appointment;
    return { is: 'waiting', position, waitMs: Math.max(0, dueMs - this.#timing.nowMs()) };
  }

  /** Requests asked and not yet answered. */
  get inFlight(): number {
    return this.#requests.count;
  }

  /**
   * Asks for a change. A refusal is an answer like any other; one that says to come back is obeyed where the deadline
   * allows it, and is otherwise returned: its `ticket` may be passed in the fields of a later try, under the same id.
   *
   * @param id  give it to repeat an earlier command; by default a new one
   * @param deadlineMs  from now; by default that of the options
   * @throws ClientFault with the id. NOT_SENT, QUEUE_FULL and NOT_KEPT: nothing was done. All others: the outcome is
   *   unknown, and `outcomeOf` says it
   */
  async change<T extends ChangeType>(
    type: T,
    fields: ChangeFields<T>,
    id: CommandId = newCommandId(),
    deadlineMs?: number,
  ): Promise<ChangeReply> {
    const untilMs = this.#deadline(deadlineMs);
    if (this.#keeper === null || this.#closed !== null) return this.#change(type, { id, ...fields }, id, untilMs);
    const untilRealMs = this.#timing.realMs() + untilMs - this.#timing.nowMs();
    return this.#keeper.send({ id, type, fields, untilMs: untilRealMs });
  }

  /**
   * @param deadlineMs  from now; by default that of the options
   * @throws ClientFault NO_REPLY, NOT_SENT, QUEUE_FULL or CLOSED
   */
  async read<T extends ReadType>(type: T, fields: ReadFields<T>, deadlineMs?: number): Promise<ReadReply<T>> {
    const reply = (await this.#ask(type, fields, undefined, this.#deadline(deadlineMs))) as ReadReply<T>;
    if (reply.ok) this.#views.keep(type, fields, reply.view);
    return reply;
  }

  /** The last good answer to the same question, or what was pushed since: what to show while there is no newer one. */
  lastGood<T extends ShownType>(type: T, fields: ReadFields<T>): LastGood<T> | null {
    return this.#views.find(type, fields);
  }

  /**
   * What became of a command (fault 51). While it is being done it is asked again, as long as the deadline allows.
   *
   * @param fields  issuers and operators name the citizen
   * @throws ClientFault as `read`
   */
  async outcomeOf(
    id: CommandId,
    fields: Omit<ReadFields<'outcome'>, 'id'> = {},
    deadlineMs?: number,
  ): Promise<ReadReply<'outcome'>> {
    const untilMs = this.#deadline(deadlineMs);
    for (;;) {
      const reply = (await this.#ask('outcome', { id, ...fields }, undefined, untilMs)) as ReadReply<'outcome'>;
      const pauseMs = OUTCOME_MS_MAX * this.#timing.random();
      const isFinal = !reply.ok || reply.view.state !== 'in-progress';
      if (isFinal || this.#timing.nowMs() + pauseMs >= untilMs) return reply;
      await new Promise<void>((resolve) => this.#timing.after(pauseMs, resolve));
    }
  }

  /**
   * Live pushes of these topics; they survive reconnections, restarts of the server and new tokens. Resolves once the
   * server has said so, however long there is no connection.
   *
   * @returns the way to stop listening
   * @throws ClientFault REFUSED, which only citizens are not, or CLOSED
   */
  subscribe(topics: readonly Topic[], listener: (push: TopicPush) => void): Promise<() => void> {
    return this.#subscriptions.add(topics, listener);
  }

  /** Told after each connection, and whenever it changes: no new version of the app is needed for it (R5). */
  onFeatures(listener: (features: FeaturesView) => void): () => void {
    return this.#featuresListeners.add(listener);
  }

  onState(listener: (state: ClientState) => void): () => void {
    return this.#stateListeners.add(listener);
  }

  /** Every refusal, also those that are obeyed and of which nobody else hears. */
  onRefusal(listener: (refused: Refused) => void): () => void {
    return this.#refusalListeners.add(listener);
  }

  /** With an outbox: what became of commands for whose replies nobody waits, made by an earlier life of the app or overdue. */
  onSettled(listener: (settled: Settled) => void): () => void {
    return this.#settledListeners.add(listener);
  }

  /** What is unanswered fails with CLOSED; it may still be done. What is in the outbox stays there. */
  close(): void {
    this.#end(null);
  }

  // Asking.

  #deadline(deadlineMs = this.#options.deadlineMs ?? DEADLINE_MS): number {
    return this.#timing.nowMs() + deadlineMs;
  }

  #ask(
    type: RequestType,
    fields: object,
    id: CommandId | undefined,
    untilMs: number,
    urgency?: { readonly isUrgent: boolean },
  ): Promise<WireReply> {
    if (this.#closed !== null) return Promise.reject(new ClientFault('CLOSED', 'the client is closed', { id }));
    return this.#requests.ask({ type, fields, untilMs, ...(id === undefined ? {} : { id }) }, urgency);
  }

  #change(type: ChangeType, fields: object, id: CommandId, untilMs: number): Promise<ChangeReply> {
    return this.#ask(type, fields, id, untilMs) as Promise<ChangeReply>;
  }

  #keep(outbox: Outbox): Keeper {
    const timing = this.#timing;
    return new Keeper({
      ...{ outbox, timing },
      send: ({ id, type, fields, untilMs }: KeptCommand) =>
        this.#change(type, { id, ...fields }, id, timing.nowMs() + untilMs - timing.realMs()),
      outcomeOf: async (id): Promise<ViewOf<'outcome'> | null> => {
        const reply = await this.outcomeOf(id, {}, Number.POSITIVE_INFINITY);
        return reply.ok ? reply.view : null;
      },
      settled: (settled) => this.#settledListeners.tell(settled),
    });
  }

  async #authenticate(token: string): Promise<number | null> {
    const asked = this.#ask('authenticate', { token }, undefined, this.#deadline(), { isUrgent: true });
    const reply = (await asked) as ReadReply<'authenticate'>;
    return reply.ok ? reply.view.expiresAtMs : null;
  }

  // The connection.

  async #start(): Promise<void> {
    try {
      await this.#keeper?.loaded;
      await this.#connection.open();
    } catch (fault) {
      if (fault instanceof ClientFault && fault.code !== 'UNREACHABLE') this.#end(fault);
      else this.#connection.keepTrying();
    }
  }

  #opened(hello: HelloView): void {
    this.#hello = hello;
    this.#token.opened();
    this.#subscriptions.renew(); // First, since what is pushed meanwhile comes once.
    this.#requests.open(hello.inFlightMax);
    this.#stateChanged();
  }

  #heard(frame: WireReply | WirePush): void {
    if ('push' in frame) return this.#heardPush(frame);
    if (frame.ref === null) {
      const detail = JSON.stringify(frame);
      return this.#end(new ClientFault('PROTOCOL', `our frame was not understood: ${detail}`));
    }
    this.#connection.proved();
    this.#requests.receive(frame);
  }

  #heardPush(frame: WirePush): void {
    switch (frame.push) {
      case 'features':
        this.#features = frame.view;
        this.#featuresListeners.tell(frame.view);
        return;
      case 'turn':
        this.#requests.turn(frame.view);
        return;
      default: // Of a topic, perhaps one of a later version.
        this.#views.keepPush(frame);
        this.#subscriptions.hear(frame);
    }
  }

  #lost(): void {
    this.#token.lost();
    this.#requests.pause();
    this.#stateChanged();
  }

  #end(fault: ClientFault | null): void {
    if (this.#closed !== null) return;
    this.#closed = { is: 'closed', fault };
    this.#token.lost();
    this.#requests.pause();
    if (fault?.code === 'PROTOCOL') this.#connection.close(1002, 'protocol error');
    else this.#connection.close(1000, 'done');
    this.#requests.failAll(fault?.code ?? 'CLOSED', fault?.message ?? 'the client was closed', fault ?? undefined);
    this.#stateChanged();
  }

  /** While it waits, its place is told as often as the server tells it. */
  #stateChanged(): void {
    const { state } = this;
    if (state.is === this.#toldState && state.is !== 'waiting') return;
    this.#toldState = state.is;
    this.#stateListeners.tell(state);
  }
}
