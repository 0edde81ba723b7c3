/** Options of the engine process, from the command line and the environment, to typed and checked ones. */
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import * as v from 'valibot';
import {
  checkProgramme,
  demonstration,
  italy2020,
  type Programme,
  parseInstant,
  romeDayNumber,
} from '../engine/index.ts';
import type { ClockOrigin } from './clock.ts';
import type { PgpKeyFiles } from './pgp/index.ts';
import { type PlantedFault, parsePlanted } from './points.ts';
import { checkPolicy, EVERYTHING, readPolicy, type VersionsOptions } from './versions/index.ts';

/** A mistake in the configuration: told in one line, exit code 2, no restart. */
export class ConfigurationFault extends Error {
  readonly code = 'CONFIGURATION';
}

const OptionsSchema = v.strictObject({
  data: v.string(),
  port: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535)),
  host: v.optional(v.string(), '127.0.0.1'),
  transport: v.optional(v.picklist(['auto', 'uws', 'ws']), 'auto'),
  shards: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(64))),
  now: v.optional(v.string()),
  speed: v.optional(v.pipe(v.number(), v.minValue(0))),
  clock: v.optional(v.strictObject({ originMs: v.number(), originMonotonicMs: v.number(), speed: v.number() })),
  programme: v.optional(v.string()),
  demo: v.optional(v.boolean(), false),
  citizenRate: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0))),
  admission: v.optional(v.boolean(), true),
  slowdownUs: v.optional(v.pipe(v.number(), v.minValue(0)), 0),
  quota: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1))),
  ship: v.optional(v.string()),
  shipKeys: v.optional(v.string()),
  keepFormat: v.optional(v.boolean(), false),
  payoutFolder: v.optional(v.string()),
  noticesFolder: v.optional(v.string()),
  features: v.optional(v.string()),
  policy: v.optional(v.unknown()),
});

export interface Configuration {
  readonly folder: string;
  readonly port: number;
  readonly host: string;
  readonly transport: 'auto' | 'uws' | 'ws';
  /** Undefined: what the folder has, as many as suit the cores in a new one. */
  readonly shardCount: number | undefined;
  /** Undefined: real time. */
  readonly startMs: number | undefined;
  readonly speed: number;
  /** The simulated clock of the process that this one comes after: it goes on. Undefined: it starts at `startMs`. */
  readonly clock: ClockOrigin | undefined;
  /** Undefined: the folder's own, or the default of a new one. */
  readonly programme: string | undefined;
  readonly isDemonstration: boolean;
  /** Bytes of the folder from which on changes are refused; undefined: only the disk limits it. */
  readonly quotaBytes: number | undefined;
  /** Requests of one citizen in a second; 0: as many as it likes; undefined: LIMITS.citizenPerSecond. */
  readonly citizenPerSecond: number | undefined;
  /** False, for rehearsals: whatever there is room for is let in. */
  readonly hasAdmission: boolean;
  /** For rehearsals: what each request costs a shard more than it does, in microseconds. */
  readonly slowdownUs: number;
  /** Where the journal is shipped to; `keys` undefined: beside it. */
  readonly shipping: { readonly folder: string; readonly keys: string | undefined } | null;
  /** Where the files for the bank go; null: nowhere. They name people and accounts: their place is not the data folder. */
  readonly payoutFolder: string | null;
  /** Where notices to citizens go; null: they are queued, and wait. */
  readonly notices: { readonly folder: string } | { readonly webhook: PartnerAddress } | null;
  /** A folder of an older format stays one that the program before this one can open. */
  readonly keepsFormat: boolean;
  /** What each version of a client may do. */
  readonly versions: VersionsOptions;
  /** Connections that one address may open in a second; undefined, here and below: as LIMITS says. */
  readonly handshakesPerSecond: number | undefined;
  /** And how often it may ask over HTTP as nobody who is known. */
  readonly requestsPerSecond: number | undefined;
  /** Web pages that may connect, as `https://host`; undefined: any (faults 58). */
  readonly allowedOrigins: readonly string[] | undefined;
  /** Addresses of the proxies in front, which say in `X-Forwarded-For` who calls. */
  readonly proxies: readonly string[];
  /** A real issuer of tokens in place of the data folder itself. */
  readonly issuer: { readonly issuer: string; readonly jwksUrl: string } | null;
  /** The bank service that is asked before an IBAN is set; null: nobody is (DECISION 33). */
  readonly ibanChecker: PartnerAddress | null;
  /** Where an issuer's ids of instruments become hashes; null: here. */
  readonly cardVault: PartnerAddress | null;
  /** Where citizens' methods are found by tax code; null: nowhere. */
  readonly banks: PartnerAddress | null;
  /** Where cards are charged, to verify them; null: nowhere. */
  readonly cardCharges: PartnerAddress | null;
  /** What is encrypted on its way is so with these; null: nothing is. */
  readonly pgp: PgpConfiguration | null;
  /** For tests: changed rows after which a checkpoint begins. */
  readonly checkpointRowCount: number | undefined;
  /** For measurements: how long an orderly stop may take; undefined: as long as operators may wait (fault 22). */
  readonly stopMsMax?: number | undefined;
  /** For tests: what goes wrong, and where. */
  readonly killAt: PlantedFault | null;
}

/** A third party and the key that it wants, if any. */
export interface PartnerAddress {
  readonly url: string;
  readonly key: string | undefined;
}

export interface PgpConfiguration extends PgpKeyFiles {
  /** What the programme had encrypted is not taken in clear. */
  readonly isRequired: boolean;
}

/** @throws ConfigurationFault */
export function readConfiguration(json: string | undefined, environment: NodeJS.ProcessEnv): Configuration {
  const parsed = v.safeParse(OptionsSchema, parseJson(json ?? '{}'));
  if (!parsed.success) throw new ConfigurationFault(`options: ${v.summarize(parsed.issues)}`);
  const { data, port, host, transport, shards, now, speed = 1, clock, programme, demo } = parsed.output;
  const { quota, ship, shipKeys, keepFormat, payoutFolder = null, noticesFolder } = parsed.output;
  const { policy, features = environment.CLICKDAY_FEATURES } = parsed.output;
  return {
    folder: data,
    port,
    host,
    transport,
    shardCount: shards,
    startMs: now === undefined ? undefined : instantOf(now),
    speed,
    clock,
    programme,
    isDemonstration: demo,
    citizenPerSecond: parsed.output.citizenRate,
    hasAdmission: parsed.output.admission,
    slowdownUs: parsed.output.slowdownUs,
    quotaBytes: quota,
    shipping: ship === undefined ? null : { folder: ship, keys: shipKeys },
    payoutFolder,
    notices: noticesOf(noticesFolder, partnerOf('CLICKDAY_NOTICES', environment)),
    keepsFormat: keepFormat,
    versions: versionsOf(features, policy),
    handshakesPerSecond: countOf('CLICKDAY_HANDSHAKES_PER_ADDRESS', environment),
    requestsPerSecond: countOf('CLICKDAY_REQUESTS_PER_ADDRESS', environment),
    allowedOrigins: originsOf(environment),
    proxies: proxiesOf(environment),
    issuer: issuerOf(environment),
    ibanChecker: partnerOf('CLICKDAY_IBAN_CHECKER', environment),
    cardVault: partnerOf('CLICKDAY_CARD_VAULT', environment),
    banks: partnerOf('CLICKDAY_BANKS', environment),
    cardCharges: partnerOf('CLICKDAY_CARD_CHARGES', environment),
    pgp: pgpOf(environment),
    checkpointRowCount: countOf('CLICKDAY_CHECKPOINT_ROWS', environment),
    stopMsMax: countOf('CLICKDAY_STOP_MS', environment),
    killAt: killAtOf(environment.CLICKDAY_KILL_AT),
  };
}

/**
 * The programme of a new folder: the named one; else Italy's where the clock starts in its years, a demonstration
 * otherwise.
 * @throws ConfigurationFault
 */
export function programmeOf({ programme, startMs }: Configuration, nowMs: number): Programme {
  if (programme === 'italy-2020') return italy2020();
  if (programme === 'demonstration') return demonstration(romeDayNumber(nowMs));
  if (programme !== undefined) return programmeFile(programme);
  const year = new Date(nowMs).getUTCFullYear();
  return startMs !== undefined && year >= 2020 && year <= 2022 ? italy2020() : demonstration(romeDayNumber(nowMs));
}

/**
 * @param file empty or undefined: there is none
 * @param policy of the process that this one comes after: it holds on, whatever became of the file meanwhile
 */
function versionsOf(file: string | undefined, policy: unknown): VersionsOptions {
  if (file === undefined || file === '') return { file: null, policy: EVERYTHING };
  const checked = policy === undefined ? readPolicy(file) : checkPolicy(policy);
  if (!checked.ok) throw new ConfigurationFault(`--features ${file}: ${checked.problem}`);
  return { file, policy: checked.policy };
}

function programmeFile(path: string): Programme {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new ConfigurationFault(
      `--programme ${path}: no such file, and not a built-in programme (italy-2020, demonstration)`,
    );
  }
  const checked = checkProgramme(parseJson(text));
  if (!checked.ok) throw new ConfigurationFault(`--programme ${path}: ${checked.problem}`);
  return checked.programme;
}

function instantOf(text: string): number {
  const ms = parseInstant(text) ?? Date.parse(text);
  if (Number.isNaN(ms)) throw new ConfigurationFault(`--now is an ISO-8601 instant, such as 2020-12-08T08:00:00+01:00`);
  return ms;
}

function issuerOf({ CLICKDAY_ISSUER: issuer, CLICKDAY_JWKS_URL: jwksUrl }: NodeJS.ProcessEnv): Configuration['issuer'] {
  if (issuer === undefined && jwksUrl === undefined) return null;
  if (issuer !== undefined && jwksUrl !== undefined) return { issuer, jwksUrl };
  throw new ConfigurationFault('a real issuer needs both CLICKDAY_ISSUER and CLICKDAY_JWKS_URL');
}

function originsOf({ CLICKDAY_ORIGINS: text = '' }: NodeJS.ProcessEnv): readonly string[] | undefined {
  const origins = listOf(text);
  if (origins.every((origin) => URL.canParse(origin) && new URL(origin).origin === origin))
    return origins.length === 0 ? undefined : origins;
  throw new ConfigurationFault('CLICKDAY_ORIGINS names pages without a path, such as https://cashback.example');
}

function listOf(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((part) => part !== '');
}

function proxiesOf({ CLICKDAY_PROXIES: text = '' }: NodeJS.ProcessEnv): readonly string[] {
  const addresses = listOf(text);
  if (addresses.every((address) => isIP(address) !== 0)) return addresses;
  throw new ConfigurationFault('CLICKDAY_PROXIES names addresses, such as 10.0.0.2,10.0.0.3');
}

function noticesOf(folder: string | undefined, webhook: PartnerAddress | null): Configuration['notices'] {
  if (folder === undefined) return webhook === null ? null : { webhook };
  if (webhook === null) return { folder };
  throw new ConfigurationFault('notices go to --notices-folder or to CLICKDAY_NOTICES_URL, not to both');
}

/** By the address in NAME_URL and the key in NAME_KEY. */
function partnerOf(name: string, environment: NodeJS.ProcessEnv): PartnerAddress | null {
  const [url, key] = [environment[`${name}_URL`], environment[`${name}_KEY`]];
  if (url === undefined || url === '') return null;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new ConfigurationFault(`${name}_URL is an address such as https://bank.example`);
  }
  return { url, key };
}

function pgpOf(environment: NodeJS.ProcessEnv): PgpConfiguration | null {
  const named = (name: string) => environment[name] || undefined;
  const [key, passphrase] = [named('CLICKDAY_PGP_KEY'), named('CLICKDAY_PGP_PASSPHRASE')];
  const consapKey = named('CLICKDAY_PGP_CONSAP_KEY');
  const required = named('CLICKDAY_PGP_REQUIRED') ?? 'false';
  if (required !== 'true' && required !== 'false') {
    throw new ConfigurationFault('CLICKDAY_PGP_REQUIRED is true or false');
  }
  const isRequired = required === 'true';
  if (key === undefined && (passphrase !== undefined || isRequired)) {
    throw new ConfigurationFault('CLICKDAY_PGP_PASSPHRASE and CLICKDAY_PGP_REQUIRED need CLICKDAY_PGP_KEY');
  }
  return key === undefined && consapKey === undefined ? null : { key, passphrase, consapKey, isRequired };
}

function killAtOf(text: string | undefined): PlantedFault | null {
  const planted = parsePlanted(text);
  if (planted !== undefined) return planted;
  throw new ConfigurationFault('CLICKDAY_KILL_AT has the form point:count or point@subject:count:deed:milliseconds');
}

function countOf(name: string, environment: NodeJS.ProcessEnv): number | undefined {
  const text = environment[name];
  if (text === undefined || text === '') return undefined;
  if (!/^[1-9]\d*$/.test(text)) throw new ConfigurationFault(`${name} is a number from 1`);
  return Number(text);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ConfigurationFault('not JSON');
  }
}
