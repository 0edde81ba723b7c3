/** One store and the shard that works on it, with all that needs no other store: its side of every conversation. */
import type { CitizenKey, Hpan, PeriodDecision, PeriodOrder, Programme, ReceivedFile } from '../contract.ts';
import { PARTITION_COUNT } from '../contract.ts';
import type { Read } from '../engine.ts';
import type { Fact, Message, PartitionFact, TurnRecord } from '../facts.ts';
import { addToTally, type FileTally, fileTallySub } from '../file/received-file.ts';
import { LIMITS } from '../limits.ts';
import { partitionOf } from '../partition.ts';
import type { Clock, PartitionRow, Schedule, Store } from '../ports.ts';
import {
  canonicalJson,
  decisionPrefix,
  decisionSub,
  findPeriod,
  holdsInstant,
  judgePeriodOrder,
  Law,
  programmeIn,
} from '../programme/index.ts';
import type { Wallet, WalletHead } from '../wallet/wallet.ts';
import { rankedStanding } from '../wallet/wallet-facts.ts';
import { Checkpointer } from './checkpoint.ts';
import { CitizenRuns } from './citizen-runs.ts';
import { coveredCards } from './covered-cards.ts';
import type { FileDecider } from './file-decider.ts';
import { emptyPartition } from './fold.ts';
import { KnownPars } from './known-pars.ts';
import type { NoticeDecider } from './notice-decider.ts';
import { NoticeRuns } from './notice-runs.ts';
import type {
  CoordinatedShard,
  NeighbourShard,
  PeriodSettled,
  ProbedShard,
  Published,
  RankedStanding,
  RecoveredMove,
  ReversalsPart,
  ServedShard,
  ShardCoordinator,
  ShardPlaces,
  ShardReport,
  ShardStats,
  Traffic,
} from './parts.ts';
import type { PayoutDecider } from './payout-decider.ts';
import { PayoutReads } from './payout-records.ts';
import { PayoutRuns } from './payout-runs.ts';
import { movesOf } from './rankings.ts';
import { Reads } from './reads.ts';
import { RecordFates } from './record-fates.ts';
import { type Recovered, recover } from './recovery.ts';
import { ReversalExpiry } from './reversal-expiry.ts';
import { Shard } from './shard.ts';
import type { SystemDecide } from './task.ts';
import type { Turn } from './turn.ts';
import type { View } from './view.ts';

/** Which shard of how many: it serves the partitions p with p % shardCount === index. */
export interface ShardPlace {
  readonly index: number;
  readonly shardCount: number;
}

export interface StoreShardOptions extends ShardPlace {
  readonly recovered: RecoveredStore;
  readonly programme: Programme;
  /** Other shards, by number. */
  readonly neighbour: (index: number) => NeighbourShard;
  readonly coordinator: ShardCoordinator;
  readonly clock: Clock;
  readonly schedule: Schedule;
  /** The disk failed or a checkpoint broke: stop the process, nothing may be answered any more. */
  readonly failed: (error: unknown) => void;
  /** Changed rows after which a checkpoint begins; default LIMITS.checkpointRowCount. */
  readonly checkpointRowCount?: number | undefined;
  /** Named places at which a test may stop the world. */
  readonly onPoint: (name: string, subject?: string) => void;
  /** See ShardOptions. */
  readonly betweenTasks?: (() => void) | undefined;
}

/** A store as its journal and rows leave it, before anybody is served. */
export class RecoveredStore {
  readonly store: Store;
  readonly partitions: readonly number[];
  readonly found: Recovered;

  /** @throws StorageFault what the store finds */
  constructor(store: Store, { index, shardCount }: ShardPlace, onPoint: (name: string) => void) {
    this.store = store;
    this.partitions = Array.from({ length: PARTITION_COUNT }, (_, at) => at).filter((at) => at % shardCount === index);
    this.found = recover(store, this.partitions, onPoint);
  }

  report(): ShardReport {
    const { position, mark, moves } = this.found;
    const rows = this.partitions.map((partition) => [partition, this.row(partition)] as const);
    return {
      isNew: this.store.journal.lastSequence === 0,
      isOlder: this.store.isOlder === true,
      lastMs: position.lastMs,
      programme: this.row(0).programme?.json ?? null,
      sequence: this.store.journal.lastSequence,
      sequences: position.sequences,
      mark,
      hasMoves: moves !== null,
      finalPeriods: rows.flatMap(([partition, row]) => row.frozenPeriods.map((id) => [partition, id] as const)),
      frozenRankings: this.row(0).frozenRankings.map(({ awardPeriodId }) => awardPeriodId),
      ties: rows.flatMap(([, { ties }]) => ties),
      periodDecisions: this.partitions.includes(0) ? decisionsOf(this.found.actors.flushed) : [],
    };
  }

  row(partition: number): PartitionRow {
    return this.found.actors.flushed.get('partition', partition, '', '') ?? emptyPartition();
  }
}

/** By number. */
function decisionsOf(view: View): readonly PeriodDecision[] {
  return view.list('periodDecision', 0, '', decisionPrefix('decided')).map(([, decision]) => decision);
}

export class StoreShard implements ProbedShard, NeighbourShard, CoordinatedShard {
  readonly #options: StoreShardOptions;
  readonly #law: Law;
  readonly #shard: Shard;
  readonly #checkpointer: Checkpointer;
  readonly #reads: Reads;
  readonly #fates: RecordFates;
  readonly #expiry: ReversalExpiry;
  readonly #payoutReads: PayoutReads;
  readonly #runs: CitizenRuns;
  readonly #payoutRuns: PayoutRuns;
  readonly #notices: NoticeRuns;
  readonly #pars: KnownPars;
  readonly #listeners = new Set<(citizens: readonly CitizenKey[]) => void>();
  #moves: Iterator<RecoveredMove> | null = null;
  #participants: Iterator<RankedStanding> | null = null;
  #sent = 0;
  #taken = 0;
  #isClosing = false;
  /** A decision about periods is being made. */
  #isHeldBack = false;
  /** What others sent before this shard had sent again what it must: what came of it would overtake that. */
  #early: Message[] | null = [];
  #wakeRewriting: () => void = () => {};

  constructor(options: StoreShardOptions) {
    const { recovered, coordinator, clock, schedule, failed, onPoint, checkpointRowCount } = options;
    const { store, partitions, found } = recovered;
    const { actors, position } = found;
    const programme = new Law(options.programme);
    this.#options = options;
    this.#law = programme;
    this.#shard = new Shard(
      {
        store,
        actors,
        programme,
        clock,
        schedule,
        onPoint,
        betweenTasks: options.betweenTasks,
        isHeldBack: () => this.#isHeldBack || coordinator.isBehind,
        isLocal: (partition) => this.#isOwn(partition),
        route: (message) => this.#neighbour(message.to).deliver(message),
        acknowledge: (message) => this.#neighbour(message.from).acknowledge(message),
        published: (record) => this.#published(record),
        failed,
      },
      position,
    );
    this.#checkpointer = new Checkpointer({
      store,
      actors,
      shard: this.#shard,
      onPoint,
      rowCount: checkpointRowCount,
      ranked: () => coordinator.ranked(options.index),
      schedule,
      failed,
      written: () => {
        this.#shard.wake();
        this.#checkpointIfDue();
      },
    });
    this.#reads = new Reads({
      programme,
      flushed: actors.flushed,
      vault: store.vault,
      sequence: (partition) => this.#shard.flushedSequences[partition] ?? 0,
      coordinator,
      hasEnabled: (citizen, hpan) => this.#shardAt(partitionOf(citizen)).hasEnabled(citizen, hpan),
    });
    this.#fates = new RecordFates({ programme, flushed: actors.flushed, vault: store.vault, clock });
    this.#payoutReads = new PayoutReads(actors.flushed, store.vault);
    this.#runs = new CitizenRuns({ partitions, programme, shard: this.#shard, coordinator });
    this.#payoutRuns = new PayoutRuns({
      ...{ partitions, programme, actors, schedule, runs: this.#runs },
      shard: this.#shard,
      row: (partition) => this.#row(partition),
    });
    this.#notices = new NoticeRuns({
      ...{ partitions, flushed: actors.flushed, runs: this.#runs },
      inTurn: (partition, decide) => this.#inNoticeTurn(partition, decide),
    });
    this.#pars = new KnownPars({ partitions, flushed: actors.flushed, schedule, failed });
    this.#expiry = new ReversalExpiry({
      partitions,
      firstDueMs: (partition) => this.#reads.firstExpiryMs(partition),
      expire: (partition, done) => this.#shard.expire(partition, done),
    });
  }

  // For the front

  execute: ServedShard['execute'] = (command, done) => this.#shard.execute(command, done);
  record: ServedShard['record'] = (command, done) => this.#shard.record(command, done);

  /** What waits for its turn or its flush may still be done. */
  outcome: ServedShard['outcome'] = async (...asked) => {
    const outcome = this.#reads.outcome(...asked);
    const isOpen = outcome.ok && outcome.value.state === 'not-done' && this.#shard.hasOpen(...asked);
    return isOpen ? { ok: true, value: { state: 'in-progress' } } : outcome;
  };

  wallet: ServedShard['wallet'] = async (...args) => this.#reads.wallet(...args);
  instrument: ServedShard['instrument'] = (...args) => this.#reads.instrument(...args);
  instruments: ServedShard['instruments'] = async (...args) => this.#reads.instruments(...args);
  activations: ServedShard['activations'] = (...args) => this.#reads.activations(...args);
  taxCode: ServedShard['taxCode'] = async (...args) => this.#reads.taxCode(...args);
  total: ServedShard['total'] = async (...args) => this.#reads.total(...args);
  payments: ServedShard['payments'] = async (...args) => this.#reads.payments(...args);
  paymentDays: ServedShard['paymentDays'] = async (...args) => this.#reads.paymentDays(...args);
  milestones: ServedShard['milestones'] = async (...args) => this.#reads.milestones(...args);
  rankings: ServedShard['rankings'] = (...args) => this.#reads.rankings(...args);
  reversals: ServedShard['reversals'] = async (part: ReversalsPart) => this.#reads.reversals(part);

  resolveReversal: ServedShard['resolveReversal'] = (decision) => {
    return new Promise((resolve) => this.#shard.resolve(decision, resolve));
  };

  recordFate: ServedShard['recordFate'] = async (hpan, record) => {
    return { ok: true, value: this.#fates.of(hpan, record) };
  };

  covered: ServedShard['covered'] = async (part) => {
    return { ok: true, value: coveredCards(this.#options.recovered.found.actors, part) };
  };

  payouts: ServedShard['payouts'] = async (part) => ({ ok: true, value: this.#payoutReads.page(part) });

  payoutsOf: ServedShard['payoutsOf'] = async (citizen) => {
    return { ok: true, value: this.#payoutReads.of(partitionOf(citizen), citizen) };
  };

  payoutFiles: ServedShard['payoutFiles'] = async () => {
    const rows = this.#options.recovered.found.actors.flushed.list('payoutFile', 0, '', '');
    return { ok: true, value: rows.map(([, file]) => file) };
  };

  changePayouts: ServedShard['changePayouts'] = (partition, changes) =>
    this.#payouts(partition, (turn, decider) => decider.change(turn, partition, changes));

  integratePayout: ServedShard['integratePayout'] = (integration) => {
    const partition = partitionOf(integration.citizen);
    return this.#payouts(partition, (turn, decider) => decider.integrate(turn, partition, integration));
  };

  setPayoutFile: ServedShard['setPayoutFile'] = (file) =>
    this.#payouts(0, (turn, decider) => decider.setFile(turn, file));

  /** Decided in a turn, told after its flush. */
  #payouts<T>(partition: number, decide: (turn: Turn, decider: PayoutDecider) => T): Promise<T> {
    return new Promise((resolve) => {
      this.#shard.payouts(partition, (turn, decider) => {
        const decided = decide(turn, decider);
        return () => resolve(decided);
      });
    });
  }

  notices: ServedShard['notices'] = async (part) => ({ ok: true, value: this.#notices.page(part) });

  changeNotices: ServedShard['changeNotices'] = (partition, changes) =>
    this.#inNoticeTurn(partition, (turn, decider) => decider.change(turn, partition, changes));

  #inNoticeTurn<T>(partition: number, decide: (turn: Turn, decider: NoticeDecider) => T): Promise<T> {
    return new Promise((resolve) => {
      this.#shard.notices(partition, (turn, decider) => {
        const decided = decide(turn, decider);
        return () => resolve(decided);
      });
    });
  }

  receivedFiles: ServedShard['receivedFiles'] = async (part) => {
    const rows = this.#options.recovered.found.actors.flushed.first('receivedFile', 0, '', part);
    return { ok: true, value: rows.map(([, file]) => file) };
  };

  fileTally: ServedShard['fileTally'] = async (fileNumber) => {
    const { partitions, found } = this.#options.recovered;
    const nothing: FileTally = { fileNumber, rowCount: 0, amountCents: 0 };
    const tallies = partitions.map((partition) => {
      return found.actors.flushed.get('fileTally', partition, '', fileTallySub(fileNumber)) ?? nothing;
    });
    return { ok: true, value: tallies.reduce(addToTally, nothing) };
  };

  openFile: ServedShard['openFile'] = (arrival) => this.#inFileTurn((turn, decider) => decider.open(turn, arrival));
  closeFile: ServedShard['closeFile'] = (file) => this.#inFileTurn((turn, decider) => decider.close(turn, file));

  #inFileTurn(decide: (turn: Turn, decider: FileDecider) => ReceivedFile): Promise<ReceivedFile> {
    return new Promise((resolve) => {
      this.#shard.files((turn, decider) => {
        const decided = decide(turn, decider);
        return () => resolve(decided);
      });
    });
  }

  parCovers: ServedShard['parCovers'] = async (asked) => {
    if (!this.#pars.mayHave(asked.par)) return { ok: true, value: [] };
    const { partitions } = this.#options.recovered;
    const covers = await Promise.all(partitions.map((partition) => this.#reads.parCovers(partition, asked)));
    return { ok: true, value: covers.flat() };
  };

  setPar: ServedShard['setPar'] = (citizen, hpan, par) => {
    this.#pars.add(par);
    return new Promise((resolve) => this.#shard.setPar(citizen, hpan, par, resolve));
  };

  unverifiedAccounts: ServedShard['unverifiedAccounts'] = async (part) => {
    return { ok: true, value: this.#reads.unverifiedAccounts(part) };
  };

  recheckAccounts: ServedShard['recheckAccounts'] = (partition, rechecks) => {
    return new Promise((resolve) => this.#shard.recheck(partition, rechecks, resolve));
  };

  exclude: ServedShard['exclude'] = (request) => {
    return new Promise((resolve) => {
      this.#shard.exclusions(partitionOf(request.citizen), (turn, decider) => {
        const decided = decider.ask(turn, request);
        return () => resolve(decided);
      });
    });
  };

  exclusions: ServedShard['exclusions'] = async (part) => ({ ok: true, value: this.#reads.exclusions(part) });

  probe: ProbedShard['probe'] = () => new Promise((done) => this.#shard.probe(done));

  async stats(): Promise<ShardStats> {
    const { partitions, found } = this.#options.recovered;
    const rows = partitions.map((partition) => this.#row(partition));
    const sum = (count: (row: PartitionRow) => number) => rows.reduce((total, row) => total + count(row), 0);
    const { mailboxCount, flushedSequence, counts } = this.#shard;
    return {
      citizensEnabled: sum((row) => row.citizensEnabled),
      cardsActive: sum((row) => row.cardsActive),
      paymentsListed: sum((row) => row.paymentsListed),
      commandsDone: sum((row) => row.commandsDone),
      mailboxCount,
      journalSequence: flushedSequence,
      unwrittenRowCount: found.actors.unwrittenCount,
      checkpointSequence: this.#checkpointer.sequence,
      ...counts,
    };
  }

  onChanged(listener: (citizens: readonly CitizenKey[]) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tick(nowMs: number): void {
    this.#expiry.tick(nowMs);
    this.#shard.tick();
    this.#wakeRewriting();
  }

  async resume(): Promise<void> {
    const { recovered } = this.#options;
    if (this.#isOwn(0) && this.#row(0).programme === null) {
      const json = canonicalJson(this.#law);
      const hash = recovered.store.vault.digest(json);
      this.#shard.system(0, () => ({ facts: [{ kind: 'programmeSet', json, hash }] }));
    }
    for (const message of recovered.found.undelivered) this.#neighbour(message.to).deliver(message);
    const early = this.#early ?? [];
    this.#early = null;
    for (const message of early) this.#shard.deliver(message);
    this.#rewriteOlder().catch(this.#options.failed);
  }

  /** In the background, until all rows have today's format: without a break while nobody waits, else once a tick. */
  async #rewriteOlder(): Promise<void> {
    while (!this.#isClosing && (await this.#checkpointer.rewriteSome())) {
      this.#checkpointIfDue();
      await new Promise<void>((resolve) => {
        if (this.#shard.mailboxCount > 0) this.#wakeRewriting = resolve;
        else this.#options.schedule(resolve);
      });
    }
    this.#checkpointIfDue();
  }

  drain(isHurried: boolean): Promise<void> {
    this.#runs.stop();
    return this.#shard.drain(isHurried);
  }

  async idle(): Promise<Traffic> {
    await this.#shard.idle();
    return { sent: this.#sent, taken: this.#taken };
  }

  close(): Promise<void> {
    this.#isClosing = true;
    this.#pars.stop();
    return this.#checkpointer.finish();
  }

  /** Where the store is, all of it flushed and of this moment: for who backs it up. */
  position(): ShardPlaces {
    const { partitions } = this.#options.recovered;
    const { flushedSequence, flushedSequences } = this.#shard;
    return {
      sequence: flushedSequence,
      partitions: partitions.map((partition) => {
        return { partition, sequence: flushedSequences[partition]!, sent: this.#row(partition).sent };
      }),
    };
  }

  // For other shards

  deliver(message: Message): void {
    this.#taken += 1;
    if (this.#early === null) this.#shard.deliver(message);
    else this.#early.push(message);
  }

  acknowledge(message: Message): void {
    this.#taken += 1;
    this.#options.recovered.found.actors.acknowledge(message);
    this.#checkpointIfDue();
  }

  async hasEnabled(citizen: CitizenKey, hpan: Hpan): Promise<boolean> {
    return this.#reads.hasEnabled(citizen, hpan);
  }

  // For the coordinator

  /** It keeps up again. */
  wake(): void {
    this.#shard.wake();
  }

  closePeriod(awardPeriodId: number): void {
    this.#taken += 1;
    const decide: SystemDecide = (row) => {
      if (row.closedPeriods.includes(awardPeriodId)) return { facts: [] };
      const fact = { kind: 'periodClosed', awardPeriodId } as const;
      return { facts: [fact], toAll: fact };
    };
    for (const partition of this.#options.recovered.partitions) this.#shard.system(partition, decide);
  }

  endExclusions(awardPeriodId: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.#shard.exclusions(this.#options.recovered.partitions[0]!, (_, decider) => {
        decider.end(awardPeriodId);
        return () => resolve(!decider.isUnderWay(awardPeriodId) && !this.#isExclusionSent(awardPeriodId));
      });
    });
  }

  /** And its card is not known to have it on disk. */
  #isExclusionSent(awardPeriodId: number): boolean {
    const { partitions, found } = this.#options.recovered;
    const period = findPeriod(this.#law, awardPeriodId);
    return partitions.some((partition) =>
      found.actors.flushed
        .list('outbox', partition, '', '')
        .some(([, { messages }]) =>
          messages.some(({ body }) => body.kind === 'exclude' && period !== null && holdsInstant(period, body.trxMs)),
        ),
    );
  }

  freezeRanking(frozen: Extract<Fact, { kind: 'rankingFrozen' }>): void {
    this.#taken += 1;
    this.#shard.system(0, () => ({ facts: [frozen] }));
  }

  /** Resolves when what had begun is decided. */
  holdBack(): Promise<string> {
    this.#isHeldBack = true;
    const partition = this.#options.recovered.partitions[0]!;
    return new Promise((resolve) => {
      this.#shard.system(partition, () => ({ facts: [], done: () => resolve(canonicalJson(this.#law)) }));
    });
  }

  judgePeriod(order: PeriodOrder, isFinal: boolean): Promise<Read<PeriodSettled>> {
    return new Promise((resolve) => {
      this.#shard.system(0, ({ payoutOrders }, turn) => {
        const judged = judgePeriodOrder(order, {
          ...{ programme: this.#law, nowMs: turn.nowMs, decisions: decisionsOf(turn.view), isFinal },
          isPaid: payoutOrders.some(({ awardPeriodId }) => awardPeriodId === order.awardPeriodId),
        });
        if (!judged.ok) return { facts: [], done: () => resolve(judged) };
        const { decision, programme } = judged;
        const json = programme === null ? '' : canonicalJson(programme);
        const done = () => resolve({ ok: true, value: { decision, programme: json } });
        if (decision === null) return { facts: [], done };
        const hash = this.#options.recovered.store.vault.digest(json);
        const newer: readonly PartitionFact[] = json === '' ? [] : [{ kind: 'programmeSet', json, hash }];
        return { facts: [{ kind: 'periodDecided', decision }, ...newer], done };
      });
    });
  }

  async settlePeriod({ decision, programme }: PeriodSettled): Promise<number> {
    if (programme !== '') this.#law.adopt(programmeIn(programme));
    const count = decision?.kind === 'reopen' ? await this.#reopen(decision) : 0;
    this.#isHeldBack = false;
    this.#shard.wake();
    return count;
  }

  /** Each partition once. */
  async #reopen(decision: PeriodDecision): Promise<number> {
    const counts = this.#options.recovered.partitions.map((partition) => {
      return new Promise<number>((resolve) => {
        this.#shard.system(partition, (_, turn) => {
          const sub = decisionSub('reopened', decision);
          const isDone = turn.view.get('periodDecision', partition, '', sub) !== undefined;
          return isDone
            ? { facts: [], done: () => resolve(0) }
            : { facts: [{ kind: 'periodReopened', decision }], done: () => resolve(1) };
        });
      });
    });
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
  }

  async recoveredMoves(): Promise<readonly RecoveredMove[]> {
    const { moves } = this.#options.recovered.found;
    if (moves === null) return [];
    this.#moves ??= moves[Symbol.iterator]();
    const piece = firstOf(this.#moves);
    if (piece.length === 0) moves.length = 0; // They may be many, and nobody asks again.
    return piece;
  }

  async participants(awardPeriodIds: readonly number[]): Promise<readonly RankedStanding[]> {
    this.#participants ??= this.#standings(awardPeriodIds);
    return firstOf(this.#participants);
  }

  /** Each total of a wallet takes part (DECISIONS 21 and 38), but for who is excluded. */
  *#standings(awardPeriodIds: readonly number[]): Iterator<RankedStanding> {
    for (const { citizen, totals } of this.#wallets()) {
      for (const ofPeriod of totals) {
        const { awardPeriodId } = ofPeriod;
        const standing = rankedStanding(ofPeriod);
        if (standing !== null && awardPeriodIds.includes(awardPeriodId)) yield { awardPeriodId, citizen, standing };
      }
    }
  }

  *#wallets(): Iterable<WalletHead> {
    const { store, partitions, found } = this.#options.recovered;
    for (const partition of partitions) {
      for (const wallet of store.rows.heads('wallet', partition)) {
        if (!found.actors.isChanged(wallet.citizen)) yield wallet;
      }
    }
    yield* found.actors.changed('wallet') as Iterable<Wallet>;
  }

  payoutsDue: CoordinatedShard['payoutsDue'] = (awardPeriodId) => this.#payoutRuns.due(awardPeriodId);
  lastPayoutOrder: CoordinatedShard['lastPayoutOrder'] = async (...asked) => this.#payoutRuns.lastOrder(...asked);
  payoutProgress: CoordinatedShard['payoutProgress'] = async (...asked) => this.#payoutRuns.progress(...asked);
  runPayouts: CoordinatedShard['runPayouts'] = (work) => this.#payoutRuns.run(work);
  runNotices: CoordinatedShard['runNotices'] = (work) => this.#notices.run(work);
  orderPayouts: CoordinatedShard['orderPayouts'] = (order) =>
    this.#payouts(0, (turn, decider) => decider.order(turn, order));

  /** Of a citizen of this store. Throws StorageFault where the key is gone. */
  taxCodeOf(citizen: CitizenKey): string {
    return this.#reads.taxCodeOf(citizen);
  }

  // After a flush

  #published(record: TurnRecord): void {
    for (const piece of piecesOf(publishedOf(record, this.#options.index))) {
      this.#sent += 1;
      this.#options.coordinator.published(piece);
    }
    this.#expiry.published(record);
    if (this.#listeners.size > 0) {
      const citizens = citizensIn(record);
      for (const listener of this.#listeners) listener(citizens);
    }
    this.#checkpointIfDue();
  }

  #checkpointIfDue(): void {
    this.#checkpointer.runIfDue()?.catch(this.#options.failed);
  }

  #row(partition: number): PartitionRow {
    return this.#options.recovered.row(partition);
  }

  #isOwn(partition: number): boolean {
    const { index, shardCount } = this.#options;
    return partition % shardCount === index;
  }

  /** Who is to be sent a message. */
  #neighbour(partition: number): NeighbourShard {
    this.#sent += 1;
    return this.#shardAt(partition);
  }

  #shardAt(partition: number): NeighbourShard {
    return this.#options.neighbour(partition % this.#options.shardCount);
  }
}

function publishedOf({ sequence, sections }: TurnRecord, shard: number): Published {
  const sequences: (readonly [number, number])[] = [];
  const moves: Published['moves'][number][] = [];
  const finalPeriods: (readonly [number, number])[] = [];
  const frozenRankings: number[] = [];
  for (const section of sections) {
    sequences.push([section.partition, section.sequence]);
    for (const fact of section.facts) {
      moves.push(...movesOf(fact));
      if (fact.kind === 'periodFrozen') finalPeriods.push([section.partition, fact.awardPeriodId]);
      else if (fact.kind === 'rankingFrozen') frozenRankings.push(fact.awardPeriodId);
    }
  }
  return { shard, sequence, sequences, moves, finalPeriods, frozenRankings };
}

/** As much as travels in one message; what comes with a turn's last moves is true only then. */
function* piecesOf(published: Published): Iterable<Published> {
  const { shard, sequence, moves } = published;
  let at = 0;
  for (; moves.length - at > LIMITS.pieceCount; at += LIMITS.pieceCount) {
    const piece = moves.slice(at, at + LIMITS.pieceCount);
    yield { shard, sequence: sequence - 1, sequences: [], moves: piece, finalPeriods: [], frozenRankings: [] };
  }
  yield at === 0 ? published : { ...published, moves: moves.slice(at) };
}

/** Whose wallets or totals changed. */
function citizensIn(record: TurnRecord): readonly CitizenKey[] {
  const citizens = new Set<CitizenKey>();
  for (const { facts } of record.sections) {
    for (const fact of facts) if ('citizen' in fact && !BESIDE_WALLETS.has(fact.kind)) citizens.add(fact.citizen);
  }
  return [...citizens];
}

/** Facts of a citizen that leave the wallet as it is: there are millions of them when a period is paid. */
const BESIDE_WALLETS: ReadonlySet<Fact['kind']> = new Set([
  'payoutMade',
  'payoutAdded',
  'payoutSet',
  'noticeQueued',
  'noticeSet',
]);

/** As many as travel in one message. */
function firstOf<T>(all: Iterator<T>): readonly T[] {
  const piece: T[] = [];
  while (piece.length < LIMITS.pieceCount) {
    const { done, value } = all.next();
    if (done === true) break;
    piece.push(value);
  }
  return piece;
}
