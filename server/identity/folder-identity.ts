/**
 * What a data folder signs with its own key, one Ed25519 key kept in it: wallet sessions, always, since nobody else's key
 * is here; and tokens, for development and demonstrations, where no real issuer is configured (tokens.ts). Whoever can
 * read that file can then be anybody.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from 'jose';
import type { Role } from '../../engine/index.ts';
import type { Identity, WalletSessions } from './identity.ts';
import { givenKeys } from './keys.ts';
import { checkSubject } from './subject.ts';
import { AUDIENCE, createIdentity, WALLET_AUDIENCE } from './tokens.ts';

/** As tokens have ever named it: those under way at an upgrade go on opening what they opened. */
const FOLDER_ISSUER = 'clickday-development';
const ALGORITHM = 'EdDSA';
/** As long as adding a card takes with patience; the app began another one whenever it was told 401. */
const WALLET_SESSION_MS = 600_000;

export interface TokenRequest {
  readonly role: Role;
  /** Citizen: tax code. Issuer: channel. Acquirer: ABI. Operator: name. */
  readonly subject: string;
  readonly ttlSeconds: number;
}

export interface FolderIdentity {
  readonly identity: Identity;
  /** A signed token. Rejects with IdentityFault SUBJECT_INVALID, whose message says what a subject of that role is. */
  sign(request: TokenRequest): Promise<string>;
  /** Also where tokens come from another issuer. */
  readonly walletSessions: WalletSessions;
}

/** The folder's key cannot be used, or a subject cannot be named. */
export class IdentityFault extends Error {
  readonly code: 'IDENTITY_DAMAGED' | 'SUBJECT_INVALID';
  constructor(code: IdentityFault['code'], message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export interface FolderIdentityOptions {
  /** Real time, milliseconds since the epoch; default the system's. */
  readonly realMs?: () => number;
}

/**
 * Opens the identity of a data folder, and makes its key at the first time. Two processes that do so at once end
 * with one key: the first to link it into place wins, the other reads it.
 */
export async function openFolderIdentity(
  folder: string,
  { realMs = Date.now }: FolderIdentityOptions = {},
): Promise<FolderIdentity> {
  const jwk = await readOrMakeKey(join(folder, 'identity'));
  const privateKey = await importJWK(jwk, ALGORITHM);
  const verifying = { issuer: FOLDER_ISSUER, keys: givenKeys({ keys: [publicPart(jwk)] }), realMs };
  const secondsNow = () => Math.floor(realMs() / 1_000);
  const signed = ({ role, subject, audience, expirySeconds }: Claims): Promise<string> =>
    new SignJWT({ role })
      .setProtectedHeader({ alg: ALGORITHM, kid: jwk.kid, typ: 'JWT' })
      .setIssuer(FOLDER_ISSUER)
      .setAudience(audience)
      .setSubject(subject)
      .setIssuedAt(secondsNow())
      .setExpirationTime(expirySeconds)
      .sign(privateKey);
  return {
    identity: createIdentity(verifying),
    async sign({ role, subject, ttlSeconds }) {
      const checked = checkSubject(role, subject);
      if (!checked.ok) throw new IdentityFault('SUBJECT_INVALID', checked.problem);
      return signed({ role, subject: checked.subject, audience: AUDIENCE, expirySeconds: secondsNow() + ttlSeconds });
    },
    walletSessions: {
      ...createIdentity({ ...verifying, audience: WALLET_AUDIENCE }),
      async open({ role, subject, expiresAtMs }) {
        const expirySeconds = Math.floor(Math.min(expiresAtMs, realMs() + WALLET_SESSION_MS) / 1_000);
        const token = await signed({ role, subject, audience: WALLET_AUDIENCE, expirySeconds });
        return { token, expiresAtMs: expirySeconds * 1_000 };
      },
    },
  };
}

interface Claims extends Pick<TokenRequest, 'role' | 'subject'> {
  readonly audience: string;
  readonly expirySeconds: number;
}

interface PrivateKey extends JWK {
  readonly kid: string;
}

async function readOrMakeKey(folder: string): Promise<PrivateKey> {
  const file = join(folder, 'development.jwk');
  const found = await readKey(file);
  if (found !== null) return found;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await linkInPlace(file, JSON.stringify(await makeKey()));
  // Ours or the one of who was faster: what the file says is the key.
  const made = await readKey(file);
  if (made === null) throw new IdentityFault('IDENTITY_DAMAGED', `${file} vanished while it was made`);
  return made;
}

async function readKey(file: string): Promise<PrivateKey | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return null;
    throw new IdentityFault('IDENTITY_DAMAGED', `${file} cannot be read: is it yours?`, { cause });
  }
  const key = parseKey(text);
  if (key === null) {
    throw new IdentityFault('IDENTITY_DAMAGED', `${file} is not a key: remove it, and tokens must be made again`);
  }
  return key;
}

function parseKey(text: string): PrivateKey | null {
  try {
    const key: unknown = JSON.parse(text);
    return isPrivateKey(key) ? key : null;
  } catch {
    return null;
  }
}

function isPrivateKey(value: unknown): value is PrivateKey {
  if (typeof value !== 'object' || value === null) return false;
  const { kty, crv, x, d, kid } = value as Record<string, unknown>;
  return kty === 'OKP' && crv === 'Ed25519' && [x, d, kid].every((text) => typeof text === 'string');
}

async function makeKey(): Promise<PrivateKey> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk) };
}

function publicPart({ d: _, ...jwk }: PrivateKey): JWK {
  return { ...jwk, alg: ALGORITHM, use: 'sig' };
}

/** All or nothing, and never over an existing file: written and synced beside, then linked under its name. */
async function linkInPlace(file: string, text: string): Promise<void> {
  const beside = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    const handle = await open(beside, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(beside, file).catch((error) => {
      if (errorCode(error) !== 'EEXIST') throw error;
    });
  } finally {
    await rm(beside, { force: true });
  }
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
