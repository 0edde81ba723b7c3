/**
 * The same transfers as an order to a bank: a SEPA credit transfer, pain.001.001.09, one block of payments to a file.
 *
 * Written by hand rather than with xmlbuilder2: its streaming builder makes a document tree for each element, and takes
 * `&lt;` in a text for an escape that is already there. Here no text has a character that XML knows: `sepaText` leaves
 * none, and all else is digits and letters of a checked form.
 */
import { checkIban, dayNumberOf, romeText } from '../../engine/index.ts';
import { type FilePlace, type PayoutFormat, stampText } from './payout-files.ts';
import { amountCentsOf, holderName, idText, type PayoutRow, sumCents, transferReason } from './payout-row.ts';
import { sepaText } from './sepa-text.ts';

/** Whose account pays, and when. */
export interface SepaOrder {
  readonly debtorName: string;
  readonly debtorIban: string;
  /** Absent: the bank knows itself. */
  readonly debtorBic?: string;
  /** `YYYY-MM-DD`, a day on which banks work. */
  readonly executionDay: string;
}

const NAMESPACE = 'urn:iso:std:iso:20022:tech:xsd:pain.001.001.09';
const NAME_LENGTH_MAX = 70;
const REASON_LENGTH_MAX = 140;
const BIC_FORM = /^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$/;

/** @throws RangeError that names the field of the order which is wrong: it comes from a configuration */
export function sepaFile(order: SepaOrder): PayoutFormat {
  const { debtorName, debtorIban, debtorBic, executionDay } = order;
  const iban = checkIban(debtorIban);
  if (sepaText(debtorName, NAME_LENGTH_MAX) === '') throw new RangeError('debtorName is empty');
  if (!iban.ok) throw new RangeError('debtorIban is no IBAN');
  if (debtorBic !== undefined && !BIC_FORM.test(debtorBic)) throw new RangeError('debtorBic is no BIC');
  if (dayNumberOf(executionDay) === null) throw new RangeError('executionDay is no day');

  const checked = { ...order, debtorIban: iban.value };
  return {
    prefix: 'CSTAR.SEPA.BANKT',
    extension: 'xml',
    *pieces(rows, place) {
      yield head(rows, place, checked);
      for (const row of rows) yield `${payment(row)}\n`;
      yield '</PmtInf>\n</CstmrCdtTrfInitn>\n</Document>\n';
    },
  };
}

function head(rows: readonly PayoutRow[], place: FilePlace, order: SepaOrder): string {
  const { debtorName, debtorIban, debtorBic, executionDay } = order;
  const id = messageId(place);
  const sums = element('NbOfTxs', String(rows.length)) + element('CtrlSum', euroText(sumCents(rows)));
  const debtor = name(debtorName);
  const bank = debtorBic === undefined ? within(['Othr', 'Id'], 'NOTPROVIDED') : element('BICFI', debtorBic);
  const created = romeText(place.startedMs);
  const groupHeader = element('MsgId', id) + element('CreDtTm', created) + sums + element('InitgPty', debtor);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<Document xmlns="${NAMESPACE}">`,
    '<CstmrCdtTrfInitn>',
    element('GrpHdr', groupHeader),
    '<PmtInf>',
    // One line on the statement of the account for the whole file.
    element('PmtInfId', id) + element('PmtMtd', 'TRF') + element('BtchBookg', 'true') + sums,
    within(['PmtTpInf', 'SvcLvl', 'Cd'], 'SEPA') + within(['ReqdExctnDt', 'Dt'], executionDay),
    element('Dbtr', debtor) + within(['DbtrAcct', 'Id', 'IBAN'], debtorIban) + within(['DbtrAgt', 'FinInstnId'], bank),
    element('ChrgBr', 'SLEV'),
    '',
  ].join('\n');
}

/** Spelled out: put together tag by tag, as the head is, a row took 3.0 us in place of 1.9, and there are millions. */
function payment(row: PayoutRow): string {
  const { id, iban, technicalAccountHolder } = row;
  // Whose account it is: the bank holds this against the IBAN.
  const holder = name(technicalAccountHolder ?? holderName(row));
  const reason = sepaText(transferReason(row), REASON_LENGTH_MAX);
  return (
    '<CdtTrfTxInf>' +
    `<PmtId><EndToEndId>${idText(id)}</EndToEndId></PmtId>` +
    `<Amt><InstdAmt Ccy="EUR">${euroText(amountCentsOf(row))}</InstdAmt></Amt>` +
    `<Cdtr>${holder}</Cdtr>` +
    `<CdtrAcct><Id><IBAN>${iban}</IBAN></Id></CdtrAcct>` +
    `<RmtInf><Ustrd>${reason}</Ustrd></RmtInf>` +
    '</CdtTrfTxInf>'
  );
}

/** As the file is named, without what a bank does not take: at most 35 characters, and no two files have the same. */
function messageId({ startedMs, number, total }: FilePlace): string {
  return `${stampText(startedMs)}.${number}-${total}`;
}

/** A bank takes no empty one, as of accents without letters. */
function name(text: string): string {
  return element('Nm', sepaText(text, NAME_LENGTH_MAX) || '.');
}

function element(tag: string, content: string): string {
  return `<${tag}>${content}</${tag}>`;
}

/** From the outermost to the innermost. */
function within(tags: readonly string[], content: string): string {
  return tags.reduceRight((inner, tag) => element(tag, inner), content);
}

/** Cents as euros with two decimals; never by way of a fraction. */
function euroText(amountCents: number): string {
  const text = String(amountCents).padStart(3, '0');
  return `${text.slice(0, -2)}.${text.slice(-2)}`;
}
