/** Forms of a citizen's commands, of their replies and of what became of them. */
import {
  APP_CHANNEL,
  type CitizenKey,
  type CommandOutcome,
  type CommandReply,
  type Origin,
  type Position,
  type Role,
  type WalletCommand,
  type WalletCommandBody,
} from '../../../engine/index.ts';
import {
  answer,
  type Codec,
  commandKind,
  flag,
  ibanCheckStatus,
  integer,
  list,
  methodDetails,
  oneOf,
  optInStatus,
  shape,
  text,
} from '../../../snapshots/index.ts';
import { refusedFields, union } from './composed.ts';

const anyOrigin = shape<Origin>({
  role: oneOf<Role>({ citizen: 0, issuer: 1, acquirer: 2, operator: 3 }),
  subject: text,
  channel: text,
});

/** Nearly always the citizen's own, through the app: then one byte says all. */
export const originOf = (citizen: CitizenKey): Codec<Origin> => ({
  write(to, origin) {
    const isOwn = origin.role === 'citizen' && origin.subject === citizen && origin.channel === APP_CHANNEL;
    flag.write(to, isOwn);
    if (!isOwn) anyOrigin.write(to, origin);
  },
  read: (from) =>
    flag.read(from) ? { role: 'citizen', subject: citizen, channel: APP_CHANNEL } : anyOrigin.read(from),
});

const commandBody = union<WalletCommandBody>({
  kind: oneOf<WalletCommandBody['kind']>({
    enrol: 0,
    leave: 1,
    setIban: 2,
    addMethod: 3,
    removeMethod: 4,
    enableCashback: 5,
    disableCashback: 6,
    enableAll: 7,
    setFavourite: 8,
  }),
  optInStatus,
  iban: text,
  accountHolderCF: text,
  accountHolderName: text,
  accountHolderSurname: text,
  technicalAccountHolder: text,
  issuerCardId: text,
  checkStatus: ibanCheckStatus,
  hpan: text,
  details: methodDetails,
  tokens: list(text),
  cancellationMs: integer,
  onlyTokens: flag as Codec<true>,
});

export const walletCommand: Codec<WalletCommand> = {
  write(to, { citizen, taxCode, origin, id, body }) {
    to.text(citizen);
    to.text(taxCode);
    originOf(citizen).write(to, origin);
    to.text(id);
    commandBody.write(to, body);
  },
  read(from) {
    const citizen = from.text();
    const taxCode = from.text();
    const origin = originOf(citizen).read(from);
    return { citizen, taxCode, origin, id: from.text(), body: commandBody.read(from) };
  },
};

export const position = shape<Position>({ partition: integer, sequence: integer });

export const commandReply = union<CommandReply>({ ok: flag, answer, position, repeated: flag, ...refusedFields });

export const commandOutcome = union<CommandOutcome>({
  state: oneOf<CommandOutcome['state']>({ done: 0, 'in-progress': 1, 'not-done': 2 }),
  command: commandKind,
  answer,
});
