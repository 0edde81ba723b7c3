/** `clickday encrypt`: files for whoever has the private key, as acquirers send them. */
import { createReadStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { defineCommand } from 'citty';
import { encrypting, readPublicKey } from '../../server/pgp/index.ts';
import { JSON_ARGUMENT, print, printJson } from './verb.ts';

export const encrypt = defineCommand({
  meta: { name: 'encrypt', description: 'Encrypt files with PGP: beside each one, the same name with .pgp.' },
  args: {
    files: { type: 'positional', description: 'what to encrypt', required: true, valueHint: 'FILE ...' },
    key: { type: 'string', description: 'the public key of whom it is for', required: true, valueHint: 'FILE' },
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const key = await readPublicKey(args.key, Date.now());
    const encrypted: string[] = [];
    for (const path of args._) {
      const file = `${path}.pgp`;
      // Half a file is refused by whoever it is for; none is better.
      await writeFile(file, encrypting(key)(createReadStream(path))).catch(async (error: unknown) => {
        await rm(file, { force: true });
        throw error;
      });
      encrypted.push(file);
      if (!args.json) print(file);
    }
    if (args.json) printJson({ encrypted });
    return 0;
  },
});
