// Method: what a person would do with the real programs: make keys, serve with them, encrypt a file, send it. Then every
// mistake in the configuration, each of which ends the start with one line.
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { ENCRYPTED_NAME, FILE_NAME, hpanOf, row } from '../files/files.ts';
import { Programs } from '../support/programs.ts';

const NOW = ['--now', '2021-02-01T10:00:00+01:00', '--speed', '0'] as const;

let programs: Programs;
let at: (name: string) => string;
beforeAll(async () => {
  programs = new Programs();
  at = (name) => join(programs.folder, name);
  writeFileSync(at('passphrase'), 'open sesame\n');
  for (const words of [['platform', '--passphrase', 'passphrase'], ['consap'], ['nobody']]) {
    expect(await programs.run('keygen', ...words)).toMatchObject({ code: 0, err: '' });
  }
});
afterAll(() => programs.close());
afterEach(() => vi.unstubAllEnvs());

function configure(variables: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(`CLICKDAY_PGP_${name}`, value);
}

test('a key that is made is its owner’s alone, and none is written over', async () => {
  expect(statSync(at('platform.private.asc')).mode & 0o777).toBe(0o600);
  expect(readFileSync(at('platform.public.asc'), 'utf8')).toMatch(/^-----BEGIN PGP PUBLIC KEY BLOCK-----/);
  const before = readFileSync(at('consap.private.asc'));
  const again = await programs.run('keygen', 'consap');
  expect(again).toMatchObject({ code: 1, err: expect.stringContaining('there is a key consap.private.asc already') });
  expect(readFileSync(at('consap.private.asc'))).toEqual(before);
});

test('an encrypted file is counted by a server that has the key, and one that was changed is not', async () => {
  configure({
    KEY: 'platform.private.asc',
    PASSPHRASE: 'passphrase',
    CONSAP_KEY: 'consap.public.asc',
    REQUIRED: 'true',
  });
  const server = await programs.serve('data', ...NOW);
  const taxCode = makeTaxCode(1);
  const issuer = await server.client('issuer', '03069');
  await issuer.change('enrol', { taxCode });
  await issuer.change('enableCashback', { taxCode, hpan: hpanOf(1) });
  await server.setClock('2021-02-11T12:00:00+01:00');

  writeFileSync(at(FILE_NAME), `${row({ id: 'p1' })}\n${row({ id: 'p2' })}\n`);
  expect(await programs.run('encrypt', '--key', 'platform.public.asc', FILE_NAME)).toEqual({
    ...{ code: 0, err: '' },
    out: `${ENCRYPTED_NAME}\n`,
  });
  const ingest = async (name: string) => {
    const { code, out } = await programs.run('ingest', name, '--url', server.url, '--data', server.folder, '--json');
    return { code, results: JSON.parse(out) };
  };
  const changed = ENCRYPTED_NAME.replace('001', '002');
  const bytes = readFileSync(at(ENCRYPTED_NAME));
  bytes[bytes.length - 1]! ^= 1;
  writeFileSync(at(changed), bytes);
  expect(await ingest(changed)).toMatchObject({ code: 1, results: [{ refusal: { code: 'PGP_INVALID' } }] });
  expect(await ingest(FILE_NAME)).toMatchObject({ code: 1, results: [{ refusal: { code: 'PGP_REQUIRED' } }] });
  expect(await server.counters()).toMatchObject({ paymentsListed: 0 });
  expect(await ingest(ENCRYPTED_NAME)).toMatchObject({ code: 0, results: [{ summary: { counted: 2 } }] });
  expect(readFileSync(at(`${ENCRYPTED_NAME}.outcome.csv`), 'utf8')).toBe('line;status;code;detail\n');
  issuer.close();
  expect(await server.stop()).toBe(0);
});

test('a mistake in the keys ends the start with a line that names it, before anything is begun', async () => {
  writeFileSync(at('wrong'), 'open barley');
  const mistakes: readonly (readonly [variables: Readonly<Record<string, string>>, line: string])[] = [
    [{ KEY: 'platform.private.asc', PASSPHRASE: 'wrong' }, 'wrong has not the passphrase of platform.private.asc'],
    [{ REQUIRED: 'true' }, 'CLICKDAY_PGP_PASSPHRASE and CLICKDAY_PGP_REQUIRED need CLICKDAY_PGP_KEY'],
  ];
  for (const [variables, line] of mistakes) {
    configure(variables);
    const { code, err } = await programs.run('serve', '--data', 'wrong-keys', '--port', '0', ...NOW);
    expect({ code, err }, line).toMatchObject({ code: 2, err: expect.stringContaining(`clickday: ${line}`) });
    expect(existsSync(at('wrong-keys'))).toBe(false);
    vi.unstubAllEnvs();
  }
});
