/**
 * Looks at all actors of one partition, one after the other: each is folded from its own facts, compared with its rows
 * at the moments that they describe, put on the scales, and forgotten.
 */
import type { CitizenKey, Hpan, Programme } from '../../engine/contract.ts';
import { partitionOf } from '../../engine/partition.ts';
import { indexIn, pageOf } from '../../engine/place.ts';
import {
  type Line,
  type PageTable,
  type RowAddress,
  type RowTable,
  type RowTypes,
  StorageFault,
  type StoredRow,
} from '../../engine/ports.ts';
import type { Codec } from '../codec/shape.ts';
import { paymentRow } from '../codec/values-v1.ts';
import { ledgerEntry, payout as payoutCodec } from '../codec/values-v3.ts';
import type { Balance } from './balance.ts';
import { CardAccount, CardFold, namedCard } from './cards.ts';
import { type Books, Citizen, CitizenFold, placeOf } from './citizens.ts';
import type { Covers } from './covers.ts';
import { ExclusionCheck } from './exclusions.ts';
import { AcceptedRows } from './files.ts';
import type { Findings } from './findings.ts';
import { Hash } from './hash.ts';
import { NoticeCheck } from './notices.ts';
import type { Entry, LineThen, PartitionLog } from './partition-log.ts';
import type { PartitionAccount } from './partitions.ts';
import { type Jackpots, PayoutCheck } from './payouts.ts';
import { judgeAgain } from './reversals.ts';
import { type Expected, RowCheck } from './rows.ts';
import type { Standings } from './standings.ts';
import type { History } from './walk.ts';

export interface CheckParts extends History {
  readonly programme: Programme;
  readonly findings: Findings;
  readonly balance: Balance;
  readonly standings: Standings;
  readonly jackpots: Jackpots;
  readonly covers: Covers;
  /** All that partitions journaled about themselves. */
  readonly partitions: readonly PartitionAccount[];
  /** Cards about which a message is still under way. */
  readonly busy: ReadonlySet<Hpan>;
}

type AnyRow = StoredRow<unknown>;

/** Tables that are read once more at the end. */
type UnmetTable =
  | 'command'
  | 'payoutLink'
  | 'reversal'
  | 'resolution'
  | 'payoutFile'
  | 'notice'
  | 'noticeRun'
  | 'fileTally'
  | 'receivedFile'
  | 'pointer'
  | 'periodDecision'
  | 'exclusion'
  | 'merchantDay';

export class PartitionCheck {
  readonly #log: PartitionLog;
  readonly #parts: CheckParts;
  readonly #findings: Findings;
  readonly #rowCheck: RowCheck;
  readonly #citizenFold: CitizenFold;
  readonly #books: Books;
  /** Award periods in which a run has gone through all citizens of the partition. */
  readonly #paid: ReadonlySet<number>;
  /** Those of which a run has told all their citizens the result. */
  readonly #told: ReadonlySet<number>;
  readonly #cardFold: CardFold;
  readonly #acceptedRows: AcceptedRows;
  /** The partition's sequence up to which rows hold everything. */
  readonly #covered: number;
  /** Tables that could not be read to the end: what was not met may be there. */
  readonly #cut = new Set<RowTable>();
  /** Rows met so far of tables that are read once more at the end, by `idOf`. */
  readonly #met = new Set<string>();
  readonly #hash = new Hash();

  constructor(log: PartitionLog, parts: CheckParts) {
    const { programme, findings } = parts;
    this.#log = log;
    this.#parts = parts;
    this.#findings = findings;
    this.#rowCheck = new RowCheck(findings);
    const notices = new NoticeCheck(parts);
    const payouts = new PayoutCheck({ ...parts, notices, orders: parts.partitions[0]?.payoutOrders ?? [] });
    this.#books = { payouts, notices, exclusions: new ExclusionCheck(parts) };
    this.#citizenFold = new CitizenFold(programme, findings, this.#books);
    const runs = parts.partitions[log.partition]?.payoutRuns ?? [];
    this.#paid = new Set(runs.filter(({ isDone }) => isDone).map(({ awardPeriodId }) => awardPeriodId));
    const noticeRuns = [...(parts.partitions[log.partition]?.noticeRuns.values() ?? [])].map(
      (helds) => helds.at(-1)?.value,
    );
    this.#told = new Set(noticeRuns.flatMap((one) => (one?.isDone && one.run === 'final' ? [one.awardPeriodId] : [])));
    this.#acceptedRows = new AcceptedRows(parts.partitions, findings);
    this.#cardFold = new CardFold(programme, findings, parts.partitions[0]?.decisions ?? []);
    this.#covered = log.store?.rows.checkpoint().partitions[log.partition] ?? 0;
  }

  /** Stops after each actor and each page, for whoever has to breathe. */
  *run(): Generator<void> {
    for (const difference of this.#log.differences) this.#findings.differ(difference);
    yield* this.#checkActors('wallet', this.#log.wallets, (address, at, row) => this.#checkWallet(address, at, row));
    yield* this.#checkUnmet('command', 'payoutLink', 'notice', 'exclusion', 'merchantDay');
    yield* this.#checkActors('card', this.#log.cards, (address, at, row) => this.#checkCard(address, at, row));
    yield* this.#checkUnmet('reversal', 'resolution', 'pointer');
    yield* this.#checkPages('payment');
    yield* this.#checkPages('record');
    yield* this.#checkPages('payout');
    const own = this.#parts.partitions[this.#log.partition];
    this.#checkHelds('payoutFile', own?.payoutFiles ?? new Map());
    this.#checkHelds('noticeRun', own?.noticeRuns ?? new Map());
    yield* this.#checkUnmet('payoutFile', 'noticeRun');
    const { fileTallies = new Map(), receivedFiles = new Map() } = own ?? {};
    this.#acceptedRows.finish(fileTallies, this.#log.partition);
    for (const [sub, held] of fileTallies) this.#checkRow(this.#address('fileTally', '', sub), held);
    this.#checkHelds('receivedFile', receivedFiles);
    yield* this.#checkUnmet('fileTally', 'receivedFile');
    this.#checkHelds('periodDecision', own?.decisionRows ?? new Map());
    yield* this.#checkUnmet('periodDecision');
  }

  *#checkActors(
    table: 'wallet' | 'card',
    newest: Map<string, number>,
    check: (address: RowAddress, at: number, row: AnyRow | undefined) => void,
  ): Iterable<void> {
    for (const [address, row] of this.#rows(table)) {
      const at = newest.get(address.entity);
      newest.delete(address.entity);
      if (at === undefined) this.#rowCheck.unexpected(address);
      else check(address, at, row);
      yield;
    }
    for (const [entity, at] of newest) {
      const address = this.#address(table, entity, '');
      check(address, at, this.#cut.has(table) ? this.#get(address) : undefined);
      yield;
    }
  }

  #checkWallet(address: RowAddress, at: number, row: AnyRow | undefined): void {
    const citizen = new Citizen(address.entity, this.#log.partition);
    const entries = this.#log.history(at);
    this.#findings.count('citizens');
    this.#checkHome('citizen', citizen.key, entries);
    this.#citizenFold.fold(citizen, entries, () => this.#rowCheck.meet(address, row, citizen));
    this.#rowCheck.settle(address, row, citizen, this.#covered);
    for (const [sub, held] of citizen.commandPages) this.#checkRow(this.#address('command', citizen.key, sub), held);
    const { records, links } = citizen.payouts;
    for (const [sub, held] of links) this.#checkRow(this.#address('payoutLink', citizen.key, sub), held);
    for (const payout of records.values()) this.#setHash('payout', payout, payoutCodec);
    this.#books.payouts.finish(citizen, this.#paid);
    this.#checkHelds('notice', citizen.notices.rows);
    this.#checkHelds('pointer', citizen.pointers);
    this.#citizenFold.finish(citizen);
    this.#books.notices.finish(citizen, this.#told);
    this.#checkHelds('exclusion', citizen.exclusions.rows);
    this.#checkHelds('merchantDay', citizen.exclusions.merchantDays, citizen.key);
    this.#books.exclusions.finish(citizen);

    this.#findings.count('totals', citizen.totals.size);
    for (const payment of citizen.payments) this.#setHash('payment', payment, paymentRow);
    // From the first counted payment on (DECISION 21), unless removed by leaving; those of a frozen period stand (25).
    for (const totals of citizen.totals.values()) {
      const standing = placeOf(totals);
      if (standing === null) continue;
      this.#parts.standings.add(citizen.key, { awardPeriodId: totals.awardPeriodId, ...standing });
    }
    this.#parts.balance.addCitizen(citizen);
  }

  #checkCard(address: RowAddress, at: number, row: AnyRow | undefined): void {
    const card = new CardAccount(address.entity, this.#log.partition);
    const entries = this.#log.history(at);
    this.#findings.count('cards');
    this.#checkHome('card', card.hpan, entries);
    this.#cardFold.fold(card, entries, () => {
      const subject = `${namedCard(card)} at ${card.partition}:${card.sequence}: unanswered records`;
      this.#findings.expect(subject, card.unanswered, card.toldUnanswered);
      this.#rowCheck.meet(address, row, card);
      this.#meetListed(card);
    });
    this.#rowCheck.settle(address, row, card, this.#covered);
    for (const [sub, held] of card.listed) this.#checkRow(this.#address('reversal', '', sub), held);
    for (const [sub, held] of card.resolved) this.#checkRow(this.#address('resolution', card.hpan, sub), held);

    for (const { entry } of card.ledger.values()) {
      this.#setHash('record', entry, ledgerEntry);
      this.#acceptedRows.add(entry, namedCard(card));
    }
    this.#checkHelds('pointer', card.pointers);
    this.#parts.covers.addCard(card);
    this.#checkAsked(card);
    this.#checkPending(card);
    judgeAgain(card, this.#findings);
    this.#parts.balance.addCard(card);
  }

  #setHash<T extends PageTable>(table: T, line: Line<T>, codec: Codec<Line<T>>): void {
    const isFirst = this.#log.lines[table].setHash(line.place, this.#hash.of(codec, line));
    if (!isFirst) this.#findings.differ(`${table} of partition ${this.#log.partition}: two have place ${line.place}`);
  }

  /** Lines of the list of reversals, and decisions about them, that have changed just now. */
  #meetListed(card: CardAccount): void {
    const meet = (address: RowAddress, held: Expected) => {
      if (held.sequence === card.sequence) this.#rowCheck.meet(address, this.#get(address), held);
    };
    for (const [sub, held] of card.listed) meet(this.#address('reversal', '', sub), held);
    for (const [sub, held] of card.resolved) meet(this.#address('resolution', card.hpan, sub), held);
  }

  #checkAsked(card: CardAccount): void {
    if (card.unanswered === 0 || this.#parts.busy.has(card.hpan)) return;
    for (const { entry } of card.ledger.values()) {
      if (entry.state !== 'asked') continue;
      this.#findings.differ(
        `${namedCard(card)}, record ${entry.key}: asked of a wallet, and no message about it is open`,
      );
    }
  }

  #checkPending(card: CardAccount): void {
    if (card.reversals === 0 && card.pending.length === 0) return;
    const pending = [...card.ledger.values()]
      .filter(({ entry }) => entry.state === 'pending')
      .toSorted((left, right) => left.entry.arrival - right.entry.arrival)
      .map(({ entry }) => entry.place);
    this.#findings.expect(
      `${namedCard(card)}: pending reversals`,
      pending,
      card.pending.map(({ place }) => place),
    );
  }

  /** A row of a table that `checkUnmet` reads after this. */
  #checkRow(address: RowAddress, held: Expected): void {
    const row = this.#get(address);
    this.#rowCheck.settle(address, row, held, this.#covered);
    if (row !== undefined) this.#met.add(idOf(address));
  }

  /** Rows of lists that changed more than once: each is as one of its changes left it. */
  #checkHelds(table: UnmetTable, rows: ReadonlyMap<string, readonly Expected[]>, entity = ''): void {
    for (const [sub, helds] of rows) {
      const address = this.#address(table, entity, sub);
      const row = this.#get(address);
      // Of one turn the last says how the row is: two runs may both have gone on in it.
      const ofTurns = helds.filter(({ sequence }, at) => helds[at + 1]?.sequence !== sequence);
      for (const held of ofTurns) this.#rowCheck.meet(address, row, held);
      const last = helds.at(-1)!;
      last.isRowSeen = helds.some(({ isRowSeen }) => isRowSeen);
      this.#checkRow(address, last);
    }
  }

  *#checkUnmet(...tables: readonly UnmetTable[]): Iterable<void> {
    for (const table of tables) {
      for (const [address] of this.#rows(table)) {
        if (!this.#met.delete(idOf(address))) this.#rowCheck.unexpected(address);
        yield;
      }
    }
  }

  /** Pages and their rows both stand in the order of places. */
  *#checkPages(table: PageTable): Iterable<void> {
    const lines = this.#log.lines[table];
    let next = 0;
    const takePage = (row?: AnyRow) => {
      const sub = pageOf(lines.place(next));
      const first = next;
      while (next < lines.size && pageOf(lines.place(next)) === sub) next += 1;
      this.#checkPage(this.#address(table, '', sub), { table, first, end: next }, row);
    };
    for (const [address, row] of this.#rows(table)) {
      while (next < lines.size && pageOf(lines.place(next)) < address.sub) takePage();
      if (next < lines.size && pageOf(lines.place(next)) === address.sub) takePage(row);
      else this.#rowCheck.unexpected(address);
      yield;
    }
    for (; next < lines.size; yield) takePage();
  }

  #checkPage(address: RowAddress, page: PageSpan, met: AnyRow | undefined): void {
    const row = met ?? (this.#cut.has(address.table) ? this.#get(address) : undefined);
    if (row !== undefined && this.#isAsExpected(page, row)) return;
    const expected = this.#pageThen(page, Number.POSITIVE_INFINITY);
    this.#checkGaps(page, expected.sequence);
    if (row !== undefined && row.sequence < expected.sequence) {
      const then = this.#pageThen(page, row.sequence);
      this.#rowCheck.meet(address, row, then);
      expected.isRowSeen = then.isRowSeen;
    }
    this.#rowCheck.settle(address, row, expected, this.#covered);
  }

  /** Nearly all are: the lines, as their wallets and cards left them, are read again only for those that are not. */
  #isAsExpected({ table, first, end }: PageSpan, row: AnyRow): boolean {
    const [index, lines] = [this.#log.lines[table], row.value as readonly Line<PageTable>[]];
    const codec = LINE_CODECS[table] as Codec<Line<PageTable>>;
    let sequence = 0;
    for (let at = first; at < end; at += 1) {
      const line = lines[at - first];
      if (line === undefined || this.#hash.of(codec, line) !== index.hash(at)) return false;
      sequence = Math.max(sequence, index.sequence(at));
    }
    return (
      lines.length === end - first && row.sequence === sequence && indexIn(index.place(end - 1)) === end - first - 1
    );
  }

  #checkGaps({ table, first, end }: PageSpan, sequence: number): void {
    for (let at = first; at < end; at += 1) {
      const index = indexIn(this.#log.lines[table].place(at));
      if (index === at - first) continue;
      const subject = `${table} of partition ${this.#log.partition} at ${sequence}`;
      this.#findings.differ(`${subject}: leaves a gap in its page, at ${index}`);
      return;
    }
  }

  /** The page as it was at a sequence. */
  #pageThen({ table, first, end }: PageSpan, sequence: number): Expected {
    const index = this.#log.lines[table];
    const lines: LineThen<PageTable>[] = [];
    for (let at = first; at < end; at += 1) {
      const line = this.#log.lineThen(table, index.place(at), index.at(at), sequence);
      if (line !== undefined) lines.push(line);
    }
    const value: readonly Line<PageTable>[] = lines.map(({ line }) => line);
    return { value, sequence: Math.max(0, ...lines.map((line) => line.sequence)), isRowSeen: false };
  }

  #checkHome(what: string, key: CitizenKey | Hpan, entries: readonly Entry[]): void {
    if (partitionOf(key) === this.#log.partition) return;
    for (const { place } of entries) {
      this.#findings.differ(
        `${what} ${key.slice(0, 12)}: changed by partition ${place.partition} at ${place.sequence}, not its own`,
      );
    }
  }

  /** All rows of the partition in its own store; in any other there should be none. */
  *#rows<T extends RowTable>(table: T): Iterable<readonly [RowAddress, StoredRow<RowTypes[T]>]> {
    for (const store of this.#parts.stores) {
      try {
        for (const [address, row] of store.rows.scan(table, this.#log.partition)) {
          this.#findings.count('rows');
          if (store === this.#log.store) yield [address, row];
          else this.#rowCheck.unexpected(address);
        }
      } catch (fault) {
        if (!(fault instanceof StorageFault)) throw fault;
        this.#cut.add(table);
        this.#findings.differ(
          `${table} rows of partition ${this.#log.partition} cannot be read: ${fault.code}, ${fault.message}`,
        );
      }
    }
  }

  #get({ table, partition, entity, sub }: RowAddress): AnyRow | undefined {
    try {
      return this.#log.store?.rows.get(table, partition, entity, sub);
    } catch (fault) {
      // Reading all of them meets it too, and reports it.
      if (fault instanceof StorageFault) return undefined;
      throw fault;
    }
  }

  #address(table: RowTable, entity: string, sub: string): RowAddress {
    return { table, partition: this.#log.partition, entity, sub };
  }
}

const LINE_CODECS: { readonly [T in PageTable]: Codec<Line<T>> } = {
  payment: paymentRow,
  record: ledgerEntry,
  payout: payoutCodec,
};

/** Lines of one page, by their index among all of the partition. */
interface PageSpan {
  readonly table: PageTable;
  readonly first: number;
  readonly end: number;
}

function idOf({ table, entity, sub }: RowAddress): string {
  return `${table} ${entity} ${sub}`;
}
