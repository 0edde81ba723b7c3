/** The public keys of an issuer: imported once, then found without waiting; fetched only where one is missing. */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { createRemoteJWKSet, type JSONWebKeySet, type JWK } from 'jose';

/** Asymmetric only: neither `none`, nor an HMAC keyed with a public key, can ever verify (fault 52). */
export const ALGORITHMS = ['EdDSA', 'RS256', 'ES256'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

const RSA_BITS_MIN = 2_048;
const KEYS_AGE_MS_MAX = 24 * 3_600_000;
const FETCH_INTERVAL_MS = 30_000;
const FETCH_TIMEOUT_MS = 5_000;

/** Which key a token says it was signed with. */
export interface KeyHint {
  readonly algorithm: Algorithm;
  /** `kid`. Undefined: whatever key of this algorithm there is, if it is the only one. */
  readonly id: string | undefined;
}

export interface Keys {
  /** Undefined: none, or more than one. A promise only where the issuer must be asked first; it never rejects. */
  find(hint: KeyHint): KeyObject | undefined | Promise<KeyObject | undefined>;
}

/** Keys that never change. */
export function givenKeys(jwks: JSONWebKeySet): Keys {
  const keys = importKeys(jwks);
  return { find: (hint) => theOnly(matching(keys, hint)) };
}

export interface FetchedKeysOptions {
  readonly jwksUrl: string;
  readonly monotonicMs: () => number;
}

/**
 * Fault 55: keys are kept a day, and a flood of unknown key ids asks the issuer at most once in 30 s, also while it
 * is down. It is asked at once, so that the first callers find the keys there.
 */
export function fetchedKeys({ jwksUrl, monotonicMs }: FetchedKeysOptions): Keys {
  const issuer = createRemoteJWKSet(new URL(jwksUrl), { timeoutDuration: FETCH_TIMEOUT_MS });
  let keys: readonly SigningKey[] = [];
  let askedMs = Number.NEGATIVE_INFINITY;
  let fetchedMs = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | undefined;

  async function fetchKeys(): Promise<void> {
    askedMs = monotonicMs();
    try {
      await issuer.reload();
      keys = importKeys(issuer.jwks() ?? { keys: [] });
      fetchedMs = monotonicMs();
    } catch {
      // The issuer is down, or talks nonsense: what is known goes on working until its day is over.
    }
    fetching = undefined;
  }

  function known(hint: KeyHint): readonly SigningKey[] {
    return monotonicMs() - fetchedMs < KEYS_AGE_MS_MAX ? matching(keys, hint) : [];
  }

  fetching = fetchKeys();
  return {
    find(hint) {
      const found = known(hint);
      if (found.length > 0) return theOnly(found);
      if (fetching === undefined && monotonicMs() - askedMs < FETCH_INTERVAL_MS) return undefined;
      fetching ??= fetchKeys();
      return fetching.then(() => theOnly(known(hint)));
    },
  };
}

interface SigningKey {
  readonly algorithm: Algorithm;
  readonly id: string | undefined;
  /** Undefined where it is private, too weak, or unreadable: it checks nothing, but a token may still have meant it. */
  readonly key: KeyObject | undefined;
}

function matching(keys: readonly SigningKey[], hint: KeyHint): readonly SigningKey[] {
  return keys.filter(({ algorithm, id }) => algorithm === hint.algorithm && (hint.id === undefined || hint.id === id));
}

/** Two keys for one token are no key: guessing would let one issuer's mistake decide who signed. */
function theOnly(keys: readonly SigningKey[]): KeyObject | undefined {
  return keys.length === 1 ? keys[0]?.key : undefined;
}

function importKeys({ keys }: JSONWebKeySet): readonly SigningKey[] {
  return keys.map(importKey).filter((key) => key !== undefined);
}

/** Undefined for a key of a kind that we do not take, or that is not for checking signatures. */
function importKey(jwk: JWK): SigningKey | undefined {
  const algorithm = algorithmOf(jwk);
  if (algorithm === undefined || !isForVerifying(jwk, algorithm)) return undefined;
  return { algorithm, id: jwk.kid, key: publicKeyOf(jwk) };
}

function publicKeyOf(jwk: JWK): KeyObject | undefined {
  if (jwk.d !== undefined) return undefined; // Published by mistake: others may have it.
  try {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    return isStrong(key) ? key : undefined;
  } catch {
    return undefined; // The other keys of its set still count.
  }
}

/** From the kind of the key itself: what its set, or a token, says of it can only agree. */
function algorithmOf({ kty, crv }: JWK): Algorithm | undefined {
  if (kty === 'OKP' && crv === 'Ed25519') return 'EdDSA';
  if (kty === 'EC' && crv === 'P-256') return 'ES256';
  return kty === 'RSA' ? 'RS256' : undefined;
}

function isForVerifying({ alg, use, key_ops: operations }: JWK, algorithm: Algorithm): boolean {
  if (alg !== undefined && alg !== algorithm) return false;
  if (use !== undefined && use !== 'sig') return false;
  return operations === undefined || (Array.isArray(operations) && operations.includes('verify'));
}

/** The curves have one size each; only RSA comes in weak ones. */
function isStrong(key: KeyObject): boolean {
  const bits = key.asymmetricKeyDetails?.modulusLength;
  return bits === undefined || bits >= RSA_BITS_MIN;
}
