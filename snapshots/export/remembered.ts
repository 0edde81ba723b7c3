/**
 * All that a folder at rest remembers: its rows, and over them what only its journals have. One thing after the other, in
 * the order of keys and partitions, so that memory holds no more of it than pages.
 */
import type { Card, LedgerEntry } from '../../engine/card/card.ts';
import { coveringRow } from '../../engine/card/ownership.ts';
import type { CitizenKey, Hpan, PayoutFile, PeriodDecision, Programme, ReceivedFile } from '../../engine/contract.ts';
import { PARTITION_COUNT } from '../../engine/contract.ts';
import type { Fact } from '../../engine/facts.ts';
import { addToTally, FILES_PREFIX, type FileTally, figuresOf, fileTallySub } from '../../engine/file/received-file.ts';
import { LIMITS } from '../../engine/limits.ts';
import { partitionOf } from '../../engine/partition.ts';
import type { Payout, PayoutOrder } from '../../engine/payout/payout.ts';
import type { Line, PartitionRow } from '../../engine/ports.ts';
import { decisionPrefix, romeDayNumber } from '../../engine/programme/index.ts';
import { actorPage } from '../../engine/shard/actor-pages.ts';
import type { Actors } from '../../engine/shard/actors.ts';
import { recover } from '../../engine/shard/recovery.ts';
import type { Wallet } from '../../engine/wallet/wallet.ts';
import type { FolderAtRest } from '../backup/at-rest.ts';
import type { FileStore } from '../lmdb/persistence.ts';

interface RecoveredPart {
  readonly index: number;
  readonly store: FileStore;
  readonly actors: Actors;
}

const ALL_PARTITIONS = Array.from({ length: PARTITION_COUNT }, (_, partition) => partition);

export class Remembered {
  /** The programme's time of what happened last. */
  readonly lastMs: number;
  readonly #folder: FolderAtRest;
  readonly #parts: readonly RecoveredPart[];

  /** @throws StorageFault what the stores find */
  constructor(folder: FolderAtRest) {
    this.#folder = folder;
    const { stores } = folder;
    let lastMs = 0;
    this.#parts = stores.map((store, index) => {
      const own = ALL_PARTITIONS.filter((partition) => partition % stores.length === index);
      const { actors, position } = recover(store, own, () => {});
      lastMs = Math.max(lastMs, position.lastMs);
      return { index, store, actors };
    });
    this.lastMs = lastMs;
  }

  /** Null = nothing was ever journaled. */
  get programme(): Programme | null {
    const json = this.#row(0)?.programme?.json;
    return json === undefined ? null : (JSON.parse(json) as Programme);
  }

  get frozenRankings(): PartitionRow['frozenRankings'] {
    return this.#row(0)?.frozenRankings ?? [];
  }

  get payoutOrders(): readonly PayoutOrder[] {
    return this.#row(0)?.payoutOrders ?? [];
  }

  get payoutFiles(): readonly PayoutFile[] {
    return this.of(0)
      .actors.flushed.list('payoutFile', 0, '', '')
      .map(([, file]) => file);
  }

  get periodDecisions(): readonly PeriodDecision[] {
    return this.of(0)
      .actors.flushed.list('periodDecision', 0, '', decisionPrefix('decided'))
      .map(([, decision]) => decision);
  }

  /** In order of the day on which they came. Of one that was cut short, what was accepted by then. */
  *receivedFiles(): Iterable<ReceivedFile> {
    const { flushed } = this.of(0).actors;
    for (let after: string | undefined = FILES_PREFIX; after !== undefined; ) {
      const part = { prefix: FILES_PREFIX, after, countMax: LIMITS.rowPageCount };
      const rows: readonly (readonly [string, ReceivedFile])[] = flushed.first('receivedFile', 0, '', part);
      for (const [, file] of rows) yield file.isDone ? file : { ...file, figures: figuresOf(this.#tally(file)) };
      after = rows.at(-1)?.[0];
    }
  }

  #tally({ fileNumber }: ReceivedFile): FileTally {
    const nothing = { fileNumber, rowCount: 0, amountCents: 0 };
    const tallies = ALL_PARTITIONS.map(
      (partition) =>
        this.of(partition).actors.flushed.get('fileTally', partition, '', fileTallySub(fileNumber)) ?? nothing,
    );
    return tallies.reduce(addToTally, nothing);
  }

  *ties(): Iterable<readonly [CitizenKey, CitizenKey]> {
    for (const partition of ALL_PARTITIONS) yield* this.#row(partition)?.ties ?? [];
  }

  /** Whose partition it is. */
  of(partition: number): RecoveredPart {
    return this.#parts[partition % this.#parts.length]!;
  }

  wallet(citizen: CitizenKey): Wallet | undefined {
    const partition = partitionOf(citizen);
    return this.of(partition).actors.flushed.get('wallet', partition, citizen, '');
  }

  /** By citizen. */
  wallets(): Iterable<Wallet> {
    return this.#actors('wallet');
  }

  /** By hpan. */
  cards(): Iterable<Card> {
    return this.#actors('card');
  }

  *#actors<T extends 'wallet' | 'card'>(table: T) {
    for (const partition of ALL_PARTITIONS) {
      const { actors } = this.of(partition);
      for (let after: string | null = ''; after !== null; ) {
        const page: ReturnType<typeof actorPage<T>> = actorPage(actors, table, {
          ...{ partition, after, countMax: LIMITS.rowPageCount },
        });
        yield* page.values;
        after = page.next;
      }
    }
  }

  /** As partitions took them in. */
  *records(): Iterable<LedgerEntry> {
    for (const [, entry] of this.#lines('record')) yield entry;
  }

  /** By partition, as they were made. */
  payouts(): Iterable<readonly [partition: number, payout: Payout]> {
    return this.#lines('payout');
  }

  *#lines<T extends 'record' | 'payout'>(table: T): Iterable<readonly [number, Line<T>]> {
    for (const partition of ALL_PARTITIONS) {
      const { flushed } = this.of(partition).actors;
      for (let after: string | undefined = ''; after !== undefined; ) {
        const rows: readonly (readonly [string, readonly Line<T>[]])[] = flushed.first(table, partition, '', {
          ...{ prefix: '', after, countMax: LIMITS.rowPageCount },
        });
        for (const [, page] of rows) for (const line of page) yield [partition, line];
        after = rows.at(-1)?.[0];
      }
    }
  }

  record(hpan: Hpan, place: number): LedgerEntry {
    const partition = partitionOf(hpan);
    return this.of(partition).actors.flushed.line('record', partition, place);
  }

  /** Whom a record is about: who owns the payment, else who held the card on its day. Empty = nobody. */
  ownerOf({ citizen, record }: LedgerEntry): CitizenKey {
    if (citizen !== '') return citizen;
    const partition = partitionOf(record.hpan);
    const card = this.of(partition).actors.flushed.get('card', partition, record.hpan, '');
    return (card && coveringRow(card, romeDayNumber(record.trxMs))?.citizen) ?? '';
  }

  /** All that was ever journaled, of stores that were before these ones, too; those of one citizen or card in order. */
  *facts(): Iterable<{ readonly fact: Fact; readonly nowMs: number }> {
    const { past, stores } = this.#folder;
    for (const { journal } of [...past, ...stores]) {
      for (const { nowMs, sections } of journal.read(1)) {
        for (const { facts } of sections) for (const fact of facts) yield { fact, nowMs };
      }
    }
  }

  #row(partition: number): PartitionRow | undefined {
    return this.of(partition).actors.flushed.get('partition', partition, '', '');
  }
}
