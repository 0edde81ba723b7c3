/**
 * Reads every record at the moment at which it becomes durable, told or not, and adds up what it says in the plainest
 * way. So whatever anybody is told can be held at once against what the disk has: nothing of it passes through the
 * engine's memory. It shares the decoding of records with the engine, and nothing else.
 */
import type {
  Answer,
  CitizenKey,
  Fact,
  Hpan,
  Message,
  PeriodDecision,
  PeriodParameters,
  Programme,
  Section,
  Standing,
  TransactionRecord,
  TurnRecord,
} from '../../engine/index.ts';
import { closesAtMs, PARTITION_COUNT, programmeIn } from '../../engine/index.ts';
import { openRecord } from '../../snapshots/record.ts';
import { expectThat } from './fault.ts';

/** What the wallet of a citizen shows, from one turn to the next that changes it. */
export interface Seen {
  readonly isEnabled: boolean;
  readonly termsMs: number;
  readonly totals: ReadonlyMap<number, Total>;
}

export interface Total {
  readonly rawCents: number;
  readonly count: number;
  /** Lines that are shown: one that took a payment out of counting goes with the one that put it back. */
  readonly lineCount: number;
  /** Where the ranking has them; null = nowhere, of what came late or while the citizen was excluded. */
  readonly ranked: Standing | null;
}

export const NO_TOTAL: Total = { rawCents: 0, count: 0, lineCount: 0, ranked: null };

interface Totals extends Total {
  readonly enrolment: number;
  readonly standing: Standing;
  /** Not of who was excluded: then nothing of it earns anything. */
  readonly isKept: boolean;
}

interface Citizen {
  isEnrolled: boolean;
  /** While enrolled: nothing of what there is counts. */
  isExcluded: boolean;
  /** Two operators said so, enrolled or not. */
  isToBeExcluded: boolean;
  enrolment: number;
  termsMs: number;
  /** Cards that the wallet says it has. */
  readonly enabled: Set<Hpan>;
  readonly totals: Map<number, Totals>;
  /** One for each turn that changed any of it; the first is before all of them. */
  readonly seen: Seen[];
}

interface Card {
  status: 'free' | 'provisional' | 'active';
  owner: CitizenKey;
  readonly activations: { readonly citizen: CitizenKey; readonly activationMs: number }[];
}

interface Recorded {
  state: string;
  readonly states: Set<string>;
  scoreCents: number;
  readonly hpan: Hpan;
}

interface Partition {
  sequence: number;
  lastMs: number;
  readonly frozen: Set<number>;
  /** Were frozen, and take late rows, or did. */
  readonly reopened: Set<number>;
  /** By period: which card partitions were heard to close it. */
  readonly heard: Map<number, Set<number>>;
}

export interface DoneCommand {
  readonly answer: Answer;
  readonly partition: number;
  readonly sequence: number;
}

export class Auditor {
  /** The newest version on disk; each changes only what had not begun. */
  programme: Programme;
  /** About periods: the front may hear of a row that counts by one of them before it hears of the decision. */
  readonly decisions: PeriodDecision[] = [];
  readonly #hasKey: (store: number, slot: number) => boolean;
  readonly #partitions: readonly Partition[];
  readonly #sent = new Float64Array(PARTITION_COUNT * PARTITION_COUNT);
  readonly #received = new Float64Array(PARTITION_COUNT * PARTITION_COUNT);
  readonly #epochs = new Map<string, number>();
  readonly #sequences: number[] = [];
  readonly #commands = new Map<string, DoneCommand>();
  readonly #citizens = new Map<CitizenKey, Citizen>();
  readonly #cards = new Map<Hpan, Card>();
  readonly #records = new Map<string, Recorded>();
  /** Whose key is in which slot of which store. */
  readonly #slots = new Map<string, CitizenKey>();
  readonly #frozenRankings = new Set<number>();
  /** In the record that is being read. */
  readonly #granted: { readonly citizen: CitizenKey; readonly hpan: Hpan }[] = [];
  /** Which process runs: an epoch belongs to one. */
  life = 0;
  factCount = 0;

  /** @param hasKey whether the key of a slot of a store is on disk */
  constructor(programme: Programme, hasKey: (store: number, slot: number) => boolean) {
    this.programme = programme;
    this.#hasKey = hasKey;
    this.#partitions = Array.from({ length: PARTITION_COUNT }, () => ({
      ...{ sequence: 0, lastMs: 0, frozen: new Set<number>(), reopened: new Set<number>() },
      heard: new Map<number, Set<number>>(),
    }));
  }

  // What is on disk

  sequence(partition: number): number {
    return this.#partitions[partition]!.sequence;
  }

  /** The last instant that any partition has stamped. */
  get lastMs(): number {
    return Math.max(...this.#partitions.map(({ lastMs }) => lastMs));
  }

  isReceived({ from, to, sequence }: Message): boolean {
    return sequence <= this.#received[from * PARTITION_COUNT + to]!;
  }

  command(citizen: CitizenKey, commandKey: string): DoneCommand | undefined {
    return this.#commands.get(`${citizen} ${commandKey}`);
  }

  record(record: TransactionRecord): Recorded | undefined {
    return this.#records.get(keyOf(record));
  }

  citizen(citizen: CitizenKey): Citizen {
    const known = this.#citizens.get(citizen);
    if (known !== undefined) return known;
    const seen: Seen = { isEnabled: false, termsMs: 0, totals: new Map() };
    const made = {
      ...{ isEnrolled: false, isExcluded: false, isToBeExcluded: false, enrolment: 0, termsMs: 0 },
      ...{ enabled: new Set<Hpan>(), totals: new Map(), seen: [seen] },
    };
    this.#citizens.set(citizen, made);
    return made;
  }

  card(hpan: Hpan): Card {
    const known = this.#cards.get(hpan);
    if (known !== undefined) return known;
    const made: Card = { status: 'free', owner: '', activations: [] };
    this.#cards.set(hpan, made);
    return made;
  }

  isFrozen(awardPeriodId: number): boolean {
    return this.#frozenRankings.has(awardPeriodId);
  }

  /** In the order of domain 5.1, by a plain sort. */
  ranking(awardPeriodId: number, taxCodeOf: (citizen: CitizenKey) => string) {
    const places = [...this.#citizens].flatMap(([citizen, { totals }]) => {
      const ranked = totals.get(awardPeriodId)?.ranked ?? null;
      return ranked === null ? [] : [{ citizen, ...ranked }];
    });
    return places.sort(
      (a, b) =>
        b.count - a.count ||
        a.lastTrxMs - b.lastTrxMs ||
        a.termsMs - b.termsMs ||
        (taxCodeOf(a.citizen) < taxCodeOf(b.citizen) ? -1 : 1),
    );
  }

  /** When nothing is under way: every message was taken in, and wallets and cards say the same. */
  expectAtRest(): void {
    for (let pair = 0; pair < this.#sent.length; pair += 1) {
      const [sent, received] = [this.#sent[pair]!, this.#received[pair]!];
      expectThat(sent === received, 'journal', () => `${pairText(pair)} has sent ${sent} and taken in ${received}`);
    }
    for (const [hpan, { status, owner }] of this.#cards) {
      const holders = [...this.#citizens].filter(([, { enabled }]) => enabled.has(hpan)).map(([citizen]) => citizen);
      const expected = status === 'free' ? [] : [owner];
      const isSame = holders.length === expected.length && holders.every((one) => expected.includes(one));
      expectThat(isSame && status !== 'provisional', 'recomputed', () => {
        return `card ${short(hpan)} is ${status} of ${short(owner)}, in the wallets of ${holders.map(short).join(', ')}`;
      });
    }
  }

  // What becomes durable

  take(store: number, bytes: Buffer): void {
    const turn = openRecord(bytes);
    this.#takeEpoch(store, turn);
    const last = this.#sequences[store] ?? 0;
    expectThat(turn.sequence === last + 1, 'journal', () => `store ${store}: ${turn.sequence} follows ${last}`);
    this.#sequences[store] = turn.sequence;
    for (const section of turn.sections) this.#takeMessages(section);
    for (const section of turn.sections) {
      for (const fact of section.facts) if (fact.kind === 'enrolled') this.#expectKey(store, fact);
      this.#takeSection(section, turn.nowMs);
    }
    for (const { citizen, hpan } of this.#granted.splice(0)) this.#expectOwned(citizen, hpan);
  }

  /** Of one record it matters only how it ends: cards and wallets stand in sections of their own. */
  #expectOwned(citizen: CitizenKey, hpan: Hpan): void {
    const { status, owner } = this.card(hpan);
    if (!this.citizen(citizen).enabled.has(hpan)) return;
    expectThat(status !== 'free' && owner === citizen, 'recomputed', () => {
      return `card ${short(hpan)} is ${status} of ${short(owner)}, and the wallet of ${short(citizen)} has it`;
    });
  }

  /** On disk before the record that needs it, and nobody else's. */
  #expectKey(store: number, { citizen, slot }: Extract<Fact, { kind: 'enrolled' }>): void {
    expectThat(this.#hasKey(store, slot), 'flushed', () => `store ${store}: the key ${slot} comes after its record`);
    const name = `${store} ${slot}`;
    const owner = this.#slots.get(name) ?? citizen;
    expectThat(
      owner === citizen,
      'recomputed',
      () => `the key ${name} is of ${short(owner)}, and of ${short(citizen)}`,
    );
    this.#slots.set(name, citizen);
  }

  #takeEpoch(store: number, { epoch }: TurnRecord): void {
    const key = `${store} ${epoch}`;
    const life = this.#epochs.get(key) ?? this.life;
    expectThat(life === this.life, 'journal', () => `epoch ${epoch} of store ${store} is of process ${life}`);
    this.#epochs.set(key, life);
  }

  #takeMessages({ partition, sent, within }: Section): void {
    for (const { to, sequence } of sent) this.#addSent(partition * PARTITION_COUNT + to, sequence);
    for (const [to, sequence] of within) {
      const pair = partition * PARTITION_COUNT + to;
      this.#sent[pair] = Math.max(this.#sent[pair]!, sequence);
    }
  }

  #addSent(pair: number, sequence: number): void {
    expectThat(sequence === this.#sent[pair]! + 1, 'journal', () => {
      return `${pairText(pair)}: message ${sequence} is sent after ${this.#sent[pair]}`;
    });
    this.#sent[pair] = sequence;
  }

  #takeSection(section: Section, nowMs: number): void {
    const { partition, sequence, received, facts } = section;
    const held = this.#partitions[partition]!;
    expectThat(sequence === held.sequence + 1, 'journal', () => `${partition}: ${sequence} follows ${held.sequence}`);
    expectThat(nowMs >= held.lastMs, 'journal', () => `partition ${partition}: time falls to ${nowMs}`);
    held.sequence = sequence;
    held.lastMs = nowMs;
    for (const [from, last] of received) {
      const pair = from * PARTITION_COUNT + partition;
      expectThat(last > this.#received[pair]!, 'journal', () => `${pairText(pair)}: message ${last} comes again`);
      expectThat(last <= this.#sent[pair]!, 'flushed', () => `${pairText(pair)}: ${last} came before it was on disk`);
      this.#received[pair] = last;
    }
    const touched = new Set<CitizenKey>();
    for (const fact of facts) {
      this.factCount += 1;
      this.#takeFact(fact, section, nowMs);
      if ('citizen' in fact) touched.add(fact.citizen);
    }
    for (const citizen of touched) this.#show(this.citizen(citizen));
  }

  #show(citizen: Citizen): void {
    const { termsMs, enrolment } = citizen;
    const isEnabled = citizen.isEnrolled && !citizen.isExcluded;
    const totals = new Map([...citizen.totals].filter(([, one]) => isEnabled && one.enrolment === enrolment));
    citizen.seen.push({ isEnabled, termsMs, totals });
  }

  #takeFact(fact: Fact, { partition, sequence }: Section, nowMs: number): void {
    switch (fact.kind) {
      case 'enrolled': {
        const citizen = this.citizen(fact.citizen);
        expectThat(!citizen.isEnrolled, 'recomputed', () => `${short(fact.citizen)} enrols twice`);
        expectThat(!citizen.isToBeExcluded, 'law', () => `${short(fact.citizen)} enrols, and is excluded`);
        expectThat(fact.enrolment === citizen.enrolment + 1, 'recomputed', () => `enrolment ${fact.enrolment}`);
        citizen.isEnrolled = true;
        citizen.enrolment = fact.enrolment;
        citizen.termsMs = fact.termsMs;
        return;
      }
      case 'left':
        return this.#leave(fact, partition, nowMs);
      case 'commandDone': {
        const key = `${fact.citizen} ${fact.commandKey}`;
        expectThat(!this.#commands.has(key), 'acknowledged', () => `command ${fact.commandKey} is done twice`);
        this.#commands.set(key, { answer: fact.answer, partition, sequence });
        return;
      }
      case 'paymentListed':
      case 'latePaymentListed':
      case 'paymentKept':
        return this.#list(fact, partition);
      case 'exclusionSet':
        return this.#decideExclusion(fact);
      case 'citizenExcluded':
        return this.#turnExclusion(fact, partition, nowMs);
      case 'cardActivated':
      case 'cardClaimed': {
        const card = this.card(fact.hpan);
        expectThat(card.status === 'free', 'recomputed', () => {
          return `card ${short(fact.hpan)} of ${short(card.owner)} goes to ${short(fact.citizen)}`;
        });
        card.status = fact.kind === 'cardActivated' ? 'active' : 'provisional';
        card.owner = fact.citizen;
        card.activations.push({ citizen: fact.citizen, activationMs: fact.activationMs });
        return;
      }
      case 'claimConfirmed':
        this.card(fact.hpan).status = 'active';
        return;
      case 'claimWithdrawn':
      case 'cardDeactivated':
        this.card(fact.hpan).status = 'free';
        return;
      case 'claimEnded': {
        if (fact.activationMs === null) return;
        this.citizen(fact.citizen).enabled.add(fact.hpan);
        this.#granted.push({ citizen: fact.citizen, hpan: fact.hpan });
        return;
      }
      case 'releaseEnded':
        this.citizen(fact.citizen).enabled.delete(fact.hpan);
        return;
      case 'recordSet': {
        const key = keyOf(fact.entry.record);
        const { state, scoreCents } = fact.entry;
        const known = this.#records.get(key);
        if (known === undefined) {
          this.#records.set(key, { state, states: new Set([state]), scoreCents, hpan: fact.hpan });
        } else {
          known.state = state;
          known.states.add(state);
          known.scoreCents = scoreCents;
        }
        return;
      }
      case 'periodCloseHeard': {
        const { heard } = this.#partitions[partition]!;
        heard.set(fact.awardPeriodId, (heard.get(fact.awardPeriodId) ?? new Set()).add(fact.from));
        return;
      }
      case 'periodFrozen': {
        const { frozen, heard } = this.#partitions[partition]!;
        const isHeard = heard.get(fact.awardPeriodId)?.size === PARTITION_COUNT;
        expectThat(isHeard, 'recomputed', () => `partition ${partition} freezes before all have closed`);
        frozen.add(fact.awardPeriodId);
        return;
      }
      case 'periodReopened': {
        const { frozen, reopened, heard } = this.#partitions[partition]!;
        const { awardPeriodId } = fact.decision;
        const wasFrozen = frozen.delete(awardPeriodId);
        expectThat(
          wasFrozen,
          'recomputed',
          () => `partition ${partition} opens period ${awardPeriodId}, which is open`,
        );
        reopened.add(awardPeriodId);
        heard.delete(awardPeriodId);
        return;
      }
      case 'periodDecided':
        this.decisions.push(fact.decision);
        return;
      case 'programmeSet':
        this.programme = programmeIn(fact.json);
        return;
      case 'rankingFrozen':
        return this.#freeze(fact);
      default:
        return;
    }
  }

  #list(fact: Listing, partition: number): void {
    const { payment, before, after, rawCents } = fact;
    const { awardPeriodId } = payment;
    const citizen = this.citizen(fact.citizen);
    const who = `${short(fact.citizen)} in period ${awardPeriodId}`;
    const { frozen, reopened } = this.#partitions[partition]!;
    expectThat(!frozen.has(awardPeriodId), 'recomputed', () => `${who}: it is frozen`);
    expectThat(citizen.isEnrolled, 'recomputed', () => `${who}: a payment is listed, and the citizen has left`);
    const held = citizen.totals.get(awardPeriodId);
    const isKept = held?.isKept ?? citizen.isExcluded;
    const kind = reopened.has(awardPeriodId) ? 'latePaymentListed' : isKept ? 'paymentKept' : 'paymentListed';
    expectThat(fact.kind === kind, 'recomputed', () => `${who}: ${fact.kind}, not ${kind}`);
    expectThat(isSame(held?.standing ?? null, before), 'recomputed', () => {
      return `${who}: stood at ${JSON.stringify(held?.standing)}, moves from ${JSON.stringify(before)}`;
    });
    const isPayment = payment.amountCents > 0;
    const isPutBack = payment.operationType.startsWith('I');
    if (isPayment && !isPutBack) {
      const scoreCents = tenth(Math.min(payment.amountCents, this.#period(awardPeriodId).maxTransactionEvaluatedCents));
      expectThat(
        payment.cashbackCents === scoreCents,
        'law',
        () => `${who}: ${payment.cashbackCents}, not ${scoreCents}`,
      );
    }
    const standing = {
      count: (held?.standing.count ?? 0) + payment.countDelta,
      lastTrxMs: Math.max(held?.standing.lastTrxMs ?? 0, isPayment ? payment.trxMs : 0),
      termsMs: citizen.termsMs,
    };
    const total = {
      rawCents: (held?.rawCents ?? 0) + payment.cashbackCents,
      count: standing.count,
      lineCount: (held?.lineCount ?? 0) + (isPutBack ? -1 : 1),
    };
    expectThat(isSame(standing, after) && rawCents === total.rawCents, 'recomputed', () => {
      return `${who}: ${rawCents} cents at ${JSON.stringify(after)}, not ${total.rawCents} at ${JSON.stringify(standing)}`;
    });
    // DECISION 25: what comes late moves nobody.
    const ranked = { latePaymentListed: held?.ranked ?? null, paymentKept: null, paymentListed: standing }[kind];
    citizen.totals.set(awardPeriodId, {
      ...{ ...total, ranked, enrolment: citizen.enrolment, standing },
      isKept: kind === 'latePaymentListed' ? (held?.isKept ?? false) : isKept,
    });
  }

  /** Two persons, or the rule on abuse. */
  #decideExclusion({ citizen, exclusion }: Extract<Fact, { kind: 'exclusionSet' }>): void {
    const { state, proposedBy, decidedBy, payment } = exclusion;
    if (state === 'proposed') return;
    const isByTwo = proposedBy !== decidedBy && proposedBy !== '' && decidedBy !== '';
    const isByRule = proposedBy === '' && payment !== null && state === 'excluded';
    expectThat(isByTwo || isByRule, 'law', () => `${short(citizen)} is ${state} by ${proposedBy} and ${decidedBy}`);
    if (payment === null && state !== 'rejected') this.citizen(citizen).isToBeExcluded = state === 'excluded';
  }

  #turnExclusion(fact: Extract<Fact, { kind: 'citizenExcluded' }>, partition: number, nowMs: number): void {
    const { isExcluded, standings } = fact;
    const citizen = this.citizen(fact.citizen);
    const who = `${short(fact.citizen)} is ${isExcluded ? '' : 'no longer '}excluded`;
    const isDue = citizen.isEnrolled && citizen.isExcluded !== isExcluded && citizen.isToBeExcluded === isExcluded;
    expectThat(isDue, 'law', () => `${who}, and nobody has said so`);
    const open = [...citizen.totals].filter(([awardPeriodId, { enrolment, isKept }]) => {
      return enrolment === citizen.enrolment && isKept !== isExcluded && !this.#isOver(awardPeriodId, partition, nowMs);
    });
    expectThat(standings.length === open.length, 'recomputed', () => `${who} in ${standings.length} periods`);
    for (const [awardPeriodId, held] of open) {
      const { standing } = held;
      const moved = standings.find((one) => one.awardPeriodId === awardPeriodId)?.standing ?? null;
      expectThat(isSame(moved, standing), 'recomputed', () => `${who} from ${JSON.stringify(moved)}`);
      citizen.totals.set(awardPeriodId, { ...held, isKept: isExcluded, ranked: isExcluded ? null : standing });
    }
    citizen.isExcluded = isExcluded;
  }

  #leave(fact: Extract<Fact, { kind: 'left' }>, partition: number, nowMs: number): void {
    const citizen = this.citizen(fact.citizen);
    expectThat(citizen.isEnrolled, 'recomputed', () => `${short(fact.citizen)} leaves twice`);
    citizen.isEnrolled = false;
    citizen.isExcluded = false;
    for (const { awardPeriodId, before } of fact.removed) {
      expectThat(isSame(citizen.totals.get(awardPeriodId)?.standing ?? null, before), 'recomputed', () => {
        return `${short(fact.citizen)} leaves period ${awardPeriodId} from ${JSON.stringify(before)}`;
      });
      citizen.totals.delete(awardPeriodId);
    }
    for (const [awardPeriodId, { enrolment, isKept }] of citizen.totals) {
      if (isKept) citizen.totals.delete(awardPeriodId);
      const isOver = this.#isOver(awardPeriodId, partition, nowMs);
      expectThat(isKept || isOver || enrolment !== citizen.enrolment, 'recomputed', () => {
        return `${short(fact.citizen)} leaves and stays in period ${awardPeriodId}`;
      });
    }
  }

  /** Positions stand (DECISION 25). */
  #isOver(awardPeriodId: number, partition: number, nowMs: number): boolean {
    return this.#partitions[partition]!.frozen.has(awardPeriodId) || closesAtMs(this.#period(awardPeriodId)) <= nowMs;
  }

  #freeze({ awardPeriodId, participants }: Extract<Fact, { kind: 'rankingFrozen' }>): void {
    expectThat(!this.#frozenRankings.has(awardPeriodId), 'recomputed', () => `period ${awardPeriodId} freezes twice`);
    this.#frozenRankings.add(awardPeriodId);
    const standing = this.ranking(awardPeriodId, () => '').length;
    expectThat(standing === participants, 'recomputed', () => `${participants} take part, not ${standing}`);
    const open = this.#partitions.findIndex(({ frozen }) => !frozen.has(awardPeriodId));
    expectThat(open === -1, 'recomputed', () => `period ${awardPeriodId} freezes before partition ${open}`);
  }

  #period(awardPeriodId: number): PeriodParameters {
    return this.programme.periods.find((period) => period.awardPeriodId === awardPeriodId)!;
  }
}

type Listing = Extract<Fact, { kind: 'paymentListed' | 'latePaymentListed' | 'paymentKept' }>;

function keyOf({ hpan, idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType }: TransactionRecord): string {
  return `${hpan} ${idTrxAcquirer} ${trxMs} ${acquirerCode} ${acquirerId} ${operationType}`;
}

function isSame(left: Standing | null, right: Standing | null): boolean {
  if (left === null || right === null) return left === right;
  return left.count === right.count && left.lastTrxMs === right.lastTrxMs && left.termsMs === right.termsMs;
}

/** A tenth, half a cent rounded down (domain 4.1). */
function tenth(cents: number): number {
  return Math.floor(cents / 10) + (cents % 10 > 5 ? 1 : 0);
}

function pairText(pair: number): string {
  return `partition ${Math.floor(pair / PARTITION_COUNT)} to ${pair % PARTITION_COUNT}`;
}

export function short(key: string): string {
  return key.slice(0, 8);
}
