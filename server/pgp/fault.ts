import type { RefusalName } from '../../engine/index.ts';

/** Why what came encrypted is not taken, in a code that its sender understands. */
export class PgpFault extends Error {
  readonly code: Extract<RefusalName, 'PGP_INVALID' | 'PGP_OTHER_KEY' | 'TOO_LARGE' | 'INTERNAL_ERROR'>;

  constructor(code: PgpFault['code'], options?: ErrorOptions) {
    super(`not decrypted: ${code}`, options);
    this.code = code;
  }
}
