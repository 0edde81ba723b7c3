/** Views of flushed state: what citizens, acquirers and operators may be told (domain 5.5, 6.1). */
import type { Card, HistoryRow, LedgerEntry } from '../card/card.ts';
import { emptyCard } from '../card/card.ts';
import { lastActivation } from '../card/card-facts.ts';
import { reversalPrefix } from '../card/listed-reversals.ts';
import { coversDay } from '../card/ownership.ts';
import type {
  ActivationView,
  CitizenKey,
  CommandId,
  CommandOutcome,
  DayCount,
  Hpan,
  InstrumentView,
  MilestonesView,
  Origin,
  PaymentsPage,
  PaymentView,
  PeriodParameters,
  Programme,
  RankingView,
  RecordCover,
  RefusalName,
  Refused,
  ReversalView,
  TotalView,
  UnverifiedAccount,
  WalletView,
} from '../contract.ts';
import type { PaymentsQuery, Read } from '../engine.ts';
import { exclusionPrefix } from '../exclusion/exclusion.ts';
import type { Standing } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import { partitionOf } from '../partition.ts';
import { NOWHERE } from '../place.ts';
import { parPrefix, RECHECK_PREFIX } from '../pointer.ts';
import type { Vault } from '../ports.ts';
import {
  dayText,
  findPeriod,
  idTrxOf,
  milestones,
  payableCents,
  recordKeyText,
  romeDayNumber,
  shownCents,
  undoneOperation,
  visiblePeriods,
} from '../programme/index.ts';
import { doneCommand } from '../wallet/commands.ts';
import type { PaymentRow, PeriodTotals, SealedPayoff, Wallet } from '../wallet/wallet.ts';
import { methodOf, rankedStanding, totalsOf } from '../wallet/wallet-facts.ts';
import { commandKey } from './command-text.ts';
import type {
  ExclusionListed,
  ExclusionsPart,
  NeighbourShard,
  ParQuestion,
  RankAnswer,
  RankQuestion,
  ReversalListed,
  ReversalsPart,
  ShardCoordinator,
  UnverifiedPart,
} from './parts.ts';
import type { View } from './view.ts';

export interface ReadsOptions {
  readonly programme: Programme;
  readonly flushed: View;
  readonly vault: Vault;
  /** Of one partition, flushed. */
  readonly sequence: (partition: number) => number;
  readonly coordinator: Pick<ShardCoordinator, 'ranks'>;
  /** Whether a citizen's own wallet, here or in another store, has a card enabled. */
  readonly hasEnabled: NeighbourShard['hasEnabled'];
}

export class Reads {
  readonly #options: ReadsOptions;

  constructor(options: ReadsOptions) {
    this.#options = options;
  }

  outcome(citizen: CitizenKey, origin: Origin, id: CommandId): Read<CommandOutcome> {
    const partition = partitionOf(citizen);
    const key = commandKey(origin, id);
    const wallet = this.#wallet(citizen);
    if (wallet === undefined) return found({ state: 'not-done' });
    const done = doneCommand(wallet, key, () => this.#options.flushed.list('command', partition, citizen, ''));
    if (done !== undefined) return found({ state: 'done', command: done.command, answer: done.answer });
    const isUnderWay = wallet.operations.some((operation) => operation.commandKey === key);
    return found({ state: isUnderWay ? 'in-progress' : 'not-done' });
  }

  wallet(citizen: CitizenKey): Read<WalletView> {
    const wallet = this.#wallet(citizen);
    if (wallet === undefined || wallet.enrolment === 0) return refused('CITIZEN_NOT_FOUND');
    const partition = partitionOf(citizen);
    const { status, termsMs, cancellationMs, optInStatus, payoff, payoffRefused, methods, favourite } = wallet;
    const sealed = this.#payoff(wallet);
    return found({
      enabled: status === 'enabled',
      termsMs,
      cancellationMs,
      optInStatus,
      iban: sealed?.iban ?? null,
      ibanCheckStatus: payoff?.checkStatus ?? (payoffRefused === null ? null : 'KO'),
      technicalAccountHolder: sealed?.technicalAccountHolder ?? null,
      issuerCardId: sealed?.issuerCardId ?? null,
      methods,
      favourite,
      position: { partition, sequence: this.#options.sequence(partition) },
    });
  }

  async instrument(citizen: CitizenKey, hpan: Hpan): Promise<Read<InstrumentView>> {
    const partition = partitionOf(hpan);
    const card = this.#options.flushed.get('card', partition, hpan, '') ?? emptyCard(hpan);
    const { isActive, history } = await this.#ownership(card);
    const own = history.findLast((row) => row.citizen === citizen);
    if (own === undefined) return refused('INSTRUMENT_NOT_FOUND');
    if (isActive && own !== history[history.length - 1]) return refused('INSTRUMENT_TAKEN');
    const { activationMs, deactivationMs } = own;
    return found({ hpan, status: isActive ? 'ACTIVE' : 'INACTIVE', activationMs, deactivationMs });
  }

  instruments(citizen: CitizenKey): Read<readonly Hpan[]> {
    const wallet = this.#wallet(citizen);
    if (wallet === undefined || wallet.enrolment === 0) return refused('CITIZEN_NOT_FOUND');
    return found([...new Set([...wallet.methods.map(({ hpan }) => hpan), ...wallet.claimed])]);
  }

  async activations(hpan: Hpan): Promise<Read<readonly ActivationView[]>> {
    const card = this.#options.flushed.get('card', partitionOf(hpan), hpan, '') ?? emptyCard(hpan);
    const { history } = await this.#ownership(card);
    if (history.length === 0) return refused('INSTRUMENT_NOT_FOUND');
    return found(
      history.map(({ citizen, channel, activationMs, deactivationMs }) => {
        return { citizen, channel, activationMs, deactivationMs };
      }),
    );
  }

  taxCode(citizen: CitizenKey): Read<string> {
    const taxCode = this.taxCodeOf(citizen);
    return taxCode === '' ? refused('CITIZEN_NOT_FOUND') : found(taxCode);
  }

  /** A provisional claim is nothing to anybody, until its wallet has it: the card hears of that a moment later. */
  async #ownership(card: Card): Promise<{ readonly isActive: boolean; readonly history: readonly HistoryRow[] }> {
    const { status, hpan, history } = card;
    if (status !== 'provisional') return { isActive: status === 'active', history };
    const isActive = await this.#options.hasEnabled(lastActivation(card)?.citizen ?? '', hpan);
    return { isActive, history: isActive ? history : history.slice(0, -1) };
  }

  hasEnabled(citizen: CitizenKey, hpan: Hpan): boolean {
    const wallet = this.#wallet(citizen);
    return wallet !== undefined && methodOf(wallet, hpan)?.cashback === 'enabled';
  }

  total(citizen: CitizenKey, awardPeriodId: number): Read<TotalView> {
    const period = findPeriod(this.#options.programme, awardPeriodId);
    if (period === null) return refused('PERIOD_NOT_FOUND');
    const wallet = this.#wallet(citizen);
    if (wallet === undefined || wallet.enrolment === 0) return refused('CITIZEN_NOT_FOUND');
    const { rawCents, count } = totalsOf(wallet, awardPeriodId) ?? NOTHING;
    return found({
      awardPeriodId,
      shownCents: shownCents(rawCents, period),
      rawCents,
      payableCents: payableCents({ rawCents, count }, period),
      transactionNumber: count,
    });
  }

  payments(citizen: CitizenKey, query: PaymentsQuery): Read<PaymentsPage> {
    if (findPeriod(this.#options.programme, query.awardPeriodId) === null) return refused('PERIOD_NOT_FOUND');
    const limit = Math.min(Math.max(1, query.limit ?? 20), LIMITS.paymentsPageMax);
    const cursor = Math.max(0, query.cursor ?? 0);
    const all = this.#payments(citizen, query);
    const first = all.length - 1 - cursor * limit;
    const payments: PaymentView[] = [];
    for (let index = first; index >= 0 && payments.length < limit; index -= 1) payments.push(paymentView(all[index]!));
    return found({ payments, nextCursor: first - limit >= 0 ? cursor + 1 : null });
  }

  paymentDays(citizen: CitizenKey, query: PaymentsQuery): Read<readonly DayCount[]> {
    if (findPeriod(this.#options.programme, query.awardPeriodId) === null) return refused('PERIOD_NOT_FOUND');
    const counts = new Map<number, number>();
    for (const { trxMs } of this.#payments(citizen, query)) {
      const day = romeDayNumber(trxMs);
      counts.set(day, (counts.get(day) ?? 0) + 1);
    }
    const days = [...counts].sort(([a], [b]) => b - a);
    return found(days.map(([day, count]) => ({ day: dayText(day), count })));
  }

  milestones(citizen: CitizenKey, awardPeriodId: number): Read<MilestonesView> {
    const period = findPeriod(this.#options.programme, awardPeriodId);
    if (period === null) return refused('PERIOD_NOT_FOUND');
    const lines = this.#payments(citizen, { awardPeriodId }).map((payment) => ({
      idTrx: idTrxOf(payment),
      trxMs: payment.trxMs,
      insertion: payment.insertion,
      cashbackCents: payment.cashbackCents,
      countDelta: payment.countDelta,
    }));
    return found(milestones(lines, period));
  }

  async rankings(citizen: CitizenKey, awardPeriodId?: number): Promise<Read<readonly RankingView[]>> {
    const { programme } = this.#options;
    const wallet = this.#wallet(citizen);
    if (awardPeriodId === undefined) {
      const periods = visiblePeriods(programme).filter(
        (period) => wallet !== undefined && totalsOf(wallet, period.awardPeriodId) !== undefined,
      );
      return found(await this.#rankingViews(citizen, wallet, periods));
    }
    const period = findPeriod(programme, awardPeriodId);
    return period === null ? refused('PERIOD_NOT_FOUND') : found(await this.#rankingViews(citizen, wallet, [period]));
  }

  /** When the first pending reversal of a partition expires; infinite = none is pending. */
  firstExpiryMs(partition: number): number {
    const part = { prefix: reversalPrefix('pending'), countMax: 1 };
    const [first] = this.#options.flushed.first('reversal', partition, '', part);
    return first?.[1].atMs ?? Number.POSITIVE_INFINITY;
  }

  reversals({ state, partition, after, countMax }: ReversalsPart): Read<readonly ReversalListed[]> {
    const { flushed } = this.#options;
    const rows = flushed.first('reversal', partition, '', { prefix: reversalPrefix(state), after, countMax });
    return found(
      rows.map(([sub, { place }]) => ({ sub, reversal: reversalView(flushed.line('record', partition, place)) })),
    );
  }

  async parCovers(partition: number, { par, dayNumber }: ParQuestion): Promise<readonly RecordCover[]> {
    const { flushed } = this.#options;
    const covers: RecordCover[] = [];
    for (const [, { key: master }] of flushed.list('pointer', partition, '', parPrefix(par))) {
      const card = flushed.get('card', partition, master, '');
      if (card === undefined) continue;
      const { history } = await this.#ownership(card);
      const row = history.find((one) => coversDay(one, dayNumber));
      if (row !== undefined) covers.push({ master, citizen: row.citizen, enrolment: row.enrolment });
    }
    return covers;
  }

  /** Those that are due, the first of them first. */
  unverifiedAccounts({ partition, countMax, untilMs }: UnverifiedPart): readonly UnverifiedAccount[] {
    const pointers = this.#options.flushed.first('pointer', partition, '', { prefix: RECHECK_PREFIX, countMax });
    return pointers.flatMap(([, { key: citizen }]) => {
      const recheck = this.#wallet(citizen)?.recheck ?? null;
      return recheck === null || recheck.dueMs > untilMs ? [] : [{ citizen, ...recheck }];
    });
  }

  exclusions({ state, partition, after, countMax }: ExclusionsPart): readonly ExclusionListed[] {
    const part = { prefix: exclusionPrefix(state), after, countMax };
    const rows = this.#options.flushed.first('exclusion', partition, '', part);
    return rows.map(([sub, exclusion]) => ({ sub, exclusion }));
  }

  /** Throws StorageFault where the citizen's key is gone. */
  taxCodeOf(citizen: CitizenKey): string {
    const wallet = this.#wallet(citizen);
    if (wallet?.sealedTaxCode == null) return '';
    return this.#options.vault.open(wallet.slot, wallet.sealedTaxCode);
  }

  /** The standing is read and the question asked in one go, so that they agree. */
  async #rankingViews(
    citizen: CitizenKey,
    wallet: Wallet | undefined,
    periods: readonly PeriodParameters[],
  ): Promise<readonly RankingView[]> {
    if (periods.length === 0) return [];
    const totals = periods.map(({ awardPeriodId }) => wallet && totalsOf(wallet, awardPeriodId));
    const questions = periods.map(({ awardPeriodId }, at): RankQuestion => {
      return { awardPeriodId, citizen, standing: rankedOf(totals[at]) };
    });
    const answers = await this.#options.coordinator.ranks(questions);
    return periods.map((period, at) => rankingView(period, wallet, totals[at], answers[at]!));
  }

  /** By instant and insertion. */
  #payments(citizen: CitizenKey, { awardPeriodId, hpan }: PaymentsQuery): readonly PaymentRow[] {
    const wallet = this.#wallet(citizen);
    if (wallet === undefined) return [];
    const partition = partitionOf(citizen);
    const payments: PaymentRow[] = [];
    // What counts again is shown as if it had never stopped: the line that took it out goes with the one that put it back.
    const putBack = new Set<string>();
    let place = totalsOf(wallet, awardPeriodId)?.latest ?? NOWHERE;
    while (place !== NOWHERE) {
      const payment = this.#options.flushed.line('payment', partition, place);
      place = payment.previous;
      if (hpan !== undefined && payment.hpan !== hpan) continue;
      const undone = undoneBy(payment);
      if (undone !== null) putBack.add(undone);
      else if (!putBack.delete(lineName(payment))) payments.push(payment);
    }
    return payments.sort((one, other) => one.trxMs - other.trxMs || one.insertion - other.insertion);
  }

  #payoff({ slot, payoff }: Wallet): SealedPayoff | null {
    return payoff === null ? null : (JSON.parse(this.#options.vault.open(slot, payoff.sealed)) as SealedPayoff);
  }

  #wallet(citizen: CitizenKey): Wallet | undefined {
    const partition = partitionOf(citizen);
    return this.#options.flushed.get('wallet', partition, citizen, '');
  }
}

function rankingView(
  { awardPeriodId, minPosition, minTransactionNumber, jackpotCents }: PeriodParameters,
  wallet: Wallet | undefined,
  totals: PeriodTotals | undefined,
  { rank, participants, firstCount, lastWinnerCount }: RankAnswer,
): RankingView {
  const count = totals?.count ?? 0;
  const takesPart = rankedOf(totals) !== null;
  const wouldWin = takesPart && rank <= minPosition && count >= minTransactionNumber;
  return {
    awardPeriodId,
    ranking: rank,
    takesPart,
    transactionNumber: count,
    maxTransactionNumber: firstCount,
    minTransactionNumber: lastWinnerCount,
    totalParticipants: participants,
    minPosition,
    wouldWin,
    jackpotCents: wouldWin ? jackpotCents : 0,
    updateMs: wallet?.updatedMs ?? 0,
  };
}

function rankedOf(totals: PeriodTotals | undefined): Standing | null {
  return totals === undefined ? null : rankedStanding(totals);
}

/** Name of the line that this one undoes; null = none. */
function undoneBy(payment: PaymentRow): string | null {
  const operationType = undoneOperation(payment.operationType);
  return operationType === null ? null : lineName({ ...payment, operationType });
}

function lineName(payment: PaymentRow): string {
  return `${payment.hpan} ${recordKeyText(payment)}`;
}

function reversalView({ record, receivedMs, awardPeriodId, expiresMs, code }: LedgerEntry): ReversalView {
  return { record, receivedMs, awardPeriodId, expiresMs, code };
}

const NOTHING: Pick<PeriodTotals, 'rawCents' | 'count'> = { rawCents: 0, count: 0 };

function found<T>(value: T): Read<T> {
  return { ok: true, value };
}

function refused(code: RefusalName): Refused {
  return { ok: false, code };
}

function paymentView(payment: PaymentRow): PaymentView {
  const { hpan, idTrxAcquirer, idTrxIssuer, circuitType, operationType, trxMs } = payment;
  const { amountCents, cashbackCents, awardPeriodId } = payment;
  const idTrx = idTrxOf(payment);
  return {
    idTrx,
    hpan,
    idTrxAcquirer,
    idTrxIssuer,
    circuitType,
    operationType,
    trxMs,
    amountCents,
    cashbackCents,
    awardPeriodId,
  };
}
