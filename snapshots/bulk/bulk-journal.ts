/**
 * The journal of a store that is made in one go: records are sealed and chained as appends do it, and go into archive
 * segments at once. The newest one stays in the database, as it does after a trim.
 */
import { invariant } from '../../engine/assert.ts';
import { LIMITS } from '../../engine/limits.ts';
import { ByteWriter } from '../codec/bytes.ts';
import type { TurnBody } from '../codec/turn-v1.ts';
import type { Archive } from '../lmdb/archive.ts';
import { type Environment, openEnvironment } from '../lmdb/environment.ts';
import { RecordDatabase } from '../lmdb/record-database.ts';
import { type SealedRecord, sealRecord } from '../record.ts';

/** All of it is one epoch; whoever opens the folder begins the next. */
const EPOCH = 1;

export class BulkJournal {
  readonly #archive: Archive;
  readonly #database: Environment;
  readonly #records: RecordDatabase;
  readonly #writer = new ByteWriter();
  #newest: SealedRecord | null = null;
  #hash: Uint8Array;
  /** Of the segment that is being filled. */
  #segment: Buffer[] = [];
  #bytes = 0;
  /** The segment before it, on its way to the disk. */
  #writing: Promise<void> = Promise.resolve();
  #recordBytes = 0;

  constructor(archive: Archive, databasePath: string, genesis: Uint8Array) {
    this.#archive = archive;
    this.#database = openEnvironment(databasePath).database;
    this.#records = new RecordDatabase(this.#database, archive, () => {});
    this.#hash = genesis;
  }

  get lastSequence(): number {
    return this.#newest?.sequence ?? 0;
  }

  /** Of all records, as a journal would hold them. */
  get recordBytes(): number {
    return this.#recordBytes;
  }

  /** Resolves when there is room for the next record: one segment is filled while another is packed and written. */
  async append(body: TurnBody): Promise<void> {
    if (this.#newest !== null) this.#segment.push(this.#newest.bytes);
    if (this.#bytes >= LIMITS.archiveSegmentBytesMax) await this.#writeSegment();
    const record = sealRecord(this.#writer, { epoch: EPOCH, sequence: this.lastSequence + 1, ...body }, this.#hash);
    this.#newest = record;
    this.#hash = record.hash;
    this.#bytes += record.bytes.length;
    this.#recordBytes += record.bytes.length;
  }

  /** Resolves when all of it is durable. */
  async finish(): Promise<void> {
    invariant(this.#newest !== null, 'a journal that is made has records');
    if (this.#segment.length > 0) await this.#writeSegment();
    await this.#writing;
    await this.#records.setEpoch(EPOCH);
    await this.#records.put(this.#newest.sequence, this.#newest.bytes);
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  async #writeSegment(): Promise<void> {
    const records = this.#segment;
    this.#segment = [];
    this.#bytes = 0;
    await this.#writing;
    this.#writing = this.#archive
      .write(this.#archive.last + 1, records)
      .then((bytes) => this.#archive.checkWritten(bytes));
    // Whoever waits for it next hears of its failure.
    this.#writing.catch(() => undefined);
  }
}
