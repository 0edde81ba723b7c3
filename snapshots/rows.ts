/** The rows port over a medium: keys, formats, checksums, and the mark of the checkpoint. */
import { PARTITION_COUNT } from '../engine/contract.ts';
import { indexIn, pageOf } from '../engine/place.ts';
import {
  type CheckpointMark,
  isRowDamage,
  type Line,
  type PackedChange,
  type PackedPage,
  type PageChange,
  type PageTable,
  type RankedMark,
  type RowAddress,
  type RowChange,
  type RowHeads,
  type Rows,
  type RowTable,
  type RowTypes,
  StorageFault,
  type StoredRow,
} from '../engine/ports.ts';
import { ByteWriter } from './codec/bytes.ts';
import { isTableChanged } from './codec/formats.ts';
import { bytes as byteString, integer, list, shape } from './codec/shape.ts';
import type { FailStop } from './fail-stop.ts';
import type { KeyedChange, OnPoint, RowMedium } from './media.ts';
import {
  addressOf,
  after,
  entityPrefix,
  formatOfRow,
  openHead,
  openLine,
  openRow,
  openValue,
  ROW_TABLES,
  rowKey,
  sealRow,
  sealValue,
  tablePrefix,
} from './row-format.ts';

export interface RowsParts {
  readonly medium: RowMedium;
  /** Of the folder: what is written has it. */
  readonly format: number;
  readonly failStop: FailStop;
  readonly onPoint: OnPoint;
  /** A row was to be read, and is damaged. Never throws. */
  readonly damaged?: ((fault: StorageFault) => void) | undefined;
}

/** How far the rows of a store have come to a format. */
interface Rewriting {
  /** No row of a table that changed since is of an older one. */
  readonly format: number;
  /** Where the way to the next one goes on; empty = it has not begun, or has ended. */
  readonly nextKey: Uint8Array;
}

/** Past every partition and table, so that no scan meets it. */
const MARK_KEY = Buffer.of(0xff, 0xff);
/** Enough for most; a writer grows when it must. */
const ROW_BYTES_USUAL = 512;
const MARK_BYTES_USUAL = 1_024;
const NO_CHECKPOINT: CheckpointMark = {
  sequence: 0,
  partitions: new Array<number>(PARTITION_COUNT).fill(0),
  ranked: { sequence: 0, copies: [] },
};
const copyCodec = shape({ awardPeriodId: integer, vector: list(integer) });
export const rankedMark = shape<RankedMark>({ sequence: integer, copies: list(copyCodec) });
export const checkpointMark = shape<CheckpointMark>({
  sequence: integer,
  partitions: list(integer),
  ranked: rankedMark,
});

/** What is kept beside the mark from format 2 on. */
const rewritingCodec = shape<Rewriting>({ format: integer, nextKey: byteString });
const NOT_REWRITTEN: Rewriting = { format: 1, nextKey: new Uint8Array() };

export class MediumRows implements Rows {
  readonly #parts: RowsParts;
  readonly #packer = new ByteWriter();
  #rewriting: Rewriting;

  constructor(parts: RowsParts) {
    this.#parts = parts;
    const { medium, format } = parts;
    this.#rewriting =
      medium.count() === 0 ? { ...NOT_REWRITTEN, format } : (this.#stored()?.rewriting ?? NOT_REWRITTEN);
  }

  /** No row of a table that changed since is of an older format: who reads no older ones may open the store. */
  get oldestFormat(): number {
    return this.#rewriting.format;
  }

  get<T extends RowTable>(
    table: T,
    partition: number,
    entity: string,
    sub: string,
  ): StoredRow<RowTypes[T]> | undefined {
    const key = rowKey(table, partition, entity, sub);
    const bytes = this.#parts.medium.get(key);
    try {
      return bytes === undefined ? undefined : openRow(table, key, bytes);
    } catch (fault) {
      throw this.#noted(fault);
    }
  }

  line<T extends PageTable>(table: T, partition: number, place: number): Line<T> | undefined {
    const key = rowKey(table, partition, '', pageOf(place));
    const bytes = this.#parts.medium.get(key);
    try {
      return bytes === undefined ? undefined : openLine(table, key, bytes, indexIn(place));
    } catch (fault) {
      throw this.#noted(fault);
    }
  }

  *list<T extends RowTable>(
    table: T,
    partition: number,
    entity: string,
    prefix: string,
  ): Iterable<readonly [string, StoredRow<RowTypes[T]>]> {
    const from = rowKey(table, partition, entity, prefix);
    try {
      for (const [key, bytes] of this.#parts.medium.range(from, after(entityPrefix(table, partition, entity)))) {
        yield [addressOf(table, key).sub, openRow(table, key, bytes)];
      }
    } catch (fault) {
      throw this.#noted(fault);
    }
  }

  *scan<T extends RowTable>(
    table: T,
    partition: number,
    entity?: string,
  ): Iterable<readonly [RowAddress, StoredRow<RowTypes[T]>]> {
    const prefix = tablePrefix(table, partition);
    const from = entity === undefined ? prefix : rowKey(table, partition, entity, '');
    try {
      for (const [key, bytes] of this.#parts.medium.range(from, after(prefix))) {
        yield [addressOf(table, key), openRow(table, key, bytes, true)];
      }
    } catch (fault) {
      throw this.#noted(fault);
    }
  }

  *heads<T extends keyof RowHeads>(table: T, partition: number, behind?: string): Iterable<RowHeads[T]> {
    const prefix = tablePrefix(table, partition);
    const from = behind === undefined ? prefix : after(entityPrefix(table, partition, behind));
    try {
      for (const [key, bytes] of this.#parts.medium.range(from, after(prefix))) yield openHead(table, key, bytes);
    } catch (fault) {
      throw this.#noted(fault);
    }
  }

  #noted(fault: unknown): unknown {
    if (isRowDamage(fault)) this.#parts.damaged?.(fault);
    return fault;
  }

  isSlow(): boolean {
    return this.#parts.medium.isSlow();
  }

  prefetch(addresses: readonly RowAddress[]): Promise<void> {
    return this.#parts.medium.prefetch(
      addresses.map(({ table, partition, entity, sub }) => rowKey(table, partition, entity, sub)),
    );
  }

  /**
   * Reads every row, and counts: a damaged page of the medium can also make rows invisible.
   * @throws StorageFault ROW_DAMAGED, FORMAT_NEWER
   */
  verify(): void {
    this.checkpoint();
    let count = 0;
    for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
      for (const table of ROW_TABLES) for (const _ of this.scan(table, partition)) count += 1;
    }
    this.#checkCount(count);
  }

  /**
   * Reads every row as `verify` does.
   * @returns addresses of those that are damaged, each of which can be made anew
   * @throws StorageFault ROW_DAMAGED where rows are not to be found at all, FORMAT_NEWER
   */
  damagedRows(): readonly RowAddress[] {
    this.checkpoint();
    const addresses: RowAddress[] = [];
    let count = 0;
    for (const { table, from, before } of rangesOf(ROW_TABLES)) {
      for (const [key, bytes] of this.#parts.medium.range(from, before)) {
        count += 1;
        if (!isReadable(table, key, bytes)) addresses.push(addressOf(table, key));
      }
    }
    this.#checkCount(count);
    return addresses;
  }

  /** @param count of rows that were found */
  #checkCount(count: number): void {
    const { medium } = this.#parts;
    const found = count + (medium.get(MARK_KEY) === undefined ? 0 : 1);
    if (found === medium.count()) return;
    throw new StorageFault(
      'ROW_DAMAGED',
      `of ${medium.count()} rows ${found} can be found: rebuild them from the journal`,
    );
  }

  pack(pages: readonly PageChange[]): readonly PackedPage[] {
    const writer = this.#packer;
    writer.reset();
    const ends = pages.map((page) => {
      sealRow(writer, keyOf(page.address), page, this.#parts.format);
      return writer.length;
    });
    const bytes = writer.copy();
    return pages.map((page, index) => new SealedPage(page, bytes.subarray(ends[index - 1] ?? 0, ends[index])));
  }

  async write(changes: readonly (RowChange | PackedChange)[]): Promise<void> {
    if (changes.length === 0) return;
    const { medium, format, failStop, onPoint } = this.#parts;
    // One buffer for the batch, its own: the medium holds on to it until it is flushed.
    const writer = new ByteWriter(changes.length * ROW_BYTES_USUAL);
    await failStop.guard('writing rows', () =>
      medium.write(changes.map((change) => sealChange(writer, change, format))),
    );
    onPoint('rows-batch');
  }

  async setCheckpoint(mark: CheckpointMark): Promise<void> {
    const { medium, failStop, onPoint } = this.#parts;
    await failStop.guard('marking the checkpoint', () => medium.write([this.#sealMark(mark, this.#rewriting)]));
    onPoint('checkpoint-mark');
  }

  checkpoint(): CheckpointMark {
    return this.#stored()?.mark ?? NO_CHECKPOINT;
  }

  async rewriteOlder(rowCountMax: number): Promise<boolean> {
    const { medium, format, failStop, onPoint } = this.#parts;
    if (this.#rewriting.format >= format) return false;
    const { changes, nextKey } = this.#olderRows(rowCountMax);
    const rewriting = nextKey === null ? { ...NOT_REWRITTEN, format } : { ...this.#rewriting, nextKey };
    // In one transaction with how far it has come: whoever goes on after a kill begins behind it.
    const all = [...changes, this.#sealMark(this.checkpoint(), rewriting)];
    await failStop.guard('rewriting rows', () => medium.write(all));
    this.#rewriting = rewriting;
    onPoint(nextKey === null ? 'rows-raised' : 'rows-rewritten');
    return nextKey !== null;
  }

  /** Rows of older formats among the next `rowCountMax` of the tables that changed. `nextKey` null: there are no more. */
  #olderRows(rowCountMax: number): { readonly changes: readonly KeyedChange[]; readonly nextKey: Buffer | null } {
    const { medium, format } = this.#parts;
    const writer = new ByteWriter(rowCountMax * ROW_BYTES_USUAL);
    const changes: KeyedChange[] = [];
    const begun = Buffer.from(this.#rewriting.nextKey);
    const tables = ROW_TABLES.filter((table) => isTableChanged(table, this.#rewriting.format, format));
    let left = rowCountMax;
    for (const { table, from, before } of rangesOf(tables)) {
      if (before.compare(begun) <= 0) continue;
      for (const [key, bytes] of medium.range(from.compare(begun) < 0 ? begun : from, before)) {
        if (left === 0) return { changes, nextKey: key };
        left -= 1;
        if (formatOfRow(bytes) >= format) continue;
        const change = { address: addressOf(table, key), ...openRow(table, key, bytes) } as RowChange;
        changes.push({ key, value: sealRow(writer, key, change, format) });
      }
    }
    return { changes, nextKey: null };
  }

  #sealMark(mark: CheckpointMark, rewriting: Rewriting): KeyedChange {
    const { format } = this.#parts;
    const value = sealValue(new ByteWriter(MARK_BYTES_USUAL), MARK_KEY, format, (to) => {
      checkpointMark.write(to, mark);
      if (format > 1) rewritingCodec.write(to, rewriting);
    });
    return { key: MARK_KEY, value };
  }

  #stored(): { readonly mark: CheckpointMark; readonly rewriting: Rewriting } | undefined {
    const sealed = this.#parts.medium.get(MARK_KEY);
    if (sealed === undefined) return undefined;
    const format = formatOfRow(sealed);
    return openValue(MARK_KEY, sealed, (from) => ({
      mark: checkpointMark.read(from),
      rewriting: format > 1 ? rewritingCodec.read(from) : NOT_REWRITTEN,
    }));
  }
}

function isReadable(table: RowTable, key: Buffer, bytes: Buffer): boolean {
  try {
    openRow(table, key, bytes);
    return true;
  } catch (fault) {
    if (isRowDamage(fault)) return false;
    throw fault;
  }
}

/** Where the rows of some tables lie, in the order of keys. */
function* rangesOf(tables: readonly RowTable[]) {
  for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
    for (const table of tables) {
      const from = tablePrefix(table, partition);
      yield { table, from, before: after(from) };
    }
  }
}

class SealedPage implements PackedPage {
  readonly lineCount: number;
  readonly bytes: Buffer;
  readonly #address: RowAddress & { readonly table: PageTable };

  constructor({ address, value }: PageChange, bytes: Buffer) {
    this.lineCount = value.length;
    this.bytes = bytes;
    this.#address = address;
  }

  lines(): RowTypes[PageTable] {
    return openRow(this.#address.table, keyOf(this.#address), this.bytes).value;
  }

  line(index: number): Line<PageTable> | undefined {
    return openLine(this.#address.table, keyOf(this.#address), this.bytes, index);
  }
}

function keyOf({ table, partition, entity, sub }: RowAddress): Buffer {
  return rowKey(table, partition, entity, sub);
}

function sealChange(writer: ByteWriter, change: RowChange | PackedChange, format: number): KeyedChange {
  const key = keyOf(change.address);
  if (change.value instanceof SealedPage) return { key, value: change.value.bytes };
  return { key, value: change.value === null ? null : sealRow(writer, key, change as RowChange, format) };
}
