/** What the columns of files that come back may hold, and what they mean. */
import {
  checkIban,
  checkTaxCode,
  dayNumberOf,
  isLine,
  PAYOUT_RESULTS,
  type PayoutResult,
  type RefusalName,
} from '../../engine/index.ts';

export interface Column<T> {
  /** Why a row is refused whose text does not hold. */
  readonly code: RefusalName;
  /** Undefined = it does not hold. */
  readonly read: (text: string) => T | undefined;
}

const TEXT_LENGTH_MAX = 255;
const RECORD_ID_FORM = /^(?!0+$)\d{1,9}$/;
const LONG_NUMBER_FORM = /^0*([1-9]\d{0,17})$/;
const CENTS_FORM = /^\d{1,6}$/;
const DAY_FORM = /^(\d{2})\/(\d{2})\/(\d{4})$/;

/** The id of a payout record, with or without leading zeros. */
export const recordId: Column<number> = {
  code: 'FIELD_INVALID',
  read: (text) => (RECORD_ID_FORM.test(text) ? Number(text) : undefined),
};

/** A number of Consap's own, without leading zeros: a text, since it may be too long to be an exact number. */
export const longNumber: Column<string> = { code: 'FIELD_INVALID', read: (text) => LONG_NUMBER_FORM.exec(text)?.[1] };

export const cents: Column<number> = {
  code: 'AMOUNT_INVALID',
  read: (text) => (CENTS_FORM.test(text) ? Number(text) : undefined),
};

/** May be empty. */
export const note: Column<string> = {
  code: 'FIELD_INVALID',
  read: (text) => (isLine(text, TEXT_LENGTH_MAX) ? text : undefined),
};

/** `YYYY-MM-DD` of `dd/MM/yyyy`. */
export const day: Column<string> = { code: 'DATE_INVALID', read: readDay };

/** Null = empty. */
export const dayIfAny: Column<string | null> = {
  code: 'DATE_INVALID',
  read: (text) => (text === '' ? null : readDay(text)),
};

export const transferResult: Column<PayoutResult> = {
  code: 'FIELD_INVALID',
  read: (text) => PAYOUT_RESULTS.find((result) => result === text),
};

export const taxCode: Column<string> = {
  code: 'TAX_CODE_INVALID',
  read: (text) => {
    const checked = checkTaxCode(text);
    return checked.ok ? checked.value : undefined;
  },
};

export const iban: Column<string> = {
  code: 'IBAN_INVALID',
  read: (text) => {
    const checked = checkIban(text);
    return checked.ok ? checked.value : undefined;
  },
};

function readDay(text: string): string | undefined {
  const [, dayOfMonth, month, year] = DAY_FORM.exec(text) ?? [];
  const value = `${year}-${month}-${dayOfMonth}`;
  return dayNumberOf(value) === null ? undefined : value;
}
