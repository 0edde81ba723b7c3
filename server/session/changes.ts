/** From a checked request to the body of a wallet command. The only place where a card number is seen, and ended. */
import { checkTaxCode, type Hpan, type WalletCommandBody } from '../../engine/index.ts';
import type { ChangeType, RequestOf } from '../wire/index.ts';

export type ChangeRequest = { [T in ChangeType]: RequestOf<T> }[ChangeType];

export type ChangeBody =
  | { readonly ok: true; readonly body: WalletCommandBody }
  | { readonly ok: false; readonly code: 'FIELD_INVALID'; readonly detail: string };

/**
 * Built field by field: nothing of the message passes that the command does not have.
 *
 * @param hashPan card number to hpan, with the programme's salt
 */
export function changeBody(request: ChangeRequest, hashPan: (pan: string) => Hpan): ChangeBody {
  switch (request.type) {
    case 'enrol':
      return taken({ kind: 'enrol', ...optional('optInStatus', request.optInStatus) });
    case 'leave':
    case 'enableAll':
      return taken({ kind: request.type });
    case 'setIban': {
      const { iban, accountHolderName, accountHolderSurname } = request;
      const holder = checkTaxCode(request.accountHolderCF);
      if (!holder.ok) return invalid('accountHolderCF');
      return taken({ kind: 'setIban', iban, accountHolderCF: holder.value, accountHolderName, accountHolderSurname });
    }
    case 'addMethod':
      return addMethodBody(request, hashPan);
    case 'removeMethod':
    case 'setFavourite':
      return taken({ kind: request.type, hpan: request.hpan });
    case 'enableCashback':
      return taken({ kind: 'enableCashback', hpan: request.hpan, ...optional('tokens', request.tokens) });
    case 'disableCashback':
      return taken({
        kind: 'disableCashback',
        hpan: request.hpan,
        ...optional('cancellationMs', request.cancellationMs),
      });
  }
}

function addMethodBody({ pan, hpan, details }: RequestOf<'addMethod'>, hashPan: (pan: string) => Hpan): ChangeBody {
  if (pan === undefined) return hpan === undefined ? invalid('hpan') : taken({ kind: 'addMethod', hpan, details });
  if (hpan !== undefined) return invalid('pan'); // Which of the two would be a guess.
  const lastDigits = pan.slice(-4);
  return taken({ kind: 'addMethod', hpan: hashPan(pan), details: { ...details, lastDigits } });
}

function taken(body: WalletCommandBody): ChangeBody {
  return { ok: true, body };
}

function invalid(detail: string): ChangeBody {
  return { ok: false, code: 'FIELD_INVALID', detail };
}

/** An absent field stays absent: `undefined` is not a value of the contract. */
function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]: V });
}
