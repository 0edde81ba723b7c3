// Method: key files of every kind that a person may name by mistake; each has a line of its own that names the file.
import { generateKey } from 'openpgp';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ConfigurationFault, readConfiguration } from '../../server/config.ts';
import { generateKeyPair, type PgpKeyFiles, readPgpKeys } from '../../server/pgp/index.ts';
import { Files, newPair, type Pair } from './keys.ts';

const NOW_MS = Date.parse('2026-06-01T10:00:00Z');
const DAY_S = 86_400;
const NONE: PgpKeyFiles = { key: undefined, passphrase: undefined, consapKey: undefined };

const files = new Files();
const date = new Date('2026-01-01T00:00:00Z');
let pair: Pair;
beforeAll(async () => {
  pair = await newPair({ date });
});
afterAll(() => files.remove());

const read = (named: Partial<PgpKeyFiles>, nowMs = NOW_MS) => readPgpKeys({ ...NONE, ...named }, nowMs);

test('keys are read armored and binary, locked and not, and nothing is read where nothing is named', async () => {
  for (const none of [null, NONE]) expect(await readPgpKeys(none, NOW_MS)).toEqual({ platform: null, consap: null });
  const fingerprint = pair.privateKey.getFingerprint();
  const armored = files.write('armored', pair.privateKey.armor());
  const binary = files.write('binary', pair.privateKey.write());
  for (const key of [armored, binary]) expect((await read({ key })).platform?.getFingerprint()).toBe(fingerprint);
  const consapKey = files.write('public', pair.publicKey.armor());
  expect((await read({ consapKey })).consap?.getFingerprint()).toBe(fingerprint);

  const locked = await generateKeyPair({ name: 'locked', passphrase: 'open sesame' });
  const key = files.write('locked', locked.privateKey);
  const passphrase = files.write('passphrase', 'open sesame\n');
  expect((await read({ key, passphrase }, Date.now())).platform?.isDecrypted()).toBe(true);
  await expect(read({ key }, Date.now())).rejects.toThrow(`${key} is locked: name a file with its passphrase`);
  const wrong = files.write('wrong', 'open barley');
  await expect(read({ key, passphrase: wrong })).rejects.toThrow(`${wrong} has not the passphrase of ${key}`);
});

test('what is no key, or not the half that is needed, is told apart', async () => {
  const missing = `${files.folder}/missing`;
  await expect(read({ key: missing })).rejects.toThrow(`${missing}: there is no such file`);
  await expect(read({ consapKey: missing })).rejects.toThrow(`${missing}: there is no such file`);
  await expect(read({ key: files.folder })).rejects.toThrow(`${files.folder}: it cannot be read (EISDIR)`);
  for (const content of ['', 'not a key', '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n', Buffer.alloc(500, 0x99)]) {
    const key = files.write('none', content);
    await expect(read({ key })).rejects.toThrow(`${key} is no PGP key`);
  }
  const armored = pair.privateKey.armor();
  const cut = files.write('cut', armored.slice(0, armored.length / 2));
  await expect(read({ key: cut })).rejects.toThrow(`${cut} is no PGP key`);
  const key = files.write('public', pair.publicKey.armor());
  await expect(read({ key })).rejects.toThrow(`${key} is a public key: name the private one`);
  const consapKey = files.write('private', pair.privateKey.armor());
  await expect(read({ consapKey })).rejects.toThrow(`${consapKey} is a private key, which only its owner may have`);
});

test('a key that has expired, or that nothing can be encrypted to, is refused with the reason', async () => {
  const brief = await newPair({ date, keyExpirationTime: 30 * DAY_S });
  const key = files.write('brief', brief.privateKey.armor());
  const dayMs = DAY_S * 1_000;
  expect((await read({ key }, date.getTime() + 29 * dayMs)).platform).not.toBeNull();
  for (const nowMs of [date.getTime() + 31 * dayMs, date.getTime() - dayMs]) {
    await expect(read({ key }, nowMs)).rejects.toThrow(`${key} has expired, or is not valid yet`);
  }
  const signing = await newPair({ date, subkeys: [{ sign: true }] });
  const consapKey = files.write('signing', signing.publicKey.armor());
  await expect(read({ consapKey })).rejects.toThrow(`${consapKey} cannot be encrypted to`);
  const { publicKey } = await generateKey({
    userIDs: [{ name: 'weak' }],
    type: 'rsa',
    rsaBits: 1_024,
    format: 'armored',
    config: { minRSABits: 1_024 },
  });
  const weak = files.write('weak', publicKey);
  await expect(read({ consapKey: weak }, Date.now())).rejects.toThrow(`${weak} cannot be encrypted to`);
});

test('what is configured is read from the environment, and what contradicts itself is refused', () => {
  const configured = (variables: Readonly<Record<string, string>>) =>
    readConfiguration('{"data":"d","port":0}', variables).pgp;
  expect(configured({})).toBeNull();
  expect(configured({ CLICKDAY_PGP_KEY: '', CLICKDAY_PGP_REQUIRED: 'false' })).toBeNull();
  const [key, passphrase, consapKey] = ['k', 'p', 'c'];
  expect(configured({ CLICKDAY_PGP_CONSAP_KEY: consapKey })).toEqual({ ...NONE, consapKey, isRequired: false });
  const all = { CLICKDAY_PGP_KEY: key, CLICKDAY_PGP_PASSPHRASE: passphrase, CLICKDAY_PGP_CONSAP_KEY: consapKey };
  expect(configured({ ...all, CLICKDAY_PGP_REQUIRED: 'true' })).toEqual({
    key,
    passphrase,
    consapKey,
    isRequired: true,
  });
  for (const wrong of [
    { CLICKDAY_PGP_REQUIRED: 'true' },
    { CLICKDAY_PGP_PASSPHRASE: passphrase },
    { CLICKDAY_PGP_REQUIRED: 'true', CLICKDAY_PGP_CONSAP_KEY: consapKey },
    { ...all, CLICKDAY_PGP_REQUIRED: 'yes' },
  ]) {
    expect(() => configured(wrong), JSON.stringify(wrong)).toThrow(ConfigurationFault);
  }
});
