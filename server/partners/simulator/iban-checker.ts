/** The bank service that checks IBANs, simulated: every account is its holder's, but for those named by command. */
import * as v from 'valibot';
import { IBAN_CHECK_PATH } from '../iban-checker.ts';
import type { SimulatedAnswer, SimulatedPartner } from './simulated-partner.ts';

export const IBAN_CHECKER = 'iban-checker';

/** By IBAN: what it says, or the HTTP status in place of an answer. */
const settings = {
  answers: v.optional(
    v.record(v.string(), v.union([v.picklist(['OK', 'KO', 'NOTHING']), v.pipe(v.number(), v.integer())])),
    {},
  ),
};

const askedSchema = v.object({
  account: v.object({ value: v.string(), valueType: v.literal('IBAN') }),
  accountHolder: v.object({ type: v.literal('PERSON_NATURAL'), fiscalCode: v.string() }),
});

export const simulatedIbanChecker: SimulatedPartner = {
  settings,
  takes: (method, path) => method === 'POST' && path === IBAN_CHECK_PATH,
  answer(body, { answers = {} }): SimulatedAnswer {
    const asked = v.safeParse(askedSchema, body);
    if (!asked.success) return { status: 400 };
    const answer = (answers as Readonly<Record<string, string | number>>)[asked.output.account.value] ?? 'OK';
    if (typeof answer === 'number') return { status: answer };
    return { status: 200, body: answer === 'NOTHING' ? {} : { status: 'OK', payload: { validationStatus: answer } } };
  },
};
