/**
 * What is owed to a citizen for one award period, and what became of it (domain 2.8, 3.5). Its drafts change only by the
 * facts that the payout machine emits; each says the whole record as it then stands.
 *
 * Records are numbered within their partition, in the order in which they were made; a run makes them in the order of
 * citizens, so that a citizen's record of a run is found by halving. The number is the place of its line.
 */
import { invariant } from '../assert.ts';
import type { CitizenKey, PayoutOutcome, PayoutStatus } from '../contract.ts';
import { PARTITION_COUNT, PAYOUT_ID_MAX } from '../contract.ts';
import { indexIn, placeAt, sequenceOf } from '../place.ts';
import type { PayoutCut } from '../programme/index.ts';
import type { Payoff } from '../wallet/wallet.ts';

export interface Payout {
  /** See place.ts; here a page is so many records, whichever turn made them. */
  readonly place: number;
  readonly citizen: CitizenKey;
  /** The one that earned it. */
  readonly enrolment: number;
  /** Of the citizen's key: what is sealed can be opened without the wallet. */
  readonly slot: number;
  readonly awardPeriodId: number;
  readonly cashbackCents: number;
  readonly jackpotCents: number;
  /** Where it goes. Null = nobody has said: it waits. */
  readonly payoff: Payoff | null;
  readonly status: PayoutStatus;
  /** Of the order that had it made; 0 = none: it corrects another, or Consap paid it. */
  readonly orderNumber: number;
  /** False once the citizen left before it was sent. */
  readonly isEnabled: boolean;
  /** Of the file that it goes or went out with; 0 = none yet. */
  readonly fileNumber: number;
  readonly outcome: PayoutOutcome | null;
  /** Place of the failed record that this one corrects; 0 = none. */
  readonly relatedPlace: number;
  /** Place of the record that corrects this one: there is never a second. 0 = none. */
  readonly successorPlace: number;
  /** Of a complaint, and as Consap numbers what it paid; empty = none. */
  readonly ticketId: string;
  readonly consapId: string;
  /** Instant of the last change; where the clock has not gone on since the one before, a millisecond after that. */
  readonly atMs: number;
}

/**
 * A run of a partition through its citizens, in the order of their keys. Where records of other kinds come in between,
 * it goes on as another segment.
 */
export interface PayoutRun {
  readonly awardPeriodId: number;
  /** Which order it carries out; from 1. */
  readonly orderNumber: number;
  /** Its records are `first` to `first + count - 1`. */
  readonly first: number;
  readonly count: number;
  readonly totalCents: number;
  /** The last citizen looked at; empty = none. */
  readonly cursor: CitizenKey | '';
  readonly isDone: boolean;
}

/** That a period's records be made: decided once, carried out by every partition, whatever dies meanwhile. */
export interface PayoutOrder {
  readonly orderNumber: number;
  readonly awardPeriodId: number;
  readonly cut: PayoutCut;
  readonly atMs: number;
}

/** Records to a page: what changes together lies together, and one that changes alone rewrites no more than these. */
const PAGE_COUNT = 64;
const NUMBER_DIGITS = 9;

/** @param number from 0 */
export function payoutPlace(number: number): number {
  return placeAt(1 + Math.floor(number / PAGE_COUNT), number % PAGE_COUNT);
}

export function payoutNumber(place: number): number {
  return (sequenceOf(place) - 1) * PAGE_COUNT + indexIn(place);
}

/** The nine digits that banks see: unique in the programme, for ever, however partitions are dealt out. */
export function payoutId(partition: number, place: number): number {
  const id = payoutNumber(place) * PARTITION_COUNT + partition + 1;
  invariant(id <= PAYOUT_ID_MAX, 'a partition has only so many payout records');
  return id;
}

export function partitionOfPayout(id: number): number {
  return (id - 1) % PARTITION_COUNT;
}

export function placeOfPayout(id: number): number {
  return payoutPlace(Math.floor((id - 1) / PARTITION_COUNT));
}

/** Subs sort as the numbers do. */
export function payoutLinkSub(place: number): string {
  return payoutNumber(place).toString().padStart(NUMBER_DIGITS, '0');
}

export function payoutFileSub(fileNumber: number): string {
  return fileNumber.toString().padStart(NUMBER_DIGITS, '0');
}

/** To be sent again as it is, or for the first time. */
export function isOpen({ status }: Payout): boolean {
  return status === 'NEW' || status === 'RECOVERY';
}

/** Domain 2.8: only rows enabled, new and with an IBAN; and nobody is sent nothing. */
export function isExportable(payout: Payout): boolean {
  const { isEnabled, payoff, cashbackCents, jackpotCents } = payout;
  return isOpen(payout) && isEnabled && payoff !== null && cashbackCents + jackpotCents > 0;
}

/** Beside what runs grant, and reaches its citizen: one that its bank refused is Consap's to pay again. */
export function isPaidByConsap({ status, outcome }: Payout): boolean {
  return status === 'INTEGRATION' && outcome?.result === 'ORDINE ESEGUITO';
}

/** The bank did not execute it. */
export function isFailed({ status, outcome }: Payout): boolean {
  return status === 'SENT' && outcome !== null && outcome.result !== 'ORDINE ESEGUITO';
}
