// Method: a real server on two shards and real third parties; the engine is killed while something is between them. An
// account that waits to be checked again is found in the rows by the next one, which tells the phone that is watching what the
// bank says by then; a charge that was answered is asked for again under its key.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { askHttp } from '../../client/sdk/index.ts';
import { makeIban, makeTaxCode } from '../../engine/index.ts';
import { PartnerSimulator } from '../../server/partners/index.ts';
import { Supervised } from '../support/supervised.ts';

let folder: string;
let bank: PartnerSimulator;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'clickday-rechecks-'));
  bank = new PartnerSimulator();
});
afterEach(async () => {
  await Supervised.stopAll();
  await bank.close();
  rmSync(folder, { recursive: true });
});

test('R13: an IBAN that the bank disowns an hour later is gone, and the phone is told', async () => {
  const environment = { CLICKDAY_IBAN_CHECKER_URL: await bank.listen(0) };
  const server = await Supervised.start({ folder, now: '2020-12-10T10:00:00+01:00', shards: 2, environment });
  const [citizen, iban] = [makeTaxCode(1), makeIban(1)];
  bank.control('iban-checker', { answers: { [iban]: 501 } });
  const app = await server.client('citizen', citizen, 60_000);
  await app.change('enrol', {});
  const holder = { accountHolderCF: citizen, accountHolderName: 'Anna', accountHolderSurname: 'Bianchi' };
  expect(await app.change('setIban', { iban, ...holder })).toMatchObject({
    answer: { validationStatus: 'UNKNOWN_PSP' },
  });
  server.killEngine();
  await server.whenReady(2);

  bank.control('iban-checker', { answers: { [iban]: 'KO' } });
  const isGone = new Promise((resolve) => {
    void app.subscribe(['wallet'], () => {
      void app.read('wallet', {}).then((reply) => reply.ok && reply.view.iban === null && resolve(reply.view));
    });
  });
  const body = JSON.stringify({ now: '2020-12-10T11:30:00+01:00' });
  const http = { url: server.url, token: await server.token('operator', 'ops') };
  expect((await askHttp(http, { method: 'POST', path: '/admin/clock', body })).status).toBe(200);
  expect(await isGone).toMatchObject({ iban: null, ibanCheckStatus: 'KO' });
  app.close();
});

test('R14: a card is verified in a wallet session; asked again after a death, it is charged no second time', async () => {
  const url = await bank.listen(0);
  const environment = { CLICKDAY_CARD_CHARGES_URL: url };
  const server = await Supervised.start({ folder, now: '2020-12-10T10:00:00+01:00', shards: 2, environment });
  const token = await server.token('citizen', makeTaxCode(1));
  const ask = async (asked: string, method: string, path: string, body?: object) => {
    const headers = { authorization: `Bearer ${asked}`, 'content-type': 'application/json', 'idempotency-key': path };
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(server.url + path, { method, headers, ...sent });
    expect([path, response.status]).toEqual([path, 200]);
    return ((await response.json()) as { readonly data: unknown }).data;
  };
  await ask(token, 'PUT', '/bpd/io/citizen/v2', {});
  const { sessionToken } = (await ask(token, 'GET', '/v1/users/actions/start-session')) as { sessionToken: string };
  const creditCard = { pan: '9999000000000001', expireMonth: '07', expireYear: '24' };
  const [card] = (await ask(sessionToken, 'POST', '/v1/wallet/cc', { data: { creditCard } })) as { idWallet: number }[];
  const pay = () => ask(sessionToken, 'POST', '/v1/payments/cc/actions/pay', { data: { idWallet: card!.idWallet } });
  const paid = await pay();
  server.killEngine();
  await server.whenReady(2);
  expect(await pay()).toEqual(paid);
  expect(await (await fetch(`${url}/v1/charges`)).json()).toHaveLength(1);
});
