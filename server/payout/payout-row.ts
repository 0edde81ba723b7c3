/**
 * One transfer as the files of the payout need it, and whether it can be written at all. What would break a line, or has
 * no room in its column, is refused by name and never bent to fit: the bank compares what we write with the account.
 */
import {
  checkIban,
  checkTaxCode,
  dayNumberOf,
  type IbanCheckStatus,
  type PayoutAmounts,
  type RefusalName,
} from '../../engine/index.ts';

export interface PayoutRow extends PayoutAmounts {
  readonly id: number;
  readonly citizenTaxCode: string;
  readonly accountHolderCF: string;
  /** A person may have one of the two only. */
  readonly accountHolderName: string;
  readonly accountHolderSurname: string;
  readonly iban: string;
  readonly checkStatus: Exclude<IbanCheckStatus, 'KO'>;
  /** Null = the account is a person's own. */
  readonly technicalAccountHolder: string | null;
  readonly issuerCardId: string | null;
  readonly awardPeriodId: number;
  /** `YYYY-MM-DD`, as `endDay`. */
  readonly startDay: string;
  readonly endDay: string;
  /** Of the complaint that this record answers. */
  readonly ticketId: string | null;
  /** The record that this one corrects or adds to. */
  readonly relatedId: number | null;
  /** Of the record as it was read; the claim names it. */
  readonly updateMs: number;
}

export interface RowFault {
  readonly code: RefusalName;
  /** The column, and never what stands in it. */
  readonly detail: string;
}

/** Digits of column 1, and of columns 6, 12 and 13 (domain 2.8). */
const ID_DIGITS = 9;
const AMOUNT_DIGITS = 6;
const PERIOD_DIGITS = 2;

const ID_MAX = 10 ** ID_DIGITS - 1;
const AMOUNT_CENTS_MAX = 10 ** AMOUNT_DIGITS - 1;
const PERIOD_MAX = 10 ** PERIOD_DIGITS - 1;
/** With it the reason of a transfer has at most 102 characters; a bank takes 140. */
const ISSUER_CARD_ID_LENGTH_MAX = 20;

/** The separator, whatever some program takes for the end of a line or of a text, and what UTF-8 cannot say. */
const UNWRITABLE = /[;\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u;

const RULES: readonly (readonly [detail: string, code: RefusalName, holds: (row: PayoutRow) => boolean])[] = [
  ['id', 'FIELD_INVALID', ({ id }) => isWithin(id, 1, ID_MAX)],
  ['citizenTaxCode', 'TAX_CODE_INVALID', ({ citizenTaxCode }) => isTaxCode(citizenTaxCode)],
  ['accountHolderCF', 'FIELD_INVALID', ({ accountHolderCF }) => isText(accountHolderCF)],
  ['accountHolderName', 'FIELD_INVALID', ({ accountHolderName }) => isWritable(accountHolderName)],
  ['accountHolderSurname', 'FIELD_INVALID', ({ accountHolderSurname }) => isWritable(accountHolderSurname)],
  ['accountHolderName', 'FIELD_INVALID', (row) => holderName(row) !== ''],
  ['iban', 'IBAN_INVALID', ({ iban }) => isIban(iban)],
  ['technicalAccountHolder', 'FIELD_INVALID', (row) => isTextOrNull(row.technicalAccountHolder)],
  ['issuerCardId', 'FIELD_INVALID', ({ issuerCardId }) => isTextOrNull(issuerCardId, ISSUER_CARD_ID_LENGTH_MAX)],
  ['awardPeriodId', 'FIELD_INVALID', ({ awardPeriodId }) => isWithin(awardPeriodId, 0, PERIOD_MAX)],
  ['startDay', 'DATE_INVALID', ({ startDay }) => dayNumberOf(startDay) !== null],
  ['endDay', 'DATE_INVALID', ({ startDay, endDay }) => dayNumberOf(endDay) !== null && startDay <= endDay],
  ['cashbackCents', 'AMOUNT_INVALID', ({ cashbackCents }) => isWithin(cashbackCents, 0, AMOUNT_CENTS_MAX)],
  ['jackpotCents', 'AMOUNT_INVALID', ({ jackpotCents }) => isWithin(jackpotCents, 0, AMOUNT_CENTS_MAX)],
  // No bank carries out an order of nothing.
  ['amount', 'AMOUNT_INVALID', (row) => isWithin(amountCentsOf(row), 1, AMOUNT_CENTS_MAX)],
  ['ticketId', 'FIELD_INVALID', ({ ticketId }) => isTextOrNull(ticketId)],
  ['relatedId', 'FIELD_INVALID', ({ relatedId }) => relatedId === null || isWithin(relatedId, 1, ID_MAX)],
];

/**
 * Why a row cannot be written; null = it can, into every kind of file. Such a record is not exported: it waits for
 * whoever can correct it.
 */
export function payoutRowFault(row: PayoutRow): RowFault | null {
  const rule = RULES.find(([, , holds]) => !holds(row));
  return rule === undefined ? null : { code: rule[1], detail: rule[0] };
}

export function amountCentsOf({ cashbackCents, jackpotCents }: PayoutAmounts): number {
  return cashbackCents + jackpotCents;
}

export function sumCents(rows: readonly PayoutAmounts[]): number {
  return rows.reduce((sum, row) => sum + amountCentsOf(row), 0);
}

/** Name and surname in one. */
export function holderName({ accountHolderName, accountHolderSurname }: PayoutRow): string {
  return `${accountHolderName} ${accountHolderSurname}`.trim();
}

export function idText(id: number): string {
  return padded(id, ID_DIGITS);
}

export function centsText(amountCents: number): string {
  return padded(amountCents, AMOUNT_DIGITS);
}

export function periodText(awardPeriodId: number): string {
  return padded(awardPeriodId, PERIOD_DIGITS);
}

/** `dd/MM/yyyy` of `YYYY-MM-DD`. */
export function italianDay(day: string): string {
  return `${day.slice(8)}/${day.slice(5, 7)}/${day.slice(0, 4)}`;
}

/** What the citizen reads on the statement, and an issuer needs to find the citizen behind its own account. */
export function transferReason(row: PayoutRow): string {
  const isTechnical = row.technicalAccountHolder !== null;
  // Some apps send the holder's code in small letters.
  const isOwn = row.accountHolderCF.toUpperCase() === row.citizenTaxCode;
  const parts = [
    idText(row.id),
    'Cashback di Stato',
    `dal ${italianDay(row.startDay)} al ${italianDay(row.endDay)}`,
    ...(isOwn && !isTechnical ? [] : [row.citizenTaxCode]),
    ...(isTechnical && row.issuerCardId !== null ? [row.issuerCardId] : []),
  ];
  return parts.join(' - ');
}

function padded(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

function isWritable(text: string): boolean {
  return !UNWRITABLE.test(text);
}

function isText(text: string): boolean {
  return isWritable(text) && text.trim() !== '';
}

function isTextOrNull(text: string | null, lengthMax = Number.POSITIVE_INFINITY): boolean {
  return text === null || (isText(text) && text.length <= lengthMax);
}

function isTaxCode(text: string): boolean {
  const checked = checkTaxCode(text);
  return checked.ok && checked.value === text;
}

/** As it is stored: no blanks, capital letters. */
function isIban(text: string): boolean {
  const checked = checkIban(text);
  return checked.ok && checked.value === text;
}
