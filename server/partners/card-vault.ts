/**
 * Where an instrument's own id (a card number, a customer id, bank and telephone number) becomes the hash that everything
 * else knows it by (domain 2.2, 6.2): in this process, or in a vault that issuers trust more, over HTTP.
 */
import * as v from 'valibot';
import type { Hpan, Read } from '../../engine/index.ts';
import { hashPan } from '../identity/hpan.ts';
import { isEncryptedText, PgpFault } from '../pgp/index.ts';
import { type Partner, PartnerFault } from './partner.ts';

export interface CardVault {
  /**
   * Of an id in clear or as a PGP message (see isEncryptedText). FIELD_INVALID where it is none; PGP_… where the message is
   * not for this vault; PARTNER_UNAVAILABLE where it does not answer. Never rejects for any of these.
   */
  hash(id: string): Promise<Read<Hpan>>;
}

export const VAULT_PATH = '/v1/hpans';

const idSchema = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(4_096));
const answerSchema = v.object({ hpan: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) });

/** @throws PgpFault */
export type Decrypt = (message: string) => Promise<string>;

/** What is encrypted is in clear here for as long as it takes to hash it, and goes nowhere else (promise 9). */
export class OwnCardVault implements CardVault {
  readonly #salt: string;
  readonly #decrypt: Decrypt | null;

  /** @param decrypt null: there is no key, so ids come in clear only */
  constructor(salt: string, decrypt: Decrypt | null = null) {
    this.#salt = salt;
    this.#decrypt = decrypt;
  }

  async hash(id: string): Promise<Read<Hpan>> {
    const checked = v.safeParse(idSchema, id);
    if (!checked.success) return INVALID;
    return isEncryptedText(checked.output) ? this.#hashEncrypted(checked.output) : this.#hashClear(checked.output);
  }

  async #hashEncrypted(message: string): Promise<Read<Hpan>> {
    if (this.#decrypt === null) return { ok: false, code: 'PGP_NOT_CONFIGURED', detail: 'id' };
    try {
      const checked = v.safeParse(idSchema, await this.#decrypt(message));
      return checked.success && !isEncryptedText(checked.output) ? this.#hashClear(checked.output) : INVALID;
    } catch (fault) {
      if (fault instanceof PgpFault) return { ok: false, code: fault.code, detail: 'id' };
      throw fault;
    }
  }

  #hashClear(id: string): Read<Hpan> {
    return { ok: true, value: hashPan(id, this.#salt) };
  }
}

/**
 * `POST /v1/hpans {id}`: 201 with `{hpan}`, 400 where it is no id. What is encrypted is handed on as it came: issuers then
 * encrypt with the vault's own key, and no card number ever is in clear here.
 */
export class HttpCardVault implements CardVault {
  readonly #partner: Partner;

  constructor(partner: Partner) {
    this.#partner = partner;
  }

  async hash(id: string): Promise<Read<Hpan>> {
    const checked = v.safeParse(idSchema, id);
    if (!checked.success) return INVALID;
    try {
      const { status, body } = await this.#partner.call('POST', VAULT_PATH, { id: checked.output });
      const answer = v.safeParse(answerSchema, body);
      if (status === 201 && answer.success) return { ok: true, value: answer.output.hpan };
      return status === 400 ? INVALID : UNAVAILABLE;
    } catch (fault) {
      if (fault instanceof PartnerFault) return UNAVAILABLE;
      throw fault;
    }
  }
}

/** Takes no id in clear. */
export function encryptedOnly(vault: CardVault): CardVault {
  return { hash: async (id) => (isEncryptedText(id) ? vault.hash(id) : REQUIRED) };
}

const REQUIRED = { ok: false, code: 'PGP_REQUIRED', detail: 'id' } as const;
const INVALID = { ok: false, code: 'FIELD_INVALID', detail: 'id' } as const;
const UNAVAILABLE = { ok: false, code: 'PARTNER_UNAVAILABLE' } as const;
