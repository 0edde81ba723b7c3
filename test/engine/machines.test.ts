// Method: for every state and every event of both machines, with contexts on either side of each guard, one step of
// ours and one of XState's own `transition` must end in the same state with the same decision. Where XState ignores
// an event that has no transition, ours breaks an invariant.
import { expect, test } from 'vitest';
import { type AnyStateMachine, transition } from 'xstate';
import { type Card, emptyCard, type LedgerEntry } from '../../engine/card/card.ts';
import { type CardContext, type CardEvent, cardMachine } from '../../engine/card/card-machine.ts';
import { machineSteps, newDecision } from '../../engine/decision.ts';
import { italy2020, type TransactionRecord } from '../../engine/index.ts';
import type { Payout } from '../../engine/payout/payout.ts';
import { payoutPlace } from '../../engine/payout/payout.ts';
import { type PayoutContext, type PayoutEvent, payoutMachine } from '../../engine/payout/payout-machine.ts';
import { emptyWallet, type Wallet } from '../../engine/wallet/wallet.ts';
import type { WalletContext, WalletEvent } from '../../engine/wallet/wallet-events.ts';
import { walletMachine } from '../../engine/wallet/wallet-machine.ts';
import { hpan, instant } from '../support/world.ts';

const ME = 'a'.repeat(32);
const OTHER = 'b'.repeat(32);
const CARD = hpan(1);
const NOW = instant('2021-03-01T12:00:00+01:00');
const period = italy2020().periods.find(({ awardPeriodId }) => awardPeriodId === 2)!;
const record: TransactionRecord = {
  acquirerCode: '36081',
  operationType: '00',
  circuitType: '01',
  hpan: CARD,
  trxMs: NOW - 1,
  idTrxAcquirer: 'A1',
  idTrxIssuer: '',
  correlationId: '',
  amountCents: 1_000,
  acquirerId: '09509',
  merchantId: 'M',
  terminalId: 'T',
};
const PLACE = 7;
const entry: LedgerEntry = {
  ...{ place: PLACE, previous: 0, key: 'k', latestMs: NOW - 1, record, receivedMs: NOW, arrival: 0, state: 'asked' },
  ...{ citizen: ME, enrolment: 0, awardPeriodId: 0, scoreCents: 0, leftCents: 0, matched: 0, code: null },
  ...{ flagged: false, expiresMs: 0, fileNumber: 0 },
};
const asked = { commandKey: 'c'.repeat(32), bodyHash: 'h', kind: 'enrol', channel: 'app-io-channel' } as const;
const details = { methodKind: 'card', brand: 'VISA', lastDigits: '1111', expiry: '', issuerAbi: '' } as const;

/** One step each way; an action that breaks an invariant must break it both ways. */
function bothWays<C extends { decision: object }>(
  machine: AnyStateMachine,
  state: string,
  context: Omit<C, 'decision'>,
  event: { readonly type: string },
  fresh: () => object = newDecision,
) {
  const ours = fresh();
  const theirs = fresh();
  const step = machineSteps<object, { readonly type: string }>(machine);
  const attempt = (act: () => string) => {
    try {
      return act();
    } catch (error) {
      return `broken: ${(error as Error).message}`;
    }
  };
  const mine = attempt(() => step(state, { ...context, decision: ours }, event));
  const snapshot = machine.resolveState({ value: state, context: { ...context, decision: theirs } });
  const xstate = attempt(() => {
    const [next, actions] = transition(machine, snapshot, event);
    for (const action of actions)
      (action.exec as ((info: unknown, params: unknown) => void) | undefined)?.(action.info, action.params);
    return next.value as string;
  });
  const isUnanswered = mine.includes('has no answer');
  return { ours: { state: isUnanswered ? state : mine, decision: ours }, theirs: { state: xstate, decision: theirs } };
}

const method = { hpan: CARD, details, activationMs: NOW - 1, deactivationMs: null, channel: 'app-io-channel' };
const wallets: readonly Partial<Wallet>[] = [
  {},
  { methods: [{ ...method, cashback: 'enabled' }], claimed: [CARD] },
  { methods: [{ ...method, cashback: 'off' }] },
  { methods: [{ ...method, cashback: 'enabling' }] },
  { termsMs: NOW },
  { payoff: { checkStatus: 'UNKNOWN_PSP', sealed: new Uint8Array(1) }, recheck: { dueMs: NOW, attempts: 2 } },
];
const entering = {
  identity: () => ({ slot: 0, sealedTaxCode: new Uint8Array(1) }),
  isExcluded: () => false,
};
const walletEvents: readonly WalletEvent[] = [
  { type: 'ENROL', asked, body: { kind: 'enrol' }, ...entering },
  {
    type: 'ENROL',
    asked,
    body: { kind: 'enrol', optInStatus: 'ACCEPTED' },
    ...entering,
  },
  { type: 'ENROL', asked, body: { kind: 'enrol' }, ...entering, isExcluded: () => true },
  { type: 'EXCLUDE', frozenPeriods: [] },
  { type: 'INCLUDE', frozenPeriods: [] },
  { type: 'LEAVE', asked, frozenPeriods: [] },
  { type: 'SET_IBAN', asked, isIbanValid: true, checkStatus: 'OK', seal: () => new Uint8Array(1) },
  { type: 'SET_IBAN', asked, isIbanValid: true, checkStatus: 'KO', seal: () => new Uint8Array(1) },
  { type: 'SET_IBAN', asked, isIbanValid: false, checkStatus: 'OK', seal: () => new Uint8Array(1) },
  { type: 'ADD_METHOD', asked, body: { kind: 'addMethod', hpan: CARD, details } },
  { type: 'REMOVE_METHOD', asked, body: { kind: 'removeMethod', hpan: CARD } },
  { type: 'SET_FAVOURITE', asked, body: { kind: 'setFavourite', hpan: CARD } },
  { type: 'RECHECKED', dueMs: NOW, verdict: 'KO' },
  { type: 'RECHECKED', dueMs: NOW, verdict: 'UNKNOWN_PSP' },
  { type: 'ENABLE', asked, body: { kind: 'enableCashback', hpan: CARD } },
  { type: 'ENABLE', asked, body: { kind: 'enableCashback', hpan: CARD, tokens: [hpan(2)], onlyTokens: true } },
  { type: 'ENABLE_ALL', asked },
  { type: 'DISABLE', asked, body: { kind: 'disableCashback', hpan: CARD } },
  { type: 'CLAIM_JUDGED', hpan: CARD, activationMs: NOW },
  { type: 'RELEASE_JUDGED', hpan: CARD, deactivationMs: NOW, code: null },
  { type: 'COUNT', place: PLACE, record, period },
  { type: 'COUNT', place: PLACE, record, period: null },
  { type: 'REVERSE', place: PLACE, record, enrolment: 0, awardPeriodId: 2, scoreCents: -100, countDelta: -1 },
];

test('a step of the wallet machine is the step that XState makes', () => {
  for (const state of Object.keys(walletMachine.states)) {
    for (const part of wallets) {
      for (const event of walletEvents) {
        const wallet = { ...emptyWallet(ME), ...part, status: state as Wallet['status'] };
        const { ours, theirs } = bothWays<WalletContext>(
          walletMachine,
          state,
          { wallet, nowMs: NOW, newPlace: () => PLACE },
          event,
        );
        expect(ours, `${state} ${event.type}`).toEqual(theirs);
      }
    }
  }
});

const row = {
  citizen: ME,
  enrolment: 1,
  channel: 'app-io-channel',
  master: CARD,
  activationMs: NOW - 9 * 86_400_000,
  deactivationMs: null,
};
const cards: readonly Partial<Card>[] = [
  {},
  { history: [row] },
  { history: [{ ...row, citizen: OTHER }] },
  { history: [row, row] },
  { history: [row], recent: [{ key: 'k', place: PLACE, trxMs: NOW - 1 }] },
  { history: [row], recent: [{ key: 'other', place: PLACE, trxMs: NOW - 1 }], olderMs: NOW },
  { history: [row], unanswered: 1 },
  { history: [row], departed: [{ citizen: ME, enrolment: 7 }] },
  { history: [row], pending: [{ place: PLACE, expiresMs: NOW + 1 }] },
  { history: [row], pending: [{ place: PLACE, expiresMs: NOW }] },
];
const parked: LedgerEntry = {
  ...entry,
  ...{ state: 'parked', record: { ...record, operationType: '01' }, awardPeriodId: 2, code: 'REVERSAL_AMBIGUOUS' },
};
const flagged: LedgerEntry = { ...parked, state: 'applied', flagged: true, code: null };
const payment: LedgerEntry = { ...entry, place: 3, state: 'counted', awardPeriodId: 2, leftCents: 1_000, enrolment: 1 };
const decided = { place: PLACE, paymentPlace: 3, operator: 'anna', reason: 'r', atMs: NOW } as const;
const resolve: Extract<CardEvent, { type: 'RESOLVE' }> = {
  ...({ type: 'RESOLVE', key: 'k', reversal: parked, before: null, resolution: 'apply', payment } as const),
  ...{ isClosed: false, operator: 'anna', reason: 'r' },
};
const resolutions: readonly CardEvent[] = [
  resolve,
  { ...resolve, reversal: null },
  { ...resolve, reversal: payment },
  { ...resolve, reversal: { ...parked, state: 'expired' } },
  { ...resolve, reversal: { ...parked, state: 'pending', code: null } },
  { ...resolve, reversal: { ...flagged, flagged: false }, before: { ...decided, resolution: 'apply' } },
  { ...resolve, reversal: { ...flagged, flagged: false }, before: { ...decided, resolution: 'keep' } },
  { ...resolve, resolution: 'discard', payment: null },
  { ...resolve, resolution: 'keep', payment: null },
  { ...resolve, resolution: 'keep', payment: null, reversal: flagged },
  { ...resolve, resolution: 'keep', payment: null, reversal: flagged, before: { ...decided, resolution: 'keep' } },
  { ...resolve, payment: null },
  { ...resolve, payment: { ...payment, awardPeriodId: 1 } },
  { ...resolve, payment: { ...payment, leftCents: 999 } },
  { ...resolve, payment: { ...payment, enrolment: 7 } },
  { ...resolve, isClosed: true },
];
const received = { type: 'RECORD', key: 'k', receivedMs: NOW, fileNumber: 0 } as const;
const cardEvents: readonly CardEvent[] = [
  { type: 'ACTIVATE', citizen: ME, enrolment: 1, channel: 'x', master: CARD, isProvisional: false },
  { type: 'ACTIVATE', citizen: ME, enrolment: 1, channel: 'x', master: CARD, isProvisional: true },
  { type: 'CONFIRM' },
  { type: 'WITHDRAW', citizen: ME },
  { type: 'RELEASE', citizen: ME, enrolment: 1, cancellationMs: null, isLeaving: false },
  { type: 'RELEASE', citizen: ME, enrolment: 1, cancellationMs: null, isLeaving: true },
  { ...received, record, period, isClosed: false },
  { ...received, record, period, isClosed: true },
  { ...received, record: { ...record, operationType: '01' }, period, isClosed: false },
  { ...received, record, receivedMs: NOW - 9e8, period, isClosed: false },
  { type: 'SET_PAR', citizen: ME, par: 'Q1' },
  { type: 'COUNT_JUDGED', place: PLACE, code: null, enrolment: 1, awardPeriodId: 2, scoreCents: 100 },
  { type: 'REVERSE_JUDGED', place: PLACE, applied: true },
  { type: 'EXPIRE' },
  ...resolutions,
  { type: 'EXCLUDE', payment, isExcluded: true, isClosed: false },
  { type: 'EXCLUDE', payment, isExcluded: false, isClosed: false },
  { type: 'EXCLUDE', payment, isExcluded: true, isClosed: true },
  { type: 'EXCLUDE', payment: null, isExcluded: true, isClosed: false },
];

test('a step of the card machine is the step that XState makes', () => {
  for (const state of Object.keys(cardMachine.states)) {
    for (const part of cards) {
      for (const event of cardEvents) {
        const card = { ...emptyCard(CARD), ...part, status: state as Card['status'] };
        const ledger = { entry: () => entry, resolution: () => null, newPlace: () => PLACE + 1 };
        const context = { card, nowMs: NOW, ledger, periodOf: () => period, keyOf: () => 'made' };
        const { ours, theirs } = bothWays<CardContext>(cardMachine, state, context, event);
        expect(ours, `${state} ${event.type}`).toEqual(theirs);
      }
    }
  }
});

const outcome = { result: 'KO', reason: '', cro: '', executionDay: '' } as const;
const payoff = { checkStatus: 'OK', sealed: new Uint8Array(1) } as const;
const FILE = 3;
const payouts: readonly Partial<Payout>[] = [
  {},
  { payoff: null },
  { isEnabled: false },
  { cashbackCents: 0 },
  { fileNumber: 0 },
  { outcome },
  { outcome, successorPlace: payoutPlace(9) },
  { outcome: { ...outcome, result: 'ORDINE ESEGUITO' } },
];
const payoutEvents: readonly PayoutEvent[] = [
  { type: 'FILL', payoff: { ...payoff, checkStatus: 'UNKNOWN_PSP' } },
  { type: 'WITHDRAW' },
  { type: 'EXPORT', fileNumber: FILE, updateMs: NOW - 1 },
  { type: 'EXPORT', fileNumber: FILE, updateMs: NOW - 2 },
  { type: 'EXPORT', fileNumber: FILE + 1, updateMs: NOW - 1 },
  { type: 'DELIVER', fileNumber: FILE },
  { type: 'DELIVER', fileNumber: FILE + 1 },
  ...(['NEW', 'RECOVERY', 'SENT'] as const).flatMap((status) => [
    { type: 'RESTORE', fileNumber: FILE, status, payoff: null } as const,
    { type: 'RESTORE', fileNumber: FILE + 1, status, payoff } as const,
  ]),
  { type: 'OUTCOME', outcome },
  { type: 'OUTCOME', outcome: { ...outcome, reason: 'other' } },
  { type: 'SUCCEED', successorPlace: payoutPlace(7) },
];

test('a step of the payout machine is the step that XState makes, and it knows every answer', () => {
  const whole: Payout = {
    ...{
      place: payoutPlace(1),
      citizen: ME,
      enrolment: 1,
      slot: 0,
      awardPeriodId: 2,
      cashbackCents: 1,
      jackpotCents: 0,
    },
    ...{ payoff, status: 'NEW', orderNumber: 1, isEnabled: true, fileNumber: FILE, outcome: null, relatedPlace: 0 },
    ...{ successorPlace: 0, ticketId: '', consapId: '', atMs: NOW - 1 },
  };
  for (const state of Object.keys(payoutMachine.states)) {
    for (const part of payouts) {
      for (const event of payoutEvents) {
        const payout = { ...whole, ...part, status: state as Payout['status'] };
        const fresh = () => ({ payout: null, refused: null });
        const { ours, theirs } = bothWays<PayoutContext>(payoutMachine, state, { payout, nowMs: NOW }, event, fresh);
        expect(ours, `${state} ${event.type}`).toEqual(theirs);
        expect(ours.state, `${state} ${event.type}`).not.toContain('broken');
      }
    }
  }
});
