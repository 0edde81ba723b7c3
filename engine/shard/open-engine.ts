/** Puts the engine together: recovers each store, builds the rankings, connects the shards. */
import { invariant } from '../assert.ts';
import type { CitizenKey, Programme } from '../contract.ts';
import { PARTITION_COUNT } from '../contract.ts';
import type { Engine, EngineStats } from '../engine.ts';
import type { TurnRecord } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import { citizenKeyText, partitionOf } from '../partition.ts';
import type { Clock, PartitionRow, RankingCopies, Schedule, Store } from '../ports.ts';
import { StorageFault } from '../ports.ts';
import { canonicalJson, checkProgramme, closesAtMs, periodViews, visiblePeriods } from '../programme/index.ts';
import type { Wallet } from '../wallet/wallet.ts';
import { Checkpointer } from './checkpoint.ts';
import { emptyPartition } from './fold.ts';
import { Intakes } from './intakes.ts';
import { PeriodClosing } from './period-closing.ts';
import { Rankings } from './rankings.ts';
import { Reads } from './reads.ts';
import type { Recovered } from './recovery.ts';
import { recover } from './recovery.ts';
import { ReversalExpiry } from './reversal-expiry.ts';
import { Shard } from './shard.ts';
import { TaxCodeOrder } from './tax-code-order.ts';

export interface EngineOptions {
  /** Store i serves the partitions p with p % stores.length === i. */
  readonly stores: readonly Store[];
  /** Of a new folder; must equal the folder's own where that has one. Undefined = the folder's own. */
  readonly programme?: Programme | undefined;
  readonly clock: Clock;
  readonly schedule: Schedule;
  /** Absent: every start builds the rankings from wallets. */
  readonly rankingCopies?: RankingCopies | undefined;
  /** The disk failed or a checkpoint broke: stop the process, nothing may be answered any more. */
  readonly failed: (error: unknown) => void;
  /** Changed rows after which a checkpoint begins; default LIMITS.checkpointRowCount. */
  readonly checkpointRowCount?: number | undefined;
  /** Named places at which a test may stop the world. */
  readonly onPoint?: (name: string) => void;
}

/**
 * @throws StorageFault PROGRAMME_MISSING | PROGRAMME_MISMATCH | CLOCK_BEFORE_JOURNAL, and whatever the stores find
 */
export async function openEngine(options: EngineOptions): Promise<Engine> {
  const engine = new LocalEngine(options);
  await engine.settle();
  return engine;
}

class LocalEngine implements Engine {
  readonly programme: Programme;
  readonly #options: EngineOptions;
  readonly #recovered: readonly Recovered[];
  readonly #shards: readonly Shard[];
  readonly #checkpointers: readonly Checkpointer[];
  readonly #rankings: Rankings;
  readonly #reads: Reads;
  readonly #intakes: Intakes;
  readonly #closing: PeriodClosing;
  readonly #expiry: ReversalExpiry;
  readonly #listeners = new Set<(citizens: readonly CitizenKey[]) => void>();
  #isNew: boolean;
  #isClosed = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    const { stores, onPoint = () => {} } = options;
    this.#recovered = stores.map((store, index) => recover(store, partitionsOf(index, stores.length), onPoint));
    this.#checkClock();
    const stored = this.#partitionRow(0).programme;
    this.#isNew = stored === null;
    this.programme = chooseProgramme(stored, options.programme);

    const order = new TaxCodeOrder((citizen) => this.#reads.taxCodeOf(citizen));
    this.#rankings = new Rankings({
      programme: this.programme,
      compareTaxCodes: order.compare,
      copies: options.rankingCopies,
      movesMin: options.checkpointRowCount ?? LIMITS.checkpointRowCount,
      marks: this.#recovered.map(({ mark }) => mark),
      now: { sequences: stores.map(({ journal }) => journal.lastSequence), vector: this.#recoveredSequences() },
      failed: options.failed,
    });
    this.#reads = new Reads({
      programme: this.programme,
      rankings: this.#rankings,
      flushed: (partition) => this.#recoveredOf(partition).actors.flushed,
      vault: (partition) => this.#storeOf(partition).vault,
      sequence: (partition) => this.#shardOf(partition).flushedSequences[partition] ?? 0,
    });
    this.#shards = stores.map((store, index) => this.#makeShard(store, index));
    this.#checkpointers = stores.map((store, index) => {
      const { actors } = this.#recovered[index]!;
      return new Checkpointer({
        store,
        actors,
        shard: this.#shards[index]!,
        onPoint,
        rowCount: options.checkpointRowCount,
        ranked: () => this.#rankings.ranked(index),
        failed: options.failed,
        written: () => {
          this.#shards[index]?.wake();
          this.#checkpointIfDue(index);
        },
      });
    });
    this.#intakes = new Intakes(visiblePeriods(this.programme).map(closesAtMs));
    this.#closing = new PeriodClosing({
      programme: this.programme,
      rankings: this.#rankings,
      intakes: this.#intakes,
      digest: (text) => stores[0]!.vault.digest(text),
      partitionRow: (partition) => this.#partitionRow(partition),
      sequences: () => this.#sequences(),
      system: (partition, decide) => this.#shardOf(partition).system(partition, decide),
    });
    this.#expiry = new ReversalExpiry({
      firstDueMs: (partition) => this.#reads.firstExpiryMs(partition),
      expire: (partition, done) => this.#shardOf(partition).expire(partition, done),
    });
    for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
      for (const [first, second] of this.#partitionRow(partition).ties) order.remember(first, second);
    }
    const moves = this.#recovered.map((recovered) => recovered.moves);
    this.#rankings.fill(moves.includes(null) ? null : moves.flatMap((some) => some ?? []), () => this.#wallets());
    for (const { awardPeriodId } of this.#partitionRow(0).frozenRankings) this.#rankings.of(awardPeriodId)?.freeze();
  }

  /** Finishes what the last stop left: the programme of a new folder, messages under way, boundaries missed. */
  async settle(): Promise<void> {
    if (this.#isNew) {
      const json = canonicalJson(this.programme);
      const hash = this.#storeOf(0).vault.digest(json);
      this.#shardOf(0).system(0, () => ({ facts: [{ kind: 'programmeSet', json, hash }] }));
    }
    for (const { undelivered } of this.#recovered) {
      for (const message of undelivered) this.#shardOf(message.to).deliver(message);
    }
    await this.#idle();
    this.tick();
    await this.#idle();
  }

  execute: Engine['execute'] = (command, done) => this.#shardOf(partitionOf(command.citizen)).execute(command, done);
  record: Engine['record'] = (command, done) => {
    const passed = this.#intakes.open(command.receivedMs);
    this.#shardOf(partitionOf(command.record.hpan)).record(command, (outcome) => {
      this.#intakes.close(passed);
      done(outcome);
    });
  };
  citizenKeyOf: Engine['citizenKeyOf'] = (taxCode) => this.#storeOf(0).vault.digest(citizenKeyText(taxCode));
  outcome: Engine['outcome'] = async (...args) => this.#reads.outcome(...args);
  wallet: Engine['wallet'] = async (...args) => this.#reads.wallet(...args);
  instrument: Engine['instrument'] = async (...args) => this.#reads.instrument(...args);
  total: Engine['total'] = async (...args) => this.#reads.total(...args);
  payments: Engine['payments'] = async (...args) => this.#reads.payments(...args);
  paymentDays: Engine['paymentDays'] = async (...args) => this.#reads.paymentDays(...args);
  milestones: Engine['milestones'] = async (...args) => this.#reads.milestones(...args);
  rankings: Engine['rankings'] = async (...args) => this.#reads.rankings(...args);
  rankingPage: Engine['rankingPage'] = async (...args) => this.#reads.rankingPage(...args);
  reversals: Engine['reversals'] = async (...args) => this.#reads.reversals(...args);
  periods: Engine['periods'] = () => periodViews(this.programme, this.#options.clock.nowMs());

  async stats(): Promise<EngineStats> {
    const rows = Array.from({ length: PARTITION_COUNT }, (_, partition) => this.#partitionRow(partition));
    const sum = (count: (row: PartitionRow) => number) => rows.reduce((total, row) => total + count(row), 0);
    const shards = (count: (shard: Shard) => number) => this.#shards.reduce((total, shard) => total + count(shard), 0);
    return {
      nowMs: this.#options.clock.nowMs(),
      shardCount: this.#shards.length,
      citizensEnabled: sum((row) => row.citizensEnabled),
      cardsActive: sum((row) => row.cardsActive),
      paymentsListed: sum((row) => row.paymentsListed),
      commandsDone: sum((row) => row.commandsDone),
      mailboxCount: shards((shard) => shard.mailboxCount),
      journalSequence: shards((shard) => shard.flushedSequence),
      unwrittenRowCount: this.#recovered.reduce((total, { actors }) => total + actors.unwrittenCount, 0),
      checkpointSequence: this.#checkpointers.reduce((total, { sequence }) => total + sequence, 0),
      turns: shards((shard) => shard.counts.turns),
      facts: shards((shard) => shard.counts.facts),
      rankings: [...this.#rankings.all()].map(({ awardPeriodId, count, isFrozen }) => ({
        awardPeriodId,
        participants: count,
        isFrozen,
      })),
    };
  }

  onChanged(listener: (citizens: readonly CitizenKey[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  openIntake(receivedMs: number): () => void {
    const passed = this.#intakes.open(receivedMs);
    return () => this.#intakes.close(passed);
  }

  tick(nowMs = this.#options.clock.nowMs()): void {
    if (this.#isClosed) return;
    this.#closing.tick(nowMs);
    this.#expiry.tick(nowMs);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all(this.#shards.map((shard) => shard.drain()));
    await this.#idle();
    await this.#rankings.copyAll();
    await Promise.all(this.#checkpointers.map((checkpointer) => checkpointer.finish()));
  }

  #makeShard(store: Store, index: number): Shard {
    const { stores, clock, schedule, failed, onPoint = () => {} } = this.#options;
    const { actors, position } = this.#recovered[index]!;
    return new Shard(
      {
        store,
        actors,
        programme: this.programme,
        clock,
        schedule,
        onPoint,
        isLocal: (partition) => partition % stores.length === index,
        route: (message) => this.#shardOf(message.to).deliver(message),
        acknowledge: (message) => this.#recoveredOf(message.from).actors.acknowledge(message),
        published: (record) => this.#published(record, index),
        failed,
      },
      position,
    );
  }

  #published(record: TurnRecord, index: number): void {
    this.#rankings.apply(record, index);
    this.#closing.published(record);
    this.#expiry.published(record);
    if (this.#listeners.size > 0) {
      const citizens = citizensIn(record);
      for (const listener of this.#listeners) listener(citizens);
    }
    this.#checkpointIfDue(index);
  }

  #checkpointIfDue(index: number): void {
    this.#checkpointers[index]?.runIfDue()?.catch(this.#options.failed);
  }

  /** Messages go round, so no shard is done before all are. Routing is synchronous: one look at all of them is enough. */
  async #idle(): Promise<void> {
    while (!this.#shards.every(({ isIdle }) => isIdle)) await Promise.all(this.#shards.map((shard) => shard.idle()));
  }

  *#wallets(): Iterable<Wallet> {
    for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
      const { actors } = this.#recoveredOf(partition);
      for (const [{ entity }, { value }] of this.#storeOf(partition).rows.scan('wallet', partition)) {
        if (!actors.isChanged(entity)) yield value;
      }
    }
    for (const { actors } of this.#recovered) yield* actors.changed('wallet') as Iterable<Wallet>;
  }

  #sequences(): readonly number[] {
    const perShard = this.#shards.map((shard) => shard.flushedSequences);
    return Array.from({ length: PARTITION_COUNT }, (_, at) => perShard[at % this.#shards.length]?.[at] ?? 0);
  }

  #recoveredSequences(): readonly number[] {
    return Array.from({ length: PARTITION_COUNT }, (_, at) => this.#recoveredOf(at).position.sequences[at] ?? 0);
  }

  #partitionRow(partition: number): PartitionRow {
    return this.#recoveredOf(partition).actors.flushed.get('partition', partition, '', '') ?? emptyPartition();
  }

  #checkClock(): void {
    const lastMs = Math.max(...this.#recovered.map(({ position }) => position.lastMs));
    const nowMs = this.#options.clock.nowMs();
    if (nowMs + CLOCK_SLACK_MS >= lastMs) return;
    throw new StorageFault(
      'CLOCK_BEFORE_JOURNAL',
      `the clock says ${new Date(nowMs).toISOString()}, but the folder was written until ` +
        `${new Date(lastMs).toISOString()}: start with --now at or after that`,
    );
  }

  #shardOf(partition: number): Shard {
    return this.#shards[partition % this.#options.stores.length]!;
  }
  #storeOf(partition: number): Store {
    return this.#options.stores[partition % this.#options.stores.length]!;
  }
  #recoveredOf(partition: number): Recovered {
    return this.#recovered[partition % this.#options.stores.length]!;
  }
}

/** Real clocks are corrected now and then; instants within a partition never fall all the same. */
const CLOCK_SLACK_MS = 1_000;

function partitionsOf(index: number, shardCount: number): readonly number[] {
  return Array.from({ length: PARTITION_COUNT }, (_, partition) => partition).filter(
    (partition) => partition % shardCount === index,
  );
}

function chooseProgramme(stored: PartitionRow['programme'], given: Programme | undefined): Programme {
  if (stored === null) {
    if (given === undefined) throw new StorageFault('PROGRAMME_MISSING', 'a new folder needs a programme: --programme');
    return given;
  }
  if (given !== undefined && canonicalJson(given) !== stored.json) {
    throw new StorageFault(
      'PROGRAMME_MISMATCH',
      'the folder was made with another programme: start without --programme, or with another --data',
    );
  }
  const checked = checkProgramme(JSON.parse(stored.json));
  invariant(checked.ok, 'a journaled programme was checked before');
  return checked.programme;
}

function citizensIn(record: TurnRecord): readonly CitizenKey[] {
  const citizens = new Set<CitizenKey>();
  for (const { facts } of record.sections) {
    for (const fact of facts) if ('citizen' in fact) citizens.add(fact.citizen);
  }
  return [...citizens];
}
