/** Facts, messages and rows of every kind with random content, for whoever stores them. */
import { emptyCard, type LedgerEntry, type StoredResolution } from '../../engine/card/card.ts';
import {
  type Answer,
  EXCLUSION_ACTIONS,
  EXCLUSION_STATES,
  type Exclusion,
  NOTICE_KINDS,
  NOTICE_RUN_KINDS,
  NOTICE_STATES,
  type Notice,
  PAYOUT_FILE_STATES,
  PAYOUT_RESULTS,
  PAYOUT_STATUSES,
  type PaymentName,
  type PayoutFile,
  PERIOD_DECISION_KINDS,
  type PeriodDecision,
  REFUSALS,
  RESOLUTIONS,
  type ReceivedFile,
  type RefusalName,
  ROW_FATES,
  type TransactionRecord,
  WALLET_COMMAND_KINDS,
  type WalletCommandKind,
} from '../../engine/contract.ts';
import type { MerchantDay } from '../../engine/exclusion/merchant-day.ts';
import type { Fact, Message, MessageBody, Section, Standing, TurnRecord } from '../../engine/facts.ts';
import type { FileTally } from '../../engine/file/received-file.ts';
import type { NoticeRun } from '../../engine/notice/notice.ts';
import type { Payout, PayoutOrder, PayoutRun } from '../../engine/payout/payout.ts';
import type { RowTable, RowTypes } from '../../engine/ports.ts';
import { type DoneCommand, emptyWallet, type Operation, type PaymentRow } from '../../engine/wallet/wallet.ts';
import type { Random } from './random.ts';

const REFUSAL_NAMES = Object.keys(REFUSALS) as RefusalName[];
const LEDGER_STATES: readonly LedgerEntry['state'][] = [
  ...(['asked', 'counted', 'pending', 'applied', 'parked', 'expired', 'forgotten', 'discarded'] as const),
];
const TEXTS = [
  '',
  'a',
  '00',
  '08123',
  'ABCDEF',
  'deadbeef',
  'però',
  '🎄',
  '\ud800',
  ' con spazio',
  'x'.repeat(300),
  'AB'.repeat(20),
];

export class Samples {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.#random.below(16).toString(16);
    return text;
  }

  citizen = (): string => this.hex(32);
  hpan = (): string => this.hex(64);
  text = (): string => this.#random.pick(TEXTS);
  flag = (): boolean => this.#random.below(2) === 1;
  count = (): number => this.#random.pick([0, 1, 63, 64, 127, 128, 1_000_000, this.#random.below(2 ** 31)]);
  cents = (): number => this.#random.pick([-150_000, -1, 0, 1, 99, 15_000_00, 2 ** 40]);
  instant = (): number => 1_607_000_000_000 + this.#random.below(2 ** 31);
  bytes = (): Uint8Array => new Uint8Array(this.#random.below(80)).map(() => this.#random.below(256));
  refusal = (): RefusalName => this.#random.pick(REFUSAL_NAMES);
  orNull = <T>(make: () => T): T | null => (this.flag() ? make() : null);
  some = <T>(make: () => T): T[] => Array.from({ length: this.#random.below(4) }, make);
  standing = (): Standing => ({ count: this.count(), lastTrxMs: this.instant(), termsMs: this.instant() });

  record(): TransactionRecord {
    return {
      acquirerCode: '08123',
      operationType: this.#random.pick(['00', '01']),
      circuitType: '01',
      hpan: this.hpan(),
      trxMs: this.instant(),
      idTrxAcquirer: this.text(),
      idTrxIssuer: this.text(),
      correlationId: this.text(),
      amountCents: this.count() + 1,
      acquirerId: this.text(),
      merchantId: this.text(),
      terminalId: this.text(),
    };
  }

  entry(): LedgerEntry {
    return {
      place: this.count(),
      previous: this.count(),
      key: this.#random.pick([this.citizen(), this.text()]),
      latestMs: this.instant(),
      record: this.record(),
      receivedMs: this.instant(),
      arrival: this.count(),
      state: this.#random.pick(LEDGER_STATES),
      citizen: this.#random.pick(['', this.citizen()]),
      enrolment: this.count(),
      awardPeriodId: this.count(),
      scoreCents: this.cents(),
      leftCents: this.cents(),
      matched: this.count(),
      code: this.orNull(this.refusal),
      flagged: this.flag(),
      expiresMs: this.instant(),
      fileNumber: this.count(),
    };
  }

  payment(): PaymentRow {
    return {
      place: this.count(),
      previous: this.count(),
      awardPeriodId: this.count(),
      enrolment: this.count(),
      insertion: this.count(),
      hpan: this.hpan(),
      acquirerCode: this.text(),
      acquirerId: this.text(),
      operationType: '00',
      circuitType: '01',
      idTrxAcquirer: this.text(),
      idTrxIssuer: this.text(),
      trxMs: this.instant(),
      amountCents: this.cents(),
      cashbackCents: this.cents(),
      countDelta: this.#random.pick([-1, 0, 1]),
    };
  }

  operation(): Operation {
    return {
      commandKey: `citizen|${this.citizen()}|${this.citizen()}`,
      bodyHash: this.citizen(),
      kind: this.#random.pick(['enableCashback', 'enableAll', 'disableCashback', 'removeMethod', 'leave']),
      hpan: this.#random.pick(['', this.hpan()]),
      waiting: this.some(this.hpan),
      next: this.some(this.hpan),
      granted: this.some(() => ({ hpan: this.hpan(), activationMs: this.instant() })),
      refused: this.some(this.hpan),
      code: this.orNull(this.refusal),
      cancellationMs: this.orNull(this.instant),
      channel: this.text(),
    };
  }

  answer(): Answer {
    const all: Answer = {
      termsMs: this.instant(),
      optInStatus: 'DENIED',
      validationStatus: 'UNKNOWN_PSP',
      hpan: this.hpan(),
      activationMs: this.instant(),
      enabled: this.some(this.hpan),
      refused: this.some(this.hpan),
    };
    return Object.fromEntries(Object.entries(all).filter(() => this.flag()));
  }

  done(): DoneCommand {
    const command = this.orNull(() => this.commandKind());
    return { commandKey: this.text(), bodyHash: this.hpan(), command, answer: this.answer(), sequence: this.count() };
  }

  commandKind(): WalletCommandKind {
    return this.#random.pick(WALLET_COMMAND_KINDS);
  }

  /** One of every kind. */
  facts(): Fact[] {
    const { citizen, hpan, instant, count, text } = this;
    const details = {
      methodKind: 'bpay',
      brand: text(),
      lastDigits: '1234',
      expiry: '2026-01',
      issuerAbi: '',
    } as const;
    return [
      {
        kind: 'enrolled',
        citizen: citizen(),
        enrolment: count(),
        termsMs: instant(),
        optInStatus: 'ACCEPTED',
        slot: count(),
        sealedTaxCode: this.bytes(),
      },
      { kind: 'optInSet', citizen: citizen(), optInStatus: 'NOREQ' },
      {
        kind: 'left',
        citizen: citizen(),
        cancellationMs: instant(),
        removed: this.some(() => ({ awardPeriodId: count(), before: this.standing() })),
      },
      { kind: 'parSet', hpan: this.hpan(), par: this.text(), wasPar: this.text() },
      {
        kind: 'parCovered',
        hpan: this.hpan(),
        key: this.text(),
        cover: { master: this.hpan(), citizen: citizen(), enrolment: count() },
      },
      { kind: 'favouriteSet', citizen: citizen(), hpan: this.hpan(), atMs: instant() },
      {
        kind: 'recheckSet',
        citizen: citizen(),
        recheck: this.orNull(() => ({ dueMs: instant(), attempts: count() })),
        wasDueMs: this.orNull(instant),
      },
      {
        kind: 'payoffJudged',
        citizen: citizen(),
        verdict: this.#random.pick(['OK', 'KO', 'INVALID']),
        payoff: this.orNull(() => ({ checkStatus: 'OK' as const, sealed: this.bytes() })),
        atMs: instant(),
      },
      { kind: 'payoffSet', citizen: citizen(), payoff: { checkStatus: 'KO', sealed: this.bytes() }, atMs: instant() },
      { kind: 'methodAdded', citizen: citizen(), hpan: hpan(), details, atMs: instant() },
      { kind: 'methodRemoved', citizen: citizen(), hpan: hpan(), atMs: instant() },
      { kind: 'claimStarted', citizen: citizen(), hpan: hpan(), channel: text() },
      { kind: 'claimEnded', citizen: citizen(), hpan: hpan(), activationMs: this.orNull(instant), atMs: instant() },
      { kind: 'releaseStarted', citizen: citizen(), hpan: hpan() },
      { kind: 'releaseEnded', citizen: citizen(), hpan: hpan(), deactivationMs: this.orNull(instant), atMs: instant() },
      { kind: 'operationSet', citizen: citizen(), operation: this.operation() },
      { kind: 'operationRefused', citizen: citizen(), commandKey: text(), code: this.refusal() },
      {
        kind: 'commandDone',
        citizen: citizen(),
        commandKey: text(),
        bodyHash: hpan(),
        command: this.orNull(() => this.commandKind()),
        answer: this.answer(),
      },
      { kind: 'commandsPaged', citizen: citizen(), commands: this.some(() => this.done()) },
      {
        kind: 'paymentListed',
        citizen: citizen(),
        payment: this.payment(),
        rawCents: this.cents(),
        before: this.orNull(this.standing),
        after: this.standing(),
        atMs: instant(),
      },
      {
        kind: 'cardActivated',
        hpan: hpan(),
        citizen: citizen(),
        enrolment: count(),
        channel: text(),
        master: hpan(),
        activationMs: instant(),
      },
      {
        kind: 'cardClaimed',
        hpan: hpan(),
        citizen: citizen(),
        enrolment: count(),
        channel: text(),
        master: hpan(),
        activationMs: instant(),
      },
      { kind: 'claimConfirmed', hpan: hpan() },
      { kind: 'claimWithdrawn', hpan: hpan(), status: this.#random.pick(['absent', 'inactive']) },
      { kind: 'cardDeactivated', hpan: hpan(), deactivationMs: instant() },
      { kind: 'ownerLeft', hpan: hpan(), citizen: citizen(), enrolment: count() },
      {
        kind: 'recordSet',
        hpan: hpan(),
        entry: this.entry(),
        unanswered: count(),
        pending: this.some(() => ({ place: count(), expiresMs: instant() })),
        arrivals: count(),
        reversals: count(),
      },
      { kind: 'reversalResolved', hpan: hpan(), resolution: this.resolution() },
      { kind: 'resolutionVoided', hpan: hpan(), place: count() },
      { kind: 'periodClosed', awardPeriodId: count() },
      { kind: 'periodCloseHeard', awardPeriodId: count(), from: 63 },
      { kind: 'periodFrozen', awardPeriodId: count() },
      {
        kind: 'rankingFrozen',
        awardPeriodId: count(),
        vector: this.some(count),
        participants: count(),
        digest: hpan(),
      },
      { kind: 'tieOrdered', first: citizen(), second: citizen() },
      { kind: 'programmeSet', json: '{"name":"però"}', hash: hpan() },
      { kind: 'payoutMade', citizen: citizen(), payout: this.payout() },
      { kind: 'payoutAdded', citizen: citizen(), payout: this.payout() },
      { kind: 'payoutSet', citizen: citizen(), payout: this.payout() },
      { kind: 'payoutsOrdered', order: this.payoutOrder() },
      { kind: 'payoutRunSet', run: this.payoutRun() },
      { kind: 'payoutFileSet', file: this.payoutFile() },
      { kind: 'noticeQueued', citizen: citizen(), notice: this.notice() },
      { kind: 'noticeSet', citizen: citizen(), notice: this.notice(), wasDueMs: instant() },
      { kind: 'noticeRunSet', run: this.noticeRun() },
      { kind: 'fileTallySet', tally: this.fileTally() },
      { kind: 'receivedFileSet', file: this.receivedFile() },
      { kind: 'periodDecided', decision: this.periodDecision() },
      { kind: 'periodReopened', decision: this.periodDecision() },
      {
        kind: 'latePaymentListed',
        citizen: citizen(),
        payment: this.payment(),
        rawCents: this.cents(),
        before: this.orNull(this.standing),
        after: this.standing(),
        atMs: instant(),
      },
      { kind: 'lateRecordTaken', hpan: hpan(), place: count(), decisionNumber: count(), file: text() },
      {
        ...({ kind: 'citizenExcluded', citizen: citizen(), isExcluded: this.flag(), atMs: instant() } as const),
        standings: this.some(() => ({ awardPeriodId: count(), standing: this.standing() })),
      },
      {
        ...({ kind: 'paymentKept', citizen: citizen(), payment: this.payment(), rawCents: this.cents() } as const),
        ...{ before: this.orNull(this.standing), after: this.standing(), atMs: instant() },
      },
      { kind: 'exclusionSet', citizen: citizen(), subject: text(), exclusion: this.exclusion() },
      { kind: 'merchantDaySet', citizen: citizen(), sub: text(), merchantDay: this.merchantDay() },
    ];
  }

  resolution(): StoredResolution {
    const { count, text } = this;
    return {
      ...{ place: count(), resolution: this.#random.pick(RESOLUTIONS), paymentPlace: count() },
      ...{ operator: text(), reason: text(), atMs: this.instant() },
    };
  }

  periodDecision(): PeriodDecision {
    const { count, instant, text } = this;
    return {
      ...{ number: count(), kind: this.#random.pick(PERIOD_DECISION_KINDS), awardPeriodId: count() },
      ...{ files: this.some(text), untilMs: instant(), operator: text(), reason: text(), atMs: instant() },
      replaced: this.#random.pick(['', '{"name":"però"}']),
    };
  }

  paymentName(): PaymentName {
    const { idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType } = this.record();
    return { hpan: this.hpan(), record: { idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType } };
  }

  exclusion(): Exclusion {
    const { instant, text } = this;
    return {
      ...{ citizen: this.citizen(), payment: this.orNull(() => this.paymentName()) },
      ...{ state: this.#random.pick(EXCLUSION_STATES), action: this.#random.pick(EXCLUSION_ACTIONS) },
      ...{ proposedBy: text(), reason: text(), proposedMs: instant() },
      ...{ decidedBy: text(), decisionReason: text(), decidedMs: instant(), appealEndsMs: instant() },
    };
  }

  merchantDay(): MerchantDay {
    const { count, text } = this;
    return {
      ...{ enrolment: count(), awardPeriodId: count(), day: '2021-05-28', merchantId: text(), paymentCount: count() },
      ...{ kept: this.some(() => this.paymentName()), toldDay: text() },
    };
  }

  payout(): Payout {
    const { citizen, instant, count, text } = this;
    return {
      place: count(),
      citizen: citizen(),
      enrolment: count(),
      slot: count(),
      awardPeriodId: count(),
      cashbackCents: this.cents(),
      jackpotCents: this.cents(),
      payoff: this.orNull(() => ({ checkStatus: 'OK' as const, sealed: this.bytes() })),
      status: this.#random.pick(PAYOUT_STATUSES),
      orderNumber: count(),
      isEnabled: this.flag(),
      fileNumber: count(),
      outcome: this.orNull(() => ({
        ...{ result: this.#random.pick(PAYOUT_RESULTS), reason: text(), cro: text(), executionDay: '2021-02-01' },
      })),
      relatedPlace: count(),
      successorPlace: count(),
      ticketId: text(),
      consapId: text(),
      atMs: instant(),
    };
  }

  payoutRun(): PayoutRun {
    const { count } = this;
    return {
      ...{ awardPeriodId: count(), orderNumber: count(), first: count(), count: count(), totalCents: this.cents() },
      ...{ cursor: this.citizen(), isDone: this.flag() },
    };
  }

  payoutOrder(): PayoutOrder {
    const cut = this.orNull(() => ({ fundsCents: this.count(), totalCents: this.count() }));
    return { orderNumber: this.count(), awardPeriodId: this.count(), cut, atMs: this.instant() };
  }

  payoutFile(): PayoutFile {
    const { count } = this;
    return {
      ...{ fileNumber: count(), awardPeriodId: count(), name: this.text(), rowCount: count(), totalCents: count() },
      ...{ checksum: this.hpan(), state: this.#random.pick(PAYOUT_FILE_STATES), atMs: this.instant() },
    };
  }

  fileTally(): FileTally {
    return { fileNumber: this.count(), rowCount: this.count(), amountCents: this.count() };
  }

  receivedFile(): ReceivedFile {
    const { count } = this;
    const figure = () => {
      const [fate, code] = [this.#random.pick(ROW_FATES), this.orNull(this.refusal)];
      return { fate, code, rowCount: count(), amountCents: count() };
    };
    return {
      ...{ fileNumber: count(), sender: this.text(), name: this.text(), digest: this.hpan() },
      ...{ receivedMs: this.instant(), isDone: this.flag(), figures: this.some(figure) },
    };
  }

  notice(): Notice {
    const { count, instant } = this;
    return {
      ...{ id: `payout-${count()}`, citizen: this.citizen(), kind: this.#random.pick(NOTICE_KINDS) },
      ...{ awardPeriodId: count(), cashbackCents: this.cents(), jackpotCents: this.cents(), payoutId: count() },
      ...{ state: this.#random.pick(NOTICE_STATES), attempts: count(), dueMs: instant(), atMs: instant() },
    };
  }

  noticeRun(): NoticeRun {
    const run = this.#random.pick(NOTICE_RUN_KINDS);
    return { run, awardPeriodId: this.count(), cursor: this.citizen(), count: this.count(), isDone: this.flag() };
  }

  /** One of every kind. */
  bodies(): MessageBody[] {
    const { citizen, hpan, instant, count, text } = this;
    return [
      {
        kind: 'claim',
        citizen: citizen(),
        hpan: hpan(),
        enrolment: count(),
        channel: text(),
        master: hpan(),
        isProvisional: this.flag(),
      },
      { kind: 'claimConfirmed', citizen: citizen(), hpan: hpan() },
      { kind: 'claimWithdrawn', citizen: citizen(), hpan: hpan() },
      { kind: 'claimJudged', citizen: citizen(), hpan: hpan(), activationMs: this.orNull(instant) },
      {
        kind: 'release',
        citizen: citizen(),
        hpan: hpan(),
        enrolment: count(),
        cancellationMs: this.orNull(instant),
        isLeaving: this.flag(),
      },
      {
        kind: 'releaseJudged',
        citizen: citizen(),
        hpan: hpan(),
        deactivationMs: this.orNull(instant),
        code: this.orNull(this.refusal),
      },
      { kind: 'count', citizen: citizen(), place: count(), record: this.record(), receivedMs: instant() },
      {
        kind: 'countLate',
        citizen: citizen(),
        place: count(),
        record: this.record(),
        receivedMs: instant(),
        awardPeriodId: count(),
      },
      {
        kind: 'countJudged',
        hpan: hpan(),
        place: count(),
        code: this.orNull(this.refusal),
        enrolment: count(),
        awardPeriodId: count(),
        scoreCents: this.cents(),
      },
      {
        kind: 'reverse',
        citizen: citizen(),
        enrolment: count(),
        place: count(),
        record: this.record(),
        awardPeriodId: count(),
        scoreCents: this.cents(),
        countDelta: -1,
      },
      { kind: 'reverseJudged', hpan: hpan(), place: count(), applied: this.flag() },
      { kind: 'exclude', hpan: hpan(), key: citizen(), trxMs: instant(), isExcluded: this.flag() },
      { kind: 'periodClosed', awardPeriodId: count() },
    ];
  }

  section(): Section {
    const partition = this.#random.below(64);
    const message = (body: MessageBody): Message => ({ from: partition, to: 1, sequence: this.count(), body });
    return {
      partition,
      sequence: this.count(),
      facts: this.#random.shuffle(this.facts()),
      sent: this.bodies().map(message),
      within: [[this.#random.below(64), this.count()]],
      received: [[this.#random.below(64), this.count()]],
    };
  }

  turn(epoch: number, sequence: number): TurnRecord {
    return { epoch, sequence, nowMs: this.instant(), sections: [this.section()] };
  }

  /** Short, to fill a journal with many. */
  shortTurn(epoch: number, sequence: number): TurnRecord {
    const facts = [{ kind: 'cardDeactivated', hpan: this.hpan(), deactivationMs: this.instant() }] as const;
    const section = { partition: this.#random.below(64), sequence, facts, sent: [], within: [], received: [] };
    return { epoch, sequence, nowMs: this.instant(), sections: [section] };
  }

  row<T extends RowTable>(table: T): RowTypes[T] {
    return this.#rows()[table];
  }

  #rows(): RowTypes {
    const { citizen, hpan, instant, count, text } = this;
    return {
      wallet: {
        ...emptyWallet(citizen()),
        status: 'disabled',
        cancellationMs: this.orNull(instant),
        sealedTaxCode: this.orNull(this.bytes),
        payoff: this.orNull(() => ({ checkStatus: 'OK' as const, sealed: this.bytes() })),
        recheck: this.orNull(() => ({ dueMs: instant(), attempts: count() })),
        payoffRefused: this.orNull(() => this.#random.pick(['KO', 'INVALID'] as const)),
        methods: this.some(() => ({
          hpan: hpan(),
          details: null,
          cashback: 'disabling',
          activationMs: this.orNull(instant),
          deactivationMs: null,
          channel: text(),
        })),
        favourite: this.orNull(hpan),
        claimed: this.some(hpan),
        totals: this.some(() => ({
          awardPeriodId: count(),
          enrolment: count(),
          termsMs: instant(),
          rawCents: this.cents(),
          count: count(),
          lastTrxMs: instant(),
          insertions: count(),
          latest: count(),
          frozen: this.orNull(() => ({ standing: this.orNull(this.standing) })),
          isRanked: this.flag(),
        })),
        operations: this.some(() => this.operation()),
        commands: this.some(() => this.done()),
        pagedTo: text(),
      },
      payment: this.some(() => this.payment()),
      command: { commands: this.some(() => this.done()) },
      card: {
        ...emptyCard(hpan()),
        status: this.#random.pick(['inactive', 'provisional', 'active']),
        par: text(),
        history: this.some(() => ({
          citizen: citizen(),
          enrolment: count(),
          channel: text(),
          master: hpan(),
          activationMs: instant(),
          deactivationMs: this.orNull(instant),
        })),
        departed: this.some(() => ({ citizen: citizen(), enrolment: count() })),
        recent: this.some(() => ({ key: citizen(), place: count(), trxMs: instant() })),
        olderMs: instant(),
        pending: this.some(() => ({ place: count(), expiresMs: instant() })),
      },
      record: this.some(() => this.entry()),
      payout: this.some(() => this.payout()),
      payoutLink: { place: count() },
      payoutFile: this.payoutFile(),
      notice: this.notice(),
      noticeRun: this.noticeRun(),
      fileTally: this.fileTally(),
      receivedFile: this.receivedFile(),
      pointer: { key: citizen() },
      periodDecision: this.periodDecision(),
      exclusion: this.exclusion(),
      merchantDay: this.merchantDay(),
      reversal: { hpan: hpan(), place: count(), atMs: instant() },
      resolution: this.resolution(),
      partition: {
        lastMs: instant(),
        received: Array.from({ length: 64 }, count),
        sent: Array.from({ length: 64 }, count),
        closedPeriods: this.some(count),
        closeHeard: this.some(() => ({ awardPeriodId: count(), from: this.some(count) })),
        frozenPeriods: this.some(count),
        ties: this.some(() => [citizen(), citizen()] as const),
        citizensEnabled: count(),
        cardsActive: count(),
        paymentsListed: count(),
        commandsDone: count(),
        payoutCount: count(),
        payoutRuns: this.some(() => this.payoutRun()),
        payoutOrders: this.some(() => this.payoutOrder()),
        programme: this.orNull(() => ({ json: '{}', hash: hpan() })),
        frozenRankings: this.some(() => ({
          awardPeriodId: count(),
          vector: this.some(count),
          participants: count(),
          digest: hpan(),
        })),
      },
      outbox: {
        messages: this.bodies().map((body) => ({ from: 1, to: 2, sequence: count(), body })),
      },
    };
  }
}
