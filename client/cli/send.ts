/** `clickday send`: one request of the protocol, its answer in words. For people with a terminal. */
import { defineCommand } from 'citty';
import { REFUSALS, ROLES, type Role } from '../../engine/contract.ts';
import {
  CHANGE_TYPES,
  type ChangeType,
  type DoneReply,
  REQUESTS,
  type ReadType,
  type RefusedReply,
  type RequestType,
  type ViewReply,
} from '../../server/wire/index.ts';
import type { ChangeFields, ClickdayClient, ReadFields } from '../sdk/index.ts';
import { parseFields } from './fields.ts';
import { LINE_ARGUMENTS, withClient } from './line.ts';
import { JSON_ARGUMENT, print, printJson, usageFault } from './verb.ts';
import { sayDone, sayRefused, sayView } from './words.ts';

export const send = defineCommand({
  meta: {
    name: 'send',
    description: 'Send one command or question over the WebSocket and say the answer in words.',
  },
  args: {
    command: {
      type: 'positional',
      description: 'enrol, setIban, addMethod, enableCashback, wallet, …',
      required: true,
    },
    fields: {
      type: 'positional',
      description: 'for example: iban=IT60X0542811101000000123456 details.methodKind=card id=UUID',
      required: false,
      valueHint: 'FIELD=VALUE ...',
    },
    as: {
      type: 'string',
      description: 'who asks: tax code, channel, ABI code or name',
      valueHint: 'SUBJECT',
      required: true,
    },
    role: { type: 'enum', description: 'in which role', options: [...ROLES], default: 'citizen' },
    ...LINE_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const [command = '', ...texts] = args._;
    if (!Object.hasOwn(REQUESTS, command)) {
      throw usageFault(`there is no command "${command}"`, `there are: ${Object.keys(REQUESTS).join(', ')}`);
    }
    const type = command as RequestType;
    const fields = parseFields(texts);
    const reply = await withClient(args, args.role as Role, args.as, (client) => ask(client, type, fields));
    if (args.json) printJson(reply);
    else print(inWords(type, reply));
    return reply.ok ? 0 : 1;
  },
});

type Reply = DoneReply | ViewReply | RefusedReply;

/** Fields were typed by hand: the server's schema judges them, and its refusal names the one at fault. */
function ask(client: ClickdayClient, type: RequestType, { id, ...fields }: Record<string, unknown>): Promise<Reply> {
  if (!isChange(type))
    return client.read(type, { ...fields, ...(id === undefined ? {} : { id }) } as ReadFields<ReadType>);
  return client.change(type, fields as ChangeFields<ChangeType>, id === undefined ? undefined : String(id));
}

function isChange(type: RequestType): type is ChangeType {
  return (CHANGE_TYPES as readonly string[]).includes(type);
}

function inWords(type: RequestType, reply: Reply): string {
  if (!reply.ok) return sayRefused(reply, REFUSALS[reply.code].number);
  return 'answer' in reply ? sayDone(type, reply) : sayView(type, reply.view);
}
