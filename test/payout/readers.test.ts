// Method: files of good and bad lines, cut into pieces at every byte, shortened to every length, and damaged at seeded
// places: a good line always says the same, a bad one is told of by its number, and nobody else suffers.
import { describe, expect, test } from 'vitest';
import { LIMITS, makeIban, makeTaxCode, PAYOUT_RESULTS } from '../../engine/index.ts';
import {
  type ComplaintPayment,
  type ReadRow,
  readComplaintPayments,
  readOutcomes,
  type TransferOutcome,
} from '../../server/payout/index.ts';
import { Random, seed } from '../support/random.ts';
import { all, stream } from './rows.ts';

function outcomesIn(...pieces: readonly (string | Uint8Array)[]): Promise<Row<TransferOutcome>[]> {
  return said(readOutcomes(stream(pieces.map((piece) => Buffer.from(piece as string)))));
}

type Without<U> = U extends unknown ? Omit<U, 'text'> : never;
type Row<T> = Without<ReadRow<T>>;

/** What is made of each row. */
async function said<T>(rows: AsyncIterable<ReadRow<T>>): Promise<Row<T>[]> {
  return (await all(rows)).map(({ text: _, ...row }) => row as Row<T>);
}

test('with each row comes the line as it was, for who has to put it right', async () => {
  const rows = await all(readOutcomes(stream([Buffer.from('7;KO;;;\r\n;x\n')])));
  expect(rows.map(({ text, ok }) => [text, ok])).toEqual([
    ['7;KO;;;', true],
    [';x', false],
  ]);
});

const EXECUTED = { result: 'ORDINE ESEGUITO', resultReason: '', cro: 'CRO1', executionDay: '2021-07-26' } as const;

describe('outcomes', () => {
  test('each result is read, with what there is of reason, reference and day', async () => {
    const text =
      '000000123;ORDINE ESEGUITO;;12345678901;26/07/2021\n' +
      '7;KO;IBAN non è più attivo;;\n' +
      '999999999;PRESA IN CARICO RIGETTATO;conto "estinto", ecc.;;01/02/2021\n';
    expect(await outcomesIn(text)).toEqual([
      { line: 1, ok: true, value: { ...EXECUTED, id: 123, cro: '12345678901' } },
      {
        ...{ line: 2, ok: true },
        value: { id: 7, result: 'KO', resultReason: 'IBAN non è più attivo', cro: '', executionDay: null },
      },
      {
        ...{ line: 3, ok: true },
        value: {
          ...{ id: 999_999_999, result: 'PRESA IN CARICO RIGETTATO', resultReason: 'conto "estinto", ecc.' },
          ...{ cro: '', executionDay: '2021-02-01' },
        },
      },
    ]);
  });

  test('byte-order marks, CRLF, empty lines and a last line without an end change nothing', async () => {
    const lines = ['1;ORDINE ESEGUITO;;CRO1;26/07/2021', '2;ORDINE ESEGUITO;;CRO1;26/07/2021'];
    for (const [text, second] of [
      [`${lines[0]}\n${lines[1]}\n`, 2],
      [`\uFEFF${lines[0]}\n${lines[1]}`, 2],
      [`\uFEFF${lines[0]}\r\n\uFEFF${lines[1]}\r\n`, 2],
      [`${lines[0]}\n\n\r\n${lines[1]}\n\n`, 4],
    ] as const) {
      expect(await outcomesIn(text), JSON.stringify(text)).toEqual([
        { line: 1, ok: true, value: { ...EXECUTED, id: 1 } },
        { line: second, ok: true, value: { ...EXECUTED, id: 2 } },
      ]);
    }
    expect(await outcomesIn('')).toEqual([]);
    expect(await outcomesIn('\uFEFF')).toEqual([]);
  });

  test('a file says the same wherever it is cut into pieces', async () => {
    const bytes = Buffer.from('\uFEFF1;KO;è già « € 🙂;;\r\n2;BOH;;;\n3;ORDINE ESEGUITO;;CRO1;26/07/2021\n');
    const whole = await outcomesIn(bytes);
    expect(whole.map(({ ok }) => ok)).toEqual([true, false, true]);
    for (let cut = 0; cut <= bytes.length; cut += 1) {
      expect(await outcomesIn(bytes.subarray(0, cut), bytes.subarray(cut)), `cut=${cut}`).toEqual(whole);
    }
    expect(await outcomesIn(...[...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(whole);
  });

  test.each(['0', '', '0000000000', '1000000000', '-1', '+1', '1.0', ' 1', '0x1', '١'])(
    'the id %j is refused',
    async (id) => {
      expect(await outcomesIn(`${id};KO;;;\n`)).toEqual([{ line: 1, ok: false, code: 'FIELD_INVALID', detail: 'id' }]);
    },
  );

  test.each(['', 'ko', 'KO ', 'ORDINE  ESEGUITO', 'ORDINE ESEGUIT', 'RESPINTO'])(
    'the result %j is refused: nobody knows what it means',
    async (result) => {
      expect(await outcomesIn(`1;${result};;;26/07/2021\n`)).toMatchObject([
        { code: 'FIELD_INVALID', detail: 'result' },
      ]);
    },
  );

  test.each(['31/06/2021', '29/02/2021', '1/7/2021', '2021-07-26', '26-07-2021', '26/07/21', ' 26/07/2021'])(
    'the day %j is refused',
    async (day) => {
      expect(await outcomesIn(`1;KO;;;${day}\n`)).toMatchObject([{ code: 'DATE_INVALID', detail: 'executionDay' }]);
    },
  );

  test('what was executed was executed on a day', async () => {
    expect(await outcomesIn('1;ORDINE ESEGUITO;;CRO1;\n')).toMatchObject([{ code: 'DATE_INVALID' }]);
  });

  test('texts have a length, and no control characters', async () => {
    const [longest, tooLong] = ['x'.repeat(255), 'x'.repeat(256)];
    expect(await outcomesIn(`1;KO;${longest};${longest};\n`)).toMatchObject([{ ok: true }]);
    expect(await outcomesIn(`1;KO;${tooLong};;\n`)).toMatchObject([{ code: 'FIELD_INVALID', detail: 'resultReason' }]);
    expect(await outcomesIn('1;KO;;\t;\n')).toMatchObject([{ code: 'FIELD_INVALID', detail: 'cro' }]);
    expect(await outcomesIn('1;KO;a\rb;;\n')).toMatchObject([{ code: 'FIELD_INVALID', detail: 'resultReason' }]);
  });

  test('a line has five columns', async () => {
    expect(await outcomesIn('1;KO;;\n1;KO;;;;\n')).toMatchObject([
      { line: 1, code: 'WRONG_COLUMNS', detail: '4 columns' },
      { line: 2, code: 'WRONG_COLUMNS', detail: '6 columns' },
    ]);
    const endless = 'x'.repeat(LIMITS.fileLineCharactersMax + 1);
    expect(await outcomesIn(`${endless}\n1;KO;;;\n`)).toMatchObject([
      { line: 1, code: 'WRONG_COLUMNS', detail: 'line too long' },
      { line: 2, ok: true },
    ]);
  });

  test('a line that is not UTF-8 is told of, and its neighbours count', async () => {
    const latin = Buffer.from('2;KO;non \xe8 attivo;;\n', 'latin1');
    const rows = await outcomesIn(Buffer.concat([Buffer.from('1;KO;;;\n'), latin, Buffer.from('3;KO;;;\n')]));
    expect(rows).toMatchObject([{ ok: true }, { line: 2, code: 'ENCODING_INVALID' }, { ok: true, value: { id: 3 } }]);
    const broken = Buffer.concat([Buffer.from('1;KO;'), Buffer.of(0xe2, 0x82)]);
    expect(await outcomesIn(broken)).toMatchObject([{ line: 1, code: 'ENCODING_INVALID' }]);
    expect(await outcomesIn(broken, '\n2;KO;;;\n')).toMatchObject([{ code: 'ENCODING_INVALID' }, { ok: true }]);
  });

  test('a line cut at any byte says what it would have said, or is refused', async () => {
    for (const text of [
      '000000123;ORDINE ESEGUITO;è stato bonificato;CRO1;26/07/2021\r\n',
      '123;KO;l’IBAN è chiuso;;26/07/2021\n',
      '\uFEFF123;PRESA IN CARICO RIGETTATO;;;26/07/2021\n',
    ]) {
      const bytes = Buffer.from(text);
      const [whole] = await outcomesIn(bytes);
      if (whole?.ok !== true) throw new Error(`${text} is not read`);
      for (let length = 0; length < bytes.length; length += 1) {
        const [cut, ...others] = await outcomesIn(bytes.subarray(0, length));
        expect(others).toEqual([]);
        if (cut === undefined) expect(bytes.subarray(0, length).toString()).toMatch(/^(|\uFEFF|\uFFFD)$/);
        else if (cut.ok) expect(withoutDay(cut.value), `length=${length}`).toEqual(withoutDay(whole.value));
      }
    }
  });

  /** The day of what was not executed may be absent: it is all that a cut can take away. */
  function withoutDay(value: TransferOutcome): TransferOutcome {
    return value.result === 'ORDINE ESEGUITO' ? value : { ...value, executionDay: null };
  }

  test('seeded outcomes are read as they were written, and a damaged byte harms no line but its own', async () => {
    const random = new Random(seed);
    for (let step = 0; step < 300; step += 1) {
      const values = Array.from({ length: 1 + random.below(6) }, () => randomOutcome(random));
      const lines = values.map((value) => Buffer.from(`${lineOf(value)}${random.pick(['\n', '\r\n'])}`));
      const rows = await outcomesIn(...lines);
      expect(rows, `seed=${seed} step=${step}`).toEqual(
        values.map((value, index) => ({ line: index + 1, ok: true, value })),
      );

      const hit = random.below(lines.length);
      const place = random.below(lines[hit]!.length - 2);
      // No line break: it would make two lines out of one.
      lines[hit]![place] = 11 + random.below(245);
      const damaged = await outcomesIn(...lines);
      expect(damaged.toSpliced(hit, 1), `seed=${seed} step=${step}`).toEqual(rows.toSpliced(hit, 1));
    }
  });

  function randomOutcome(random: Random): TransferOutcome {
    const result = random.pick(PAYOUT_RESULTS);
    const day = `2021-0${1 + random.below(9)}-${10 + random.below(19)}`;
    return {
      id: 1 + random.below(999_999_999),
      result,
      resultReason: random.pick(['', 'IBAN errato', 'conto già «chiuso»', '🙂']),
      cro: random.pick(['', '12345678901']),
      executionDay: result === 'ORDINE ESEGUITO' || random.below(2) === 0 ? day : null,
    };
  }

  function lineOf({ id, result, resultReason, cro, executionDay }: TransferOutcome): string {
    const day = executionDay === null ? '' : executionDay.split('-').reverse().join('/');
    return [id, result, resultReason, cro, day].join(';');
  }
});

describe('payments of complaints', () => {
  const COLUMNS = {
    consapId: '4711',
    relatedId: '000000123',
    citizenTaxCode: makeTaxCode(1),
    iban: makeIban(1),
    accountHolderName: 'Niccolò',
    accountHolderSurname: 'Rossi',
    amountCents: '165000',
    cashbackCents: '015000',
    jackpotCents: '150000',
    resultReason: 'reclamo accolto',
    startDay: '01/01/2021',
    endDay: '30/06/2021',
    result: 'ORDINE ESEGUITO',
    cro: 'CRO1',
    executionDay: '30/11/2021',
    ticketId: '9007199254740993',
  };

  function complaintsIn(fields: Partial<typeof COLUMNS>): Promise<Row<ComplaintPayment>[]> {
    const line = `${Object.values({ ...COLUMNS, ...fields }).join(';')}\n`;
    return said(readComplaintPayments(stream([Buffer.from(line)])));
  }

  const PAYMENT: ComplaintPayment = {
    ...COLUMNS,
    ...{ result: 'ORDINE ESEGUITO', relatedId: 123 },
    ...{ amountCents: 165_000, cashbackCents: 15_000, jackpotCents: 150_000 },
    ...{ startDay: '2021-01-01', endDay: '2021-06-30', executionDay: '2021-11-30' },
  };

  test('sixteen columns are one payment', async () => {
    expect(await complaintsIn({})).toEqual([{ line: 1, ok: true, value: PAYMENT }]);
  });

  test('one number written with and without leading zeros is the same', async () => {
    const [row] = await complaintsIn({ consapId: '0004711', ticketId: '09007199254740993', relatedId: '123' });
    expect(row).toEqual({ line: 1, ok: true, value: PAYMENT });
  });

  test.each<[Partial<typeof COLUMNS>, string, string]>([
    [{ consapId: '' }, 'FIELD_INVALID', 'consapId'],
    [{ consapId: '0' }, 'FIELD_INVALID', 'consapId'],
    [{ consapId: '1'.repeat(19) }, 'FIELD_INVALID', 'consapId'],
    [{ relatedId: '0' }, 'FIELD_INVALID', 'relatedId'],
    [{ relatedId: '1000000000' }, 'FIELD_INVALID', 'relatedId'],
    [{ citizenTaxCode: 'RSSMRA99A01X001A' }, 'TAX_CODE_INVALID', 'citizenTaxCode'],
    [{ iban: 'IT00' }, 'IBAN_INVALID', 'iban'],
    [{ accountHolderName: 'a\tb' }, 'FIELD_INVALID', 'accountHolderName'],
    [{ accountHolderSurname: 'a\tb' }, 'FIELD_INVALID', 'accountHolderSurname'],
    [{ amountCents: '1650.00' }, 'AMOUNT_INVALID', 'amountCents'],
    [{ amountCents: '0165000' }, 'AMOUNT_INVALID', 'amountCents'],
    [{ amountCents: '164999' }, 'AMOUNT_INVALID', 'amountCents'],
    [{ amountCents: '0', cashbackCents: '0', jackpotCents: '0' }, 'AMOUNT_INVALID', 'amountCents'],
    [{ cashbackCents: '-1' }, 'AMOUNT_INVALID', 'cashbackCents'],
    [{ jackpotCents: '' }, 'AMOUNT_INVALID', 'jackpotCents'],
    [{ resultReason: '\x7f' }, 'FIELD_INVALID', 'resultReason'],
    [{ startDay: '' }, 'DATE_INVALID', 'startDay'],
    [{ endDay: '31/06/2021' }, 'DATE_INVALID', 'endDay'],
    [{ endDay: '31/12/2020' }, 'DATE_INVALID', 'endDay'],
    [{ result: 'PAGATO' }, 'FIELD_INVALID', 'result'],
    [{ cro: 'x'.repeat(256) }, 'FIELD_INVALID', 'cro'],
    [{ executionDay: '2021-11-30' }, 'DATE_INVALID', 'executionDay'],
    [{ ticketId: '' }, 'FIELD_INVALID', 'ticketId'],
    [{ ticketId: '1;1' }, 'WRONG_COLUMNS', '17 columns'],
  ])('%o is refused with %s of %s', async (fields, code, detail) => {
    expect(await complaintsIn(fields)).toEqual([{ line: 1, ok: false, code, detail }]);
  });

  test('the last amount that a column holds is read, and a payment of nothing but a prize', async () => {
    expect(await complaintsIn({ amountCents: '999999', cashbackCents: '849999' })).toMatchObject([{ ok: true }]);
    const prize = { amountCents: '150000', cashbackCents: '0' };
    expect(await complaintsIn(prize)).toMatchObject([{ ok: true, value: { cashbackCents: 0 } }]);
  });
});
