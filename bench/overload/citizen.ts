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

export interface Wish {
  /** Whole, but for the ref. */
  frame(ref: number): Buffer;
  /** Its answer has the citizen's data in it. */
  readonly showsData: boolean;
}

export interface World {
  readonly host: string;
  readonly port: number;
  readonly tally: () => Tally;
  /** Of all bytes that came for a citizen. */
  readonly find: (citizen: number, payload: Buffer) => { readonly own: number; readonly foreign: number };
  readonly after: (ms: number, act: () => void) => void;
  readonly nowMs: () => number;
  /** Has no wish any more. */
  readonly idle: (citizen: Citizen) => void;
}

type State =
  | { readonly is: 'idle' }
  | { readonly is: 'asking'; readonly sinceMs: number; readonly onTime: boolean; sentMs: number }
  | { readonly is: 'waiting'; readonly number: number; readonly isAppointment: boolean; sentMs: number };

interface Reply {
  readonly push?: string;
  readonly view?: { readonly position?: number };
  readonly ref: number;
  readonly ok: boolean;
  readonly code?: string;
  readonly ticket?: string;
  readonly waitMs?: number;
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
  #frame: Buffer = Buffer.alloc(0);
  #ref = 0;
  #waits = 0;

  constructor(number: number, token: string, world: World) {
    this.number = number;
    this.#token = token;
    this.#world = world;
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
        this.#ref = (this.#ref + 1) % REF_COUNT;
        this.#frame = this.#wish.frame(this.#ref);
        this.#ask(false);
        return;
      case 'waiting':
        this.#state.sentMs = nowMs;
        this.#send(nowMs);
        return;
      case 'asking':
        if (nowMs - this.#state.sentMs > PATIENCE_MS) {
          this.#state.sentMs = nowMs;
          this.#send(nowMs);
        } else counts.unsent += 1;
    }
  }

  #ask(onTime: boolean): void {
    const nowMs = this.#world.nowMs();
    this.#state = { is: 'asking', sinceMs: nowMs, onTime, sentMs: nowMs };
    if (onTime) this.#world.tally().counts.appointments += 1;
    this.#send(nowMs);
  }

  #send(nowMs: number): void {
    this.#world.tally().asked(nowMs);
    this.#socket?.send(this.#frame);
  }

  #receive(payload: Buffer): void {
    const { counts } = this.#world.tally();
    const { own, foreign } = this.#world.find(this.number, payload);
    counts.scanned += 1;
    counts.foreignFound += foreign;
    const reply = this.#packr.decode(payload) as Reply;
    if ('hello' in reply) return this.#hello();
    if (reply.push !== undefined) {
      if (reply.push === 'turn' && reply.view?.position === 0) this.#come();
      return;
    }
    if (reply.ref !== this.#ref || this.#state.is === 'idle') return;
    if (reply.code === 'OVERLOADED' || reply.code === 'DRAINING') return this.#refused(reply);
    if (this.#wish?.showsData === true && reply.ok) {
      counts.withData += 1;
      counts.ownFound += Math.min(own, 1);
    }
    this.#served(reply.ok ? null : (reply.code ?? 'UNKNOWN'));
  }

  #refused({ waitMs = 0, ticket }: Reply): void {
    const nowMs = this.#world.nowMs();
    this.#world.tally().refused(nowMs);
    if (this.#state.is !== 'asking') return;
    this.#waits += 1;
    const number = this.#waits;
    this.#state = { is: 'waiting', number, isAppointment: ticket !== undefined, sentMs: nowMs };
    this.#world.after(waitMs, () => {
      if (this.#state.is === 'waiting' && this.#state.number === number) this.#come();
    });
  }

  #come(): void {
    if (this.#state.is === 'waiting') this.#ask(this.#state.isAppointment);
  }

  #served(code: string | null): void {
    const tally = this.#world.tally();
    const nowMs = this.#world.nowMs();
    if (this.#state.is === 'idle') return;
    if (this.#state.is === 'asking' && this.#state.onTime) tally.counts.kept += 1;
    // A tap may be let in as well.
    const sinceMs = this.#state.is === 'asking' ? this.#state.sinceMs : this.#state.sentMs;
    tally.served(this.number, nowMs - sinceMs, nowMs, code);
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
