/** The keys of what is encrypted: out of files, checked before anybody needs them; and new ones, for development. */
import { readFile } from 'node:fs/promises';
import type { Key, PrivateKey, PublicKey } from 'openpgp';
import { openPgp } from './library.ts';

export interface PgpKeyFiles {
  /** The platform's private key, armored or binary; undefined: nothing encrypted is taken. */
  readonly key: string | undefined;
  /** A file with the passphrase that locks it; undefined: none does. */
  readonly passphrase: string | undefined;
  /** Consap's public key; undefined: nothing is encrypted for it. */
  readonly consapKey: string | undefined;
}

export interface PgpKeys {
  /** Unlocked. */
  readonly platform: PrivateKey | null;
  readonly consap: PublicKey | null;
}

/** What a person has to put right, in one line that names the file. */
export class PgpKeyFault extends Error {
  readonly code = 'PGP_KEY';
}

/**
 * @param files null: none are named
 * @param nowMs real time: keys are not the programme's
 * @throws PgpKeyFault
 */
export async function readPgpKeys(files: PgpKeyFiles | null, nowMs: number): Promise<PgpKeys> {
  const { key, passphrase, consapKey } = files ?? {};
  return {
    platform: key === undefined ? null : await readPrivateKey(key, passphrase, nowMs),
    consap: consapKey === undefined ? null : await readPublicKey(consapKey, nowMs),
  };
}

/** @throws PgpKeyFault */
export async function readPublicKey(path: string, nowMs: number): Promise<PublicKey> {
  const key = await readKeyFile(path);
  if (key.isPrivate())
    throw new PgpKeyFault(`${path} is a private key, which only its owner may have: name the public one`);
  await checkUsable(key, path, nowMs);
  return key;
}

async function readPrivateKey(path: string, passphrase: string | undefined, nowMs: number): Promise<PrivateKey> {
  const key = await readKeyFile(path);
  if (!key.isPrivate()) throw new PgpKeyFault(`${path} is a public key: name the private one`);
  const unlocked = await unlock(key, path, passphrase);
  await checkUsable(unlocked, path, nowMs);
  return unlocked;
}

async function unlock(key: PrivateKey, path: string, passphrase: string | undefined): Promise<PrivateKey> {
  if (key.isDecrypted()) return key;
  if (passphrase === undefined) {
    throw new PgpKeyFault(`${path} is locked: name a file with its passphrase with CLICKDAY_PGP_PASSPHRASE`);
  }
  const { decryptKey } = await openPgp();
  return decryptKey({ privateKey: key, passphrase: await readPassphrase(passphrase) }).catch((cause: unknown) => {
    throw new PgpKeyFault(`${passphrase} has not the passphrase of ${path}`, { cause });
  });
}

/**
 * Without the end of the line that an editor leaves.
 * @throws PgpKeyFault
 */
export async function readPassphrase(path: string): Promise<string> {
  return (await contentOf(path)).toString('utf8').replace(/\r?\n$/, '');
}

async function readKeyFile(path: string): Promise<Key> {
  const bytes = await contentOf(path);
  const { readKey } = await openPgp();
  const isArmored = bytes.includes('-----BEGIN PGP ');
  const reading = isArmored ? readKey({ armoredKey: bytes.toString('utf8') }) : readKey({ binaryKey: bytes });
  return reading.catch((cause: unknown) => {
    throw new PgpKeyFault(`${path} is no PGP key`, { cause });
  });
}

async function contentOf(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${cause.code})`;
    throw new PgpKeyFault(`${path}: ${why}`, { cause });
  });
}

/** What is encrypted with it by those who have the public half has to be readable here, and the other way round. */
async function checkUsable(key: Key, path: string, nowMs: number): Promise<void> {
  const usable = (date: Date | null) =>
    key.getEncryptionKey(undefined, date).then(
      () => null,
      (why: Error) => why,
    );
  const why = await usable(new Date(nowMs));
  if (why === null) return;
  // Whatever the date, which only an expired key is usable at.
  const isExpired = (await usable(null)) === null;
  const reason = isExpired ? 'has expired, or is not valid yet' : `cannot be encrypted to (${why.message})`;
  throw new PgpKeyFault(`${path} ${reason}`, { cause: why });
}

export interface KeyPairOptions {
  readonly name: string;
  /** Empty: the private key is not locked. */
  readonly passphrase: string;
}

export interface KeyPair {
  /** Armored, both. */
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Curve25519, which every OpenPGP program of the last ten years reads; never expires. */
export async function generateKeyPair({ name, passphrase }: KeyPairOptions): Promise<KeyPair> {
  const { generateKey } = await openPgp();
  const { privateKey, publicKey } = await generateKey({ userIDs: [{ name }], passphrase, format: 'armored' });
  return { privateKey, publicKey };
}
