// Method: one good row, and each rule of section 9 met at its last allowed and first refused value, through both doors
// (columns and fields); keys are checked by seeded properties.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RecordKey, RefusalName, TransactionRecord } from '../../engine/contract.ts';
import { dayNumberOf, parseInstant } from '../../engine/programme/calendar.ts';
import { italy2020 } from '../../engine/programme/programme.ts';
import {
  checkRecordFields,
  checkRow,
  compareKeys,
  idTrxOf,
  isReversal,
  RECORD_COLUMNS,
  type RecordColumn,
  type RowContext,
  recordKeyText,
} from '../../engine/programme/record.ts';
import { seed } from '../support/random.ts';
import { recordOf } from './ledger.ts';

const HPAN = '06e2ab00e013c6e50cf3bf2bed93914e0d68b27b909248b4747ff3931d8e2f40';
const context: RowContext = {
  sender: '36081',
  programme: italy2020(),
  todayDayNumber: dayNumberOf('2021-02-13')!,
};

/** The first row of the sample in domain 9, hashed. */
const GOOD = {
  acquirerCode: '36081',
  operationType: '00',
  circuitType: '01',
  hpan: HPAN,
  trxDate: '2021-02-11T10:15:30.000+01:00',
  idTrxAcquirer: 'ARN0000000001',
  idTrxIssuer: 'AUT001',
  correlationId: '',
  amountCents: '4500',
  amountCurrency: '978',
  acquirerId: '09509',
  merchantId: '400000000001',
  terminalId: '80205001',
  bin: '99990000',
  mcc: '5411',
  par: '',
} as const satisfies Record<RecordColumn, string>;

const GOOD_RECORD: TransactionRecord = {
  acquirerCode: '36081',
  operationType: '00',
  circuitType: '01',
  hpan: HPAN,
  trxMs: Date.parse('2021-02-11T09:15:30.000Z'),
  idTrxAcquirer: 'ARN0000000001',
  idTrxIssuer: 'AUT001',
  correlationId: '',
  amountCents: 4500,
  acquirerId: '09509',
  merchantId: '400000000001',
  terminalId: '80205001',
};

function row(changes: Partial<Record<RecordColumn, string>>): readonly string[] {
  return RECORD_COLUMNS.map((column) => changes[column] ?? GOOD[column]);
}

function fields(changes: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { ...GOOD, amountCents: 4500, ...changes };
}

function refused(code: RefusalName, detail: string) {
  return { ok: false, code, detail };
}

const LONG = 'x'.repeat(256);

/** Column, what is in it, what is said of it. */
const BAD: readonly (readonly [RecordColumn, string, RefusalName])[] = [
  ['acquirerCode', '', 'FIELD_INVALID'],
  ['acquirerCode', 'x'.repeat(21), 'FIELD_INVALID'],
  ['acquirerCode', '36082', 'SENDER_NOT_ALLOWED'],
  ['acquirerCode', '036081', 'SENDER_NOT_ALLOWED'],
  ['operationType', '', 'FIELD_INVALID'],
  ['operationType', '0', 'FIELD_INVALID'],
  ['operationType', '001', 'FIELD_INVALID'],
  ['operationType', '0a', 'FIELD_INVALID'],
  ['operationType', '٠١', 'FIELD_INVALID'],
  ['circuitType', '', 'FIELD_INVALID'],
  ['circuitType', '1', 'FIELD_INVALID'],
  ['circuitType', '100', 'FIELD_INVALID'],
  ['hpan', '', 'FIELD_INVALID'],
  ['hpan', HPAN.slice(1), 'FIELD_INVALID'],
  ['hpan', `${HPAN}0`, 'FIELD_INVALID'],
  ['hpan', `g${HPAN.slice(1)}`, 'FIELD_INVALID'],
  ['hpan', '9999000000000001', 'FIELD_INVALID'],
  ['trxDate', '', 'DATE_INVALID'],
  ['trxDate', '2021-02-11', 'DATE_INVALID'],
  ['trxDate', '2021-02-29T10:15:30.000+01:00', 'DATE_INVALID'],
  ['trxDate', '2021-02-11T10:15:30.000', 'DATE_INVALID'],
  ['trxDate', '2021-02-14T00:00:00.000+01:00', 'RECORD_IN_FUTURE'],
  ['trxDate', '9999-12-31T00:00:00.000Z', 'RECORD_IN_FUTURE'],
  ['idTrxAcquirer', '', 'FIELD_INVALID'],
  ['idTrxAcquirer', LONG, 'FIELD_INVALID'],
  ['idTrxAcquirer', 'ARN\n1', 'FIELD_INVALID'],
  ['idTrxAcquirer', 'ARN\ud800', 'FIELD_INVALID'],
  ['idTrxIssuer', LONG, 'FIELD_INVALID'],
  ['correlationId', LONG, 'FIELD_INVALID'],
  ['amountCurrency', '840', 'CURRENCY_INVALID'],
  ['amountCurrency', 'EUR', 'CURRENCY_INVALID'],
  ['amountCurrency', '0978', 'CURRENCY_INVALID'],
  ['acquirerId', '', 'FIELD_INVALID'],
  ['acquirerId', LONG, 'FIELD_INVALID'],
  ['merchantId', '', 'FIELD_INVALID'],
  ['merchantId', '   ', 'FIELD_INVALID'],
  ['merchantId', LONG, 'FIELD_INVALID'],
  ['terminalId', '', 'FIELD_INVALID'],
  ['terminalId', LONG, 'FIELD_INVALID'],
  ['bin', '12345', 'FIELD_INVALID'],
  ['bin', '1234567', 'FIELD_INVALID'],
  ['bin', '123456789', 'FIELD_INVALID'],
  ['bin', '12345a', 'FIELD_INVALID'],
  ['mcc', '123456', 'FIELD_INVALID'],
  ['mcc', '6010', 'CATEGORY_EXCLUDED'],
  ['mcc', '6011', 'CATEGORY_EXCLUDED'],
  ['mcc', '06011', 'CATEGORY_EXCLUDED'],
  ['par', LONG, 'FIELD_INVALID'],
];

const FINE: readonly (readonly [RecordColumn, string, Partial<TransactionRecord>])[] = [
  ['operationType', '01', { operationType: '01' }],
  ['operationType', '99', { operationType: '99' }],
  ['circuitType', '10', { circuitType: '10' }],
  ['hpan', HPAN.toUpperCase(), { hpan: HPAN }],
  ['trxDate', '2021-02-11T09:15:30Z', {}],
  ['trxDate', '2021-02-13T23:59:59.999+01:00', { trxMs: Date.parse('2021-02-13T22:59:59.999Z') }],
  ['idTrxAcquirer', LONG.slice(1), { idTrxAcquirer: LONG.slice(1) }],
  ['idTrxAcquirer', 'ARN;"è𝄞"', { idTrxAcquirer: 'ARN;"è𝄞"' }],
  ['idTrxAcquirer', ' ARN ', { idTrxAcquirer: ' ARN ' }],
  ['idTrxIssuer', '', { idTrxIssuer: '' }],
  ['correlationId', 'COR77', { correlationId: 'COR77' }],
  ['correlationId', '    ', { correlationId: '' }],
  ['amountCurrency', '', {}],
  ['bin', '999900', {}],
  ['mcc', '5814', {}],
  ['mcc', '60110', {}],
];

/** Of which only what can be one is kept, to say whose a token's record is. */
const PARS: readonly (readonly [string, string | undefined])[] = [
  ['500101234567890123456789AbCdE', '500101234567890123456789ABCDE'],
  [' PAR-1 ', 'PAR-1'],
  ['   ', undefined],
  ['è', undefined],
  ['X'.repeat(30), undefined],
];

describe('a row of a file', () => {
  test('a good row of 15 or 16 columns is a record without category, currency and BIN', () => {
    expect(checkRow(row({}), context)).toEqual({ ok: true, record: GOOD_RECORD });
    expect(checkRow(row({}).slice(0, 15), context)).toEqual({ ok: true, record: GOOD_RECORD });
  });

  test.each([0, 1, 14, 17])('%i columns are refused', (count) => {
    const columns = Array.from({ length: count }, () => 'x');
    expect(checkRow(columns, context)).toEqual(refused('WRONG_COLUMNS', `${count} columns`));
  });

  test.each(BAD)('%s %j is refused: %s', (column, text, code) => {
    expect(checkRow(row({ [column]: text }), context)).toEqual(refused(code, column));
  });

  test.each(FINE)('%s %j is taken', (column, text, changes) => {
    expect(checkRow(row({ [column]: text }), context)).toEqual({ ok: true, record: { ...GOOD_RECORD, ...changes } });
  });

  test.each(PARS)('the PAR %j is %j', (par, kept) => {
    const expected = { ok: true, record: GOOD_RECORD, ...(kept === undefined ? {} : { par: kept }) };
    expect(checkRow(row({ par }), context)).toEqual(expected);
    expect(checkRecordFields(fields({ par }), context)).toEqual(expected);
  });

  test.each([
    ['1', 1],
    ['0000000120', 120],
    ['9999999999', 9_999_999_999],
  ])('the amount %s is %i cents', (text, amountCents) => {
    expect(checkRow(row({ amountCents: text }), context)).toMatchObject({ ok: true, record: { amountCents } });
  });

  test.each(['', '0', '0000000000', '00000000001', '-1', '+1', '1.0', '1,00', '1e3', ' 1', '0x1', '١'])(
    'the amount %j is refused',
    (text) => {
      expect(checkRow(row({ amountCents: text }), context)).toEqual(refused('AMOUNT_INVALID', 'amountCents'));
    },
  );

  test.each(['bin', 'mcc'] as const)('%s may not be empty', (column) => {
    expect(checkRow(row({ [column]: '' }), context)).toEqual(refused('FIELD_INVALID', column));
  });

  test('a detail never shows what stood in the column', () => {
    const pan = '4111111111111111';
    for (const column of RECORD_COLUMNS) {
      const checked = checkRow(row({ [column]: pan.repeat(17) }), context);
      expect(JSON.stringify(checked)).not.toContain(pan);
    }
  });

  test('a circuit with named senders takes records from them alone (DECISION 15)', () => {
    const programme = { circuitSenders: { '03': ['36081'], '06': ['12345'] } };
    const check = (circuitType: string) => checkRow(row({ circuitType }), { ...context, programme });
    expect(check('03').ok).toBe(true);
    expect(check('06')).toEqual(refused('SENDER_NOT_ALLOWED', 'circuitType'));
    expect(check('01').ok).toBe(true);
  });

  test('the sample file of the domain is taken whole', () => {
    const sample = [
      `36081;00;02;${HPAN};2021-02-11T00:00:00.000+01:00;ARN0000000002;AUT002;COR77;40000;978;09509;4;80205002;99990000;5732`,
      `36081;01;02;${HPAN};2021-02-13T09:00:00.000+01:00;ARN0000000003;AUT003;COR77;20000;978;09509;4;80205002;99990000;5732`,
      `36081;00;09;${HPAN};2021-02-11T18:40:00.000+01:00;SAT0000000001;;;120;978;SATISPAY;4;00000001;999900;5814`,
    ];
    const records = sample.map((line) => {
      const checked = checkRow(line.split(';'), context);
      return checked.ok ? checked.record : checked;
    });
    expect(records).toMatchObject([
      { amountCents: 40_000, correlationId: 'COR77' },
      { operationType: '01', amountCents: 20_000 },
      { acquirerId: 'SATISPAY', idTrxIssuer: '', amountCents: 120 },
    ]);
  });
});

describe('a row of a message', () => {
  test('the same fields are the same record', () => {
    expect(checkRecordFields(fields({}), context)).toEqual(checkRow(row({}), context));
  });

  test('what may be empty may be absent, and so may BIN and category', () => {
    const { idTrxIssuer, correlationId, amountCurrency, bin, mcc, par, ...needed } = fields({}) as typeof GOOD;
    expect([idTrxIssuer, correlationId, amountCurrency, bin, mcc, par]).toHaveLength(6);
    expect(checkRecordFields(needed, context)).toEqual({ ok: true, record: { ...GOOD_RECORD, idTrxIssuer: '' } });
    expect(checkRecordFields({ ...needed, bin: undefined }, context).ok).toBe(true);
  });

  test.each(BAD)('%s %j is refused as in a file: %s', (column, text, code) => {
    expect(checkRecordFields(fields({ [column]: text }), context)).toEqual(refused(code, column));
  });

  test.each(FINE)('%s %j is taken as in a file', (column, text, changes) => {
    const checked = checkRecordFields(fields({ [column]: text }), context);
    expect(checked).toEqual({ ok: true, record: { ...GOOD_RECORD, ...changes } });
  });

  test('each field that a record is made of is needed', () => {
    const optional: readonly string[] = ['idTrxIssuer', 'correlationId', 'amountCurrency', 'bin', 'mcc', 'par'];
    for (const column of RECORD_COLUMNS.filter((name) => !optional.includes(name))) {
      expect(checkRecordFields(fields({ [column]: undefined }), context)).toMatchObject({ ok: false, detail: column });
    }
  });

  test.each([
    0,
    -0,
    -1,
    0.5,
    4500.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    10_000_000_000,
    1e21,
    1e-7,
    '4500',
    4500n,
    null,
    true,
    [4500],
    {},
  ])('the amount %s is refused', (amountCents) => {
    const checked = checkRecordFields(fields({ amountCents }), context);
    expect(checked).toEqual(refused('AMOUNT_INVALID', 'amountCents'));
  });

  test.each([1, 9_999_999_999])('the amount %i is taken', (amountCents) => {
    expect(checkRecordFields(fields({ amountCents }), context)).toMatchObject({ ok: true, record: { amountCents } });
  });

  test('other kinds of values are refused by the name of the field', () => {
    expect(checkRecordFields(fields({ merchantId: 4 }), context)).toEqual(refused('FIELD_INVALID', 'merchantId'));
    expect(checkRecordFields(fields({ hpan: null }), context)).toEqual(refused('FIELD_INVALID', 'hpan'));
    expect(checkRecordFields(fields({ trxDate: 1_613_034_930_000 }), context)).toEqual(
      refused('DATE_INVALID', 'trxDate'),
    );
    expect(checkRecordFields(fields({ amountCurrency: 978 }), context)).toEqual(
      refused('CURRENCY_INVALID', 'amountCurrency'),
    );
  });

  test.each(['correlationID', 'pan', 'toString', '__proto__x', 'trxMs'])('the unknown field %s is refused', (name) => {
    expect(checkRecordFields(fields({ [name]: 'x' }), context)).toEqual(refused('FIELD_INVALID', 'unknown field'));
  });

  test('a field named __proto__ is refused like any other', () => {
    const parsed: Record<string, unknown> = JSON.parse('{"__proto__": {"mcc": "5411"}}');
    expect(checkRecordFields(parsed, context)).toEqual(refused('FIELD_INVALID', 'unknown field'));
  });
});

describe('keys', () => {
  // Made when it is asked for: strings of all characters take their time.
  const anyKey = () =>
    fc.record({
      idTrxAcquirer: fc.string({ unit: 'binary', maxLength: 4 }),
      trxMs: fc.integer({ min: 0, max: 3 }),
      acquirerCode: fc.string({ maxLength: 2 }),
      acquirerId: fc.string({ maxLength: 2 }),
      operationType: fc.constantFrom('00', '01', '02'),
    });

  test('the text of a key gives the key back, so that no two keys share one', () => {
    fc.assert(
      fc.property(anyKey(), (key) => {
        const [idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType] = JSON.parse(recordKeyText(key));
        expect({ idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType }).toEqual(key);
      }),
      { seed, numRuns: 2_000 },
    );
  });

  test('fields that run into each other are told apart', () => {
    const one = recordOf({ acquirerCode: '1', acquirerId: '23' });
    const two = recordOf({ acquirerCode: '12', acquirerId: '3' });
    expect(recordKeyText(one)).not.toBe(recordKeyText(two));
    expect(idTrxOf(one)).toBe(idTrxOf(two));
  });

  test('two spellings of one instant are one key (DECISION 31)', () => {
    const texts = ['2021-01-01T00:30:00+01:00', '2020-12-31T23:30:00.000Z', '2020-12-31T23:30:00.0004Z'];
    expect(new Set(texts.map((text) => recordKeyText(recordOf({ trxMs: parseInstant(text)! })))).size).toBe(1);
  });

  test('the order of keys is total, and equal means the same text', () => {
    const sign = (value: number): number => Math.sign(value) + 0;
    fc.assert(
      fc.property(anyKey(), anyKey(), anyKey(), (one, two, three) => {
        expect(sign(compareKeys(one, two))).toBe(sign(-compareKeys(two, one)));
        expect(compareKeys(one, two) === 0).toBe(recordKeyText(one) === recordKeyText(two));
        const [low, middle, high] = [one, two, three].sort(compareKeys) as [RecordKey, RecordKey, RecordKey];
        expect(compareKeys(low, middle)).toBeLessThanOrEqual(0);
        expect(compareKeys(middle, high)).toBeLessThanOrEqual(0);
        expect(compareKeys(low, high)).toBeLessThanOrEqual(0);
      }),
      { seed, numRuns: 2_000 },
    );
  });

  test.each<[keyof RecordKey, Partial<TransactionRecord>]>([
    ['idTrxAcquirer', { idTrxAcquirer: 'ARN2', trxMs: 1, acquirerCode: '1', acquirerId: '1', operationType: '00' }],
    ['trxMs', { trxMs: 10, acquirerCode: '1', acquirerId: '1', operationType: '00' }],
    ['acquirerCode', { trxMs: 9, acquirerCode: '4', acquirerId: '1', operationType: '00' }],
    ['acquirerId', { trxMs: 9, acquirerId: '9', operationType: '00' }],
    ['operationType', { trxMs: 9, operationType: '02' }],
  ])('%s decides before the fields after it', (_name, later) => {
    expect(compareKeys(recordOf({ trxMs: 9, operationType: '01' }), recordOf(later))).toBeLessThan(0);
  });

  test('the public id joins the fields as the real programme did', () => {
    expect(idTrxOf(GOOD_RECORD)).toBe('ARN00000000012021-02-11T09:15:30.000Z360810950900');
  });

  test('operation 01 alone is a reversal', () => {
    expect(['00', '01', '02', '03', '10', '11', '99'].filter((operationType) => isReversal({ operationType }))).toEqual(
      ['01'],
    );
  });
});
