/**
 * The thread that makes the rows: tells each group's chronicle, folds its facts with the engine's own fold and spills the
 * rows; at the end it sorts and appends them, and saves the rankings.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type {
  ActorTable,
  Fact,
  Line,
  PageTable,
  PartitionRow,
  Programme,
  RowChange,
  RowTypes,
  Section,
  TransactionRecord,
} from '../../engine/index.ts';
import { PARTITION_COUNT, visiblePeriods } from '../../engine/index.ts';
import { indexIn, pageOf, sequenceOf } from '../../engine/place.ts';
import { type FoldTarget, foldFact, foldSectionEnd } from '../../engine/shard/fold.ts';
import type { Wallet } from '../../engine/wallet/wallet.ts';
import { BulkRows } from '../../snapshots/bulk/bulk-rows.ts';
import { ByteWriter, KeyedHash } from '../../snapshots/index.ts';
import { saveRanking } from '../../snapshots/lmdb/layout.ts';
import { Chronicle, type Listener } from './chronicle.ts';
import { Cursors } from './cursors.ts';
import { Law } from './law.ts';
import { KeyedDigests, Noted, type NotesPlace, readNotes } from './notes.ts';
import { Standings } from './standings.ts';
import { type Round, Timeline } from './timeline.ts';

export interface RowsTask {
  readonly seed: number;
  readonly citizenCount: number;
  readonly everyIban: boolean;
  readonly programme: Programme;
  readonly programmeFact: Fact;
  readonly folder: string;
  readonly indexKey: Uint8Array;
  /** Of each store. */
  readonly rowsPaths: readonly string[];
}

/** A group is enrolled; these are its notes. After the last one the rows are finished. */
export interface EnrolledGroup {
  readonly group: number;
  readonly notes: NotesPlace;
}

export type RowsNews =
  /** Groups come in their order; these are the notes of its payments. */
  | { readonly kind: 'group'; readonly notes: Uint8Array }
  | { readonly kind: 'placed'; readonly rows: number }
  | { readonly kind: 'finished'; readonly rows: number };

type Value = RowTypes[ActorTable];

interface Row {
  readonly table: ActorTable;
  readonly partition: number;
  readonly entity: string;
  value: Value | null;
  sequence: number;
}

interface Page {
  readonly table: PageTable;
  readonly partition: number;
  readonly sub: string;
  readonly lines: Line<PageTable>[];
  sequence: number;
}

class RowsMaker implements Listener {
  readonly #task: RowsTask;
  readonly #timeline: Timeline;
  readonly #law: Law;
  readonly #notes = new ByteWriter();
  readonly #digests: KeyedDigests;
  readonly #stores: readonly BulkRows[];
  readonly #standings: Standings;
  readonly #sent = new Cursors();
  readonly #taken = new Cursors();
  readonly #partitions: (PartitionRow | undefined)[] = new Array(PARTITION_COUNT);
  // Of the group that is told. Not cleared but made anew: once an old table is with the long-lived things, the collector
  // keeps what came after it for as long.
  #actors = new Map<string, Row>();
  #pages = new Map<number, Page>();
  #facts: Fact[][] = [];
  #round: Round = { sequence: 0, nowMs: 0 };

  constructor(task: RowsTask) {
    this.#task = task;
    this.#timeline = new Timeline(task.citizenCount, task.rowsPaths.length);
    this.#law = new Law(task.programme);
    this.#digests = new KeyedDigests(new KeyedHash(task.indexKey), this.#notes);
    this.#stores = task.rowsPaths.map((path) => new BulkRows(path));
    const periods = visiblePeriods(task.programme).map(({ awardPeriodId }) => awardPeriodId);
    this.#standings = new Standings(task.citizenCount, periods);
  }

  /** @returns notes for whoever tells of the group's payments again */
  tell({ group, notes }: EnrolledGroup): Buffer {
    this.#beginGroup();
    const noted = new Noted(readNotes(notes));
    const { seed, rowsPaths, everyIban } = this.#task;
    const digests = {
      citizen: () => this.#digests.note(noted.citizen()),
      body: () => noted.body(),
      record: (record: TransactionRecord) => this.#digests.record(record),
    };
    const options = { seed, storeCount: rowsPaths.length, law: this.#law, digests, everyIban };
    const chronicle = new Chronicle(options, this.#timeline.citizensOf(group), this);
    const rounds = this.#timeline.enrolment(group);
    chronicle.enrol(rounds, noted);
    noted.finish();
    chronicle.pay(this.#timeline.payments(group), rounds[0]!.nowMs);
    this.#endGroup(group);
    return this.#notes.copy();
  }

  async finish(onRows: (count: number) => void): Promise<void> {
    const { lastSequence } = this.#timeline;
    const vector = new Array<number>(PARTITION_COUNT).fill(lastSequence);
    const periods = visiblePeriods(this.#task.programme);
    for (const partition of this.#partitions.keys()) {
      this.#foldSection(partition, { within: this.#sent.moved(partition), received: this.#taken.moved(partition) });
    }
    for (const [partition, value] of this.#partitions.entries()) {
      const address = { table: 'partition', partition, entity: '', sub: '' } as const;
      this.#storeOf(partition).add({ address, sequence: lastSequence, value: value! });
    }
    for (const [index, store] of this.#stores.entries()) {
      const isServed = (partition: number) => partition % this.#stores.length === index;
      const partitions = vector.map((sequence, partition) => (isServed(partition) ? sequence : 0));
      const copies = periods.map(({ awardPeriodId }) => ({ awardPeriodId, vector }));
      const ranked = { sequence: lastSequence, copies };
      await store.finish({ sequence: lastSequence, partitions, ranked }, onRows);
    }
    for (const { awardPeriodId } of periods) {
      const copy = this.#standings.ranking(awardPeriodId).copy();
      await saveRanking(this.#task.folder, { awardPeriodId, copy, vector });
    }
  }

  get rowCount(): number {
    return this.#stores.reduce((sum, { count }) => sum + count, 0);
  }

  begin(round: Round): void {
    this.#round = round;
    if (round.sequence === 1) this.fact(0, this.#task.programmeFact);
  }

  fact(partition: number, fact: Fact): void {
    this.#facts[partition]!.push(fact);
    foldFact(this.#target, partition, fact);
  }

  sent(from: number, to: number): void {
    this.#sent.next(from, to);
  }

  sentWithin(from: number, to: number): void {
    this.#sent.next(from, to);
  }

  taken(from: number, to: number): void {
    this.#taken.next(to, from);
  }

  end(): void {}

  readonly #target: FoldTarget = this.#makeTarget();

  #makeTarget(): FoldTarget {
    const maker = this;
    return {
      get sequence() {
        return maker.#round.sequence;
      },
      change: (table, partition, entity, update) => {
        type Update = (value: Value | undefined) => Value | null;
        this.#change(table, partition, entity, update as unknown as Update);
      },
      put: (table) => {
        throw new TypeError(`no seeded citizen has rows of this table: ${table}`);
      },
      setLine: (table, partition, line) => this.#setLine(table, partition, line),
      waiting: () => [],
    };
  }

  #change(
    table: ActorTable,
    partition: number,
    entity: string,
    update: (value: Value | undefined) => Value | null,
  ): void {
    if (table === 'partition') {
      this.#partitions[partition] = update(this.#partitions[partition]) as PartitionRow;
      return;
    }
    const row = this.#actors.get(entity) ?? { table, partition, entity, value: null, sequence: 0 };
    if (row.sequence === 0) this.#actors.set(entity, row);
    row.value = update(row.value ?? undefined);
    row.sequence = this.#round.sequence;
  }

  #setLine(table: PageTable, partition: number, line: Line<PageTable>): void {
    const name = numberOfPage(table, partition, line.place);
    let page = this.#pages.get(name);
    if (page === undefined) {
      page = { table, partition, sub: pageOf(line.place), lines: [], sequence: 0 };
      this.#pages.set(name, page);
    }
    page.lines[indexIn(line.place)] = line;
    page.sequence = this.#round.sequence;
  }

  #beginGroup(): void {
    this.#actors = new Map();
    this.#pages = new Map();
    this.#facts = Array.from({ length: PARTITION_COUNT }, () => []);
    this.#notes.reset();
  }

  #endGroup(group: number): void {
    for (const [partition, facts] of this.#facts.entries()) this.#foldSection(partition, { facts });
    let [number] = this.#timeline.citizensOf(group);
    for (const { table, partition, entity, value, sequence } of this.#actors.values()) {
      const address = { table, partition, entity, sub: '' };
      this.#storeOf(partition).add({ address, sequence, value } as RowChange);
      if (table !== 'wallet') continue;
      this.#standings.add(number, value as Wallet);
      number += 1;
    }
    for (const { table, partition, sub, lines, sequence } of this.#pages.values()) {
      const address = { table, partition, entity: '', sub };
      this.#storeOf(partition).add({ address, sequence, value: lines } as unknown as RowChange);
    }
  }

  /** What a partition has of many records is told at once: counts once a group, cursors at the end. */
  #foldSection(partition: number, told: Partial<Section>): void {
    const { sequence, nowMs } = this.#round;
    const nothing = { facts: [], sent: [], within: [], received: [] };
    foldSectionEnd(this.#target, nowMs, { partition, sequence, ...nothing, ...told });
  }

  #storeOf(partition: number): BulkRows {
    return this.#stores[partition % this.#stores.length]!;
  }
}

/** Unique among the tables, partitions and turns of one folder. */
function numberOfPage(table: PageTable, partition: number, place: number): number {
  const isRecord = table === 'record' ? 1 : 0;
  return (sequenceOf(place) * PARTITION_COUNT + partition) * 2 + isRecord;
}

const port = parentPort!;
const task = workerData as RowsTask;
const maker = new RowsMaker(task);
const { groupCount } = new Timeline(task.citizenCount, task.rowsPaths.length);
const news = (said: RowsNews) => port.postMessage(said);

port.on('message', (enrolled: EnrolledGroup) => {
  const notes = maker.tell(enrolled);
  news({ kind: 'group', notes });
  if (enrolled.group < groupCount - 1) return;
  // A failure ends the thread, and with it the program.
  void maker
    .finish((rows) => news({ kind: 'placed', rows }))
    .then(() => {
      news({ kind: 'finished', rows: maker.rowCount });
      port.close();
    });
});
