/** Whom a token may name, by role: the one place that decides what a subject looks like. */
import { APP_CHANNEL, checkTaxCode, type Role } from '../../engine/index.ts';

export type SubjectCheck =
  | { readonly ok: true; readonly subject: string }
  /** `problem` is for a person with a terminal; it does not repeat the subject. */
  | { readonly ok: false; readonly problem: string };

const ABI = /^\d{5}$/;
const CHANNEL = /^[0-9A-Za-z._-]{1,20}$/;
const OPERATOR = /^[\p{L}\p{N}._@ -]{1,64}$/u;

/** A citizen's subject is a tax code with its check character (DECISION 32); it comes back in upper case. */
export function checkSubject(role: Role, subject: string): SubjectCheck {
  switch (role) {
    case 'citizen': {
      const taxCode = checkTaxCode(subject);
      if (!taxCode.ok) return { ok: false, problem: 'a citizen is named by a valid tax code (codice fiscale)' };
      return { ok: true, subject: taxCode.value };
    }
    case 'issuer':
      // The app's own channel would let an issuer act as the app does (domain 1.2).
      if (subject === APP_CHANNEL || !CHANNEL.test(subject)) {
        return { ok: false, problem: 'an issuer is named by its channel: 1 to 20 letters, digits, dots, dashes' };
      }
      return { ok: true, subject };
    case 'acquirer':
      if (!ABI.test(subject)) return { ok: false, problem: 'an acquirer is named by its ABI code: 5 digits' };
      return { ok: true, subject };
    case 'operator':
      if (!OPERATOR.test(subject)) return { ok: false, problem: 'an operator is named by 1 to 64 letters or digits' };
      return { ok: true, subject };
  }
}
