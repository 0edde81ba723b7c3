/** Short texts that come encrypted: the ids of issuers' instruments (domain 6.2). */
import type { PrivateKey } from 'openpgp';
import { PgpFault } from './fault.ts';
import { openPgp } from './library.ts';
import { refuseOtherKeys } from './message.ts';

const ARMOR = '-----BEGIN PGP MESSAGE-----';
/** No message is shorter: its session key alone is some 130 characters of base64. No id in clear is longer. */
const CLEAR_CHARACTERS_MAX = 100;
/** An id is some twenty characters; what a message may grow to when it is decompressed. */
const TEXT_BYTES_MAX = 4_096;

/** By its form alone: what looks encrypted is never taken for an id in clear, nor the other way round. */
export function isEncryptedText(text: string): boolean {
  return text.startsWith(ARMOR) || text.length > CLEAR_CHARACTERS_MAX;
}

/**
 * Of an armored message, or one in base64 as headers and paths can carry it. 1.4 ms of this thread with the keys that
 * `clickday keygen` makes, 11 ms with RSA of 2,048 bits.
 * @throws PgpFault
 */
export async function decryptedText(text: string, key: PrivateKey): Promise<string> {
  const { readMessage, decrypt } = await openPgp();
  const config = { maxDecompressedMessageSize: TEXT_BYTES_MAX };
  try {
    const message = text.startsWith(ARMOR)
      ? await readMessage({ armoredMessage: text, config })
      : await readMessage({ binaryMessage: new Uint8Array(Buffer.from(text, 'base64')), config });
    refuseOtherKeys(message, key);
    const { data } = await decrypt({ message, decryptionKeys: key, config });
    return data as string;
  } catch (cause) {
    throw cause instanceof PgpFault ? cause : new PgpFault('PGP_INVALID', { cause });
  }
}
