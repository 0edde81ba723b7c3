/**
 * What happens to one group of citizens, as facts and messages: the ones that the engine's machines would decide for the
 * same commands, written down without asking them, since ten million citizens make two hundred million of them.
 * test/bench/seed.test.ts holds them to what a real engine journals, and `clickday verify` judges each folder again.
 *
 * Whoever makes the records and whoever makes the rows each tell the same chronicle. What takes the folder's keys,
 * digests and seals, is made by the one and handed to the other.
 */
import type { LedgerEntry } from '../../engine/card/card.ts';
import type { Standing } from '../../engine/facts.ts';
import {
  type ActorMessage,
  type Answer,
  APP_CHANNEL,
  type CitizenKey,
  type Fact,
  type Hpan,
  invariant,
  makeIban,
  PARTITION_COUNT,
  partitionOf,
  type TransactionRecord,
  type TurnPageTable,
  type WalletCommandBody,
  type WalletCommandKind,
} from '../../engine/index.ts';
import { NOWHERE, placeAt } from '../../engine/place.ts';
import type { Operation, PaymentRow } from '../../engine/wallet/wallet.ts';
import type { Law } from './law.ts';
import { citizenOf, ENROLMENT_MS, paymentsOf, type SeededCitizen, type SeededPayment } from './population.ts';
import type { Round } from './timeline.ts';

/** Personal data of one citizen after the other, in the order of their numbers. */
export interface Seals {
  identity(taxCode: string): { readonly slot: number; readonly sealedTaxCode: Uint8Array };
  payoff(slot: number, text: string): Uint8Array;
}

/** Keyed hashes, in the order in which the chronicle asks for them: of all its citizens first. */
export interface Digests {
  citizen(taxCode: string): CitizenKey;
  body(body: WalletCommandBody): string;
  record(record: TransactionRecord): string;
}

/** Hears the chronicle, round by round. */
export interface Listener {
  begin(round: Round): void;
  fact(partition: number, fact: Fact): void;
  /** The sequence of a pair's message is for the listener to count. */
  sent(from: number, to: number, body: ActorMessage): void;
  /** A message that the record takes in itself. */
  sentWithin(from: number, to: number): void;
  /** Messages of a pair are taken in in the order in which they were sent. */
  taken(from: number, to: number): void;
  end(round: Round): void;
}

export interface ChronicleOptions {
  readonly seed: number;
  readonly storeCount: number;
  readonly law: Law;
  readonly digests: Digests;
  /** Nobody has put off saying where the money goes. */
  readonly everyIban: boolean;
}

/** What is known of a citizen while its group is told; of a card likewise. */
interface Person {
  readonly citizen: SeededCitizen;
  readonly key: CitizenKey;
  readonly partition: number;
  readonly totals: Map<number, { rawCents: number; standing: Standing; insertions: number; latest: number }>;
  /** What the ids of its commands begin with. */
  readonly ids: string;
  termsMs: number;
  commandCount: number;
}

interface AskedCommand {
  readonly commandKey: string;
  readonly bodyHash: string;
  readonly command: WalletCommandKind;
}

interface Instrument {
  readonly hpan: Hpan;
  readonly partition: number;
  readonly owner: Person;
  /** Payments not sent yet, the next one last. */
  readonly waiting: TransactionRecord[];
  /** The claim's command. */
  asked: AskedCommand | null;
  arrivals: number;
  /** Place of its last record, and the latest instant of all. */
  latest: number;
  latestMs: number;
  underWay: LedgerEntry | null;
}

interface Letter {
  readonly from: number;
  readonly to: number;
  readonly body: ActorMessage;
}

const DETAILS = {
  methodKind: 'card',
  brand: 'VISA',
  lastDigits: '4242',
  expiry: '2026-12',
  issuerAbi: '03069',
} as const;
const ENROLMENT = 1;

/** Ids are of the eve, in the order of citizens and their commands. */
const IDS = `${ENROLMENT_MS.toString(16).padStart(12, '0')}70008000`;
const TWO_DIGITS = Array.from({ length: 256 }, (_, count) => count.toString(16).padStart(2, '0'));

export class Chronicle {
  readonly #options: ChronicleOptions;
  readonly #listener: Listener;
  readonly #people: readonly Person[];
  readonly #instruments = new Map<Hpan, Instrument>();
  readonly #byKey = new Map<CitizenKey, Person>();
  /** To the other stores: they travel between two rounds. */
  #letters: Letter[] = [];
  /** Lines of each partition's pages in this round. */
  readonly #lines: Record<TurnPageTable, Uint32Array> = {
    payment: new Uint32Array(PARTITION_COUNT),
    record: new Uint32Array(PARTITION_COUNT),
  };
  #sequence = 0;
  #nowMs = 0;
  #receivedMs = 0;

  /** @param numbers of the first citizen and past the last */
  constructor(options: ChronicleOptions, [first, end]: readonly [number, number], listener: Listener) {
    this.#options = options;
    this.#listener = listener;
    this.#people = Array.from({ length: end - first }, (_, index) => this.#introduce(first + index));
  }

  /** Everyone enrols, most give an IBAN, all list their cards and enable them. */
  enrol(rounds: readonly Round[], seals: Seals): void {
    this.#tell(rounds, () => {
      for (const person of this.#people) this.#enrol(person, seals);
    });
  }

  /** @param termsMs when the group enrolled: what a payment's verdict rests on, where `enrol` was not told */
  pay(rounds: readonly Round[], termsMs: number): void {
    for (const person of this.#people) {
      person.termsMs = termsMs;
      const payments = paymentsOf(this.#options.seed, person.citizen);
      for (const payment of payments.toReversed()) this.#instrument(payment.hpan).waiting.push(recordOf(payment));
    }
    this.#receivedMs = rounds[0]!.nowMs;
    this.#tell(rounds, () => {
      for (const instrument of this.#instruments.values()) this.#payNext(instrument);
    });
  }

  #introduce(number: number): Person {
    const { seed, digests } = this.#options;
    const citizen = citizenOf(seed, number);
    const key = digests.citizen(citizen.taxCode);
    const ids = IDS + number.toString(16).padStart(10, '0');
    const person = { citizen, key, partition: partitionOf(key), totals: new Map(), ids, termsMs: 0, commandCount: 0 };
    this.#byKey.set(key, person);
    for (const hpan of citizen.cards) {
      this.#instruments.set(hpan, {
        hpan,
        partition: partitionOf(hpan),
        owner: person,
        waiting: [],
        asked: null,
        arrivals: 0,
        latest: NOWHERE,
        latestMs: 0,
        underWay: null,
      });
    }
    return person;
  }

  #tell(rounds: readonly Round[], act: () => void): void {
    for (const [index, round] of rounds.entries()) {
      this.#sequence = round.sequence;
      this.#nowMs = round.nowMs;
      for (const lines of Object.values(this.#lines)) lines.fill(0);
      this.#listener.begin(round);
      const arrived = this.#letters;
      this.#letters = [];
      if (index === 0) act();
      for (const letter of arrived) this.#takeIn(letter);
      this.#listener.end(round);
    }
    invariant(this.#letters.length === 0, 'rounds are as many as it takes');
  }

  #send(from: number, to: number, body: ActorMessage): void {
    if (this.#isLocal(from, to)) {
      this.#listener.sentWithin(from, to);
      this.#takeIn({ from, to, body });
    } else {
      this.#listener.sent(from, to, body);
      this.#letters.push({ from, to, body });
    }
  }

  #isLocal(from: number, to: number): boolean {
    const { storeCount } = this.#options;
    return from % storeCount === to % storeCount;
  }

  #takeIn({ from, to, body }: Letter): void {
    this.#listener.taken(from, to);
    switch (body.kind) {
      case 'claim':
        return this.#grant(this.#instrument(body.hpan));
      case 'claimJudged':
        return this.#endClaim(this.#instrument(body.hpan), body.activationMs!);
      case 'count':
        return this.#count(this.#byKey.get(body.citizen)!, body.place, body.record);
      case 'countJudged':
        return this.#endPayment(this.#instrument(body.hpan));
      default:
        throw new TypeError(`nobody sends ${body.kind}`);
    }
  }

  // Enrolment

  #enrol(person: Person, seals: Seals): void {
    const { citizen: who, key: citizen, partition } = person;
    person.termsMs = this.#nowMs;
    const { slot, sealedTaxCode } = seals.identity(who.taxCode);
    const terms = { termsMs: this.#nowMs, optInStatus: 'NOREQ' } as const;
    this.#fact(partition, { kind: 'enrolled', citizen, enrolment: ENROLMENT, ...terms, slot, sealedTaxCode });
    this.#done(person, this.#ask(person, { kind: 'enrol' }), terms);
    if (who.hasIban || this.#options.everyIban) this.#setIban(person, slot, seals);
    for (const hpan of who.cards) this.#enable(person, this.#instrument(hpan));
  }

  #setIban(person: Person, slot: number, seals: Seals): void {
    const { number, taxCode } = person.citizen;
    const iban = makeIban(number);
    const holder = { accountHolderCF: taxCode, accountHolderName: 'ADA', accountHolderSurname: 'ROSSI' };
    // Verified: so many that had to be checked again would be another story.
    const checkStatus = 'OK' as const;
    const asked = this.#ask(person, { kind: 'setIban', iban, ...holder, checkStatus });
    const payoff = { checkStatus, sealed: seals.payoff(slot, JSON.stringify({ iban, ...holder, taxCode })) };
    this.#fact(person.partition, { kind: 'payoffSet', citizen: person.key, payoff, atMs: this.#nowMs });
    this.#done(person, asked, { validationStatus: checkStatus });
  }

  #enable(person: Person, instrument: Instrument): void {
    const { key: citizen, partition } = person;
    const { hpan } = instrument;
    const listing = this.#ask(person, { kind: 'addMethod', hpan, details: DETAILS });
    this.#fact(partition, { kind: 'methodAdded', citizen, hpan, details: DETAILS, atMs: this.#nowMs });
    this.#done(person, listing, { hpan });

    const asked = this.#ask(person, { kind: 'enableCashback', hpan });
    instrument.asked = asked;
    const operation: Operation = {
      commandKey: asked.commandKey,
      bodyHash: asked.bodyHash,
      kind: 'enableCashback',
      hpan,
      waiting: [hpan],
      next: [],
      granted: [],
      refused: [],
      code: null,
      cancellationMs: null,
      channel: APP_CHANNEL,
    };
    this.#fact(partition, { kind: 'operationSet', citizen, operation });
    this.#fact(partition, { kind: 'claimStarted', citizen, hpan, channel: APP_CHANNEL });
    const how = { enrolment: ENROLMENT, channel: APP_CHANNEL, master: hpan, isProvisional: false };
    this.#send(partition, instrument.partition, { kind: 'claim', citizen, hpan, ...how });
  }

  #grant({ hpan, partition, owner }: Instrument): void {
    const { key: citizen } = owner;
    const activation = { enrolment: ENROLMENT, channel: APP_CHANNEL, master: hpan, activationMs: this.#nowMs };
    this.#fact(partition, { kind: 'cardActivated', hpan, citizen, ...activation });
    this.#send(partition, owner.partition, { kind: 'claimJudged', citizen, hpan, activationMs: this.#nowMs });
  }

  #endClaim({ hpan, owner, asked }: Instrument, activationMs: number): void {
    this.#fact(owner.partition, { kind: 'claimEnded', citizen: owner.key, hpan, activationMs, atMs: this.#nowMs });
    this.#done(owner, asked!, { activationMs });
  }

  #ask(person: Person, body: WalletCommandBody): AskedCommand {
    const commandKey = `${person.ids}${TWO_DIGITS[person.commandCount]}`;
    person.commandCount += 1;
    return { commandKey, bodyHash: this.#options.digests.body(body), command: body.kind };
  }

  #done(person: Person, asked: AskedCommand, answer: Answer): void {
    this.#fact(person.partition, { kind: 'commandDone', citizen: person.key, ...asked, answer });
  }

  // Payments

  /** One record of a card is under way at a time (DECISION 19). */
  #payNext(instrument: Instrument): void {
    const record = instrument.waiting.pop();
    if (record === undefined) return;
    const { partition, owner } = instrument;
    const entry = this.#arrived(instrument, record);
    // Where the wallet answers in the same record, only what came of it is told.
    const isAnswered = this.#isLocal(partition, owner.partition);
    if (!isAnswered) instrument.underWay = entry;
    this.#setRecord(instrument, isAnswered ? this.#counted(entry) : entry);
    const { place, receivedMs } = entry;
    this.#send(partition, owner.partition, { kind: 'count', citizen: owner.key, place, record, receivedMs });
  }

  #arrived(instrument: Instrument, record: TransactionRecord): LedgerEntry {
    const [arrival, previous] = [instrument.arrivals, instrument.latest];
    instrument.arrivals += 1;
    instrument.latest = this.#newPlace('record', instrument.partition);
    instrument.latestMs = Math.max(instrument.latestMs, record.trxMs);
    return {
      place: instrument.latest,
      previous,
      key: this.#options.digests.record(record),
      latestMs: instrument.latestMs,
      record,
      receivedMs: this.#receivedMs,
      arrival,
      state: 'asked',
      citizen: instrument.owner.key,
      enrolment: 0,
      awardPeriodId: 0,
      scoreCents: 0,
      leftCents: 0,
      matched: NOWHERE,
      code: null,
      flagged: false,
      expiresMs: 0,
      fileNumber: 0,
    };
  }

  #counted(entry: LedgerEntry): LedgerEntry {
    const leftCents = entry.record.amountCents;
    return { ...entry, state: 'counted', enrolment: ENROLMENT, ...this.#options.law.judge(entry.record), leftCents };
  }

  #count(person: Person, place: number, record: TransactionRecord): void {
    const { awardPeriodId, scoreCents } = this.#options.law.judge(record);
    const before = person.totals.get(awardPeriodId);
    const payment: PaymentRow = {
      place: this.#newPlace('payment', person.partition),
      previous: before?.latest ?? NOWHERE,
      awardPeriodId,
      enrolment: ENROLMENT,
      insertion: before?.insertions ?? 0,
      hpan: record.hpan,
      acquirerCode: record.acquirerCode,
      acquirerId: record.acquirerId,
      operationType: record.operationType,
      circuitType: record.circuitType,
      idTrxAcquirer: record.idTrxAcquirer,
      idTrxIssuer: record.idTrxIssuer,
      trxMs: record.trxMs,
      amountCents: record.amountCents,
      cashbackCents: scoreCents,
      countDelta: 1,
    };
    const after = {
      rawCents: (before?.rawCents ?? 0) + scoreCents,
      standing: {
        count: (before?.standing.count ?? 0) + 1,
        lastTrxMs: Math.max(before?.standing.lastTrxMs ?? 0, record.trxMs),
        termsMs: person.termsMs,
      },
      insertions: payment.insertion + 1,
      latest: payment.place,
    };
    person.totals.set(awardPeriodId, after);
    this.#fact(person.partition, {
      kind: 'paymentListed',
      citizen: person.key,
      payment,
      rawCents: after.rawCents,
      before: before?.standing ?? null,
      after: after.standing,
      atMs: this.#nowMs,
    });
    this.#send(person.partition, partitionOf(record.hpan), {
      kind: 'countJudged',
      hpan: record.hpan,
      place,
      code: null,
      enrolment: ENROLMENT,
      awardPeriodId,
      scoreCents,
    });
  }

  #endPayment(instrument: Instrument): void {
    const asked = instrument.underWay;
    instrument.underWay = null;
    if (asked !== null) this.#setRecord(instrument, this.#counted(asked));
    this.#payNext(instrument);
  }

  #setRecord({ hpan, partition, arrivals, underWay }: Instrument, entry: LedgerEntry): void {
    const unanswered = underWay === null ? 0 : 1;
    this.#fact(partition, { kind: 'recordSet', hpan, entry, unanswered, pending: [], arrivals, reversals: 0 });
  }

  #newPlace(table: TurnPageTable, partition: number): number {
    const lines = this.#lines[table];
    lines[partition]! += 1;
    return placeAt(this.#sequence, lines[partition]! - 1);
  }

  #fact(partition: number, fact: Fact): void {
    this.#listener.fact(partition, fact);
  }

  #instrument(hpan: Hpan): Instrument {
    const instrument = this.#instruments.get(hpan);
    invariant(instrument !== undefined, 'messages stay within the group');
    return instrument;
  }
}

function recordOf({ hpan, trxMs, idTrxAcquirer, amountCents, merchantId }: SeededPayment): TransactionRecord {
  return {
    acquirerCode: '36081',
    operationType: '00',
    circuitType: '01',
    hpan,
    trxMs,
    idTrxAcquirer,
    idTrxIssuer: '',
    correlationId: '',
    amountCents,
    acquirerId: '09509',
    merchantId,
    terminalId: 'T1',
  };
}
