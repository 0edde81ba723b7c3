/** The HTTP API as a client meets it: a real engine, real tokens, a real port; only the disk is in memory. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PrivateKey } from 'openpgp';
import { type Engine, italy2020, openEngine, type Programme, type Role } from '../../engine/index.ts';
import type { Admission, Requests } from '../../server/admission/index.ts';
import type { ServedBackups } from '../../server/backups.ts';
import { createClock, type SettableClock } from '../../server/clock.ts';
import { createFileIngester } from '../../server/files/index.ts';
import { createHttpHandler, type RequestLine } from '../../server/http/index.ts';
import { type FolderIdentity, openFolderIdentity } from '../../server/identity/folder-identity.ts';
import { createMetrics } from '../../server/metrics.ts';
import {
  type CardCharges,
  type CardVault,
  type MethodSearch,
  NO_CHARGES,
  NO_SEARCH,
  OwnCardVault,
} from '../../server/partners/index.ts';
import { PayoutDesk } from '../../server/payout/index.ts';
import { decryptedText } from '../../server/pgp/index.ts';
import { decryptedPieces } from '../../server/pgp/message.ts';
import { HashLists } from '../../server/publishing/index.ts';
import type { Service } from '../../server/service/index.ts';
import { type Listening, listen } from '../../server/transport/index.ts';
import { Versions } from '../../server/versions/index.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';
import { openTestErrors } from '../support/errors.ts';
import { freshStats, testService } from '../support/service.ts';

export interface Sent {
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Objects are sent as JSON. */
  readonly body?: unknown;
}

export interface Received {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed, where it is JSON. */
  readonly body: unknown;
}

export interface ServerOptions {
  /** Default 7 December 2020, 10:00 in Rome; null starts without `--now`. */
  readonly now?: string | null;
  readonly isReady?: () => boolean;
  readonly methodSearch?: MethodSearch;
  readonly cardCharges?: CardCharges;
  /** Default: one of its own. */
  readonly cardVault?: CardVault;
  /** Default Italy's. */
  readonly programme?: Programme;
  readonly versions?: Versions;
  readonly admission?: Admission;
  readonly requests?: Requests;
  readonly monotonicMs?: () => number;
  /** Default: one that nobody asks. */
  readonly service?: Service;
  /** Of the platform; absent: nothing encrypted is taken. */
  readonly pgpKey?: PrivateKey;
  readonly isEncryptionRequired?: boolean;
}

/** A disk with room. */
export const storage = () => ({ isFull: false, freeShare: 0.5, folderBytes: null });
/** Whoever asks is told that one is under way. */
export const NO_BACKUPS: ServedBackups = {
  ...{ state: null, shipping: () => null },
  ...{ begin: () => null, past: () => null, doubles: () => null },
};

export class HttpServer {
  readonly engine: Engine;
  readonly clock: SettableClock;
  readonly identity: FolderIdentity;
  readonly lines: RequestLine[];
  readonly url: string;
  readonly hashLists: HashLists;
  readonly folder: string;
  readonly #end: () => Promise<void>;

  private constructor(parts: Omit<HttpServer, 'call' | 'token' | 'at' | 'close'>, end: () => Promise<void>) {
    this.engine = parts.engine;
    this.clock = parts.clock;
    this.identity = parts.identity;
    this.lines = parts.lines;
    this.url = parts.url;
    this.hashLists = parts.hashLists;
    this.folder = parts.folder;
    this.#end = end;
  }

  static async open({
    now = '2020-12-07T10:00:00+01:00',
    isReady = () => true,
    methodSearch = NO_SEARCH,
    cardCharges = NO_CHARGES,
    cardVault,
    programme = italy2020(),
    versions = new Versions(),
    admission,
    requests,
    monotonicMs = () => performance.now(),
    service = testService(),
    pgpKey,
    isEncryptionRequired = false,
  }: ServerOptions = {}): Promise<HttpServer> {
    const folder = await mkdtemp(join(tmpdir(), 'clickday-http-'));
    const start = now === null ? {} : { startMs: Date.parse(now), speed: 0 };
    const clock = createClock({ ...start, monotonicMs, realMs: Date.now });
    const engine = await openTestEngine(clock, programme);
    const stats = freshStats(engine);
    const metrics = createMetrics({ monotonicMs, socketCount: () => 0, storage, service, stats });
    const observed = service.observe(metrics.observe(engine));
    const identity = await openFolderIdentity(folder);
    const lines: RequestLine[] = [];
    const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
    const published = { folder: join(folder, 'published'), failed: fail };
    const hashLists = new HashLists({ engine: observed, clock, realMs: Date.now, pause, ...published });
    const errors = await openTestErrors(join(folder, 'errors'));
    const http = createHttpHandler({
      errors,
      engine: observed,
      identity: identity.identity,
      walletSessions: identity.walletSessions,
      clock,
      files: createFileIngester({
        ...{ engine: observed, clock, errors, spoolFolder: folder, pause, refusal: () => null, isEncryptionRequired },
        decrypting: pgpKey === undefined ? null : (bytes) => decryptedPieces(bytes, pgpKey),
      }),
      metrics,
      storage,
      backups: NO_BACKUPS,
      payouts: new PayoutDesk({ engine: observed, clock, folder: join(folder, 'payouts'), pause }),
      cardVault:
        cardVault ??
        new OwnCardVault(
          italy2020().panSalt,
          pgpKey === undefined ? null : (message) => decryptedText(message, pgpKey),
        ),
      isEncryptionRequired,
      methodSearch,
      cardCharges,
      hashList: () => hashLists.current,
      isReady,
      versions,
      requests,
      admission,
      service,
      stats,
      log: (line) => lines.push(line),
      realMs: Date.now,
      monotonicMs,
      random: () => 0,
    });
    const listening = await listenOn(http);
    const url = `http://127.0.0.1:${listening.port}`;
    return new HttpServer({ engine, clock, identity, lines, url, hashLists, folder }, async () => {
      await listening.close();
      await engine.close();
      await rm(folder, { recursive: true });
    });
  }

  async call(method: string, path: string, { token, headers = {}, body }: Sent = {}): Promise<Received> {
    const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(isRaw ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isRaw ? (body as string) : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson && text !== '' ? JSON.parse(text) : undefined,
    };
  }

  token(role: Role, subject: string): Promise<string> {
    return this.identity.sign({ role, subject, ttlSeconds: 600 });
  }

  /** Moves the clock on, as an operator would. */
  at(now: string): void {
    this.clock.set(Date.parse(now));
    this.engine.tick();
  }

  close(): Promise<void> {
    return this.#end();
  }
}

async function openTestEngine(clock: SettableClock, programme: Programme): Promise<Engine> {
  const { stores } = await openMemoryPersistence();
  const failed = (error: unknown) => {
    throw error;
  };
  return openEngine({ stores, programme, clock, schedule: setImmediate, failed });
}

function listenOn(http: Parameters<typeof listen>[1]['http']): Promise<Listening> {
  return listen('ws', {
    host: '127.0.0.1',
    port: 0,
    http,
    frameBytesMax: 1_024,
    bufferedBytesMax: 1_024,
    sockets: {
      upgrade: async () => ({ ok: false, response: { status: 404, headers: {}, body: '' } }),
      open() {},
      message() {},
      closed() {},
    },
  });
}

function fail(fault: unknown): never {
  throw fault;
}
