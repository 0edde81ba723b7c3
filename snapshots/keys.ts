/**
 * The keys of a data folder: a master key, which wraps the others and can be replaced, and the index key, by which
 * citizens are named everywhere, which never changes. The wrapped index key is also the key check: it opens only
 * under the right master key and in its own folder.
 */
import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';
import { StorageFault } from '../engine/ports.ts';

export const KEY_BYTES = 32;
const IV_BYTES = 12;
const TAG_BYTES = 16;
/** What sealing adds: IV and tag. */
const SEAL_BYTES = IV_BYTES + TAG_BYTES;

export interface FolderKeys {
  readonly master: Uint8Array;
  readonly index: Uint8Array;
}

export function newKeys(): FolderKeys {
  return { master: randomBytes(KEY_BYTES), index: randomBytes(KEY_BYTES) };
}

const POOL_BYTES = 8_192;
/** Random bytes that nobody has seen yet: one call for many IVs and keys, since each call costs 3 us. */
const pool = { bytes: Buffer.alloc(0), used: 0 };

/** Bytes of the system's generator, each handed out once. */
export function freshBytes(count: number): Buffer {
  if (pool.used + count > pool.bytes.length) {
    pool.bytes = randomBytes(POOL_BYTES);
    pool.used = 0;
  }
  pool.used += count;
  return pool.bytes.subarray(pool.used - count, pool.used);
}

/** AES-256-GCM with a fresh IV: IV, tag, ciphertext. `context` must be the same when it is opened. */
export function sealBytes(key: Uint8Array, context: Uint8Array, plain: Uint8Array): Buffer {
  const iv = freshBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(context);
  // In this mode all of the ciphertext comes with the update.
  const sealed = cipher.update(plain);
  cipher.final();
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]);
}

/** @returns null when the key, the context or a single bit is wrong */
export function openBytes(key: Uint8Array, context: Uint8Array, sealed: Uint8Array): Buffer | null {
  if (sealed.length < SEAL_BYTES) return null;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(context).setAuthTag(sealed.subarray(IV_BYTES, SEAL_BYTES));
  // In this mode all of the plain text comes with the update.
  const plain = decipher.update(sealed.subarray(SEAL_BYTES));
  try {
    decipher.final();
    return plain;
  } catch {
    return null;
  }
}

export function wrapIndexKey(keys: FolderKeys, folderId: string): Buffer {
  return sealBytes(keys.master, indexContext(folderId), keys.index);
}

/** @throws StorageFault KEY_MISMATCH */
export function unwrapIndexKey(master: Uint8Array, folderId: string, wrapped: Uint8Array): Buffer {
  const index = openBytes(master, indexContext(folderId), wrapped);
  if (index !== null && index.length === KEY_BYTES) return index;
  throw new StorageFault('KEY_MISMATCH', 'keys/master.key is not the key of this folder: put the right one there');
}

function indexContext(folderId: string): Buffer {
  return Buffer.from(`clickday index key ${folderId}`);
}

/** A text of the usual length fits; a longer one gets a larger buffer. */
const HASHED_BYTES = 512;
const DIGEST_DIGITS = 32;
const UTF8_BYTES_MAX = 3;

/**
 * SHA-256 of key and text, cut to 128 bits. The cut is what makes a plain prefix a safe MAC: who wanted to lengthen a
 * text would need the half of the state that is not told. Every command of a citizen begins with one, so it is one
 * hash over a buffer that is kept: 1.4 us; HMAC by two such hashes 2.6 us, by `createHmac` 4.1 us.
 */
export class KeyedHash {
  #bytes = Buffer.alloc(HASHED_BYTES);

  constructor(key: Uint8Array) {
    this.#bytes.set(key);
  }

  /** 32 hex digits. */
  digest(text: string): string {
    const bytesMax = KEY_BYTES + text.length * UTF8_BYTES_MAX;
    if (bytesMax > this.#bytes.length) this.#bytes = Buffer.concat([this.#bytes], bytesMax);
    const end = KEY_BYTES + this.#bytes.write(text, KEY_BYTES);
    return hash('sha256', this.#bytes.subarray(0, end), 'hex').slice(0, DIGEST_DIGITS);
  }
}
