/**
 * Commands that need card partitions: claims and releases are asked by message, each answer moves the operation on,
 * the last one ends it. An operation is part of the wallet, so a crash anywhere in between only delays it.
 */
import { invariant } from '../assert.ts';
import type { Answer, Hpan, RefusalName } from '../contract.ts';
import { nextPage } from './commands.ts';
import type { Operation } from './wallet.ts';
import type { Asked, WalletContext } from './wallet-events.ts';
import { methodOf } from './wallet-facts.ts';

type Kind = Operation['kind'];

/**
 * True while a claim or a release of this instrument is under way, or an activation that names it: an enabled card's
 * tokens may still be asked for, and the answer will tell the card's activation.
 */
export function isBusy({ wallet }: WalletContext, hpan: Hpan): boolean {
  const cashback = methodOf(wallet, hpan)?.cashback;
  if (cashback === 'enabling' || cashback === 'disabling') return true;
  return wallet.operations.some(
    ({ hpan: named, waiting, next }) => named === hpan || waiting.includes(hpan) || next.includes(hpan),
  );
}

/** Claims `hpans` one by one (DECISION 38); all are granted or none. */
export function startActivation(context: WalletContext, asked: Asked, hpans: readonly Hpan[], card: Hpan): void {
  const [first, ...next] = hpans;
  invariant(first !== undefined, 'an activation claims something');
  set(context, { ...begun(asked, 'enableCashback', card), waiting: [first], next });
  claim(context, asked.channel, first, { master: card, isProvisional: next.length > 0 });
}

/** Claims `hpans` side by side; each is granted or refused for itself. */
export function startActivationOfAll(context: WalletContext, asked: Asked, hpans: readonly Hpan[]): void {
  set(context, { ...begun(asked, 'enableAll', ''), waiting: hpans });
  for (const hpan of hpans) claim(context, asked.channel, hpan, { master: hpan, isProvisional: false });
}

export function startDeactivation(
  context: WalletContext,
  asked: Asked,
  kind: 'disableCashback' | 'removeMethod',
  hpan: Hpan,
  cancellationMs: number | null,
): void {
  set(context, { ...begun(asked, kind, hpan), waiting: [hpan], cancellationMs });
  release(context, hpan, cancellationMs);
}

/** Tells every card ever claimed under this enrolment, so that its payments match no reversal any more. */
export function startLeaving(context: WalletContext, asked: Asked, hpans: readonly Hpan[]): void {
  set(context, { ...begun(asked, 'leave', ''), waiting: hpans });
  const { citizen, enrolment } = context.wallet;
  for (const hpan of hpans) {
    const message = { kind: 'release', citizen, hpan, enrolment, cancellationMs: null } as const;
    context.decision.messages.push({ ...message, isLeaving: true });
  }
}

/** Null = refused, or taken back as asked. */
export function claimJudged(context: WalletContext, hpan: Hpan, activationMs: number | null): void {
  const operation = waitingFor(context, hpan);
  const waiting = operation.waiting.filter((one) => one !== hpan);
  if (activationMs === null) {
    endClaim(context, hpan, null);
    const moved: Operation = { ...operation, waiting, refused: [...operation.refused, hpan] };
    const isDecided = operation.kind === 'enableAll' || operation.code !== null;
    return isDecided ? endWhenAnswered(context, moved) : takeBack(context, moved);
  }
  const moved: Operation = { ...operation, waiting, granted: [...operation.granted, { hpan, activationMs }] };
  if (operation.kind === 'enableAll') {
    endClaim(context, hpan, activationMs);
    return endWhenAnswered(context, moved);
  }
  const [first, ...next] = moved.next;
  if (first === undefined) return endActivation(context, moved);
  set(context, { ...moved, waiting: [first], next });
  claim(context, moved.channel, first, { master: moved.hpan, isProvisional: next.length > 0 });
}

export function releaseJudged(
  context: WalletContext,
  hpan: Hpan,
  judged: { readonly deactivationMs: number | null; readonly code: RefusalName | null },
): void {
  const { decision, nowMs, wallet } = context;
  const operation = waitingFor(context, hpan);
  const { deactivationMs, code } = judged;
  decision.facts.push({ kind: 'releaseEnded', citizen: wallet.citizen, hpan, deactivationMs, atMs: nowMs });
  if (operation.kind === 'disableCashback' && code !== null) return refuse(context, operation, code);
  if (operation.kind === 'removeMethod') {
    decision.facts.push({ kind: 'methodRemoved', citizen: wallet.citizen, hpan, atMs: nowMs });
  }
  endWhenAnswered(context, { ...operation, waiting: operation.waiting.filter((one) => one !== hpan) });
}

/** A change that needed no card: done at once. */
export function done(context: WalletContext, asked: Asked, answer: Answer): void {
  const { commandKey, bodyHash, kind: command } = asked;
  const { citizen } = context.wallet;
  const page = nextPage(context.wallet);
  if (page !== null) context.decision.facts.push({ kind: 'commandsPaged', citizen, commands: page });
  context.decision.facts.push({ kind: 'commandDone', citizen, commandKey, bodyHash, command, answer });
  context.decision.outcomes.push({ kind: 'done', commandKey, answer });
}

function endWhenAnswered(context: WalletContext, operation: Operation): void {
  if (operation.waiting.length > 0) return set(context, operation);
  if (operation.code !== null) return refuse(context, operation, operation.code);
  const { granted, refused } = operation;
  const enabled = granted.map(({ hpan }) => hpan);
  done(context, operation, operation.kind === 'enableAll' ? { enabled, refused } : {});
}

/** All were granted: only now the wallet has them, and all cards but the last, whose claim was the end of it, hear. */
function endActivation(context: WalletContext, operation: Operation): void {
  const { wallet, decision } = context;
  for (const { hpan, activationMs } of operation.granted) endClaim(context, hpan, activationMs);
  for (const { hpan } of operation.granted.slice(0, -1)) {
    decision.messages.push({ kind: 'claimConfirmed', citizen: wallet.citizen, hpan });
  }
  const ofCard = operation.granted.find(({ hpan }) => hpan === operation.hpan) ?? methodOf(wallet, operation.hpan);
  invariant(typeof ofCard?.activationMs === 'number', 'the card of an activation is active at its end');
  done(context, operation, { activationMs: ofCard.activationMs });
}

/** One of several claims was refused: those just granted are taken back before the refusal is told (DECISION 38). */
function takeBack(context: WalletContext, operation: Operation): void {
  const { wallet, decision } = context;
  const waiting = operation.granted.map(({ hpan }) => hpan);
  if (waiting.length === 0) return refuse(context, operation, 'INSTRUMENT_TAKEN');
  set(context, { ...operation, waiting, next: [], code: 'INSTRUMENT_TAKEN' });
  for (const hpan of waiting) decision.messages.push({ kind: 'claimWithdrawn', citizen: wallet.citizen, hpan });
}

function begun(asked: Asked, kind: Kind, hpan: Hpan): Operation {
  const { commandKey, bodyHash, channel } = asked;
  const nothing: readonly Hpan[] = [];
  const started = { kind, hpan, waiting: nothing, next: nothing, granted: [], refused: nothing };
  return { commandKey, bodyHash, channel, ...started, code: null, cancellationMs: null };
}

function set({ decision, wallet }: WalletContext, operation: Operation): void {
  decision.facts.push({ kind: 'operationSet', citizen: wallet.citizen, operation });
}

function refuse({ decision, wallet }: WalletContext, { commandKey }: Operation, code: RefusalName): void {
  decision.facts.push({ kind: 'operationRefused', citizen: wallet.citizen, commandKey, code });
  decision.outcomes.push({ kind: 'refused', commandKey, code });
}

function claim(
  { decision, wallet }: WalletContext,
  channel: string,
  hpan: Hpan,
  how: { readonly master: Hpan; readonly isProvisional: boolean },
): void {
  const { citizen, enrolment } = wallet;
  decision.facts.push({ kind: 'claimStarted', citizen, hpan, channel });
  decision.messages.push({ kind: 'claim', citizen, hpan, enrolment, channel, ...how });
}

function endClaim({ decision, nowMs, wallet }: WalletContext, hpan: Hpan, activationMs: number | null): void {
  decision.facts.push({ kind: 'claimEnded', citizen: wallet.citizen, hpan, activationMs, atMs: nowMs });
}

function release({ decision, wallet }: WalletContext, hpan: Hpan, cancellationMs: number | null): void {
  const { citizen, enrolment } = wallet;
  decision.facts.push({ kind: 'releaseStarted', citizen, hpan });
  decision.messages.push({ kind: 'release', citizen, hpan, enrolment, cancellationMs, isLeaving: false });
}

function waitingFor({ wallet }: WalletContext, hpan: Hpan): Operation {
  const operation = wallet.operations.find(({ waiting }) => waiting.includes(hpan));
  invariant(operation !== undefined, 'a card answers only what an operation asked');
  return operation;
}
