/** The front's thread: sockets, sessions, HTTP, files, before an engine that has started. */
import { randomInt } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type CitizenKey, type Engine, LIMITS } from '../engine/index.ts';
import { errorsFolder, openFolderSeal, readBlames } from '../snapshots/index.ts';
import {
  Addresses,
  Admission,
  Arrivals,
  Requests,
  Stamps,
  type Storage,
  TRANSPORT_BUFFERED_BYTES_MAX,
  TRANSPORT_FRAME_BYTES_MAX,
} from './admission/index.ts';
import type { Backups } from './backups.ts';
import type { SettableClock } from './clock.ts';
import { type Configuration, ConfigurationFault } from './config.ts';
import { connectionsMax } from './descriptors.ts';
import { ErrorStore } from './errors/index.ts';
import { log } from './fail-stop.ts';
import { createFileIngester } from './files/index.ts';
import { createHttpHandler } from './http/index.ts';
import { IdentityFault, openFolderIdentity } from './identity/folder-identity.ts';
import type { Identity, WalletSessions } from './identity/identity.ts';
import { openIssuerIdentity } from './identity/tokens.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { Courier, FileSink, type Letter, WebhookSink } from './notices/index.ts';
import {
  AccountRechecks,
  type CardVault,
  HttpCardCharges,
  HttpCardVault,
  HttpIbanChecker,
  HttpMethodSearch,
  type IbanChecker,
  NO_CHARGES,
  NO_SEARCH,
  OwnCardVault,
  Partner,
  type PartnerOptions,
  withCheckedIbans,
} from './partners/index.ts';
import { type OutputTransform, PayoutDesk } from './payout/index.ts';
import { decryptedText, decrypting, encrypting, type PgpKeys, type Transform } from './pgp/index.ts';
import { pointedEngine, pointedHttp, pointedMetrics, pointedRepeat, pointedSockets, pointsOf } from './points.ts';
import { HashLists } from './publishing/index.ts';
import { Pulse } from './pulse.ts';
import { IncidentFile, LastGood, type Part, Service } from './service/index.ts';
import { createSocketHandlers, type Repeat, type SessionHandlers, Work } from './session/index.ts';
import type { StartedEngine } from './shards/index.ts';
import { type HttpHandler, type Listening, listen, type SocketHandlers, TransportFault } from './transport/index.ts';
import type { Versions } from './versions/index.ts';
import type { ThreadView } from './vitals/index.ts';

const TICK_MS = 1_000;
/** Nobody who asks how things are waits longer for a thread that does not come round. */
const STATS_MS_MAX = 250;
/** What is due, to be told or to be checked again, is looked for in every partition. */
const DUE_TICK_MS = 5_000;

const realMs = () => Date.now();
const monotonicMs = () => performance.now();
const after = (ms: number, then: () => void) => {
  const timer = setTimeout(then, ms);
  return () => clearTimeout(timer);
};
const pause = (ms: number) => new Promise<void>((resume) => setTimeout(resume, ms));
const repeat: Repeat = (task, intervalMs) => {
  const timer = setInterval(task, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
};

export interface Server {
  readonly listening: Listening;
  /** Nothing more is taken in from now on; resolves when all that was taken in has been answered. */
  drain(): Promise<unknown>;
}

export interface FrontOptions {
  readonly configuration: Configuration;
  readonly keys: PgpKeys;
  readonly started: StartedEngine;
  readonly clock: SettableClock;
  readonly folder: string;
  readonly storage: Storage;
  readonly backups: Backups;
  readonly versions: Versions;
}

/** @throws ConfigurationFault where a person has to put something right */
export async function serve(options: FrontOptions): Promise<Server> {
  try {
    return await listenWith(await openIdentities(options), options);
  } catch (error) {
    if (!(error instanceof IdentityFault || error instanceof TransportFault)) throw error;
    throw new ConfigurationFault(error.message, { cause: error });
  }
}

async function listenWith({ identity, walletSessions }: Identities, options: FrontOptions): Promise<Server> {
  const { configuration, keys, started, clock, folder, storage, backups, versions } = options;
  const onPoint = pointsOf(configuration.killAt);
  const { health } = started;
  const stopping = new AbortController();
  let sessions: SessionHandlers | null = null;
  let courier: Courier | null = null;
  let rechecks: AccountRechecks | null = null;
  const { threads } = health;
  const startedMs = realMs() - monotonicMs();
  const nowMs = () => startedMs + monotonicMs();
  const partners = partnersOf(configuration);
  const incidents = await openIncidents(folder);
  const service = new Service({ nowMs, log: incidents, parts: () => partsOf(threads(), storage, partners) });
  const read = () => started.engine.stats();
  const lastStats = new LastGood({ read, waitMsMax: STATS_MS_MAX, monotonicMs, after });
  const stats = () => lastStats.read();
  const metrics: Metrics = createMetrics({
    monotonicMs,
    service,
    stats,
    socketCount: () => sessions?.openCount ?? 0,
    storage: () => storage.status,
    shipping: (stats) => backups.shipping(stats),
    threads,
    notices: () => courier?.counts ?? null,
    rechecks: () => rechecks?.counts ?? null,
  });
  const ibanChecker = partners.ibanChecker === null ? null : new HttpIbanChecker(partners.ibanChecker);
  const engine = service.observe(checked(pointedEngine(metrics.observe(started.engine), onPoint), ibanChecker));
  const hashLists = new HashLists({
    ...{ engine, clock, realMs, pause, folder: join(folder, 'published') },
    failed: (fault) => log.error({ err: fault }, 'the list of enrolled instruments cannot be made: trying again'),
  });
  const tickets = openFolderSeal(folder, 'tickets');
  const errors = await ErrorStore.open({
    folder: errorsFolder(folder),
    seal: openFolderSeal(folder, 'errors'),
    unreadable: (name) => log.error({ file: name }, 'bad lines in errors/ cannot be opened: they stay there unseen'),
  });
  const admission = !configuration.hasAdmission
    ? undefined
    : new Admission({
        shards: started.shards,
        digest: (text) => tickets.digest(text),
        origin: randomInt(1, 2 ** 32 - 1),
        nowMs,
        random: Math.random,
        idleMs: () => performance.eventLoopUtilization().idle,
        citizenPerSecond: configuration.citizenPerSecond,
      });
  const isEncryptionRequired = configuration.pgp?.isRequired === true;
  const files = createFileIngester({
    ...{ engine, clock, errors, spoolFolder: spoolFolderOf(folder), pause, isEncryptionRequired },
    decrypting: decryptingWith(keys),
    lane: admission?.files,
    refusal: () => storage.refusal(clock.nowMs()),
    stopping: stopping.signal,
  });
  const { payoutFolder } = configuration;
  const payouts = new PayoutDesk({
    engine,
    clock,
    folder: payoutFolder,
    pause,
    consapTransform: consapTransformOf(keys),
  });
  rechecks = rechecksOf(engine, ibanChecker, clock);
  const arrivals = new Arrivals(Math.random);
  const {
    proxies,
    handshakesPerSecond = LIMITS.handshakesPerSecondOfAddress,
    requestsPerSecond = LIMITS.requestsPerSecondOfAddress,
  } = configuration;
  const addressesFor = (perSecond: number) => new Addresses({ perSecond, proxies, random: Math.random });
  const handlers = createSocketHandlers({
    ...{ engine, identity, clock, realMs, monotonicMs, random: Math.random },
    repeat: pointedRepeat(repeat, onPoint),
    pause,
    isCrowded: () => health.isCrowded,
    allowedOrigins: configuration.allowedOrigins,
    addresses: addressesFor(handshakesPerSecond),
    arrivals,
    stamps: new Stamps(openFolderSeal(folder, 'stamps').digest),
    versions,
    admission,
    service,
    readFailed: (fault) => log.error({ err: fault }, 'a citizen was not answered'),
  });
  sessions = handlers;
  courier = courierOf(engine, options, { sessions: handlers, webhook: partners.notices });
  const work = new Work();
  const answer = createHttpHandler({
    engine,
    identity,
    walletSessions,
    clock,
    files,
    metrics: pointedMetrics(metrics, onPoint),
    storage: () => storage.status,
    backups,
    payouts,
    errors,
    courier,
    cardVault: cardVaultOf(engine, partners.cardVault, keys),
    isEncryptionRequired,
    methodSearch: configuration.banks === null ? NO_SEARCH : new HttpMethodSearch(configuration.banks, monotonicMs),
    cardCharges: partners.cardCharges === null ? NO_CHARGES : new HttpCardCharges(partners.cardCharges),
    hashList: () => hashLists.current,
    versions,
    requests: new Requests(addressesFor(requestsPerSecond), arrivals),
    admission,
    service,
    stats,
    isReady: () => !work.isDraining,
    isDraining: () => work.isDraining,
    threads,
    setAside: () => readBlames(folder).flatMap((blame) => blame.setAside),
    log: (line) => (line.error === undefined ? log.debug(line) : log.error({ ...line, err: line.error })),
    realMs,
    monotonicMs,
    random: Math.random,
  });
  const pulse = new Pulse({
    everyMs: LIMITS.waitTargetMs,
    monotonicMs,
    act() {
      admission?.tick();
      started.exchange();
    },
  });
  const comes = () => {
    health.beat(); // A flood is no standstill.
    pulse.feel();
  };
  const listening = await listen(configuration.transport, {
    host: configuration.host,
    port: configuration.port,
    http: toldHttp(
      pointedHttp((request) => work.during(answer(request)), onPoint),
      comes,
    ),
    sockets: toldSockets(pointedSockets(handlers, onPoint), comes),
    frameBytesMax: TRANSPORT_FRAME_BYTES_MAX,
    bufferedBytesMax: TRANSPORT_BUFFERED_BYTES_MAX,
    connectionsMax: connectionsMax(),
  });
  repeat(() => pulse.beat(), LIMITS.admissionTickMs);
  repeat(() => started.engine.tick(), TICK_MS);
  repeat(() => service.tick(), TICK_MS);
  repeat(() => void hashLists.tick(), TICK_MS);
  void courier?.tick();
  repeat(() => void courier?.tick(), DUE_TICK_MS);
  repeat(() => void rechecks?.tick(), DUE_TICK_MS);
  return {
    listening,
    async drain() {
      listening.stopAccepting();
      stopping.abort();
      const ending = [hashLists.stop(), payouts.stop(), courier?.stop(), rechecks?.stop()];
      await Promise.all([work.drain(), handlers.drain(), ...ending]);
      handlers.stop();
    },
  };
}

function openIncidents(folder: string): Promise<IncidentFile> {
  return IncidentFile.open({
    path: join(folder, 'incidents.json'),
    damaged: () => log.error('incidents.json is damaged: the history of incidents begins anew'),
    failed: (fault) => log.error({ err: fault }, 'incidents cannot be written: trying again'),
  });
}

/** Each bank is asked for itself, and one that is silent is named in the answer: they are no part of this. */
function partnersOf({ ibanChecker, cardVault, cardCharges, notices }: Configuration) {
  const partner = (options: PartnerOptions | null) => (options === null ? null : new Partner(options));
  return {
    ibanChecker: partner(ibanChecker),
    cardVault: partner(cardVault),
    cardCharges: partner(cardCharges),
    notices: partner(notices !== null && 'webhook' in notices ? notices.webhook : null),
  };
}

function partsOf(
  threads: readonly ThreadView[],
  storage: Storage,
  partners: Readonly<Record<string, Partner | null>>,
): readonly Part[] {
  return [
    ...threads.map(({ name, isStuck }) => ({ kind: 'thread', name, isSilent: isStuck }) as const),
    { kind: 'storage', name: 'storage', isSilent: storage.status.isFull },
    ...Object.entries(partners).flatMap(([name, partner]) =>
      partner === null ? [] : [{ kind: 'partner', name, isSilent: partner.isSilent } as const],
    ),
  ];
}

function checked(engine: Engine, checker: IbanChecker | null): Engine {
  return checker === null ? engine : withCheckedIbans(engine, checker);
}

function rechecksOf(engine: Engine, checker: IbanChecker | null, clock: SettableClock): AccountRechecks | null {
  const failed = (fault: unknown) => log.error({ err: fault }, 'accounts cannot be checked again: trying later');
  return checker === null ? null : new AccountRechecks({ engine, clock, checker, monotonicMs, failed });
}

function cardVaultOf({ programme }: Engine, partner: Partner | null, { platform }: PgpKeys): CardVault {
  if (partner !== null) return new HttpCardVault(partner);
  const decrypt = platform === null ? null : (message: string) => decryptedText(message, platform);
  return new OwnCardVault(programme.panSalt, decrypt);
}

function decryptingWith({ platform }: PgpKeys): Transform | null {
  const failed = (error: unknown) => log.error({ err: error }, 'a thread that decrypted a file died');
  return platform === null ? null : decrypting({ key: platform, failed });
}

function courierOf(
  engine: Engine,
  { configuration: { notices }, clock }: FrontOptions,
  { sessions, webhook }: { readonly sessions: SessionHandlers; readonly webhook: Partner | null },
): Courier | null {
  if (notices === null) return null;
  const sink =
    'folder' in notices
      ? new FileSink({ folder: notices.folder, clock })
      : new WebhookSink({ partner: webhook!, realMs });
  const failed = (fault: unknown) => log.error({ err: fault }, 'notices cannot be delivered: trying again');
  const told = (citizen: CitizenKey, { fiscalCode: _, ...notice }: Letter) => sessions.told(citizen, notice);
  return new Courier({ engine, clock, sink, monotonicMs, told, failed });
}

/** @param comes  told of each connection, frame and request before it is dealt with */
function toldSockets<T>(handlers: SocketHandlers<T>, comes: () => void): SocketHandlers<T> {
  return {
    ...handlers,
    upgrade(request) {
      comes();
      return handlers.upgrade(request);
    },
    message(socket, frame, isBinary) {
      comes();
      handlers.message(socket, frame, isBinary);
    },
  };
}

function toldHttp(answer: HttpHandler, comes: () => void): HttpHandler {
  return (request) => {
    comes();
    return answer(request);
  };
}

function consapTransformOf({ consap }: PgpKeys): OutputTransform | undefined {
  return consap === null ? undefined : { suffix: '.pgp', apply: encrypting(consap) };
}

interface Identities {
  readonly identity: Identity;
  readonly walletSessions: WalletSessions;
}

async function openIdentities({ configuration: { issuer }, folder }: FrontOptions): Promise<Identities> {
  const own = await openFolderIdentity(folder);
  if (issuer === null) return own;
  const keys = { jwksUrl: issuer.jwksUrl };
  return { ...own, identity: openIssuerIdentity({ issuer: issuer.issuer, keys, realMs, monotonicMs }) };
}

function spoolFolderOf(folder: string): string {
  const spool = join(folder, 'spool');
  mkdirSync(spool, { recursive: true });
  return spool;
}
