/** Views of flushed state: what citizens, acquirers and operators may be told (domain 5.5, 6.1). */
import type { Card, HistoryRow, LedgerEntry } from '../card/card.ts';
import { emptyCard } from '../card/card.ts';
import { lastActivation } from '../card/card-facts.ts';
import { reversalPrefix } from '../card/listed-reversals.ts';
import type {
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
  RankingEntry,
  RankingView,
  RefusalName,
  Refused,
  ReversalsPage,
  ReversalView,
  TotalView,
  WalletView,
} from '../contract.ts';
import { PARTITION_COUNT } from '../contract.ts';
import type { PaymentsQuery, Read, ReversalsQuery } from '../engine.ts';
import { LIMITS } from '../limits.ts';
import { partitionOf } from '../partition.ts';
import { NOWHERE } from '../place.ts';
import type { Vault } from '../ports.ts';
import {
  dayText,
  findPeriod,
  idTrxOf,
  milestones,
  payableCents,
  romeDayNumber,
  shownCents,
  visiblePeriods,
} from '../programme/index.ts';
import type { Ranking } from '../ranking/ranking.ts';
import { doneCommand } from '../wallet/commands.ts';
import type { PaymentRow, PeriodTotals, Wallet } from '../wallet/wallet.ts';
import { methodOf, totalsOf } from '../wallet/wallet-facts.ts';
import type { View } from './actors.ts';
import { commandKey } from './command-text.ts';
import type { Rankings } from './rankings.ts';

export interface ReadsOptions {
  readonly programme: Programme;
  readonly rankings: Rankings;
  /** Of one partition. */
  readonly flushed: (partition: number) => View;
  readonly vault: (partition: number) => Vault;
  /** Flushed. */
  readonly sequence: (partition: number) => number;
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
    const done = doneCommand(wallet, key, () =>
      this.#options.flushed(partition).list('command', partition, citizen, ''),
    );
    if (done !== undefined) return found({ state: 'done', answer: done.answer });
    const isUnderWay = wallet.operations.some((operation) => operation.commandKey === key);
    return found({ state: isUnderWay ? 'in-progress' : 'not-done' });
  }

  wallet(citizen: CitizenKey): Read<WalletView> {
    const wallet = this.#wallet(citizen);
    if (wallet === undefined || wallet.enrolment === 0) return refused('CITIZEN_NOT_FOUND');
    const partition = partitionOf(citizen);
    const { status, termsMs, cancellationMs, optInStatus, payoff, methods } = wallet;
    return found({
      enabled: status === 'enabled',
      termsMs,
      cancellationMs,
      optInStatus,
      iban: this.#iban(wallet),
      ibanCheckStatus: payoff?.checkStatus ?? null,
      methods,
      position: { partition, sequence: this.#options.sequence(partition) },
    });
  }

  instrument(citizen: CitizenKey, hpan: Hpan): Read<InstrumentView> {
    const partition = partitionOf(hpan);
    const card = this.#options.flushed(partition).get('card', partition, hpan, '') ?? emptyCard(hpan);
    const { isActive, history } = this.#ownership(card);
    const own = history.findLast((row) => row.citizen === citizen);
    if (own === undefined) return refused('INSTRUMENT_NOT_FOUND');
    if (isActive && own !== history[history.length - 1]) return refused('INSTRUMENT_TAKEN');
    const { activationMs, deactivationMs } = own;
    return found({ hpan, status: isActive ? 'ACTIVE' : 'INACTIVE', activationMs, deactivationMs });
  }

  /** A provisional claim is nothing to anybody, until its wallet has it: the card hears of that a moment later. */
  #ownership(card: Card): { readonly isActive: boolean; readonly history: readonly HistoryRow[] } {
    const { status, hpan, history } = card;
    if (status !== 'provisional') return { isActive: status === 'active', history };
    const wallet = this.#wallet(lastActivation(card)?.citizen ?? '');
    const isActive = wallet !== undefined && methodOf(wallet, hpan)?.cashback === 'enabled';
    return { isActive, history: isActive ? history : history.slice(0, -1) };
  }

  total(citizen: CitizenKey, awardPeriodId: number): Read<TotalView> {
    const period = findVisible(this.#options.programme, awardPeriodId);
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
    if (findVisible(this.#options.programme, query.awardPeriodId) === null) return refused('PERIOD_NOT_FOUND');
    const limit = Math.min(Math.max(1, query.limit ?? 20), LIMITS.paymentsPageMax);
    const cursor = Math.max(0, query.cursor ?? 0);
    const all = this.#payments(citizen, query);
    const first = all.length - 1 - cursor * limit;
    const payments: PaymentView[] = [];
    for (let index = first; index >= 0 && payments.length < limit; index -= 1) payments.push(paymentView(all[index]!));
    return found({ payments, nextCursor: first - limit >= 0 ? cursor + 1 : null });
  }

  paymentDays(citizen: CitizenKey, query: PaymentsQuery): Read<readonly DayCount[]> {
    if (findVisible(this.#options.programme, query.awardPeriodId) === null) return refused('PERIOD_NOT_FOUND');
    const counts = new Map<number, number>();
    for (const { trxMs } of this.#payments(citizen, query)) {
      const day = romeDayNumber(trxMs);
      counts.set(day, (counts.get(day) ?? 0) + 1);
    }
    const days = [...counts].sort(([a], [b]) => b - a);
    return found(days.map(([day, count]) => ({ day: dayText(day), count })));
  }

  milestones(citizen: CitizenKey, awardPeriodId: number): Read<MilestonesView> {
    const period = findVisible(this.#options.programme, awardPeriodId);
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

  rankings(citizen: CitizenKey, awardPeriodId?: number): Read<readonly RankingView[]> {
    const { programme } = this.#options;
    const wallet = this.#wallet(citizen);
    if (awardPeriodId === undefined) {
      if (wallet === undefined) return found([]);
      const periods = visiblePeriods(programme).filter(
        (period) => totalsOf(wallet, period.awardPeriodId) !== undefined,
      );
      return found(periods.map((period) => this.#rankingView(wallet, period)));
    }
    const period = findVisible(programme, awardPeriodId);
    return period === null ? refused('PERIOD_NOT_FOUND') : found([this.#rankingView(wallet, period)]);
  }

  rankingPage(awardPeriodId: number, firstRank: number, count: number): Read<readonly RankingEntry[]> {
    const ranking = this.#options.rankings.of(awardPeriodId);
    if (ranking === undefined) return refused('PERIOD_NOT_FOUND');
    const page = ranking.page(Math.max(1, firstRank), Math.min(Math.max(0, count), LIMITS.rankingPageMax));
    return found(
      page.map(({ rank, citizen, standing }) => ({
        rank,
        citizen,
        transactionNumber: standing.count,
        lastTrxMs: standing.lastTrxMs,
      })),
    );
  }

  /** When the first pending reversal of a partition expires; infinite = none is pending. */
  firstExpiryMs(partition: number): number {
    const part = { prefix: reversalPrefix('pending'), countMax: 1 };
    const [first] = this.#options.flushed(partition).first('reversal', partition, '', part);
    return first?.[1].atMs ?? Number.POSITIVE_INFINITY;
  }

  reversals({ state, limit = 20, cursor }: ReversalsQuery): Read<ReversalsPage> {
    const pageCount = Math.min(Math.max(1, limit), LIMITS.reversalsPageMax);
    const prefix = reversalPrefix(state);
    const reversals: ReversalView[] = [];
    let [partition, after] = cursor === undefined ? [0, prefix] : positionOf(cursor);
    for (; partition < PARTITION_COUNT; partition += 1, after = prefix) {
      const view = this.#options.flushed(partition);
      // One more than there is room for: it says that there is another page.
      const countMax = pageCount - reversals.length + 1;
      for (const [sub, { place }] of view.first('reversal', partition, '', { prefix, after, countMax })) {
        if (reversals.length === pageCount) return found({ reversals, nextCursor: `${partition} ${after}` });
        reversals.push(reversalView(view.line('record', partition, place)));
        after = sub;
      }
    }
    return found({ reversals, nextCursor: null });
  }

  /** Throws StorageFault where the citizen's key is gone. */
  taxCodeOf(citizen: CitizenKey): string {
    const wallet = this.#wallet(citizen);
    if (wallet?.sealedTaxCode == null) return '';
    return this.#options.vault(partitionOf(citizen)).open(wallet.slot, wallet.sealedTaxCode);
  }

  #rankingView(wallet: Wallet | undefined, period: PeriodParameters): RankingView {
    const { awardPeriodId, minPosition, minTransactionNumber, jackpotCents } = period;
    const ranking = this.#options.rankings.of(awardPeriodId);
    const totals = wallet === undefined ? undefined : totalsOf(wallet, awardPeriodId);
    const participants = ranking?.count ?? 0;
    const rank =
      ranking === undefined || wallet === undefined || totals === undefined
        ? participants + 1
        : ranking.rankOf(wallet.citizen, totals);
    const count = totals?.count ?? 0;
    const wouldWin = totals !== undefined && rank <= minPosition && count >= minTransactionNumber;
    return {
      awardPeriodId,
      ranking: rank,
      takesPart: totals !== undefined,
      transactionNumber: count,
      maxTransactionNumber: countAt(ranking, 1),
      minTransactionNumber: minPosition === 0 ? 0 : countAt(ranking, Math.min(minPosition, participants)),
      totalParticipants: participants,
      minPosition,
      wouldWin,
      jackpotCents: wouldWin ? jackpotCents : 0,
      updateMs: wallet?.updatedMs ?? 0,
    };
  }

  /** By instant and insertion. */
  #payments(citizen: CitizenKey, { awardPeriodId, hpan }: PaymentsQuery): readonly PaymentRow[] {
    const wallet = this.#wallet(citizen);
    if (wallet === undefined) return [];
    const partition = partitionOf(citizen);
    const view = this.#options.flushed(partition);
    const payments: PaymentRow[] = [];
    let place = totalsOf(wallet, awardPeriodId)?.latest ?? NOWHERE;
    while (place !== NOWHERE) {
      const payment = view.line('payment', partition, place);
      if (hpan === undefined || payment.hpan === hpan) payments.push(payment);
      place = payment.previous;
    }
    return payments.sort((one, other) => one.trxMs - other.trxMs || one.insertion - other.insertion);
  }

  #iban({ citizen, slot, payoff }: Wallet): string | null {
    if (payoff === null) return null;
    const text = this.#options.vault(partitionOf(citizen)).open(slot, payoff.sealed);
    return (JSON.parse(text) as { readonly iban: string }).iban;
  }

  #wallet(citizen: CitizenKey): Wallet | undefined {
    const partition = partitionOf(citizen);
    return this.#options.flushed(partition).get('wallet', partition, citizen, '');
  }
}

/** Partition, and the last sub that was told; a text that is no cursor is past all of them. */
function positionOf(cursor: string): [number, string] {
  const { partition, after = '' } = CURSOR.exec(cursor)?.groups ?? {};
  return [partition === undefined ? PARTITION_COUNT : Number(partition), after];
}

const CURSOR = /^(?<partition>\d{1,2}) (?<after>[a-z0-9 ]{1,200})$/;

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

/** A suspended period is unknown (DECISION 40). */
function findVisible(programme: Programme, awardPeriodId: number): PeriodParameters | null {
  const period = findPeriod(programme, awardPeriodId);
  return period === null || period.isSuspended ? null : period;
}

function countAt(ranking: Ranking | undefined, rank: number): number {
  return ranking === undefined || ranking.count === 0 ? 0 : ranking.at(rank).standing.count;
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
