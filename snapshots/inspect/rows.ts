/**
 * Holds rows against the account taken from the journal. A row may lag: its sequence names the moment that it
 * describes, so it is compared when the account has just reached that moment, or not at all.
 */
import { PARTITION_COUNT } from '../../engine/contract.ts';
import type { RowAddress, RowTypes, StoredRow } from '../../engine/ports.ts';
import { sortedWallet } from './citizens.ts';
import type { Findings } from './findings.ts';
import { short } from './findings.ts';
import { sortedPartition } from './partitions.ts';

/** What a row should hold, and since when. `value` null: there should be none. */
export interface Expected {
  readonly sequence: number;
  isRowSeen: boolean;
  readonly value: unknown;
}

export class RowCheck {
  readonly #findings: Findings;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Called when the account has reached the sequence at which it changed last: compares the row, if it is of then. */
  meet(address: RowAddress, row: StoredRow<unknown> | undefined, expected: Expected): void {
    if (row?.sequence === expected.sequence) this.compare(address, row, expected);
  }

  /**
   * After all that the journal says of it: the row is one that was expected, and is there when a checkpoint says so.
   * @param covered the sequence up to which rows hold everything of the partition
   */
  settle(address: RowAddress, row: StoredRow<unknown> | undefined, expected: Expected, covered: number): void {
    const subject = shownAddress(address);
    if (row === undefined) {
      if (expected.value === null || expected.sequence > covered) return;
      this.#findings.differ(`${subject}: missing, although the checkpoint covers sequence ${covered}`);
    } else if (row.sequence > expected.sequence) {
      this.#findings.differ(`${subject}: claims sequence ${row.sequence}, its last fact is of ${expected.sequence}`);
    } else if (row.sequence < expected.sequence && expected.sequence <= covered) {
      this.#findings.differ(
        `${subject}: is of sequence ${row.sequence}, the checkpoint covers its fact of ${expected.sequence}`,
      );
    } else if (row.sequence === expected.sequence && !expected.isRowSeen) {
      this.compare(address, row, expected);
    } else if (!expected.isRowSeen) {
      this.#findings.differ(`${subject}: claims sequence ${row.sequence}, at which nothing of it changed`);
    }
  }

  unexpected(address: RowAddress): void {
    this.#findings.differ(`${shownAddress(address)}: no fact made this row`);
  }

  compare(address: RowAddress, row: StoredRow<unknown>, expected: Expected): void {
    expected.isRowSeen = true;
    const found =
      address.table === 'wallet' || address.table === 'partition' ? sorted(address.table, row.value) : row.value;
    this.#findings.expect(`${shownAddress(address)} at ${row.sequence}`, expected.value, found);
  }
}

/** Every partition a store can hold: which ones it does is in its journal. */
export const ALL_PARTITIONS: readonly number[] = Array.from({ length: PARTITION_COUNT }, (_, partition) => partition);

function sorted(table: 'wallet' | 'partition', value: unknown): unknown {
  return table === 'wallet'
    ? sortedWallet(value as RowTypes['wallet'])
    : sortedPartition(value as RowTypes['partition']);
}

function shownAddress({ table, partition, entity, sub }: RowAddress): string {
  const parts = [entity === '' ? `of partition ${partition}` : short(entity), sub].filter((part) => part !== '');
  return `${table} row ${parts.join(' ')}`;
}
