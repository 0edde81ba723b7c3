/**
 * Drives one plan from one thread.
 *
 * Closed loop: every slot of every connection sends its next request when the last one was answered. Open loop:
 * requests leave at intended instants, whatever the server does, and latency counts from the intended instant; so a
 * server that stalls is charged for everyone who would have come meanwhile (no coordinated omission).
 *
 * Whoever is given an appointment keeps it: the request goes again at that time, and is one request with one latency.
 */
import { Packr } from 'msgpackr';
import { Latencies } from './latencies.ts';
import { IN_FLIGHT_MAX, type LoadPlan, type LoadResult } from './plan.ts';
import { RawSocket } from './raw-socket.ts';
import { type Slot, senderOf } from './workload.ts';

const PROTOCOL = 'clickday.v1.msgpack';
/** Connections opened at once: a handshake costs the server a signature check. */
const OPEN_AT_ONCE = 50;
/** Longest wait for the last answers: thousands may be behind a disk that has a bad minute. */
const DRAIN_MS_MAX = 30_000;

/** The measured time begins and ends: for whoever measures something else over the same time. */
export type OnPhase = (phase: Phase) => void;
export type Phase = 'measuring' | 'measured';

/** Rejects when a connection is refused or cut, or an answer never comes: a broken run has no figures. */
export async function runLoad(plan: LoadPlan, onPhase: OnPhase = () => {}): Promise<LoadResult> {
  if (plan.inFlight < 1 || plan.inFlight > IN_FLIGHT_MAX) throw new RangeError(`in flight: 1 to ${IN_FLIGHT_MAX}`);
  const run = new LoadRun(plan, onPhase);
  try {
    return await run.run();
  } finally {
    run.close();
  }
}

class LoadRun {
  readonly #plan: LoadPlan;
  readonly #onPhase: OnPhase;
  readonly #connections: Connection[] = [];
  readonly #latencies = new Latencies();
  readonly #refused = new Map<string, number>();
  #done = 0;
  #requests = 0;
  #sent = 0;
  #isMeasuring = false;
  #isStopped = false;
  #fail: (error: Error) => void = () => {};

  constructor(plan: LoadPlan, onPhase: OnPhase) {
    this.#plan = plan;
    this.#onPhase = onPhase;
  }

  async run(): Promise<LoadResult> {
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject;
    });
    return await Promise.race([failed, this.#run()]);
  }

  close(): void {
    this.#isStopped = true;
    for (const connection of this.#connections) connection.close();
  }

  async #run(): Promise<LoadResult> {
    await this.#open();
    const { ratePerSecond, requestCount, warmUpMs, measureMs } = this.#plan;
    const isCounted = requestCount !== undefined;
    if (isCounted) this.#isMeasuring = true;
    const pace = ratePerSecond === undefined ? this.#closedLoop() : this.#openLoop(ratePerSecond);
    if (!isCounted) await pause(warmUpMs);

    this.#isMeasuring = true;
    this.#onPhase('measuring');
    const startMs = performance.now();
    const cpu = process.cpuUsage();
    if (isCounted) {
      if (ratePerSecond !== undefined) while (this.#sent < requestCount) await pause(5);
      await this.#idle(Number.POSITIVE_INFINITY);
    } else await this.#measureFor(measureMs);
    this.#isMeasuring = false;
    const elapsedMs = performance.now() - startMs;
    const { user, system } = process.cpuUsage(cpu);
    this.#onPhase('measured');
    this.#isStopped = true;
    await pace;
    await this.#idle(DRAIN_MS_MAX);
    return {
      done: this.#done,
      refused: Object.fromEntries(this.#refused),
      requests: this.#requests,
      elapsedMs,
      latencyUs: this.#latencies.quantiles(),
      generatorCpuMs: (user + system) / 1_000,
    };
  }

  /** At least until something was answered: of nothing there are no figures. */
  async #measureFor(measureMs: number): Promise<void> {
    await pause(measureMs);
    while (this.#requests === 0) await pause(5);
  }

  async #open(): Promise<void> {
    const { tokens, isDeaf = false } = this.#plan;
    const sender = senderOf(this.#plan);
    const greetings = isDeaf ? [] : sender.greetings;
    for (let first = 0; first < tokens.length; first += OPEN_AT_ONCE) {
      const opening = tokens.slice(first, first + OPEN_AT_ONCE).map(async (token, index) => {
        const slots = Array.from({ length: this.#plan.inFlight }, (_, slot) => sender.slot(first + index, slot));
        const connection = new Connection(this.#plan, token, slots, (reply) => this.#answered(reply), this.#fail);
        this.#connections.push(connection);
        await connection.opened;
        for (const greeting of greetings) await connection.greet(greeting);
      });
      await Promise.all(opening);
    }
  }

  async #closedLoop(): Promise<void> {
    for (const connection of this.#connections) {
      connection.onFree = (slot) => this.#send(connection, slot, performance.now());
      connection.batch(() => {
        for (let slot = 0; slot < this.#plan.inFlight; slot += 1) this.#send(connection, slot, performance.now());
      });
    }
  }

  /** One arrival after the other goes to one connection after the other, and waits there for a free slot. */
  async #openLoop(ratePerSecond: number): Promise<void> {
    const intervalMs = 1_000 / ratePerSecond;
    let intendedMs = performance.now();
    let at = 0;
    for (const connection of this.#connections) connection.onFree = (slot) => this.#sendBacklog(connection, slot);
    while (!this.#isStopped) {
      const nowMs = performance.now();
      for (; intendedMs <= nowMs; intendedMs += intervalMs) {
        const connection = this.#connections[at % this.#connections.length]!;
        at += 1;
        connection.backlog.push(intendedMs);
        const slot = connection.takeFreeSlot();
        if (slot !== null) this.#sendBacklog(connection, slot);
      }
      await pause(1);
    }
  }

  #sendBacklog(connection: Connection, slot: number): void {
    const intendedMs = connection.backlog.shift();
    if (intendedMs === undefined || !this.#send(connection, slot, intendedMs)) connection.free(slot);
  }

  #send(connection: Connection, slot: number, sinceMs: number): boolean {
    const { requestCount = Number.POSITIVE_INFINITY } = this.#plan;
    if (this.#isStopped || this.#sent >= requestCount || !connection.send(slot, sinceMs)) return false;
    this.#sent += 1;
    return true;
  }

  #answered({ done, refused, sinceMs }: Reply): void {
    if (!this.#isMeasuring) return;
    this.#requests += 1;
    this.#done += done;
    for (const code of refused) this.#refused.set(code, (this.#refused.get(code) ?? 0) + 1);
    this.#latencies.record(performance.now() - sinceMs);
  }

  async #idle(forMs: number): Promise<void> {
    const untilMs = performance.now() + forMs;
    while (this.#connections.some((connection) => connection.inFlight > 0)) {
      if (performance.now() > untilMs) throw new Error(`some answers did not come within ${forMs} ms`);
      await pause(5);
    }
  }
}

interface Reply {
  readonly done: number;
  readonly refused: readonly string[];
  readonly sinceMs: number;
}

class Connection {
  readonly opened: Promise<void>;
  readonly backlog: number[] = [];
  onFree: (slot: number) => void = () => {};
  inFlight = 0;
  readonly #socket: RawSocket;
  readonly #slots: readonly Slot[];
  readonly #isDeaf: boolean;
  readonly #sinceMs: Float64Array;
  readonly #free: number[];
  /** The last request of each slot. */
  readonly #frames: Buffer[] = [];
  readonly #packr = new Packr({ useRecords: false });
  readonly #onReply: (reply: Reply) => void;
  #greeted: (() => void) | null = null;
  #helloArrived: () => void = () => {};

  constructor(
    plan: LoadPlan,
    token: string,
    slots: readonly Slot[],
    onReply: (reply: Reply) => void,
    fail: (error: Error) => void,
  ) {
    const { host, port, isDeaf = false } = plan;
    this.#isDeaf = isDeaf;
    this.#slots = slots;
    this.#sinceMs = new Float64Array(slots.length);
    this.#free = slots.map((_, slot) => slot).reverse();
    this.#onReply = onReply;
    const hello = new Promise<void>((resolve) => {
      this.#helloArrived = resolve;
    });
    this.#socket = new RawSocket({
      ...{ host, port, path: '/ws', protocol: PROTOCOL, token },
      onFrame: (payload) => this.#frame(payload),
      onClosed: (reason) => fail(new Error(`a connection was cut: ${reason}`)),
    });
    this.opened = this.#socket.opened.then(() => hello);
  }

  /** One request outside of the measurement; resolves when it was answered, whatever the answer. */
  greet(greeting: Slot): Promise<void> {
    return new Promise((resolve) => {
      this.#greeted = resolve;
      const frame = greeting(0);
      if (frame === null) return resolve();
      this.#frames[0] = frame;
      this.#socket.send(frame);
    });
  }

  /** @returns false when the slot has nothing more to send */
  send(slot: number, sinceMs: number): boolean {
    const frame = this.#slots[slot]!(slot);
    if (frame === null) return false;
    this.#sinceMs[slot] = sinceMs;
    this.#frames[slot] = frame;
    this.inFlight += 1;
    this.#socket.send(frame);
    return true;
  }

  batch(act: () => void): void {
    this.#socket.batch(act);
  }

  takeFreeSlot(): number | null {
    return this.#free.pop() ?? null;
  }

  free(slot: number): void {
    this.#free.push(slot);
  }

  close(): void {
    this.#socket.close();
  }

  #frame(payload: Buffer): void {
    const ref = refOfDone(payload);
    if (ref !== -1) {
      this.#reply(ref, 1, []);
      return;
    }
    const message = this.#packr.decode(payload) as Message;
    if (message.hello !== undefined) {
      this.#helloArrived();
      return;
    }
    if (message.push !== undefined) return;
    const { outcomes } = message.view ?? {};
    if (outcomes !== undefined) {
      this.#outcomes(message.ref, outcomes);
      return;
    }
    if (message.ticket !== undefined && !this.#isDeaf) {
      setTimeout(() => this.#socket.send(this.#frames[message.ref]!), message.waitMs!);
      return;
    }
    this.#reply(message.ref, message.ok ? 1 : 0, message.ok ? [] : [message.code ?? 'UNKNOWN']);
  }

  #outcomes(ref: number, outcomes: readonly { readonly status: string; readonly code?: string }[]): void {
    const refused = outcomes.flatMap(({ status, code }) => (status === 'counted' ? [] : [code ?? status]));
    this.#reply(ref, outcomes.length - refused.length, refused);
  }

  #reply(ref: number, done: number, refused: readonly string[]): void {
    if (this.#greeted !== null) {
      const greeted = this.#greeted;
      this.#greeted = null;
      greeted();
      return;
    }
    this.inFlight -= 1;
    this.#onReply({ done, refused, sinceMs: this.#sinceMs[ref]! });
    this.onFree(ref);
  }
}

interface Message {
  readonly hello?: { readonly nowMs: number };
  readonly push?: unknown;
  readonly ref: number;
  readonly ok: boolean;
  readonly code?: string;
  readonly ticket?: string;
  readonly waitMs?: number;
  readonly view?: { readonly outcomes?: readonly { readonly status: string; readonly code?: string }[] };
}

/**
 * The ref of a reply that begins `{"ref": r, "ok": true, "repeated"`, or -1: most replies are such, and then nothing
 * else of them needs to be decoded. So it is with a request that an echo sends back, `{"ref": r, "type"`.
 */
function refOfDone(payload: Buffer): number {
  if (payload.length < 20) return -1;
  const at = payload[0] === MAP_16 ? 3 : 1;
  const hasRef = payload.readUInt32BE(at) === 0xa372_6566 && payload[at + 4]! < 0x80; // 'ref'
  const next = payload.readUInt32BE(at + 5);
  const isDone =
    (next === 0xa26f_6bc3 && payload.readUInt32BE(at + 9) === 0xa872_6570) || // 'ok', true, 'rep'…
    next === 0xa474_7970; // 'typ'…
  return hasRef && isDone ? payload[at + 4]! : -1;
}

/** A map with its size in 16 bits, as msgpackr writes all; else the size is within the first byte. */
const MAP_16 = 0xde;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
