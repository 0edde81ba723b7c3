/** The fold of a wallet: the only way in which one changes, live and in recovery alike. */
import { invariant, unreachable } from '../assert.ts';
import type { Hpan } from '../contract.ts';
import type { WalletFact } from '../facts.ts';
import { withCommand, withoutPaged } from './commands.ts';
import type { PaymentRow, PeriodTotals, Wallet, WalletMethod } from './wallet.ts';

/** @returns the wallet after `fact`, which the partition journals at `sequence`; the argument is not modified */
export function applyWalletFact(wallet: Wallet, fact: WalletFact, sequence: number): Wallet {
  switch (fact.kind) {
    case 'enrolled':
      return {
        ...wallet,
        status: 'enabled',
        enrolment: fact.enrolment,
        termsMs: fact.termsMs,
        optInStatus: fact.optInStatus,
        slot: fact.slot,
        sealedTaxCode: fact.sealedTaxCode,
        claimed: [],
        updatedMs: fact.termsMs,
      };
    case 'optInSet':
      return { ...wallet, optInStatus: fact.optInStatus };
    case 'left':
      return {
        ...wallet,
        status: 'disabled',
        cancellationMs: fact.cancellationMs,
        optInStatus: 'NOREQ',
        payoff: null,
        methods: wallet.methods.map((method) =>
          method.cashback === 'enabled' ? { ...method, cashback: 'disabling' } : method,
        ),
        totals: wallet.totals.filter(
          (totals) => !fact.removed.some(({ awardPeriodId }) => awardPeriodId === totals.awardPeriodId),
        ),
        updatedMs: fact.cancellationMs,
      };
    case 'payoffSet':
      return { ...wallet, payoff: fact.payoff, updatedMs: fact.atMs };
    case 'methodAdded':
      return { ...withMethod(wallet, fact.hpan, { details: fact.details }), updatedMs: fact.atMs };
    case 'methodRemoved':
      return {
        ...wallet,
        methods: wallet.methods.filter((method) => method.hpan !== fact.hpan),
        updatedMs: fact.atMs,
      };
    case 'claimStarted':
      return {
        ...withMethod(wallet, fact.hpan, { cashback: 'enabling', channel: fact.channel }),
        claimed: wallet.claimed.includes(fact.hpan) ? wallet.claimed : [...wallet.claimed, fact.hpan],
      };
    case 'claimEnded':
      return { ...withClaimEnded(wallet, fact.hpan, fact.activationMs), updatedMs: fact.atMs };
    case 'releaseStarted':
      return withKnownMethod(wallet, fact.hpan, { cashback: 'disabling' });
    case 'releaseEnded':
      return { ...withReleaseEnded(wallet, fact.hpan, fact.deactivationMs), updatedMs: fact.atMs };
    case 'operationSet':
      return { ...wallet, operations: [...withoutOperation(wallet, fact.operation.commandKey), fact.operation] };
    case 'operationRefused':
      return { ...wallet, operations: withoutOperation(wallet, fact.commandKey) };
    case 'commandDone': {
      const { commandKey, bodyHash, answer } = fact;
      const ended = { ...wallet, operations: withoutOperation(wallet, commandKey) };
      return withCommand(ended, { commandKey, bodyHash, answer, sequence });
    }
    case 'commandsPaged':
      return withoutPaged(wallet, fact.commands);
    case 'paymentListed':
      return { ...withPayment(wallet, fact.payment, fact), updatedMs: fact.atMs };
    default:
      return unreachable(fact);
  }
}

export function methodOf(wallet: Wallet, hpan: Hpan): WalletMethod | undefined {
  return wallet.methods.find((method) => method.hpan === hpan);
}

/** Totals of the present enrolment. Who left after a freeze sees nothing of that period (DECISION 40). */
export function totalsOf(wallet: Wallet, awardPeriodId: number): PeriodTotals | undefined {
  if (wallet.status !== 'enabled') return undefined;
  return wallet.totals.find(
    (totals) => totals.awardPeriodId === awardPeriodId && totals.enrolment === wallet.enrolment,
  );
}

const UNLISTED: Omit<WalletMethod, 'hpan'> = {
  details: null,
  cashback: 'off',
  activationMs: null,
  deactivationMs: null,
  channel: '',
};

function withMethod(wallet: Wallet, hpan: Hpan, change: Partial<WalletMethod>): Wallet {
  if (methodOf(wallet, hpan) !== undefined) return withKnownMethod(wallet, hpan, change);
  return { ...wallet, methods: [...wallet.methods, { hpan, ...UNLISTED, ...change }] };
}

function withKnownMethod(wallet: Wallet, hpan: Hpan, change: Partial<WalletMethod>): Wallet {
  const methods = wallet.methods.map((method) => (method.hpan === hpan ? { ...method, ...change } : method));
  return { ...wallet, methods };
}

/** A refused claim leaves nothing behind: an instrument that was never listed goes again. */
function withClaimEnded(wallet: Wallet, hpan: Hpan, activationMs: number | null): Wallet {
  if (activationMs !== null) {
    return withKnownMethod(wallet, hpan, { cashback: 'enabled', activationMs, deactivationMs: null });
  }
  const method = methodOf(wallet, hpan);
  invariant(method !== undefined, 'a claim ends on a method that it started on');
  const claimed = method.activationMs === null ? wallet.claimed.filter((one) => one !== hpan) : wallet.claimed;
  if (method.details === null && method.activationMs === null) {
    return { ...wallet, claimed, methods: wallet.methods.filter((one) => one !== method) };
  }
  return { ...withKnownMethod(wallet, hpan, { cashback: 'off' }), claimed };
}

function withReleaseEnded(wallet: Wallet, hpan: Hpan, deactivationMs: number | null): Wallet {
  if (deactivationMs !== null) return withKnownMethod(wallet, hpan, { cashback: 'off', deactivationMs });
  return withKnownMethod(wallet, hpan, { cashback: 'off' });
}

function withoutOperation(wallet: Wallet, commandKey: string): Wallet['operations'] {
  if (wallet.operations.length === 0) return wallet.operations;
  return wallet.operations.filter((operation) => operation.commandKey !== commandKey);
}

function withPayment(wallet: Wallet, payment: PaymentRow, fact: Extract<WalletFact, { kind: 'paymentListed' }>) {
  const { awardPeriodId, enrolment } = payment;
  const totals: PeriodTotals = {
    awardPeriodId,
    enrolment,
    termsMs: fact.after.termsMs,
    rawCents: fact.rawCents,
    count: fact.after.count,
    lastTrxMs: fact.after.lastTrxMs,
    insertions: payment.insertion + 1,
    latest: payment.place,
  };
  const others = wallet.totals.filter((one) => one.awardPeriodId !== awardPeriodId || one.enrolment !== enrolment);
  return { ...wallet, totals: [...others, totals] };
}
