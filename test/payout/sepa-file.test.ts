// Method: the same seeded transfers are written by the package `sepa`, which knows the same version of the message, and
// both documents are read by a third: they must say the same. Texts are any at all, and must come out of the characters
// of SEPA. Where xmllint is installed, it reads the worst of them too.
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { Document } from 'sepa';
import { describe, expect, test } from 'vitest';
import { convert } from 'xmlbuilder2';
import { makeIban, makeTaxCode } from '../../engine/index.ts';
import { type PayoutRow, payoutRowFault, type SepaOrder, sepaFile } from '../../server/payout/index.ts';
import { transferReason } from '../../server/payout/payout-row.ts';
import { sepaText } from '../../server/payout/sepa-text.ts';
import { fromPackage } from '../support/packages.ts';
import { Random, seed } from '../support/random.ts';
import { CLOCK, randomRow, rowOf } from './rows.ts';

const ORDER: SepaOrder = {
  debtorName: 'Consap S.p.A.',
  debtorIban: makeIban(5),
  debtorBic: 'BITAITRRXXX',
  executionDay: '2021-07-26',
};
const PLACE = { number: 2, total: 3, startedMs: CLOCK.nowMs() };

function textOf(rows: readonly PayoutRow[], order = ORDER): string {
  return [...sepaFile(order).pieces(rows, PLACE)].join('');
}

type Node = { readonly [name: string]: Node & string & readonly Node[] };

function read(xml: string): Node {
  return convert(xml, { format: 'object' }) as unknown as Node;
}

/** What a bank does with it; no order of elements, no spelling. */
function meaningOf(xml: string) {
  const { GrpHdr: header, PmtInf: block } = read(xml).Document!.CstmrCdtTrfInitn!;
  const payments = [block!.CdtTrfTxInf!].flat() as readonly Node[];
  return {
    count: [header!.NbOfTxs, block!.NbOfTxs],
    sum: [header!.CtrlSum, block!.CtrlSum],
    initiator: header!.InitgPty!.Nm,
    method: [block!.PmtMtd, block!.BtchBookg, block!.PmtTpInf!.SvcLvl!.Cd, block!.ChrgBr],
    day: block!.ReqdExctnDt!.Dt,
    debtor: [block!.Dbtr!.Nm, block!.DbtrAcct!.Id!.IBAN, block!.DbtrAgt!.FinInstnId],
    payments: payments.map((payment) => ({
      id: payment.PmtId!.EndToEndId,
      amount: payment.Amt!.InstdAmt,
      name: payment.Cdtr!.Nm,
      iban: payment.CdtrAcct!.Id!.IBAN,
      reason: payment.RmtInf!.Ustrd,
    })),
  };
}

function byTheOracle(rows: readonly PayoutRow[], order: SepaOrder): string {
  const document = new Document('pain.001.001.09');
  Object.assign(document.grpHdr, { id: 'X', created: new Date(0), initiatorName: order.debtorName });
  const block = document.createPaymentInfo();
  Object.assign(block, {
    requestedExecutionDate: new Date(`${order.executionDay}T12:00:00`),
    debtorName: order.debtorName,
    debtorIBAN: order.debtorIban,
    debtorBIC: order.debtorBic ?? '',
    batchBooking: true,
  });
  document.addPaymentInfo(block);
  for (const row of rows) {
    const payment = block.createTransaction();
    const { accountHolderName: name, accountHolderSurname: surname, technicalAccountHolder } = row;
    Object.assign(payment, {
      creditorName: technicalAccountHolder ?? `${name} ${surname}`,
      creditorIBAN: row.iban,
      amount: (row.cashbackCents + row.jackpotCents) / 100,
      remittanceInfo: transferReason(row),
      end2endId: String(row.id).padStart(9, '0'),
    });
    block.addTransaction(payment);
  }
  return document.toString();
}

describe('the message', () => {
  test('it says the same as one that the package sepa writes of the same transfers', () => {
    const random = new Random(seed);
    for (const count of [1, 2, 3, 50, 200]) {
      const rows = Array.from({ length: count }, (_, index) => ({
        ...randomRow(random, index + 1),
        // The package does not transliterate.
        accountHolderName: random.pick(["D'Angelo", 'Maria', '(M.) + ?/:,-']),
        accountHolderSurname: random.pick(['Rossi', 'De Rosa']),
        technicalAccountHolder: random.pick([null, null, 'Banca Uno S.p.A.']),
      }));
      for (const order of [ORDER, { ...ORDER, debtorBic: undefined }] as SepaOrder[]) {
        expect(meaningOf(textOf(rows, order)), `seed=${seed} count=${count}`).toEqual(
          meaningOf(byTheOracle(rows, order)),
        );
      }
    }
  });

  test('it is of version 001.001.09, of its instant, and its id is that of its file', () => {
    const document = read(textOf([rowOf()])).Document!;
    expect(document['@xmlns']).toBe('urn:iso:std:iso:20022:tech:xsd:pain.001.001.09');
    const { GrpHdr: header, PmtInf: block } = document.CstmrCdtTrfInitn!;
    expect(header!.MsgId).toBe('16072021.040000.2-3');
    expect(block!.PmtInfId).toBe(header!.MsgId);
    expect(header!.CreDtTm).toBe('2021-07-16T04:00:00.000+02:00');
  });

  test('no id of a message is longer than banks take', () => {
    const place = { ...PLACE, number: 999_999_999, total: 999_999_999 };
    const id = /<MsgId>(.*)<\/MsgId>/.exec([...sepaFile(ORDER).pieces([rowOf()], place)].join(''))?.[1];
    expect(id).toHaveLength(35);
  });

  test('the sum is exact to the cent, from one to as many as a file holds', () => {
    const sumOf = (cents: readonly number[]) =>
      meaningOf(textOf(cents.map((cashbackCents, id) => rowOf({ id: id + 1, cashbackCents, jackpotCents: 0 })))).sum;
    expect(sumOf([1])).toEqual(['0.01', '0.01']);
    expect(sumOf([10, 20])).toEqual(['0.30', '0.30']);
    expect(sumOf(Array.from({ length: 1_000 }, () => 999_999))).toEqual(['9999990.00', '9999990.00']);
  });

  test('an account of an issuer has the issuer’s name, and the reason says whose money it is', () => {
    const row = rowOf({ technicalAccountHolder: 'Banca «Uno» S.p.A.', issuerCardId: 'C77' });
    expect(meaningOf(textOf([row])).payments).toMatchObject([
      {
        name: "Banca 'Uno' S.p.A.",
        reason: `000000123 - Cashback di Stato - dal 01/01/2021 al 30/06/2021 - ${makeTaxCode(1)} - C77`,
      },
    ]);
  });

  test.each<[Partial<SepaOrder>, string]>([
    [{ debtorName: ' ' }, 'debtorName'],
    [{ debtorIban: 'IT00' }, 'debtorIban'],
    [{ debtorBic: 'BITAITRRXX' }, 'debtorBic'],
    [{ executionDay: '26/07/2021' }, 'executionDay'],
  ])('an order with %o is refused', (fields, problem) => {
    expect(() => sepaFile({ ...ORDER, ...fields })).toThrow(problem);
  });
});

describe('texts', () => {
  test.each([
    ['Niccolò Ďuro-Žák', 'Niccolo Duro-Zak'],
    ['Łukasz Straße Ærø', 'Lukasz Strasse AEro'],
    ['D’Angelo & “Figli”', "D'Angelo + 'Figli'"],
    ['Crédit\u00a0Agricole_Italia – n°1', 'Credit Agricole-Italia - n.1'],
    ['A\u030angstro\u0308m', 'Angstrom'],
    ['王 🙂', '. .'],
    ['<b>&amp;</b>', '.b.+amp../b.'],
    ['  two   blanks ', 'two blanks'],
  ])('%s is spelled %s', (text, spelled) => {
    expect(sepaText(text, 70)).toBe(spelled);
  });

  test('a text that is cut does not end with a blank', () => {
    expect(sepaText('De Rosa', 3)).toBe('De');
    expect(sepaText('De Rosa', 4)).toBe('De R');
  });

  test('whatever goes in, only characters of SEPA come out, no more than fit, and twice the same', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 200 }),
        fc.integer({ min: 1, max: 140 }),
        (text, lengthMax) => {
          const spelled = sepaText(text, lengthMax);
          expect(spelled).toMatch(/^([a-zA-Z0-9/?:().,'+-]([a-zA-Z0-9/?:().,'+ -]*[a-zA-Z0-9/?:().,'+-])?)?$/);
          expect(spelled.length).toBeLessThanOrEqual(lengthMax);
          expect(sepaText(spelled, lengthMax)).toBe(spelled);
        },
      ),
      { seed },
    );
  });

  test('a name of nothing but foreign signs still is a name, and a long one is cut', () => {
    const { payments } = meaningOf(
      textOf([
        rowOf({ accountHolderName: '王', accountHolderSurname: '' }),
        rowOf({ accountHolderName: 'x'.repeat(80) }),
        rowOf({ accountHolderName: '\u0301', accountHolderSurname: '' }),
      ]),
    );
    expect(payments.map(({ name }) => name)).toEqual(['.', 'x'.repeat(70), '.']);
  });

  const xmllint = fromPackage('libxml2-utils', () => {
    try {
      execFileSync('xmllint', ['--version'], { stdio: 'ignore' });
      return 'xmllint';
    } catch {
      return undefined;
    }
  });

  test.skipIf(xmllint === undefined)('no text breaks the document', () => {
    const texts = fc.sample(fc.string({ unit: 'binary', maxLength: 100 }), { seed, numRuns: 500 });
    const rows = texts
      .map((text, index) => rowOf({ id: index + 1, accountHolderName: `${text}<!--&]]>"`, issuerCardId: 'C<1' }))
      .filter((row) => payoutRowFault(row) === null);
    expect(rows.length).toBeGreaterThan(100);
    execFileSync(xmllint!, ['--noout', '--nonet', '-'], { input: textOf(rows, { ...ORDER, debtorName: 'A & <B>' }) });
  });
});
