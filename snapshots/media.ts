/**
 * What the ports need from a medium: durable bytes and nothing else. `lmdb/` has it on a disk, `memory/` in a Map;
 * everything that knows about records, rows and keys is written once, above.
 */
import type { Rest } from '../engine/ports.ts';

export interface RecordMedium {
  /** First and last sequence held, the archive included; 0 and 0 = empty. */
  range(): { readonly first: number; readonly last: number };
  /** @throws StorageFault when it should be there and is not */
  get(sequence: number): Buffer;
  /** From `sequence` to the end, in order. The buffers are the caller's. */
  read(sequence: number): Iterable<Buffer>;
  /** Durable when resolved; several may be under way, and become durable in order. */
  put(sequence: number, bytes: Buffer): Promise<void>;
  /** Moves everything up to `sequence` to the archive, where `get` and `read` still find it. */
  trim(sequence: number, rest?: Rest): Promise<void>;
  epoch(): number;
  /** Durable when resolved. */
  setEpoch(epoch: number): Promise<void>;
}

export interface KeyedChange {
  readonly key: Buffer;
  /** Null = delete. */
  readonly value: Buffer | null;
}

export interface RowMedium {
  /** The bytes hold only until the next call. */
  get(key: Buffer): Buffer | undefined;
  /** Keys in [from, before), in byte order. The buffers are the caller's. */
  range(from: Buffer, before: Buffer): Iterable<readonly [Buffer, Buffer]>;
  /** Whether `get` had to wait for the disk since this was last asked. */
  isSlow(): boolean;
  /** Brings what stands at `keys` from the disk to where `get` is quick. */
  prefetch(keys: readonly Buffer[]): Promise<void>;
  /** Keys held, told otherwise than by walking over them. */
  count(): number;
  /** One transaction, durable when resolved. */
  write(changes: readonly KeyedChange[]): Promise<void>;
}

export interface SlotMedium {
  /** Slots ever written, whole or not. */
  slotCount(): number;
  read(slot: number): Buffer;
  /** Durable when resolved. */
  write(slot: number, bytes: Buffer): Promise<void>;
  /** Remembers for ever that the key of a slot is to be gone. Durable when resolved. */
  noteErased(slot: number): Promise<void>;
}

/** The bytes of one store. */
export interface StoreMedia {
  readonly records: RecordMedium;
  readonly rows: RowMedium;
  readonly slots: SlotMedium;
}

/** Called at the named points of `CRASH_POINTS`, for tests that kill the process there. */
export type OnPoint = (name: CrashPoint) => void;

/** Where a kill is most interesting, in the order of the work. */
export const CRASH_POINTS = [
  /** A record is handed to the disk and not known to be flushed. */
  'append',
  /** A record is flushed and its turn not told. */
  'append-flushed',
  /** Rows are flushed and the checkpoint not marked. */
  'rows-batch',
  /** The mark is flushed. */
  'checkpoint-mark',
  /** A piece of the rows of an older format is flushed, and how far that has come: there are more. */
  'rows-rewritten',
  /** No row of the store is of an older format any more. */
  'rows-raised',
  /** An archive segment is written and not read back. */
  'trim-written',
  /** It is read back and its records are still in the journal too. */
  'trim-verified',
  /** They are only in the archive. */
  'trim-removed',
] as const;
export type CrashPoint = (typeof CRASH_POINTS)[number];
