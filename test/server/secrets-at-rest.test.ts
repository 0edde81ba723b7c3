// Method: a real server is told people, accounts and card numbers over every way in, is killed, comes back, is backed up and
// stops. Then each byte of each file that is left is searched, in the usual ways of writing them, and what is compressed is
// searched as it was before. That the search finds what is there is seen by what may be there: the number of a payment.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { italy2020, makeIban, makeTaxCode } from '../../engine/index.ts';
import { hashPan } from '../../server/identity/hpan.ts';
import { openPersistence } from '../../snapshots/index.ts';
import { Programs, type RunningServer } from '../support/programs.ts';

const BANK = '03069';
const [ANNA, BRUNO, HOLDER] = [1, 2, 3].map((number) => makeTaxCode(number)) as [string, string, string];
const [IBAN, OTHER_IBAN] = [makeIban(7), makeIban(8)];
const [PAN, BANK_PAN, ROW_PAN, TOKEN] = [
  '4111111111111111',
  '5500000000000004',
  '4000056655665556',
  '4012888888881881',
];
const SECRETS = [
  ...[ANNA, BRUNO, HOLDER, IBAN, OTHER_IBAN, PAN, BANK_PAN, ROW_PAN, TOKEN],
  ...['Zefirina', 'Quadrifogli', '+393331234567'],
];
const PAYMENT = 'ARN-MAY-BE-READ';

let programs: Programs;
beforeAll(() => {
  programs = new Programs();
});
afterAll(() => programs.close());

/** As text, in 16 bits, in hexadecimal digits and in Base64, wherever in it it begins. */
function waysOfWriting(secret: string): readonly Buffer[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
    // Digits of six bits each, without those in which its neighbours have a part.
    return whole.slice(Math.ceil((8 * before) / 6), Math.floor((8 * (before + bytes.length)) / 6));
  });
  const texts = [secret, secret.toLowerCase(), bytes.toString('hex'), bytes.toString('hex').toUpperCase(), ...base64];
  return [...texts.map((text) => Buffer.from(text)), Buffer.from(secret, 'utf16le')];
}

function secretsIn(bytes: Buffer, secrets: readonly string[]): readonly string[] {
  return secrets.filter((secret) => waysOfWriting(secret).some((written) => bytes.includes(written)));
}

function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

function found(folder: string, secrets: readonly string[]): readonly string[] {
  return filesBelow(folder).flatMap((file) =>
    secretsIn(readFileSync(file), secrets).map((secret) => `${secret} in ${file.slice(folder.length + 1)}`),
  );
}

/** Also of archives, which are compressed. */
async function recordsOf(folder: string): Promise<Buffer> {
  const persistence = await openPersistence({ folder });
  const records = persistence.stores.flatMap(({ journal }) => [...journal.read(1)]);
  await persistence.close();
  return Buffer.from(JSON.stringify(records, (_, value) => (isBytes(value) ? textOf(value.data) : value)));
}

/** As JSON has a buffer. */
interface Bytes {
  readonly type: 'Buffer';
  readonly data: readonly number[];
}

function isBytes(value: unknown): value is Bytes {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer';
}

function textOf(bytes: readonly number[]): string {
  return Buffer.from(bytes).toString('latin1');
}

async function tellAll(server: RunningServer): Promise<void> {
  const [citizen, issuer, acquirer] = await Promise.all([
    server.token('citizen', ANNA),
    server.token('issuer', BANK),
    server.token('acquirer', '36081'),
  ]);
  const ok = async (token: string, method: string, path: string, body: unknown, headers = {}) => {
    const answered = await server.call(token, path, { method, body, headers });
    expect([answered.status, answered.text], path).toEqual([200, expect.any(String)]);
    return answered;
  };
  const holder = { accountHolderCF: HOLDER, accountHolderName: 'Zefirina', accountHolderSurname: 'Quadrifogli' };
  await ok(citizen, 'PUT', '/bpd/io/citizen/v2', undefined);
  await ok(citizen, 'PATCH', '/bpd/io/citizen', { payoffInstr: IBAN, payoffInstrType: 'IBAN', ...holder });
  const creditCard = { pan: PAN, expireMonth: '07', expireYear: '24', brand: 'VISA', holder: 'Zefirina Quadrifogli' };
  await ok(citizen, 'POST', '/v1/wallet/cc', { data: { creditCard } });
  const hpan = hashPan(PAN, italy2020().panSalt);
  await ok(citizen, 'PUT', `/bpd/io/payment-instruments/${hpan}`, undefined);

  await ok(issuer, 'PUT', `/bpd/hb/citizens/${BRUNO}`, undefined);
  const card = { id: BANK_PAN, fiscalCode: BRUNO, brand: 'VISA', tokenPanList: [TOKEN] };
  await ok(issuer, 'PUT', '/bpd/hb/payment-instruments/card', card);
  const phone = encodeURIComponent(`${BANK}+393331234567`);
  await ok(issuer, 'PUT', `/bpd/hb/payment-instruments/bpay/${phone}`, { fiscalCode: BRUNO });

  await server.setClock('2020-12-20T10:00:00+01:00');
  const row = (card: string, id: string) =>
    `36081;00;01;${card};2020-12-18T11:00:00.000+01:00;${id};;;1999;978;09509;M1;T1;999900;5411`;
  // One counts; one has what must not be sent where a hash is wanted, and one where anything may be.
  const body = [row(hpan, PAYMENT), row(ROW_PAN, 'R2'), row(hpan, ROW_PAN)].join('\n');
  const headers = { 'content-type': 'text/csv', accept: 'application/json' };
  const file = await ok(acquirer, 'POST', '/rtd/files/CSTAR.36081.TRNLOG.20201220.100000.001.csv', body, headers);
  expect(file.text).not.toContain(ROW_PAN);
  const operator = await server.token('operator', 'test');
  await ok(operator, 'POST', '/admin/exclusions', { citizen: ANNA, action: 'exclude', reason: 'seen' });
}

test('what is looked for is found, whichever way it is written', () => {
  const secret = SECRETS[0]!;
  for (let before = 0; before < 4; before += 1) {
    const bytes = Buffer.from(`${'x'.repeat(before)}${secret}yz`);
    const base64 = Buffer.from(bytes.toString('base64'));
    for (const written of [bytes, base64, Buffer.from(bytes.toString('hex')), Buffer.from(`${bytes}`, 'utf16le')]) {
      expect(secretsIn(Buffer.concat([Buffer.alloc(7), written]), SECRETS)).toEqual([secret]);
    }
  }
});

test('promise 9: no file and no line of the log names a person, an account or a card number', async () => {
  const start = ['--now', '2020-12-07T10:00:00+01:00', '--speed', '0', '--ship', join(programs.folder, 'shipped')];
  const server = await programs.serve('told', ...start);
  await tellAll(server);
  server.killEngine();
  await server.whenReady(2);
  const client = await server.client('citizen', ANNA);
  expect(await client.read('wallet', {})).toMatchObject({ view: { iban: IBAN } });
  client.close();
  const backup = join(programs.folder, 'backup');
  const backedUp = await programs.run('backup', backup, '--data', server.folder, '--url', server.url);
  expect(backedUp.code, backedUp.err).toBe(0);
  expect(await server.stop()).toBe(0);

  expect(found(programs.folder, SECRETS)).toEqual([]);
  expect(secretsIn(Buffer.from(server.errors + backedUp.out + backedUp.err), SECRETS)).toEqual([]);
  expect(found(server.folder, [PAYMENT])).not.toEqual([]);
  const records = await recordsOf(server.folder);
  expect(secretsIn(records, [...SECRETS, PAYMENT])).toEqual([PAYMENT]);
});
