/** One store out of its media: journal, rows and vault that fail together. */
import { LIMITS } from '../engine/limits.ts';
import { StorageFault, type Store } from '../engine/ports.ts';
import { FailStop } from './fail-stop.ts';
import { openJournal } from './journal.ts';
import type { KeyedHash } from './keys.ts';
import type { OnPoint, StoreMedia } from './media.ts';
import { hashOf } from './record.ts';
import { MediumRows } from './rows.ts';
import { MediumVault } from './vault.ts';

export interface StoreParts {
  readonly media: StoreMedia;
  readonly folderId: string;
  /** Of the folder. */
  readonly format: number;
  readonly index: number;
  readonly master: Uint8Array;
  readonly keyedHash: KeyedHash;
  readonly onPoint: OnPoint;
  /** See FailStop. */
  readonly failed?: (fault: StorageFault) => void;
}

export interface OpenStore extends Store {
  readonly rows: MediumRows;
  readonly vault: MediumVault;
  readonly failStop: FailStop;
}

/** @throws StorageFault JOURNAL_DAMAGED when the journal ends before what rows say was in it */
export async function openStore(parts: StoreParts): Promise<OpenStore> {
  const { media, format, onPoint } = parts;
  const context = storeContext(parts);
  const failStop = new FailStop(parts.failed);
  const rows = new MediumRows({ medium: media.rows, format, failStop, onPoint });
  const { last } = media.records.range();
  if (rows.checkpoint().sequence > last) {
    const mark = rows.checkpoint().sequence;
    throw new StorageFault('JOURNAL_DAMAGED', `the journal ends at ${last}, rows hold ${mark}: restore the journal`);
  }

  const journal = await openJournal({ medium: media.records, genesis: genesisOf(context), format, failStop, onPoint });
  const { master, keyedHash } = parts;
  const vault = new MediumVault({
    ...{ medium: media.slots, master, keyedHash, context, failStop, keysMax: LIMITS.vaultKeysMax },
  });
  return { journal, rows, vault, failStop };
}

/** Names the store: what its keys seal opens nowhere else. */
export function storeContext({ folderId, index }: Pick<StoreParts, 'folderId' | 'index'>): string {
  return `clickday ${folderId} store ${index}`;
}

/** What the first record of a store follows. */
export function genesisOf(context: string): Buffer {
  return hashOf(Buffer.from(context));
}

/** Reads all that the store holds. @throws StorageFault at the first thing that is damaged */
export function scrubStore(store: OpenStore): void {
  for (const _ of store.journal.read(1));
  store.rows.verify();
}
