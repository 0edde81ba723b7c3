/**
 * Where an app keeps its commands from before they are sent until it is known what became of them, so that one that was
 * made before the app was killed is sent after it, under its id: one effect (promise 2).
 *
 * For a citizen's app. One outbox for each person: what is in it is sent with the token of whoever is there.
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
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
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

const command = v.strictObject({
  id: v.pipe(v.string(), v.minLength(1)),
  type: v.picklist(CHANGE_TYPES),
  fields: v.nullable(v.record(v.string(), v.unknown())),
  untilMs: v.number(),
});
/** `place` grows with each that is kept. */
const entry = v.strictObject({ version: v.literal(2), place: v.number(), command });
/** All of them in one entry, as the first versions of the SDK kept them. */
const entryOfAll = v.strictObject({ version: v.literal(1), commands: v.array(command) });

/**
 * An outbox in `localStorage` or the like, an entry for each command: two tabs that wrote the same entry would lose
 * commands of each other's, since what one writes reaches the other late. It outlives the page. Of a browser that is killed
 * as a whole the last seconds may be lost: Chromium takes up to three to write it to the disk (`databaseOutbox` does not).
 *
 * @param key another one for each person
 */
export function storageOutbox(storage: StorageLike, key: string): Outbox {
  const prefix = JSON.stringify(key); // No other key's begins with it.
  const read = () =>
    Array.from({ length: storage.length }, (_, index) => storage.key(index)!)
      .filter((name) => name.startsWith(prefix))
      .map((name) => v.parse(entry, JSON.parse(storage.getItem(name)!)))
      .sort((one, other) => one.place - other.place);
  const keep = (kept: KeptCommand) => {
    const place = 1 + (read().at(-1)?.place ?? 0);
    storage.setItem(prefix + kept.id, JSON.stringify({ version: 2, place, command: kept }));
  };
  return {
    load() {
      const all = storage.getItem(key);
      if (all !== null) v.parse(entryOfAll, JSON.parse(all)).commands.forEach(keep);
      storage.removeItem(key);
      return read().map((each) => each.command);
    },
    keep,
    done: (id) => storage.removeItem(prefix + id),
  };
}

interface Commands extends DBSchema {
  /** Its number grows with each that is kept. */
  readonly commands: {
    readonly key: number;
    readonly value: KeptCommand;
    readonly indexes: { readonly id: CommandId };
  };
}
const STRICT = { durability: 'strict' } as const;

/**
 * An outbox in IndexedDB. Tabs may share it; what was kept is on the disk, whatever becomes of page, browser and machine.
 *
 * @param name of its database: another one for each person
 */
export function databaseOutbox(name: string): Outbox {
  let opened: Promise<IDBPDatabase<Commands>> | null = null;
  const open = () => {
    // Where that fails, or the browser takes it away, the next one tries again.
    const closed = () => {
      opened = null;
    };
    opened ??= openDB<Commands>(name, 1, {
      upgrade: (database) => {
        database.createObjectStore('commands', { autoIncrement: true }).createIndex('id', 'id', { unique: true });
      },
      terminated: closed,
    });
    opened.catch(closed);
    return opened;
  };
  const begin = async () => (await open()).transaction('commands', 'readwrite', STRICT);
  type Store = Awaited<ReturnType<typeof begin>>['store'];
  const change = async (id: CommandId, act: (store: Store, place: number | undefined) => unknown) => {
    const { store, done } = await begin();
    const found = store.index('id').getKey(id);
    await Promise.all([found.then((place) => act(store, place)), done]);
  };
  return {
    load: async () => (await (await open()).getAll('commands')).map((kept) => v.parse(command, kept)),
    keep: (kept) => change(kept.id, (store, place) => store.put(kept, place)),
    done: (id) => change(id, (store, place) => (place === undefined ? null : store.delete(place))),
  };
}

/**
 * For an app that kept its commands elsewhere before: the first `load` moves them over, in their order. Cut short, it goes
 * on at the next one; a command that is in both by then is one, by its id.
 */
export function movedOutbox(from: Outbox, to: Outbox): Outbox {
  return {
    async load() {
      for (const kept of await from.load()) {
        await to.keep(kept);
        await from.done(kept.id);
      }
      return to.load();
    },
    keep: (kept) => to.keep(kept),
    done: (id) => to.done(id),
  };
}
