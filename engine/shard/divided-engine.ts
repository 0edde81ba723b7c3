/** The door of the engine over its parts, wherever they are: each question goes to the part that knows. */
import { reversalPrefix } from '../card/listed-reversals.ts';
import type {
  AccountRecheck,
  CitizenKey,
  ExclusionsPage,
  NoticeChange,
  NoticeRunKind,
  NoticesPage,
  NoticesQueued,
  PayoutChange,
  PayoutReply,
  PeriodDecision,
  PeriodOrder,
  Programme,
  ReceivedFile,
  ReceivedFilesPage,
  RecordCommand,
  RecordCover,
  RecordOutcome,
  Refused,
  ReversalsPage,
  UnverifiedAccount,
} from '../contract.ts';
import { PARTITION_COUNT, PAYOUT_ID_MAX, REOPENED_FILES_MAX, RESOLUTION_REASON_MAX } from '../contract.ts';
import type {
  Engine,
  EngineStats,
  ExclusionsQuery,
  NoticesQuery,
  Read,
  ReceivedFilesQuery,
  ReversalsQuery,
} from '../engine.ts';
import { exclusionPrefix } from '../exclusion/exclusion.ts';
import { addToTally, type FileTally, figuresOf, filesPrefix, receivedFileSub } from '../file/received-file.ts';
import { LIMITS } from '../limits.ts';
import { noticePrefix } from '../notice/notice.ts';
import { citizenKeyText, partitionOf } from '../partition.ts';
import { partitionOfPayout } from '../payout/payout.ts';
import type { Clock } from '../ports.ts';
import { StorageFault } from '../ports.ts';
import {
  canonicalJson,
  dayText,
  isLine,
  isReversal,
  Law,
  noticesDue,
  periodDetails,
  periodViews,
  programmeIn,
  romeDayNumber,
} from '../programme/index.ts';
import { isBeforeTerms } from '../wallet/wallet.ts';
import { Intakes } from './intakes.ts';
import type { ParQuestion, ServedCoordinator, ServedShard, ShardReport, ShardStats, Traffic } from './parts.ts';

export interface DividedEngineOptions {
  readonly programme: Programme;
  /** By number: shard i serves the partitions p with p % shards.length === i. */
  readonly shards: readonly ServedShard[];
  readonly coordinator: ServedCoordinator;
  readonly clock: Clock;
  /** Keyed hash of a text. */
  readonly digest: (text: string) => string;
  /** What the start found in each store. Where one keeps an older format, what that has no words for is refused (FORMAT_KEPT). */
  readonly reports: readonly Pick<ShardReport, 'isOlder' | 'periodDecisions'>[];
  /** Asked before each change: turns it away at the door. What is under way goes on. */
  readonly refusal?: ((nowMs: number) => Refused | null) | undefined;
}

/**
 * By what the stores hold: which programme they go on with, at a time that is not before what they have stamped.
 *
 * @param given of a new folder; must equal the folder's own where that has one. Undefined = the folder's own
 * @throws StorageFault PROGRAMME_MISSING | PROGRAMME_MISMATCH | CLOCK_BEFORE_JOURNAL
 */
export function chooseProgramme(
  reports: readonly ShardReport[],
  given: Programme | undefined,
  nowMs: number,
): Programme {
  checkClock(reports, nowMs);
  const stored = reports[0]!.programme;
  if (stored === null) {
    if (given === undefined) throw new StorageFault('PROGRAMME_MISSING', 'a new folder needs a programme: --programme');
    return given;
  }
  // Whoever restarts a server goes on naming the file that it was made with: a version before this one is right, too.
  const versions = [stored, ...reports[0]!.periodDecisions.map(({ replaced }) => replaced)];
  if (given !== undefined && !versions.includes(canonicalJson(given))) {
    throw new StorageFault(
      'PROGRAMME_MISMATCH',
      'the folder has another programme: start without --programme, or with another --data; ' +
        'a newer version is for a running server: clickday programme replace FILE',
    );
  }
  return programmeIn(stored);
}

/** Real clocks are corrected now and then; instants within a partition never fall all the same. */
const CLOCK_SLACK_MS = 1_000;

function checkClock(reports: readonly ShardReport[], nowMs: number): void {
  const lastMs = Math.max(...reports.map((report) => report.lastMs));
  if (nowMs + CLOCK_SLACK_MS >= lastMs) return;
  throw new StorageFault(
    'CLOCK_BEFORE_JOURNAL',
    `the clock says ${new Date(nowMs).toISOString()}, but the folder was written until ` +
      `${new Date(lastMs).toISOString()}: start with --now at or after that`,
  );
}

export class DividedEngine implements Engine {
  readonly programme: Programme;
  readonly #options: DividedEngineOptions;
  readonly #law: Law;
  readonly #intakes: Intakes;
  #decisions: readonly PeriodDecision[];
  #stats: Promise<EngineStats> | null = null;
  #isClosed = false;

  /** Finishes what the last stop left: the programme of a new folder, messages under way, boundaries missed. */
  static async open(options: DividedEngineOptions): Promise<DividedEngine> {
    const engine = new DividedEngine(options);
    await Promise.all(options.shards.map((shard) => shard.resume()));
    await engine.#idle();
    if (engine.#decisions.length > 0) await options.coordinator.decidePeriod(null);
    engine.tick();
    await engine.#idle();
    return engine;
  }

  private constructor(options: DividedEngineOptions) {
    this.#options = options;
    this.#law = new Law(options.programme);
    this.programme = this.#law;
    this.#decisions = options.reports.flatMap(({ periodDecisions }) => periodDecisions);
    this.#intakes = new Intakes(this.#law, this.#decisions);
  }

  execute: Engine['execute'] = (command, done) => {
    const refused = command.body.kind === 'setFavourite' ? this.#refusedAsNew() : this.#refused();
    if (refused === null) this.#shardOf(command.citizen).execute(command, done);
    else done(refused);
  };
  record: Engine['record'] = (command, done) => {
    const refused = this.#refused();
    if (refused !== null) return done(refused);
    const passed = this.#intakes.open(command.receivedMs);
    const end = (outcome: RecordOutcome | Refused) => {
      this.#intakes.close(passed);
      done(outcome);
    };
    const asked = this.#withOpenFile(command);
    const { par, record } = asked;
    this.#shardOf(record.hpan).record(asked, (outcome) => {
      if (par === undefined || !isUncovered(outcome)) end(outcome);
      else void this.#recordByPar(asked, par, outcome).then(end);
    });
  };

  /**
   * Its own hash is nobody's: it is the card's that has its PAR, if the activations of all such cards that cover the day
   * are one citizen's. They are of days past, which later ones never change, so asking before deciding misses nothing.
   */
  async #recordByPar(command: RecordCommand, par: string, uncovered: RecordOutcome): Promise<RecordOutcome | Refused> {
    const found = await this.#coverOf({ par, dayNumber: romeDayNumber(command.record.trxMs) });
    if (!found.ok) return found;
    const cover = found.value;
    if (cover === null) return uncovered;
    const shard = this.#shardOf(command.record.hpan);
    return new Promise((resolve) => shard.record({ ...command, cover }, resolve));
  }

  /** Null: nobody's, or several citizens'. */
  async #coverOf(asked: ParQuestion): Promise<Read<RecordCover | null>> {
    const reads = await Promise.all(this.#options.shards.map((shard) => shard.parCovers(asked)));
    const covers: RecordCover[] = [];
    for (const read of reads) {
      if (!read.ok) return read;
      covers.push(...read.value);
    }
    const [cover] = covers;
    const isOnes = cover !== undefined && covers.every(({ citizen }) => citizen === cover.citizen);
    return { ok: true, value: isOnes ? cover : null };
  }

  /** As things stand, what is active covers tomorrow and nothing else does (domain 2.2). */
  cardOfPar: Engine['cardOfPar'] = async (par) => {
    const found = await this.#coverOf({ par, dayNumber: romeDayNumber(this.#options.clock.nowMs()) + 1 });
    if (!found.ok) return found;
    if (found.value === null) return { ok: true, value: null };
    const { master: hpan } = found.value;
    const activations = await this.activations(hpan);
    if (!activations.ok) return activations;
    const { citizen, channel, activationMs, deactivationMs } = activations.value.at(-1)!;
    // Ended meanwhile.
    return { ok: true, value: deactivationMs === null ? { hpan, citizen, channel, activationMs } : null };
  };

  setPar: Engine['setPar'] = async (citizen, hpan, par) =>
    this.#refusedAsNew() ?? this.#shardOf(hpan).setPar(citizen, hpan, par);
  citizenKeyOf: Engine['citizenKeyOf'] = (taxCode) => this.#options.digest(citizenKeyText(taxCode));
  outcome: Engine['outcome'] = (citizen, ...rest) => this.#shardOf(citizen).outcome(citizen, ...rest);
  wallet: Engine['wallet'] = (citizen) => this.#shardOf(citizen).wallet(citizen);
  instrument: Engine['instrument'] = (citizen, hpan) => this.#shardOf(hpan).instrument(citizen, hpan);
  instruments: Engine['instruments'] = (citizen) => this.#shardOf(citizen).instruments(citizen);
  activations: Engine['activations'] = (hpan) => this.#shardOf(hpan).activations(hpan);
  taxCode: Engine['taxCode'] = (citizen) => this.#shardOf(citizen).taxCode(citizen);
  total: Engine['total'] = (citizen, ...rest) => this.#shardOf(citizen).total(citizen, ...rest);
  payments: Engine['payments'] = (citizen, ...rest) => this.#shardOf(citizen).payments(citizen, ...rest);
  paymentDays: Engine['paymentDays'] = (citizen, ...rest) => this.#shardOf(citizen).paymentDays(citizen, ...rest);
  milestones: Engine['milestones'] = (citizen, ...rest) => this.#shardOf(citizen).milestones(citizen, ...rest);
  rankings: Engine['rankings'] = (citizen, ...rest) => this.#shardOf(citizen).rankings(citizen, ...rest);
  rankingPage: Engine['rankingPage'] = (...args) => this.#options.coordinator.rankingPage(...args);
  periods: Engine['periods'] = () => periodViews(this.#law, this.#options.clock.nowMs());
  periodDetails: Engine['periodDetails'] = () => periodDetails(this.#law, this.#decisions, this.#options.clock.nowMs());
  periodDecisions: Engine['periodDecisions'] = () => this.#decisions;

  decidePeriod: Engine['decidePeriod'] = async (order) => {
    const refused = this.#refusedAsNew() ?? refusedOrder(order);
    if (refused !== null) return refused;
    const settled = await this.#options.coordinator.decidePeriod(order);
    if (!settled.ok) return settled;
    const { decision, programme } = settled.value;
    if (programme !== '') this.#law.adopt(programmeIn(programme));
    if (decision !== null) {
      this.#decisions = [...this.#decisions, decision];
      this.#intakes.follow(this.#law, this.#decisions, this.#options.clock.nowMs());
    }
    return { ok: true, value: decision };
  };

  /** A file that no period is open for is nobody's concern: what it is named does not travel on. */
  #withOpenFile(command: RecordCommand): RecordCommand {
    const { file, ...unnamed } = command;
    return file === undefined || this.#intakes.isReopenedFor(file, command.receivedMs) ? command : unnamed;
  }

  async reversals({ state, limit = 20, cursor }: ReversalsQuery): Promise<Read<ReversalsPage>> {
    const prefix = reversalPrefix(state);
    const read = async (partition: number, after: string, countMax: number) => {
      const part = await this.#shardAt(partition).reversals({ state, partition, after, countMax });
      return part.ok ? { ...part, value: part.value.map(({ sub, reversal }) => ({ sub, item: reversal })) } : part;
    };
    const page = await pageOf({ prefix, limit: Math.min(limit, LIMITS.reversalsPageMax), cursor, read });
    return page.ok ? { ok: true, value: { reversals: page.value.items, nextCursor: page.value.nextCursor } } : page;
  }

  resolveReversal: Engine['resolveReversal'] = async (decision) => {
    const refused = this.#refusedAsNew();
    if (refused !== null) return refused;
    const { hpan, resolution, payment } = decision;
    const unnamed = unnamedField(decision);
    if (unnamed !== null) return fieldInvalid(unnamed);
    if ((resolution === 'apply') !== (payment !== null)) return fieldInvalid('payment');
    return this.#shardOf(hpan).resolveReversal(decision);
  };

  exclude: Engine['exclude'] = async (request) => {
    const refused = this.#refusedAsNew();
    if (refused !== null) return refused;
    const unnamed = unnamedField(request);
    return unnamed === null ? this.#shardOf(request.citizen).exclude(request) : fieldInvalid(unnamed);
  };

  async exclusions({ state, limit = 20, cursor }: ExclusionsQuery): Promise<Read<ExclusionsPage>> {
    const prefix = exclusionPrefix(state);
    const read = async (partition: number, after: string, countMax: number) => {
      const part = await this.#shardAt(partition).exclusions({ state, partition, after, countMax });
      return part.ok ? { ...part, value: part.value.map(({ sub, exclusion }) => ({ sub, item: exclusion })) } : part;
    };
    const page = await pageOf({ prefix, limit: Math.min(limit, LIMITS.exclusionsPageMax), cursor, read });
    return page.ok ? { ok: true, value: { exclusions: page.value.items, nextCursor: page.value.nextCursor } } : page;
  }

  /** What the wallet would say is asked of the wallet, which may be anywhere. */
  recordFate: Engine['recordFate'] = async (hpan, record) => {
    const read = await this.#shardOf(hpan).recordFate(hpan, record);
    if (!read.ok || isReversal(record)) return read;
    const { state, citizen, guards } = read.value;
    if (citizen === null || (state !== 'unknown' && state !== 'dropped')) return read;
    const wallet = await this.wallet(citizen);
    if (!wallet.ok && wallet.code !== 'CITIZEN_NOT_FOUND') return wallet;
    const terms = wallet.ok && wallet.value.enabled ? wallet.value : null;
    if (terms !== null && !isBeforeTerms(record, terms)) return read;
    const day = dayText(romeDayNumber(record.trxMs));
    const failed = { code: 'TERMS_NOT_COVERED', day, termsMs: terms?.termsMs ?? null } as const;
    return { ok: true, value: { ...read.value, guards: [...guards, failed] } };
  };

  makePayouts: Engine['makePayouts'] = async (...asked) =>
    this.#refusedAsNew() ?? this.#options.coordinator.makePayouts(...asked);
  integratePayout: Engine['integratePayout'] = async (integration) =>
    this.#refusedAsNew() ?? this.#shardOf(integration.citizen).integratePayout(integration);
  payoutsOf: Engine['payoutsOf'] = (citizen) => this.#shardOf(citizen).payoutsOf(citizen);
  payoutFiles: Engine['payoutFiles'] = () => this.#shardAt(0).payoutFiles();
  setPayoutFile: Engine['setPayoutFile'] = async (file) => this.#refusedAsNew() ?? this.#shardAt(0).setPayoutFile(file);

  async changePayouts(changes: readonly PayoutChange[]): Promise<readonly PayoutReply[]> {
    const refused = this.#refusedAsNew();
    if (refused !== null) return changes.map(() => refused);
    const byPartition = new Map<number, number[]>();
    const replies: PayoutReply[] = changes.map(() => ({ ok: false, code: 'PAYOUT_NOT_FOUND' }));
    for (const [index, { id }] of changes.entries()) {
      if (!Number.isInteger(id) || id < 1 || id > PAYOUT_ID_MAX) continue;
      const partition = partitionOfPayout(id);
      const indexes = byPartition.get(partition);
      if (indexes === undefined) byPartition.set(partition, [index]);
      else indexes.push(index);
    }
    const change = async (partition: number, indexes: readonly number[]) => {
      const own = indexes.map((index) => changes[index]!);
      const answers = await this.#shardAt(partition).changePayouts(partition, own);
      for (const [at, index] of indexes.entries()) replies[index] = answers[at]!;
    };
    const pieces = [...byPartition].flatMap(([partition, indexes]) =>
      slicesOf(indexes, LIMITS.payoutsPageMax).map((piece) => change(partition, piece)),
    );
    await Promise.all(pieces);
    return replies;
  }

  payouts: Engine['payouts'] = async (query) => {
    const { awardPeriodId = null, filter = 'all', isBrief = false, cursor = `${query.partition ?? 0} 0` } = query;
    const { partition, from } = payoutCursorOf(cursor);
    if (partition >= PARTITION_COUNT) return { ok: true, value: { payouts: [], nextCursor: null } };
    const part = { partition, from, countMax: LIMITS.payoutsPageMax, filter, awardPeriodId, isBrief };
    const page = await this.#shardAt(partition).payouts(part);
    if (!page.ok) return page;
    const { payouts, next } = page.value;
    const isLast = next === null && partition === (query.partition ?? PARTITION_COUNT - 1);
    const nextCursor = next === null ? `${partition + 1} 0` : `${partition} ${next}`;
    return { ok: true, value: { payouts, nextCursor: isLast ? null : nextCursor } };
  };

  async queueNotices(runs: readonly NoticeRunKind[]): Promise<Read<readonly NoticesQueued[]>> {
    const refused = this.#refusedAsNew();
    if (refused !== null) return refused;
    const queued: NoticesQueued[] = [];
    for (const { run, awardPeriodId } of noticesDue(this.programme, this.#options.clock.nowMs())) {
      if (!runs.includes(run)) continue;
      const count = await this.#options.coordinator.runNotices(run, awardPeriodId);
      if (!count.ok) return count;
      queued.push({ run, awardPeriodId, noticeCount: count.value });
    }
    return { ok: true, value: queued };
  }

  async notices({ state, untilMs, limit = 20, cursor }: NoticesQuery): Promise<Read<NoticesPage>> {
    const prefix = noticePrefix(state);
    const read = async (partition: number, after: string, countMax: number) => {
      const part = await this.#shardAt(partition).notices({
        ...{ partition, state, after, countMax },
        untilMs: untilMs ?? null,
      });
      return part.ok ? { ...part, value: part.value.map(({ sub, notice }) => ({ sub, item: notice })) } : part;
    };
    const page = await pageOf({ prefix, limit: Math.min(limit, LIMITS.noticesPageMax), cursor, read });
    return page.ok ? { ok: true, value: { notices: page.value.items, nextCursor: page.value.nextCursor } } : page;
  }

  async changeNotices(changes: readonly NoticeChange[]): Promise<Read<number>> {
    const refused = this.#refusedAsNew();
    if (refused !== null) return refused;
    const counts = await Promise.all(
      byPartition(changes).map(([partition, own]) => this.#shardAt(partition).changeNotices(partition, own)),
    );
    return { ok: true, value: counts.reduce((total, count) => total + count, 0) };
  }

  async unverifiedAccounts(untilMs: number, countMax: number): Promise<Read<readonly UnverifiedAccount[]>> {
    const accounts: UnverifiedAccount[] = [];
    for (let partition = 0; partition < PARTITION_COUNT && accounts.length < countMax; partition += 1) {
      const part = { partition, untilMs, countMax: countMax - accounts.length };
      const read = await this.#shardAt(partition).unverifiedAccounts(part);
      if (!read.ok) return read;
      accounts.push(...read.value);
    }
    return { ok: true, value: accounts };
  }

  async recheckAccounts(rechecks: readonly AccountRecheck[]): Promise<Read<number>> {
    const refused = this.#refusedAsNew();
    if (refused !== null) return refused;
    const counts = await Promise.all(
      byPartition(rechecks).map(([partition, own]) => this.#shardAt(partition).recheckAccounts(partition, own)),
    );
    return { ok: true, value: counts.reduce((total, count) => total + count, 0) };
  }

  openFile: Engine['openFile'] = async (arrival) => {
    return this.#refusedAsNew() ?? { ok: true, value: await this.#shardAt(0).openFile(arrival) };
  };

  closeFile: Engine['closeFile'] = async (file) => {
    return this.#refusedAsNew() ?? { ok: true, value: await this.#shardAt(0).closeFile(file) };
  };

  async receivedFiles({ dayNumber, sender, cursor }: ReceivedFilesQuery): Promise<Read<ReceivedFilesPage>> {
    const countMax = LIMITS.filesPageMax;
    const prefix = filesPrefix(dayNumber, sender ?? null);
    const read = await this.#shardAt(0).receivedFiles({ prefix, after: cursor ?? prefix, countMax });
    if (!read.ok) return read;
    const files = await Promise.all(read.value.map((file) => (file.isDone ? file : this.#withTally(file))));
    const last = files.length < countMax ? undefined : files.at(-1);
    return { ok: true, value: { files, nextCursor: last === undefined ? null : receivedFileSub(last) } };
  }

  /** Nobody has said what became of it: as far as the partitions know. */
  async #withTally(file: ReceivedFile): Promise<ReceivedFile> {
    let tally: FileTally = { fileNumber: file.fileNumber, rowCount: 0, amountCents: 0 };
    for (const read of await Promise.all(this.#options.shards.map((shard) => shard.fileTally(file.fileNumber)))) {
      if (read.ok) tally = addToTally(tally, read.value);
    }
    return { ...file, figures: figuresOf(tally) };
  }

  covered: Engine['covered'] = async ({ dayNumber, cursor = '0' }) => {
    const { partition, after } = cardPlaceOf(cursor);
    if (partition >= PARTITION_COUNT) return { ok: true, value: { hpans: [], nextCursor: null } };
    const part = { partition, dayNumber, after, countMax: LIMITS.pieceCount };
    const page = await this.#shardAt(partition).covered(part);
    if (!page.ok) return page;
    const { hpans, next } = page.value;
    const isLast = next === null && partition === PARTITION_COUNT - 1;
    const nextCursor = next === null ? String(partition + 1) : `${partition} ${next}`;
    return { ok: true, value: { hpans, nextCursor: isLast ? null : nextCursor } };
  };

  /** One at a time: who asks meanwhile gets the same numbers. */
  stats(): Promise<EngineStats> {
    this.#stats ??= this.#sums().finally(() => {
      this.#stats = null;
    });
    return this.#stats;
  }

  async #sums(): Promise<EngineStats> {
    const { shards, coordinator, clock } = this.#options;
    const [rankings, ...perShard] = await Promise.all([
      coordinator.rankingStats(),
      ...shards.map((shard) => shard.stats()),
    ]);
    return { nowMs: clock.nowMs(), shardCount: shards.length, ...perShard.reduce(sumOf), rankings };
  }

  onChanged(listener: (citizens: readonly CitizenKey[]) => void): () => void {
    const stops = this.#options.shards.map((shard) => shard.onChanged(listener));
    return () => {
      for (const stop of stops) stop();
    };
  }

  openIntake(receivedMs: number): () => void {
    const passed = this.#intakes.open(receivedMs);
    return () => this.#intakes.close(passed);
  }

  tick(nowMs = this.#options.clock.nowMs()): void {
    if (this.#isClosed) return;
    const { shards, coordinator } = this.#options;
    for (const { files: _, ...due } of this.#intakes.closings(nowMs)) coordinator.closePeriod(due);
    for (const shard of shards) shard.tick(nowMs);
  }

  async close(isHurried = false): Promise<void> {
    const { shards, coordinator } = this.#options;
    this.#isClosed = true;
    await Promise.all(shards.map((shard) => shard.drain(isHurried)));
    await this.#idle();
    await coordinator.close();
    await Promise.all(shards.map((shard) => shard.close()));
  }

  /**
   * Messages go round, so no part is done before all are. All were idle when they were asked, and as much was taken in
   * as had been sent: twice the same, and nothing was under way between the two rounds.
   */
  async #idle(): Promise<void> {
    let before = await this.#round();
    for (;;) {
      const now = await this.#round();
      if (now.sent === now.taken && now.sent === before.sent && now.taken === before.taken) return;
      before = now;
    }
  }

  async #round(): Promise<Traffic> {
    const { shards, coordinator } = this.#options;
    const parts = await Promise.all([...shards.map((shard) => shard.idle()), coordinator.traffic()]);
    return parts.reduce((sum, part) => ({ sent: sum.sent + part.sent, taken: sum.taken + part.taken }));
  }

  /** Of what came with the newest format. */
  #refusedAsNew(): Refused | null {
    return this.#options.reports.some(({ isOlder }) => isOlder) ? { ok: false, code: 'FORMAT_KEPT' } : this.#refused();
  }

  #refused(): Refused | null {
    if (this.#isClosed) return { ok: false, code: 'DRAINING' };
    return this.#options.refusal?.(this.#options.clock.nowMs()) ?? null;
  }

  #shardOf(key: string): ServedShard {
    return this.#shardAt(partitionOf(key));
  }

  #shardAt(partition: number): ServedShard {
    return this.#options.shards[partition % this.#options.shards.length]!;
  }
}

function slicesOf<T>(items: readonly T[], countMax: number): readonly (readonly T[])[] {
  const count = Math.ceil(items.length / countMax);
  return Array.from({ length: count }, (_, at) => items.slice(at * countMax, (at + 1) * countMax));
}

function isUncovered(outcome: RecordOutcome | Refused): outcome is RecordOutcome {
  return 'status' in outcome && outcome.status === 'dropped' && outcome.code === 'INSTRUMENT_NOT_COVERED';
}

/** In its form. What the programme and the period say to it is for partition 0 to judge. */
function refusedOrder({ kind, files, operator, reason }: PeriodOrder): Refused | null {
  const unnamed = unnamedField({ operator, reason });
  if (unnamed !== null) return fieldInvalid(unnamed);
  if (kind !== 'reopen') return null;
  const isNamed = files.every((name) => name !== '' && isLine(name, FILE_NAME_MAX));
  const isFit = files.length >= 1 && files.length <= REOPENED_FILES_MAX && new Set(files).size === files.length;
  return isNamed && isFit ? null : fieldInvalid('files');
}

/** Longer than any that a sender may give. */
const FILE_NAME_MAX = 100;

/** Whoever decides has a name and a reason, each in one line. */
function unnamedField({ operator, reason }: { readonly operator: string; readonly reason: string }): string | null {
  if (operator === '' || !isLine(operator, RESOLUTION_REASON_MAX)) return 'operator';
  return reason.trim() === '' || !isLine(reason, RESOLUTION_REASON_MAX) ? 'reason' : null;
}

function fieldInvalid(detail: string): Refused {
  return { ok: false, code: 'FIELD_INVALID', detail };
}

/** Each kept in its order. */
function byPartition<T extends { readonly citizen: CitizenKey }>(changes: readonly T[]): readonly [number, T[]][] {
  const parts = new Map<number, T[]>();
  for (const change of changes) {
    const partition = partitionOf(change.citizen);
    const own = parts.get(partition);
    if (own === undefined) parts.set(partition, [change]);
    else own.push(change);
  }
  return [...parts];
}

function sumOf(left: ShardStats, right: ShardStats): ShardStats {
  const sums = Object.entries(left).map(([name, count]) => [name, count + right[name as keyof ShardStats]]);
  return Object.fromEntries(sums) as ShardStats;
}

interface Paging<T> {
  readonly prefix: string;
  readonly limit: number;
  readonly cursor: string | undefined;
  readonly read: (
    partition: number,
    after: string,
    countMax: number,
  ) => Promise<Read<readonly { readonly sub: string; readonly item: T }[]>>;
}

/** Partition by partition: whoever has them is asked for as many as there is room for, and one more. */
async function pageOf<T>({
  prefix,
  limit,
  cursor,
  read,
}: Paging<T>): Promise<Read<{ readonly items: readonly T[]; readonly nextCursor: string | null }>> {
  const pageCount = Math.max(1, limit);
  const items: T[] = [];
  let { partition, after } = cursor === undefined ? { partition: 0, after: prefix } : placeOf(cursor);
  for (; partition < PARTITION_COUNT; partition += 1, after = prefix) {
    const part = await read(partition, after, pageCount - items.length + 1);
    if (!part.ok) return part;
    for (const { sub, item } of part.value) {
      if (items.length === pageCount) return { ok: true, value: { items, nextCursor: `${partition} ${after}` } };
      items.push(item);
      after = sub;
    }
  }
  return { ok: true, value: { items, nextCursor: null } };
}

/** Partition, and the last sub that was told; a text that is no cursor is past all of them. */
function placeOf(cursor: string): { partition: number; after: string } {
  const { partition, after = '' } = CURSOR.exec(cursor)?.groups ?? {};
  return { partition: partition === undefined ? PARTITION_COUNT : Number(partition), after };
}

const CURSOR = /^(?<partition>\d{1,2}) (?<after>[a-zA-Z0-9 -]{1,200})$/;

function cardPlaceOf(cursor: string): { partition: number; after: string } {
  const { partition = PARTITION_COUNT, after = '' } = CARD_CURSOR.exec(cursor)?.groups ?? {};
  return { partition: Number(partition), after };
}

function payoutCursorOf(cursor: string): { partition: number; from: number } {
  const { partition = PARTITION_COUNT, from = 0 } = PAYOUT_CURSOR.exec(cursor)?.groups ?? {};
  return { partition: Number(partition), from: Number(from) };
}

const PAYOUT_CURSOR = /^(?<partition>\d{1,2}) (?<from>\d{1,8})$/;

const CARD_CURSOR = /^(?<partition>\d{1,2})( (?<after>[0-9a-f]{64}))?$/;
