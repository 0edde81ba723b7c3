/** Sessions on their way in and out: the upgrade with its token, the clocks that drive them, the orderly stop. */
import { type CitizenKey, type Clock, type Engine, REFUSALS, type RefusalName } from '../../engine/index.ts';
import { type Addresses, type Admission, type Arrivals, Outside, retryMs, type Stamps } from '../admission/index.ts';
import type { Identity, Reading, Verification } from '../identity/identity.ts';
import type { HttpResponse, SocketHandlers, UpgradeDecision, UpgradeRequest } from '../transport/index.ts';
import { clientOf, Versions } from '../versions/index.ts';
import {
  BEARER_PREFIX,
  type Codec,
  createJsonCodec,
  createMsgpackCodec,
  type NoticeView,
  PROTOCOL_JSON,
  PROTOCOL_MSGPACK,
  STAMP_PREFIX,
} from '../wire/index.ts';
import { assertMsgpackrVersion } from './msgpackr-version.ts';
import { PUSH_TICK_MS, Pushes } from './pushes.ts';
import { type Refusal, refusedReply } from './replies.ts';
import { Session, type SessionPorts } from './session.ts';
import { SLOW_TICK_MS, SlowReaders } from './slow-readers.ts';
import { WAITING_TICK_MS, WaitingRoom } from './waiting.ts';
import { Work } from './work.ts';

export const SOCKET_PATH = '/ws';
const EXPIRY_TICK_MS = 1_000;

/** Runs `task` every `intervalMs` until the returned function is called; never keeps a process alive. */
export type Repeat = (task: () => void, intervalMs: number) => () => void;

export interface SocketHandlersOptions {
  readonly engine: Engine;
  readonly identity: Identity;
  /** The programme's time. */
  readonly clock: Clock;
  /** Real time, milliseconds since the epoch: tokens live in it (DECISION 34). */
  readonly realMs: () => number;
  readonly monotonicMs: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly repeat: Repeat;
  readonly pause: (ms: number) => Promise<void>;
  /** Web pages that may connect, as `https://host`. Absent: any (faults 58). */
  readonly allowedOrigins?: readonly string[] | undefined;
  /** No room for more connections just now (fault 20). Absent: there always is. */
  readonly isCrowded?: () => boolean;
  /** From where how many connections may be opened. Absent: from anywhere any number. */
  readonly addresses?: Addresses;
  /** Of those who come together, who may now. Absent: all. */
  readonly arrivals?: Arrivals;
  /** Absent: nobody gets one. */
  readonly stamps?: Stamps;
  /** Absent: everything is on for everyone. */
  readonly versions?: Versions;
  /** Absent: whatever there is room for in the engine is let in. */
  readonly admission?: Admission | undefined;
  /** See SessionPorts. */
  readonly service?: SessionPorts['service'];
  readonly readFailed: SessionPorts['readFailed'];
}

export interface SessionHandlers extends SocketHandlers<Session> {
  readonly openCount: number;
  /** Tells a citizen who is connected, and wants to be told. */
  told(citizen: CitizenKey, notice: NoticeView): void;
  /** From now on commands and upgrades are refused with DRAINING; resolves when all taken in are answered. */
  drain(): Promise<void>;
  /** Stops the timers and leaves the engine. After `drain`, before the engine closes. */
  stop(): void;
}

export function createSocketHandlers(options: SocketHandlersOptions): SessionHandlers {
  assertMsgpackrVersion();
  const { engine, repeat, monotonicMs, versions = new Versions() } = options;
  const codecs: ReadonlyMap<string, Codec> = new Map([
    [PROTOCOL_MSGPACK, createMsgpackCodec()],
    [PROTOCOL_JSON, createJsonCodec()],
  ]);
  const pushes = new Pushes(engine, options.readFailed);
  const work = new Work();
  const slowReaders = new SlowReaders();
  const outside = new Outside();
  const waitingRoom = options.admission === undefined ? undefined : new WaitingRoom(options.admission);
  const ports: SessionPorts = { ...options, versions, pushes, work, slowReaders, outside, waitingRoom };
  const sessions = new Set<Session>();
  const stops = [
    engine.onChanged((citizens) => pushes.changed(citizens)),
    versions.onChanged(() => pushes.featuresChanged([...sessions].filter(({ hasVersion }) => hasVersion))),
    repeat(() => pushes.tick(monotonicMs()), PUSH_TICK_MS),
    repeat(() => waitingRoom?.tick(monotonicMs()), WAITING_TICK_MS),
    repeat(() => slowReaders.tick(monotonicMs()), SLOW_TICK_MS),
    repeat(() => {
      for (const session of sessions) session.checkExpiry();
    }, EXPIRY_TICK_MS),
  ];

  return {
    get openCount() {
      return sessions.size;
    },
    told: (citizen, notice) => pushes.told(citizen, notice),
    upgrade: (request) => decideUpgrade(request, options, ports, codecs),
    open(socket) {
      sessions.add(socket.data);
      socket.data.open(socket);
    },
    message: (socket, frame, isBinary) => socket.data.receive(frame, isBinary),
    closed(socket) {
      sessions.delete(socket.data);
      socket.data.closed();
    },
    drain() {
      waitingRoom?.answerEarly();
      return work.drain();
    },
    stop() {
      for (const stop of stops) stop();
    },
  };
}

/** Cheap questions first; nothing is kept of who is refused (faults 52). */
function decideUpgrade(
  request: UpgradeRequest,
  { identity, allowedOrigins, isCrowded, addresses, arrivals, pause }: SocketHandlersOptions,
  ports: SessionPorts,
  codecs: ReadonlyMap<string, Codec>,
): UpgradeDecision<Session> | Promise<UpgradeDecision<Session>> {
  if (request.path !== SOCKET_PATH) return refuse('NOT_FOUND');
  if (ports.work.isDraining) return refuse('DRAINING');
  if (isCrowded?.() === true) return refuseForNow(ports, retryMs('busy', ports.random()));
  const nowMs = ports.monotonicMs();
  const waitMs = addresses?.ask(request, nowMs) ?? 0;
  if (waitMs > 0) return refuseForNow(ports, waitMs);
  if (!isOriginAllowed(request, allowedOrigins)) return refuse('FORBIDDEN');
  const token = tokenOf(request);
  if (token === undefined) return refuse('UNAUTHENTICATED');
  const reading = identity.read(token);
  const arrivalMs = arrivals === undefined ? 0 : askArrivals(arrivals, reading, request, ports);
  if (arrivalMs > 0) {
    addresses?.giveBack(request, nowMs);
    return refuseForNow(ports, arrivalMs);
  }
  const decide = (verification: Verification): UpgradeDecision<Session> | Promise<UpgradeDecision<Session>> => {
    if (!verification.ok) return refuse(verification.code);
    const codec = request.protocols.map((protocol) => codecs.get(protocol)).find((found) => found !== undefined);
    if (codec === undefined) return refuse('FIELD_INVALID', 'sec-websocket-protocol');
    const { principal } = verification;
    const outsideMs = ports.outside.waitMs(principal.subject, ports.monotonicMs());
    if (outsideMs > 0) return pause(outsideMs).then(() => refuseForNow(ports, retryMs('busy', ports.random())));
    return { ok: true, protocol: codec.protocol, data: new Session(principal, clientOf(request), codec, ports) };
  };
  const verification = reading.verify();
  return verification instanceof Promise ? verification.then(decide) : decide(verification);
}

function askArrivals(
  arrivals: Arrivals,
  { isKnown, claimed }: Reading,
  { protocols }: UpgradeRequest,
  { stamps, monotonicMs }: SessionPorts,
): number {
  if (claimed === null) return 0; // There is no signature to be checked.
  const stamp = offered(protocols, STAMP_PREFIX);
  const hasStamp = stamp !== undefined && stamps?.isOf(claimed.subject, stamp) === true;
  return arrivals.ask({ isKnown, role: claimed.role, hasStamp }, monotonicMs());
}

/**
 * Browsers always send Origin and programs never do; a token that came as a subprotocol came from a browser. A cookie
 * is never looked at, so a foreign page has no token to begin with: the list is the second lock (faults 58).
 */
function isOriginAllowed(request: UpgradeRequest, allowed: readonly string[] | undefined): boolean {
  if (allowed === undefined) return true;
  const origin = request.header('origin');
  if (origin !== undefined) return allowed.includes(origin);
  return request.header('authorization') !== undefined;
}

function tokenOf(request: UpgradeRequest): string | undefined {
  const header = request.header('authorization');
  if (header !== undefined) return /^bearer (\S+)$/i.exec(header)?.[1];
  return offered(request.protocols, BEARER_PREFIX);
}

function offered(protocols: readonly string[], prefix: string): string | undefined {
  return protocols.find((protocol) => protocol.startsWith(prefix))?.slice(prefix.length);
}

function refuseForNow({ clock }: SessionPorts, waitMs: number): UpgradeDecision<Session> {
  const nowMs = clock.nowMs();
  const response = refusalResponse({ code: 'OVERLOADED', retryAtMs: nowMs + waitMs }, nowMs);
  const headers = { ...response.headers, 'retry-after': String(Math.ceil(waitMs / 1_000)) };
  return { ok: false, response: { ...response, headers } };
}

function refuse(code: RefusalName, detail?: string): UpgradeDecision<Session> {
  return { ok: false, response: refusalResponse({ code, detail }, 0) };
}

function refusalResponse(refusal: Refusal, nowMs: number): HttpResponse {
  const { code } = refusal;
  const { ref: _, ok: __, ...body } = refusedReply(null, refusal, nowMs);
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' };
  return { status: REFUSALS[code].status, headers, body: JSON.stringify(body) };
}
