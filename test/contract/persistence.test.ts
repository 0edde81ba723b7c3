// Method: one suite over the folder on disk and its twin in memory: the same calls, closed and opened again, must find
// the same records, rows and keys. What a power cut leaves is tried on the twin; kills and damage in persistence-faults.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TurnRecord } from '../../engine/facts.ts';
import type { PageChange, RowChange, RowTable, Store } from '../../engine/ports.ts';
import { MemoryDisk, openMemoryPersistence, openPersistence, type Persistence } from '../../snapshots/index.ts';
import { Random, seed } from '../support/random.ts';
import { Samples } from '../support/samples.ts';

const NO_CHECKPOINT = { sequence: 0, partitions: new Array<number>(64).fill(0), ranked: { sequence: 0, copies: [] } };

interface Place {
  /** Opens the same place again; the one before must be closed. */
  open(shardCount?: number): Promise<Persistence>;
  clean(): void;
}

const places: readonly (readonly [string, () => Place])[] = [
  ['in a folder', folderPlace],
  ['in memory', memoryPlace],
];

function folderPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'clickday-'));
  return {
    open: (shardCount) => openPersistence({ folder, shardCount }),
    clean: () => rmSync(folder, { recursive: true }),
  };
}

function memoryPlace(): Place {
  const disk = new MemoryDisk();
  return { open: (shardCount) => openMemoryPersistence({ disk, shardCount }), clean() {} };
}

describe.each(places)('persistence %s', (_, makePlace) => {
  let place: Place;
  let persistence: Persistence;
  let store: Store;
  let samples: Samples;
  let random: Random;

  beforeEach(async () => {
    random = new Random(seed);
    samples = new Samples(random);
    place = makePlace();
    persistence = await place.open();
    store = persistence.stores[0]!;
  });

  afterEach(async () => {
    await persistence.close();
    place.clean();
  });

  async function reopen(): Promise<void> {
    await persistence.close();
    persistence = await place.open();
    store = persistence.stores[0]!;
  }

  /** Appends `count` turns, two under way at a time, as a shard does. */
  async function appendTurns(count: number): Promise<TurnRecord[]> {
    const turns: TurnRecord[] = [];
    const first = store.journal.lastSequence + 1;
    let before = Promise.resolve();
    for (let sequence = first; sequence < first + count; sequence += 1) {
      const turn = samples.shortTurn(store.journal.epoch, sequence);
      turns.push(turn);
      const appended = store.journal.append(turn);
      await before;
      before = appended;
    }
    await before;
    return turns;
  }

  describe('journal', () => {
    test('an empty journal has nothing to read', () => {
      expect(persistence.isNew).toBe(true);
      expect(store.journal.lastSequence).toBe(0);
      expect([...store.journal.read(1)]).toEqual([]);
    });

    test('turns are read back equal and in order, from any sequence, also after reopening', async () => {
      const turns = [samples.turn(1, 1), samples.turn(1, 2), samples.turn(1, 3)];
      for (const turn of turns) await store.journal.append(turn);
      expect([...store.journal.read(1)]).toEqual(turns);
      await reopen();
      expect(persistence.isNew).toBe(false);
      for (let from = 0; from <= 4; from += 1) {
        expect([...store.journal.read(from)], `from ${from}`).toEqual(turns.slice(Math.max(from - 1, 0)));
      }
    });

    test('appends resolve in order, and count once they are flushed', async () => {
      const told: number[] = [];
      const appends = [1, 2, 3].map(async (sequence) => {
        await store.journal.append(samples.shortTurn(1, sequence));
        expect(store.journal.lastSequence).toBeGreaterThanOrEqual(sequence);
        told.push(sequence);
      });
      expect(store.journal.lastSequence).toBe(0);
      await Promise.all(appends);
      expect(told).toEqual([1, 2, 3]);
    });

    test('a gap, a repetition and another epoch are broken invariants', async () => {
      await appendTurns(2);
      for (const turn of [samples.shortTurn(1, 2), samples.shortTurn(1, 4), samples.shortTurn(2, 3)]) {
        await expect(store.journal.append(turn)).rejects.toMatchObject({ code: 'BROKEN_INVARIANT' });
      }
      await appendTurns(1);
      expect([...store.journal.read(1)].length).toBe(3);
    });

    test('each opening has an epoch of its own, and sequences go on', async () => {
      for (let epoch = 1; epoch <= 4; epoch += 1) {
        expect(store.journal.epoch).toBe(epoch);
        await appendTurns(2);
        await reopen();
      }
      expect([...store.journal.read(1)].map((turn) => [turn.epoch, turn.sequence])).toEqual([
        [1, 1],
        [1, 2],
        [2, 3],
        [2, 4],
        [3, 5],
        [3, 6],
        [4, 7],
        [4, 8],
      ]);
    });

    test('records trimmed away are read as before, across archive and journal, also after reopening', async () => {
      const turns = await appendTurns(100);
      for (const upTo of [1, 2, 40, 40, 41, 99]) {
        await store.journal.trim(upTo);
        expect([...store.journal.read(1)], `trimmed to ${upTo}`).toEqual(turns);
      }
      await reopen();
      turns.push(...(await appendTurns(20)));
      await store.journal.trim(110);
      for (const from of [1, 2, 41, 99, 100, 110, 111, 120]) {
        expect([...store.journal.read(from)], `from ${from}`).toEqual(turns.slice(from - 1));
      }
    });

    test('whoever reads while records are trimmed away finds all of them, also before the disk was heard of', async () => {
      const turns = await appendTurns(60);
      const still = new Int32Array(new SharedArrayBuffer(4));
      let isTrimmed = false;
      const trimming = store.journal.trim(55).finally(() => {
        isTrimmed = true;
      });
      while (!isTrimmed) {
        await new Promise((resume) => setImmediate(resume));
        // Meanwhile the disk's own thread has removed what it was given, and nobody here knows.
        Atomics.wait(still, 0, 0, 20);
        expect([...store.journal.read(1)]).toEqual(turns);
      }
      await trimming;
    });

    test('a journal trimmed to its end can be appended to', async () => {
      const turns = await appendTurns(5);
      await store.journal.trim(5);
      await reopen();
      expect(store.journal.lastSequence).toBe(5);
      turns.push(...(await appendTurns(5)));
      expect([...store.journal.read(1)]).toEqual(turns);
    });

    test('a reader goes on while its records move to the archive', async () => {
      const turns = await appendTurns(60);
      const read: TurnRecord[] = [];
      for (const turn of store.journal.read(1)) {
        read.push(turn);
        if (read.length % 20 === 0) await store.journal.trim(Math.min(read.length + 15, 60));
      }
      expect(read).toEqual(turns);
    });
  });

  describe('rows', () => {
    function change<T extends RowTable>(
      table: T,
      partition: number,
      entity: string,
      sub: string,
      sequence = 1,
    ): RowChange {
      return { address: { table, partition, entity, sub }, sequence, value: samples.row(table) } as RowChange;
    }

    test('rows agree with a plain map through random writes, replacements, deletions and reopening', async () => {
      const model = new Map<string, RowChange>();
      const entities = ['', 'ab', 'abcd', 'ff'.repeat(32), 'not hex', 'però'];
      for (let round = 1; round <= 60; round += 1) {
        const changes = Array.from({ length: random.below(8) }, () => {
          const table = random.pick(['wallet', 'payment', 'command', 'card', 'record', 'partition', 'outbox'] as const);
          const made = change(table, random.pick([0, 1, 63]), random.pick(entities), String(random.below(4)), round);
          return random.below(4) === 0 ? ({ ...made, value: null } as RowChange) : made;
        });
        await store.rows.write(changes);
        for (const made of changes) {
          const { table, partition, entity, sub } = made.address;
          model.set(JSON.stringify([table, partition, entity, sub]), made);
        }
        if (round % 20 === 0) await reopen();
        for (const { address, sequence, value } of model.values()) {
          const row = store.rows.get(address.table, address.partition, address.entity, address.sub);
          expect(row, `seed=${seed} round=${round}`).toEqual(value === null ? undefined : { sequence, value });
        }
      }
    });

    test('a list holds the rows of one entity alone, ordered by sub, from a prefix on', async () => {
      const subs = ['', '1', '10', '2', '2-a', '2-b', 'é', '\uffff', '🎄'];
      const shuffled = random.shuffle(subs).map((sub) => change('payment', 5, 'abcd', sub));
      const others = [
        change('payment', 5, 'abcd00', '2'),
        change('payment', 5, 'ab', '2'),
        change('payment', 6, 'abcd', '2'),
      ];
      await store.rows.write([...others, ...shuffled, change('record', 5, 'abcd', '2')]);
      const listed = (prefix: string) => [...store.rows.list('payment', 5, 'abcd', prefix)].map(([sub]) => sub);
      expect(listed('')).toEqual(subs);
      expect(listed('2')).toEqual(['2', '2-a', '2-b', 'é', '\uffff', '🎄']);
      expect(listed('2-b')).toEqual(['2-b', 'é', '\uffff', '🎄']);
      expect([...store.rows.list('payment', 5, 'ff', '')]).toEqual([]);
    });

    test('a scan meets every row of its table and partition once, in key order, while rows change', async () => {
      const entities = Array.from({ length: 300 }, () => samples.hpan());
      await store.rows.write(entities.map((entity) => change('card', 7, entity, '')));
      await store.rows.write([
        change('card', 8, 'ab', ''),
        change('command', 7, 'ab', ''),
        change('payment', 7, 'ab', ''),
      ]);
      await store.rows.setCheckpoint(NO_CHECKPOINT);
      const met: string[] = [];
      for (const [address, row] of store.rows.scan('card', 7)) {
        met.push(address.entity);
        expect(row.value.hpan).toHaveLength(64);
        if (met.length % 50 === 0) await store.rows.write([change('wallet', 7, samples.citizen(), '')]);
      }
      expect(met).toEqual([...entities].sort());
    });

    test('heads are what the rows of a table and partition begin with, in key order, of those after whoever is named', async () => {
      const citizens = Array.from({ length: 200 }, () => samples.citizen()).sort();
      const rows = citizens.map((citizen) => {
        const address = { table: 'wallet', partition: 7, entity: citizen, sub: '' } as const;
        return { address, sequence: 1, value: { ...samples.row('wallet'), citizen } };
      });
      await store.rows.write([...rows, change('wallet', 8, 'ab', ''), change('card', 7, 'ab', '')]);
      const headsAfter = (after?: string) => [...store.rows.heads('wallet', 7, after)];
      const met = headsAfter();
      expect(met.map(({ citizen }) => citizen)).toEqual(citizens);
      for (const [index, head] of met.entries()) expect(rows[index]!.value).toMatchObject(head);
      expect(headsAfter('')).toEqual(met);
      expect(headsAfter(citizens[49])).toEqual(met.slice(50));
      expect(headsAfter(citizens.at(-1))).toEqual([]);
    });

    test('a page that is packed says what it will say when it is written, and nothing after it changes that', async () => {
      const pages = [...'abcde'].map((sub, index) => {
        const table = index % 2 === 0 ? 'payment' : 'record';
        const address = { table, partition: index, entity: '', sub } as const;
        return { address, sequence: index + 1, value: samples.row(table) } as PageChange;
      });
      const packed = store.rows.pack(pages);
      store.rows.pack(pages.toReversed());
      await store.rows.write(pages.map(({ address }, index) => ({ address, value: packed[index]! })));
      for (const [index, { address, sequence, value }] of pages.entries()) {
        expect(packed[index]!.lines()).toEqual(value);
        expect(packed[index]!.lineCount).toBe(value.length);
        for (const [at, line] of value.entries()) expect(packed[index]!.line(at)).toEqual(line);
        expect(packed[index]!.line(value.length)).toBeUndefined();
        expect(store.rows.get(address.table, index, '', address.sub)).toEqual({ sequence, value });
      }
    });

    test('reading ahead ends, also where there is nothing, and changes nothing', async () => {
      const there = Array.from({ length: 40 }, () => change('card', 3, samples.hpan(), ''));
      await store.rows.write(there);
      const addresses = there.map(({ address }) => address);
      const absent = { table: 'wallet', partition: 9, entity: 'ee', sub: '' } as const;
      await store.rows.prefetch([]);
      await store.rows.prefetch([absent]);
      await Promise.all([store.rows.prefetch([...addresses, absent]), store.rows.prefetch(addresses)]);
      for (const { address, sequence, value } of there) {
        expect(store.rows.get('card', 3, address.entity, '')).toEqual({ sequence, value });
      }
      expect(store.rows.get('wallet', 9, 'ee', '')).toBeUndefined();
    });

    test('what a read returns is not touched by later reads and writes', async () => {
      const sealedTaxCode = new Uint8Array(60).fill(3);
      const value = { ...samples.row('wallet'), sealedTaxCode };
      await store.rows.write([
        { address: { table: 'wallet', partition: 0, entity: 'aa', sub: '' }, sequence: 1, value },
      ]);
      const held = store.rows.get('wallet', 0, 'aa', '');
      for (let round = 0; round < 50; round += 1) {
        await store.rows.write([change('wallet', 0, 'bb', '')]);
        store.rows.get('wallet', 0, 'bb', '');
      }
      expect(held?.value).toEqual(value);
    });

    test('the longest key and a large row fit; a longer key is refused', async () => {
      const longest = 'x'.repeat(1_000);
      const json = 'p'.repeat(3_000_000);
      const value = { ...samples.row('partition'), programme: { json, hash: 'h' } };
      const address = { table: 'partition', partition: 0, entity: 'ab'.repeat(127), sub: longest } as const;
      await store.rows.write([{ address, sequence: 1, value }]);
      expect(store.rows.get('partition', 0, address.entity, longest)?.value.programme?.json).toBe(json);
      const tooLong = { ...address, sub: `${longest}x` };
      expect(() => store.rows.get('partition', 0, tooLong.entity, tooLong.sub)).toThrow('too long');
    });

    test('the checkpoint mark is kept, and is zero before the first', async () => {
      expect(store.rows.checkpoint()).toEqual(NO_CHECKPOINT);
      await appendTurns(3);
      const partitions = Array.from({ length: 64 }, (_, index) => index);
      const ranked = { sequence: 2, copies: [{ awardPeriodId: 7, vector: partitions }] };
      const mark = { sequence: 3, partitions, ranked };
      await store.rows.setCheckpoint(mark);
      await reopen();
      expect(store.rows.checkpoint()).toEqual(mark);
    });
  });

  describe('vault', () => {
    test('what was sealed opens again under its own slot alone, also after reopening', async () => {
      const texts = ['RSSMRA80A01H501U', '', 'IT60X0542811101000000123456', 'però 🎄'];
      const sealed = texts.map((text) => {
        const slot = store.vault.newSlot();
        return [slot, text, store.vault.seal(slot, text)] as const;
      });
      expect(sealed.map(([slot]) => slot)).toEqual([0, 1, 2, 3]);
      await store.vault.flush();
      await reopen();
      for (const [slot, text, bytes] of sealed) {
        expect(store.vault.open(slot, bytes)).toBe(text);
        expect(Buffer.from(bytes).includes(text || '\0never')).toBe(false);
        expect(() => store.vault.open((slot + 1) % 4, bytes)).toThrow(expect.objectContaining({ code: 'SEAL_BROKEN' }));
      }
      expect(store.vault.newSlot()).toBe(4);
    });

    test('any changed bit of a seal is noticed', () => {
      const slot = store.vault.newSlot();
      const sealed = store.vault.seal(slot, 'RSSMRA80A01H501U');
      for (let at = 1; at < sealed.length; at += 1) {
        const changed = Uint8Array.from(sealed);
        changed[at]! ^= 1 << random.below(8);
        expect(() => store.vault.open(slot, changed), `byte ${at}`).toThrow('personal data');
      }
    });

    test('an erased key opens nothing, at once and after reopening', async () => {
      const [first, second] = [store.vault.newSlot(), store.vault.newSlot()];
      const sealed = [first, second].map((slot) => store.vault.seal(slot, 'text'));
      await persistence.eraseKey(0, first);
      for (let round = 0; round < 2; round += 1) {
        expect(() => store.vault.open(first, sealed[0]!)).toThrow(expect.objectContaining({ code: 'SEAL_BROKEN' }));
        expect(store.vault.open(second, sealed[1]!)).toBe('text');
        await reopen();
      }
    });

    test('a digest is 32 hex digits, the same in every store and after reopening, and no two texts share one', async () => {
      const texts = Array.from({ length: 500 }, (_, index) => `RSSMRA${index}`).concat('', 'però', 'x'.repeat(1_000));
      const digests = texts.map((text) => store.vault.digest(text));
      expect(new Set(digests).size).toBe(texts.length);
      for (const digest of digests) expect(digest).toMatch(/^[0-9a-f]{32}$/);
      await reopen();
      expect(texts.map((text) => store.vault.digest(text))).toEqual(digests);
    });

    test('slots reserved while a flush is under way are covered by the next flush', async () => {
      const sealed: (readonly [number, Uint8Array])[] = [];
      const flushes: Promise<void>[] = [];
      for (let round = 0; round < 50; round += 1) {
        const slot = store.vault.newSlot();
        sealed.push([slot, store.vault.seal(slot, `text ${slot}`)]);
        flushes.push(store.vault.flush());
        if (round % 7 === 0) await flushes[random.below(flushes.length)];
      }
      await Promise.all(flushes);
      await reopen();
      for (const [slot, bytes] of sealed) expect(store.vault.open(slot, bytes)).toBe(`text ${slot}`);
    });
  });

  describe('folder', () => {
    test('a saved ranking comes back, taken piece by piece; one never saved is null', async () => {
      const taken: number[] = [];
      function* rows() {
        for (const length of [1_000, 0, 3_000_000]) {
          taken.push(length);
          yield new Uint8Array(length).fill(taken.length);
        }
      }
      const copy = { rows: rows(), headerBytes: 5, header: () => new Uint8Array(5).fill(9) };
      const saved = persistence.saveRanking(2, copy, [5, 2 ** 40]);
      expect(taken).not.toContain(3_000_000);
      await saved;
      await reopen();
      const loaded = persistence.loadRanking(2);
      expect(loaded?.vector).toEqual([5, 2 ** 40]);
      const bytes = Buffer.concat([...(loaded?.chunks ?? [])]);
      const parts = [Buffer.alloc(5, 9), Buffer.alloc(1_000, 1), Buffer.alloc(3_000_000, 3)];
      expect(bytes.equals(Buffer.concat(parts))).toBe(true);
      expect(persistence.loadRanking(3)).toBeNull();
    });

    test('the number of shards is that of the first opening', async () => {
      await persistence.close();
      const other = makePlace();
      const first = await other.open(3);
      expect([first.shardCount, first.stores.length]).toEqual([3, 3]);
      const digests = first.stores.map((each) => each.vault.digest('x'));
      expect(new Set(digests).size).toBe(1);
      await first.close();
      await expect(other.open(2)).rejects.toMatchObject({
        code: 'SHARDS_MISMATCH',
        message: expect.stringMatching(/3.*2/),
      });
      const second = await other.open();
      expect(second.shardCount).toBe(3);
      await second.close();
      other.clean();
    });

    test('after close every change is refused', async () => {
      await appendTurns(1);
      await persistence.close();
      const closed = { code: 'STORE_CLOSED' };
      await expect(store.journal.append(samples.shortTurn(1, 2))).rejects.toMatchObject(closed);
      await expect(store.rows.write([change0()])).rejects.toMatchObject(closed);
      persistence = await place.open();
      expect([...persistence.stores[0]!.journal.read(1)]).toHaveLength(1);
    });

    function change0(): RowChange {
      return {
        address: { table: 'wallet', partition: 0, entity: 'aa', sub: '' },
        sequence: 1,
        value: samples.row('wallet'),
      };
    }
  });
});

describe('the disk in memory', () => {
  test('a power cut loses exactly what was not flushed', async () => {
    const disk = new MemoryDisk();
    const samples = new Samples(new Random(seed));
    const before = await openMemoryPersistence({ disk });
    const { journal } = before.stores[0]!;
    await journal.append(samples.shortTurn(1, 1));
    disk.hold();
    const told: number[] = [];
    for (const sequence of [2, 3, 4])
      void journal.append(samples.shortTurn(1, sequence)).then(() => told.push(sequence));
    disk.release(2);
    await Promise.resolve();
    disk.crash();

    const after = await openMemoryPersistence({ disk });
    expect([...after.stores[0]!.journal.read(1)].map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
    expect(told.every((sequence) => sequence <= 3)).toBe(true);
  });

  test('a failed flush is final: nothing is tried again until the disk is opened anew (fault 8)', async () => {
    const disk = new MemoryDisk();
    const samples = new Samples(new Random(seed));
    const { stores } = await openMemoryPersistence({ disk });
    const { journal, rows, vault } = stores[0]!;
    disk.fail();
    const failed = { code: 'JOURNAL_FAILED' };
    const [first, second] = [journal.append(samples.shortTurn(1, 1)), journal.append(samples.shortTurn(1, 2))];
    await expect(first).rejects.toMatchObject(failed);
    await expect(second).rejects.toMatchObject(failed);
    disk.recover();
    await expect(journal.append(samples.shortTurn(1, 3))).rejects.toMatchObject(failed);
    await expect(rows.setCheckpoint(NO_CHECKPOINT)).rejects.toMatchObject(failed);
    await expect(journal.trim(0)).rejects.toMatchObject(failed);
    expect(() => vault.newSlot()).toThrow(expect.objectContaining(failed));
    disk.crash();
    expect((await openMemoryPersistence({ disk })).stores[0]!.journal.lastSequence).toBe(0);
  });

  test('a record replaced by another good one, swapped or taken out breaks the chain', async () => {
    const samples = new Samples(new Random(seed));
    const spoil: readonly ((records: Buffer[], other: Buffer[]) => void)[] = [
      (records, other) => records.splice(2, 1, other[2]!),
      (records, other) => records.splice(0, 1, other[0]!),
      (records) => records.splice(1, 2, records[2]!, records[1]!),
      (records) => records.splice(2, 1),
    ];
    for (const spoilRecords of spoil) {
      const [disk, other] = [new MemoryDisk(), new MemoryDisk()];
      for (const each of [disk, other]) {
        const { journal } = (await openMemoryPersistence({ disk: each })).stores[0]!;
        for (let sequence = 1; sequence <= 4; sequence += 1) await journal.append(samples.shortTurn(1, sequence));
      }
      spoilRecords(disk.folder!.stores[0]!.records, other.folder!.stores[0]!.records);
      const readAll = async () => [...(await openMemoryPersistence({ disk })).stores[0]!.journal.read(1)];
      await expect(readAll()).rejects.toMatchObject({ code: 'JOURNAL_DAMAGED' });
    }
  });

  test('rows that the medium hides are missed by a scrub', async () => {
    const disk = new MemoryDisk();
    const persistence = await openMemoryPersistence({ disk });
    await persistence.stores[0]!.rows.setCheckpoint(NO_CHECKPOINT);
    expect(() => persistence.scrub()).not.toThrow();
    disk.folder!.stores[0]!.rows.set('\u003f\u0063', Buffer.of(1));
    expect(() => persistence.scrub()).toThrow(expect.objectContaining({ code: 'ROW_DAMAGED' }));
  });
});
