/**
 * Decides what is owed and what becomes of it, within a turn: runs through the citizens of a partition, changes of
 * records, and what follows from a citizen's own commands. The machine of a record judges (payout-machine.ts).
 */
import { invariant } from '../assert.ts';
import type {
  CitizenKey,
  PayoutChange,
  PayoutFile,
  PayoutIntegration,
  PayoutReply,
  PeriodParameters,
  Programme,
  RefusalName,
  Refused,
} from '../contract.ts';
import type { Fact } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import { partitionOf } from '../partition.ts';
import {
  isFailed,
  isPaidByConsap,
  type Payout,
  type PayoutOrder,
  type PayoutRun,
  payoutId,
  payoutNumber,
  payoutPlace,
  placeOfPayout,
} from '../payout/payout.ts';
import { decidePayout, type PayoutEvent } from '../payout/payout-machine.ts';
import { RunReader } from '../payout/runs.ts';
import { type PartitionRow, StorageFault, type Vault } from '../ports.ts';
import { findPeriod, payoutAmounts, supplementOf } from '../programme/index.ts';
import type { SealedPayoff, Wallet, WalletHead } from '../wallet/wallet.ts';
import { totalsOf } from '../wallet/wallet-facts.ts';
import { headPage } from './actor-pages.ts';
import type { Actors } from './actors.ts';
import type { RunProgress } from './citizen-runs.ts';
import { emptyPartition } from './fold.ts';
import type { NoticeDecider } from './notice-decider.ts';
import { addedAmong, payoutsOf } from './payout-records.ts';
import type { Turn } from './turn.ts';
import { isWinning, tiedOf, type Winners } from './winners.ts';

export interface PayoutDeciderOptions {
  readonly actors: Actors;
  readonly programme: Programme;
  readonly vault: Vault;
  /** Hears what the bank says of a transfer. */
  readonly notices: Pick<NoticeDecider, 'settled'>;
  readonly fact: (turn: Turn, partition: number, fact: Fact) => void;
}

/** One step of a partition's run. */
export interface RunStep extends Winners {
  readonly order: PayoutOrder;
}

export class PayoutDecider {
  readonly #options: PayoutDeciderOptions;

  constructor(options: PayoutDeciderOptions) {
    this.#options = options;
  }

  // Runs

  /** The next citizens of the partition. A run that is done stays done. */
  run(turn: Turn, partition: number, step: RunStep): RunProgress {
    const { order } = step;
    const row = partitionRow(turn, partition);
    const before = row.payoutRuns.findLast(({ orderNumber }) => orderNumber === order.orderNumber);
    if (before?.isDone === true) return { isDone: true, tied: [] };

    const after = before?.cursor ?? '';
    const page = headPage(this.#options.actors, 'wallet', { partition, after, countMax: LIMITS.payoutsPerTurnMax });
    const wallets = page.values.map((wallet) => this.#options.actors.newest(wallet));
    const tied = wallets.flatMap((wallet) => tiedOf(wallet, order.awardPeriodId, step));
    if (tied.length > 0) return { isDone: false, tied };

    const made = this.#made(turn, partition, step, wallets, after);
    const begun = segment(row, order, before);
    const next = {
      ...begun,
      count: begun.count + made.length,
      totalCents: made.reduce((total, one) => total + one.cashbackCents + one.jackpotCents, begun.totalCents),
    };
    for (const payout of made) {
      this.#options.fact(turn, partition, { kind: 'payoutMade', citizen: payout.citizen, payout });
    }
    const isDone = page.next === null;
    const cursor = page.next ?? wallets.at(-1)?.citizen ?? after;
    this.#options.fact(turn, partition, { kind: 'payoutRunSet', run: { ...next, cursor, isDone } });
    return { isDone, tied: [] };
  }

  /** By partition 0. */
  order(turn: Turn, order: PayoutOrder): PayoutOrder {
    const now = { ...order, atMs: turn.nowMs };
    this.#options.fact(turn, 0, { kind: 'payoutsOrdered', order: now });
    return now;
  }

  setFile(turn: Turn, file: PayoutFile): PayoutReply {
    this.#options.fact(turn, 0, { kind: 'payoutFileSet', file });
    return { ok: true, successorId: null };
  }

  #made(
    turn: Turn,
    partition: number,
    { order, ...winners }: RunStep,
    wallets: readonly WalletHead[],
    after: CitizenKey | '',
  ): readonly Payout[] {
    const period = this.#period(order.awardPeriodId);
    const row = partitionRow(turn, partition);
    const recordAt = (place: number) => turn.view.line('payout', partition, place);
    const earlier = row.payoutRuns
      .filter(
        ({ awardPeriodId, orderNumber }) => awardPeriodId === order.awardPeriodId && orderNumber < order.orderNumber,
      )
      .map((run) => new RunReader(run, after, recordAt));
    const citizens = wallets.map(({ citizen }) => citizen);
    const added = addedAmong(turn.view, this.#options.actors, { partition, citizens });
    const made: Payout[] = [];
    for (const wallet of wallets) {
      const totals = totalsOf(wallet, order.awardPeriodId);
      if (totals === undefined) continue;
      const isWinner = isWinning(wallet.citizen, totals, winners);
      const due = payoutAmounts(totals, period, { cut: order.cut, isWinner });
      if (due === null) continue;
      const byRuns = earlier.flatMap((run) => run.of(wallet.citizen) ?? []);
      // Not what a failed record is sent again by: that was granted with the record.
      const byConsap = (added.get(wallet.citizen) ?? []).filter(
        (one) => one.awardPeriodId === order.awardPeriodId && isPaidByConsap(one),
      );
      const amounts = supplementOf(due, { byRuns, byConsap });
      if (amounts === null) continue;
      made.push({
        ...newPayout(wallet, row.payoutCount + made.length, turn.nowMs),
        ...amounts,
        awardPeriodId: order.awardPeriodId,
        orderNumber: order.orderNumber,
      });
    }
    return made;
  }

  // What operators and banks say

  /** Of this partition's records; each for itself. */
  change(turn: Turn, partition: number, changes: readonly PayoutChange[]): readonly PayoutReply[] {
    return changes.map((change) => this.#change(turn, partition, change));
  }

  #change(turn: Turn, partition: number, change: PayoutChange): PayoutReply {
    const payout = this.#find(turn, partition, change.id);
    if (payout === undefined) return refused('PAYOUT_NOT_FOUND');
    const decision = decidePayout(payout, this.#eventOf(turn, partition, payout, change), turn.nowMs);
    if (decision.refused !== null) return refused(decision.refused);
    if (decision.payout !== null) {
      this.#set(turn, partition, decision.payout);
      if (change.kind === 'outcome') {
        const wallet = this.#wallet(turn, partition, payout.citizen);
        this.#options.notices.settled(turn, partition, decision.payout, wallet);
      }
    }
    const successorPlace = this.#succeedIfDue(turn, partition, decision.payout ?? payout);
    return { ok: true, successorId: successorPlace === 0 ? null : payoutId(partition, successorPlace) };
  }

  #eventOf(turn: Turn, partition: number, payout: Payout, change: PayoutChange): PayoutEvent {
    switch (change.kind) {
      case 'export':
        return { type: 'EXPORT', fileNumber: change.fileNumber, updateMs: change.updateMs };
      case 'deliver':
        return { type: 'DELIVER', fileNumber: change.fileNumber };
      case 'outcome':
        return { type: 'OUTCOME', outcome: change.outcome };
      case 'restore': {
        const { fileNumber, status } = change;
        const wallet = this.#wallet(turn, partition, payout.citizen);
        const isRefused = wallet?.enrolment === payout.enrolment && wallet.payoffRefused !== null;
        const payoff = ownPayoff(payout, wallet) ?? (isRefused ? null : payout.payoff);
        return { type: 'RESTORE', fileNumber, status, payoff };
      }
    }
  }

  /** Recorded, never sent: Consap has paid it. */
  integrate(turn: Turn, partition: number, integration: PayoutIntegration): PayoutReply {
    const { citizen, awardPeriodId, account, relatedId, consapId, ticketId, ...paid } = integration;
    const wallet = this.#wallet(turn, partition, citizen);
    if (wallet === undefined || wallet.enrolment === 0) return refused('CITIZEN_NOT_FOUND');
    if (findPeriod(this.#options.programme, awardPeriodId) === null) return refused('PERIOD_NOT_FOUND');
    const own = payoutsOf(turn.view, partition, citizen);
    const related = relatedId === null ? null : own.find(({ place }) => payoutId(partition, place) === relatedId);
    if (related === undefined) return refused('PAYOUT_NOT_FOUND');
    const relatedPlace = related?.place ?? 0;
    const isKnown = own.some(
      (one) => one.consapId === consapId && one.ticketId === ticketId && one.relatedPlace === relatedPlace,
    );
    if (isKnown) return refused('PAYOUT_INTEGRATED');
    const sealed = this.#options.vault.seal(wallet.slot, JSON.stringify(account satisfies SealedPayoff));
    this.#add(turn, partition, {
      ...newPayout(wallet, partitionRow(turn, partition).payoutCount, turn.nowMs),
      ...{ ...paid, awardPeriodId, relatedPlace, consapId, ticketId },
      payoff: { checkStatus: 'OK', sealed },
      status: 'INTEGRATION',
    });
    return { ok: true, successorId: null };
  }

  // What citizens do

  /** After what a citizen did, or the bank said of the account: where the money goes, or that it does not. */
  follow(turn: Turn, partition: number, facts: readonly Fact[]): void {
    for (const fact of facts) {
      if (fact.kind === 'payoffSet') this.#followPayoff(turn, partition, fact.citizen);
      else if (fact.kind === 'payoffJudged') {
        const { payoff, citizen } = fact;
        this.#tellAll(turn, partition, citizen, payoff === null ? { type: 'EMPTY' } : { type: 'FILL', payoff });
      } else if (fact.kind === 'left') this.#tellAll(turn, partition, fact.citizen, { type: 'WITHDRAW' });
      else if (fact.kind === 'citizenExcluded') this.#followExclusion(turn, partition, fact);
    }
  }

  #followPayoff(turn: Turn, partition: number, citizen: CitizenKey): void {
    const wallet = this.#wallet(turn, partition, citizen);
    invariant(wallet !== undefined && wallet.payoff !== null, 'it has just been set');
    for (const payout of this.#tellAll(turn, partition, citizen, { type: 'FILL', payoff: wallet.payoff })) {
      this.#succeedIfDue(turn, partition, payout);
    }
  }

  /** Nothing more is sent to who is excluded; what was not sent by then is, once that is lifted. */
  #followExclusion(
    turn: Turn,
    partition: number,
    { citizen, isExcluded }: Extract<Fact, { kind: 'citizenExcluded' }>,
  ): void {
    const { enrolment = 0 } = this.#wallet(turn, partition, citizen) ?? {};
    this.#tellAll(turn, partition, citizen, isExcluded ? { type: 'WITHDRAW' } : { type: 'REINSTATE', enrolment });
  }

  /** @returns all records of the citizen, as they were before */
  #tellAll(turn: Turn, partition: number, citizen: CitizenKey, event: PayoutEvent): readonly Payout[] {
    if (partitionRow(turn, partition).payoutCount === 0) return [];
    const payouts = payoutsOf(turn.view, partition, citizen);
    for (const payout of payouts) {
      const decision = decidePayout(payout, event, turn.nowMs);
      if (decision.payout !== null) this.#set(turn, partition, decision.payout);
    }
    return payouts;
  }

  /**
   * A failed transfer is sent again once the citizen has another IBAN, and only once (domain 3.5, G42).
   *
   * @returns the place of what it is sent again by; 0 = it is not
   */
  #succeedIfDue(turn: Turn, partition: number, failed: Payout): number {
    if (!isFailed(failed) || failed.successorPlace !== 0) return failed.successorPlace;
    const payoff = ownPayoff(failed, this.#wallet(turn, partition, failed.citizen));
    if (payoff === null || failed.payoff === null) return 0;
    const [iban, ibanBefore] = [
      this.#ibanOf(failed.slot, payoff.sealed),
      this.#ibanOf(failed.slot, failed.payoff.sealed),
    ];
    if (iban === null || iban === ibanBefore) return 0;
    const place = payoutPlace(partitionRow(turn, partition).payoutCount);
    const decision = decidePayout(failed, { type: 'SUCCEED', successorPlace: place }, turn.nowMs);
    invariant(decision.payout !== null, 'a failed record without a successor may have one');
    this.#set(turn, partition, decision.payout);
    const { citizen, enrolment, awardPeriodId, cashbackCents, jackpotCents, ticketId } = failed;
    this.#add(turn, partition, {
      ...newPayout({ citizen, enrolment, slot: failed.slot, payoff }, payoutNumber(place), turn.nowMs),
      ...{ awardPeriodId, cashbackCents, jackpotCents, ticketId },
      relatedPlace: failed.place,
    });
    return place;
  }

  /** Null = its key is gone. */
  #ibanOf(slot: number, sealed: Uint8Array): string | null {
    try {
      return (JSON.parse(this.#options.vault.open(slot, sealed)) as SealedPayoff).iban;
    } catch (fault) {
      if (fault instanceof StorageFault && fault.code === 'SEAL_BROKEN') return null;
      throw fault;
    }
  }

  #find(turn: Turn, partition: number, id: number): Payout | undefined {
    const place = placeOfPayout(id);
    if (payoutNumber(place) >= partitionRow(turn, partition).payoutCount) return undefined;
    return turn.view.line('payout', partition, place);
  }

  #wallet(turn: Turn, partition: number, citizen: CitizenKey): Wallet | undefined {
    invariant(partitionOf(citizen) === partition, 'what is owed stands where its citizen does');
    return turn.view.get('wallet', partition, citizen, '');
  }

  #period(awardPeriodId: number): PeriodParameters {
    const period = findPeriod(this.#options.programme, awardPeriodId);
    invariant(period !== null, `the programme has no period ${awardPeriodId}`);
    return period;
  }

  #set(turn: Turn, partition: number, payout: Payout): void {
    this.#options.fact(turn, partition, { kind: 'payoutSet', citizen: payout.citizen, payout });
  }

  #add(turn: Turn, partition: number, payout: Payout): void {
    this.#options.fact(turn, partition, { kind: 'payoutAdded', citizen: payout.citizen, payout });
  }
}

/** The payoff of who earned it and is still enrolled; null = there is none. */
function ownPayoff({ enrolment }: Payout, wallet: Wallet | undefined) {
  return wallet?.status === 'enabled' && wallet.enrolment === enrolment ? wallet.payoff : null;
}

function newPayout(
  { citizen, enrolment, slot, payoff }: Pick<Wallet, 'citizen' | 'enrolment' | 'slot' | 'payoff'>,
  number: number,
  atMs: number,
): Payout {
  return {
    place: payoutPlace(number),
    citizen,
    enrolment,
    slot,
    awardPeriodId: 0,
    cashbackCents: 0,
    jackpotCents: 0,
    payoff,
    status: 'NEW',
    orderNumber: 0,
    isEnabled: true,
    fileNumber: 0,
    outcome: null,
    relatedPlace: 0,
    successorPlace: 0,
    ticketId: '',
    consapId: '',
    atMs,
  };
}

/** Records that others had made meanwhile stand between two segments of one run. */
function segment(
  row: PartitionRow,
  { awardPeriodId, orderNumber }: PayoutOrder,
  before: PayoutRun | undefined,
): PayoutRun {
  if (before !== undefined && before.first + before.count === row.payoutCount) return before;
  const cursor = before?.cursor ?? '';
  return { awardPeriodId, orderNumber, first: row.payoutCount, count: 0, totalCents: 0, cursor, isDone: false };
}

function partitionRow(turn: Turn, partition: number): PartitionRow {
  return turn.view.get('partition', partition, '', '') ?? emptyPartition();
}

function refused(code: RefusalName): Refused {
  return { ok: false, code };
}
