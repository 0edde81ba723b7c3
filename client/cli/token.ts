/** `clickday token`: a token signed with the data folder's own key, and nothing else, on standard output. */
import { defineCommand } from 'citty';
import { ROLES, type Role } from '../../engine/contract.ts';
import { openFolderIdentity } from '../../server/index.ts';
import { DATA_DEFAULT } from './line.ts';
import { isWhole, JSON_ARGUMENT, numberArgument, print, printJson } from './verb.ts';

export const token = defineCommand({
  meta: { name: 'token', description: 'Print a token for a citizen, an issuer, an acquirer or an operator.' },
  args: {
    data: { type: 'string', description: 'data folder whose key signs', valueHint: 'DIR', default: DATA_DEFAULT },
    role: { type: 'enum', description: 'who it is for', options: [...ROLES], required: true },
    subject: {
      type: 'string',
      description: 'tax code, channel, ABI code or name',
      valueHint: 'SUBJECT',
      required: true,
    },
    ttl: { type: 'string', description: 'seconds until it expires', valueHint: 'SECONDS', default: '3600' },
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const ttlSeconds = numberArgument('ttl', args.ttl, (value) => isWhole(value) && value > 0, 'a number of seconds');
    const { sign } = await openFolderIdentity(args.data);
    const signed = await sign({ role: args.role as Role, subject: args.subject, ttlSeconds });
    if (args.json) printJson({ token: signed });
    else print(signed);
  },
});
