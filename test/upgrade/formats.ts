/** What of which format lies in a folder that nobody has open. */

import { join } from 'node:path';
import { open } from 'lmdb';
import { PARTITION_COUNT } from '../../engine/contract.ts';
import { openPersistence } from '../../snapshots/index.ts';

/** Formats that occur, in order. */
export interface FormatsFound {
  /** Of records that are still in the journal. */
  readonly records: readonly number[];
  readonly rows: readonly number[];
  readonly walletRows: readonly number[];
}

const RECORD_FORMAT_AT = 4;
const WALLET = 1;
const COMMAND = 3;

export async function formatsIn(folder: string, shardCount: number): Promise<FormatsFound> {
  const found = { records: new Set<number>(), rows: new Set<number>(), walletRows: new Set<number>() };
  for (let index = 0; index < shardCount; index += 1) {
    for (const { value } of await entriesOf(join(folder, `store-${index}`, 'journal'))) {
      if (value.length > RECORD_FORMAT_AT) found.records.add(value.readUInt16LE(RECORD_FORMAT_AT));
    }
    for (const { key, value } of await entriesOf(join(folder, `store-${index}`, 'rows'))) {
      found.rows.add(value[0]!);
      if (key[0]! < PARTITION_COUNT && [WALLET, COMMAND].includes(key[1]!)) found.walletRows.add(value[0]!);
    }
  }
  return { records: sorted(found.records), rows: sorted(found.rows), walletRows: sorted(found.walletRows) };
}

async function entriesOf(path: string): Promise<readonly { readonly key: Buffer; readonly value: Buffer }[]> {
  const database = open<Buffer, Buffer>({ path, encoding: 'binary', keyEncoding: 'binary', readOnly: true });
  try {
    return [...database.getRange({})].map(({ key, value }) => ({ key: Buffer.from(key), value: Buffer.from(value) }));
  } finally {
    await database.close();
  }
}

function sorted(numbers: ReadonlySet<number>): readonly number[] {
  return [...numbers].sort((left, right) => left - right);
}

/** `citizen hpan state` of each card that anybody holds or has held, and of each method of a wallet; in order. */
export async function cardsIn(folder: string): Promise<readonly string[]> {
  const persistence = await openPersistence({ folder, keepsFormat: true });
  try {
    const cards: string[] = [];
    for (const { rows } of persistence.stores) {
      for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
        for (const [, { value }] of rows.scan('card', partition)) {
          for (const { citizen } of value.history) cards.push(`${citizen} ${value.hpan} ${value.status}`);
        }
        for (const [, { value }] of rows.scan('wallet', partition)) {
          for (const { hpan, cashback } of value.methods) cards.push(`${value.citizen} ${hpan} ${cashback}`);
        }
      }
    }
    return cards.sort();
  } finally {
    await persistence.close();
  }
}
