/**
 * Sessions over a real engine, without a network: sockets that a test can fill up or tear, clocks that it moves,
 * tokens that are what they say. The protocol is JSON unless a test asks for msgpack.
 */
import { makeTaxCode, type Role } from '../../engine/index.ts';
import type { Addresses, Admission, Arrivals, Stamps } from '../../server/admission/index.ts';
import type { Identity, Principal, Verification } from '../../server/identity/identity.ts';
import type { Service } from '../../server/service/index.ts';
import { createSocketHandlers, type Session, type SessionHandlers } from '../../server/session/index.ts';
import type { HttpResponse, Socket, UpgradeDecision } from '../../server/transport/index.ts';
import type { Versions } from '../../server/versions/index.ts';
import {
  createJsonCodec,
  createMsgpackCodec,
  type DoneReply,
  type Protocol,
  type RefusedReply,
  type RequestInput,
} from '../../server/wire/index.ts';
import { World, type WorldOptions } from '../support/world.ts';

/** A frame of the server, as a test looks at it. */
export type Frame = Readonly<Record<string, unknown>>;
export type Reply = Partial<Omit<DoneReply, 'ok'> & Omit<RefusedReply, 'ok'>> & {
  readonly ok: boolean;
  readonly view?: unknown;
};
/** Distributes over the union, so that each type keeps its own fields. */
export type Asked = RequestInput extends infer R ? (R extends RequestInput ? Omit<R, 'ref'> : never) : never;

export const anna = makeTaxCode(1);
export const bruno = makeTaxCode(2);

interface FrontOptions {
  readonly allowedOrigins?: readonly string[];
  readonly versions?: Versions;
  readonly admission?: Admission;
  readonly service?: Pick<Service, 'countUnserved'> | undefined;
  readonly addresses?: Addresses;
  readonly arrivals?: Arrivals;
  readonly stamps?: Stamps;
}

export class Front {
  readonly world: World;
  readonly handlers: SessionHandlers;
  realMs = 1_600_000_000_000;
  monotonicMs = 0;
  readonly #tasks: { readonly task: () => void; readonly intervalMs: number; dueMs: number }[] = [];
  readonly #principals = new Map<string, Principal>();
  readonly readFaults: unknown[] = [];
  /** Tokens that were verified. */
  readonly known = new Set<string>();

  private constructor(
    world: World,
    { allowedOrigins, versions, admission, service, addresses, arrivals, stamps }: FrontOptions,
  ) {
    this.world = world;
    const verify = async (token: string): Promise<Verification> => {
      const principal = this.#principals.get(token);
      if (principal === undefined) return { ok: false, code: 'UNAUTHENTICATED' };
      if (principal.expiresAtMs <= this.realMs) return { ok: false, code: 'TOKEN_EXPIRED' };
      this.known.add(token);
      return { ok: true, principal };
    };
    const identity: Identity = {
      read: (token) => {
        const claimed = this.#principals.get(token) ?? null;
        return { isKnown: this.known.has(token), claimed, verify: () => verify(token) };
      },
      verify,
    };
    this.handlers = createSocketHandlers({
      engine: world.engine,
      identity,
      clock: { nowMs: () => world.nowMs },
      realMs: () => this.realMs,
      monotonicMs: () => this.monotonicMs,
      random: () => 0.5,
      repeat: (task, intervalMs) => {
        const entry = { task, intervalMs, dueMs: intervalMs };
        this.#tasks.push(entry);
        return () => void this.#tasks.splice(this.#tasks.indexOf(entry), 1);
      },
      pause: (ms) =>
        new Promise((resolve) => {
          this.#tasks.push({ task: resolve, intervalMs: Number.POSITIVE_INFINITY, dueMs: this.monotonicMs + ms });
        }),
      ...(allowedOrigins === undefined ? {} : { allowedOrigins }),
      ...(versions === undefined ? {} : { versions }),
      ...(admission === undefined ? {} : { admission }),
      service,
      readFailed: (fault) => this.readFaults.push(fault),
      ...(addresses === undefined ? {} : { addresses }),
      ...(arrivals === undefined ? {} : { arrivals }),
      ...(stamps === undefined ? {} : { stamps }),
    });
  }

  static async open(options: WorldOptions & FrontOptions = {}): Promise<Front> {
    return new Front(await World.open(options), options);
  }

  /** Lets time pass: both clocks that sessions look at, and what is due meanwhile. */
  async pass(ms: number): Promise<void> {
    const endMs = this.monotonicMs + ms;
    for (;;) {
      const next = this.#tasks.reduce((first, task) => (task.dueMs < first.dueMs ? task : first));
      if (next.dueMs > endMs) break;
      this.#advance(next.dueMs);
      next.dueMs += next.intervalMs;
      next.task();
      await settle();
    }
    this.#advance(endMs);
  }

  #advance(toMs: number): void {
    this.realMs += toMs - this.monotonicMs;
    this.monotonicMs = toMs;
  }

  token(role: Role, subject: string, ttlMs = 3_600_000): string {
    const token = `${role}/${subject}/${this.#principals.size}`;
    this.#principals.set(token, { role, subject, expiresAtMs: this.realMs + ttlMs });
    return token;
  }

  upgrade(headers: Readonly<Record<string, string>>, protocols: readonly string[], path = '/ws') {
    return this.handlers.upgrade({ path, protocols, header: (name) => headers[name], remoteAddress: '127.0.0.1' });
  }

  async refusal(headers: Readonly<Record<string, string>>, protocols: readonly string[], path?: string) {
    const decision: UpgradeDecision<Session> = await this.upgrade(headers, protocols, path);
    if (decision.ok) throw new Error('was let in');
    const { status, body }: HttpResponse = decision.response;
    return { status, ...JSON.parse(String(body)) };
  }

  async connect(
    role: Role,
    subject: string,
    {
      token = this.token(role, subject),
      protocol = 'clickday.v1.json' as Protocol,
      more = [] as readonly string[],
    } = {},
  ): Promise<Client> {
    const decision = await this.upgrade({ authorization: `Bearer ${token}` }, [protocol, ...more]);
    if (!decision.ok) throw new Error(String(decision.response.body));
    return new Client(this.handlers, decision.data, protocol);
  }
}

export class Client implements Socket<Session> {
  readonly data: Session;
  readonly protocol: Protocol;
  readonly remoteAddress = '127.0.0.1';
  readonly frames: Frame[] = [];
  /** What the test says of its reading. */
  unread = { bytes: 0, receiptCount: 0 };
  closedWith: { readonly code: number; readonly reason: string } | undefined;
  readonly #handlers: SessionHandlers;
  readonly #codec;
  readonly #expected = new Map<number, (reply: Reply) => void>();
  #ref = 0;

  constructor(handlers: SessionHandlers, data: Session, protocol: Protocol) {
    this.#handlers = handlers;
    this.data = data;
    this.protocol = protocol;
    this.#codec = protocol === 'clickday.v1.json' ? createJsonCodec() : createMsgpackCodec();
    handlers.open(this);
  }

  send(frame: string | Uint8Array): void {
    const message = this.#codec.decode(frame) as Frame;
    this.frames.push(message);
    this.#expected.get(message.ref as number)?.(message as unknown as Reply);
  }

  unreadBytes(): number {
    return this.unread.bytes;
  }

  receiptCount(): number {
    return this.unread.receiptCount;
  }

  close(code: number, reason: string): void {
    this.closedWith = { code, reason };
    this.tear();
  }

  /** The connection breaks. */
  tear(): void {
    this.#handlers.closed(this, 1006);
  }

  raw(frame: Uint8Array | string, isBinary = typeof frame !== 'string'): void {
    this.#handlers.message(this, typeof frame === 'string' ? Buffer.from(frame) : frame, isBinary);
  }

  /** Sends a request and waits for its reply. */
  ask(request: Asked | Frame): Promise<Reply> {
    this.#ref += 1;
    const ref = this.#ref;
    return new Promise((resolve) => {
      this.#expected.set(ref, resolve);
      const frame = this.#codec.encode({ ref, ...request });
      this.raw(frame, this.#codec.isBinary);
    });
  }

  pushes(topic: 'wallet' | 'rank' | 'notices' | 'features' | 'turn'): readonly Frame[] {
    return this.frames.filter(({ push }) => push === topic);
  }
}

/** Lets everything that was started come to rest: an engine in memory needs a few turns of the loop. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

let ids = 0;
export function newId(): string {
  ids += 1;
  return ids.toString(16).padStart(32, '0');
}
