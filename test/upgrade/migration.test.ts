// Method: a folder that the program of an older format left in the middle is opened by today's: every public answer, every card
// and every record must be as they were, whatever dies on the way. The other way round an older program touches nothing.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { PARTITION_COUNT } from '../../engine/contract.ts';
import { makeTaxCode } from '../../engine/index.ts';
import type { RowChange } from '../../engine/ports.ts';
import { openFolderIdentity } from '../../server/index.ts';
import {
  MemoryDisk,
  openMemoryPersistence,
  openPersistence,
  type Persistence,
  verifyFolder,
} from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import type { MediumRows } from '../../snapshots/rows.ts';
import { PROGRAM, Victim } from '../kill/victim.ts';
import { wholeCopyOf } from '../support/copies.ts';
import { Random, seed } from '../support/random.ts';
import { turnsTaken, until } from '../support/shards.ts';
import { type Citizen, hpan, instant, value, World } from '../support/world.ts';
import { type Fixture, filesOf, readFixture, unpack } from './fixture.ts';
import { cardsIn, formatsIn } from './formats.ts';
import { answersOf, NOW, SHARD_COUNT } from './history.ts';

const KILLS = 100;
/** A server's clock runs: whoever comes after it is not before. */
const later = (hours: number) => new Date(instant(NOW) + hours * 3_600_000).toISOString();
const TODAY = 3;
const SERVER = { program: PROGRAM, shards: SHARD_COUNT, programme: 'italy-2020', killAt: '' } as const;
const random = new Random(seed);
let fixture: Fixture;
let folder: string;
let remove: () => void;

/** Each test of the suite has a folder of its own, as the program of that format left it. */
function useFolderOf(format: number): void {
  const written = readFixture(format);
  beforeEach(() => {
    fixture = written;
    ({ folder, remove } = unpack(fixture));
  });
  afterEach(() => remove());
}

async function openOn(persistence: Persistence, checkpointRowCount?: number): Promise<World> {
  return World.open({ persistence, now: NOW, ...(checkpointRowCount === undefined ? {} : { checkpointRowCount }) });
}

async function closed(world: World): Promise<void> {
  await world.engine.close();
  await world.persistence.close();
  expect(world.faults).toEqual([]);
}

/** What programs before format 3 did not tell: what a command asked for, whose pooled account receives the money, what is owed, and told. */
const NEWER: readonly string[] = [
  'command',
  'technicalAccountHolder',
  'issuerCardId',
  'favourite',
  'payouts',
  'files',
  'notices',
];

/** As a program of that format could tell them. */
function toldIn(format: number, answers: unknown): unknown {
  if (format >= 3) return answers;
  return JSON.parse(JSON.stringify(answers, (name, held) => (NEWER.includes(name) ? undefined : held)));
}

function segmentsOf(path: string): [string, Uint8Array][] {
  return Object.entries(filesOf(path)).filter(([name]) => name.endsWith('.segment'));
}

function isRewritten({ stores }: Pick<Persistence, 'stores'>): boolean {
  return stores.every(({ rows }) => (rows as MediumRows).oldestFormat === TODAY);
}

/** A disk takes as long as it takes: each piece that is on it says so. */
async function openUntilRewritten(now: string): Promise<World> {
  let ended = () => {};
  const rewritten = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const onPoint = () => {
    if (isRewritten(persistence)) ended();
  };
  const persistence = await openPersistence({ folder, onPoint });
  const world = await World.open({ persistence, now });
  onPoint();
  await rewritten;
  return world;
}

describe.each([1, 2, 3])('on a folder of format %i', (format) => {
  useFolderOf(format);

  test('fault 71: every answer is as the old program gave it, and what is asked now is remembered', async () => {
    const world = await openOn(await openPersistence({ folder }));
    const answers = await answersOf(world.engine, fixture);
    expect(toldIn(format, answers)).toEqual(toldIn(format, fixture.answers));
    // Format 1 does not say what was asked; of the claim that was under way the operation itself does.
    const kinds = JSON.stringify(answers).match(/"command":"\w+"/g);
    if (format === 1) expect(kinds).toEqual(['"command":"enableCashback"']);
    else expect(kinds!.length).toBeGreaterThan(100);

    const citizen = world.citizen(makeTaxCode(1));
    const id = 'ff'.repeat(16);
    expect(await citizen.do({ kind: 'enableAll' }, id)).toMatchObject({ ok: true });
    const outcome = { state: 'done', command: 'enableAll' };
    expect(value(await world.engine.outcome(citizen.key, citizen.origin, id))).toMatchObject(outcome);
    await closed(world);
    const again = await openOn(await openPersistence({ folder }));
    expect(value(await again.engine.outcome(citizen.key, citizen.origin, id))).toMatchObject(outcome);
    await closed(again);
    expect((await verifyFolder(folder)).differences).toEqual([]);
  });

  test('fault 71: verifying leaves a folder in the format that it has', async () => {
    expect((await verifyFolder(folder)).differences).toEqual([]);
    expect(readFileSync(join(folder, 'manifest.json'), 'utf8')).toContain(`"format": ${format}`);
    expect((await formatsIn(folder, SHARD_COUNT)).rows).toEqual([format]);
  });
});

describe.each([1, 2])('from format %i', (format) => {
  useFolderOf(format);

  test('fault 71: no card vanishes, all rows are rewritten, and the archive is not', async () => {
    // The old program's own last word: its tail folded into rows, in its format.
    await closed(await openOn(await openPersistence({ folder, keepsFormat: true })));
    const [cards, segments] = [await cardsIn(folder), segmentsOf(folder)];
    expect(cards.length).toBeGreaterThan(60);
    expect(await formatsIn(folder, SHARD_COUNT)).toEqual({
      records: [format],
      rows: [format],
      walletRows: [format],
    });

    const world = await openUntilRewritten(NOW);
    await closed(world);
    expect(await cardsIn(folder)).toEqual(cards);
    expect(segmentsOf(folder).slice(0, segments.length)).toEqual(segments);
    // Wallets; pages of commands are today's in format 2 already, and stay as they are.
    expect(await formatsIn(folder, SHARD_COUNT)).toMatchObject({
      walletRows: format === 1 ? [TODAY] : [format, TODAY],
    });
    expect((await verifyFolder(folder)).differences).toEqual([]);

    // The check itself: one card fewer is seen, by who counts and by who verifies.
    await loseCard();
    expect((await cardsIn(folder)).length).toBeLessThan(cards.length);
    expect((await verifyFolder(folder)).differences.join()).toContain('missing');
  });

  async function loseCard(): Promise<void> {
    const persistence = await openPersistence({ folder });
    const { rows } = persistence.stores[0]!;
    const cards = Array.from({ length: PARTITION_COUNT }, (_, partition) => [...rows.scan('card', partition)]).flat();
    const [address, { sequence }] = cards[0]!;
    await rows.write([{ address, sequence, value: null } as RowChange]);
    await persistence.close();
  }

  test('fault 71: a ranking of another version is rebuilt', async () => {
    await closed(await openOn(await openPersistence({ folder })));
    const path = join(folder, 'rankings', '2.ranking');
    const bytes = readFileSync(path);
    bytes.writeUInt32LE(9, bytes.length - VERSION_BEFORE_END);
    writeFileSync(path, bytes);
    const world = await openOn(await openPersistence({ folder }));
    expect(toldIn(format, await answersOf(world.engine, fixture))).toEqual(toldIn(format, fixture.answers));
    await closed(world);
  });

  test('R20: a folder that keeps its format can go back to the program of that format', async () => {
    const world = await openOn(await openPersistence({ folder, keepsFormat: true }));
    for (let number = 1; number <= 30; number += 1) await world.citizen(makeTaxCode(number)).do({ kind: 'enableAll' });
    await closed(world);
    expect(await formatsIn(folder, SHARD_COUNT)).toEqual({
      records: [format],
      rows: [format],
      walletRows: [format],
    });
    expect((await verifyFolder(folder)).differences).toEqual([]);
  });
});

/** In a ranking's file. */
const VERSION_BEFORE_END = 12;

describe('killed on the way', () => {
  useFolderOf(1);

  test(`fault 73: power fails at ${KILLS} moments of the migration, under commands; each start goes on`, async () => {
    const old = await oldDisk();
    const before = await openOn(await openMemoryPersistence({ disk: wholeCopyOf(old.folder!), format: 1 }));
    const answers = toldIn(1, await answersOf(before.engine, { commands: [] }));
    await closed(before);
    let fewest = Number.POSITIVE_INFINITY;
    let most = 0;
    for (let kill = 0; kill < KILLS; kill += 1) {
      const disk = wholeCopyOf(old.folder!);
      const { acked, isAsked } = await killedAfter(disk, kill % FLUSHES);
      const left = olderRows(disk);
      [fewest, most] = [Math.min(fewest, left), Math.max(most, left)];
      const world = await openOn(await openMemoryPersistence({ disk }), PIECE);
      for (const id of acked) {
        const { key, origin } = world.citizen(makeTaxCode(3));
        expect(value(await world.engine.outcome(key, origin, id)), `kill ${kill}`).toMatchObject({ state: 'done' });
      }
      await until(() => isRewritten(world.persistence), 'all rows rewritten');
      if (!isAsked) expect(toldIn(1, await answersOf(world.engine, { commands: [] }))).toEqual(answers);
      await closed(world);
      expect((await verifyPersistence(await openMemoryPersistence({ disk }))).differences).toEqual([]);
    }
    // It was in the middle, not before or behind.
    expect([fewest, most > PIECE]).toEqual([0, true]);
  });

  test('fault 73: a real server dies at pieces of the migration, and the next one goes on', {
    timeout: 240_000,
  }, async () => {
    const other = unpack(fixture);
    await closed(await openOn(await openPersistence({ folder: other.folder, keepsFormat: true })));
    const cards = await cardsIn(other.folder);
    other.remove();
    await openFolderIdentity(folder);
    for (const [hours, killAt] of ['rows-rewritten:1', 'rows-rewritten:2', 'rows-raised:1'].entries()) {
      const victim = new Victim({ ...SERVER, folder, now: later(hours), checkpointRows: 5, killAt });
      expect(await victim.ended, victim.errors).toBe('SIGKILL');
      expect((await verifyFolder(folder)).differences, killAt).toEqual([]);
    }
    const world = await openUntilRewritten(later(3));
    await closed(world);
    expect((await formatsIn(folder, SHARD_COUNT)).walletRows).toEqual([TODAY]);
    expect(await cardsIn(folder)).toEqual(cards);
  });
});

const PIECE = 4;
/** As many as the migration and the commands beside it take. */
const FLUSHES = 80;

/** A disk in memory as the program of format 1 leaves it. */
async function oldDisk(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  const world = await openOn(await openMemoryPersistence({ disk, format: 1, shardCount: SHARD_COUNT }));
  for (let number = 1; number <= 12; number += 1) {
    const citizen = world.citizen(makeTaxCode(number));
    await citizen.enrol();
    await citizen.enable(hpan(number));
    await world.pay({ hpan: hpan(number), at: '2021-03-20T11:30:00+01:00', cents: 100 * number });
  }
  await closed(world);
  return disk;
}

interface Killed {
  /** Ids of commands that were acknowledged before the power failed. */
  readonly acked: readonly string[];
  /** Others may be done, too. */
  readonly isAsked: boolean;
}

/** The power fails after so many flushes. */
async function killedAfter(disk: MemoryDisk, flushes: number): Promise<Killed> {
  const persistence = await openMemoryPersistence({ disk });
  disk.hold();
  let citizen: Citizen | null = null;
  void openOn(persistence, PIECE).then((world) => {
    citizen = world.citizen(makeTaxCode(3));
  });
  const acked: string[] = [];
  let isAsked = false;
  const ask = async (id: string, card: string) => {
    if (citizen === null) return;
    isAsked = true;
    if ((await citizen.do({ kind: 'enableCashback', hpan: card }, id)).ok) acked.push(id);
  };
  for (let released = 0; released < flushes; released += 1) {
    await turnsTaken();
    if (random.below(6) === 0) void ask(`${released}`.padStart(32, 'a'), hpan(900 + released));
    await turnsTaken();
    disk.release(1);
  }
  await turnsTaken();
  disk.crash();
  return { acked, isAsked };
}

/** Rows of wallets and their commands that are not of today's format. */
function olderRows(disk: MemoryDisk): number {
  const rows = disk.folder!.stores.flatMap((files) => [...files.rows]);
  return rows.filter(([key, bytes]) => [1, 3].includes(key.charCodeAt(1)) && bytes[0] !== TODAY).length;
}

/** With a checksum that fits. */
function resealed(manifest: string): string {
  const { check: _, ...rest } = JSON.parse(manifest);
  return JSON.stringify({ ...rest, check: crc32(JSON.stringify(rest)) });
}

describe('to an older program', () => {
  useFolderOf(1);

  test('fault 74: a newer folder is refused by every door, and each of its files stays as it is', async () => {
    const manifest = join(folder, 'manifest.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"format": 1', `"format": ${TODAY + 1}`));
    await openFolderIdentity(folder);
    await expect(openPersistence({ folder })).rejects.toMatchObject({ code: 'FORMAT_NEWER' });
    const before = filesOf(folder);
    const newer = { code: 'FORMAT_NEWER' };
    await expect(openPersistence({ folder })).rejects.toMatchObject(newer);
    await expect(openPersistence({ folder, keepsFormat: true })).rejects.toMatchObject(newer);
    await expect(verifyFolder(folder)).rejects.toMatchObject(newer);
    const server = new Victim({ ...SERVER, folder, now: NOW, checkpointRows: 5 });
    expect(await server.ended, server.errors).toBe('2');
    expect(server.errors).toContain(`format ${TODAY + 1}`);
    expect(filesOf(folder)).toEqual(before);
  });

  test('a folder older than any that is read is refused, and says what to do', async () => {
    const manifest = join(folder, 'manifest.json');
    const text = readFileSync(manifest, 'utf8');
    writeFileSync(manifest, resealed(text.replace('"format": 1', '"format": 0')));
    await expect(openPersistence({ folder })).rejects.toMatchObject({ code: 'FORMAT_OLDER' });
  });
});
