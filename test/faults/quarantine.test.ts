// Method: one shard on a disk in memory, with a quarantine that only remembers what it was told: who is named while
// whom is decided, in which turn suspects come, and that nobody is named when nothing is being decided. And a folder on a
// disk, as a death leaves it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTaxCode, partitionOf } from '../../engine/index.ts';
import type { Quarantine } from '../../engine/ports.ts';
import {
  judgeDeath,
  openAtRest,
  openMemoryPersistence,
  openPersistence,
  readBlames,
  verifyFolder,
} from '../../snapshots/index.ts';
import { hpan, instant, World } from '../support/world.ts';

const RECORD = { acquirerCode: '36081', trxMs: 1, acquirerId: '09509', idTrxAcquirer: 'R1' } as const;
const commandId = (number: number) => number.toString(16).padStart(32, '0');

class Remembering implements Quarantine {
  readonly suspects = new Set<string>();
  readonly setAside = new Set<string>();
  named: readonly string[] = [];
  /** What was named at each point that was passed. */
  readonly seen: { readonly point: string; readonly subject: string | undefined; readonly named: readonly string[] }[] =
    [];

  name(tasks: readonly string[]): void {
    this.named = [...tasks];
  }
  nameToo(task: string): void {
    this.named = [...this.named, task];
  }
  clear(): void {
    this.named = [];
  }
  get hasSuspects(): boolean {
    return this.suspects.size > 0;
  }
  isSuspect(task: string): boolean {
    return this.suspects.has(task);
  }
  acquit(task: string): void {
    this.suspects.delete(task);
  }
  isSetAside(task: string): boolean {
    return this.setAside.has(task);
  }
  readonly onPoint = (point: string, subject?: string) => void this.seen.push({ point, subject, named: this.named });
}

async function open() {
  const persistence = await openMemoryPersistence({ shardCount: 1 });
  const quarantine = new Remembering();
  const stores = persistence.stores.map(({ journal, rows, vault }) => ({ journal, rows, vault, quarantine }));
  const world = await World.open({ persistence: { ...persistence, stores }, onPoint: quarantine.onPoint });
  const anna = world.citizen(makeTaxCode(1));
  await anna.enrol();
  return { world, quarantine, anna };
}

test('fault 18: whatever is decided is named before, with all of its turn, and nothing afterwards', async () => {
  const { anna, quarantine } = await open();
  quarantine.seen.length = 0;
  const ids = [10, 11, 12].map(commandId);
  await Promise.all(ids.map((id, card) => anna.do({ kind: 'enableCashback', hpan: hpan(card) }, id)));
  const names = ids.map((id) => `command ${anna.key} ${id}`);
  const decided = quarantine.seen.filter(({ point }) => point === 'deciding');
  expect(decided.map(({ subject }) => subject)).toEqual(ids);
  for (const { named } of decided) expect(named).toEqual(names);
  for (const { point, named } of quarantine.seen) if (point === 'turn-flushed') expect(named).toEqual([]);
  expect(quarantine.named).toEqual([]);
});

test('fault 18: a suspect is decided in a turn of its own, in its place, and is none any more', async () => {
  const { anna, quarantine } = await open();
  const ids = [10, 11, 12].map(commandId);
  const names = ids.map((id) => `command ${anna.key} ${id}`);
  quarantine.suspects.add(names[1]!);
  quarantine.seen.length = 0;
  await Promise.all(ids.map((id, card) => anna.do({ kind: 'enableCashback', hpan: hpan(card) }, id)));
  const decided = quarantine.seen.filter(({ point }) => point === 'deciding');
  expect(decided.map(({ named }) => named)).toEqual(names.map((name) => [name]));
  expect(quarantine.hasSuspects).toBe(false);
});

test('fault 18: what was set aside is refused, a row of a file with its reason, and all else is done', async () => {
  const { world, anna, quarantine } = await open();
  const id = commandId(10);
  quarantine.setAside.add(`command ${anna.key} ${id}`);
  expect(await anna.do({ kind: 'leave' }, id)).toEqual({ ok: false, code: 'COMMAND_SET_ASIDE' });
  await anna.enable(hpan(1));
  world.at('2020-12-08T12:00:00+01:00');
  const row = { hpan: hpan(1), at: '2020-12-08T09:00:00+01:00', cents: 500, id: 'A1' };
  quarantine.isSetAside = (task) => task.startsWith(`record ${hpan(1)} `);
  expect(await world.pay(row)).toEqual({ status: 'rejected', code: 'COMMAND_SET_ASIDE' });
  expect(await world.pay({ ...row, hpan: hpan(2) })).toMatchObject({ status: 'dropped' });
});

test('fault 18: work that can wait does so until it is released, in its order, and nobody else with it', async () => {
  const { world, anna, quarantine } = await open();
  quarantine.setAside.add('files 0');
  const told: string[] = [];
  const files = ['a', 'b'].map(async (name) => {
    const arrival = { sender: '36081', name, digest: name, receivedMs: instant('2020-12-07T10:00:00+01:00') };
    const opened = await world.engine.openFile(arrival);
    told.push(name);
    return opened;
  });
  await anna.enable(hpan(1));
  world.engine.tick();
  await anna.enable(hpan(2));
  expect(told).toEqual([]);
  quarantine.setAside.clear();
  world.engine.tick();
  expect(await Promise.all(files)).toMatchObject([
    { ok: true, value: { fileNumber: 1 } },
    { value: { fileNumber: 2 } },
  ]);
});

test('fault 18: an engine with work that waits closes all the same', async () => {
  const { world, anna, quarantine } = await open();
  quarantine.setAside.add(`rechecks ${partitionOf(anna.key)}`);
  void world.engine.recheckAccounts([{ citizen: anna.key, dueMs: 1, verdict: 'OK' }]);
  await world.engine.close();
  expect(world.faults).toEqual([]);
});

test('fault 18: a PAR and a decision about a reversal are refused when they were set aside', async () => {
  const { world, anna, quarantine } = await open();
  const setAside = { ok: false, code: 'COMMAND_SET_ASIDE' };
  await anna.enable(hpan(1));
  quarantine.isSetAside = (task) => /^(par|resolution) /.test(task);
  expect(await world.engine.setPar(anna.key, hpan(1), 'P'.repeat(29))).toEqual(setAside);
  const reversal = { ...RECORD, operationType: '01' };
  const decision = {
    hpan: hpan(1),
    reversal,
    payment: null,
    resolution: 'discard',
    operator: 'a',
    reason: 'x',
  } as const;
  expect(await world.engine.resolveReversal(decision)).toEqual(setAside);
});

test('fault 18: what cannot be written once it was decided is named once more', async () => {
  const { anna, world, quarantine } = await open();
  const { journal } = world.persistence.stores[0]!;
  journal.append = () => Promise.reject(new TypeError('a fact that cannot be written'));
  void anna.do({ kind: 'leave' }, commandId(10));
  while (world.faults.length === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(quarantine.named).toEqual([`command ${anna.key} ${commandId(10)}`]);
});

test('fault 18: who looks at a folder after a death leaves it to the next start to judge', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clickday-death-'));
  try {
    await (await openPersistence({ folder, shardCount: 1 })).close();
    const name = `command anna ${commandId(1)}`;
    writeFileSync(join(folder, 'store-0', 'turn'), `${name}\n\0`);
    await (await openAtRest(folder)).close();
    await verifyFolder(folder);
    for (const deaths of [1, 1]) {
      judgeDeath(folder, 0);
      expect(readBlames(folder).map(({ suspects }) => suspects)).toEqual([[{ name, deaths }]]);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
