/** What a citizen reads: the words for each notice, found when it is delivered. Nothing of this is kept. */
import { invariant, type Notice, type NoticeKind, type PeriodView } from '../../engine/index.ts';

export interface LetterText {
  readonly subject: string;
  readonly body: string;
}

export interface Letter {
  /** Of the notice: whoever has taken in a letter with this id has taken in this one. */
  readonly id: string;
  /** Who is to read it. */
  readonly fiscalCode: string;
  readonly kind: NoticeKind;
  readonly awardPeriodId: number;
  readonly it: LetterText;
  readonly en: LetterText;
  /** What it offers to do, in the app; null = nothing. */
  readonly link: string | null;
}

/** Whose it is, beside what the notice says. */
export interface LetterFacts {
  readonly fiscalCode: string;
  readonly period: PeriodView;
  /** Whose account the transfer went to, where it is an issuer's; null = the citizen's own. */
  readonly technicalAccountHolder: string | null;
  /** In which an appeal may be made; 0 = there is no rule. */
  readonly appealDays: number;
}

/** Opens the app where the IBAN is changed. */
const EDIT_IBAN_LINK = 'ioit://CTA_BPD_IBAN_EDIT';
const LINKED: readonly NoticeKind[] = ['missingIban', 'transferFailed'];

export function writeLetter(notice: Notice, facts: LetterFacts): Letter {
  const { id, kind, awardPeriodId } = notice;
  const template = TEMPLATES[templateOf(kind, facts)];
  return {
    ...{ id, fiscalCode: facts.fiscalCode, kind, awardPeriodId },
    it: filled(template.it, slotsOf(notice, facts, ITALIAN)),
    en: filled(template.en, slotsOf(notice, facts, ENGLISH)),
    link: LINKED.includes(kind) ? EDIT_IBAN_LINK : null,
  };
}

type TemplateName = NoticeKind | 'transferExecutedToIssuer' | 'transferFailedToIssuer';

function templateOf(kind: NoticeKind, { technicalAccountHolder }: LetterFacts): TemplateName {
  if (technicalAccountHolder === null) return kind;
  if (kind === 'transferExecuted') return 'transferExecutedToIssuer';
  return kind === 'transferFailed' ? 'transferFailedToIssuer' : kind;
}

const TEMPLATES: Readonly<Record<TemplateName, { readonly it: LetterText; readonly en: LetterText }>> = {
  missingIban: {
    it: {
      subject: 'Cashback: manca il tuo IBAN',
      body: 'Partecipi al Cashback dal {start} al {end}, ma non hai indicato un IBAN: senza, il rimborso non può arrivarti. Aggiungilo ora.',
    },
    en: {
      subject: 'Cashback: your IBAN is missing',
      body: 'You take part in the Cashback from {start} to {end}, but have given no IBAN: without one you cannot be refunded. Add it now.',
    },
  },
  endOfPeriod: {
    it: {
      subject: 'Cashback: il periodo è finito',
      body: 'Il periodo dal {start} al {end} è finito. Finora hai accumulato {cashback}. Alcuni pagamenti possono ancora arrivare: ti diremo il risultato definitivo.',
    },
    en: {
      subject: 'Cashback: the period is over',
      body: 'The period from {start} to {end} is over. So far you have collected {cashback}. Some payments may still arrive: we will tell you the final result.',
    },
  },
  refund: {
    it: {
      subject: 'Cashback: hai diritto al rimborso',
      body: 'Per il periodo dal {start} al {end} hai diritto a un rimborso di {cashback}. Lo riceverai con un bonifico.',
    },
    en: {
      subject: 'Cashback: a refund is due to you',
      body: 'For the period from {start} to {end} a refund of {cashback} is due to you. You will receive it by bank transfer.',
    },
  },
  refundAndPrize: {
    it: {
      subject: 'Cashback: hai vinto il Super Cashback',
      body: 'Per il periodo dal {start} al {end} hai diritto a un rimborso di {cashback} e al Super Cashback di {jackpot}, in tutto {total}. Li riceverai con un bonifico.',
    },
    en: {
      subject: 'Cashback: you have won the Super Cashback',
      body: 'For the period from {start} to {end} a refund of {cashback} and the Super Cashback of {jackpot} are due to you, {total} in all. You will receive them by bank transfer.',
    },
  },
  noRefund: {
    it: {
      subject: 'Cashback: nessun rimborso',
      body: 'Nel periodo dal {start} al {end} non hai raggiunto le {needed} transazioni necessarie: non hai diritto a un rimborso.',
    },
    en: {
      subject: 'Cashback: no refund',
      body: 'In the period from {start} to {end} you did not reach the {needed} transactions that are needed: no refund is due to you.',
    },
  },
  transferExecuted: {
    it: {
      subject: 'Cashback: bonifico eseguito',
      body: 'Il bonifico di {total} per il periodo dal {start} al {end} è stato eseguito sul tuo conto.',
    },
    en: {
      subject: 'Cashback: transfer executed',
      body: 'The transfer of {total} for the period from {start} to {end} was made to your account.',
    },
  },
  anomalous: {
    it: {
      subject: 'Cashback: transazioni anomale',
      body: 'Più pagamenti di importo esiguo presso lo stesso esercente nello stesso giorno, nel periodo dal {start} al {end}, non sono più conteggiati: sono stati stornati tutti tranne il primo. Hai {appeal} giorni dallo storno per dimostrare che ciascuno corrisponde a un acquisto: se lo dimostri, sarà ripristinato.',
    },
    en: {
      subject: 'Cashback: anomalous transactions',
      body: 'Several payments of a trifling amount at the same merchant on the same day, in the period from {start} to {end}, no longer count: all but the first were taken back. You have {appeal} days from then to prove that each of them was a purchase: what you prove counts again.',
    },
  },
  transferExecutedToIssuer: {
    it: {
      subject: 'Cashback: bonifico eseguito',
      body: 'Il bonifico di {total} per il periodo dal {start} al {end} è stato eseguito sul conto gestito da {holder}, che ti accrediterà la somma.',
    },
    en: {
      subject: 'Cashback: transfer executed',
      body: 'The transfer of {total} for the period from {start} to {end} was made to the account kept by {holder}, who will credit you.',
    },
  },
  transferFailed: {
    it: {
      subject: 'Cashback: bonifico non riuscito',
      body: 'Il bonifico di {total} per il periodo dal {start} al {end} non è riuscito. Controlla il tuo IBAN e indicane un altro: il bonifico sarà ripetuto.',
    },
    en: {
      subject: 'Cashback: transfer failed',
      body: 'The transfer of {total} for the period from {start} to {end} failed. Check your IBAN and give another one: the transfer will be made again.',
    },
  },
  transferFailedToIssuer: {
    it: {
      subject: 'Cashback: bonifico non riuscito',
      body: 'Il bonifico di {total} per il periodo dal {start} al {end} sul conto gestito da {holder} non è riuscito. Indica un IBAN tuo: il bonifico sarà ripetuto.',
    },
    en: {
      subject: 'Cashback: transfer failed',
      body: 'The transfer of {total} for the period from {start} to {end} to the account kept by {holder} failed. Give an IBAN of your own: the transfer will be made again.',
    },
  },
};

type Slots = Readonly<Record<string, string>>;

interface Manner {
  readonly money: Intl.NumberFormat;
  readonly day: Intl.DateTimeFormat;
}

const ITALIAN = mannerOf('it-IT');
const ENGLISH = mannerOf('en-GB');

function mannerOf(locale: string): Manner {
  return {
    money: new Intl.NumberFormat(locale, { style: 'currency', currency: 'EUR', useGrouping: 'always' }),
    day: new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeZone: 'UTC' }),
  };
}

function slotsOf(
  notice: Notice,
  { period, technicalAccountHolder, appealDays }: LetterFacts,
  { money, day }: Manner,
): Slots {
  const { cashbackCents, jackpotCents } = notice;
  const euro = (cents: number) => money.format(cents / 100);
  const dayIn = (text: string) => day.format(Date.parse(`${text}T00:00:00Z`));
  return {
    start: dayIn(period.startDay),
    end: dayIn(period.endDay),
    cashback: euro(cashbackCents),
    jackpot: euro(jackpotCents),
    total: euro(cashbackCents + jackpotCents),
    needed: String(period.minTransactionNumber),
    holder: technicalAccountHolder ?? '',
    appeal: String(appealDays),
  };
}

function filled({ subject, body }: LetterText, slots: Slots): LetterText {
  const fill = (text: string) =>
    text.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
      const value = slots[name];
      invariant(value !== undefined, `a letter asks for ${name}`);
      return value;
    });
  return { subject: fill(subject), body: fill(body) };
}
