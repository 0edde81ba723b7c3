/** Peers of one kind by the ten thousand, as cheap as Node has them. */
import { connect, type Socket } from 'node:net';
import { RawSocket, UpgradeRefused } from '../load/raw-socket.ts';
import { Template } from '../load/template.ts';
import type { PeersCount, PeersPlan } from './plan.ts';

const PATH = '/ws';
const PROTOCOL = 'clickday.v1.msgpack';
/** At first they come one after the other, somewhat slower than they are taken in. */
const OPEN_PER_TICK = 15;
const OPEN_TICK_MS = 10;
/** As client/sdk has them: a random part of this, doubled each time. */
const BACK_OFF_MS_FIRST = 500;
const BACK_OFF_MS_MAX = 10_000;
const DRIP_MS = 1_000;
/** Some 50 kB of answers, and 20 kB of requests. */
const READS_EACH = 100;

export class Peers {
  readonly #plan: PeersPlan;
  readonly #peers: Peer[] = [];
  readonly #cuts = new Map<string, number>();
  #open = 0;
  #sentAway = 0;

  constructor(plan: PeersPlan) {
    this.#plan = plan;
    const opening = setInterval(() => {
      for (let each = 0; each < OPEN_PER_TICK && this.#peers.length < plan.tokens.length; each += 1) this.#add();
      if (this.#peers.length === plan.tokens.length) clearInterval(opening);
    }, OPEN_TICK_MS);
  }

  count(): PeersCount {
    return { open: this.#open, cuts: Object.fromEntries(this.#cuts), sentAway: this.#sentAway };
  }

  /** Whoever read nothing reads all that is left. */
  resume(): void {
    for (const peer of this.#peers) peer.resume();
  }

  #add(): void {
    const index = this.#peers.length;
    const { kind, localAddresses } = this.#plan;
    const localAddress = localAddresses[index % localAddresses.length]!;
    const seen: Seen = {
      opened: () => {
        this.#open += 1;
      },
      cut: (reason) => {
        this.#open -= 1;
        this.#cuts.set(reason, (this.#cuts.get(reason) ?? 0) + 1);
      },
      sentAway: () => {
        this.#sentAway += 1;
      },
    };
    const token = this.#plan.tokens[index]!;
    const peer =
      kind === 'slow'
        ? new SlowPeer(this.#plan, localAddress, seen)
        : new SocketPeer(this.#plan, localAddress, token, seen);
    this.#peers.push(peer);
    peer.open();
  }
}

interface Seen {
  opened(): void;
  cut(reason: string): void;
  sentAway(): void;
}

interface Peer {
  open(): void;
  resume(): void;
}

class SocketPeer implements Peer {
  readonly #plan: PeersPlan;
  readonly #localAddress: string;
  readonly #token: string;
  readonly #seen: Seen;
  #socket: RawSocket | undefined;
  #backOffMs = BACK_OFF_MS_FIRST;

  constructor(plan: PeersPlan, localAddress: string, token: string, seen: Seen) {
    this.#plan = plan;
    this.#localAddress = localAddress;
    this.#token = token;
    this.#seen = seen;
  }

  open(): void {
    const { host, port } = this.#plan;
    let isGreeted = false;
    const socket = new RawSocket({
      ...{ host, port, path: PATH, protocol: PROTOCOL, token: this.#token, localAddress: this.#localAddress },
      onFrame: () => {
        if (isGreeted) return;
        isGreeted = true;
        this.#seen.opened();
        this.#greeted();
      },
      onClosed: (reason) => {
        if (isGreeted) this.#seen.cut(reason);
        if (this.#plan.kind === 'idle') this.#comeBack();
      },
    });
    this.#socket = socket;
    socket.opened.catch((error: unknown) => {
      const awayMs = error instanceof UpgradeRefused ? error.retryAfterMs : null;
      if (awayMs !== null) this.#seen.sentAway();
      this.#comeBack(awayMs);
    });
  }

  resume(): void {
    this.#socket?.resume();
  }

  #greeted(): void {
    this.#backOffMs = BACK_OFF_MS_FIRST;
    if (this.#plan.kind !== 'reader') return;
    const socket = this.#socket!;
    socket.pause();
    socket.send(SUBSCRIBE.fill(1, []));
    for (let each = 0; each < READS_EACH; each += 1) socket.send(READ.fill(2, []));
  }

  /** Retry-After is in whole seconds: within the last of them. */
  #comeBack(awayMs: number | null = null): void {
    const pauseMs = awayMs === null ? Math.random() * this.#backOffMs : awayMs - Math.random() * 1_000;
    if (awayMs === null) this.#backOffMs = Math.min(2 * this.#backOffMs, BACK_OFF_MS_MAX);
    setTimeout(() => this.open(), pauseMs);
  }
}

const SUBSCRIBE = new Template({ type: 'subscribe', topics: ['wallet', 'rank'] });
const READ = new Template({ type: 'wallet' });

/** Never gets to the end of its request. */
class SlowPeer implements Peer {
  readonly #plan: PeersPlan;
  readonly #localAddress: string;
  readonly #seen: Seen;

  constructor(plan: PeersPlan, localAddress: string, seen: Seen) {
    this.#plan = plan;
    this.#localAddress = localAddress;
    this.#seen = seen;
  }

  open(): void {
    const { host, port } = this.#plan;
    const socket: Socket = connect({ host, port, localAddress: this.#localAddress });
    const dripping = setInterval(() => socket.write('x-more: of it\r\n'), DRIP_MS);
    let isOpen = false;
    socket.on('connect', () => {
      isOpen = true;
      this.#seen.opened();
      socket.write(`GET ${PATH} HTTP/1.1\r\nHost: ${host}\r\n`);
    });
    socket.on('error', () => {}); // Its close event follows.
    socket.on('close', () => {
      clearInterval(dripping);
      if (isOpen) this.#seen.cut('slow');
      setTimeout(() => this.open(), Math.random() * DRIP_MS);
    });
    socket.resume();
  }

  resume(): void {}
}
