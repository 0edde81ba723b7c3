/** `clickday keygen`: a pair of PGP keys, to try what is encrypted. */
import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { defineCommand } from 'citty';
import { generateKeyPair, readPassphrase } from '../../server/pgp/index.ts';
import { JSON_ARGUMENT, print, printJson, VerbFault } from './verb.ts';

export const keygen = defineCommand({
  meta: {
    name: 'keygen',
    description: 'Make a PGP key: NAME.private.asc for its owner, NAME.public.asc for the rest.',
  },
  args: {
    name: { type: 'positional', description: 'where to, and whose: keys/platform', required: true, valueHint: 'NAME' },
    passphrase: { type: 'string', description: 'a file with what locks the private key', valueHint: 'FILE' },
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const files = { privateKey: `${args.name}.private.asc`, publicKey: `${args.name}.public.asc` };
    const passphrase = args.passphrase === undefined ? '' : await readPassphrase(args.passphrase);
    const pair = await generateKeyPair({ name: basename(args.name), passphrase });
    await writeNew(files.privateKey, pair.privateKey, 0o600);
    await writeNew(files.publicKey, pair.publicKey, 0o644);
    if (args.json) printJson(files);
    else print(nextSteps(files, args.passphrase));
    return 0;
  },
});

/** Whatever was encrypted for a key is lost with it: none is written over. */
async function writeNew(path: string, key: string, mode: number): Promise<void> {
  await writeFile(path, key, { flag: 'wx', mode }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? new VerbFault(1, `there is a key ${path} already`, 'choose another name') : error;
  });
}

function nextSteps({ privateKey, publicKey }: Record<'privateKey' | 'publicKey', string>, passphrase?: string): string {
  const unlocking = passphrase === undefined ? '' : ` CLICKDAY_PGP_PASSPHRASE=${passphrase}`;
  return [
    `${privateKey} reads what ${publicKey} encrypts. To take in encrypted files:`,
    `  CLICKDAY_PGP_KEY=${privateKey}${unlocking} npx clickday serve`,
    `  npx clickday encrypt --key ${publicKey} CSTAR.36081.TRNLOG.20210211.101530.001.csv`,
    '  npx clickday ingest CSTAR.36081.TRNLOG.20210211.101530.001.csv.pgp',
  ].join('\n');
}
