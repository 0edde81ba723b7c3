// Method: a small engine in a process of its own is killed, robbed, starved and lied to; then its folder must be whole:
// everything it acknowledged is there once, and what is damaged is refused, never served.
import { type ChildProcess, execFileSync, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { LIMITS } from '../../engine/limits.ts';
import { StorageFault } from '../../engine/ports.ts';
import { Ranking } from '../../engine/ranking/ranking.ts';
import { FORMAT } from '../../snapshots/codec/formats.ts';
import { CRASH_POINTS, openPersistence, type Persistence } from '../../snapshots/index.ts';
import type { Archive } from '../../snapshots/lmdb/archive.ts';
import { append, openEnvironment, remove } from '../../snapshots/lmdb/environment.ts';
import { RecordDatabase } from '../../snapshots/lmdb/record-database.ts';
import { type Compiled, compile } from '../support/compiled.ts';
import { Random, seed } from '../support/random.ts';
import { turnsTaken } from '../support/shards.ts';
import { rowOf, turnOf } from './appender.ts';

const random = new Random(seed);
/** Many children one after the other: seconds on a quiet machine, a minute on a busy one. */
const SLOW_MS = 240_000;
let program: Compiled;
let place: string;
let folder: string;

beforeAll(() => {
  program = compile('test/contract/appender.ts');
});
afterAll(() => program.remove());
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'clickday-'));
  folder = join(place, 'data');
});
afterEach(() => {
  rmSync(place, { recursive: true, force: true });
});

interface Run {
  readonly acked: number;
  readonly fault: string | null;
  readonly content: string | null;
  readonly signal: NodeJS.Signals | null;
}

function start(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  return spawn(process.execPath, [program.path, ...args], { stdio: ['ignore', 'pipe', 'inherit'], ...options });
}

/** Runs a child to its end; kills it when it has acknowledged `killAfter` turns. */
async function run(
  args: readonly string[],
  killAfter = Number.POSITIVE_INFINITY,
  options: SpawnOptions = {},
): Promise<Run> {
  const child = start(args, options);
  const closed = once(child, 'close');
  let [acked, ackCount, fault, content] = [0, 0, null as string | null, null as string | null];
  for await (const line of createInterface({ input: child.stdout! })) {
    const [word, value] = line.split(' ');
    if (word === 'fault') fault = value!;
    if (word === 'read') content = value!;
    if (word !== 'acked') continue;
    acked = Number(value);
    ackCount += 1;
    if (ackCount >= killAfter) child.kill('SIGKILL');
  }
  const [, signal] = await closed;
  return { acked, fault, content, signal };
}

/** Opens the folder and checks all of it against what a run of the appender may leave. */
async function checkWhole(ackedAtLeast: number): Promise<number> {
  const persistence = await openPersistence({ folder });
  try {
    const { journal, rows } = persistence.stores[0]!;
    const turns = [...journal.read(1)];
    expect(turns.length).toBe(journal.lastSequence);
    expect(journal.lastSequence).toBeGreaterThanOrEqual(ackedAtLeast);
    let epoch = 0;
    turns.forEach((turn, index) => {
      expect(turn.epoch).toBeGreaterThanOrEqual(epoch);
      epoch = turn.epoch;
      expect(turn, `seed=${seed}`).toEqual(turnOf(epoch, index + 1));
    });
    expect(epoch).toBeLessThan(journal.epoch);
    const mark = rows.checkpoint().sequence;
    for (let sequence = 1; sequence <= mark; sequence += 1) {
      const { value } = rowOf(sequence);
      expect(rows.get('outbox', 5, '', String(sequence))).toEqual({ sequence, value });
    }
    return journal.lastSequence;
  } finally {
    await persistence.close();
  }
}

/** A folder with records in archive and journal, rows, keys and a mark. */
async function fillFolder(turnCount = 60): Promise<void> {
  const persistence = await openPersistence({ folder });
  const { journal, rows, vault } = persistence.stores[0]!;
  for (let sequence = 1; sequence <= turnCount; sequence += 1) await journal.append(turnOf(1, sequence));
  await rows.write(Array.from({ length: turnCount }, (_, index) => rowOf(index + 1)));
  await rows.setCheckpoint({ sequence: turnCount, partitions: [], ranked: { sequence: 0, copies: [] } });
  await journal.trim(Math.floor(turnCount / 3));
  await journal.trim(Math.floor(turnCount / 2));
  vault.newSlot();
  await vault.flush();
  await persistence.close();
}

async function faultOf(work: () => Promise<Pick<Persistence, 'close'>>): Promise<string> {
  try {
    await (await work()).close();
  } catch (error) {
    if (error instanceof StorageFault) return error.code;
    throw error;
  }
  return 'none';
}

function flipBit(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1 << random.below(8);
  writeFileSync(path, bytes);
}

function filesOf(path: string): Map<string, string> {
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' }).sort();
  return new Map(
    names
      .filter((name) => statSync(join(path, name)).isFile())
      .map((name) => [name, readFileSync(join(path, name), 'hex')]),
  );
}

/** Rows of an older format are not among what the appender writes: test/upgrade kills there. */
const POINTS = CRASH_POINTS.filter((point) => point !== 'rows-rewritten' && point !== 'rows-raised');

describe('kill -9', () => {
  test(
    'faults 1-4: everything acknowledged is there exactly once after kills at random times',
    async () => {
      for (let round = 0; round < 20; round += 1) {
        const { acked, signal } = await run(['append', folder], 1 + random.below(40));
        expect(signal).toBe('SIGKILL');
        await checkWhole(acked);
      }
    },
    SLOW_MS,
  );

  test.each(POINTS)('a kill at the point %s leaves a readable whole, which goes on', async (point) => {
    let acked = 0;
    for (const count of [1, 1 + random.below(3)]) {
      const killed = await run(['append', folder, point, String(count)]);
      expect(killed.signal).toBe('SIGKILL');
      acked = Math.max(acked, killed.acked);
    }
    await checkWhole(acked);
    const goneOn = await run(['append', folder], 20);
    expect(await checkWhole(goneOn.acked)).toBeGreaterThan(acked);
  });

  test('records archived and not yet removed are archived anew: only who wrote a segment knows that it is durable', async () => {
    const { acked } = await run(['append', folder, 'trim-verified', '2']);
    const archive = join(folder, 'store-0', 'archive');
    const newest = join(archive, readdirSync(archive).sort().at(-1)!);
    utimesSync(newest, 0, 0);
    const goneOn = await run(['append', folder], 40);
    await checkWhole(Math.max(acked, goneOn.acked));
    expect(statSync(newest, { throwIfNoEntry: false })?.mtimeMs).not.toBe(0);
  });
});

describe('one engine per folder', () => {
  test('fault 76: a second engine is refused, and may start once the first was killed', async () => {
    const first = start(['hold', folder]);
    await once(first.stdout!, 'data');
    expect(await faultOf(() => openPersistence({ folder }))).toBe('FOLDER_IN_USE');
    expect((await run(['append', folder], 1)).fault).toBe('FOLDER_IN_USE');
    first.kill('SIGKILL');
    await once(first, 'close');
    expect(await faultOf(() => openPersistence({ folder }))).toBe('none');
  });

  test('fault 76: of ten engines started at once, one wins', async () => {
    await fillFolder(2);
    const children = Array.from({ length: 10 }, () => start(['hold', folder]));
    const closed = children.map((child) => once(child, 'close'));
    const said = await Promise.all(children.map((child) => once(child.stdout!, 'data')));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(closed);
    const words = said.map(([bytes]) => String(bytes).split(' '));
    expect(words.filter(([word]) => word === 'opened')).toHaveLength(1);
    expect(words.filter(([, code]) => code === 'FOLDER_IN_USE')).toHaveLength(9);
  });

  test('a machine without flock is told so', async () => {
    expect((await run(['read', folder], 0, { env: { PATH: '/nowhere' } })).fault).toBe('FLOCK_MISSING');
  });
});

const NOBODY = { uid: 65_534, gid: 65_534 };

function isCheckoutReadable(as: { readonly uid?: number; readonly gid?: number }): boolean {
  return (
    spawnSync(process.execPath, ['-e', `require("node:fs").readdirSync(${JSON.stringify(process.cwd())})`], as)
      .status === 0
  );
}

describe('the folder', () => {
  test('fault 15: a folder that cannot be written is refused with its cause', async () => {
    mkdirSync(folder);
    chmodSync(place, 0o755);
    chmodSync(folder, 0o555);
    // Root may write everywhere: let nobody try.
    const options = process.getuid?.() === 0 ? NOBODY : {};
    if (isCheckoutReadable(options)) {
      expect((await run(['read', folder], 0, options)).fault).toBe('FOLDER_NOT_WRITABLE');
    } else {
      console.info('left out: a folder without write permission, since nobody but root can read this checkout');
    }
    chmodSync(folder, 0o755);
    const file = join(place, 'file');
    writeFileSync(file, '');
    expect(await faultOf(() => openPersistence({ folder: file }))).toBe('FOLDER_NOT_WRITABLE');
    expect(await faultOf(() => openPersistence({ folder: join(file, 'below') }))).toBe('FOLDER_NOT_WRITABLE');
  });

  test('fault 16: a wrong, missing, foreign or damaged key is refused before any database is opened', async () => {
    await fillFolder(3);
    const other = join(place, 'other');
    await (await openPersistence({ folder: other })).close();
    const master = join(folder, 'keys', 'master.key');
    const index = join(folder, 'keys', 'index.key');
    const [goodMaster, goodIndex] = [readFileSync(master), readFileSync(index)];
    expect(statSync(master).mode & 0o777).toBe(0o600);
    // A database that cannot be opened would say STORE_DAMAGED, were it tried.
    truncateSync(join(folder, 'store-0', 'rows', 'data.mdb'), 0);
    const spoil: readonly (() => void)[] = [
      () => cpSync(join(other, 'keys', 'master.key'), master),
      () => writeFileSync(master, 'no key'),
      () => rmSync(master),
      () => cpSync(join(other, 'keys', 'index.key'), index),
      () => flipBit(index, random.below(goodIndex.length)),
      () => rmSync(index),
      () => cpSync(join(other, 'keys'), join(folder, 'keys'), { recursive: true }),
    ];
    for (const [number, spoilKey] of spoil.entries()) {
      spoilKey();
      expect(await faultOf(() => openPersistence({ folder })), `case ${number}`).toBe('KEY_MISMATCH');
      writeFileSync(master, goodMaster);
      writeFileSync(index, goodIndex);
    }
    expect(await faultOf(() => openPersistence({ folder }))).toBe('STORE_DAMAGED');
  });

  test('fault 74: a newer format is refused and its files stay as they are', async () => {
    await fillFolder(3);
    const manifest = join(folder, 'manifest.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(`"format": ${FORMAT}`, `"format": ${FORMAT + 1}`));
    const before = filesOf(folder);
    expect(await faultOf(() => openPersistence({ folder }))).toBe('FORMAT_NEWER');
    expect(filesOf(folder)).toEqual(before);
  });

  test('a damaged or missing manifest is refused, a folder half made is made anew', async () => {
    await fillFolder(3);
    const manifest = join(folder, 'manifest.json');
    const good = readFileSync(manifest, 'utf8');
    for (const text of ['', '{', 'null', good.replace('"shardCount": 1', '"shardCount": 2')]) {
      writeFileSync(manifest, text);
      expect(await faultOf(() => openPersistence({ folder })), text).toBe('MANIFEST_DAMAGED');
    }
    rmSync(manifest);
    expect(await faultOf(() => openPersistence({ folder }))).toBe('MANIFEST_MISSING');
    rmSync(join(folder, 'store-0'), { recursive: true });
    expect(await faultOf(() => openPersistence({ folder }))).toBe('none');
  });

  test('a ranking damaged anywhere is as good as none', async () => {
    const persistence = await openPersistence({ folder });
    const byKey = (left: string, right: string) => (left < right ? -1 : 1);
    const citizens = ['ab', 'cd'].map((digits) => digits.repeat(16));
    const standing = { count: 3, lastTrxMs: 5, termsMs: 4 };
    const ranking = Ranking.build(
      2,
      citizens.map((citizen) => ({ citizen, standing })),
      byKey,
    );
    await persistence.saveRanking(2, ranking.copy(), [1, 2, 3]);
    const load = () => {
      const saved = persistence.loadRanking(2);
      if (saved === null) return 'RANKING_DAMAGED';
      return faultOf(async () => {
        Ranking.fromChunks(saved.chunks, byKey);
        return { close: async () => {} };
      });
    };
    const path = join(folder, 'rankings', '2.ranking');
    const good = readFileSync(path);
    for (let at = 0; at < good.length; at += 1) {
      flipBit(path, at);
      expect(await load(), `byte ${at}`).toBe('RANKING_DAMAGED');
      writeFileSync(path, good.subarray(0, at));
      expect(await load(), `cut at ${at}`).toBe('RANKING_DAMAGED');
      writeFileSync(path, good);
    }
    expect(await load()).toBe('none');
    expect(persistence.loadRanking(2)?.vector).toEqual([1, 2, 3]);
    await persistence.close();
  });
});

/** Bytes that are nowhere but in one record. */
function hashesIn(sequence: number): Buffer {
  const { facts } = turnOf(1, sequence).sections[0]!;
  return Buffer.from(facts.map((fact) => ('hpan' in fact ? fact.hpan : '')).join(''), 'hex');
}

describe('damage', () => {
  test('fault 12: a changed bit in a record is noticed when it is read, and never served', async () => {
    await fillFolder();
    const journal = join(folder, 'store-0', 'journal', 'data.mdb');
    flipBit(journal, readFileSync(journal).indexOf(hashesIn(55).subarray(0, 32)) + random.below(32));
    const persistence = await openPersistence({ folder });
    const { journal: read } = persistence.stores[0]!;
    expect([...read.read(57)]).toHaveLength(4);
    expect(() => [...read.read(56)]).toThrow(StorageFault);
    expect(() => [...read.read(1)]).toThrow(expect.objectContaining({ code: 'JOURNAL_DAMAGED' }));
    await persistence.close();
  });

  test('fault 12: a changed bit in a row is noticed when it is read, and never served', async () => {
    const address = { table: 'command', partition: 5, entity: 'ab'.repeat(16), sub: 'id' } as const;
    const command = { commandKey: 'id', bodyHash: 'deadbeef'.repeat(8), command: null, answer: {}, sequence: 1 };
    const value = { commands: [command] };
    const before = await openPersistence({ folder });
    await before.stores[0]!.rows.write([{ address, sequence: 1, value }]);
    await before.close();
    const path = join(folder, 'store-0', 'rows', 'data.mdb');
    const good = readFileSync(path);
    const at = good.indexOf(Buffer.from(command.bodyHash, 'hex'));
    for (let round = 0; round < 10; round += 1) {
      flipBit(path, at - 8 + random.below(40));
      const { stores, scrub, close } = await openPersistence({ folder });
      const { rows } = stores[0]!;
      const damaged = expect.objectContaining({ code: 'ROW_DAMAGED' });
      expect(() => rows.get('command', 5, address.entity, 'id')).toThrow(damaged);
      expect(() => [...rows.list('command', 5, address.entity, '')]).toThrow(damaged);
      expect(() => [...rows.scan('command', 5)]).toThrow(damaged);
      expect(() => scrub()).toThrow(damaged);
      await close();
      writeFileSync(path, good);
    }
  });

  test('fault 12: a changed bit anywhere in the archive is noticed when it is read', async () => {
    await fillFolder();
    const archive = join(folder, 'store-0', 'archive');
    const [path] = readdirSync(archive)
      .sort()
      .map((name) => join(archive, name));
    const good = readFileSync(path!);
    const persistence = await openPersistence({ folder });
    const { journal } = persistence.stores[0]!;
    for (let round = 0; round < 200; round += 1) {
      const at = random.below(good.length);
      flipBit(path!, at);
      expect(() => [...journal.read(1)], `seed=${seed} byte ${at}`).toThrow(StorageFault);
      writeFileSync(path!, good);
    }
    expect([...journal.read(1)]).toHaveLength(60);
    await persistence.close();
  });

  test('a missing segment is named', async () => {
    await fillFolder();
    const archive = join(folder, 'store-0', 'archive');
    const [first, second] = readdirSync(archive).sort();
    const held = readFileSync(join(archive, second!));
    rmSync(join(archive, second!));
    expect(await faultOf(() => openPersistence({ folder }))).toBe('JOURNAL_DAMAGED');
    writeFileSync(join(archive, second!), held);
    rmSync(join(archive, first!));
    expect(await faultOf(() => openPersistence({ folder }))).toBe('ARCHIVE_DAMAGED');
  });

  test('a journal that ends before its checkpoint is refused', async () => {
    await fillFolder(20);
    const shorter = join(place, 'shorter');
    cpSync(folder, shorter, { recursive: true });
    await run(['append', folder], 40);
    cpSync(join(shorter, 'store-0', 'journal'), join(folder, 'store-0', 'journal'), { recursive: true });
    rmSync(join(folder, 'store-0', 'archive'), { recursive: true });
    cpSync(join(shorter, 'store-0', 'archive'), join(folder, 'store-0', 'archive'), { recursive: true });
    expect(await faultOf(() => openPersistence({ folder }))).toBe('JOURNAL_DAMAGED');
  });

  test(
    'faults 12 and 13: bits changed and files cut anywhere are refused or harmless, and never change what is read',
    async () => {
      await fillFolder();
      const good = (await run(['read', folder])).content;
      expect(good).toMatch(/^[0-9a-f]{64}$/);
      const spoilt = join(place, 'spoilt');
      for (let round = 0; round < 12; round += 1) {
        cpSync(folder, spoilt, { recursive: true });
        const path = join(spoilt, 'store-0', round % 2 === 0 ? 'journal' : 'rows', 'data.mdb');
        const at = random.below(statSync(path).size);
        if (round % 4 < 2) truncateSync(path, at);
        else flipBit(path, at);
        const { content, fault, signal } = await run(['read', spoilt], 0, { stdio: ['ignore', 'pipe', 'ignore'] });
        const where = `seed=${seed} round=${round} byte ${at} of ${path}: ${content} ${fault} ${signal}`;
        if (content !== null) expect(content, where).toBe(good);
        // A page that LMDB itself trips over may end the process; a file cut short must be told before.
        else if (round % 4 < 2) expect(fault, where).not.toBeNull();
        rmSync(spoilt, { recursive: true });
      }
    },
    SLOW_MS,
  );

  test('an empty database is refused; a missing lock table of LMDB is made again', async () => {
    await fillFolder(3);
    rmSync(join(folder, 'store-0', 'journal', 'lock.mdb'));
    expect(await faultOf(() => openPersistence({ folder }))).toBe('none');
    truncateSync(join(folder, 'store-0', 'journal', 'data.mdb'), 0);
    expect(await faultOf(() => openPersistence({ folder }))).toBe('STORE_DAMAGED');
  });
});

describe('a failing disk', () => {
  const hasCompiler = ['/usr/bin/gcc', '/usr/bin/cc'].some((path) => existsSync(path));

  test.skipIf(!hasCompiler)(
    'fault 8: after a failed flush nothing is acknowledged, and what was is there',
    async () => {
      const shim = join(place, 'failing-sync.so');
      const source = join(import.meta.dirname, 'failing-sync.c');
      execFileSync('cc', ['-shared', '-fPIC', '-o', shim, source, '-ldl']);
      for (let round = 0; round < 5; round += 1) {
        const env = { ...process.env, LD_PRELOAD: shim, FAILS_AFTER: String(30 + random.below(60)) };
        const { acked, fault } = await run(['append', folder], 1_000, { env, stdio: ['ignore', 'pipe', 'ignore'] });
        expect(fault).toBe('JOURNAL_FAILED');
        expect(existsSync(join(folder, 'store-0', 'suspect'))).toBe(true);
        await checkWhole(acked);
        expect(existsSync(join(folder, 'store-0', 'suspect'))).toBe(false);
      }
    },
  );

  test('fault 8: after a failed flush no transaction is made: where a record before is lost or not gone, nothing is put and nothing removed', async () => {
    const { database } = openEnvironment(folder);
    const [first, second, third] = [1, 2, 3].map((byte) => Buffer.of(byte)) as [Buffer, Buffer, Buffer];
    await append(database, { key: first, value: first, before: null });
    const afterLost = { key: third, value: third, before: { there: second, gone: null } };
    await expect(append(database, afterLost)).rejects.toThrow('not what was before it');
    await expect(remove(database, { keys: [first], previous: second })).rejects.toThrow('handed over last');
    const afterKept = { key: second, value: second, before: { there: first, gone: first } };
    await expect(append(database, afterKept)).rejects.toThrow('not what was before it');
    expect([...database.getKeys()]).toEqual([first]);
    await append(database, { key: second, value: second, before: { there: first, gone: third } });
    await append(database, { key: third, value: third, before: { there: second, gone: null } });
    expect([...database.getKeys()]).toEqual([first, second, third]);
    await remove(database, { keys: [first, second], previous: third });
    expect([...database.getKeys()]).toEqual([third]);
    await database.close();
  });

  test('fault 8: what is put while records are being removed is put only once they are gone', async () => {
    const { database } = openEnvironment(folder);
    let archived = 0;
    const archive = {
      get last() {
        return archived;
      },
      write: async (first: number, records: Iterable<Buffer>) => first + [...records].length - 1,
      checkWritten: async (last: number) => {
        archived = last;
      },
    };
    const records = new RecordDatabase(database, archive as unknown as Archive, () => {});
    for (const sequence of [1, 2, 3]) await records.put(sequence, Buffer.of(sequence));
    // As if that transaction had been lost, while the next record is on its way.
    const behind: Promise<void>[] = [];
    database.remove = async () => {
      queueMicrotask(() => behind.push(records.put(4, Buffer.of(4))));
      return true;
    };
    await records.trim(1);
    expect(behind).toHaveLength(1);
    await expect(behind[0]).rejects.toThrow('not what was before it');
    expect([...database.getKeys()]).toHaveLength(3);
    await database.close();
  });

  test('records move to the archive in steps, with a rest after each, and are read as before', async () => {
    const turnCount = 2.5 * LIMITS.trimBatchCount;
    await fillFolder(turnCount);
    const { stores, close } = await openPersistence({ folder });
    const { journal } = stores[0]!;
    const archivedCount = Math.floor(turnCount / 2);
    const movingCount = turnCount - 1 - archivedCount;
    const log: (string | number)[] = [];
    await journal.trim(turnCount - 1, async (doneShare) => {
      log.push(doneShare * 2 * movingCount);
      expect([...journal.read(1)]).toHaveLength(turnCount);
      await turnsTaken();
      log.push('rested');
    });
    const steps = [movingCount, movingCount + LIMITS.trimBatchCount, 2 * movingCount];
    expect(log).toEqual(steps.flatMap((doneCount) => [expect.closeTo(doneCount), 'rested']));
    await close();
  });

  test('fault 8: after a failed flush the next start reads everything, and refuses what is damaged until it is sound', async () => {
    await fillFolder();
    const suspect = join(folder, 'store-0', 'suspect');
    const path = join(folder, 'store-0', 'journal', 'data.mdb');
    const good = readFileSync(path);
    flipBit(path, good.indexOf(hashesIn(55).subarray(0, 32)) + random.below(32));
    expect(await faultOf(() => openPersistence({ folder }))).toBe('none');
    writeFileSync(suspect, '');
    expect(await faultOf(() => openPersistence({ folder }))).toBe('JOURNAL_DAMAGED');
    expect(await faultOf(() => openPersistence({ folder }))).toBe('JOURNAL_DAMAGED');
    writeFileSync(path, good);
    expect(await faultOf(() => openPersistence({ folder }))).toBe('none');
    expect(existsSync(suspect)).toBe(false);
  });
});
