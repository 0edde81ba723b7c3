/** From an HTTP request to its answer: find the route, learn who asks, let it answer, say it in one form. */
import type { Engine, EngineStats } from '../../engine/index.ts';
import type { SetAside } from '../../snapshots/index.ts';
import { type Admission, type Requests, retryAtMs, type StorageStatus } from '../admission/index.ts';
import type { ServedBackups } from '../backups.ts';
import type { SettableClock } from '../clock.ts';
import type { ErrorStore } from '../errors/index.ts';
import type { FileIngester } from '../files/index.ts';
import type { Identity, Reading, Verification, WalletSessions } from '../identity/identity.ts';
import type { Metrics } from '../metrics.ts';
import type { Courier } from '../notices/index.ts';
import type { CardCharges, CardVault, MethodSearch } from '../partners/index.ts';
import type { PayoutDesk } from '../payout/index.ts';
import type { HashList } from '../publishing/index.ts';
import type { Aged, Service } from '../service/index.ts';
import { type HttpHandler, type HttpRequest, type HttpResponse, TransportFault } from '../transport/index.ts';
import { clientOf, Versions } from '../versions/index.ts';
import type { ThreadView } from '../vitals/index.ts';
import { isWorldsFault } from '../worlds-fault.ts';
import { adminRoutes } from './admin.ts';
import { requestIdOf } from './command-id.ts';
import { errorRoutes } from './errors.ts';
import { exclusionRoutes } from './exclusions.ts';
import { featureRoutes } from './features.ts';
import { hbRoutes } from './hb.ts';
import { internalRoutes } from './internal.ts';
import { ioRoutes } from './io.ts';
import { comeBackOf, slowDownOf, slowDownVerified } from './letting-in.ts';
import { noticeRoutes } from './notices.ts';
import { payoutRoutes } from './payouts.ts';
import { periodRoutes } from './periods.ts';
import { reconciliationRoutes } from './reconciliation.ts';
import { type Answer, COMMON_HEADERS, errorResponse, type HttpRefusal, isRefused, refuse } from './respond.ts';
import { reversalRoutes } from './reversals.ts';
import { createRouteTable, type Finding, type Route } from './route.ts';
import { rtdRoutes } from './rtd.ts';
import { statusRoutes } from './status.ts';
import { walletRoutes } from './wallet.ts';

/** One finished request. Holds the route, never the path as sent: a path may carry a card number (promise 9). */
export interface RequestLine {
  readonly route: string;
  readonly method: string;
  readonly status: number;
  readonly tookMs: number;
  readonly requestId: string | undefined;
  /** What made it fail on our side. */
  readonly error?: unknown;
}

export interface HttpOptions {
  readonly engine: Engine;
  readonly identity: Identity;
  readonly walletSessions: WalletSessions;
  readonly clock: SettableClock;
  readonly files: FileIngester;
  readonly metrics: Metrics;
  readonly storage: () => StorageStatus;
  readonly backups: ServedBackups;
  readonly payouts: PayoutDesk;
  /** Absent: no bad lines are kept. */
  readonly errors?: ErrorStore | undefined;
  /** Absent, or null: nobody delivers notices. */
  readonly courier?: Pick<Courier, 'tick'> | null | undefined;
  readonly cardVault: CardVault;
  /** See IssuerOptions. */
  readonly isEncryptionRequired?: boolean | undefined;
  readonly methodSearch: MethodSearch;
  readonly cardCharges: CardCharges;
  /** Null: none was made yet. */
  readonly hashList: () => HashList | null;
  readonly isReady: () => boolean;
  /** See StatusOptions. */
  readonly threads?: (() => readonly ThreadView[]) | undefined;
  /** See AdminOptions. */
  readonly setAside?: (() => readonly SetAside[]) | undefined;
  /** Nothing more is begun: the server stops. Absent: it never does. */
  readonly isDraining?: (() => boolean) | undefined;
  /** Absent: everybody may ask as much as it likes. */
  readonly requests?: Requests | undefined;
  /** Absent: everybody is let in. */
  readonly admission?: Admission | undefined;
  readonly service: Service;
  /** See StatusOptions. */
  readonly stats: () => Promise<Aged<EngineStats>>;
  /** Absent: everything is on for everyone. */
  readonly versions?: Versions | undefined;
  readonly log: (line: RequestLine) => void;
  /** Real time: ids of commands are ordered by it. */
  readonly realMs: () => number;
  readonly monotonicMs: () => number;
  /** In [0, 1): spreads those who come back. */
  readonly random: () => number;
}

/** Never rejects but for a mistake of ours, which stops the process. */
export function createHttpHandler(options: HttpOptions): HttpHandler {
  const { clock, metrics, service, monotonicMs, random, log, versions = new Versions() } = options;
  const ports = { ...options, versions };
  const findRoute = createRouteTable([
    ...ioRoutes(options),
    ...hbRoutes(options),
    ...walletRoutes(options),
    ...rtdRoutes(options),
    ...internalRoutes(options),
    ...payoutRoutes(options),
    ...reversalRoutes(options.engine),
    ...reconciliationRoutes(options),
    ...errorRoutes(options),
    ...periodRoutes(options.engine),
    ...exclusionRoutes(options.engine),
    ...noticeRoutes({ engine: options.engine, courier: options.courier ?? null }),
    ...adminRoutes(ports),
    ...statusRoutes(options),
    ...featureRoutes(ports),
  ]);

  return async (request) => {
    const startedMs = monotonicMs();
    const finding = findRoute(request.method, request.path);
    const route = finding.kind === 'found' ? finding.route.path : finding.kind;
    const { answer, error } = await answerTo(request, finding, ports);
    const { failure, function: name } = finding.kind === 'found' ? finding.route : NO_ROUTE;
    const isPartners = isRefused(answer) && answer.code === 'PARTNER_UNAVAILABLE';
    if (isPartners && name !== undefined) service.countUnserved(name, answer.code);
    const nowMs = clock.nowMs();
    const response = isRefused(answer) ? errorResponse(withReturn(answer, nowMs, random()), nowMs, failure) : answer;

    const requestId = requestIdOf(request);
    const { method } = request;
    const { status } = response;
    metrics.countRequest(route, status);
    const tookMs = monotonicMs() - startedMs;
    log({ route, method, status, tookMs, requestId, ...(error === undefined ? {} : { error }) });
    return finished(response, { requestId, finding, isHead: method === 'HEAD' });
  };
}

const NO_ROUTE_CODES = { unknown: 'NOT_FOUND', otherMethod: 'METHOD_NOT_ALLOWED' } as const;
const NO_ROUTE: Pick<Route, 'failure' | 'function'> = {};

/** Whoever needed a third party that does not answer is told when to come back. */
function withReturn(refused: HttpRefusal, nowMs: number, random: number): HttpRefusal {
  if (refused.code !== 'PARTNER_UNAVAILABLE') return refused;
  return { ...refused, retryAtMs: retryAtMs('partner', nowMs, random) };
}

interface Outcome {
  readonly answer: Answer;
  readonly error?: unknown;
}

type Ports = HttpOptions & { readonly versions: Versions };

async function answerTo(request: HttpRequest, finding: Finding, options: Ports): Promise<Outcome> {
  if (finding.kind !== 'found')
    return { answer: slowDownOf(options, request, null) ?? refuse(NO_ROUTE_CODES[finding.kind]) };
  try {
    return { answer: await admit(request, finding, options) };
  } catch (error) {
    // Nobody is left to read this answer; it only ends the request.
    if (error instanceof TransportFault) return { answer: refuse('BAD_FRAME') };
    if (!isWorldsFault(error)) throw error;
    return { answer: refuse('INTERNAL_ERROR'), error };
  }
}

type Found = Finding & { readonly kind: 'found' };

async function admit(request: HttpRequest, { route, parameters }: Found, options: Ports): Promise<Answer> {
  if (route.roles === 'public') {
    const refusal = route.isProbe === true ? null : slowDownOf(options, request, null);
    return refusal ?? route.handle(request);
  }
  const { isDraining, versions } = options;
  if (isDraining?.() === true) return refuse('DRAINING');
  const asked = await identify(request, route, options);
  if (!asked.ok) return asked;
  const { principal } = asked;
  if (!allows(route, principal.role)) return refuse('FORBIDDEN');
  const access = versions.accessOf(clientOf(request));
  const refusal = access.refusalOf(route.feature ?? null) ?? comeBackOf(options, request, route, principal);
  return refusal ?? route.handle({ request, principal, access, parameters });
}

function allows({ roles }: Route, role: string): boolean {
  return (roles as readonly string[]).includes(role);
}

type Identified = Extract<Verification, { readonly ok: true }>;

async function identify(request: HttpRequest, route: Route, options: Ports): Promise<Identified | HttpRefusal> {
  const reading = readToken(request, route, options);
  const refusal = slowDownOf(options, request, reading);
  if (refusal !== null) return refusal;
  if (reading === null) return refuse('UNAUTHENTICATED');
  const verification = await reading.verify();
  if (!verification.ok) return refuse(verification.code);
  return slowDownVerified(options, request, reading, verification.principal) ?? verification;
}

/** Only from the header: a cookie would let another site act for the citizen (fault 58). Null: there is none. */
function readToken(
  request: HttpRequest,
  { takesWalletSession = false }: Route,
  { identity, walletSessions }: Ports,
): Reading | null {
  const token = /^Bearer +(\S+)$/i.exec(request.header('authorization') ?? '')?.[1];
  if (token === undefined) return null;
  const reading = identity.read(token);
  return reading.claimed === null && takesWalletSession ? walletSessions.read(token) : reading;
}

interface Finish {
  readonly requestId: string | undefined;
  readonly finding: Finding;
  readonly isHead: boolean;
}

function finished(response: HttpResponse, { requestId, finding, isHead }: Finish): HttpResponse {
  const headers = {
    ...COMMON_HEADERS,
    ...response.headers,
    ...(requestId === undefined ? {} : { 'x-request-id': requestId }),
    ...(finding.kind === 'otherMethod' ? { allow: finding.allowed.join(', ') } : {}),
  };
  return { status: response.status, headers, body: isHead ? '' : response.body };
}
