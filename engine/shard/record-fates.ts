/**
 * Why a record counts or does not: what the card keeps of it, and where it keeps nothing, or not the reason, which guards
 * of domain 3.3 say no now. Reads flushed state and decides nothing.
 */
import { type Card, emptyCard, type HistoryRow, type LedgerEntry } from '../card/card.ts';
import { hasDeparted } from '../card/card-facts.ts';
import { findRecord, isExcludedBy, isInFuture, lastExclusion, recordsOf, resolvedView } from '../card/ledger.ts';
import { coveringRow } from '../card/ownership.ts';
import type {
  ActivationView,
  FailedGuard,
  Hpan,
  Programme,
  RecordFate,
  RecordKey,
  RecordState,
  RefusalName,
  TransactionRecord,
} from '../contract.ts';
import { LIMITS } from '../limits.ts';
import { partitionOf } from '../partition.ts';
import { NOWHERE } from '../place.ts';
import type { Clock, Vault } from '../ports.ts';
import {
  acceptingPeriod,
  closesAtMs,
  dayText,
  isCandidate,
  isReversal,
  recordKeyText,
  romeDayNumber,
  visiblePeriods,
} from '../programme/index.ts';
import type { View } from './view.ts';

export interface RecordFatesOptions {
  readonly programme: Programme;
  readonly flushed: View;
  readonly vault: Pick<Vault, 'digest'>;
  readonly clock: Clock;
}

export class RecordFates {
  readonly #options: RecordFatesOptions;

  constructor(options: RecordFatesOptions) {
    this.#options = options;
  }

  of(hpan: Hpan, named: RecordKey): RecordFate {
    const { flushed, vault, clock } = this.#options;
    const partition = partitionOf(hpan);
    const card = flushed.get('card', partition, hpan, '') ?? emptyCard(hpan);
    const entryAt = (place: number) => flushed.line('record', partition, place);
    const key = vault.digest(recordKeyText(named));
    const entry = findRecord({ card, ledger: { entry: entryAt } }, { key, trxMs: named.trxMs });
    const ownerOfDay = coveringRow(card, romeDayNumber(named.trxMs))?.citizen ?? null;
    if (entry === null) return { ...UNKNOWN, citizen: ownerOfDay, guards: this.#guards(card, named, clock.nowMs()) };

    const { record, receivedMs, citizen, awardPeriodId, scoreCents, leftCents, expiresMs, flagged } = entry;
    const state = stateOf(entry);
    const resolution = flushed.get('resolution', partition, hpan, String(entry.place));
    return {
      ...{ state, record, receivedMs, scoreCents, leftCents, isFlagged: flagged },
      code: codeOf(entry, recordsOf(card, entryAt)),
      citizen: citizen === '' ? ownerOfDay : citizen,
      hasLeft: citizen !== '' && hasDeparted(card, entry),
      awardPeriodId: awardPeriodId === 0 ? null : awardPeriodId,
      expiresMs: state === 'pending' || state === 'expired' ? expiresMs : null,
      related: relatedTo(entry, card, entryAt),
      resolved: resolution === undefined || state === 'asked' ? null : resolvedView(entry, resolution),
      guards: state === 'dropped' ? this.#guards(card, named, receivedMs) : [],
    };
  }

  /** Those that the card asks. */
  #guards(card: Card, record: RecordKey, receivedMs: number): readonly FailedGuard[] {
    const { programme, flushed } = this.#options;
    const { trxMs } = record;
    const day = dayText(romeDayNumber(trxMs));
    const receivedDay = dayText(romeDayNumber(receivedMs));
    const failed: FailedGuard[] = [];
    if (isInFuture(record, receivedMs)) failed.push({ code: 'RECORD_IN_FUTURE', day, receivedDay });
    if (coveringRow(card, romeDayNumber(trxMs)) === undefined) {
      failed.push({ code: 'INSTRUMENT_NOT_COVERED', day, activations: card.history.map(activationView) });
    }
    const period = acceptingPeriod(programme, { trxMs, receivedMs });
    const closedPeriods = flushed.get('partition', partitionOf(card.hpan), '', '')?.closedPeriods ?? [];
    if (period === null || closedPeriods.includes(period.awardPeriodId)) {
      const own = visiblePeriods(programme).find(({ startDay, endDay }) => startDay <= day && day <= endDay);
      const acceptedUntilDay = own === undefined ? null : dayText(romeDayNumber(closesAtMs(own) - 1));
      failed.push({ code: 'NO_AWARD_PERIOD', day, receivedDay, acceptedUntilDay });
    }
    return failed;
  }
}

const UNKNOWN: Omit<RecordFate, 'citizen' | 'guards'> = {
  ...{ state: 'unknown', record: null, receivedMs: null, code: null, hasLeft: false, awardPeriodId: null },
  ...{ scoreCents: 0, leftCents: 0, expiresMs: null, isFlagged: false, related: [], resolved: null },
};

function codeOf(entry: LedgerEntry, records: Iterable<LedgerEntry>): RefusalName | null {
  const { state, code } = entry;
  if (state === 'counted') return isExcludedBy(lastExclusion(records, entry)) ? 'EXCLUDED' : null;
  return state === 'parked' || state === 'discarded' ? code : null;
}

function stateOf({ state }: LedgerEntry): RecordState {
  return state === 'forgotten' ? 'dropped' : state;
}

function relatedTo(
  entry: LedgerEntry,
  card: Card,
  entryAt: (place: number) => LedgerEntry,
): readonly TransactionRecord[] {
  if (entry.matched !== NOWHERE) return [entryAt(entry.matched).record];
  const others = [...recordsOf(card, entryAt)];
  const related = isReversal(entry.record)
    ? others.filter((other) => isCandidate(other, entry))
    : others.filter(({ state, matched }) => state === 'applied' && matched === entry.place);
  return related.slice(0, LIMITS.reversalsPageMax).map(({ record }) => record);
}

function activationView({ citizen, channel, activationMs, deactivationMs }: HistoryRow): ActivationView {
  return { citizen, channel, activationMs, deactivationMs };
}
