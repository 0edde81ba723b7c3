/**
 * The account that an inspection takes of what all partitions share: their closing and counting, the messages between
 * them, the moves in their rankings. It fits in memory whatever the size; of wallets and cards see partition-check.ts.
 */
import { PARTITION_COUNT } from '../../engine/contract.ts';
import type { Fact, Section } from '../../engine/facts.ts';
import { type FileTally, fileTallySub } from '../../engine/file/received-file.ts';
import { payoutNumber } from '../../engine/payout/payout.ts';
import type { PartitionRow, RowAddress, Store, StoredRow } from '../../engine/ports.ts';
import type { Law } from '../../engine/programme/index.ts';
import type { Findings } from './findings.ts';
import { runSubOf } from './notices.ts';
import { PartitionAccount, PartitionFold } from './partitions.ts';
import { Post } from './post.ts';
import { ALL_PARTITIONS, RowCheck } from './rows.ts';
import type { Move } from './standings.ts';
import type { Step } from './walk.ts';

interface Capture {
  readonly awardPeriodId: number;
  readonly vector: readonly number[];
  readonly moves: Move[];
}

export class Account {
  readonly partitions = ALL_PARTITIONS.map((partition) => new PartitionAccount(partition, PARTITION_COUNT));
  readonly post: Post;
  /** Moves since the moments at which saved rankings were begun. */
  readonly #captures: Capture[] = [];
  readonly #findings: Findings;
  readonly #rowCheck: RowCheck;
  readonly #partitionFold: PartitionFold;
  readonly #partitionRows = new Map<number, { readonly address: RowAddress; readonly row: StoredRow<PartitionRow> }>();

  readonly #tallyRows = new Map<string, StoredRow<FileTally>>();

  constructor(law: Law, findings: Findings) {
    this.post = new Post(findings);
    this.#findings = findings;
    this.#rowCheck = new RowCheck(findings);
    this.#partitionFold = new PartitionFold(law, findings);
  }

  /** Rows that change in nearly every turn: where they stand is read before the journals, not after each turn. */
  expectRows(store: Store): void {
    this.post.expectCheckpoint(store.rows.checkpoint());
    for (const partition of ALL_PARTITIONS) {
      for (const [address, row] of store.rows.scan('partition', partition)) {
        this.#partitionRows.set(partition, { address, row });
      }
      for (const [{ sub }, row] of store.rows.scan('fileTally', partition)) {
        this.#tallyRows.set(`${partition} ${sub}`, row);
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

  apply({ store, section, nowMs }: Step): void {
    const account = this.partitions[section.partition];
    if (account === undefined) throw new RangeError(`there is no partition ${section.partition}`);
    for (const fact of section.facts) this.#applyFact(account, fact, section, nowMs);
    this.post.apply(section);

    for (const [from, sequence] of section.received) account.received[from] = sequence;
    for (const [to, sequence] of section.within) account.sent[to] = sequence;
    for (const { to, sequence } of section.sent) account.sent[to] = sequence;
    account.store = store;
    account.lastMs = nowMs;
    account.sequence = section.sequence;
    this.#capture(section);
    this.#compareRow(account);
  }

  /** After all journals. */
  finish(): void {
    this.post.finish();
    this.#partitionFold.finish();
  }

  #applyFact(account: PartitionAccount, fact: Fact, { sequence }: Section, nowMs: number): void {
    this.#findings.count('facts');
    switch (fact.kind) {
      case 'enrolled':
        account.citizensEnabled += 1;
        return;
      case 'left':
        account.citizensEnabled -= 1;
        return;
      case 'cardActivated':
      case 'claimConfirmed':
        account.cardsActive += 1;
        return;
      case 'cardDeactivated':
        account.cardsActive -= 1;
        return;
      case 'paymentListed':
      case 'paymentKept':
        account.paymentsListed += 1;
        return;
      case 'latePaymentListed': {
        const { awardPeriodId } = fact.payment;
        account.paymentsListed += 1;
        this.#judgeLate(account, awardPeriodId, account.final, sequence);
        return;
      }
      case 'lateRecordTaken': {
        const { awardPeriodId = 0 } = account.reopening(fact.decisionNumber) ?? {};
        this.#judgeLate(account, awardPeriodId, account.closed, sequence);
        return;
      }
      case 'commandDone':
        account.commandsDone += 1;
        return;
      case 'payoutMade':
      case 'payoutAdded':
        this.#findings.expect(
          `partition ${account.partition} at ${sequence}: number of a payout record`,
          account.payoutCount,
          payoutNumber(fact.payout.place),
        );
        account.payoutCount += 1;
        return;
      case 'noticeQueued':
        if (fact.notice.payoutId === 0 && fact.notice.kind !== 'anomalous') account.countNotice(runSubOf(fact.notice));
        return;
      case 'fileTallySet':
        this.#setTally(account, fact.tally, sequence);
        return;
      case 'periodClosed':
      case 'periodCloseHeard':
      case 'periodFrozen':
      case 'rankingFrozen':
      case 'tieOrdered':
      case 'programmeSet':
      case 'payoutsOrdered':
      case 'payoutRunSet':
      case 'payoutFileSet':
      case 'noticeRunSet':
      case 'receivedFileSet':
      case 'periodDecided':
      case 'periodReopened':
        this.#partitionFold.apply(account, fact, { sequence, nowMs });
        return;
    }
  }

  /** The row is compared now: of all that a tally has been only the last stays here. */
  #setTally(account: PartitionAccount, tally: FileTally, sequence: number): void {
    const { partition, fileTallies } = account;
    const sub = fileTallySub(tally.fileNumber);
    const before = fileTallies.get(sub);
    if (tally.rowCount <= (before?.value?.rowCount ?? 0)) {
      this.#findings.differ(`partition ${partition} at ${sequence}: tally of file ${tally.fileNumber} does not grow`);
    }
    const held = { value: tally, sequence, isRowSeen: before?.isRowSeen ?? false };
    fileTallies.set(sub, held);
    const row = this.#tallyRows.get(`${partition} ${sub}`);
    this.#rowCheck.meet({ table: 'fileTally', partition, entity: '', sub }, row, held);
  }

  #judgeLate(account: PartitionAccount, id: number, over: ReadonlySet<number>, sequence: number): void {
    const subject = `partition ${account.partition} at ${sequence}`;
    this.#partitionFold.judgeLate(account, id, over.has(id), subject);
  }

  #capture(section: Section): void {
    for (const { awardPeriodId, vector, moves } of this.#captures) {
      if (section.sequence > (vector[section.partition] ?? 0)) moves.push(...movesIn(section, awardPeriodId));
    }
  }

  #compareRow(account: PartitionAccount): void {
    const held = this.#partitionRows.get(account.partition);
    if (held?.row.sequence !== account.sequence) return;
    this.#findings.count('rows');
    this.#rowCheck.compare(held.address, held.row, account);
  }
}

function* movesIn({ facts }: Section, awardPeriodId: number): Iterable<Move> {
  for (const fact of facts) {
    if (fact.kind === 'paymentListed' && fact.payment.awardPeriodId === awardPeriodId) {
      yield { citizen: fact.citizen, before: fact.before, after: fact.after };
    } else if (fact.kind === 'left') {
      const own = fact.removed.find((one) => one.awardPeriodId === awardPeriodId);
      if (own !== undefined) yield { citizen: fact.citizen, before: own.before, after: null };
    } else if (fact.kind === 'citizenExcluded') {
      const { standing } = fact.standings.find((one) => one.awardPeriodId === awardPeriodId) ?? {};
      if (standing === undefined) continue;
      const [before, after] = fact.isExcluded ? [standing, null] : [null, standing];
      yield { citizen: fact.citizen, before, after };
    }
  }
}
