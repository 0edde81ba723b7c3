// Method: wallets of one partition, some with rows, some newer than theirs and some without; whatever the size of a page,
// all of them come once, in the order of their keys, and the newest of each.
import { expect, test } from 'vitest';
import type { RowChange, Store } from '../../engine/ports.ts';
import { actorPage, headPage } from '../../engine/shard/actor-pages.ts';
import { Actors } from '../../engine/shard/actors.ts';
import { emptyWallet } from '../../engine/wallet/wallet.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';

const PARTITION = 3;
const NO_RECORD = { epoch: 1, sequence: 1, nowMs: 0, sections: [] };
const citizen = (number: number) => number.toString(16).padStart(32, '0');
const walletAt = (number: number, termsMs: number) => ({ ...emptyWallet(citizen(number)), termsMs });
const [ON_DISK, IN_MEMORY] = [1, 2];

/** Numbers whose wallets have a row, and those that have changed since or have none yet. */
async function open(stored: readonly number[], changed: readonly number[]): Promise<Actors> {
  const [{ rows }] = (await openMemoryPersistence({})).stores as [Store];
  const row = (number: number, partition = PARTITION): RowChange => ({
    address: { table: 'wallet', partition, entity: citizen(number), sub: '' },
    ...{ sequence: 1, value: walletAt(number, ON_DISK) },
  });
  await rows.write([...stored.map((number) => row(number)), row(99, PARTITION + 1)]);
  const actors = new Actors(rows, 100);
  for (const number of changed) {
    const turn = {};
    const actor = actors.wake('wallet', PARTITION, citizen(number));
    actor.decided = walletAt(number, IN_MEMORY);
    actor.turn = turn;
    actors.publish(turn, { actors: [actor], values: [actor.decided], sequences: [2], rows: [] }, NO_RECORD);
  }
  return actors;
}

/** Of all pages: each number with where its newest is. */
function allOf(actors: Actors, page: typeof actorPage<'wallet'> | typeof headPage<'wallet'>, countMax: number) {
  const pages: (readonly string[])[] = [];
  for (let after: string | null = ''; after !== null; ) {
    const { values, next }: ReturnType<typeof headPage<'wallet'>> = page(actors, 'wallet', {
      ...{ partition: PARTITION, after, countMax },
    });
    pages.push(values.map((wallet) => `${Number.parseInt(wallet.citizen, 16)}:${wallet.termsMs}`));
    after = next;
  }
  return pages;
}

test.each([
  [[1, 2, 3, 4, 5], []],
  [
    [1, 2, 3, 4, 5],
    [2, 5],
  ],
  [
    [2, 4, 6],
    [1, 3, 5, 7],
  ],
  [
    [2, 3, 4],
    [1, 3, 9],
  ],
  [[5], [1, 2, 3, 4, 6, 7, 8, 9]],
  [[], [3, 1, 2]],
  [[], []],
] as const)('rows of %j, and %j newer than them', async (stored, changed) => {
  const actors = await open(stored, changed);
  const newest = new Map<number, number>([
    ...stored.map((number) => [number, ON_DISK] as const),
    ...changed.map((number) => [number, IN_MEMORY] as const),
  ]);
  const all = [...newest].sort(([left], [right]) => left - right).map(([number, at]) => `${number}:${at}`);
  for (const page of [actorPage<'wallet'>, headPage<'wallet'>]) {
    for (const countMax of [1, 2, 3, 100]) {
      const pages = allOf(actors, page, countMax);
      expect(pages.flat(), `${countMax} rows a page`).toEqual(all);
      // So many rows are looked at for each; what has none comes along with them.
      expect(pages).toHaveLength(1 + Math.floor(stored.length / countMax));
    }
  }
});

test('what is being written down counts as newer than its row until it is', async () => {
  const actors = await open([1, 2, 3], [2, 4]);
  actors.freeze();
  for (const page of [actorPage<'wallet'>, headPage<'wallet'>]) {
    expect(allOf(actors, page, 2)).toEqual([
      ['1:1', '2:2'],
      ['3:1', '4:2'],
    ]);
  }
  const turn = {};
  const actor = actors.wake('wallet', PARTITION, citizen(4));
  actor.decided = walletAt(4, 7);
  actor.turn = turn;
  actors.publish(turn, { actors: [actor], values: [actor.decided], sequences: [3], rows: [] }, NO_RECORD);
  expect(allOf(actors, headPage<'wallet'>, 100)).toEqual([['1:1', '2:2', '3:1', '4:7']]);
});
