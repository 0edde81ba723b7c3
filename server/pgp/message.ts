/** From the bytes of an OpenPGP message to what was encrypted, piece by piece. Runs on a thread of its own (decrypting.ts). */
import type { Message, PrivateKey } from 'openpgp';
import { PgpFault } from './fault.ts';
import { openPgp } from './library.ts';

/**
 * Bytes that may go in before any come out, which is all that can be held in between: a compressor's block, or a chunk
 * of 4 MiB for each of a few cores (RFC 9580). A packet that calls itself larger cannot be streamed, and is refused.
 */
const HELD_BYTES_MAX = 16_777_216;

/** A sender may keep to itself whom a message is for. */
const MATCHES_HIDDEN = true;

/**
 * The integrity of the whole is known only at its end: until this ends, no piece may be acted on.
 *
 * Binary, as the acquirers' program writes it (CAST5 or AES, ZIP, with a modification detection code). Nothing without
 * that code is taken, nor anything unencrypted.
 * @throws PgpFault. It may also never settle, without anything under way: some malformed packets do that to the library.
 */
export async function* decryptedPieces(bytes: AsyncIterable<Uint8Array>, key: PrivateKey): AsyncGenerator<Uint8Array> {
  const { readMessage, decrypt } = await openPgp();
  const config = { allowUnauthenticatedStream: true };
  let heldBytes = 0;
  const counted = async function* () {
    for await (const chunk of bytes) {
      heldBytes += chunk.length;
      if (heldBytes > HELD_BYTES_MAX) throw new PgpFault('PGP_INVALID');
      yield chunk;
    }
  };
  try {
    const message = await readMessage({ binaryMessage: ReadableStream.from(counted()), config });
    refuseOtherKeys(message, key);
    const { data } = await decrypt({ message, decryptionKeys: key, format: 'binary', config });
    for await (const piece of data as AsyncIterable<Uint8Array>) {
      heldBytes = 0;
      yield piece;
    }
  } catch (cause) {
    throw cause instanceof PgpFault ? cause : new PgpFault('PGP_INVALID', { cause });
  }
}

/** By what the message says in clear, so the answer tells nothing about the key. */
export function refuseOtherKeys(message: Pick<Message<Uint8Array>, 'getEncryptionKeyIDs'>, key: PrivateKey): void {
  const [ids, own] = [message.getEncryptionKeyIDs(), key.getKeyIDs()];
  const mayBeOurs = ids.length === 0 || ids.some((id) => own.some((each) => id.equals(each, MATCHES_HIDDEN)));
  if (!mayBeOurs) throw new PgpFault('PGP_OTHER_KEY');
}
