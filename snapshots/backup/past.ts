/**
 * One citizen as of an instant: what the wallet would have answered then, and what led to it, each step with its command
 * and its reason. Folded out of the journals alone, with the facts of that citizen and no others; the views are made by
 * the code that answers live ones. A ranking of the past would need everybody's facts, and is not told.
 *
 * What was refused left no trace, and so did a record that no activation of its card covered; the acquirer's outcome
 * file names those.
 */
import type { StoredResolution } from '../../engine/card/card.ts';
import type {
  CitizenKey,
  Hpan,
  PaymentsPage,
  PaymentView,
  Programme,
  TotalView,
  WalletView,
} from '../../engine/contract.ts';
import type { PaymentsQuery } from '../../engine/engine.ts';
import type {
  CardFact,
  ExclusionFact,
  Fact,
  NoticeFact,
  PayoutFact,
  Section,
  TurnRecord,
  WalletFact,
} from '../../engine/facts.ts';
import { LIMITS } from '../../engine/limits.ts';
import { citizenKeyText, partitionOf } from '../../engine/partition.ts';
import { StorageFault, type Vault } from '../../engine/ports.ts';
import { isExclusion, isReversal } from '../../engine/programme/index.ts';
import { Reads } from '../../engine/shard/reads.ts';
import type { View } from '../../engine/shard/view.ts';
import { emptyWallet, type PaymentRow } from '../../engine/wallet/wallet.ts';
import { applyWalletFact } from '../../engine/wallet/wallet-facts.ts';
import { isCardFact, isExclusionFact, isNoticeFact, isPayoutFact } from '../inspect/partition-log.ts';

/** Journals of all stores, and the keys that name and show a citizen. */
export interface PastSource {
  /** Of stores that were before, in the order of their generations, then of those that there are. */
  readonly journals: readonly Iterable<TurnRecord>[];
  /** By store: only the citizen's own is asked. */
  readonly vaults: readonly Pick<Vault, 'open' | 'digest'>[];
}

export interface Happening {
  readonly atMs: number;
  readonly partition: number;
  /** Of the partition. */
  readonly sequence: number;
  readonly what: string;
  /** Why not, where it was not; why so, where an operator decided. */
  readonly reason: string | null;
  /** Id of the command, with role and subject where a citizen's own device did not send it. */
  readonly command: string | null;
  readonly channel: string | null;
  readonly hpan: Hpan | null;
  readonly amountCents: number | null;
}

export interface PastWallet {
  readonly timeMs: number;
  /** Null: had never enrolled. An IBAN of null may also be one whose key was destroyed since. */
  readonly wallet: WalletView | null;
  readonly totals: readonly TotalView[];
  /** Of the periods in `totals`, the newest first. */
  readonly payments: readonly PaymentView[];
  readonly history: readonly Happening[];
}

/** @throws StorageFault PROGRAMME_MISSING; whatever the journals hold that is damaged */
export async function pastWallet(source: PastSource, taxCode: string, timeMs: number): Promise<PastWallet> {
  const citizen = source.vaults[0]!.digest(citizenKeyText(taxCode));
  const past = new Past(citizen);
  let programme: Programme | null = null;
  for (const { nowMs, sections } of upTo(source.journals, timeMs)) {
    for (const section of sections) {
      for (const fact of section.facts)
        if (fact.kind === 'programmeSet') programme = JSON.parse(fact.json) as Programme;
      past.take(section, nowMs);
    }
  }
  if (programme === null) throw new StorageFault('PROGRAMME_MISSING', 'nothing was journaled up to then');
  const vault = source.vaults[partitionOf(citizen) % source.vaults.length]!;
  return { timeMs, ...(await past.views(programme, vault)), history: past.history };
}

/** In the order of time, so that what a card hears comes after what its citizen said. */
function* upTo(journals: readonly Iterable<TurnRecord>[], timeMs: number): Iterable<TurnRecord> {
  const open = journals.map((turns) => turns[Symbol.iterator]());
  const heads = open.map((turns) => turns.next());
  for (;;) {
    let first = -1;
    for (const [at, head] of heads.entries()) {
      if (head.done === true || head.value.nowMs > timeMs) continue;
      if (first === -1 || head.value.nowMs < (heads[first]!.value as TurnRecord).nowMs) first = at;
    }
    if (first === -1) break;
    yield heads[first]!.value as TurnRecord;
    heads[first] = open[first]!.next();
  }
  for (const turns of open) turns.return?.();
}

type Told = Partial<Omit<Happening, 'atMs' | 'partition' | 'sequence' | 'what'>> & { readonly what: string };

class Past {
  readonly history: Happening[] = [];
  readonly #citizen: CitizenKey;
  readonly #partition: number;
  readonly #wallet;
  readonly #payments = new Map<number, PaymentRow>();
  /** Cards that are active for this citizen. */
  readonly #cards = new Set<Hpan>();
  /** Why the wallet refused to count, as it said to another store; by card and place. */
  readonly #verdicts = new Map<string, string>();
  readonly #commands = new Set<string>();
  /** Counted payments and applied reversals, by card and place, and the cards that they were made with. */
  readonly #records = new Set<string>();
  readonly #paidWith = new Set<Hpan>();
  /** Decisions of operators that concern this citizen, by card and place of the reversal. */
  readonly #resolutions = new Map<string, StoredResolution>();
  #sequence = 0;

  constructor(citizen: CitizenKey) {
    this.#citizen = citizen;
    this.#partition = partitionOf(citizen);
    this.#wallet = emptyWallet(citizen);
  }

  take(section: Section, nowMs: number): void {
    const { partition, sequence, sent, facts } = section;
    if (partition === this.#partition) {
      this.#sequence = sequence;
      for (const { body } of sent) {
        if (body.kind === 'countJudged' && body.code !== null)
          this.#verdicts.set(`${body.hpan} ${body.place}`, body.code);
      }
    }
    for (const fact of facts) {
      const told = this.#tell(fact, sequence);
      if (told === null) continue;
      const nothing = { reason: null, command: null, channel: null, hpan: null, amountCents: null };
      this.history.push({ atMs: nowMs, partition, sequence, ...nothing, ...told });
    }
  }

  async views(
    programme: Programme,
    vault: Pick<Vault, 'open'>,
  ): Promise<Pick<PastWallet, 'wallet' | 'totals' | 'payments'>> {
    const reads = new Reads({
      programme,
      flushed: this.#view(),
      vault: { ...NO_VAULT, open: (slot, sealed) => openedIfThere(vault, slot, sealed) },
      sequence: () => this.#sequence,
      coordinator: { ranks: async () => [] },
      hasEnabled: async () => false,
    });
    const wallet = reads.wallet(this.#citizen);
    if (!wallet.ok) return { wallet: null, totals: [], payments: [] };
    const periods = this.#wallet.totals.map(({ awardPeriodId }) => awardPeriodId);
    const totals = periods.flatMap((awardPeriodId) => valuesIn(reads.total(this.#citizen, awardPeriodId)));
    const payments = periods.flatMap((awardPeriodId) => this.#paymentsOf(reads, awardPeriodId));
    return { wallet: wallet.value, totals, payments };
  }

  #paymentsOf(reads: Reads, awardPeriodId: number): readonly PaymentView[] {
    const payments: PaymentView[] = [];
    let cursor: number | null = 0;
    while (cursor !== null) {
      const query: PaymentsQuery = { awardPeriodId, limit: LIMITS.paymentsPageMax, cursor };
      const [page] = valuesIn<PaymentsPage>(reads.payments(this.#citizen, query));
      payments.push(...(page?.payments ?? []));
      cursor = page?.nextCursor ?? null;
    }
    return payments;
  }

  /** All that views of one citizen ask for. */
  #view(): View {
    const view: Pick<View, 'line'> & { readonly get: (table: string) => unknown } = {
      get: (table) => (table === 'wallet' ? this.#wallet : undefined),
      line: (_table, _partition, place) => this.#payments.get(place) as never,
    };
    return { ...view, row: () => undefined, list: () => [], first: () => [] } as View;
  }

  /** Folds what is of this citizen. @returns null for what is not worth a line, or another's */
  #tell(fact: Fact, sequence: number): Told | null {
    if (!('hpan' in fact) && !('citizen' in fact)) return null;
    if (isCardFact(fact)) return this.#tellCard(fact);
    if (fact.citizen !== this.#citizen) return null;
    if (isPayoutFact(fact)) return tellPayout(fact);
    if (isNoticeFact(fact)) return tellNotice(fact);
    if (isExclusionFact(fact)) return tellExclusion(fact);
    applyWalletFact(this.#wallet, fact, sequence);
    if ('payment' in fact) this.#payments.set(fact.payment.place, fact.payment);
    return this.#tellWallet(fact);
  }

  #tellWallet(fact: WalletFact): Told | null {
    switch (fact.kind) {
      case 'enrolled':
        return { what: `enrolled, enrolment ${fact.enrolment}` };
      case 'left':
        return { what: 'left the programme' };
      case 'optInSet':
        return { what: `opt-in is ${fact.optInStatus}` };
      case 'payoffSet':
        return { what: 'IBAN set', reason: fact.payoff.checkStatus };
      case 'recheckSet':
        return tellRecheck(fact);
      case 'payoffJudged':
        return { what: fact.payoff === null ? 'IBAN removed, by the bank' : 'IBAN verified', reason: fact.verdict };
      case 'methodAdded':
        return { what: 'method added', hpan: fact.hpan };
      case 'methodRemoved':
        return { what: 'method removed', hpan: fact.hpan };
      case 'favouriteSet':
        return { what: 'favourite method set', hpan: fact.hpan };
      case 'claimStarted':
        return { what: 'cashback asked for', hpan: fact.hpan, channel: fact.channel };
      case 'claimEnded':
        return fact.activationMs === null
          ? { what: 'cashback not enabled', hpan: fact.hpan, reason: 'INSTRUMENT_TAKEN' }
          : { what: 'cashback enabled', hpan: fact.hpan };
      case 'releaseStarted':
        return { what: 'cashback to be disabled', hpan: fact.hpan };
      case 'releaseEnded':
        return { what: fact.deactivationMs === null ? 'cashback not disabled' : 'cashback disabled', hpan: fact.hpan };
      case 'operationSet': {
        const { commandKey, kind, channel, hpan } = fact.operation;
        if (this.#commands.has(commandKey)) return null;
        this.#commands.add(commandKey);
        return { what: `command begun: ${kind}`, command: commandKey, channel, hpan: hpan === '' ? null : hpan };
      }
      case 'operationRefused':
        return { what: 'command refused', command: fact.commandKey, reason: fact.code };
      case 'commandDone':
        // Null: it was journaled before the kind was.
        return { what: `command done${fact.command === null ? '' : `: ${fact.command}`}`, command: fact.commandKey };
      case 'citizenExcluded':
        return { what: fact.isExcluded ? 'excluded from the programme' : 'no longer excluded from the programme' };
      case 'paymentListed':
      case 'latePaymentListed':
      case 'paymentKept': {
        const { hpan, amountCents, awardPeriodId, cashbackCents } = fact.payment;
        const what = `${whatIsListed(fact.payment)}${fact.kind === 'latePaymentListed' ? ' late' : ''}`;
        return { what: `${what}, period ${awardPeriodId}, cashback ${cashbackCents} cents`, hpan, amountCents };
      }
      case 'commandsPaged':
        return null;
    }
  }

  #tellCard(fact: CardFact): Told | null {
    const { hpan } = fact;
    switch (fact.kind) {
      case 'cardActivated':
      case 'cardClaimed':
        if (fact.citizen !== this.#citizen) return null;
        this.#cards.add(hpan);
        return { what: fact.kind === 'cardClaimed' ? 'card claimed' : 'card active', hpan, channel: fact.channel };
      case 'claimConfirmed':
        return this.#cards.has(hpan) ? { what: 'card active', hpan } : null;
      case 'claimWithdrawn':
        return this.#cards.delete(hpan) ? { what: 'card given back', hpan, reason: 'INSTRUMENT_TAKEN' } : null;
      case 'cardDeactivated':
        return this.#cards.delete(hpan) ? { what: 'card inactive', hpan } : null;
      case 'ownerLeft':
        return fact.citizen === this.#citizen ? { what: 'card told of the leaving', hpan } : null;
      case 'recordSet':
        return fact.entry.citizen === this.#citizen ? this.#tellRecord(fact) : null;
      case 'parSet':
        return this.#cards.has(hpan) ? { what: 'PAR told', hpan } : null;
      case 'parCovered':
        return fact.cover.citizen === this.#citizen
          ? { what: 'a payment of a token is the card’s, by its PAR', hpan }
          : null;
      case 'lateRecordTaken':
        return null;
      case 'reversalResolved':
        return this.#tellResolution(fact);
      case 'resolutionVoided': {
        const { operator } = this.#resolutions.get(`${hpan} ${fact.place}`) ?? {};
        if (operator === undefined) return null;
        return { what: 'reversal parked again', hpan, command: `operator:${operator}`, reason: 'PAYMENT_OWNER_LEFT' };
      }
    }
  }

  /** A decision concerns whose payment it is about; where it names none, whoever has paid with the card. */
  #tellResolution({ hpan, resolution: decided }: Extract<CardFact, { kind: 'reversalResolved' }>): Told | null {
    const { place, paymentPlace, resolution, operator, reason } = decided;
    const about = resolution === 'apply' ? paymentPlace : place;
    const isOwn = resolution === 'discard' ? this.#paidWith.has(hpan) : this.#records.has(`${hpan} ${about}`);
    if (!isOwn) return null;
    this.#resolutions.set(`${hpan} ${place}`, decided);
    return { what: `reversal, an operator's decision: ${resolution}`, hpan, command: `operator:${operator}`, reason };
  }

  #tellRecord({ hpan, entry }: Extract<CardFact, { kind: 'recordSet' }>): Told | null {
    const { record, state, place, code } = entry;
    const { amountCents } = record;
    if (state === 'counted' || state === 'applied') {
      this.#records.add(`${hpan} ${place}`);
      this.#paidWith.add(hpan);
    }
    // What the wallet says of it is enough.
    if (isExclusion(record)) return null;
    if (isReversal(record)) {
      return { what: `reversal ${state}`, hpan, amountCents: -amountCents, reason: code };
    }
    if (state === 'asked') return { what: 'payment arrived', hpan, amountCents };
    if (state !== 'forgotten') return null;
    const reason = this.#verdicts.get(`${hpan} ${place}`) ?? this.#verdict(record.trxMs);
    return { what: 'payment dropped', hpan, amountCents, reason };
  }

  /** Within a store the verdict is not journaled, only that it was no: there are two, and the wallet of that turn tells which. */
  #verdict(trxMs: number): string {
    const { status, termsMs } = this.#wallet;
    return status !== 'enabled' || trxMs <= termsMs ? 'TERMS_NOT_COVERED' : 'NO_AWARD_PERIOD';
  }
}

/** The first one, and the end of them, go without saying. */
function tellRecheck({ recheck }: Extract<WalletFact, { kind: 'recheckSet' }>): Told | null {
  if (recheck === null || recheck.attempts === 0) return null;
  return { what: `IBAN not verified at attempt ${recheck.attempts}`, reason: 'UNKNOWN_PSP' };
}

function whatIsListed(payment: PaymentRow): string {
  if (!isExclusion(payment)) return payment.amountCents < 0 ? 'reversal applied' : 'payment counted';
  return payment.amountCents < 0 ? 'payment counts no more' : 'payment counts again';
}

/** The rule on abuse has no name. */
function tellExclusion(fact: ExclusionFact): Told | null {
  if (fact.kind === 'merchantDaySet') return null;
  const { payment, state, action, proposedBy, reason, decidedBy, decisionReason } = fact.exclusion;
  const of = payment === null ? 'the citizen' : `payment ${payment.record.idTrxAcquirer}`;
  const hpan = payment?.hpan ?? null;
  if (proposedBy === '') return { what: `rule on abuse: exclude ${of}`, hpan };
  const isProposal = state === 'proposed';
  const by = `operator:${isProposal ? proposedBy : decidedBy}`;
  const what = `${isProposal ? 'proposed' : state === 'rejected' ? 'rejected' : 'approved'}: ${action} ${of}`;
  return { what, hpan, command: by, reason: isProposal ? reason : decisionReason };
}

function tellPayout({ kind, payout }: PayoutFact): Told {
  const { awardPeriodId, cashbackCents, jackpotCents, status, outcome, isEnabled } = payout;
  const of = `payout of period ${awardPeriodId}, ${cashbackCents + jackpotCents} cents`;
  if (kind !== 'payoutSet') return { what: `${of}: made` };
  if (outcome !== null) return { what: `${of}: ${outcome.result}`, reason: outcome.reason };
  return { what: `${of}: ${isEnabled ? status : 'withdrawn'}` };
}

function tellNotice({ kind, notice }: NoticeFact): Told {
  const of = `notice ${notice.kind} of period ${notice.awardPeriodId}`;
  if (kind === 'noticeQueued') return { what: `${of}: queued` };
  return { what: `${of}: ${notice.state === 'due' ? 'to be tried again' : notice.state}` };
}

const NO_VAULT: Omit<Vault, 'open'> = {
  newSlot: () => 0,
  seal: () => new Uint8Array(),
  digest: () => '',
  flush: async () => {},
};

/** Without its key an IBAN is unknown, and the rest is not. */
function openedIfThere(vault: Pick<Vault, 'open'>, slot: number, sealed: Uint8Array): string {
  try {
    return vault.open(slot, sealed);
  } catch (fault) {
    if (fault instanceof StorageFault && fault.code === 'SEAL_BROKEN') return '{"iban":null}';
    throw fault;
  }
}

function valuesIn<T>(read: { readonly ok: true; readonly value: T } | { readonly ok: false }): readonly T[] {
  return read.ok ? [read.value] : [];
}
