/**
 * The thread that makes the rows: tells each group's chronicle, folds its facts with the engine's own fold and spills the
 * rows; at the end it sorts and appends them, and saves the rankings.
 */
import { readSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { ActorTable, Fact, PartitionRow, Programme, RowChange, RowTypes, Section } from '../../engine/index.ts';
import { PARTITION_COUNT, visiblePeriods } from '../../engine/index.ts';
import { pageOf, withLine } from '../../engine/place.ts';
import { type FoldTarget, foldFact, foldSectionEnd } from '../../engine/shard/fold.ts';
import type { Wallet } from '../../engine/wallet/wallet.ts';
import { BulkRows } from '../../snapshots/bulk/bulk-rows.ts';
import { KeyedHash } from '../../snapshots/index.ts';
import { saveRanking } from '../../snapshots/lmdb/layout.ts';
import { Chronicle } from './chronicle.ts';
import { Scribe } from './scribe.ts';
import { NotedSeals } from './seals.ts';
import { Standings } from './standings.ts';
import { Timeline } from './timeline.ts';

export interface RowsTask {
  readonly seed: number;
  readonly citizenCount: number;
  readonly programme: Programme;
  readonly programmeFact: Fact;
  readonly folder: string;
  readonly indexKey: Uint8Array;
  /** Of each store. */
  readonly rowsPaths: readonly string[];
  /** Where the notes of all seals are, one group's after the other's. */
  readonly notesDescriptor: number;
}

/** A group is sealed; these are its notes. After the last one the rows are finished. */
export interface SealedGroup {
  readonly group: number;
  readonly notesAt: number;
  readonly notesBytes: number;
}

export type RowsNews =
  | { readonly kind: 'group' }
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

class RowsMaker {
  readonly #task: RowsTask;
  readonly #timeline: Timeline;
  readonly #hash: KeyedHash;
  readonly #stores: readonly BulkRows[];
  readonly #standings: Standings;
  readonly #scribe: Scribe;
  readonly #partitions: (PartitionRow | undefined)[] = new Array(PARTITION_COUNT);
  /** Of the group that is told. */
  readonly #actors = new Map<string, Row>();
  readonly #lists = new Map<string, RowChange>();
  #sequence = 0;

  constructor(task: RowsTask) {
    this.#task = task;
    this.#timeline = new Timeline(task.citizenCount, task.rowsPaths.length);
    this.#hash = new KeyedHash(task.indexKey);
    this.#stores = task.rowsPaths.map((path) => new BulkRows(path));
    const periods = visiblePeriods(task.programme).map(({ awardPeriodId }) => awardPeriodId);
    this.#standings = new Standings(task.citizenCount, periods);
    this.#scribe = new Scribe(task.programmeFact, ({ nowMs }, sections) => this.#fold(nowMs, sections));
  }

  tell({ group, notesAt, notesBytes }: SealedGroup): void {
    const notes = Buffer.allocUnsafe(notesBytes);
    readSync(this.#task.notesDescriptor, notes, 0, notesBytes, notesAt);
    const seals = new NotedSeals(notes);
    const { seed, programme, rowsPaths } = this.#task;
    const options = {
      seed,
      programme,
      storeCount: rowsPaths.length,
      digest: (text: string) => this.#hash.digest(text),
    };
    const chronicle = new Chronicle(options, this.#timeline.citizensOf(group), this.#scribe);
    const rounds = this.#timeline.enrolment(group);
    chronicle.enrol(rounds, seals);
    seals.finish();
    chronicle.pay(this.#timeline.payments(group), rounds[0]!.nowMs);
    this.#spill(group);
  }

  async finish(onRows: (count: number) => void): Promise<void> {
    const { lastSequence } = this.#timeline;
    const vector = new Array<number>(PARTITION_COUNT).fill(lastSequence);
    const periods = visiblePeriods(this.#task.programme);
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

  #fold(nowMs: number, sections: readonly Section[]): void {
    for (const section of sections) {
      this.#sequence = section.sequence;
      for (const fact of section.facts) foldFact(this.#target, section.partition, fact);
      foldSectionEnd(this.#target, nowMs, section);
    }
  }

  readonly #target: FoldTarget = this.#makeTarget();

  #makeTarget(): FoldTarget {
    const maker = this;
    return {
      get sequence() {
        return maker.#sequence;
      },
      change: (table, partition, entity, update) => {
        type Update = (value: Value | undefined) => Value | null;
        this.#change(table, partition, entity, update as unknown as Update);
      },
      put: (table, partition, entity, sub, value) => {
        const address = { table, partition, entity, sub };
        this.#lists.set(`${table} ${partition} ${entity} ${sub}`, {
          address,
          sequence: this.#sequence,
          value,
        } as RowChange);
      },
      setLine: (table, partition, line) => {
        const sub = pageOf(line.place);
        const name = `${table} ${partition} ${sub}`;
        const page = this.#lists.get(name)?.value as RowTypes[typeof table] | undefined;
        const address = { table, partition, entity: '', sub };
        this.#lists.set(name, { address, sequence: this.#sequence, value: withLine(page, line) } as RowChange);
      },
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
    row.sequence = this.#sequence;
  }

  #spill(group: number): void {
    let [number] = this.#timeline.citizensOf(group);
    for (const { table, partition, entity, value, sequence } of this.#actors.values()) {
      const address = { table, partition, entity, sub: '' };
      this.#storeOf(partition).add({ address, sequence, value } as RowChange);
      if (table !== 'wallet') continue;
      this.#standings.add(number, value as Wallet);
      number += 1;
    }
    for (const change of this.#lists.values()) this.#storeOf(change.address.partition).add(change);
    this.#actors.clear();
    this.#lists.clear();
  }

  #storeOf(partition: number): BulkRows {
    return this.#stores[partition % this.#stores.length]!;
  }
}

const port = parentPort!;
const task = workerData as RowsTask;
const maker = new RowsMaker(task);
const { groupCount } = new Timeline(task.citizenCount, task.rowsPaths.length);
const news = (said: RowsNews) => port.postMessage(said);

port.on('message', (sealed: SealedGroup) => {
  maker.tell(sealed);
  news({ kind: 'group' });
  if (sealed.group < groupCount - 1) return;
  // A failure ends the thread, and with it the program.
  void maker
    .finish((rows) => news({ kind: 'placed', rows }))
    .then(() => {
      news({ kind: 'finished', rows: maker.rowCount });
      port.close();
    });
});
