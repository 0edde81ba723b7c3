/** Copies of a folder in memory, and what its rows hold byte for byte. */
import type { MemoryFolder } from '../../snapshots/memory/disk.ts';
import { MemoryDisk } from '../../snapshots/memory/disk.ts';

/** Which rows of a store a copy keeps, by their place in the order of keys. */
type Keep = (place: number) => boolean;

/** Everything that was flushed but rows; without the mark of its checkpoint, recovery has to fold the whole journal. */
export function copyOf(folder: MemoryFolder, keep: Keep): MemoryDisk {
  return copied(folder, (key, place) => key !== CHECKPOINT_MARK && keep(place));
}

export function wholeCopyOf(folder: MemoryFolder): MemoryDisk {
  return copied(folder, () => true);
}

function copied(folder: MemoryFolder, keep: (key: string, place: number) => boolean): MemoryDisk {
  const copy = new MemoryDisk();
  copy.folder = {
    ...folder,
    rankings: new Map(folder.rankings),
    stores: folder.stores.map((files) => ({
      ...files,
      records: [...files.records],
      slots: [...files.slots],
      erased: [...files.erased],
      rows: new Map([...files.rows].filter(([key], place) => keep(key, place))),
    })),
  };
  return copy;
}

/** The key under which snapshots/rows.ts keeps it. */
export const CHECKPOINT_MARK = '\xff\xff';

/** Each store's rows by key, as hexadecimal text; not the mark, which says where copies of rankings stand, too. */
export function rowsOf({ stores }: MemoryFolder): readonly (readonly string[])[] {
  return stores.map(({ rows }) =>
    [...rows]
      .filter(([key]) => key !== CHECKPOINT_MARK)
      .map(([key, value]) => `${Buffer.from(key, 'latin1').toString('hex')} ${value.toString('hex')}`)
      .sort(),
  );
}
