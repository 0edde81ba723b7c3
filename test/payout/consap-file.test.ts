// Method: lines against the table of domain 2.8 written out by hand, then seeded rows against a second writer made of
// nothing but that table; every rule of what can be written with its last allowed value and the first refused.
import { describe, expect, test } from 'vitest';
import { italy2020, makeIban, makeTaxCode, payoutAmounts, proportionalCut } from '../../engine/index.ts';
import { consapFile, type PayoutRow, payoutRowFault } from '../../server/payout/index.ts';
import { Random, seed } from '../support/random.ts';
import { CLOCK, randomRow, rowOf } from './rows.ts';

const PLACE = { number: 1, total: 1, startedMs: CLOCK.nowMs() };

function textOf(...rows: readonly PayoutRow[]): string {
  return [...consapFile.pieces(rows, PLACE)].join('');
}

function columnsOf(row: PayoutRow): readonly string[] {
  expect(payoutRowFault(row)).toBeNull();
  return textOf(row).slice(0, -1).split(';');
}

function reasonOf(fields: Partial<PayoutRow>): string {
  return columnsOf(rowOf(fields))[6]!;
}

describe('a line', () => {
  test('G40 the record of a winner of the first semester, byte for byte', () => {
    const [taxCode, iban] = [makeTaxCode(1), makeIban(1)];
    const amounts = payoutAmounts({ rawCents: 18_730, count: 60 }, italy2020().periods[1]!, {
      cut: null,
      isWinner: true,
    });
    const reason = '000000123 - Cashback di Stato - dal 01/01/2021 al 30/06/2021';
    expect(textOf(rowOf({ ...amounts }))).toBe(
      `000000123;${taxCode};${iban};Maria;Rossi;165000;${reason};03;02;01/01/2021;30/06/2021;015000;150000;OK;;;\n`,
    );
  });

  test('G45 what was cut for want of funds is what is written, and all of it is within the funds', () => {
    const [dues, fundsCents] = [[15_000, 9_000, 0, 4_501], 20_000];
    const totalCents = dues.reduce((sum, due) => sum + due, 0);
    const rows = dues
      .map((due, index) =>
        rowOf({ id: index + 1, cashbackCents: proportionalCut(due, { totalCents, fundsCents }), jackpotCents: 0 }),
      )
      .filter((row) => payoutRowFault(row) === null);
    const lines = textOf(...rows).split('\n');
    const amounts = lines.slice(0, -1).map((line) => line.split(';')[5]);
    expect(amounts).toEqual(['010525', '006315', '003158']);
    expect(amounts.reduce((sum, amount) => sum + Number(amount), 0)).toBeLessThanOrEqual(fundsCents);
  });

  test('whoever is paid on another person’s account is named in the reason', () => {
    const base = '000000123 - Cashback di Stato - dal 01/01/2021 al 30/06/2021';
    expect(reasonOf({ accountHolderCF: makeTaxCode(2) })).toBe(`${base} - ${makeTaxCode(1)}`);
    expect(reasonOf({ accountHolderCF: makeTaxCode(1).toLowerCase() })).toBe(base);
  });

  test('an issuer’s own account needs the citizen and the card in the reason, where there is a card', () => {
    const base = `000000123 - Cashback di Stato - dal 01/01/2021 al 30/06/2021 - ${makeTaxCode(1)}`;
    const technicalAccountHolder = 'Banca Uno S.p.A.';
    expect(reasonOf({ technicalAccountHolder, issuerCardId: 'C77' })).toBe(`${base} - C77`);
    expect(reasonOf({ technicalAccountHolder })).toBe(base);
    expect(reasonOf({ issuerCardId: 'C77' })).not.toContain('C77');
    expect(columnsOf(rowOf({ technicalAccountHolder }))[14]).toBe(technicalAccountHolder);
  });

  test('what is absent is empty and never the word null', () => {
    expect(columnsOf(rowOf()).slice(14)).toEqual(['', '', '']);
    expect(columnsOf(rowOf({ ticketId: '815', relatedId: 7 })).slice(14)).toEqual(['', '815', '7']);
    expect(textOf(rowOf())).not.toContain('null');
  });

  test('the typology follows from the amounts', () => {
    const typologyOf = (cashbackCents: number, jackpotCents: number) =>
      columnsOf(rowOf({ cashbackCents, jackpotCents }))[7];
    expect([typologyOf(1, 0), typologyOf(0, 1), typologyOf(1, 1)]).toEqual(['01', '02', '03']);
  });

  test('seeded rows are written as the table of the columns says', () => {
    const random = new Random(seed);
    for (let step = 0; step < 2_000; step += 1) {
      const row = randomRow(random, 1 + random.below(999_999_999));
      expect(columnsOf(row), `seed=${seed} step=${step}`).toEqual(byTheTable(row));
    }
  });
});

/** As the columns are described, with nothing of the writer. */
function byTheTable(row: PayoutRow): readonly string[] {
  const digits = (value: number, count: number) => '0'.repeat(count - String(value).length) + value;
  const day = (text: string) => text.split('-').reverse().join('/');
  const isTechnical = row.technicalAccountHolder !== null;
  let reason = `${digits(row.id, 9)} - Cashback di Stato - dal ${day(row.startDay)} al ${day(row.endDay)}`;
  if (isTechnical || row.accountHolderCF !== row.citizenTaxCode) reason += ` - ${row.citizenTaxCode}`;
  if (isTechnical && row.issuerCardId !== null) reason += ` - ${row.issuerCardId}`;
  const typology = row.cashbackCents <= 0 ? '02' : row.jackpotCents > 0 ? '03' : '01';
  return [
    ...[digits(row.id, 9), row.accountHolderCF, row.iban, row.accountHolderName, row.accountHolderSurname],
    ...[digits(row.cashbackCents + row.jackpotCents, 6), reason, typology, digits(row.awardPeriodId, 2)],
    ...[day(row.startDay), day(row.endDay), digits(row.cashbackCents, 6), digits(row.jackpotCents, 6)],
    ...[row.checkStatus, row.technicalAccountHolder ?? '', row.ticketId ?? '', `${row.relatedId ?? ''}`],
  ];
}

describe('what cannot be written', () => {
  const FIELD = 'FIELD_INVALID';
  const AMOUNT = 'AMOUNT_INVALID';

  test.each<[Partial<PayoutRow>]>([
    [{ id: 1 }],
    [{ id: 999_999_999 }],
    [{ cashbackCents: 1, jackpotCents: 0 }],
    [{ cashbackCents: 999_999, jackpotCents: 0 }],
    [{ cashbackCents: 0, jackpotCents: 999_999 }],
    [{ awardPeriodId: 0 }],
    [{ awardPeriodId: 99 }],
    [{ startDay: '2020-02-29', endDay: '2020-02-29' }],
    [{ accountHolderName: '' }],
    [{ accountHolderSurname: '' }],
    [{ accountHolderName: 'Zoë "Zo" O’Neil, 王 🙂' }],
    [{ issuerCardId: 'x'.repeat(20) }],
    [{ relatedId: 999_999_999 }],
  ])('%o is written', (fields) => {
    expect(columnsOf(rowOf(fields))).toHaveLength(17);
  });

  test.each<[Partial<PayoutRow>, string, string]>([
    [{ id: 0 }, FIELD, 'id'],
    [{ id: 1_000_000_000 }, FIELD, 'id'],
    [{ id: 1.5 }, FIELD, 'id'],
    [{ citizenTaxCode: 'RSSMRA99A01X001A' }, 'TAX_CODE_INVALID', 'citizenTaxCode'],
    [{ citizenTaxCode: makeTaxCode(1).toLowerCase() }, 'TAX_CODE_INVALID', 'citizenTaxCode'],
    [{ accountHolderCF: ' ' }, FIELD, 'accountHolderCF'],
    [{ accountHolderName: '', accountHolderSurname: ' ' }, FIELD, 'accountHolderName'],
    [{ iban: makeIban(1).toLowerCase() }, 'IBAN_INVALID', 'iban'],
    [{ iban: `${makeIban(1).slice(0, -1)}X` }, 'IBAN_INVALID', 'iban'],
    [{ iban: '' }, 'IBAN_INVALID', 'iban'],
    [{ technicalAccountHolder: '' }, FIELD, 'technicalAccountHolder'],
    [{ issuerCardId: 'x'.repeat(21) }, FIELD, 'issuerCardId'],
    [{ awardPeriodId: 100 }, FIELD, 'awardPeriodId'],
    [{ awardPeriodId: -1 }, FIELD, 'awardPeriodId'],
    [{ startDay: '2021-02-29' }, 'DATE_INVALID', 'startDay'],
    [{ endDay: '30/06/2021' }, 'DATE_INVALID', 'endDay'],
    [{ endDay: '2020-12-31' }, 'DATE_INVALID', 'endDay'],
    [{ cashbackCents: 1_000_000, jackpotCents: 0 }, AMOUNT, 'cashbackCents'],
    [{ cashbackCents: -1 }, AMOUNT, 'cashbackCents'],
    [{ cashbackCents: 0.5 }, AMOUNT, 'cashbackCents'],
    [{ jackpotCents: 1_000_000 }, AMOUNT, 'jackpotCents'],
    [{ cashbackCents: 850_000, jackpotCents: 150_000 }, AMOUNT, 'amount'],
    [{ cashbackCents: 0, jackpotCents: 0 }, AMOUNT, 'amount'],
    [{ ticketId: '' }, FIELD, 'ticketId'],
    [{ relatedId: 0 }, FIELD, 'relatedId'],
    [{ relatedId: 1_000_000_000 }, FIELD, 'relatedId'],
  ])('%o is refused with %s of %s', (fields, code, detail) => {
    expect(payoutRowFault(rowOf(fields))).toEqual({ code, detail });
  });

  const TEXTS = ['accountHolderCF', 'accountHolderName', 'accountHolderSurname', 'technicalAccountHolder'] as const;
  test.each([...TEXTS, 'issuerCardId', 'ticketId'] as const)('nothing in %s breaks a line', (column) => {
    for (const sign of [';', '\n', '\r', '\t', '\0', '\x7f', '\x85', '\u2028', '\u2029', '\ud83d', '\ude42']) {
      const text = `a${sign}b`;
      const fault = payoutRowFault(rowOf({ [column]: text }));
      expect(fault, JSON.stringify(text)).toEqual({ code: FIELD, detail: column });
    }
  });

  test('the fault names the column and shows nothing of what stands in it', () => {
    expect(JSON.stringify(payoutRowFault(rowOf({ accountHolderName: 'Segreto;' })))).not.toContain('Segreto');
  });
});
