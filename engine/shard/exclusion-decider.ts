/**
 * Decides, within a turn, what is taken out of counting and what counts again (domain 3.1, 5.6): two operators, one after
 * the other, or the rule on abuse. A payment is its card's to take out, which is sent a message: only the card knows what
 * reversals have left of it.
 */
import type { LedgerEntry } from '../card/card.ts';
import type {
  CitizenKey,
  Exclusion,
  ExclusionRequest,
  Hpan,
  PaymentName,
  Programme,
  RefusalName,
  TransactionRecord,
} from '../contract.ts';
import type { Read } from '../engine.ts';
import { exclusionSub, exclusionSubject } from '../exclusion/exclusion.ts';
import type { MerchantDay } from '../exclusion/merchant-day.ts';
import type { Fact, MessageBody } from '../facts.ts';
import { partitionOf } from '../partition.ts';
import { NOWHERE } from '../place.ts';
import type { Vault } from '../ports.ts';
import {
  appealEndsMs,
  compareKeys,
  dayText,
  isTrifling,
  merchantDayOf,
  recordKeyText,
  romeDayNumber,
  withTriflingPayment,
} from '../programme/index.ts';
import type { PaymentRow, Wallet } from '../wallet/wallet.ts';
import type { NoticeDecider } from './notice-decider.ts';
import type { Turn } from './turn.ts';

export interface ExclusionDeciderOptions {
  readonly programme: Programme;
  readonly vault: Pick<Vault, 'digest'>;
  readonly notices: Pick<NoticeDecider, 'anomalous'>;
  readonly fact: (turn: Turn, partition: number, fact: Fact) => void;
  readonly send: (turn: Turn, from: number, to: number, body: MessageBody) => void;
  /** Its figures are final, or about to be. */
  readonly isClosed: (turn: Turn, partition: number, awardPeriodId: number) => boolean;
  /** Steps the wallet's machine. */
  readonly decideWallet: (turn: Turn, wallet: Wallet, isExcluded: boolean) => void;
}

/** What is asked about, as it stands. */
interface Subject {
  readonly wallet: Wallet;
  readonly partition: number;
  readonly payment: PaymentName | null;
  readonly name: string;
  readonly proposed: Exclusion | undefined;
  readonly excluded: Exclusion | undefined;
  readonly lifted: Exclusion | undefined;
}

export class ExclusionDecider {
  readonly #options: ExclusionDeciderOptions;
  /** Award periods of which nothing more is taken out or put back: the closing of them has begun. */
  readonly #ended = new Set<number>();
  /** Of cards that have taken something out or put it back, and are not done with what comes of it. */
  readonly #underWay = new Map<Hpan, Set<number>>();

  constructor(options: ExclusionDeciderOptions) {
    this.#options = options;
  }

  // What operators do

  /** Asked again by the same operator it changes nothing and answers the same. */
  ask(turn: Turn, request: ExclusionRequest): Read<Exclusion> {
    const partition = partitionOf(request.citizen);
    const wallet = turn.view.get('wallet', partition, request.citizen, '');
    if (wallet === undefined || wallet.enrolment === 0) return refused('CITIZEN_NOT_FOUND');
    const subject = this.#subject(turn, wallet, request.payment);
    return request.step === 'approve' || request.step === 'reject'
      ? this.#decide(turn, subject, request, request.step === 'approve')
      : this.#propose(turn, subject, request, request.step);
  }

  #propose(
    turn: Turn,
    subject: Subject,
    { operator, reason }: ExclusionRequest,
    action: Exclusion['action'],
  ): Read<Exclusion> {
    const { proposed, wallet, payment } = subject;
    if (proposed !== undefined) {
      const isSame = proposed.action === action && proposed.proposedBy === operator && proposed.reason === reason;
      return isSame ? { ok: true, value: proposed } : refused('EXCLUSION_EXISTS');
    }
    const refusal = this.#refusalOf(turn, subject, action);
    if (refusal !== null) return refused(refusal);
    return this.#set(turn, subject, {
      ...{ citizen: wallet.citizen, payment, state: 'proposed', action, proposedBy: operator, reason },
      ...{ proposedMs: turn.nowMs, decidedBy: '', decisionReason: '', decidedMs: 0, appealEndsMs: 0 },
    });
  }

  #decide(turn: Turn, subject: Subject, { operator, reason }: ExclusionRequest, isApproved: boolean): Read<Exclusion> {
    const { proposed } = subject;
    if (proposed === undefined) {
      const done = [subject.excluded, subject.lifted].find((one) => one?.decidedBy === operator);
      return isApproved && done?.decisionReason === reason ? { ok: true, value: done } : refused('EXCLUSION_NOT_FOUND');
    }
    if (proposed.proposedBy === operator) return refused('SECOND_PERSON_NEEDED');
    const decided = { ...proposed, decidedBy: operator, decisionReason: reason, decidedMs: turn.nowMs };
    if (!isApproved) return this.#set(turn, subject, { ...decided, state: 'rejected' });

    // Things may have changed since; an appeal that was made in time is in time.
    const refusal = this.#refusalOf(turn, subject, proposed.action === 'appeal' ? 'lift' : proposed.action);
    if (refusal !== null) return refused(refusal);
    const isExcluded = proposed.action === 'exclude';
    const made = this.#set(turn, subject, { ...decided, state: isExcluded ? 'excluded' : 'lifted' });
    this.#carryOut(turn, subject, isExcluded);
    return made;
  }

  /** Null = the action makes sense. */
  #refusalOf(turn: Turn, subject: Subject, action: Exclusion['action']): RefusalName | null {
    const { excluded, wallet, payment, partition } = subject;
    if (payment !== null) {
      const line = this.#lineOf(turn, wallet, payment);
      if (line === null) return 'PAYMENT_NOT_FOUND';
      const { awardPeriodId } = line;
      if (this.#ended.has(awardPeriodId) || this.#options.isClosed(turn, partition, awardPeriodId))
        return 'PERIOD_CLOSED';
    }
    if (action === 'exclude') return excluded === undefined ? null : 'EXCLUSION_EXISTS';
    if (excluded === undefined) return 'EXCLUSION_NOT_FOUND';
    return action === 'appeal' && turn.nowMs >= excluded.appealEndsMs ? 'APPEAL_OVER' : null;
  }

  #carryOut(turn: Turn, { wallet, partition, payment }: Subject, isExcluded: boolean): void {
    if (payment === null) this.#options.decideWallet(turn, wallet, isExcluded);
    else this.#tellCard(turn, partition, payment, isExcluded);
  }

  // What cards make of it, and the closing of a period

  /** A card has begun to take a payment out, or to put it back. */
  begun({ record: { hpan }, awardPeriodId }: LedgerEntry): void {
    const periods = this.#underWay.get(hpan);
    if (periods === undefined) this.#underWay.set(hpan, new Set([awardPeriodId]));
    else periods.add(awardPeriodId);
  }

  /** A card has gone on: it is done once nothing of it is under way, also no reversal that was stopped till then. */
  wentOn(turn: Turn, hpan: Hpan): void {
    if (!this.#underWay.has(hpan)) return;
    const { unanswered = 0 } = turn.view.get('card', partitionOf(hpan), hpan, '') ?? {};
    if (unanswered === 0) this.#underWay.delete(hpan);
  }

  /** Whoever asks from now on is told that the period is closed, until it is opened again. */
  end(awardPeriodId: number): void {
    this.#ended.add(awardPeriodId);
  }

  reopen(awardPeriodId: number): void {
    this.#ended.delete(awardPeriodId);
  }

  isUnderWay(awardPeriodId: number): boolean {
    return [...this.#underWay.values()].some((periods) => periods.has(awardPeriodId));
  }

  // What the rule does

  /** A payment has just been counted, by a wallet as it was before. */
  counted(turn: Turn, wallet: Wallet, record: TransactionRecord, facts: readonly Fact[]): void {
    const rule = this.#options.programme.abuseRule;
    if (rule === undefined || !isTrifling(record, rule)) return;
    const counted = facts.find(isListing);
    if (counted === undefined) return;
    const { enrolment, awardPeriodId } = counted.payment;
    const day = merchantDayOf(record);
    const sub = `${day.day} ${this.#options.vault.digest(day.merchantId)}`;
    const partition = partitionOf(wallet.citizen);
    const before = turn.view.get('merchantDay', partition, wallet.citizen, sub);
    const judged = withTriflingPayment(
      before?.enrolment === enrolment ? before : undefined,
      nameOf(counted.payment),
      { enrolment, awardPeriodId, ...day },
      rule,
    );
    const subjects = judged.excluded
      .map((payment) => this.#subject(turn, wallet, payment))
      .filter(({ excluded }) => excluded === undefined);
    const merchantDay = subjects.length === 0 ? judged.merchantDay : this.#told(turn, wallet, sub, judged.merchantDay);
    this.#options.fact(turn, partition, { kind: 'merchantDaySet', citizen: wallet.citizen, sub, merchantDay });
    for (const subject of subjects) {
      this.#set(turn, subject, {
        ...{ citizen: wallet.citizen, payment: subject.payment, state: 'excluded', action: 'exclude' },
        ...{ proposedBy: '', reason: '', proposedMs: turn.nowMs, decidedBy: '', decisionReason: '' },
        ...{ decidedMs: turn.nowMs, appealEndsMs: appealEndsMs(rule, turn.nowMs) },
      });
      this.#carryOut(turn, subject, true);
    }
  }

  /** Once a day of each merchant's day. */
  #told(turn: Turn, { citizen }: Wallet, sub: string, merchantDay: MerchantDay): MerchantDay {
    const toldDay = dayText(romeDayNumber(turn.nowMs));
    if (merchantDay.toldDay !== toldDay) {
      this.#options.notices.anomalous(turn, citizen, merchantDay.awardPeriodId, `${sub} ${toldDay}`);
    }
    return { ...merchantDay, toldDay };
  }

  // Both

  #subject(turn: Turn, wallet: Wallet, payment: PaymentName | null): Subject {
    const partition = partitionOf(wallet.citizen);
    const key = payment === null ? '' : this.#options.vault.digest(recordKeyText(payment.record));
    const name = exclusionSubject(payment === null ? null : { hpan: payment.hpan, key });
    const [proposed, excluded, lifted] = (['proposed', 'excluded', 'lifted'] as const).map((state) =>
      turn.view.get('exclusion', partition, '', exclusionSub(state, wallet.citizen, name)),
    );
    return { wallet, partition, payment, name, proposed, excluded, lifted };
  }

  #set(turn: Turn, { wallet: { citizen }, partition, name }: Subject, exclusion: Exclusion): Read<Exclusion> {
    this.#options.fact(turn, partition, { kind: 'exclusionSet', citizen, subject: name, exclusion });
    return { ok: true, value: exclusion };
  }

  #tellCard(turn: Turn, partition: number, { hpan, record }: PaymentName, isExcluded: boolean): void {
    const key = this.#options.vault.digest(recordKeyText(record));
    const body = { kind: 'exclude', hpan, key, trxMs: record.trxMs, isExcluded } as const;
    this.#options.send(turn, partition, partitionOf(hpan), body);
  }

  /** Of a payment that this enrolment has listed. */
  #lineOf(turn: Turn, wallet: Wallet, { hpan, record }: PaymentName): PaymentRow | null {
    const partition = partitionOf(wallet.citizen);
    for (const totals of wallet.totals) {
      if (totals.enrolment !== wallet.enrolment) continue;
      for (let place = totals.latest; place !== NOWHERE; ) {
        const line = turn.view.line('payment', partition, place);
        if (line.hpan === hpan && compareKeys(line, record) === 0) return line.countDelta === 1 ? line : null;
        place = line.previous;
      }
    }
    return null;
  }
}

/** Whether the citizen, who has perhaps left since, is excluded. */
export function isCitizenExcluded(turn: Turn, citizen: CitizenKey): boolean {
  const sub = exclusionSub('excluded', citizen, exclusionSubject(null));
  return turn.view.get('exclusion', partitionOf(citizen), '', sub) !== undefined;
}

type Listing = Extract<Fact, { kind: 'paymentListed' | 'latePaymentListed' | 'paymentKept' }>;

function isListing(fact: Fact): fact is Listing {
  return fact.kind === 'paymentListed' || fact.kind === 'latePaymentListed' || fact.kind === 'paymentKept';
}

function nameOf({ hpan, idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType }: PaymentRow): PaymentName {
  return { hpan, record: { idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType } };
}

function refused(code: RefusalName): Read<never> {
  return { ok: false, code };
}
