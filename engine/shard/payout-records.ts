/** Payout records as they can be read: of a citizen, and a partition's one after the other. */
import { invariant } from '../assert.ts';
import type { CitizenKey, PayoutAccount, PayoutView } from '../contract.ts';
import type { PayoutsFilter } from '../engine.ts';
import { isExportable, isFailed, type Payout, payoutId, payoutPlace } from '../payout/payout.ts';
import { recordInRun } from '../payout/runs.ts';
import { indexIn, pageOf } from '../place.ts';
import { StorageFault, type Vault } from '../ports.ts';
import type { SealedPayoff } from '../wallet/wallet.ts';
import type { Actors } from './actors.ts';
import type { PayoutsPart, PayoutsPartPage } from './parts.ts';
import type { View } from './view.ts';

/** In the order in which they were made. */
export function payoutsOf(view: View, partition: number, citizen: CitizenKey): readonly Payout[] {
  const { payoutCount = 0, payoutRuns = [] } = view.get('partition', partition, '', '') ?? {};
  if (payoutCount === 0) return [];
  const recordAt = (place: number) => view.line('payout', partition, place);
  const made = payoutRuns.flatMap((run) => recordInRun(run, citizen, recordAt) ?? []);
  return [...made, ...addedTo(view, partition, citizen)].sort((left, right) => left.place - right.place);
}

function addedTo(view: View, partition: number, citizen: CitizenKey): readonly Payout[] {
  const links = view.list('payoutLink', partition, citizen, '');
  return links.map(([, { place }]) => view.line('payout', partition, place));
}

/**
 * Records that no run made, by citizen: of those who have any among some that follow each other in the order of their keys.
 * The others, nearly all, are neither woken nor asked for.
 */
export function addedAmong(
  view: View,
  actors: Actors,
  { partition, citizens }: { readonly partition: number; readonly citizens: readonly CitizenKey[] },
): ReadonlyMap<CitizenKey, readonly Payout[]> {
  const [first, last] = [citizens[0], citizens.at(-1)];
  if (first === undefined || last === undefined) return new Map();
  const linked = new Set(citizens.filter((citizen) => actors.hasUnwritten('payoutLink', citizen)));
  for (const [{ entity }] of actors.rows.scan('payoutLink', partition, first)) {
    if (entity > last) break;
    linked.add(entity as CitizenKey);
  }
  return new Map([...linked].map((citizen) => [citizen, addedTo(view, partition, citizen)]));
}

const IS_SOUGHT: Readonly<Record<PayoutsFilter, (payout: Payout) => boolean>> = {
  all: () => true,
  exportable: isExportable,
  wip: ({ status }) => status === 'WIP',
  failed: isFailed,
};

export class PayoutReads {
  readonly #view: View;
  readonly #vault: Pick<Vault, 'open'>;

  constructor(view: View, vault: Pick<Vault, 'open'>) {
    this.#view = view;
    this.#vault = vault;
  }

  of(partition: number, citizen: CitizenKey): readonly PayoutView[] {
    return payoutsOf(this.#view, partition, citizen).map((payout) => this.#viewOf(partition, payout));
  }

  page({ partition, from, countMax, filter, awardPeriodId, isBrief }: PayoutsPart): PayoutsPartPage {
    const { payoutCount = 0 } = this.#view.get('partition', partition, '', '') ?? {};
    const end = Math.min(payoutCount, from + countMax);
    const payouts: PayoutView[] = [];
    for (const payout of this.#records(partition, from, end)) {
      if (awardPeriodId !== null && payout.awardPeriodId !== awardPeriodId) continue;
      if (IS_SOUGHT[filter](payout)) payouts.push(this.#viewOf(partition, payout, isBrief));
    }
    return { payouts, next: end < payoutCount ? end : null };
  }

  /** Page by page of the disk: line by line, each would be read and checked as often as it has lines. */
  *#records(partition: number, from: number, end: number): Iterable<Payout> {
    for (let number = from; number < end; ) {
      const place = payoutPlace(number);
      const page = this.#view.get('payout', partition, '', pageOf(place)) ?? [];
      invariant(page.length > indexIn(place), `partition ${partition} has no payout at ${place}`);
      const records = page.slice(indexIn(place), indexIn(place) + end - number);
      yield* records;
      number += records.length;
    }
  }

  /** @param isBrief nothing that is sealed is opened */
  #viewOf(partition: number, payout: Payout, isBrief = false): PayoutView {
    const { citizen, awardPeriodId, cashbackCents, jackpotCents, status, isEnabled, fileNumber, outcome } = payout;
    const { relatedPlace, ticketId, consapId, atMs } = payout;
    const sealed = isBrief ? null : this.#open(payout);
    return {
      id: payoutId(partition, payout.place),
      citizen,
      taxCode: isBrief ? '' : (sealed?.taxCode ?? this.#taxCodeOf(partition, citizen)),
      awardPeriodId,
      cashbackCents,
      jackpotCents,
      account: sealed === null ? null : accountOf(payout, sealed),
      status,
      isEnabled,
      fileNumber: fileNumber === 0 ? null : fileNumber,
      outcome,
      relatedId: relatedPlace === 0 ? null : payoutId(partition, relatedPlace),
      ticketId: ticketId === '' ? null : ticketId,
      consapId: consapId === '' ? null : consapId,
      updateMs: atMs,
    };
  }

  #open({ slot, payoff }: Payout): SealedPayoff | null {
    if (payoff === null) return null;
    const text = this.#openText(slot, payoff.sealed);
    return text === '' ? null : (JSON.parse(text) as SealedPayoff);
  }

  /** Of whoever has said no IBAN, or said it before it was sealed with the tax code. */
  #taxCodeOf(partition: number, citizen: CitizenKey): string {
    const wallet = this.#view.get('wallet', partition, citizen, '');
    return wallet?.sealedTaxCode == null ? '' : this.#openText(wallet.slot, wallet.sealedTaxCode);
  }

  /** Empty where the citizen's key is gone. */
  #openText(slot: number, sealed: Uint8Array): string {
    try {
      return this.#vault.open(slot, sealed);
    } catch (fault) {
      if (fault instanceof StorageFault && fault.code === 'SEAL_BROKEN') return '';
      throw fault;
    }
  }
}

function accountOf({ payoff }: Payout, sealed: SealedPayoff): PayoutAccount {
  return {
    iban: sealed.iban,
    accountHolderCF: sealed.accountHolderCF,
    accountHolderName: sealed.accountHolderName,
    accountHolderSurname: sealed.accountHolderSurname,
    checkStatus: payoff?.checkStatus ?? 'UNKNOWN_PSP',
    technicalAccountHolder: sealed.technicalAccountHolder ?? null,
    issuerCardId: sealed.issuerCardId ?? null,
  };
}
