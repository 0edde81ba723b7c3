// Method: lists out of pages that the test hands out, in a real folder: pages that fail, processes that come after each other,
// a zip that was damaged meanwhile.
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Engine, StorageFault } from '../../engine/index.ts';
import { HashLists } from '../../server/publishing/index.ts';
import { instant } from '../support/world.ts';

const HPAN = 'ab'.repeat(32);

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'clickday-published-')), 'published');
});
afterEach(() => rm(join(folder, '..'), { recursive: true }));

function open(covered: Engine['covered']) {
  const faults: unknown[] = [];
  const clock = {
    now: instant('2020-12-08T03:00:00+01:00'),
    nowMs: () => clock.now,
    monotonic: 0,
    monotonicMs: () => clock.monotonic,
  };
  const rest = { folder, realMs: () => 0, pause: async () => {}, failed: (fault: unknown) => void faults.push(fault) };
  const { monotonicMs } = clock;
  return { lists: new HashLists({ engine: { covered }, clock, monotonicMs, ...rest }), clock, faults };
}

const onePage: Engine['covered'] = async () => ({ ok: true, value: { hpans: [HPAN], nextCursor: null } });
const never: Engine['covered'] = () => Promise.reject(new Error('nobody had to be asked'));

test('a row that cannot be read is told, and the list is tried again after a rest', async () => {
  let isDamaged = true;
  const { lists, clock, faults } = open(async (query) => {
    if (isDamaged) throw new StorageFault('ROW_DAMAGED', 'a card');
    return onePage(query);
  });
  await lists.tick();
  expect(lists.current).toBeNull();
  expect(faults).toMatchObject([{ code: 'ROW_DAMAGED' }]);
  clock.monotonic = 59_999;
  await lists.tick();
  expect(faults).toHaveLength(1);
  isDamaged = false;
  clock.monotonic = 60_000;
  await lists.tick();
  expect(lists.current).toMatchObject({ day: '2020-12-08', hashCount: 1 });
});

test('the next process goes on with a list that is whole, and makes one anew that is not', async () => {
  const first = open(onePage);
  await first.lists.tick();
  const second = open(never);
  await second.lists.tick();
  expect(second.lists.current).toEqual(first.lists.current);
  await writeFile(first.lists.current!.path, 'damaged');
  const third = open(onePage);
  await third.lists.tick();
  expect(third.lists.current).toEqual(first.lists.current);

  third.clock.now = instant('2020-12-09T03:00:00+01:00');
  await third.lists.tick();
  expect(await readdir(folder)).toEqual(['2020-12-09.zip', '2020-12-09.zip.json']);
});
