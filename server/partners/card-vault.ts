/**
 * Where an instrument's own id (a card number, a customer id, bank and telephone number) becomes the hash that everything
 * else knows it by (domain 2.2, 6.2): in this process, or in a vault that issuers trust more, over HTTP.
 */
import * as v from 'valibot';
import type { Hpan, Read } from '../../engine/index.ts';
import { hashPan } from '../identity/hpan.ts';
import { type Partner, PartnerFault } from './partner.ts';

export interface CardVault {
  /** FIELD_INVALID where it is no id; PARTNER_UNAVAILABLE where the vault does not answer. Never rejects for either. */
  hash(id: string): Promise<Read<Hpan>>;
}

export const VAULT_PATH = '/v1/hpans';

const idSchema = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(4_096));
const answerSchema = v.object({ hpan: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) });

/** Ids come in clear: for development, and where the way to here is the issuer's own. */
export class OwnCardVault implements CardVault {
  readonly #salt: string;

  constructor(salt: string) {
    this.#salt = salt;
  }

  async hash(id: string): Promise<Read<Hpan>> {
    const checked = v.safeParse(idSchema, id);
    return checked.success ? { ok: true, value: hashPan(checked.output, this.#salt) } : INVALID;
  }
}

/** `POST /v1/hpans {id}`: 201 with `{hpan}`, 400 where it is no id. */
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

const INVALID = { ok: false, code: 'FIELD_INVALID', detail: 'id' } as const;
const UNAVAILABLE = { ok: false, code: 'PARTNER_UNAVAILABLE' } as const;
