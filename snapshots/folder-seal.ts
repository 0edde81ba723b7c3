/** Seals what others keep in a data folder beside the stores, under a key that follows from the folder's own. */
import { hkdfSync } from 'node:crypto';
import { StorageFault } from '../engine/ports.ts';
import { KEY_BYTES, KeyedHash, openBytes, sealBytes } from './keys.ts';
import { keysFolder, readKeys, readManifest } from './lmdb/folder.ts';

export interface Seal {
  /** @param context must be the same when it is opened: what the bytes are */
  seal(context: string, plain: Uint8Array): Buffer;
  /** Null when the key, the context or a single bit is wrong. */
  open(context: string, sealed: Uint8Array): Buffer | null;
  /** Keyed hash of a text: 32 hex digits. */
  digest(text: string): string;
}

/**
 * The index key stays when the master key is replaced, and so does what follows from it.
 *
 * @param purpose another one has another key
 * @throws StorageFault MANIFEST_MISSING, KEY_MISMATCH
 */
export function openFolderSeal(folder: string, purpose: string): Seal {
  const manifest = readManifest(folder);
  if (manifest === null) throw new StorageFault('MANIFEST_MISSING', `${folder} has no manifest.json`);
  const { index } = readKeys(keysFolder(folder), manifest.folderId);
  return sealUnder(Buffer.from(hkdfSync('sha256', index, manifest.folderId, `clickday ${purpose}`, KEY_BYTES)));
}

/** @param key KEY_BYTES of them */
export function sealUnder(key: Uint8Array): Seal {
  const hash = new KeyedHash(key);
  return {
    seal: (context, plain) => sealBytes(key, Buffer.from(context), plain),
    open: (context, sealed) => openBytes(key, Buffer.from(context), sealed),
    digest: (text) => hash.digest(text),
  };
}
