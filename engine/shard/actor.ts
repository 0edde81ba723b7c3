/** An actor that is awake, with its two faces, and the rows of its lists that no checkpoint has written yet. */
import { type Card, draftOfCard } from '../card/card.ts';
import type {
  ActorTable,
  Line,
  ListTable,
  PackedPage,
  PageTable,
  PartitionRow,
  RowTypes,
  StoredRow,
} from '../ports.ts';
import { draftOfWallet, type Wallet } from '../wallet/wallet.ts';

/** Whose list it is. */
export const OWNER_OF = {
  payment: 'partition',
  command: 'wallet',
  record: 'partition',
  reversal: 'partition',
  resolution: 'card',
  outbox: 'partition',
  payout: 'partition',
  payoutLink: 'wallet',
  payoutFile: 'partition',
  notice: 'partition',
  noticeRun: 'partition',
  fileTally: 'partition',
  receivedFile: 'partition',
  pointer: 'partition',
  periodDecision: 'partition',
  exclusion: 'partition',
  merchantDay: 'wallet',
} as const;

export type Value = Wallet | Card | PartitionRow;

/** A row of a list that no checkpoint has written yet; it is replaced, never changed. */
export interface ListRow {
  readonly actor: Actor;
  readonly table: ListTable;
  readonly sub: string;
  readonly sequence: number;
  /** Null = deleted. A page is packed when its turn has ended. */
  value: RowTypes[ListTable] | PackedPage | null;
  isFlushed: boolean;
  /** What it replaced: that is what all still see, or what that replaced; null once it is flushed itself. */
  before: ListRow | null;
}

export function newListRow(
  actor: Actor,
  table: ListTable,
  sub: string,
  { sequence, value }: { readonly sequence: number; readonly value: ListRow['value'] },
): ListRow {
  return { actor, table, sub, sequence, value, isFlushed: false, before: null };
}

/** Undefined values: nothing is known of it. A sequence is the partition's, of the last fact folded into the value. */
export class Actor {
  readonly table: ActorTable;
  readonly partition: number;
  readonly entity: string;
  decided: Value | undefined;
  decidedSequence: number;
  flushed: Value | undefined;
  flushedSequence: number;
  /** The newest turn that changed it and is not flushed. */
  turn: object | null = null;
  /** Changed since the last checkpoint began. */
  isDirty = false;
  /** Being written by a checkpoint. */
  isFrozen = false;
  wasUsed = true;
  lists: Partial<Record<ListTable, Map<string, ListRow>>> | null = null;

  constructor(table: ActorTable, partition: number, entity: string, stored: StoredRow<Value> | undefined) {
    this.table = table;
    this.partition = partition;
    this.entity = entity;
    this.decided = stored?.value;
    this.flushed = stored?.value;
    this.decidedSequence = stored?.sequence ?? 0;
    this.flushedSequence = this.decidedSequence;
  }

  get isResting(): boolean {
    return this.turn === null && !this.isDirty && !this.isFrozen && this.lists === null;
  }

  row(table: ListTable, sub: string): ListRow | undefined {
    return this.lists === null ? undefined : this.lists[table]?.get(sub);
  }

  setRow(row: ListRow): void {
    this.lists ??= {};
    const rows = this.lists[row.table];
    if (rows === undefined) {
      this.lists[row.table] = new Map([[row.sub, row]]);
      return;
    }
    if (!row.isFlushed) row.before = rows.get(row.sub) ?? null;
    rows.set(row.sub, row);
  }

  /** The row is on disk; unless it was replaced meanwhile, nothing need be kept. */
  dropRow(row: ListRow): void {
    const rows = this.lists?.[row.table];
    if (rows?.get(row.sub) !== row) return;
    rows.delete(row.sub);
    if (rows.size > 0) return;
    delete this.lists![row.table];
    if (Object.keys(this.lists!).length === 0) this.lists = null;
  }
}

/** A copy, to be changed: others may still see the value. */
export function draftOf(value: Value | undefined, table: ActorTable): Value | undefined {
  if (value === undefined) return undefined;
  if (table === 'wallet') return draftOfWallet(value as Wallet);
  return table === 'card' ? draftOfCard(value as Card) : { ...value };
}

/** Several turns may have replaced it one after the other, of which only the first are flushed. */
export function seenByAll(newest: ListRow | undefined): ListRow | undefined {
  let row = newest;
  while (row !== undefined && !row.isFlushed) row = row.before ?? undefined;
  return row;
}

function isPacked(value: ListRow['value']): value is PackedPage {
  return value !== null && 'lineCount' in value;
}

export function opened(value: ListRow['value']): RowTypes[ListTable] | null {
  return isPacked(value) ? value.lines() : value;
}

export function lineOf({ value }: ListRow, index: number): Line<PageTable> | undefined {
  return isPacked(value) ? value.line(index) : (value as RowTypes[PageTable])[index];
}

/** A page weighs as much as its lines. */
export function weightOf(value: ListRow['value']): number {
  if (isPacked(value)) return value.lineCount;
  return Array.isArray(value) ? value.length : 1;
}
