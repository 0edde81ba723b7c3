/** Encrypts what leaves: files for Consap. */
import type { PublicKey } from 'openpgp';
import { openPgp } from './library.ts';

/** Bytes in, bytes out, as they come: what is held in between does not grow with them. */
export type Transform = (bytes: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/**
 * To a binary OpenPGP message for whoever has the private key; not compressed, not signed.
 * Throws what `bytes` throws, and where the key has expired meanwhile.
 */
export function encrypting(key: PublicKey): Transform {
  return async function* (bytes) {
    const { createMessage, encrypt } = await openPgp();
    const message = await createMessage({ binary: ReadableStream.from(bytes) });
    yield* (await encrypt({ message, encryptionKeys: key, format: 'binary' })) as AsyncIterable<Uint8Array>;
  };
}
