/** The rows port over a medium: keys, formats, checksums, and the mark of the checkpoint. */
import { PARTITION_COUNT } from '../engine/contract.ts';
import { indexIn, pageOf } from '../engine/place.ts';
import {
  type CheckpointMark,
  type Line,
  type PackedChange,
  type PackedPage,
  type PageChange,
  type PageTable,
  type RankedMark,
  type RowAddress,
  type RowChange,
  type Rows,
  type RowTable,
  type RowTypes,
  StorageFault,
  type StoredRow,
} from '../engine/ports.ts';
import { ByteWriter } from './codec/bytes.ts';
import { integer, list, shape } from './codec/shape.ts';
import type { FailStop } from './fail-stop.ts';
import type { KeyedChange, OnPoint, RowMedium } from './media.ts';
import {
  addressOf,
  after,
  entityPrefix,
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
  readonly failStop: FailStop;
  readonly onPoint: OnPoint;
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

export class MediumRows implements Rows {
  readonly #parts: RowsParts;
  readonly #packer = new ByteWriter();

  constructor(parts: RowsParts) {
    this.#parts = parts;
  }

  get<T extends RowTable>(
    table: T,
    partition: number,
    entity: string,
    sub: string,
  ): StoredRow<RowTypes[T]> | undefined {
    const key = rowKey(table, partition, entity, sub);
    const bytes = this.#parts.medium.get(key);
    return bytes === undefined ? undefined : openRow(table, key, bytes);
  }

  line<T extends PageTable>(table: T, partition: number, place: number): Line<T> | undefined {
    const key = rowKey(table, partition, '', pageOf(place));
    const bytes = this.#parts.medium.get(key);
    return bytes === undefined ? undefined : openLine(table, key, bytes, indexIn(place));
  }

  *list<T extends RowTable>(
    table: T,
    partition: number,
    entity: string,
    prefix: string,
  ): Iterable<readonly [string, StoredRow<RowTypes[T]>]> {
    const from = rowKey(table, partition, entity, prefix);
    for (const [key, bytes] of this.#parts.medium.range(from, after(entityPrefix(table, partition, entity)))) {
      yield [addressOf(table, key).sub, openRow(table, key, bytes)];
    }
  }

  *scan<T extends RowTable>(table: T, partition: number): Iterable<readonly [RowAddress, StoredRow<RowTypes[T]>]> {
    const from = tablePrefix(table, partition);
    for (const [key, bytes] of this.#parts.medium.range(from, after(from))) {
      yield [addressOf(table, key), openRow(table, key, bytes)];
    }
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
    const { medium } = this.#parts;
    this.checkpoint();
    let count = medium.get(MARK_KEY) === undefined ? 0 : 1;
    for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
      for (const table of ROW_TABLES) for (const _ of this.scan(table, partition)) count += 1;
    }
    if (count === medium.count()) return;
    throw new StorageFault(
      'ROW_DAMAGED',
      `of ${medium.count()} rows ${count} can be found: rebuild them from the journal`,
    );
  }

  pack(pages: readonly PageChange[]): readonly PackedPage[] {
    const writer = this.#packer;
    writer.reset();
    const ends = pages.map((page) => {
      sealRow(writer, keyOf(page.address), page);
      return writer.length;
    });
    const bytes = writer.copy();
    return pages.map((page, index) => new SealedPage(page, bytes.subarray(ends[index - 1] ?? 0, ends[index])));
  }

  async write(changes: readonly (RowChange | PackedChange)[]): Promise<void> {
    if (changes.length === 0) return;
    const { medium, failStop, onPoint } = this.#parts;
    // One buffer for the batch, its own: the medium holds on to it until it is flushed.
    const writer = new ByteWriter(changes.length * ROW_BYTES_USUAL);
    await failStop.guard('writing rows', () => medium.write(changes.map((change) => sealChange(writer, change))));
    onPoint('rows-batch');
  }

  async setCheckpoint(mark: CheckpointMark): Promise<void> {
    const { medium, failStop, onPoint } = this.#parts;
    const value = sealValue(new ByteWriter(MARK_BYTES_USUAL), MARK_KEY, (to) => checkpointMark.write(to, mark));
    await failStop.guard('marking the checkpoint', () => medium.write([{ key: MARK_KEY, value }]));
    onPoint('checkpoint-mark');
  }

  checkpoint(): CheckpointMark {
    const bytes = this.#parts.medium.get(MARK_KEY);
    if (bytes === undefined) return NO_CHECKPOINT;
    return openValue(MARK_KEY, bytes, (from) => checkpointMark.read(from));
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

function sealChange(writer: ByteWriter, change: RowChange | PackedChange): KeyedChange {
  const key = keyOf(change.address);
  if (change.value instanceof SealedPage) return { key, value: change.value.bytes };
  return { key, value: change.value === null ? null : sealRow(writer, key, change as RowChange) };
}
