/** The whole account that an inspection takes from the journals: everything that any row or ranking should say. */
import { type CitizenKey, type Hpan, PARTITION_COUNT, type Programme } from '../../engine/contract.ts';
import type { Fact, Section } from '../../engine/facts.ts';
import { partitionOf } from '../../engine/partition.ts';
import { indexIn, pageOf } from '../../engine/place.ts';
import type { Line, PageTable, PartitionRow, RowAddress, Store, StoredRow } from '../../engine/ports.ts';
import { CardAccount, CardFold, namedCard } from './cards.ts';
import { Citizen, CitizenFold, type Place } from './citizens.ts';
import type { Findings } from './findings.ts';
import { PartitionAccount, PartitionFold, participantsOf } from './partitions.ts';
import { Post } from './post.ts';
import { ALL_PARTITIONS, type Expectation, type Expected, RowCheck } from './rows.ts';
import type { Move, Participant } from './standings.ts';
import type { Step } from './walk.ts';

interface Capture {
  readonly awardPeriodId: number;
  readonly vector: readonly number[];
  readonly moves: Move[];
}

interface Page {
  readonly address: RowAddress;
  readonly lines: Line<PageTable>[];
  readonly held: Expected;
}

function idOf({ table, partition, entity, sub }: RowAddress): string {
  return `${table} ${partition} ${entity} ${sub}`;
}

const SCANNED = ['wallet', 'payment', 'command', 'card', 'record', 'reversal'] as const;
/** Of a line in a list of reversals: state, instant, card, key. */
const HPAN_IN_SUB = 2;

export class Account {
  readonly partitions = ALL_PARTITIONS.map((partition) => new PartitionAccount(partition, PARTITION_COUNT));
  readonly cards = new Map<Hpan, CardAccount>();
  readonly post: Post;
  /** Moves since the moments at which saved rankings were begun. */
  readonly #captures: Capture[] = [];
  readonly #findings: Findings;
  readonly #rowCheck: RowCheck;
  readonly #citizenFold: CitizenFold;
  readonly #cardFold: CardFold;
  readonly #partitionFold: PartitionFold;
  /** What each turn listed or took in, by the address of its row. */
  readonly #pages = new Map<string, Page>();
  readonly #partitionRows = new Map<number, { readonly address: RowAddress; readonly row: StoredRow<PartitionRow> }>();

  constructor(programme: Programme, findings: Findings) {
    this.post = new Post(findings);
    this.#findings = findings;
    this.#rowCheck = new RowCheck(findings);
    this.#citizenFold = new CitizenFold(programme, findings, (partition, awardPeriodId) =>
      this.#partition(partition).frozen.has(awardPeriodId),
    );
    this.#cardFold = new CardFold(programme, findings);
    this.#partitionFold = new PartitionFold(programme, findings);
  }

  *citizens(): Iterable<Citizen> {
    for (const { citizens } of this.partitions) yield* citizens.values();
  }

  citizen(key: CitizenKey): Citizen | undefined {
    return this.partitions[partitionOf(key)]?.citizens.get(key);
  }

  /** Rows that change in nearly every turn: where they stand is read before the journals, not after each turn. */
  expectRows(store: Store): void {
    this.post.expectCheckpoint(store.rows.checkpoint());
    for (const partition of ALL_PARTITIONS) {
      for (const [address, row] of store.rows.scan('partition', partition)) {
        this.#partitionRows.set(partition, { address, row });
      }
      for (const [address, row] of store.rows.scan('outbox', partition)) {
        this.post.expectOutbox(partition, Number(address.sub), row);
      }
    }
  }

  /**
   * Moves in the ranking of a period that are journaled after a vector of sequences: complete when all journals were
   * applied. To be called before.
   */
  movesAfter(awardPeriodId: number, vector: readonly number[]): readonly Move[] {
    const moves: Move[] = [];
    this.#captures.push({ awardPeriodId, vector, moves });
    return moves;
  }

  /** Whether the journals that were applied go as far as a vector of sequences. */
  reaches(vector: readonly number[]): boolean {
    return this.partitions.every(({ partition, sequence }) => (vector[partition] ?? 0) <= sequence);
  }

  participants(awardPeriodId: number): readonly Participant[] {
    return this.partitions.flatMap((partition) => participantsOf(partition, awardPeriodId));
  }

  apply({ store, section, nowMs }: Step): void {
    const { partition, sequence } = section;
    const place: Place = { partition, sequence, nowMs };
    const changed = new Set<Citizen | CardAccount>();
    const pages = new Set<string>();
    for (const fact of section.facts) {
      this.#findings.count('facts');
      const actor = this.#applyFact(fact, place);
      if (actor !== null) changed.add(actor);
      if (fact.kind === 'recordSet') pages.add(this.#setLine('record', fact.entry, place));
      if (fact.kind === 'paymentListed') pages.add(this.#setLine('payment', fact.payment, place));
    }
    this.post.apply(section);
    this.#endSection(store, section, nowMs);

    for (const actor of changed) {
      if (actor instanceof CardAccount) this.#checkUnanswered(actor);
      this.#compareActor(store, actor);
    }
    for (const id of pages) {
      const { address, held } = this.#pages.get(id)!;
      this.#rowCheck.compareNow(store.rows, address, held);
    }
  }

  /** @returns the page that has the line now */
  #setLine(table: PageTable, line: Line<PageTable>, { partition, sequence }: Place): string {
    const address = { table, partition, entity: '', sub: pageOf(line.place) };
    const id = idOf(address);
    const known = this.#pages.get(id);
    const lines = known?.lines ?? [];
    const [index, subject] = [indexIn(line.place), `${table} of partition ${partition} at ${sequence}`];
    if (index > lines.length) this.#findings.differ(`${subject}: leaves a gap in its page, at ${index}`);
    if (table === 'payment' && index < lines.length) this.#findings.differ(`${subject}: takes a place twice, ${index}`);
    lines[index] = line;
    const isRowSeen = known?.held.isRowSeen ?? false;
    this.#pages.set(id, { address, lines, held: { value: lines, sequence, isRowSeen } });
    return id;
  }

  /** After all journals: every row is expected, and every row that a checkpoint covers is there. */
  compareRows(stores: readonly Store[]): void {
    const expectation: Expectation = (address) => this.#expected(address);
    for (const { rows } of stores) {
      for (const partition of ALL_PARTITIONS) {
        for (const table of SCANNED) this.#rowCheck.scan(rows, partition, table, expectation);
      }
    }
    for (const [address, expected] of this.#allExpected()) {
      const { store } = this.#partition(address.partition);
      if (store !== null) this.#rowCheck.requireCovered(store.rows, address, expected);
    }
  }

  #applyFact(fact: Fact, place: Place): Citizen | CardAccount | null {
    switch (fact.kind) {
      case 'cardActivated':
      case 'cardClaimed':
      case 'claimConfirmed':
      case 'claimWithdrawn':
      case 'cardDeactivated':
      case 'ownerLeft':
      case 'recordSet': {
        const card = this.#card(fact.hpan, place);
        this.#cardFold.apply(card, fact, place);
        card.sequence = place.sequence;
        return card;
      }
      case 'periodClosed':
      case 'periodCloseHeard':
      case 'periodFrozen':
      case 'rankingFrozen':
      case 'tieOrdered':
      case 'programmeSet':
        this.#partitionFold.apply(this.#partition(place.partition), fact, place);
        return null;
      default: {
        const citizen = this.#citizen(fact.citizen, place);
        this.#citizenFold.apply(citizen, fact, place);
        citizen.sequence = place.sequence;
        return citizen;
      }
    }
  }

  #endSection(store: Store, section: Section, nowMs: number): void {
    const account = this.#partition(section.partition);
    account.store = store;
    for (const { kind } of section.facts) {
      account.citizensEnabled += Number(kind === 'enrolled') - Number(kind === 'left');
      account.cardsActive += Number(kind === 'cardActivated' || kind === 'claimConfirmed');
      account.cardsActive -= Number(kind === 'cardDeactivated');
      account.paymentsListed += Number(kind === 'paymentListed');
      account.commandsDone += Number(kind === 'commandDone');
    }
    for (const [from, sequence] of section.received) account.received[from] = sequence;
    for (const [to, sequence] of section.within) account.sent[to] = sequence;
    for (const { to, sequence } of section.sent) account.sent[to] = sequence;
    account.lastMs = nowMs;
    account.sequence = section.sequence;

    for (const { awardPeriodId, vector, moves } of this.#captures) {
      if (section.sequence > (vector[section.partition] ?? 0)) moves.push(...movesIn(section, awardPeriodId));
    }
    const held = this.#partitionRows.get(section.partition);
    if (held?.row.sequence !== section.sequence) return;
    this.#findings.count('rows');
    this.#rowCheck.compare(held.address, held.row, account);
  }

  #checkUnanswered(card: CardAccount): void {
    const subject = `${namedCard(card)} at ${card.partition}:${card.sequence}: unanswered records`;
    this.#findings.expect(subject, card.unanswered, card.toldUnanswered);
  }

  #compareActor(store: Store, actor: Citizen | CardAccount): void {
    const table = actor instanceof Citizen ? 'wallet' : 'card';
    const entity = actor instanceof Citizen ? actor.key : actor.hpan;
    const { partition } = actor;
    this.#rowCheck.compareNow(store.rows, { table, partition, entity, sub: '' }, actor);
    if (actor instanceof Citizen) return;
    for (const [sub, held] of actor.listed) {
      if (held.sequence !== actor.sequence) continue;
      this.#rowCheck.compareNow(store.rows, { table: 'reversal', partition, entity: '', sub }, held);
    }
  }

  #expected({ table, partition, entity, sub }: RowAddress): Expected | undefined {
    switch (table) {
      case 'wallet':
        return this.citizen(entity);
      case 'card':
        return this.cards.get(entity);
      case 'command':
        return this.citizen(entity)?.commandPages.get(sub);
      case 'payment':
      case 'record':
        return this.#pages.get(idOf({ table, partition, entity, sub }))?.held;
      case 'reversal':
        return this.cards.get(sub.split(' ')[HPAN_IN_SUB] ?? '')?.listed.get(sub);
      default:
        return undefined;
    }
  }

  *#allExpected(): Iterable<readonly [RowAddress, Expected]> {
    for (const citizen of this.citizens()) {
      const { key: entity, partition } = citizen;
      yield [{ table: 'wallet', partition, entity, sub: '' }, citizen];
      for (const [sub, held] of citizen.commandPages) yield [{ table: 'command', partition, entity, sub }, held];
    }
    for (const card of this.cards.values()) {
      const { hpan: entity, partition } = card;
      yield [{ table: 'card', partition, entity, sub: '' }, card];
      for (const [sub, held] of card.listed) yield [{ table: 'reversal', partition, entity: '', sub }, held];
    }
    for (const { address, held } of this.#pages.values()) yield [address, held];
  }

  #citizen(key: CitizenKey, place: Place): Citizen {
    this.#checkHome('citizen', key, place);
    const { citizens } = this.#partition(partitionOf(key));
    const known = citizens.get(key);
    if (known !== undefined) return known;
    const citizen = new Citizen(key, partitionOf(key));
    citizens.set(key, citizen);
    this.#findings.count('citizens');
    return citizen;
  }

  #card(hpan: Hpan, place: Place): CardAccount {
    this.#checkHome('card', hpan, place);
    const known = this.cards.get(hpan);
    if (known !== undefined) return known;
    const card = new CardAccount(hpan, partitionOf(hpan));
    this.cards.set(hpan, card);
    this.#findings.count('cards');
    return card;
  }

  #checkHome(what: string, key: string, { partition, sequence }: Place): void {
    if (partitionOf(key) === partition) return;
    this.#findings.differ(`${what} ${key.slice(0, 12)}: changed by partition ${partition} at ${sequence}, not its own`);
  }

  #partition(partition: number): PartitionAccount {
    const account = this.partitions[partition];
    if (account === undefined) throw new RangeError(`there is no partition ${partition}`);
    return account;
  }
}

function* movesIn({ facts }: Section, awardPeriodId: number): Iterable<Move> {
  for (const fact of facts) {
    if (fact.kind === 'paymentListed' && fact.payment.awardPeriodId === awardPeriodId) {
      yield { citizen: fact.citizen, before: fact.before, after: fact.after };
    } else if (fact.kind === 'left') {
      const own = fact.removed.find((one) => one.awardPeriodId === awardPeriodId);
      if (own !== undefined) yield { citizen: fact.citizen, before: own.before, after: null };
    }
  }
}
