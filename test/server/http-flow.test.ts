// Method: one citizen's story over HTTP alone, as the app and an acquirer lived it, on the compiled server and a real
// folder, once for each web server; amounts are compared as the euro that were written.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeIban, makeTaxCode } from '../../engine/index.ts';
import { Programs } from '../support/programs.ts';

const ANNA = makeTaxCode(1);
const CARD = 'a1'.repeat(32);
const FILE = 'CSTAR.36081.TRNLOG.20201220.100000.001.csv';
const IO = '/bpd/io';

/** Ten payments open the cashback of Christmas; the eleventh is capped at 15 euro. */
const CENTS = [1_999, 45_050, 333, 5, 7_777, 12_345, 995, 2_605, 10_001, 64, 15_001];
const LINES = CENTS.map(
  (cents, at) =>
    `36081;00;01;${CARD};2020-12-${10 + Math.floor(at / 3)}T1${at % 3}:00:00.000+01:00;ARN${at};;;${cents};978;09509;M1;T1;999900;5411`,
);

let programs: Programs;
beforeAll(() => {
  programs = new Programs();
});
afterAll(() => programs.close());

test.each(['uws', 'ws'])('enrols, sets an IBAN, switches a card on, is paid and ranked, over %s', async (transport) => {
  const start = ['--now', '2020-12-07T10:00:00+01:00', '--speed', '0', '--transport', transport] as const;
  const server = await programs.serve(`http-${transport}`, ...start);
  expect(server.starts).toMatchObject([{ transport }]);
  const [citizen, acquirer] = [await server.token('citizen', ANNA), await server.token('acquirer', '36081')];
  const ask = async (path: string, method = 'GET', body?: unknown) => {
    const { status, body: answer } = await server.call(citizen, IO + path, { method, body });
    return { status, answer };
  };

  expect(await ask('/citizen/v2')).toMatchObject({ status: 404 });
  expect(await ask('/citizen/v2', 'PUT', { optInStatus: 'ACCEPTED' })).toMatchObject({
    status: 200,
    answer: { enabled: true, fiscalCode: ANNA, timestampTC: '2020-12-07T09:00:00.000Z', optInStatus: 'ACCEPTED' },
  });
  const holder = { accountHolderCF: ANNA, accountHolderName: 'Anna', accountHolderSurname: 'Rossi' };
  // No bank is asked here: the IBAN is stored, and said not to be verified.
  const iban = { payoffInstr: makeIban(7), payoffInstrType: 'IBAN', ...holder };
  expect(await ask('/citizen', 'PATCH', iban)).toEqual({ status: 200, answer: { validationStatus: 'UNKNOWN_PSP' } });
  expect(await ask(`/payment-instruments/${CARD}`, 'PUT')).toEqual({
    status: 200,
    answer: { activationDate: '2020-12-07T09:00:00.000Z' },
  });
  expect(await ask('/winning-transactions/v2/total-cashback?awardPeriodId=1')).toEqual({
    status: 200,
    answer: { totalCashback: 0, transactionNumber: 0 },
  });

  await server.setClock('2020-12-20T10:00:00+01:00');
  const headers = { 'content-type': 'text/csv', accept: 'application/json' };
  const upload = { method: 'POST', body: `${LINES.join('\n')}\n`, headers };
  const taken = await server.call(acquirer, `/rtd/files/${FILE}`, upload);
  expect(taken).toMatchObject({ status: 200 });
  expect(taken.text).toContain('"counted":11');

  // 1.99 or 2.00, never 1.999: each payment is rounded by itself, and one is cut to 15 euro.
  const euro = [2, 15, 0.33, 0, 7.78, 12.34, 0.99, 2.6, 10, 0.06, 15];
  expect(await ask('/winning-transactions/v2/total-cashback?awardPeriodId=1')).toEqual({
    status: 200,
    answer: { totalCashback: 66.1, transactionNumber: 11 },
  });
  const { answer: all } = await ask(`/winning-transactions?awardPeriodId=1&hpan=${CARD}`);
  const shown = all as readonly { readonly amount: number; readonly cashback: number }[];
  expect(shown.map(({ cashback }) => cashback).reverse()).toEqual(euro);
  expect(shown.map(({ amount }) => amount).reverse()).toEqual(CENTS.map((cents) => cents / 100));

  const place = { awardPeriodId: 1, ranking: 1, transactionNumber: 11, totalParticipants: 1, maxTransactionNumber: 11 };
  expect(await ask('/citizen/ranking?awardPeriodId=1')).toMatchObject({ status: 200, answer: [place] });
  expect(await ask('/citizen/v2/ranking/milestone?awardPeriodId=1')).toMatchObject({
    status: 200,
    answer: [{ ranking: 1, milestoneResource: { totalCashback: 66.1, maxCashback: 150 } }],
  });
  expect(await ask(`/payment-instruments/${CARD}`, 'DELETE')).toMatchObject({ status: 204 });
  expect(await ask('/citizen/v2', 'DELETE')).toMatchObject({ status: 204 });
  expect(await server.stop()).toBe(0);
  expect(await programs.run('verify', '--data', server.folder)).toMatchObject({ code: 0 });
});
