/** Where a card is charged a few cents, by which its bank says that it is good (domain 6.3): the port, and the real one over HTTP. */
import type { Hpan, Refused } from '../../engine/index.ts';
import { type Partner, PartnerFault } from './partner.ts';

/** Authorised, and reversed by the bank at once [press:optimagazine.com 2020-12-14]. */
export const VERIFICATION_CENTS = 2;

export interface CardCharge {
  /** The same one is the same charge, however often it is sent. */
  readonly key: string;
  readonly hpan: Hpan;
}

export type Charged = { readonly ok: true } | Refused;

export interface CardCharges {
  /**
   * VERIFICATION_CENTS of a card. CARD_REFUSED where its bank says no, for good; PARTNER_UNAVAILABLE where nobody knows: then
   * the card may have been charged, and asking again under the same key tells. Never rejects for any of these.
   */
  charge(charge: CardCharge): Promise<Charged>;
}

export const CHARGES_PATH = '/v1/charges';

/** `POST /v1/charges {key, hpan, amountCents, currency}`: 201, also when it was charged before; 402 where the bank refuses. */
export class HttpCardCharges implements CardCharges {
  readonly #partner: Partner;

  constructor(partner: Partner) {
    this.#partner = partner;
  }

  async charge(charge: CardCharge): Promise<Charged> {
    try {
      const asked = { ...charge, amountCents: VERIFICATION_CENTS, currency: 'EUR' };
      const { status } = await this.#partner.call('POST', CHARGES_PATH, asked);
      if (status === 201) return { ok: true };
      return status === 402 ? { ok: false, code: 'CARD_REFUSED' } : UNAVAILABLE;
    } catch (fault) {
      if (fault instanceof PartnerFault) return UNAVAILABLE;
      throw fault;
    }
  }
}

const UNAVAILABLE = { ok: false, code: 'PARTNER_UNAVAILABLE' } as const;

/** Nobody is configured: no card can be charged. */
export const NO_CHARGES: CardCharges = { charge: async () => UNAVAILABLE };
