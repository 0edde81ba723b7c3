// Method: seeded files full of nonsense go into a real engine on one store and on three; a model that knows what each line
// is says what must become of it. In the middle of some files the machine dies and they are sent again. What is accounted
// for must add up, line by line, and accepted is what the journal says the engine has taken; the inspector counts it anew.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FileFigure, ReceivedFile, Refused, RowFate } from '../../engine/contract.ts';
import { type Fact, isoText, isReversal, makeTaxCode, ROW_FATES, romeDayNumber } from '../../engine/index.ts';
import { LIMITS } from '../../engine/limits.ts';
import {
  createFileIngester,
  type FileIngester,
  type FileIngestOptions,
  type FileReport,
} from '../../server/files/index.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { factsOf } from '../support/journal.ts';
import { Random, seed } from '../support/random.ts';
import { type HeldWorld, openOnDisk } from '../support/shards.ts';
import { hpan, value, World } from '../support/world.ts';
import { bodyOf, FILE_NAME, row, SENDER } from './files.ts';

const CITIZENS = 100;
const NOW = '2021-02-11T12:00:00+01:00';
const DAY = romeDayNumber(Date.parse(NOW));
const NONSENSE = ['', 'x', ';;;', 'però;🎄', 'a'.repeat(5_000), '\u0000;\u0001', `${SENDER};00;01`, ';'.repeat(40)];

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clickday-reconciliation-'));
});
afterEach(() => rm(folder, { recursive: true }));

interface Line {
  readonly text: string;
  /** What becomes of it where nothing was taken before. */
  readonly fate: Exclude<RowFate, 'repeated'>;
  /** Of a record that can be stored: its key. */
  readonly key: string | null;
  readonly cents: number;
}

class Author {
  readonly #random: Random;
  #ids = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  file(count: number): readonly Line[] {
    const lines: Line[] = [];
    while (lines.length < count) {
      const line = lines.length > 0 && this.#random.below(8) === 0 ? this.#random.pick(lines) : this.#line();
      // An empty one is no row.
      if (line.text !== '') lines.push(line);
    }
    return lines;
  }

  #line(): Line {
    const random = this.#random;
    this.#ids += 1;
    const [id, cents] = [`ARN${this.#ids}`, 1 + random.below(20_000)];
    const fields = { id, hpan: hpan(random.below(CITIZENS)), amount: String(cents) };
    const refused = (text: string, amount = 0): Line => ({ text, fate: 'rejected', key: null, cents: amount });
    switch (random.below(14)) {
      case 0:
        return refused(random.pick(NONSENSE));
      case 1:
        return refused(row({ ...fields, amount: random.pick(['0', '-5', '1.00', 'x']) }));
      case 2:
        return refused(row({ ...fields, mcc: '6011' }));
      case 3:
        return refused(row({ ...fields, date: '2021-03-01T10:00:00.000+01:00' }));
      case 6:
        // Its period has closed, which its wallet finds.
        return refused(row({ ...fields, date: '2020-12-20T10:00:00.000+01:00' }), cents);
      case 4:
        return { text: row({ ...fields, hpan: 'f'.repeat(64) }), fate: 'dropped', key: null, cents };
      case 5:
        return { text: row({ ...fields, operation: '01' }), fate: 'accepted', key: `${id} 01`, cents };
      default:
        return { text: row(fields), fate: 'accepted', key: id, cents };
    }
  }
}

/** What must be said of a file whose records in `taken` were stored before; it adds its own. */
function expected(lines: readonly Line[], taken: Set<string>, isRepetition = false) {
  const sums = zero();
  for (const { fate, key, cents } of lines) {
    const isTaken = key !== null && taken.has(key);
    const said = isTaken || (isRepetition && key === null) ? 'repeated' : fate;
    sums[said].rows += 1;
    sums[said].cents += cents;
    if (key !== null) taken.add(key);
  }
  return sums;
}

function zero() {
  const sum = () => ({ rows: 0, cents: 0 });
  return { accepted: sum(), dropped: sum(), rejected: sum(), repeated: sum() } satisfies Record<RowFate, object>;
}

function sumsOf(figures: readonly FileFigure[]) {
  const sums = zero();
  for (const { fate, rowCount, amountCents } of figures) {
    sums[fate].rows += rowCount;
    sums[fate].cents += amountCents;
  }
  return sums;
}

async function openWorld(shardCount: number): Promise<HeldWorld> {
  const held = await openOnDisk({ shardCount, now: '2020-12-07T10:00:00+01:00', checkpointRowCount: 200 });
  for (let number = 0; number < CITIZENS; number += 1) {
    const citizen = held.world.citizen(makeTaxCode(number));
    await citizen.enrol();
    await citizen.enable(hpan(number));
  }
  held.world.at(NOW);
  return held;
}

/** @param isDying asked before a row is handed over, with how many there were: from then on the engine says nothing any more */
function ingesterOver({ engine, nowMs }: World, isDying: (count: number) => boolean = () => false): FileIngester {
  let count = 0;
  const unanswered = new Set<(answer: Refused) => void>();
  const door: FileIngestOptions['engine'] = {
    ...engine,
    openIntake: (receivedMs) => engine.openIntake(receivedMs),
    record(command, done) {
      if (isDying(count)) {
        for (const waiting of [...unanswered, done]) waiting({ ok: false, code: 'DRAINING' });
        unanswered.clear();
        return;
      }
      count += 1;
      unanswered.add(done);
      engine.record(command, (answer) => {
        if (unanswered.delete(done)) done(answer);
      });
    },
  };
  const pause = () => new Promise<void>((resume) => setImmediate(resume));
  return createFileIngester({
    ...{ engine: door, clock: { nowMs: () => nowMs }, spoolFolder: folder, pause, refusal: () => null },
  });
}

async function send(ingester: FileIngester, lines: readonly Line[]): Promise<FileReport> {
  const content = lines.map(({ text }) => text).join('\n');
  const report = await ingester.ingest({ name: FILE_NAME, sender: SENDER, body: bodyOf(content) });
  if (!report.ok) throw new Error(report.code);
  return report;
}

async function filesOf({ engine }: World): Promise<readonly ReceivedFile[]> {
  return value(await engine.receivedFiles({ dayNumber: DAY, sender: SENDER })).files;
}

const last = async (world: World) => (await filesOf(world)).at(-1)!;

/** What the journal says was stored, whatever any account says. */
function storedIn(world: World) {
  const stored = new Map<string, number>();
  for (const { entry, hpan: card } of factsOf(world, 'recordSet')) {
    if (isReversal(entry.record) || entry.state === 'counted') {
      stored.set(`${card} ${entry.place}`, entry.record.amountCents);
    }
  }
  return { rows: stored.size, cents: [...stored.values()].reduce((sum, cents) => sum + cents, 0) };
}

async function expectExact({ world, disk }: HeldWorld): Promise<void> {
  const accepted = (await filesOf(world)).map(({ figures }) => sumsOf(figures).accepted);
  const sum = (field: 'rows' | 'cents') => accepted.reduce((total, one) => total + one[field], 0);
  expect({ rows: sum('rows'), cents: sum('cents') }, `seed=${seed}`).toEqual(storedIn(world));
  await world.engine.close();
  await world.persistence.close();
  const inspection = await verifyPersistence(await openMemoryPersistence({ disk }));
  expect(inspection.differences).toEqual([]);
}

describe.each([1, 3])('on %i stores', (shardCount) => {
  test('each row of each file has one fate, also of files that come again', async () => {
    const held = await openWorld(shardCount);
    const [random, taken] = [new Random(seed), new Set<string>()];
    const author = new Author(random);
    const ingester = ingesterOver(held.world);
    const files = Array.from({ length: 6 }, () => author.file(50 + random.below(250)));
    for (const lines of files) {
      const { summary } = await send(ingester, lines);
      const { figures, isDone } = await last(held.world);
      expect(isDone).toBe(true);
      expect(sumsOf(figures), `seed=${seed}`).toEqual(expected(lines, taken));
      expect(ROW_FATES.reduce((sum, fate) => sum + sumsOf(figures)[fate].rows, 0)).toBe(summary.rows);
      expect(summary.rows).toBe(lines.length);
    }
    const again = files[random.below(files.length)]!;
    await send(ingester, again);
    expect(sumsOf((await last(held.world)).figures)).toEqual(expected(again, taken, true));
    // Other lines around the same ones are another file.
    const other = [...again.slice(1), ...author.file(20)];
    await send(ingester, other);
    expect(sumsOf((await last(held.world)).figures)).toEqual(expected(other, taken));
    await expectExact(held);
  });

  test('a file that a death cuts short, and that is sent again, is counted once: what was accepted by then is known', async () => {
    let held = await openWorld(shardCount);
    const [random, taken] = [new Random(seed + 1), new Set<string>()];
    const author = new Author(random);
    for (let round = 0; round < 2; round += 1) {
      const lines = author.file(1_300 + random.below(100));
      const dieAt = LIMITS.fileRowsInFlightMax + random.below(150);
      const { disk, world } = held;
      const dying = ingesterOver(world, (count) => {
        if (count === dieAt) disk.crash();
        return count >= dieAt;
      });
      await expect(send(dying, lines)).rejects.toThrow('DRAINING');
      const persistence = await openMemoryPersistence({ disk });
      held = { disk, world: await World.open({ persistence, now: NOW, checkpointRowCount: 200 }) };

      const cut = await last(held.world);
      expect(cut.isDone).toBe(false);
      const { accepted } = sumsOf(cut.figures);
      expect(accepted.rows).toBeGreaterThan(0);
      await send(ingesterOver(held.world), lines);
      const whole = expected(lines, taken);
      const sums = sumsOf((await last(held.world)).figures);
      expect(sums, `seed=${seed} round=${round}`).toEqual({
        ...whole,
        accepted: minus(whole.accepted, accepted),
        repeated: minus(whole.repeated, { rows: -accepted.rows, cents: -accepted.cents }),
      });
    }
    await expectExact(held);
  });
});

function minus(left: { rows: number; cents: number }, right: { rows: number; cents: number }) {
  return { rows: left.rows - right.rows, cents: left.cents - right.cents };
}

test('a folder that keeps an older format has no words for files: rows count, and nothing is accounted for', async () => {
  const persistence = await openMemoryPersistence({ format: 2 });
  const world = await World.open({ persistence, now: '2020-12-07T10:00:00+01:00' });
  const citizen = world.citizen(makeTaxCode(0));
  await citizen.enrol();
  await citizen.enable(hpan(0));
  world.at(NOW);
  const good = { text: row({ id: 'A', hpan: hpan(0) }), fate: 'accepted', key: 'A', cents: 4_500 } as const;
  expect((await send(ingesterOver(world), [good])).summary).toMatchObject({ rows: 1, counted: 1 });
  expect(await filesOf(world)).toEqual([]);
  await world.engine.close();
  expect(world.faults).toEqual([]);
});

describe('the inspector finds', () => {
  let disk: MemoryDisk;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'clickday-reconciliation-'));
    const held = await openWorld(1);
    const lines = new Author(new Random(7)).file(60);
    for (let times = 0; times < 2; times += 1) await send(ingesterOver(held.world), lines);
    await held.world.engine.close();
    await held.world.persistence.close();
    ({ disk } = held);
    await rm(folder, { recursive: true });
  });

  async function judged(doctor: (fact: Fact) => readonly Fact[]): Promise<string> {
    const persistence = await openMemoryPersistence({ disk });
    const stores = persistence.stores.map(({ journal, rows, vault }) => ({
      ...{ rows, vault },
      journal: {
        ...{ lastSequence: journal.lastSequence, epoch: journal.epoch },
        append: journal.append.bind(journal),
        trim: journal.trim.bind(journal),
        *read(sequence: number) {
          for (const turn of journal.read(sequence)) {
            const sections = turn.sections.map((section) => ({ ...section, facts: section.facts.flatMap(doctor) }));
            yield { ...turn, sections };
          }
        },
      },
    }));
    const { differences } = await verifyPersistence({ ...persistence, stores });
    await persistence.close();
    return differences.join('\n');
  }

  const told = (change: (file: ReceivedFile) => ReceivedFile) => (fact: Fact) =>
    fact.kind === 'receivedFileSet' ? [{ ...fact, file: change(fact.file) }] : [fact];

  test.each([
    ['', (fact: Fact) => [fact]],
    ['accepted of file 1', (fact: Fact) => (fact.kind === 'fileTallySet' ? [] : [fact])],
    ['does not grow', (fact: Fact) => (fact.kind === 'fileTallySet' ? [fact, fact] : [fact])],
    [
      'accepted of file 1',
      (fact: Fact) =>
        fact.kind === 'fileTallySet'
          ? [{ ...fact, tally: { ...fact.tally, rowCount: fact.tally.rowCount + 1 } }]
          : [fact],
    ],
    ['not of file 1, which it names', told((file) => ({ ...file, receivedMs: file.receivedMs + 1 }))],
    ['not of file 1, which it names', told((file) => ({ ...file, sender: '12345' }))],
    ['number', told((file) => ({ ...file, fileNumber: file.fileNumber + 1 }))],
    [
      'done, and not open before',
      (fact: Fact) => (fact.kind === 'receivedFileSet' && fact.file.isDone ? [fact, fact] : [fact]),
    ],
    ['arrival', told((file) => (file.isDone ? { ...file, name: 'x' } : file))],
    [
      'file 1: accepted',
      told((file) => ({ ...file, figures: file.figures.filter(({ fate }) => fate !== 'accepted') })),
    ],
    [
      'accounts once more',
      told((file) => ({ ...file, figures: file.figures.map((one) => ({ ...one, fate: 'rejected' as const })) })),
    ],
    ['file 1: cents of tokens', told((file) => ({ ...file, name: 'TKM.36081.TKNLST' }))],
    ['no fact made this row', (fact: Fact) => (fact.kind === 'receivedFileSet' ? [] : [fact])],
  ] as const)('%s', async (sentence, doctor) => {
    const differences = await judged(doctor);
    if (sentence === '') expect(differences).toBe('');
    else expect(differences).toContain(sentence);
  });
});

test('the day is that of arrival in Rome, and a page ends where it must', async () => {
  const held = await openWorld(1);
  const { engine } = held.world;
  const lateMs = Date.parse('2021-02-11T23:30:00Z');
  for (let number = 0; number < 130; number += 1) {
    const opened = value(
      await engine.openFile({ sender: '00001', name: `f${number}`, digest: String(number), receivedMs: lateMs }),
    );
    expect(opened.fileNumber).toBe(number + 1);
  }
  expect(value(await engine.receivedFiles({ dayNumber: DAY })).files).toEqual([]);
  const first = value(await engine.receivedFiles({ dayNumber: DAY + 1 }));
  const second = value(await engine.receivedFiles({ dayNumber: DAY + 1, cursor: first.nextCursor! }));
  expect([first.files.length, second.files.length, second.nextCursor]).toEqual([100, 30, null]);
  expect(new Set([...first.files, ...second.files].map(({ name }) => name)).size).toBe(130);
  expect(isoText(first.files[0]!.receivedMs)).toBe(isoText(lateMs));
  await expectExact(held);
});
