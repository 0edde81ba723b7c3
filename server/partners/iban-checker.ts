/** The bank service that knows whose an IBAN is (domain 2.1): the port, and the real one over HTTP. */
import { type Partner, PartnerFault } from './partner.ts';

/**
 * `INVALID`: it says that there is no such IBAN. `UNKNOWN_PSP`: the bank cannot be asked now. `UNREACHABLE`: the service
 * cannot. `FAILED`: an answer that the programme has no rule for.
 */
export type IbanVerdict = 'OK' | 'KO' | 'UNKNOWN_PSP' | 'UNREACHABLE' | 'INVALID' | 'FAILED';

export interface IbanChecker {
  /** Whether the account is this person's. Never rejects. */
  check(iban: string, taxCode: string): Promise<IbanVerdict>;
}

export const IBAN_CHECK_PATH = '/api/pagopa/banking/v4.0/utils/validate-account-holder';

/** The protocol of the interbank service that the programme used. */
export class HttpIbanChecker implements IbanChecker {
  readonly #partner: Partner;

  constructor(partner: Partner) {
    this.#partner = partner;
  }

  async check(iban: string, taxCode: string): Promise<IbanVerdict> {
    try {
      const { status, body } = await this.#partner.call('POST', IBAN_CHECK_PATH, {
        account: { value: iban, valueType: 'IBAN' },
        accountHolder: { type: 'PERSON_NATURAL', fiscalCode: taxCode },
      });
      return verdictOf(status, body);
    } catch (fault) {
      if (fault instanceof PartnerFault) return 'UNREACHABLE';
      throw fault;
    }
  }
}

function verdictOf(status: number, body: unknown): IbanVerdict {
  switch (status) {
    case 200:
      return validationStatusOf(body) === 'OK' ? 'OK' : 'KO';
    case 400:
      return 'INVALID';
    case 501:
    case 502:
      return 'UNKNOWN_PSP';
    default:
      return 'FAILED';
  }
}

function validationStatusOf(body: unknown): unknown {
  const { payload } = (body ?? {}) as { readonly payload?: { readonly validationStatus?: unknown } | null };
  return payload?.validationStatus;
}
