/** A small data folder with something in every kind of file, and all that an engine on it would answer. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { open } from 'lmdb';
import { makeIban, makeTaxCode } from '../../engine/index.ts';
import type { Store } from '../../engine/ports.ts';
import { openPersistence, type Persistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { ROW_TABLES } from '../../snapshots/row-format.ts';
import { hpan, World } from '../support/world.ts';

const CITIZENS = 12;
const END = '2021-03-04T12:00:00+01:00';

/** Two stores; records in the archive and, newer than rows, in the journal; copies of rankings; keys. */
export async function makeSubject(folder: string): Promise<void> {
  const first = await openPersistence({ folder, shardCount: 2 });
  await live(first, '2021-03-01T12:00:00+01:00', async (world) => {
    await everybody(async (number) => {
      const citizen = world.citizen(makeTaxCode(number));
      await citizen.enrol();
      await citizen.enable(hpan(number));
      const holder = { accountHolderCF: citizen.taxCode, accountHolderName: 'A', accountHolderSurname: 'B' };
      await citizen.must({ kind: 'setIban', iban: makeIban(number), ...holder });
    });
    world.at('2021-03-03T12:00:00+01:00');
    await everybody((number) => pays(world, number, 3));
    await world.engine.close();
  });
  const second = await openPersistence({ folder });
  // Closed without a checkpoint: what follows is in the journal alone.
  await live(second, END, (world) => everybody((number) => pays(world, number, 2)));
  for (const name of [...filesByKind(folder).entries()].flatMap(([kind, names]) => (isDatabase(kind) ? names : []))) {
    await withoutFreePages(join(folder, dirname(name)));
  }
}

function isDatabase(kind: string): boolean {
  return kind === 'journal' || kind === 'rows';
}

/** Most pages of a young database are free: damage would hit nothing that means anything. */
async function withoutFreePages(path: string): Promise<void> {
  const database = open({ path, encoding: 'binary', keyEncoding: 'binary' });
  mkdirSync(`${path}-compact`);
  await (database.backup as (path: string, isCompact: boolean) => Promise<void>)(`${path}-compact`, true);
  await database.close();
  renameSync(join(`${path}-compact`, 'data.mdb'), join(path, 'data.mdb'));
  rmSync(`${path}-compact`, { recursive: true });
}

async function live(persistence: Persistence, now: string, work: (world: World) => Promise<unknown>): Promise<void> {
  const world = await World.open({ persistence, now });
  await work(world);
  await persistence.close();
}

function everybody(work: (number: number) => Promise<unknown>): Promise<unknown> {
  return Promise.all(Array.from({ length: CITIZENS }, (_, number) => work(number)));
}

async function pays(world: World, number: number, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    const at = new Date(world.nowMs - 3_600_000).toISOString();
    const id = `${at} ${number} ${time}`;
    await world.pay({ hpan: hpan(number), at, cents: 1_000 + number * 100 + time, id });
  }
}

export interface Examined {
  /** Of all that an engine would answer; absent where something was noticed before. */
  readonly digest?: string;
  /** What was noticed. */
  readonly noticed?: string;
}

/** Opens, reads and recomputes everything; what nobody notices is what an engine would serve. Never throws. */
export async function examine(folder: string): Promise<Examined> {
  try {
    const persistence = await openPersistence({ folder });
    try {
      persistence.scrub();
      const { differences } = await verifyPersistence(persistence);
      if (differences[0] !== undefined) return { noticed: differences[0] };
      return { digest: await digestOf(persistence) };
    } finally {
      await persistence.close();
    }
  } catch (error) {
    const { code, message } = error as { readonly code?: string; readonly message: string };
    return { noticed: `${code ?? 'no code'}: ${message}` };
  }
}

async function digestOf(persistence: Persistence): Promise<string> {
  const digest = createHash('sha256');
  const add = (value: unknown) => digest.update(JSON.stringify(value));
  const world = await World.open({ persistence, now: END });
  for (const { awardPeriodId } of world.engine.periods()) add(await world.engine.rankingPage(awardPeriodId, 1, 100));
  await world.engine.close();
  if (world.faults.length > 0) throw world.faults[0];
  for (const store of persistence.stores) addStore(store, add);
  return digest.digest('hex');
}

/** All rows; and what is sealed in them, which only who opens it can read. */
function addStore({ rows, vault }: Store, add: (value: unknown) => void): void {
  for (let partition = 0; partition < 64; partition += 1) {
    for (const table of ROW_TABLES) for (const row of rows.scan(table, partition)) add(row);
    for (const [, { value }] of rows.scan('wallet', partition)) {
      if (value.sealedTaxCode !== null) add(vault.open(value.slot, value.sealedTaxCode));
      if (value.payoff !== null) add(vault.open(value.slot, value.payoff.sealed));
    }
  }
}

/** The files of a folder that hold something, by kind: `journal`, `rows`, `archive`, `rankings`, `slots` and so on. */
export function filesByKind(folder: string): ReadonlyMap<string, readonly string[]> {
  const kinds = new Map<string, string[]>();
  if (!existsSync(folder)) return kinds;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()) {
    const { size } = statSync(join(folder, name));
    if (!statSync(join(folder, name)).isFile() || size === 0) continue;
    const kind = kindOf(name);
    kinds.set(kind, [...(kinds.get(kind) ?? []), name]);
  }
  return kinds;
}

function kindOf(name: string): string {
  const parts = name.split(sep);
  if (name.endsWith('lock.mdb')) return 'lock table';
  if (parts[0]?.startsWith('store-') === true) return parts[1]!;
  if (name.endsWith('.slots')) return 'slots';
  return parts[0] === 'rankings' ? 'ranking' : parts.at(-1)!;
}
