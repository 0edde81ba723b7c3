/** One store out of its media: journal, rows and vault that fail together. */
import { LIMITS } from '../engine/limits.ts';
import { StorageFault, type Store } from '../engine/ports.ts';
import { FORMAT } from './codec/formats.ts';
import { FailStop } from './fail-stop.ts';
import { type JournalEnd, type MediumJournal, openJournal } from './journal.ts';
import type { KeyedHash } from './keys.ts';
import type { OnPoint, StoreMedia } from './media.ts';
import { hashOf } from './record.ts';
import { MediumRows } from './rows.ts';
import { type StorePlace, storeContext } from './store-place.ts';
import { MediumVault, type PastSlots } from './vault.ts';

export interface StoreParts {
  readonly media: StoreMedia;
  readonly place: StorePlace;
  /** Of the folder. */
  readonly format: number;
  /** Of all stores of the generation before, from whose journals this one's goes on. */
  readonly ends?: readonly JournalEnd[];
  /** Keys of stores of generations before. */
  readonly pastSlots?: PastSlots;
  readonly master: Uint8Array;
  readonly keyedHash: KeyedHash;
  readonly onPoint: OnPoint;
  /** See FailStop. */
  readonly failed?: (fault: StorageFault) => void;
  /** See MediumRows. */
  readonly rowDamaged?: (fault: StorageFault) => void;
}

export interface OpenStore extends Store {
  readonly journal: MediumJournal;
  readonly rows: MediumRows;
  readonly vault: MediumVault;
  readonly failStop: FailStop;
}

/** @throws StorageFault JOURNAL_DAMAGED when the journal ends before what rows say was in it */
export async function openStore(parts: StoreParts): Promise<OpenStore> {
  const { media, place, format, ends, pastSlots, onPoint } = parts;
  const failStop = new FailStop(parts.failed);
  const rows = new MediumRows({ medium: media.rows, format, failStop, onPoint, damaged: parts.rowDamaged });
  const { last } = media.records.range();
  if (rows.checkpoint().sequence > last) {
    const mark = rows.checkpoint().sequence;
    throw new StorageFault('JOURNAL_DAMAGED', `the journal ends at ${last}, rows hold ${mark}: restore the journal`);
  }

  const journal = await openJournal({
    medium: media.records,
    genesis: genesisOf(place, ends),
    format,
    failStop,
    onPoint,
  });
  const { master, keyedHash } = parts;
  const vault = new MediumVault({
    ...{ medium: media.slots, place, pastSlots, master, keyedHash, failStop, keysMax: LIMITS.vaultKeysMax },
  });
  return { journal, rows, vault, failStop, isOlder: format < FORMAT };
}

/** What the first record of a store follows; where the partitions were dealt out anew, it names all that they were in. */
export function genesisOf(place: StorePlace, ends: readonly JournalEnd[] = []): Buffer {
  return hashOf(Buffer.from([storeContext(place), ...ends.map(({ hash }) => hash)].join(' ')));
}

/** Reads all that the store holds. @throws StorageFault at the first thing that is damaged */
export function scrubStore(store: OpenStore): void {
  for (const _ of store.journal.read(1));
  store.rows.verify();
}
