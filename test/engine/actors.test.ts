// Method: actors over rows that only count how often they are read. An actor that rests is read again when it wakes; one
// that no checkpoint has written must never be, since the disk does not know it.
import { expect, test } from 'vitest';
import type { Message } from '../../engine/facts.ts';
import { makeTaxCode } from '../../engine/index.ts';
import { pageOf, placeAt } from '../../engine/place.ts';
import type { PackedPage, Rows, Store } from '../../engine/ports.ts';
import { newListRow } from '../../engine/shard/actor.ts';
import { Actors } from '../../engine/shard/actors.ts';
import { Checkpointer } from '../../engine/shard/checkpoint.ts';
import type { Shard } from '../../engine/shard/shard.ts';
import { emptyWallet, type PaymentRow } from '../../engine/wallet/wallet.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';
import { hpan, World } from '../support/world.ts';

const COUNT_MAX = 10;
const NO_RECORD = { epoch: 1, sequence: 1, nowMs: 0, sections: [] };
const citizen = (number: number) => number.toString(16).padStart(32, '0');

function countedRows() {
  const read: string[] = [];
  const rows = {
    get: (_table: string, _partition: number, entity: string) => void read.push(entity),
    list: () => [],
    write: async () => {},
    checkpoint: () => ({ sequence: 0, partitions: [], ranked: { sequence: 0, copies: [] } }),
    setCheckpoint: async () => {},
  };
  return { read, rows: rows as unknown as Rows };
}

function change(actors: Actors, number: number): void {
  const turn = {};
  const actor = actors.wake('wallet', 0, citizen(number));
  actor.decided = emptyWallet(citizen(number));
  actor.turn = turn;
  actors.publish(turn, { actors: [actor], values: [actor.decided], sequences: [1], rows: [] }, NO_RECORD);
}

test('only so many actors that rest on disk stay awake', () => {
  const { read, rows } = countedRows();
  const actors = new Actors(rows, COUNT_MAX);
  for (let number = 0; number < 10 * COUNT_MAX; number += 1) actors.wake('wallet', 0, citizen(number));
  const before = read.length;
  for (let number = 0; number < 10 * COUNT_MAX; number += 1) actors.wake('wallet', 0, citizen(number));
  expect(read.length - before).toBeGreaterThanOrEqual(8 * COUNT_MAX);
});

test('who was changed is awake until a checkpoint has written it, and rests after two without being used', () => {
  const { read, rows } = countedRows();
  const actors = new Actors(rows, COUNT_MAX);
  for (let number = 0; number < 10 * COUNT_MAX; number += 1) change(actors, number);
  expect(actors.unwrittenCount).toBe(10 * COUNT_MAX);
  actors.freeze();
  const before = read.length;
  for (let number = 0; number < 10 * COUNT_MAX; number += 1) {
    expect(actors.flushed.get('wallet', 0, citizen(number), '')).toEqual(emptyWallet(citizen(number)));
  }
  expect(read.length).toBe(before);
  actors.release();
  expect(actors.unwrittenCount).toBe(0);
  actors.freeze();
  actors.release();
  for (let number = 0; number < 10 * COUNT_MAX; number += 1) actors.wake('wallet', 0, citizen(number));
  expect(read.length - before).toBeGreaterThanOrEqual(8 * COUNT_MAX);
});

test('a checkpoint without a turn since the last one writes nothing and calls for no other', async () => {
  const { rows } = countedRows();
  const actors = new Actors(rows, COUNT_MAX);
  const message: Message = { from: 0, to: 1, sequence: 1, body: { kind: 'periodClosed', awardPeriodId: 1 } };
  actors.putRow(actors.wake('partition', 0, ''), 'outbox', '1', { sequence: 1, value: { messages: [message] } });
  let calls = 0;
  const checkpointer = new Checkpointer({
    store: { rows, journal: { trim: async () => {} } } as unknown as Store,
    actors,
    shard: { flushedSequence: 0, flushedSequences: [] } as unknown as Shard,
    onPoint: () => {},
    ranked: async () => ({ sequence: 0, copies: [] }),
    schedule: queueMicrotask,
    rowCount: 1,
    written: () => {
      calls += 1;
    },
    failed: () => {},
  });
  await checkpointer.runIfDue();
  expect(calls).toBe(0);
  expect(actors.dirtyCount).toBe(1);
});

test('a page counts as its lines, and recovery fills it line by line', () => {
  const { rows } = countedRows();
  const actors = new Actors(rows, COUNT_MAX);
  const target = actors.target(5);
  for (let index = 0; index < 30; index += 1) {
    target.setLine('payment', 0, { place: placeAt(5, index) } as PaymentRow);
  }
  expect(actors.unwrittenCount).toBe(30);
  const frozen = actors.freeze();
  expect(frozen.rowCount).toBe(1);
  expect(actors.unwrittenCount).toBe(30);
  expect(actors.flushed.line('payment', 0, placeAt(5, 29)).place).toBe(placeAt(5, 29));
  actors.release();
  expect(actors.unwrittenCount).toBe(0);
});

test('pages of a turn that has ended wait as bytes, and say and weigh what they did', () => {
  const { rows } = countedRows();
  const line = (index: number) => ({ place: placeAt(5, index) }) as PaymentRow;
  const packed: PackedPage = { lineCount: 2, lines: () => [line(0), line(1)], line };
  rows.pack = (pages) => pages.map(() => packed);
  const actors = new Actors(rows, COUNT_MAX);
  const actor = actors.wake('partition', 0, '');
  const row = newListRow(actor, 'payment', pageOf(line(0).place), { sequence: 5, value: [line(0), line(1)] });
  actor.setRow(row);
  const turn = { actors: [], values: [], sequences: [], rows: [row] };
  actors.pack(turn);
  expect(actors.decided.line('payment', 0, line(1).place)).toEqual(line(1));
  actors.publish({}, turn, NO_RECORD);
  expect(actors.flushed.get('payment', 0, '', row.sub)).toEqual([line(0), line(1)]);
  expect(actors.unwrittenCount).toBe(2);
  expect([...actors.freeze().batches(10)].flat().map(({ value }) => value)).toEqual([packed]);
});

test('a row that two turns replace before either is flushed is seen as each of them left it, once that is flushed', () => {
  const { rows } = countedRows();
  const actors = new Actors(rows, COUNT_MAX);
  const actor = actors.wake('partition', 0, '');
  const replaced = [1, 2, 3].map((sequence) => {
    const row = newListRow(actor, 'outbox', '1', { sequence, value: { messages: [] } });
    actor.setRow(row);
    return row;
  });
  const seen = () => actors.flushed.row('outbox', 0, '', '1')?.sequence;
  expect(seen()).toBeUndefined();
  for (const row of replaced) {
    actors.publish({}, { actors: [], values: [], sequences: [], rows: [row] }, NO_RECORD);
    expect(seen()).toBe(row.sequence);
  }
});

test('a shard packs the pages of each turn while the disk has its record', async () => {
  const persistence = await openMemoryPersistence({ shardCount: 1 });
  const { rows } = persistence.stores[0]!;
  const pack = rows.pack.bind(rows);
  let lineCount = 0;
  rows.pack = (pages) => {
    for (const { value } of pages) lineCount += value.length;
    return pack(pages);
  };
  const world = await World.open({ persistence, now: '2020-12-20T12:00:00+01:00' });
  const citizen = world.citizen(makeTaxCode(1));
  await citizen.enrol();
  await citizen.enable(hpan(1));
  world.at('2020-12-22T12:00:00+01:00');
  await world.pay({ hpan: hpan(1), at: '2020-12-22T11:00:00+01:00', cents: 1_000 });
  expect(lineCount).toBe(2);
  await world.engine.close();
});

test('between two batches of a checkpoint turns may pass', async () => {
  const { rows } = countedRows();
  const written: number[] = [];
  rows.write = async (batch) => void written.push(batch.length);
  const actors = new Actors(rows, COUNT_MAX);
  for (let number = 0; number < 2_500; number += 1) change(actors, number);
  const tasks: (() => void)[] = [];
  const checkpointer = new Checkpointer({
    store: { rows, journal: { trim: async () => {} } } as unknown as Store,
    actors,
    shard: { flushedSequence: 1, flushedSequences: [] } as unknown as Shard,
    onPoint: () => {},
    ranked: async () => ({ sequence: 0, copies: [] }),
    schedule: (task) => tasks.push(task),
    failed: () => {},
  });
  const run = checkpointer.run();
  for (const expected of [[1_000], [1_000, 1_000], [1_000, 1_000, 500]]) {
    await new Promise((resolve) => setImmediate(resolve));
    expect(written).toEqual(expected);
    expect(tasks.length).toBe(1);
    tasks.pop()!();
  }
  await run;
});
