/**
 * The inspector's own account of the citizens: plain maps, totals added up line by line. It shares no code with
 * the engine's fold, so that a mistake there does not repeat itself here.
 */
import type { CitizenKey, Hpan, Programme } from '../../engine/contract.ts';
import type { Standing, WalletFact } from '../../engine/facts.ts';
import { isOpen, type Payout } from '../../engine/payout/payout.ts';
import { type Pointer, recheckSub } from '../../engine/pointer.ts';
import type { PayoutLink } from '../../engine/ports.ts';
import { closesAtMs, findPeriod, paymentScoreCents } from '../../engine/programme/index.ts';
import type {
  CommandPage,
  DoneCommand,
  Operation,
  PaymentRow,
  Payoff,
  PeriodTotals,
  Recheck,
  Wallet,
  WalletMethod,
} from '../../engine/wallet/wallet.ts';
import { CitizenExclusions } from './citizen-exclusions.ts';
import { CitizenNotices } from './citizen-notices.ts';
import type { ExclusionCheck } from './exclusions.ts';
import { type Findings, short } from './findings.ts';
import { type Held, type HeldRows, holdRow } from './held.ts';
import type { NoticeCheck } from './notices.ts';
import { type Entry, isExclusionFact, isNoticeFact, isPayoutFact, type Place } from './partition-log.ts';
import type { PayoutCheck } from './payouts.ts';

type ListedFact = Extract<WalletFact, { kind: 'paymentListed' | 'latePaymentListed' | 'paymentKept' }>;

export interface Enrolment {
  readonly termsMs: number;
  cancellationMs: number | null;
}

export class Citizen {
  readonly key: CitizenKey;
  readonly partition: number;
  sequence = 0;
  isRowSeen = false;

  readonly enrolments: Enrolment[] = [];
  isEnabled = false;
  optInStatus: Wallet['optInStatus'] = 'NOREQ';
  slot = -1;
  sealedTaxCode: Uint8Array | null = null;
  payoff: Payoff | null = null;
  recheck: Recheck | null = null;
  payoffRefused: Wallet['payoffRefused'] = null;
  cancellationMs: number | null = null;
  updatedMs = 0;
  readonly methods = new Map<Hpan, WalletMethod>();
  favourite: Hpan | null = null;
  readonly claimed = new Set<Hpan>();
  readonly operations = new Map<string, Operation>();
  /** By `period/enrolment`. */
  readonly totals = new Map<string, PeriodTotals>();
  readonly payments: PaymentRow[] = [];
  /** Done, and in no page yet. */
  readonly commands: DoneCommand[] = [];
  /** Every command ever done. */
  readonly commandKeys = new Set<string>();
  /** By the sub of its row. */
  readonly commandPages = new Map<string, Held<CommandPage>>();
  pagedTo = '';
  /** Records of what is owed by place, and their links by the sub of their row. */
  readonly payouts = { records: new Map<number, Payout>(), links: new Map<string, Held<PayoutLink>>() };
  readonly notices = new CitizenNotices();
  /** By the sub of its row. */
  readonly pointers: HeldRows<Pointer> = new Map();
  /** By the programme: as if it had left, but for what its cards still tell. */
  isExcluded = false;
  wasExcluded = false;
  readonly exclusions = new CitizenExclusions();

  constructor(key: CitizenKey, partition: number) {
    this.key = key;
    this.partition = partition;
  }

  get enrolment(): number {
    return this.enrolments.length;
  }

  get isEnrolled(): boolean {
    return this.isEnabled || this.isExcluded;
  }

  get termsMs(): number {
    return this.enrolments.at(-1)?.termsMs ?? 0;
  }

  /** What the wallet's row should hold. Lists that mean sets are sorted, here and in `sortedWallet`. */
  get value(): Wallet {
    return sortedWallet({
      citizen: this.key,
      status: statusOf(this),
      enrolment: this.enrolment,
      termsMs: this.termsMs,
      cancellationMs: this.cancellationMs,
      optInStatus: this.optInStatus,
      slot: this.slot,
      sealedTaxCode: this.sealedTaxCode,
      payoff: this.payoff,
      recheck: this.recheck,
      payoffRefused: this.payoffRefused,
      methods: [...this.methods.values()],
      favourite: this.favourite,
      claimed: [...this.claimed],
      totals: [...this.totals.values()],
      operations: [...this.operations.values()],
      commands: [...this.commands],
      pagedTo: this.pagedTo,
      updatedMs: this.updatedMs,
    });
  }
}

function statusOf({ isEnabled, isExcluded, enrolment }: Citizen): Wallet['status'] {
  if (isEnabled) return 'enabled';
  if (isExcluded) return 'excluded';
  return enrolment > 0 ? 'disabled' : 'none';
}

export function sortedWallet(wallet: Wallet): Wallet {
  return {
    ...wallet,
    methods: wallet.methods.toSorted((left, right) => compareText(left.hpan, right.hpan)),
    claimed: wallet.claimed.toSorted(compareText),
    totals: wallet.totals.toSorted(
      (left, right) => left.awardPeriodId - right.awardPeriodId || left.enrolment - right.enrolment,
    ),
    operations: wallet.operations.toSorted((left, right) => compareText(left.commandKey, right.commandKey)),
  };
}

export function standingOf(totals: PeriodTotals): Standing {
  return { count: totals.count, lastTrxMs: totals.lastTrxMs, termsMs: totals.termsMs };
}

/** Where the ranking has the citizen; null = nowhere. What counted after it was frozen moves nobody (DECISION 25). */
export function placeOf(totals: PeriodTotals): Standing | null {
  if (!totals.isRanked) return null;
  return totals.frozen === null ? standingOf(totals) : totals.frozen.standing;
}

export function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** What is kept of citizens beside their wallets. */
export interface Books {
  readonly payouts: PayoutCheck;
  readonly notices: NoticeCheck;
  readonly exclusions: ExclusionCheck;
}

/** Folds one fact into its citizen, and says where the fact contradicts what came before. */
export class CitizenFold {
  readonly #programme: Programme;
  readonly #findings: Findings;
  readonly #books: Partial<Books>;

  /** @param books those that somebody asks about */
  constructor(programme: Programme, findings: Findings, books: Partial<Books>) {
    this.#programme = programme;
    this.#findings = findings;
    this.#books = books;
  }

  /** @param changed told after each section that changed it */
  fold(citizen: Citizen, entries: readonly Entry[], changed: () => void = () => {}): void {
    for (const [index, { place, facts }] of entries.entries()) {
      for (const fact of facts) {
        if (isPayoutFact(fact)) this.#books.payouts?.apply(citizen, fact, place);
        else if (isNoticeFact(fact)) this.#books.notices?.apply(citizen, fact, place);
        else if (isExclusionFact(fact)) this.#books.exclusions?.apply(citizen, fact, place);
        else {
          this.#apply(citizen, fact as WalletFact, place);
          // What is owed or told to a citizen is no part of the wallet's row.
          citizen.sequence = place.sequence;
        }
      }
      if (citizen.sequence === place.sequence && entries[index + 1]?.place.sequence !== place.sequence) changed();
    }
  }

  #apply(citizen: Citizen, fact: WalletFact, place: Place): void {
    switch (fact.kind) {
      case 'enrolled':
        this.#enrol(citizen, fact, place);
        return;
      case 'optInSet':
        citizen.optInStatus = fact.optInStatus;
        return;
      case 'left':
        this.#leave(citizen, fact, place);
        return;
      case 'payoffSet':
        this.#requireEnabled(citizen, fact.kind, place);
        citizen.payoff = fact.payoff;
        citizen.payoffRefused = null;
        citizen.updatedMs = fact.atMs;
        return;
      case 'recheckSet':
        this.#setRecheck(citizen, fact, place);
        return;
      case 'payoffJudged':
        this.#judgePayoff(citizen, fact, place);
        return;
      case 'methodAdded':
        citizen.methods.set(fact.hpan, { ...methodOrNew(citizen, fact.hpan), details: fact.details });
        citizen.updatedMs = fact.atMs;
        return;
      case 'methodRemoved':
        citizen.methods.delete(fact.hpan);
        if (citizen.favourite === fact.hpan) citizen.favourite = null;
        citizen.updatedMs = fact.atMs;
        return;
      case 'favouriteSet':
        if (citizen.methods.get(fact.hpan)?.details == null) {
          this.#findings.differ(
            `${named(citizen)} at ${shown(place)}: prefers ${short(fact.hpan)}, which is not listed`,
          );
        }
        citizen.favourite = fact.hpan;
        citizen.updatedMs = fact.atMs;
        return;
      case 'claimStarted':
        this.#requireEnrolled(citizen, fact.kind, place);
        citizen.claimed.add(fact.hpan);
        citizen.methods.set(fact.hpan, {
          ...methodOrNew(citizen, fact.hpan),
          cashback: 'enabling',
          channel: fact.channel,
        });
        return;
      case 'claimEnded':
        this.#endClaim(citizen, fact, place);
        return;
      case 'releaseStarted':
        changeMethod(citizen, fact.hpan, { cashback: 'disabling' });
        return;
      case 'releaseEnded':
        citizen.updatedMs = fact.atMs;
        changeMethod(citizen, fact.hpan, { cashback: 'off' });
        if (fact.deactivationMs !== null) changeMethod(citizen, fact.hpan, { deactivationMs: fact.deactivationMs });
        return;
      case 'operationSet':
        citizen.operations.set(fact.operation.commandKey, fact.operation);
        return;
      case 'operationRefused':
        citizen.operations.delete(fact.commandKey);
        return;
      case 'commandDone':
        this.#endCommand(citizen, fact, place);
        return;
      case 'commandsPaged':
        this.#pageCommands(citizen, fact, place);
        return;
      case 'paymentListed':
      case 'latePaymentListed':
      case 'paymentKept':
        this.#listPayment(citizen, fact, place);
        return;
      case 'citizenExcluded':
        this.#turnExclusion(citizen, fact, place);
        return;
    }
  }

  #enrol(citizen: Citizen, fact: Extract<WalletFact, { kind: 'enrolled' }>, place: Place): void {
    const subject = `${named(citizen)} at ${shown(place)}`;
    if (citizen.isEnabled) this.#findings.differ(`${subject}: enrolled while enrolled`);
    this.#findings.expect(`${subject}: enrolment number`, citizen.enrolment + 1, fact.enrolment);

    citizen.enrolments.push({ termsMs: fact.termsMs, cancellationMs: null });
    citizen.isEnabled = true;
    citizen.optInStatus = fact.optInStatus;
    citizen.slot = fact.slot;
    citizen.sealedTaxCode = fact.sealedTaxCode;
    citizen.claimed.clear();
    citizen.updatedMs = fact.termsMs;
  }

  #leave(citizen: Citizen, fact: Extract<WalletFact, { kind: 'left' }>, place: Place): void {
    this.#requireEnrolled(citizen, fact.kind, place);
    const open = this.#openTotals(citizen, place);
    const removed = open.filter(({ isRanked }) => isRanked);
    this.#findings.expect(
      `${named(citizen)} at ${shown(place)}: standings that leaving removes`,
      removed.map((totals) => [totals.awardPeriodId, standingOf(totals)]).toSorted(byPeriod),
      fact.removed.map(({ awardPeriodId, before }) => [awardPeriodId, before]).toSorted(byPeriod),
    );

    for (const [key, totals] of citizen.totals)
      if (open.includes(totals) || !totals.isRanked) citizen.totals.delete(key);
    const enrolment = citizen.enrolments.at(-1);
    if (enrolment !== undefined) enrolment.cancellationMs = fact.cancellationMs;
    citizen.isEnabled = false;
    citizen.isExcluded = false;
    citizen.optInStatus = 'NOREQ';
    citizen.payoff = null;
    citizen.payoffRefused = null;
    citizen.cancellationMs = fact.cancellationMs;
    citizen.updatedMs = fact.cancellationMs;
    for (const method of citizen.methods.values()) {
      if (method.cashback === 'enabled') changeMethod(citizen, method.hpan, { cashback: 'disabling' });
    }
  }

  /** Only an account that nobody could verify is asked about again: later, and in the order of attempts. */
  #setRecheck(citizen: Citizen, fact: Extract<WalletFact, { kind: 'recheckSet' }>, place: Place): void {
    const { recheck, wasDueMs } = fact;
    const subject = `${named(citizen)} at ${shown(place)}: checking the account again`;
    this.#findings.expect(`${subject}: was due`, citizen.recheck?.dueMs ?? null, wasDueMs);
    if (recheck !== null) {
      this.#findings.expect(`${subject}: status`, 'UNKNOWN_PSP', citizen.payoff?.checkStatus ?? null);
      const isNext = recheck.attempts === 0 || recheck.attempts === (citizen.recheck?.attempts ?? 0) + 1;
      if (!isNext || recheck.dueMs <= place.nowMs) this.#findings.differ(`${subject}: out of its order`);
    }
    if (wasDueMs !== null && wasDueMs !== recheck?.dueMs)
      holdRow(citizen.pointers, recheckSub(citizen.key, wasDueMs), null, place);
    if (recheck !== null)
      holdRow(citizen.pointers, recheckSub(citizen.key, recheck.dueMs), { key: citizen.key }, place);
    citizen.recheck = recheck;
  }

  /** The same account with another status, or none. */
  #judgePayoff(citizen: Citizen, fact: Extract<WalletFact, { kind: 'payoffJudged' }>, place: Place): void {
    const { verdict, payoff, atMs } = fact;
    const subject = `${named(citizen)} at ${shown(place)}: the account judged`;
    this.#requireEnrolled(citizen, fact.kind, place);
    if (citizen.recheck === null || citizen.recheck.dueMs > place.nowMs) {
      this.#findings.differ(`${subject}: nobody was to be asked about it`);
    }
    const verified = citizen.payoff === null ? null : { ...citizen.payoff, checkStatus: 'OK' };
    this.#findings.expect(subject, verdict === 'OK' ? verified : null, payoff);
    citizen.payoff = payoff;
    citizen.payoffRefused = verdict === 'OK' ? null : verdict;
    citizen.updatedMs = atMs;
  }

  /** Nobody is paid on an account that is known to be another's, or none (domain 2.1). */
  finish(citizen: Citizen): void {
    if (citizen.payoffRefused === null) return;
    for (const payout of citizen.payouts.records.values()) {
      if (payout.enrolment !== citizen.enrolment || !isOpen(payout) || payout.payoff === null) continue;
      this.#findings.differ(`${named(citizen)}: payout at ${payout.place} goes to an account that was refused`);
    }
  }

  /** Leaves the rankings of the open periods, or comes back to them. */
  #turnExclusion(citizen: Citizen, fact: Extract<WalletFact, { kind: 'citizenExcluded' }>, place: Place): void {
    const subject = `${named(citizen)} at ${shown(place)}`;
    const { isExcluded, standings } = fact;
    if (isExcluded) this.#requireEnabled(citizen, fact.kind, place);
    else if (!citizen.isExcluded) this.#findings.differ(`${subject}: no longer excluded, and never was`);
    this.#books.exclusions?.turned(citizen, fact, subject);
    const moved = this.#openTotals(citizen, place).filter(({ isRanked }) => isRanked === isExcluded);
    this.#findings.expect(
      `${subject}: standings that an exclusion moves`,
      moved.map((totals) => [totals.awardPeriodId, standingOf(totals)]).toSorted(byPeriod),
      standings.map(({ awardPeriodId, standing }) => [awardPeriodId, standing]).toSorted(byPeriod),
    );
    for (const totals of moved) {
      citizen.totals.set(`${totals.awardPeriodId}/${totals.enrolment}`, { ...totals, isRanked: !isExcluded });
    }
    citizen.isEnabled = !isExcluded;
    citizen.isExcluded = isExcluded;
    citizen.wasExcluded = true;
    citizen.updatedMs = fact.atMs;
  }

  /** Of the present enrolment, in periods whose positions still move. */
  #openTotals(citizen: Citizen, place: Place): readonly PeriodTotals[] {
    return [...citizen.totals.values()]
      .filter(({ enrolment }) => enrolment === citizen.enrolment)
      .filter(({ awardPeriodId }) => !place.frozen.includes(awardPeriodId))
      .filter(({ awardPeriodId }) => !this.#isOver(awardPeriodId, place.nowMs));
  }

  /** Whose positions stand, although rows received before its end may still count (DECISION 25). */
  #isOver(awardPeriodId: number, nowMs: number): boolean {
    const period = findPeriod(this.#programme, awardPeriodId);
    return period !== null && nowMs >= closesAtMs(period);
  }

  #endClaim(citizen: Citizen, fact: Extract<WalletFact, { kind: 'claimEnded' }>, place: Place): void {
    const method = citizen.methods.get(fact.hpan);
    citizen.updatedMs = fact.atMs;
    if (method === undefined) {
      this.#findings.differ(`${named(citizen)} at ${shown(place)}: a claim of ${short(fact.hpan)} ends, none began`);
      return;
    }
    if (fact.activationMs !== null) {
      changeMethod(citizen, fact.hpan, { cashback: 'enabled', activationMs: fact.activationMs, deactivationMs: null });
      return;
    }
    if (method.activationMs === null) citizen.claimed.delete(fact.hpan);
    if (method.activationMs === null && method.details === null) citizen.methods.delete(fact.hpan);
    else changeMethod(citizen, fact.hpan, { cashback: 'off' });
  }

  #endCommand(citizen: Citizen, fact: Extract<WalletFact, { kind: 'commandDone' }>, place: Place): void {
    this.#findings.count('commands');
    citizen.operations.delete(fact.commandKey);
    if (citizen.commandKeys.has(fact.commandKey)) {
      this.#findings.differ(`${named(citizen)} at ${shown(place)}: command ${fact.commandKey} is done a second time`);
    }
    const { commandKey, bodyHash, command, answer } = fact;
    citizen.commandKeys.add(commandKey);
    citizen.commands.push({ commandKey, bodyHash, command, answer, sequence: place.sequence });
  }

  #pageCommands(citizen: Citizen, fact: Extract<WalletFact, { kind: 'commandsPaged' }>, place: Place): void {
    const oldest = citizen.commands.splice(0, fact.commands.length);
    this.#findings.expect(`${named(citizen)} at ${shown(place)}: commands that go to a page`, oldest, fact.commands);
    const sub = fact.commands.at(-1)?.commandKey ?? '';
    citizen.commandPages.set(sub, { value: { commands: oldest }, sequence: place.sequence, isRowSeen: false });
    // What stands before the id (an issuer's name) has no part in the order.
    const ids = fact.commands.map(({ commandKey }) => commandKey.split(':').at(-1) ?? '');
    citizen.pagedTo = [citizen.pagedTo, ...ids].toSorted(compareText).at(-1) ?? '';
  }

  #listPayment(citizen: Citizen, fact: ListedFact, place: Place): void {
    const { payment } = fact;
    const isLate = fact.kind === 'latePaymentListed';
    const { awardPeriodId, enrolment, insertion } = payment;
    const subject = `${named(citizen)} at ${shown(place)}`;
    this.#requireEnrolled(citizen, fact.kind, place);
    this.#findings.expect(`${subject}: enrolment of a listed payment`, citizen.enrolment, enrolment);
    if (place.frozen.includes(awardPeriodId) !== isLate) {
      const state = isLate ? 'not frozen, as a late one' : 'frozen';
      this.#findings.differ(`${subject}: a payment is listed in period ${awardPeriodId}, which is ${state}`);
    }
    this.#judgeScore(payment, subject);
    this.#judgeTerms(citizen, payment, subject);

    const before = citizen.totals.get(`${awardPeriodId}/${enrolment}`);
    const isRanked = before?.isRanked ?? (isLate || !citizen.isExcluded);
    const after = addedUp(before, payment, { termsMs: citizen.termsMs, isRanked, isLate });
    if (!isLate) {
      this.#findings.expect(`${subject}: whether it moves a ranking`, isRanked, fact.kind === 'paymentListed');
    }
    this.#books.exclusions?.listed(citizen, payment, subject);
    const totals = `${subject}: period ${awardPeriodId}`;
    this.#findings.expect(`${totals}: standing before`, before === undefined ? null : standingOf(before), fact.before);
    this.#findings.expect(`${totals}: standing after`, standingOf(after), fact.after);
    this.#findings.expect(`${totals}: raw cents`, after.rawCents, fact.rawCents);
    this.#findings.expect(`${totals}: insertion`, before?.insertions ?? 0, insertion);
    this.#findings.expect(`${totals}: the line before`, before?.latest ?? 0, payment.previous);

    citizen.totals.set(`${awardPeriodId}/${enrolment}`, after);
    citizen.payments.push(payment);
    citizen.updatedMs = fact.atMs;
  }

  /** Only of payments: what a reversal takes back depends on the ledger of its card (reversals.ts). */
  #judgeScore(payment: PaymentRow, subject: string): void {
    const period = findPeriod(this.#programme, payment.awardPeriodId);
    if (period === null) {
      this.#findings.differ(`${subject}: period ${payment.awardPeriodId} is not in the programme`);
      return;
    }
    if (/^[XI]/.test(payment.operationType)) return;
    if (payment.operationType === '01') {
      if (payment.amountCents >= 0) this.#findings.differ(`${subject}: a reversal is not negative`);
      return;
    }
    this.#findings.expect(
      `${subject}: cashback of a payment of ${payment.amountCents}`,
      paymentScoreCents(payment.amountCents, period),
      payment.cashbackCents,
    );
    this.#findings.expect(`${subject}: count of a payment`, 1, payment.countDelta);
  }

  /** Domain 3.3, citizen guard: the terms of that very enrolment were accepted before the payment. */
  #judgeTerms(citizen: Citizen, payment: PaymentRow, subject: string): void {
    if (payment.operationType === '01' || /^[XI]/.test(payment.operationType)) return;
    const termsMs = citizen.enrolments[payment.enrolment - 1]?.termsMs;
    if (termsMs !== undefined && termsMs < payment.trxMs) return;
    this.#findings.differ(`${subject}: counted although it is of ${payment.trxMs}, terms are of ${termsMs}`);
  }

  #requireEnrolled(citizen: Citizen, kind: string, place: Place): void {
    if (!citizen.isEnrolled) this.#findings.differ(`${named(citizen)} at ${shown(place)}: ${kind} while not enrolled`);
  }

  #requireEnabled(citizen: Citizen, kind: string, place: Place): void {
    if (!citizen.isEnabled) this.#findings.differ(`${named(citizen)} at ${shown(place)}: ${kind} while not enrolled`);
  }
}

export function named(citizen: Citizen): string {
  return `citizen ${short(citizen.key)}`;
}

export function shown(place: Place): string {
  return `${place.partition}:${place.sequence}`;
}

/** From scratch: never from the totals that the fact carries. */
function addedUp(
  before: PeriodTotals | undefined,
  payment: PaymentRow,
  { isLate, ...of }: Pick<PeriodTotals, 'termsMs' | 'isRanked'> & { readonly isLate: boolean },
): PeriodTotals {
  const isPayment = payment.amountCents > 0;
  const frozen = before?.frozen ?? { standing: before === undefined ? null : standingOf(before) };
  const lastTrxMs = before?.lastTrxMs ?? 0;
  return {
    awardPeriodId: payment.awardPeriodId,
    enrolment: payment.enrolment,
    ...of,
    rawCents: (before?.rawCents ?? 0) + payment.cashbackCents,
    count: (before?.count ?? 0) + payment.countDelta,
    lastTrxMs: isPayment ? Math.max(lastTrxMs, payment.trxMs) : lastTrxMs,
    insertions: (before?.insertions ?? 0) + 1,
    latest: payment.place,
    frozen: isLate ? frozen : null,
  };
}

function methodOrNew(citizen: Citizen, hpan: Hpan): WalletMethod {
  const known = citizen.methods.get(hpan);
  return known ?? { hpan, details: null, cashback: 'off', activationMs: null, deactivationMs: null, channel: '' };
}

function changeMethod(citizen: Citizen, hpan: Hpan, change: Partial<WalletMethod>): void {
  const method = citizen.methods.get(hpan);
  if (method !== undefined) citizen.methods.set(hpan, { ...method, ...change });
}

function byPeriod(left: readonly unknown[], right: readonly unknown[]): number {
  return Number(left[0]) - Number(right[0]);
}
