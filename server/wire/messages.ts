/**
 * What the app says to citizens (domain 6.5), once, for servers and clients alike: where the press quoted the Italian, in
 * those words. What a refusal says by itself is in REFUSALS and not here again.
 */
import {
  type PeriodParameters,
  type RankingView,
  REFUSALS,
  type RefusalName,
  type TotalView,
} from '../../engine/contract.ts';
import type { RequestType } from './schemas.ts';

interface Texts {
  readonly text: string;
  readonly testo: string;
}

/** Codes are for ever: an app may have words of its own for them. */
export const MESSAGES = {
  WALLET_NOT_LOADED: {
    text: 'Your payment methods could not be loaded: please try again.',
    testo: 'Non è stato possibile caricare i tuoi metodi di pagamento, riprova per piacere',
  },
  CARD_NOT_SAVED: {
    text: 'There was a temporary error while saving this card: try again, it will not be saved twice.',
    testo: 'Si è verificato un errore temporaneo nel salvataggio di questa carta',
  },
  CARD_PERHAPS_SAVED: {
    text: 'The systems are slow, and the card may have been added: refresh before you try again.',
    testo: 'I sistemi sono lenti e la carta potrebbe essere stata aggiunta: aggiorna l’elenco prima di riprovare.',
  },
  BANCOMAT_SEARCH_FAILED: {
    text: 'Your PagoBANCOMAT cards could not be retrieved: try again.',
    testo: 'Non siamo riusciti a recuperare le tue carte PagoBancomat',
  },
  BANCOMAT_NOT_FOUND: {
    text: 'No PagoBANCOMAT card is in your name: ask your bank.',
    testo: 'Non risultano carte PagoBancomat a tuo nome: rivolgiti alla tua banca.',
  },
  BANCOMAT_BANKS_SILENT: {
    text: 'Some banks did not answer: choose yours and search there.',
    testo: 'Alcune banche non hanno risposto: scegli la tua e cerca di nuovo.',
  },
  SERVICE_COMING: {
    text: 'Cashback is coming! You will soon be able to switch it on here: wait for the next update of the app.',
    testo: 'Il cashback sta arrivando! A breve potrai attivare il cashback: attendi il prossimo aggiornamento di IO!',
  },
  METHOD_NOT_COMPATIBLE: {
    text: 'The bank does not support cashback on this method yet.',
    testo: 'La banca non supporta ancora il cashback su questo metodo.',
  },
  ACTIVE_FROM_TOMORROW: {
    text: 'Cashback is active from tomorrow: payments of today do not count.',
    testo: 'Il cashback è attivo da domani: i pagamenti di oggi non valgono.',
  },
  INACTIVE_FROM_TOMORROW: {
    text: 'Cashback ends tomorrow: payments of today still count.',
    testo: 'Il cashback termina da domani: i pagamenti di oggi valgono ancora.',
  },
  IBAN_NOT_OWNED: {
    text: 'This IBAN is not registered to you: it was not stored.',
    testo: 'Questo IBAN non risulta intestato a te: non è stato salvato.',
  },
  IBAN_NOT_VERIFIED: {
    text: 'This IBAN cannot be verified now: you may go on.',
    testo: 'Al momento non è possibile verificare questo IBAN: puoi proseguire.',
  },
  NOT_LEFT: {
    text: 'Leaving the cashback did not work: try again.',
    testo: 'Non è stato possibile annullare l’adesione al cashback: riprova.',
  },
  METHODS_NOT_SHOWN: {
    text: 'Your methods cannot be shown now. Payments with those that are active are recorded all the same.',
    testo:
      'Al momento non è possibile mostrare i tuoi metodi. I pagamenti con quelli già attivi saranno comunque registrati.',
  },
  PAYMENTS_NOT_LISTED: {
    text: 'The list of payments is not available just now: it will be back.',
    testo: 'L’elenco delle transazioni non è al momento disponibile: tornerà presto.',
  },
  BELOW_MINIMUM: {
    text: 'Not enough payments yet: the cashback is paid from the minimum number on.',
    testo: 'Pagamenti ancora insufficienti: il cashback spetta al raggiungimento del numero minimo.',
  },
  CASHBACK_UNLOCKED: {
    text: 'The minimum number of payments is reached: the cashback is yours.',
    testo: 'Hai raggiunto il numero minimo di pagamenti: il cashback è tuo.',
  },
  CAP_REACHED: {
    text: 'The highest cashback of this period is reached.',
    testo: 'Hai raggiunto il cashback massimo di questo periodo.',
  },
  WOULD_WIN: {
    text: 'As things stand you would win the Super Cashback.',
    testo: 'Al momento rientri tra i vincitori del Super Cashback.',
  },
} as const satisfies Record<string, Texts>;

export type MessageCode = keyof typeof MESSAGES;

/** As replies and bodies carry it; without a code where a refusal speaks for itself. */
export interface Said {
  readonly message: string;
  readonly messageIt: string;
  readonly messageCode?: MessageCode;
}

export function say(messageCode: MessageCode): Said {
  const { text, testo } = MESSAGES[messageCode];
  return { message: text, messageIt: testo, messageCode };
}

/** What the caller can do nothing about but come back. */
const PASSING: readonly RefusalName[] = [
  'OVERLOADED',
  'DRAINING',
  'INTERNAL_ERROR',
  'STORAGE_FULL',
  'PARTNER_UNAVAILABLE',
];

/**
 * @param instead what to say whatever is refused; absent: nothing special
 * @param inPassing what the app says where the thing asked for fails for a while
 */
export function sayRefusal(code: RefusalName, instead?: MessageCode, inPassing?: MessageCode): Said {
  if (instead !== undefined) return say(instead);
  if (inPassing !== undefined && PASSING.includes(code)) return say(inPassing);
  const { text, testo } = REFUSALS[code];
  return { message: text, messageIt: testo };
}

/** What the app says where a request fails for a while; most speak for themselves. */
export const FAILURES: Partial<Record<RequestType, MessageCode>> = {
  wallet: 'WALLET_NOT_LOADED',
  addMethod: 'CARD_NOT_SAVED',
  leave: 'NOT_LEFT',
  payments: 'PAYMENTS_NOT_LISTED',
};

/** The box says `unlocked` for so many payments after the minimum. */
const UNLOCKED_COUNT = 10;

/** Where a citizen stands in a period, in the order in which one says more than the others. Null: nothing is to be said. */
export function standingMessage(
  { transactionNumber, rawCents }: Pick<TotalView, 'transactionNumber' | 'rawCents'>,
  {
    minTransactionNumber,
    maxPeriodCashbackCents,
  }: Pick<PeriodParameters, 'minTransactionNumber' | 'maxPeriodCashbackCents'>,
  ranking: Pick<RankingView, 'wouldWin'> | undefined,
): MessageCode | null {
  if (ranking?.wouldWin === true) return 'WOULD_WIN';
  if (transactionNumber < minTransactionNumber) return 'BELOW_MINIMUM';
  if (rawCents >= maxPeriodCashbackCents) return 'CAP_REACHED';
  return transactionNumber < minTransactionNumber + UNLOCKED_COUNT ? 'CASHBACK_UNLOCKED' : null;
}
