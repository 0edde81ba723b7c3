/** The body of a command as one text, the same for the same content: its digest tells a repeat from a reuse. */

import { unreachable } from '../assert.ts';
import type { CommandId, Origin, WalletCommandBody } from '../contract.ts';

/** Ids are unique per role and subject; a citizen's rows lie beside the citizen, so there the id is enough. */
export function commandKey(origin: Origin, id: CommandId): string {
  return origin.role === 'citizen' ? id : `${origin.role}:${origin.subject}:${id}`;
}

export function bodyText(body: WalletCommandBody): string {
  switch (body.kind) {
    case 'enrol':
      return text('enrol', body.optInStatus ?? 'NOREQ');
    case 'leave':
    case 'enableAll':
      return body.kind;
    case 'setIban': {
      const { iban, accountHolderCF, accountHolderName, accountHolderSurname } = body;
      const { technicalAccountHolder, issuerCardId } = body;
      const ofIssuer = technicalAccountHolder ?? issuerCardId;
      return text(
        ...['setIban', iban, accountHolderCF, accountHolderName, accountHolderSurname],
        ...(ofIssuer === undefined ? [] : [technicalAccountHolder ?? '', issuerCardId ?? '']),
      );
    }
    case 'addMethod': {
      const { methodKind, brand, lastDigits, expiry, issuerAbi } = body.details;
      return text('addMethod', body.hpan, methodKind, brand, lastDigits, expiry, issuerAbi);
    }
    case 'removeMethod':
    case 'setFavourite':
      return text(body.kind, body.hpan);
    case 'enableCashback':
      return text('enableCashback', body.hpan, ...(body.tokens ?? []));
    case 'disableCashback':
      return text('disableCashback', body.hpan, String(body.cancellationMs ?? ''));
    default:
      return unreachable(body);
  }
}

/** Lengths keep parts apart whatever is in them. */
function text(...parts: readonly string[]): string {
  let all = '';
  for (const part of parts) all += `${part.length}:${part}`;
  return all;
}
