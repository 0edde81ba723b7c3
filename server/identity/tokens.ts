/** Verifies tokens: signature, issuer, audience, times, role and subject. Who signed them is somebody else's file. */
import { hash, KeyObject, verify as verifySignature } from 'node:crypto';
import type { JSONWebKeySet } from 'jose';
import { LRUCache } from 'lru-cache';
import { LIMITS, ROLES, type Role } from '../../engine/index.ts';
import type { Identity, Principal, Reading, Verification } from './identity.ts';
import { ALGORITHMS, type Algorithm, fetchedKeys, givenKeys, type KeyHint, type Keys } from './keys.ts';
import { checkSubject } from './subject.ts';

export const AUDIENCE = 'clickday';
/** Of the sessions of the wallet's keeper: nothing else takes them, nor do they take its tokens. */
export const WALLET_AUDIENCE = 'clickday-wallet';

/** A token that is not valid yet may come from a clock slightly ahead of ours. Expiry has no such grace. */
const NOT_BEFORE_TOLERANCE_SECONDS = 5;
/** Longer tokens are refused unread: the largest real ones have about 1 kB. */
const TOKEN_CHARACTERS_MAX = 4_096;

export interface IdentityOptions {
  /** Who must have signed. */
  readonly issuer: string;
  readonly keys: Keys;
  /** For whom; default everything but wallet sessions. */
  readonly audience?: string;
  /** Real time: tokens do not live in the programme's clock (DECISION 34). */
  readonly realMs: () => number;
}

/**
 * Judges as jwtVerify of jose does (test/identity/oracle), but at once where the key is known: an upgrade that is
 * decided within its own callback spares the web server a detour (transport/uws.ts).
 */
export function createIdentity({ issuer, keys, audience = AUDIENCE, realMs }: IdentityOptions): Identity {
  /** By digest. An app sends the same token again and again; a signature costs 60-130 us, a look-up two. */
  const verified = new LRUCache<string, Verified>({ max: LIMITS.tokensVerifiedMax });

  function judge(token: Token, key: KeyObject | undefined): Verification {
    const { text, hint, principal } = token;
    if (key === undefined || !isSigned(token, key)) return UNAUTHENTICATED;
    const verification = judgeExpiry(principal, realMs());
    if (verification.ok) verified.set(digestOf(text), { principal, hint, key });
    return verification;
  }

  function judgeUnknown(token: Token): Verification | Promise<Verification> {
    const key = keys.find(token.hint);
    return key instanceof Promise ? key.then((found) => judge(token, found)) : judge(token, key);
  }

  function read(text: string): Reading {
    if (text.length > TOKEN_CHARACTERS_MAX) return NO_TOKEN;
    const known = verified.get(digestOf(text));
    if (known !== undefined && isSameKey(keys.find(known.hint), known.key)) {
      const verification = judgeExpiry(known.principal, realMs());
      return { isKnown: verification.ok, claimed: known.principal, verify: () => verification };
    }
    const token = readToken(text, { issuer, audience, nowSeconds: Math.floor(realMs() / 1_000) });
    if (token === undefined) return NO_TOKEN;
    return { isKnown: false, claimed: token.principal, verify: () => judgeUnknown(token) };
  }

  return { read, verify: (text) => read(text).verify() };
}

export interface IssuerIdentityOptions {
  readonly issuer: string;
  /** Where the issuer publishes its keys, or the keys themselves. */
  readonly keys: { readonly jwksUrl: string } | { readonly jwks: JSONWebKeySet };
  readonly realMs: () => number;
  readonly monotonicMs: () => number;
}

/** An identity provider outside: its keys come from its JWKS address, or are given. */
export function openIssuerIdentity({ issuer, keys: from, realMs, monotonicMs }: IssuerIdentityOptions): Identity {
  const keys = 'jwks' in from ? givenKeys(from.jwks) : fetchedKeys({ jwksUrl: from.jwksUrl, monotonicMs });
  return createIdentity({ issuer, keys, realMs });
}

const UNAUTHENTICATED: Verification = { ok: false, code: 'UNAUTHENTICATED' };
const NO_TOKEN: Reading = { isKnown: false, claimed: null, verify: () => UNAUTHENTICATED };

/** A token whose claims would do: all that is missing is the proof that the issuer made them, and the time. */
interface Token {
  readonly text: string;
  readonly hint: KeyHint;
  readonly principal: Principal;
}

/** Holds as long as the issuer has that key: one that is withdrawn takes its tokens with it. */
interface Verified {
  readonly principal: Principal;
  readonly hint: KeyHint;
  readonly key: KeyObject;
}

function digestOf(text: string): string {
  return hash('sha256', text, 'base64');
}

function isSameKey(found: ReturnType<Keys['find']>, key: KeyObject): boolean {
  return found === key || (found instanceof KeyObject && found.equals(key));
}

interface Expected {
  readonly issuer: string;
  readonly audience: string;
  readonly nowSeconds: number;
}

/** The cheap questions first: nobody's signature is checked, and no issuer asked, for claims that would not do. */
function readToken(text: string, expected: Expected): Token | undefined {
  if (!isCanonical(text)) return undefined;
  const [header, payload] = text.split('.', 2).map(readObject);
  const hint = header && hintOf(header);
  const principal = payload && principalOf(payload, expected);
  return hint && principal && { text, hint, principal };
}

function isSigned({ text, hint }: Token, key: KeyObject): boolean {
  const end = text.lastIndexOf('.');
  const signature = Buffer.from(text.slice(end + 1), 'base64url');
  // The encoding is of ECDSA only: two numbers side by side where OpenSSL itself would expect them in DER.
  const options = { key, dsaEncoding: 'ieee-p1363' } as const;
  return verifySignature(DIGESTS[hint.algorithm], Buffer.from(text.slice(0, end)), options, signature);
}

/** Ed25519 brings its own. */
const DIGESTS = { EdDSA: null, RS256: 'sha256', ES256: 'sha256' } as const satisfies Record<Algorithm, string | null>;

type JsonObject = Readonly<Record<string, unknown>>;

function readObject(part: string): JsonObject | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(part, 'base64url'));
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined also for any `crit`: it names extensions that the reader must understand, and we understand none. */
function hintOf({ alg, kid, crit }: JsonObject): KeyHint | undefined {
  if (!isAlgorithm(alg) || crit !== undefined) return undefined;
  return kid === undefined || typeof kid === 'string' ? { algorithm: alg, id: kid } : undefined;
}

function isAlgorithm(value: unknown): value is Algorithm {
  return (ALGORITHMS as readonly unknown[]).includes(value);
}

/** Whom the claims name; undefined where they are not meant for us, not valid yet, or not of the right types. */
function principalOf(claims: JsonObject, { issuer, audience, nowSeconds }: Expected): Principal | undefined {
  const { iss, aud, exp, role, sub, iat = 0, nbf = nowSeconds } = claims;
  if (iss !== issuer || !isFor(audience, aud)) return undefined;
  if (typeof exp !== 'number' || typeof iat !== 'number' || typeof nbf !== 'number') return undefined;
  if (nbf > nowSeconds + NOT_BEFORE_TOLERANCE_SECONDS) return undefined;
  if (!isRole(role) || typeof sub !== 'string') return undefined;
  const checked = checkSubject(role, sub);
  return checked.ok ? { role, subject: checked.subject, expiresAtMs: exp * 1_000 } : undefined;
}

function isFor(audience: string, claimed: unknown): boolean {
  return Array.isArray(claimed) ? claimed.includes(audience) : claimed === audience;
}

function isRole(value: unknown): value is Role {
  return (ROLES as readonly unknown[]).includes(value);
}

function judgeExpiry(principal: Principal, nowMs: number): Verification {
  return principal.expiresAtMs > nowMs ? { ok: true, principal } : { ok: false, code: 'TOKEN_EXPIRED' };
}

/** The spare bits at the end of a base64url text decode to nothing: without this, a token has several spellings. */
function isCanonical(token: string): boolean {
  const parts = token.split('.');
  return parts.length === 3 && parts.every((part) => Buffer.from(part, 'base64url').toString('base64url') === part);
}
