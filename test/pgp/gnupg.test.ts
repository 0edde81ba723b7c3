// Method: Debian's gpg on the other side. It encrypts as the acquirers' program did (RSA, CAST5, ZIP, an integrity code) and
// as gpg does by itself; it reads what is written for Consap. Left out, and said, where gpg is not installed.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PrivateKey } from 'openpgp';
import { afterAll, describe, expect, test } from 'vitest';
import { encrypting, generateKeyPair, readPgpKeys } from '../../server/pgp/index.ts';
import { decryptedPieces } from '../../server/pgp/message.ts';
import { bodyOf, row } from '../files/files.ts';
import { fromPackage } from '../support/packages.ts';
import { collect, Files } from './keys.ts';

const GPG = '/usr/bin/gpg';
const gpgPath = fromPackage('gnupg', () => (existsSync(GPG) ? GPG : undefined));

const ROWS = Buffer.from(Array.from({ length: 500 }, (_, at) => `${row({ id: `r${at}` })}\n`).join(''));
const RSA = `%no-protection
Key-Type: RSA
Key-Length: 2048
Subkey-Type: RSA
Subkey-Length: 2048
Name-Real: platform
Expire-Date: 0
`;

const files = new Files();
const home = join(files.folder, 'gnupg');
mkdirSync(home, { mode: 0o700 });
afterAll(() => {
  if (gpgPath !== undefined) execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  files.remove();
});

function gpg(...words: readonly string[]): Buffer {
  return execFileSync(GPG, ['--homedir', home, '--batch', '--quiet', '--trust-model', 'always', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

const privateKeyIn = async (path: string): Promise<PrivateKey> => {
  const { platform } = await readPgpKeys({ key: path, passphrase: undefined, consapKey: undefined }, Date.now());
  return platform!;
};

describe.skipIf(gpgPath === undefined)('with gpg on the other side', () => {
  test('its key is read, and what it encrypts as the acquirers did comes out as it went in', async () => {
    gpg('--gen-key', files.write('rsa', RSA));
    const key = await privateKeyIn(files.write('key.asc', gpg('--armor', '--export-secret-keys', 'platform')));
    const plain = files.write('rows.csv', ROWS);
    const theirs = ['--cipher-algo', 'CAST5', '--compress-algo', 'zip'];
    for (const options of [theirs, [], ['--throw-keyids'], ['--compress-algo', 'bzip2']]) {
      const path = `${plain}.${options.length}.${options.at(-1) ?? 'own'}.pgp`;
      gpg(...options, '--recipient', 'platform', '--output', path, '--encrypt', plain);
      const content = await collect(decryptedPieces(bodyOf(readFileSync(path)), key));
      expect(content.equals(ROWS), options.join(' ')).toBe(true);
    }
    const path = `${plain}.unprotected.pgp`;
    gpg(
      '--rfc2440',
      '--cipher-algo',
      'CAST5',
      '--disable-mdc',
      '--recipient',
      'platform',
      '--output',
      path,
      '--encrypt',
      plain,
    );
    const unprotected = collect(decryptedPieces(bodyOf(readFileSync(path)), key));
    await expect(unprotected).rejects.toMatchObject({ code: 'PGP_INVALID' });
  });

  test('it reads what is encrypted for a key of `clickday keygen`', async () => {
    const pair = await generateKeyPair({ name: 'consap', passphrase: '' });
    gpg('--import', files.write('private.asc', pair.privateKey));
    const consapKey = files.write('public.asc', pair.publicKey);
    const { consap } = await readPgpKeys({ key: undefined, passphrase: undefined, consapKey }, Date.now());
    const message = await collect(encrypting(consap!)(bodyOf(ROWS)));
    expect(gpg('--decrypt', files.write('payout.csv.pgp', message)).equals(ROWS)).toBe(true);
  });
});
