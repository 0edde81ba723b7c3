/**
 * Holds the rows of all stores against the account taken from the journal. A row may lag: its sequence names the
 * moment that it describes, so it is compared when the account has just reached that moment, or not at all.
 */
import { PARTITION_COUNT } from '../../engine/contract.ts';
import {
  type RowAddress,
  type Rows,
  type RowTable,
  type RowTypes,
  StorageFault,
  type StoredRow,
} from '../../engine/ports.ts';
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

/** What the account expects at an address; undefined: it never heard of it. */
export type Expectation = (address: RowAddress) => Expected | undefined;

export class RowCheck {
  readonly #findings: Findings;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** Called when the account has reached the sequence at which it changed last. Reads the row, if it is of then. */
  compareNow(rows: Rows, address: RowAddress, expected: Expected): void {
    const row = this.#get(rows, address);
    if (row === undefined || row.sequence !== expected.sequence) return;
    this.compare(address, row, expected);
  }

  /** After all journals: every row is one that was expected, and what a checkpoint covers is there. */
  scan(rows: Rows, partition: number, table: RowTable, expectation: Expectation): void {
    const covered = rows.checkpoint().partitions[partition] ?? 0;
    try {
      for (const [address, row] of rows.scan(table, partition)) {
        this.#findings.count('rows');
        this.#compareLate(address, row, expectation(address), covered);
      }
    } catch (fault) {
      if (!(fault instanceof StorageFault)) throw fault;
      this.#findings.differ(`${table} rows of partition ${partition} cannot be read: ${fault.code}, ${fault.message}`);
    }
  }

  /** `expected` was never met by a row: fine after the checkpoint, or where there should be none. */
  requireCovered(rows: Rows, address: RowAddress, expected: Expected): void {
    const covered = rows.checkpoint().partitions[address.partition] ?? 0;
    if (expected.isRowSeen || expected.value === null || expected.sequence > covered) return;
    this.#findings.differ(`${shownAddress(address)}: missing, although the checkpoint covers sequence ${covered}`);
  }

  #compareLate(address: RowAddress, row: StoredRow<unknown>, expected: Expected | undefined, covered: number): void {
    const subject = shownAddress(address);
    if (expected === undefined) {
      this.#findings.differ(`${subject}: no fact made this row`);
      return;
    }
    if (row.sequence > expected.sequence) {
      this.#findings.differ(`${subject}: claims sequence ${row.sequence}, its last fact is of ${expected.sequence}`);
      return;
    }
    if (row.sequence < expected.sequence && expected.sequence <= covered) {
      this.#findings.differ(
        `${subject}: is of sequence ${row.sequence}, the checkpoint covers its fact of ${expected.sequence}`,
      );
      return;
    }
    if (row.sequence === expected.sequence && !expected.isRowSeen) this.compare(address, row, expected);
    if (row.sequence < expected.sequence && !expected.isRowSeen) {
      this.#findings.differ(`${subject}: claims sequence ${row.sequence}, at which nothing of it changed`);
    }
    expected.isRowSeen = true;
  }

  compare(address: RowAddress, row: StoredRow<unknown>, expected: Expected): void {
    expected.isRowSeen = true;
    const found =
      address.table === 'wallet' || address.table === 'partition' ? sorted(address.table, row.value) : row.value;
    this.#findings.expect(`${shownAddress(address)} at ${row.sequence}`, expected.value, found);
  }

  #get(rows: Rows, { table, partition, entity, sub }: RowAddress): StoredRow<unknown> | undefined {
    try {
      return rows.get(table, partition, entity, sub);
    } catch (fault) {
      // The scan at the end meets it again and reports it.
      if (fault instanceof StorageFault) return undefined;
      throw fault;
    }
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
