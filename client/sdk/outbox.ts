/**
 * Where an app keeps its commands from before they are sent until it is known what became of them, so that one that was
 * made before the app was killed is sent after it, under its id: one effect (promise 2).
 *
 * For a citizen's app. One outbox for each person: what is in it is sent with the token of whoever is there.
 */
import * as v from 'valibot';
import type { CommandId } from '../../engine/contract.ts';
import { CHANGE_TYPES, type ChangeType } from '../../server/wire/index.ts';

export interface KeptCommand {
  readonly id: CommandId;
  readonly type: ChangeType;
  /** Null: they say what is not to be kept. Such a command is not sent again; it is only asked what became of it. */
  readonly fields: Readonly<Record<string, unknown>> | null;
  /** Its deadline, in milliseconds since the epoch: afterwards it is not sent any more either. */
  readonly untilMs: number;
}

/** What an app implements over whatever survives it: a file, IndexedDB. Each may fail, and says so by rejecting. */
export interface Outbox {
  /** In the order in which they were kept. Rejects when what is there cannot be read, and leaves it there. */
  load(): readonly KeptCommand[] | Promise<readonly KeptCommand[]>;
  /** Resolves once it would survive the app; only then it is sent. The same id again replaces. */
  keep(command: KeptCommand): void | Promise<void>;
  done(id: CommandId): void | Promise<void>;
}

/** Card numbers are stored nowhere (promise 9); nor in clear whose account it is and which. */
const SECRETS = ['pan', 'iban', 'accountHolderCF', 'accountHolderName', 'accountHolderSurname'] as const;

export function withoutSecrets(command: KeptCommand): KeptCommand {
  const isSecret = SECRETS.some((name) => command.fields !== null && Object.hasOwn(command.fields, name));
  return isSecret ? { ...command, fields: null } : command;
}

/** The part of the platform's `localStorage` that is used. */
export interface StorageLike {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const VERSION = 1;
const contents = v.strictObject({
  version: v.literal(VERSION),
  commands: v.array(
    v.strictObject({
      id: v.pipe(v.string(), v.minLength(1)),
      type: v.picklist(CHANGE_TYPES),
      fields: v.nullable(v.record(v.string(), v.unknown())),
      untilMs: v.number(),
    }),
  ),
});

/**
 * An outbox in one entry of `localStorage` or the like. It is read before each change of it, so that two tabs lose
 * nothing of each other's.
 *
 * @param key another one for each person
 */
export function storageOutbox(storage: StorageLike, key: string): Outbox {
  const read = (): readonly KeptCommand[] => {
    const text = storage.getItem(key);
    return text === null ? [] : v.parse(contents, JSON.parse(text)).commands;
  };
  const write = (commands: readonly KeptCommand[]) => {
    if (commands.length === 0) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify({ version: VERSION, commands }));
  };
  const others = (id: CommandId) => read().filter((kept) => kept.id !== id);
  return {
    load: read,
    keep: (command) => write([...others(command.id), command]),
    done: (id) => write(others(id)),
  };
}
