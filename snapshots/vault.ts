/**
 * Personal data at rest: a key for each citizen, in fixed slots of a plain file, wrapped by the master key.
 * Overwriting a slot makes everything sealed with it unreadable, in the journal, the archive and every backup,
 * which keep no keys.
 *
 *   slot   version u8, 3 zero bytes, then IV, tag and key sealed by the master key: 64 bytes
 *   seal   version u8, then IV, tag and ciphertext under the slot's key
 *
 * Slot number and folder are part of both seals: a slot or a text moved elsewhere does not open.
 */
import { randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { invariant } from '../engine/assert.ts';
import { StorageFault, type Vault } from '../engine/ports.ts';
import type { FailStop } from './fail-stop.ts';
import { freshBytes, KEY_BYTES, type KeyedHash, openBytes, sealBytes } from './keys.ts';
import type { SlotMedium } from './media.ts';
import { type SlotPlace, type StorePlace, slotOf, slotPlaceOf, storeContext } from './store-place.ts';

export const SLOT_BYTES = 64;
const SLOT_HEADER_BYTES = 4;
const VERSION = 1;

export interface VaultParts {
  readonly medium: SlotMedium;
  readonly master: Uint8Array;
  readonly keyedHash: KeyedHash;
  /** Folder and store; part of every seal. */
  readonly place: StorePlace;
  readonly pastSlots?: PastSlots | undefined;
  readonly failStop: FailStop;
  /** Unwrapped keys kept in memory. */
  readonly keysMax: number;
}

/** The keys of a store of a generation before, which stay where they are for ever. */
export type PastSlots = (place: SlotPlace) => SlotMedium | undefined;

export class MediumVault implements Vault {
  readonly #parts: VaultParts;
  readonly #keys: LRUCache<number, Buffer>;
  /** Reserved and not handed to the medium yet, in slot order; `#firstReserved` is the first of them. */
  #reserved: Buffer[] = [];
  #firstReserved: number;
  #flushedCount: number;
  /** Keys that are not durable yet: the cache may forget, these must not be forgotten. */
  readonly #unflushedKeys = new Map<number, Buffer>();
  /** The newest flush, under way, done or failed for good. */
  #lastFlush: Promise<void> = Promise.resolve();
  /** It has not begun: it will take whatever is reserved until then. */
  #isFlushWaiting = false;

  constructor(parts: VaultParts) {
    this.#parts = parts;
    this.#keys = new LRUCache({ max: parts.keysMax });
    this.#firstReserved = parts.medium.slotCount();
    this.#flushedCount = this.#firstReserved;
  }

  /** Slots that are on the disk, from the first one on. */
  get flushedCount(): number {
    return this.#flushedCount;
  }

  newSlot(): number {
    this.#parts.failStop.check();
    const slot = this.#own(this.#firstReserved + this.#reserved.length);
    const key = Buffer.from(freshBytes(KEY_BYTES)); // A copy: the pool is let go, the key is kept.
    this.#reserved.push(this.#wrap(slot, key));
    this.#unflushedKeys.set(slot, key);
    return slot;
  }

  /** Plain bytes, as they come back from the journal: live state and replayed state are the same. */
  seal(slot: number, text: string): Uint8Array {
    const context = this.#context(slot);
    const sealed = sealBytes(this.#key(slot, context), context, Buffer.from(text));
    const versioned = new Uint8Array(1 + sealed.length);
    versioned[0] = VERSION;
    versioned.set(sealed, 1);
    return versioned;
  }

  open(slot: number, sealed: Uint8Array): string {
    if (sealed[0]! > VERSION) throw new StorageFault('FORMAT_NEWER', 'personal data was sealed by a newer version');
    const context = this.#context(slot);
    const plain = openBytes(this.#key(slot, context), context, sealed.subarray(1));
    if (plain === null) throw sealBroken(slot);
    return plain.toString('utf8');
  }

  /** Whether the slot has a key: not one that was erased, damaged, or never written. */
  hasKey(slot: number): boolean {
    return this.#unflushedKeys.has(slot) || this.#unwrapped(slot, this.#context(slot)) !== null;
  }

  digest(text: string): string {
    return this.#parts.keyedHash.digest(text);
  }

  /** One write and one sync for all slots reserved so far; who comes while one is under way shares the next. */
  flush(): Promise<void> {
    if (this.#reserved.length === 0 || this.#isFlushWaiting) return this.#lastFlush;
    this.#isFlushWaiting = true;
    this.#lastFlush = this.#lastFlush.then(() => this.#writeReserved());
    return this.#lastFlush;
  }

  /**
   * Destroys the key of a slot, in place and synced: what was sealed with it is gone (faults, row 63). Noted first: where
   * keys are restored from an older copy, it goes again.
   * @throws StorageFault JOURNAL_FAILED
   */
  async erase(slot: number): Promise<void> {
    await this.flush();
    this.#keys.delete(slot);
    const { failStop } = this.#parts;
    const { medium, at } = this.#whereIs(slot);
    await failStop.guard('erasing a key', async () => {
      await medium.noteErased(at);
      await medium.write(at, randomBytes(SLOT_BYTES));
    });
  }

  async #writeReserved(): Promise<void> {
    const { medium, failStop } = this.#parts;
    const slots = this.#reserved;
    const first = this.#firstReserved;
    this.#reserved = [];
    this.#firstReserved += slots.length;
    this.#isFlushWaiting = false;
    await failStop.guard('writing keys', () => medium.write(first, Buffer.concat(slots)));
    this.#flushedCount = first + slots.length;
    for (let at = first; at < first + slots.length; at += 1) {
      const slot = this.#own(at);
      this.#keys.set(slot, this.#unflushedKeys.get(slot)!);
      this.#unflushedKeys.delete(slot);
    }
  }

  /** Wrapped in the same context in which it seals. */
  #key(slot: number, context: Buffer): Buffer {
    const known = this.#unflushedKeys.get(slot) ?? this.#keys.get(slot);
    if (known !== undefined) return known;
    const key = this.#unwrap(slot, context);
    this.#keys.set(slot, key);
    return key;
  }

  #wrap(slot: number, key: Buffer): Buffer {
    const wrapped = Buffer.alloc(SLOT_BYTES);
    wrapped[0] = VERSION;
    sealBytes(this.#parts.master, this.#context(slot), key).copy(wrapped, SLOT_HEADER_BYTES);
    return wrapped;
  }

  #unwrap(slot: number, context: Buffer): Buffer {
    invariant(Number.isInteger(slot) && slot >= 0, `no slot has the number ${slot}`);
    const key = this.#unwrapped(slot, context);
    if (key === null) throw sealBroken(slot);
    return key;
  }

  #unwrapped(slot: number, context: Buffer): Buffer | null {
    const { medium, at } = this.#whereIs(slot);
    const bytes = medium.read(at);
    if (bytes.length !== SLOT_BYTES) return null;
    // An erased slot is random bytes, which are hardly ever zero where the header is.
    if (bytes.readUIntLE(1, 3) === 0 && bytes[0]! > VERSION) {
      throw new StorageFault('FORMAT_NEWER', `key ${slot} was written by a newer version: use that one`);
    }
    return openBytes(this.#parts.master, context, bytes.subarray(SLOT_HEADER_BYTES));
  }

  #own(at: number): number {
    const { generation, index } = this.#parts.place;
    return slotOf({ generation, index, at });
  }

  #whereIs(slot: number): { readonly medium: SlotMedium; readonly at: number } {
    const { place, medium, pastSlots } = this.#parts;
    const found = slotPlaceOf(slot, place);
    if (found.generation === place.generation && found.index === place.index) return { medium, at: found.at };
    const past = pastSlots?.(found);
    if (past === undefined) throw sealBroken(slot);
    return { medium: past, at: found.at };
  }

  /** The store that made the key, wherever it is used since. */
  #context(slot: number): Buffer {
    const { place } = this.#parts;
    const { generation, index, at } = slotPlaceOf(slot, place);
    return Buffer.from(`${storeContext({ folderId: place.folderId, generation, index })} slot ${at}`);
  }
}

function sealBroken(slot: number): StorageFault {
  return new StorageFault('SEAL_BROKEN', `personal data under key ${slot} cannot be read: erased, or damaged`);
}
