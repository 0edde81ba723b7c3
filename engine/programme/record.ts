/** Rows of acquirers: their form, their key and their public name (domain 2.4, 9; DECISIONS 13-16, 24, 30, 31, 40). */
import type { Programme, RecordKey, RefusalName, TransactionRecord } from '../contract.ts';
import { isoText, parseInstant, romeDayNumber } from './calendar.ts';

/** The columns of a file, in order. On the wire they have the same names, and `amountCents` is a number. */
export const RECORD_COLUMNS = [
  'acquirerCode',
  'operationType',
  'circuitType',
  'hpan',
  'trxDate',
  'idTrxAcquirer',
  'idTrxIssuer',
  'correlationId',
  'amountCents',
  'amountCurrency',
  'acquirerId',
  'merchantId',
  'terminalId',
  'bin',
  'mcc',
  'par',
] as const;
export type RecordColumn = (typeof RECORD_COLUMNS)[number];

export interface RowContext {
  /** The ABI that the sender's token names. */
  readonly sender: string;
  readonly programme: Pick<Programme, 'circuitSenders'>;
  /** The Rome day of reception. */
  readonly todayDayNumber: number;
}

export type CheckedRecord =
  /** `par`: absent where the row names none, or what can be none. */
  | { readonly ok: true; readonly record: TransactionRecord; readonly par?: string }
  /** `detail` names the column, and never shows what stood in it. */
  | { readonly ok: false; readonly code: RefusalName; readonly detail: string };

const REVERSAL_OPERATION = '01';
/** Cash withdrawal and cash advance; compared without leading zeros. */
const EXCLUDED_CATEGORIES: readonly string[] = ['6010', '6011'];

const TWO_DIGITS = /^\d{2}$/;
const HPAN_FORM = /^[0-9a-fA-F]{64}$/;
const BIN_FORM = /^(\d{6}|\d{8})$/;
const AMOUNT_FORM = /^\d{1,10}$/;
/** 29 letters and digits by the standard; what a circuit makes of it is its own affair. */
const PAR_FORM = /^[0-9A-Z-]{1,29}$/;
const BLANK = /^\s*$/;
/**
 * Control characters and halves of surrogate pairs. Ids are written to logs, keys and outcome files as they are, and a
 * broken pair would not come back from UTF-8 as it went in: memory and disk would differ.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;

interface ColumnRule {
  /** Of a value that is there. */
  readonly holds: (text: string) => boolean;
  /** Null: may be empty. */
  readonly whenEmpty: RefusalName | null;
  readonly whenWrong: RefusalName;
}

const RULES: Readonly<Record<RecordColumn, ColumnRule>> = {
  acquirerCode: mandatory(upTo(20)),
  operationType: mandatory(like(TWO_DIGITS)),
  circuitType: mandatory(like(TWO_DIGITS)),
  hpan: mandatory(like(HPAN_FORM)),
  // Its form is what `parseInstant` reads, once, in `checkRaw`.
  trxDate: { holds: () => true, whenEmpty: 'DATE_INVALID', whenWrong: 'DATE_INVALID' },
  idTrxAcquirer: mandatory(upTo(255)),
  idTrxIssuer: optional(upTo(255)),
  correlationId: optional(upTo(255)),
  amountCents: {
    holds: (text) => AMOUNT_FORM.test(text) && Number(text) > 0,
    whenEmpty: 'AMOUNT_INVALID',
    whenWrong: 'AMOUNT_INVALID',
  },
  amountCurrency: { holds: (text) => text === '978', whenEmpty: null, whenWrong: 'CURRENCY_INVALID' },
  acquirerId: mandatory(upTo(255)),
  merchantId: mandatory(upTo(255)),
  terminalId: mandatory(upTo(255)),
  bin: mandatory(like(BIN_FORM)),
  mcc: mandatory(upTo(5)),
  par: optional(upTo(255)),
};

/** Columns of a file that a message may leave out: the platform keeps none of them. */
const OPTIONAL_ON_THE_WIRE: readonly RecordColumn[] = ['bin', 'mcc'];

type RawRecord = Record<RecordColumn, string>;

/** Copied for each row: building one from the list of columns takes 3.7 us, as long as all the checks. */
const EMPTY_ROW = Object.fromEntries(RECORD_COLUMNS.map((column) => [column, ''])) as Readonly<RawRecord>;

/**
 * Checks one row of a file, already split into its columns.
 *
 * Refuses with the first that applies: WRONG_COLUMNS; by the form of a column FIELD_INVALID, AMOUNT_INVALID,
 * CURRENCY_INVALID, DATE_INVALID; by what it says SENDER_NOT_ALLOWED, CATEGORY_EXCLUDED, RECORD_IN_FUTURE.
 *
 * @param columns 15, or 16 with the PAR
 */
export function checkRow(columns: readonly string[], context: RowContext): CheckedRecord {
  if (columns.length !== 15 && columns.length !== 16) return refuse('WRONG_COLUMNS', `${columns.length} columns`);

  const raw: RawRecord = { ...EMPTY_ROW };
  for (const [index, text] of columns.entries()) raw[RECORD_COLUMNS[index]!] = text;
  return checkRaw(raw, context, []);
}

/**
 * Checks one row of a message: the same rules, by name. `amountCents` is a number and all else a string; what may be
 * empty may be absent, and so may `bin` and `mcc`. Unknown names are refused, since a misspelt `correlationId` would
 * otherwise turn one kind of reversal into the other.
 */
export function checkRecordFields(fields: Readonly<Record<string, unknown>>, context: RowContext): CheckedRecord {
  const raw: RawRecord = { ...EMPTY_ROW };
  for (const [name, value] of Object.entries(fields)) {
    if (!isColumn(name)) return refuse('FIELD_INVALID', 'unknown field');
    if (value === undefined) continue;
    if (typeof value !== (name === 'amountCents' ? 'number' : 'string')) return refuse(RULES[name].whenWrong, name);
    raw[name] = String(value);
  }
  return checkRaw(raw, context, OPTIONAL_ON_THE_WIRE);
}

export function isReversal(record: Pick<TransactionRecord, 'operationType'>): boolean {
  return record.operationType === REVERSAL_OPERATION;
}

/**
 * The engine's own records: a payment stops counting, and counts again. They are the payment's, but for their operation,
 * in which no acquirer may write a letter: `X1-00` and `I1-00` of an operation `00`, when it comes to that once more `X2-00`.
 */
export function exclusionOperation(operationType: string, time: number): string {
  return `${EXCLUSION_LETTER}${time}-${operationType}`;
}

/** Of the record that puts back what the one of this operation took out. */
export function inclusionOperation(exclusion: string): string {
  return INCLUSION_LETTER + exclusion.slice(1);
}

/** The other way; null where it puts nothing back. */
export function undoneOperation(operationType: string): string | null {
  return operationType.startsWith(INCLUSION_LETTER) ? EXCLUSION_LETTER + operationType.slice(1) : null;
}

/** How often the payment was taken out by then. */
export function exclusionTime(operationType: string): number {
  return Number.parseInt(operationType.slice(1), 10);
}

/** True of both. */
export function isExclusion({ operationType }: Pick<TransactionRecord, 'operationType'>): boolean {
  return operationType.startsWith(EXCLUSION_LETTER) || operationType.startsWith(INCLUSION_LETTER);
}

/** Its amount is shown with a minus. */
export function isTakingBack(record: Pick<TransactionRecord, 'operationType'>): boolean {
  return isReversal(record) || record.operationType.startsWith(EXCLUSION_LETTER);
}

const EXCLUSION_LETTER = 'X';
const INCLUSION_LETTER = 'I';

/** The key as one text: different keys never give the same. */
export function recordKeyText(record: RecordKey): string {
  return JSON.stringify([
    record.idTrxAcquirer,
    record.trxMs,
    record.acquirerCode,
    record.acquirerId,
    record.operationType,
  ]);
}

/** A text that may be journaled, logged and shown as it is. */
export function isLine(text: string, lengthMax: number): boolean {
  return text.length <= lengthMax && !UNPRINTABLE.test(text);
}

/** Orders records by the fields of their key, as 2.4 lists them; texts by UTF-16 unit. 0 = the same key. */
export function compareKeys(left: RecordKey, right: RecordKey): number {
  return (
    compareTexts(left.idTrxAcquirer, right.idTrxAcquirer) ||
    left.trxMs - right.trxMs ||
    compareTexts(left.acquirerCode, right.acquirerCode) ||
    compareTexts(left.acquirerId, right.acquirerId) ||
    compareTexts(left.operationType, right.operationType)
  );
}

/** The id that citizens see: the fields of the key in one piece, as the real programme wrote it (domain 2.4). */
export function idTrxOf(record: RecordKey): string {
  const { idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType } = record;
  return `${idTrxAcquirer}${isoText(trxMs)}${acquirerCode}${acquirerId}${operationType}`;
}

function checkRaw(raw: RawRecord, context: RowContext, mayBeAbsent: readonly RecordColumn[]): CheckedRecord {
  for (const column of RECORD_COLUMNS) {
    const code = columnRefusal(raw[column], RULES[column]);
    if (code === null || (raw[column] === '' && mayBeAbsent.includes(column))) continue;
    return refuse(code, column);
  }
  const trxMs = parseInstant(raw.trxDate);
  if (trxMs === null) return refuse('DATE_INVALID', 'trxDate');
  return judge(raw, trxMs, context);
}

function columnRefusal(text: string, rule: ColumnRule): RefusalName | null {
  if (BLANK.test(text)) return rule.whenEmpty;
  return rule.holds(text) ? null : rule.whenWrong;
}

/** What depends on more than the form of one column. */
function judge(raw: RawRecord, trxMs: number, { sender, programme, todayDayNumber }: RowContext): CheckedRecord {
  if (raw.acquirerCode !== sender) return refuse('SENDER_NOT_ALLOWED', 'acquirerCode');

  const circuitSenders = programme.circuitSenders[raw.circuitType];
  if (circuitSenders !== undefined && !circuitSenders.includes(sender)) {
    return refuse('SENDER_NOT_ALLOWED', 'circuitType');
  }
  if (EXCLUDED_CATEGORIES.includes(raw.mcc.replace(/^0+/, ''))) return refuse('CATEGORY_EXCLUDED', 'mcc');
  if (romeDayNumber(trxMs) > todayDayNumber) return refuse('RECORD_IN_FUTURE', 'trxDate');
  const par = checkPar(raw.par);
  return { ok: true, record: toRecord(raw, trxMs), ...(par === null ? {} : { par }) };
}

/** A Payment Account Reference, in capitals; null = this is none. */
export function checkPar(text: string): string | null {
  const par = text.trim().toUpperCase();
  return PAR_FORM.test(par) ? par : null;
}

/** Category, currency and BIN end here: the platform works without them (domain 2.4). The PAR only says whose it is. */
function toRecord(raw: RawRecord, trxMs: number): TransactionRecord {
  return {
    acquirerCode: raw.acquirerCode,
    operationType: raw.operationType,
    circuitType: raw.circuitType,
    hpan: raw.hpan.toLowerCase(),
    trxMs,
    idTrxAcquirer: raw.idTrxAcquirer,
    idTrxIssuer: orEmpty(raw.idTrxIssuer),
    correlationId: orEmpty(raw.correlationId),
    amountCents: Number(raw.amountCents),
    acquirerId: raw.acquirerId,
    merchantId: raw.merchantId,
    terminalId: raw.terminalId,
  };
}

/** A column filled with blanks is an empty one: two of them are no common correlation id. */
function orEmpty(text: string): string {
  return BLANK.test(text) ? '' : text;
}

function mandatory(holds: ColumnRule['holds']): ColumnRule {
  return { holds, whenEmpty: 'FIELD_INVALID', whenWrong: 'FIELD_INVALID' };
}

function optional(holds: ColumnRule['holds']): ColumnRule {
  return { holds, whenEmpty: null, whenWrong: 'FIELD_INVALID' };
}

function like(form: RegExp): ColumnRule['holds'] {
  return (text) => form.test(text);
}

function upTo(lengthMax: number): ColumnRule['holds'] {
  return (text) => isLine(text, lengthMax);
}

function isColumn(name: string): name is RecordColumn {
  return Object.hasOwn(RULES, name);
}

function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function refuse(code: RefusalName, detail: string): CheckedRecord {
  return { ok: false, code, detail };
}
