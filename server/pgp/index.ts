/** The door: what is encrypted with OpenPGP on its way, in and out. */
export { decrypting } from './decrypting.ts';
export { encrypting, type Transform } from './encrypting.ts';
export { PgpFault } from './fault.ts';
export {
  generateKeyPair,
  PgpKeyFault,
  type PgpKeyFiles,
  type PgpKeys,
  readPassphrase,
  readPgpKeys,
  readPublicKey,
} from './keys.ts';
export { decryptedText, isEncryptedText } from './text.ts';
