/**
 * One citizen with its app: has a wish now and then, keeps appointments, taps while it waits, and asks again when it hears
 * nothing. One wish at a time.
 */
import { Packr } from 'msgpackr';
import { RawSocket } from '../load/raw-socket.ts';
import { PATIENCE_MS } from './plan.ts';
import type { Tally } from './tally.ts';

const PROTOCOL = 'clickday.v1.msgpack';
const REF_COUNT = 128;
/** There is no room now, and there will be. */
const FOR_NOW: readonly (string | undefined)[] = ['OVERLOADED', 'DRAINING', 'STORAGE_FULL'];

export interface Wish {
  /** Whole; but for the ref the same each time. */
  frame(ref: number): Buffer;
  /** Its answer has the citizen's data in it. */
  readonly showsData: boolean;
  /** Told of the answer, or of a refusal on the merits. Absent: nobody keeps it. */
  readonly answered?: (reply: Reply) => void;
}

export interface World {
  readonly host: string;
  readonly port: number;
  readonly tally: () => Tally;
  /** Of all bytes that came for a citizen. */
  readonly find: (citizen: number, payload: Buffer) => { readonly own: number; readonly foreign: number };
  readonly after: (ms: number, act: () => void) => void;
  readonly nowMs: () => number;
  /** What it sends first on each connection; its reply has no ref of a wish. Null: nothing. */
  readonly greeting: (citizen: number) => Buffer | null;
  /** Has no wish any more. */
  readonly idle: (citizen: Citizen) => void;
}

type State =
  | { readonly is: 'idle' }
  | { readonly is: 'asking'; readonly sinceMs: number; sentMs: number }
  | { readonly is: 'waiting'; readonly number: number; readonly isAppointment: boolean };

/** What a ref stood for when it was last sent. */
interface Sent {
  readonly wishNumber: number;
  readonly ms: number;
}

export interface Reply {
  readonly ref: number;
  readonly ok: boolean;
  readonly code?: string;
  /** Of a change. */
  readonly answer?: unknown;
  readonly repeated?: boolean;
  /** Of a reading. */
  readonly view?: unknown;
  readonly ticket?: string;
  readonly waitMs?: number;
}

interface Push {
  readonly push: string;
  readonly view: { readonly position?: number };
}

export class Citizen {
  readonly number: number;
  readonly #world: World;
  readonly #token: string;
  readonly #packr = new Packr({ useRecords: false });
  #socket: RawSocket | null = null;
  #hello: () => void = () => {};
  #state: State = { is: 'idle' };
  #wish: Wish | null = null;
  #wishNumber = 0;
  readonly #sent: Sent[] = [];
  #ref = 0;
  #waits = 0;
  /** Of this wish, when it last came as it had been told to. */
  #cameMs: number | null = null;

  constructor(number: number, token: string, world: World) {
    this.number = number;
    this.#token = token;
    this.#world = world;
  }

  get isIdle(): boolean {
    return this.#state.is === 'idle';
  }

  get isAsking(): boolean {
    return this.#state.is === 'asking';
  }

  async connect(): Promise<void> {
    const { host, port } = this.#world;
    const hello = new Promise<void>((resolve) => {
      this.#hello = resolve;
    });
    const socket = new RawSocket({
      ...{ host, port, path: '/ws', protocol: PROTOCOL, token: this.#token },
      onFrame: (payload) => this.#receive(payload),
      onClosed: () => this.#cut(),
    });
    await socket.opened;
    this.#socket = socket;
    await hello;
    const greeting = this.#world.greeting(this.number);
    if (greeting !== null) socket.send(greeting);
  }

  /** As when a mast fails: it is cut off, and comes back like anybody who was. */
  drop(): void {
    if (this.#socket === null) return;
    this.#socket.close();
    this.#cut();
  }

  close(): void {
    this.#socket?.close();
  }

  /** Has a wish, or already had one and looks at its telephone. */
  want(makeWish: () => Wish): void {
    const nowMs = this.#world.nowMs();
    const { counts } = this.#world.tally();
    counts.wishes += 1;
    switch (this.#state.is) {
      case 'idle':
        this.#wish = makeWish();
        this.#wishNumber += 1;
        this.#cameMs = null;
        this.#ask(nowMs);
        return;
      case 'waiting':
        this.#send(nowMs);
        return;
      case 'asking':
        if (nowMs - this.#state.sentMs > PATIENCE_MS) {
          this.#state.sentMs = nowMs;
          this.#send(nowMs);
        } else counts.unsent += 1;
    }
  }

  #ask(nowMs: number): void {
    this.#state = { is: 'asking', sinceMs: nowMs, sentMs: nowMs };
    this.#send(nowMs);
  }

  #send(nowMs: number): void {
    this.#world.tally().asked(nowMs);
    this.#ref = (this.#ref + 1) % REF_COUNT;
    this.#sent[this.#ref] = { wishNumber: this.#wishNumber, ms: nowMs };
    this.#socket?.send(this.#wish!.frame(this.#ref));
  }

  #receive(payload: Buffer): void {
    const { counts } = this.#world.tally();
    const { own, foreign } = this.#world.find(this.number, payload);
    counts.scanned += 1;
    counts.foreignFound += foreign;
    const message = this.#packr.decode(payload) as { readonly hello: object } | Push | Reply;
    if ('hello' in message) return this.#hello();
    if ('push' in message) {
      counts.pushes += 1;
      if (message.push === 'turn' && message.view.position === 0) this.#come();
      return;
    }
    this.#reply(message, own);
  }

  #reply(reply: Reply, own: number): void {
    const { counts } = this.#world.tally();
    const sent = this.#sent[reply.ref];
    if (sent === undefined || sent.wishNumber !== this.#wishNumber || this.#state.is === 'idle') return;
    if (FOR_NOW.includes(reply.code)) return this.#refused(reply, sent);
    if (this.#wish?.showsData === true && reply.ok) {
      counts.withData += 1;
      counts.ownFound += Math.min(own, 1);
    }
    this.#wish?.answered?.(reply);
    this.#served(sent, reply.ok ? null : (reply.code ?? 'UNKNOWN'));
  }

  #refused({ waitMs = 0, ticket }: Reply, sent: Sent): void {
    this.#world.tally().refused(this.#world.nowMs());
    // A tap that was refused says nothing of what was sent after it.
    if (this.#state.is !== 'asking' || sent.ms < this.#state.sinceMs) return;
    this.#waits += 1;
    const number = this.#waits;
    this.#state = { is: 'waiting', number, isAppointment: ticket !== undefined };
    this.#world.after(waitMs, () => {
      if (this.#state.is === 'waiting' && this.#state.number === number) this.#come();
    });
  }

  #come(): void {
    if (this.#state.is !== 'waiting') return;
    const nowMs = this.#world.nowMs();
    if (this.#state.isAppointment) {
      this.#world.tally().counts.appointments += 1;
      this.#cameMs = nowMs;
    }
    this.#ask(nowMs);
  }

  #served(sent: Sent, code: string | null): void {
    const tally = this.#world.tally();
    const nowMs = this.#world.nowMs();
    // Or a tap just before it was let in at its time.
    if (this.#cameMs !== null && sent.ms <= this.#cameMs) tally.counts.kept += 1;
    tally.served(this.number, nowMs - sent.ms, nowMs, code);
    this.#state = { is: 'idle' };
    this.#world.idle(this);
  }

  #cut(): void {
    this.#world.tally().counts.cuts += 1;
    this.#socket = null;
    this.#world.after(PATIENCE_MS, () => {
      this.connect().then(
        () => {
          if (this.#state.is === 'asking') this.#send(this.#world.nowMs());
        },
        () => this.#cut(),
      );
    });
  }
}
