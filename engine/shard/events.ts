/** From commands and messages to the events of the machines, and from a message to the partition that takes it. */
import { invariant, unreachable } from '../assert.ts';
import type { CardEvent } from '../card/card-machine.ts';
import type { IbanCheckStatus, Programme, WalletCommand, WalletCommandBody } from '../contract.ts';
import type { MessageBody } from '../facts.ts';
import { partitionOf } from '../partition.ts';
import type { Vault } from '../ports.ts';
import { acceptingPeriod, checkIban, findPeriod } from '../programme/index.ts';
import type { SealedPayoff, Wallet } from '../wallet/wallet.ts';
import type { Asked, WalletEvent } from '../wallet/wallet-events.ts';

type Messages<K extends MessageBody['kind']> = Extract<MessageBody, { kind: K }>;
export type ToCard = Messages<
  'claim' | 'claimConfirmed' | 'claimWithdrawn' | 'release' | 'countJudged' | 'reverseJudged' | 'exclude'
>;
type ToWallet = Messages<'claimJudged' | 'releaseJudged' | 'count' | 'countLate' | 'reverse'>;

type SetIban = Extract<WalletCommandBody, { kind: 'setIban' }>;

export interface CommandArrival {
  readonly command: WalletCommand;
  readonly asked: Asked;
  readonly wallet: Wallet;
  readonly frozenPeriods: () => readonly number[];
  readonly isExcluded: () => boolean;
  readonly vault: Vault;
  /** See Store. */
  readonly isOlder: boolean;
}

/** Sealing costs more than deciding, so an event only carries the way to do it; only leaving asks what is frozen. */
export function commandEvent({
  command,
  asked,
  wallet,
  frozenPeriods,
  isExcluded,
  vault,
  isOlder,
}: CommandArrival): WalletEvent {
  const { body, taxCode } = command;
  switch (body.kind) {
    case 'enrol':
      return {
        type: 'ENROL',
        asked,
        body,
        isExcluded,
        identity: () => {
          if (wallet.sealedTaxCode !== null) return { slot: wallet.slot, sealedTaxCode: wallet.sealedTaxCode };
          const slot = vault.newSlot();
          return { slot, sealedTaxCode: vault.seal(slot, taxCode) };
        },
      };
    case 'leave':
      return { type: 'LEAVE', asked, frozenPeriods: frozenPeriods() };
    case 'setIban': {
      const iban = checkIban(body.iban);
      const seal = () => {
        invariant(iban.ok, 'a guard saw to the IBAN');
        const { kind: _kind, checkStatus: _checkStatus, ...sealed } = body;
        return vault.seal(wallet.slot, JSON.stringify({ ...sealed, iban: iban.value, taxCode } satisfies SealedPayoff));
      };
      const isIbanValid = iban.ok;
      return { type: 'SET_IBAN', asked, isIbanValid, checkStatus: checkStatusOf(body), isOlder, seal };
    }
    case 'addMethod':
      return { type: 'ADD_METHOD', asked, body };
    case 'removeMethod':
      return { type: 'REMOVE_METHOD', asked, body };
    case 'setFavourite':
      return { type: 'SET_FAVOURITE', asked, body };
    case 'enableCashback':
      return { type: 'ENABLE', asked, body };
    case 'disableCashback':
      return { type: 'DISABLE', asked, body };
    case 'enableAll':
      return { type: 'ENABLE_ALL', asked };
    default:
      return unreachable(body);
  }
}

/** @param isReopened the period was opened again: nobody moves in its ranking any more */
export function walletEvent(
  body: ToWallet,
  programme: Programme,
  isReopened: (awardPeriodId: number) => boolean,
): WalletEvent {
  switch (body.kind) {
    case 'claimJudged':
      return { ...body, type: 'CLAIM_JUDGED' };
    case 'releaseJudged':
      return { ...body, type: 'RELEASE_JUDGED' };
    case 'count': {
      const { record, receivedMs } = body;
      const period = acceptingPeriod(programme, { trxMs: record.trxMs, receivedMs });
      return { ...body, type: 'COUNT', period, isLate: false };
    }
    case 'countLate':
      return { ...body, type: 'COUNT', period: findPeriod(programme, body.awardPeriodId), isLate: true };
    case 'reverse':
      return { ...body, type: 'REVERSE', isLate: isReopened(body.awardPeriodId) };
    default:
      return unreachable(body);
  }
}

export function cardEvent(body: Exclude<ToCard, { kind: 'exclude' }>): CardEvent {
  switch (body.kind) {
    case 'claim':
      return { ...body, type: 'ACTIVATE' };
    case 'claimConfirmed':
      return { ...body, type: 'CONFIRM' };
    case 'claimWithdrawn':
      return { ...body, type: 'WITHDRAW' };
    case 'release':
      return { ...body, type: 'RELEASE' };
    case 'countJudged':
      return { ...body, type: 'COUNT_JUDGED' };
    case 'reverseJudged':
      return { ...body, type: 'REVERSE_JUDGED' };
    default:
      return unreachable(body);
  }
}

/** DECISION 33: where no checker is configured a formally right IBAN is stored as UNKNOWN_PSP. */
function checkStatusOf({ technicalAccountHolder, checkStatus = 'UNKNOWN_PSP' }: SetIban): IbanCheckStatus {
  return technicalAccountHolder === undefined ? checkStatus : 'OK';
}

export function receiverOf(body: ToCard | ToWallet): number {
  switch (body.kind) {
    case 'claim':
    case 'claimConfirmed':
    case 'claimWithdrawn':
    case 'release':
    case 'countJudged':
    case 'reverseJudged':
    case 'exclude':
      return partitionOf(body.hpan);
    case 'claimJudged':
    case 'releaseJudged':
    case 'count':
    case 'countLate':
    case 'reverse':
      return partitionOf(body.citizen);
    default:
      return unreachable(body);
  }
}
