// Method: a story of two stores, whose rows the engine itself has written; then rows are made of the journals alone, at
// once and cut short at every batch, and must be the same byte for byte.
import { beforeAll, describe, expect, test } from 'vitest';
import type { Message, TurnRecord } from '../../engine/facts.ts';
import { makeTaxCode, partitionOf } from '../../engine/index.ts';
import type { Journal } from '../../engine/ports.ts';
import { type RebuildOptions, rebuildRows, repairRows, TakenIn } from '../../engine/shard/rebuild.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import type { MediumRows } from '../../snapshots/rows.ts';
import { CHECKPOINT_MARK, copyOf, rowsOf, wholeCopyOf } from '../support/copies.ts';
import { hpanElsewhere, openOnDisk, openWithGates, shardOf, until } from '../support/shards.ts';
import { value, type World } from '../support/world.ts';

const SHARDS = 2;
const NOW = '2020-12-07T10:00:00+01:00';
const PAID_AT = '2020-12-10T12:00:00+01:00';

async function live(world: World): Promise<void> {
  const citizens = [1, 2, 3, 4, 5, 6].map((number) => world.citizen(makeTaxCode(number)));
  const cards = citizens.map((citizen, number) => hpanElsewhere(citizen.key, SHARDS, 100 * number));
  for (const [number, citizen] of citizens.entries()) {
    await citizen.enrol();
    await citizen.enable(cards[number]!);
  }
  world.at(PAID_AT);
  for (const [number, card] of cards.entries()) {
    for (let count = 0; count <= number; count += 1) {
      await world.pay({ hpan: card, at: `2020-12-09T1${count}:00:00+01:00`, cents: 1_000, correlation: `C${number}` });
    }
  }
  await citizens[0]!.disable(cards[0]!);
  await citizens[5]!.leave();
}

let told: MemoryDisk;
let rows: ReturnType<typeof rowsOf>;
beforeAll(async () => {
  const { world, disk } = await openOnDisk({ shardCount: SHARDS, now: NOW });
  await live(world);
  await world.engine.close();
  expect(world.faults).toEqual([]);
  told = disk;
  rows = rowsOf(disk.folder!);
});

const journalAlone = () => copyOf(told.folder!, () => false);

/** All stores of a folder whose rows are missing. */
async function rebuild(disk: MemoryDisk, options: Partial<RebuildOptions> = {}): Promise<void> {
  const { stores } = await openMemoryPersistence({ disk });
  const takenIn = new TakenIn();
  for (const { journal } of stores) takenIn.addAll(journal);
  for (const store of stores) {
    await rebuildRows({ store, isTaken: (message) => takenIn.has(message), ...options });
  }
}

/** Part of a journal. */
function cut(journal: Journal, from: number): Pick<Journal, 'read' | 'lastSequence'> & Journal {
  return Object.create(journal, {
    lastSequence: { value: journal.lastSequence },
    read: { value: (sequence: number) => journal.read(Math.max(sequence, from)) },
  });
}

describe('rows out of journals', () => {
  test('are those that the engine has written, whether at once or many times a few', async () => {
    for (const rowCount of [undefined, 1, 7]) {
      const disk = journalAlone();
      let batches = 0;
      const onPoint = () => {
        batches += 1;
      };
      await rebuild(disk, { rowCount, onPoint });
      expect(rowsOf(disk.folder!), `${rowCount} rows`).toEqual(rows);
      if (rowCount === undefined) expect(batches).toBe(SHARDS);
      else expect(batches).toBeGreaterThan(2 * SHARDS);
      expect((await verifyPersistence(await openMemoryPersistence({ disk }))).differences).toEqual([]);
    }
  });

  test('are the same when the writing was cut short after any batch, and gone on with', async () => {
    for (let cutShort = 1; ; cutShort += 1) {
      const disk = journalAlone();
      let batches = 0;
      const die = () => {
        batches += 1;
        if (batches === cutShort) throw new Error('the power goes');
      };
      const isDead = await rebuild(disk, { rowCount: 5, onPoint: die }).then(
        () => false,
        () => true,
      );
      if (!isDead) break;
      await rebuild(disk, { rowCount: 5 });
      expect(rowsOf(disk.folder!), `cut short after batch ${cutShort}`).toEqual(rows);
    }
  });

  test('go on where older rows stand: what those have is not read again', async () => {
    const disk = journalAlone();
    const { stores } = await openMemoryPersistence({ disk });
    const isTaken = () => true;
    for (const store of stores) {
      const half = store.journal.lastSequence >> 1;
      const first = [...store.journal.read(1)].filter(({ sequence }) => sequence <= half);
      const older = Object.create(store.journal, { lastSequence: { value: half }, read: { value: () => first } });
      await rebuildRows({ store: { rows: store.rows, journal: older }, isTaken });
      expect(store.rows.checkpoint()).toMatchObject({ sequence: half, ranked: { sequence: half, copies: [] } });
      const read: number[] = [];
      const noted: Journal = Object.create(store.journal, {
        lastSequence: { value: store.journal.lastSequence },
        read: {
          value: (sequence: number) => {
            read.push(sequence);
            return store.journal.read(sequence);
          },
        },
      });
      await rebuildRows({ store: { rows: store.rows, journal: noted }, past: unread(), isTaken });
      expect(read).toEqual([half + 1]);
      expect(store.rows.checkpoint().sequence).toBe(store.journal.lastSequence);
    }
    expect(rowsOf(disk.folder!)).toEqual(rows);
  });

  test('begin with what journals of stores before it say of their partitions, until something of its own is there', async () => {
    const disk = journalAlone();
    const { stores } = await openMemoryPersistence({ disk });
    for (const { rows, journal } of stores) {
      const half = journal.lastSequence >> 1;
      const past = [...journal.read(1)].filter(({ sequence }) => sequence <= half);
      const options = { store: { rows, journal: cut(journal, half + 1) }, past, isTaken: () => true, rowCount: 3 };
      let batches = 0;
      const die = () => {
        batches += 1;
        if (batches === 2) throw new Error('the power goes');
      };
      await expect(rebuildRows({ ...options, onPoint: die })).rejects.toThrow('the power goes');
      expect(rows.checkpoint()).toMatchObject({ sequence: 0, ranked: { sequence: 0 } });
      await rebuildRows(options);
    }
    expect(rowsOf(disk.folder!)).toEqual(rows);
  });
});

// biome-ignore lint/correctness/useYield: nobody is to ask it.
function* unread(): Generator<TurnRecord> {
  throw new Error('read although there are rows');
}

/** A card's store does not answer: the message to it waits in an outbox. */
async function leftInTheMiddle() {
  const { world, disk, gates } = await openWithGates(SHARDS, { now: NOW });
  const anna = world.citizen(makeTaxCode(1));
  await anna.enrol();
  const gate = gates[1 - shardOf(anna.key, SHARDS)]!;
  gate.hold();
  const card = hpanElsewhere(anna.key, SHARDS);
  const id = 'c'.repeat(32);
  void anna.do({ kind: 'enableCashback', hpan: card }, id);
  await until(() => gate.waitingCount > 0, 'the card asked');
  disk.crash();
  return { disk, anna, card, id };
}

test('what a message asks that nobody has taken in is asked again, also where older rows knew it as waiting', async () => {
  const { disk: left, anna, card, id } = await leftInTheMiddle();
  const rebuilt = copyOf(left.folder!, () => false);
  await rebuild(rebuilt);
  const { world } = await openOnDisk({ disk: rebuilt, now: PAID_AT });
  const again = world.citizen(anna.taxCode);
  await until(async () => value(await world.engine.outcome(again.key, again.origin, id)).state === 'done', 'done');
  expect(await again.wallet()).toMatchObject({ methods: [{ hpan: card, cashback: 'enabled' }] });
  await world.engine.close();
  const ended = rowsOf(rebuilt.folder!);

  // The same journals on top of the rows of the middle: by now the message was taken in.
  const older = copyOf(left.folder!, () => false);
  await rebuild(older);
  const mixed = wholeCopyOf({
    ...rebuilt.folder!,
    stores: rebuilt.folder!.stores.map((files, at) => ({ ...files, rows: older.folder!.stores[at]!.rows })),
  });
  await rebuild(mixed);
  expect(rowsOf(mixed.folder!)).toEqual(ended);
});

test('a message was taken in when its receiver has it, or one after it, of the same sender', () => {
  const takenIn = new TakenIn();
  const section = (partition: number, received: readonly (readonly [number, number])[]) => ({ partition, received });
  const turns = [{ sections: [section(3, [[7, 1]])] }, { sections: [section(3, [[7, 2]]), section(4, [[7, 9]])] }];
  takenIn.addAll({ read: () => turns as unknown as readonly TurnRecord[] });
  const has = (from: number, to: number, sequence: number) => takenIn.has({ from, to, sequence } as Message);
  expect([has(7, 3, 1), has(7, 3, 2), has(7, 3, 3)]).toEqual([true, true, false]);
  expect([has(7, 4, 9), has(3, 7, 1), has(6, 3, 1), has(7, 5, 1)]).toEqual([true, false, false, false]);
});

/** Each named row of each store has one bit changed. */
function damagedCopy(isDamaged: (place: number) => boolean): MemoryDisk {
  const disk = wholeCopyOf(told.folder!);
  for (const { rows } of disk.folder!.stores) {
    for (const [place, [key, value]] of [...rows].entries()) {
      if (key === CHECKPOINT_MARK || !isDamaged(place)) continue;
      const bytes = Buffer.from(value);
      bytes[bytes.length - 1]! ^= 1;
      rows.set(key, bytes);
    }
  }
  return disk;
}

/** As a start does it. @returns how many were */
async function repair(disk: MemoryDisk): Promise<number> {
  const { stores } = await openMemoryPersistence({ disk });
  const takenIn = new TakenIn();
  for (const { journal } of stores) takenIn.addAll(journal);
  let count = 0;
  for (const store of stores) {
    const addresses = (store.rows as MediumRows).damagedRows();
    count += addresses.length;
    await repairRows({ store, addresses, isTaken: (message) => takenIn.has(message) });
  }
  return count;
}

describe('fault 12: damaged rows', () => {
  test('are made anew as they were, all of them at once', async () => {
    const disk = damagedCopy(() => true);
    expect(await repair(disk)).toBe(rows.flat().length);
    expect(rowsOf(disk.folder!)).toEqual(rows);
  });

  test('are made anew as they were, each alone, and the others are left as they are', async () => {
    const longest = Math.max(...told.folder!.stores.map((store) => store.rows.size));
    for (let place = 0; place < longest; place += 1) {
      const disk = damagedCopy((one) => one === place);
      expect(await repair(disk), `row ${place}`).toBeLessThanOrEqual(SHARDS);
      expect(rowsOf(disk.folder!), `row ${place}`).toEqual(rows);
    }
  });

  test('that the journal has not written anything to are gone, and those after the checkpoint are left to recovery', async () => {
    const { world, disk } = await openOnDisk({ shardCount: SHARDS, now: NOW, checkpointRowCount: 1_000_000 });
    await live(world);
    disk.crash();
    const { stores } = await openMemoryPersistence({ disk });
    for (const entity of ['ab'.repeat(16), world.citizen(makeTaxCode(1)).key]) {
      const address = { table: 'wallet', partition: partitionOf(entity), entity, sub: '' } as const;
      const store = stores[address.partition % SHARDS]!;
      await repairRows({ store, addresses: [address], isTaken: () => true });
      expect(store.rows.checkpoint().sequence).toBe(0);
      expect(store.rows.get('wallet', address.partition, entity, '')).toBeUndefined();
    }
  });
});
