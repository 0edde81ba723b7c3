/** Verifies tokens: signature, issuer, audience, times, role and subject. Who signed them is somebody else's file. */
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type FetchImplementation,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  jwtVerify,
} from 'jose';
import { LRUCache } from 'lru-cache';
import { ROLES, type Role } from '../../engine/index.ts';
import type { Identity, Principal, Verification } from './identity.ts';
import { checkSubject } from './subject.ts';

export const AUDIENCE = 'clickday';

/** Asymmetric only: neither `none`, nor an HMAC keyed with a public key, can ever verify (fault 52). */
const ALGORITHMS = ['EdDSA', 'RS256', 'ES256'];
/** A token that is not valid yet may come from a clock slightly ahead of ours. Expiry has no such grace. */
const NOT_BEFORE_TOLERANCE_SECONDS = 5;
/** Longer tokens are refused unread: the largest real ones have about 1 kB. */
const TOKEN_CHARACTERS_MAX = 4_096;
/** A citizen's app sends the same token again and again; a signature costs 60-100 us, a look-up less than one. */
const VERIFIED_COUNT_MAX = 20_000;

const KEYS_AGE_MS_MAX = 24 * 3_600_000;
const KEYS_FETCH_INTERVAL_MS = 30_000;
const KEYS_FETCH_TIMEOUT_MS = 5_000;

export interface IdentityOptions {
  /** Who must have signed. */
  readonly issuer: string;
  readonly keys: JWTVerifyGetKey;
  /** Real time: tokens do not live in the programme's clock (DECISION 34). */
  readonly realMs: () => number;
}

export function createIdentity(options: IdentityOptions): Identity {
  const { realMs } = options;
  const verified = new LRUCache<string, Principal>({ max: VERIFIED_COUNT_MAX });

  return {
    async verify(token) {
      const known = verified.get(token);
      if (known !== undefined) return judgeExpiry(known, realMs());
      if (token.length > TOKEN_CHARACTERS_MAX || !isCanonical(token)) return UNAUTHENTICATED;

      const payload = await verifySignature(token, options);
      if (typeof payload === 'string') return { ok: false, code: payload };
      const principal = principalOf(payload);
      if (principal === null) return UNAUTHENTICATED;
      const verification = judgeExpiry(principal, realMs());
      if (verification.ok) verified.set(token, principal);
      return verification;
    },
  };
}

export interface IssuerIdentityOptions {
  readonly issuer: string;
  /** Where the issuer publishes its keys, or the keys themselves. */
  readonly keys: { readonly jwksUrl: string } | { readonly jwks: JSONWebKeySet };
  readonly realMs: () => number;
  readonly monotonicMs: () => number;
}

/** An identity provider outside: its keys come from its JWKS address, or are given. */
export function openIssuerIdentity(options: IssuerIdentityOptions): Identity {
  const keys =
    'jwks' in options.keys ? createLocalJWKSet(options.keys.jwks) : remoteKeys(options.keys.jwksUrl, options);
  return createIdentity({ issuer: options.issuer, keys, realMs: options.realMs });
}

/**
 * Fault 55: keys are kept a day, and a flood of unknown key ids asks the issuer at most once in 30 s. The cooldown
 * of jose counts from its last success only, so an issuer that is down would be asked for every token: hence the gate.
 */
function remoteKeys(jwksUrl: string, { monotonicMs }: { readonly monotonicMs: () => number }): JWTVerifyGetKey {
  let fetchedMs = Number.NEGATIVE_INFINITY;
  const gatedFetch: FetchImplementation = async (url, init) => {
    if (monotonicMs() - fetchedMs < KEYS_FETCH_INTERVAL_MS) throw new errors.JWKSNoMatchingKey();
    fetchedMs = monotonicMs();
    return fetch(url, init);
  };
  return createRemoteJWKSet(new URL(jwksUrl), {
    cacheMaxAge: KEYS_AGE_MS_MAX,
    // The gate above is the cooldown: two clocks for one rule would only disagree.
    cooldownDuration: 0,
    timeoutDuration: KEYS_FETCH_TIMEOUT_MS,
    [customFetch]: gatedFetch,
  });
}

type Failure = 'UNAUTHENTICATED' | 'TOKEN_EXPIRED';
const UNAUTHENTICATED: Verification = { ok: false, code: 'UNAUTHENTICATED' };

async function verifySignature(token: string, options: IdentityOptions): Promise<JWTPayload | Failure> {
  try {
    const { payload } = await jwtVerify(token, options.keys, {
      algorithms: ALGORITHMS,
      issuer: options.issuer,
      audience: AUDIENCE,
      requiredClaims: ['sub', 'role', 'exp'],
      currentDate: new Date(options.realMs()),
      clockTolerance: NOT_BEFORE_TOLERANCE_SECONDS,
    });
    return payload;
  } catch (error) {
    // A token is data from outside: whatever is wrong with it, or with fetching its key, it does not count.
    return error instanceof errors.JWTExpired ? 'TOKEN_EXPIRED' : 'UNAUTHENTICATED';
  }
}

function principalOf(payload: JWTPayload): Principal | null {
  const { role, sub, exp } = payload;
  if (!isRole(role) || sub === undefined || exp === undefined) return null;
  const checked = checkSubject(role, sub);
  if (!checked.ok) return null;
  return { role, subject: checked.subject, expiresAtMs: exp * 1_000 };
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
