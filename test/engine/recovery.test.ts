// Method: a store that a world has written, its checkpoint moved back and forth, recovered without an engine; what it is
// told to catch up with is held against the journal, read by hand.
import { beforeEach, expect, test } from 'vitest';
import { makeTaxCode, StorageFault } from '../../engine/index.ts';
import type { Store } from '../../engine/ports.ts';
import { movesOf } from '../../engine/shard/rankings.ts';
import { rebuildRows } from '../../engine/shard/rebuild.ts';
import { recover } from '../../engine/shard/recovery.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';
import { copyOf } from '../support/copies.ts';
import { openOnDisk } from '../support/shards.ts';
import { hpan } from '../support/world.ts';

const PARTITIONS = Array.from({ length: 64 }, (_, at) => at);
const LATER = '2020-12-11T12:00:00+01:00';
const nowhere = () => {};

let store: Store;
let nowMs: number;
/** Every record of the journal that moves a rank, by its sequence. */
let moving: readonly number[];

beforeEach(async () => {
  const { world, disk } = await openOnDisk({});
  for (const number of [1, 2, 3]) {
    const citizen = world.citizen(makeTaxCode(number));
    await citizen.enrol();
    await citizen.enable(hpan(number));
  }
  world.at('2020-12-10T12:00:00+01:00');
  for (const number of [1, 2, 3])
    await world.pay({ hpan: hpan(number), at: '2020-12-09T12:00:00+01:00', cents: 1_000 });
  world.at(LATER);
  await world.citizen(makeTaxCode(1)).leave();
  nowMs = world.nowMs;
  await world.engine.close();
  [store] = (await openMemoryPersistence({ disk: copyOf(disk.folder!, () => false) })).stores as [Store];
  const turns = [...store.journal.read(1)];
  const isMoving = (facts: readonly Parameters<typeof movesOf>[0][]) => facts.some((fact) => movesOf(fact).length > 0);
  moving = turns
    .filter(({ sections }) => sections.some(({ facts }) => isMoving(facts)))
    .map(({ sequence }) => sequence);
  expect(moving).toHaveLength(4);
});

/** The same store with rows up to a record, and copies of rankings up to another. */
async function marked(sequence: number, ranked: number, read = store.journal.read.bind(store.journal)): Promise<Store> {
  const { rows } = (await openMemoryPersistence({})).stores[0]!;
  const isBefore = (turn: { readonly sequence: number }) => turn.sequence <= sequence;
  const part = {
    lastSequence: { value: sequence },
    read: { value: () => [...store.journal.read(1)].filter(isBefore) },
  };
  await rebuildRows({ store: { rows, journal: Object.create(store.journal, part) }, isTaken: () => true });
  await rows.setCheckpoint({ ...rows.checkpoint(), ranked: { sequence: ranked, copies: [] } });
  return { ...store, rows, journal: Object.create(store.journal, { read: { value: read } }) };
}

test('the moves since the copies of rankings come in order, whether rows have them or not', async () => {
  for (const [checkpoint, ranked, count] of [
    [0, 0, 4],
    [moving[1]!, moving[1]!, 2],
    [moving[1]!, 0, 4],
    [moving[2]!, moving[0]!, 3],
    [moving[3]!, moving[2]!, 1],
    [moving[3]!, moving[3]!, 0],
  ] as const) {
    const { moves, mark } = recover(await marked(checkpoint, ranked), PARTITIONS, nowhere);
    expect(mark.sequence).toBe(checkpoint);
    expect(moves, `checkpoint ${checkpoint}, copies ${ranked}`).toHaveLength(count);
    const left = count === 0 ? [] : moves!.slice(-1);
    expect(left).toMatchObject(left.map(() => ({ after: null, awardPeriodId: 1 })));
  }
});

test('where the journal from the copies on cannot be read, there are none, and all else is there', async () => {
  const damaged = (failure: Error) => (sequence: number) => {
    if (sequence <= moving[1]!) throw failure;
    return store.journal.read(sequence);
  };
  const fault = new StorageFault('JOURNAL_DAMAGED', 'a bit is another');
  const { moves, position } = recover(await marked(moving[2]!, 0, damaged(fault)), PARTITIONS, nowhere);
  expect(moves).toBeNull();
  expect(position.lastMs).toBe(nowMs);
  const broken = await marked(moving[2]!, 0, damaged(new Error('a mistake')));
  expect(() => recover(broken, PARTITIONS, nowhere)).toThrow('a mistake');
});

test('each record that is folded is a place to die at; the last instant and where partitions stand are those of the journal', () => {
  const points: string[] = [];
  const { position, undelivered } = recover(store, PARTITIONS, (name) => points.push(name));
  expect(points).toEqual(new Array(store.journal.lastSequence).fill('recovery-record'));
  const reached = new Map(
    [...store.journal.read(1)].flatMap(({ sections }) => sections).map((one) => [one.partition, one.sequence]),
  );
  expect(position.sequences).toEqual(PARTITIONS.map((partition) => reached.get(partition) ?? 0));
  expect(position.lastMs).toBe(nowMs);
  expect(undelivered).toEqual([]);
});
