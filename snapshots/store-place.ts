/**
 * Where a store stands in its folder. Stores are dealt out anew as a whole (reshard.ts): each time is a generation, from
 * 0, and the stores before it keep their journals, archives and keys where they lie.
 */

export interface StorePlace {
  readonly folderId: string;
  readonly generation: number;
  readonly index: number;
}

/** In names of files and in what seals and chains are bound to. The first generation needs none. */
export function storeName({ generation, index }: Omit<StorePlace, 'folderId'>): string {
  return generation === 0 ? String(index) : `${generation}.${index}`;
}

/** Names the store: what its keys seal opens nowhere else. */
export function storeContext(place: StorePlace): string {
  return `clickday ${place.folderId} store ${storeName(place)}`;
}

/** Slots of one store: more than a country has citizens. */
const SLOTS_MAX = 2 ** 32;
const STORES_MAX = 64;
/** Above it a slot's number is no integer that a codec writes. */
export const GENERATIONS_MAX = 2 ** 14 - 1;

/** One key, wherever in the folder. */
export interface SlotPlace {
  readonly generation: number;
  readonly index: number;
  /** In the file of its store. */
  readonly at: number;
}

/** Slots of the first generation do not say their store: whoever reads them is that store. */
export function slotPlaceOf(slot: number, { generation, index }: StorePlace): SlotPlace {
  if (generation === 0) return { generation, index, at: slot };
  const store = Math.floor(slot / SLOTS_MAX);
  return { generation: Math.floor(store / STORES_MAX), index: store % STORES_MAX, at: slot % SLOTS_MAX };
}

export function slotOf({ generation, index, at }: SlotPlace): number {
  return generation === 0 ? at : numberOf({ generation, index, at });
}

/** What a slot that a store of a past generation journaled is called from the next one on. Negative = there is none. */
export function lastingSlot(slot: number, { generation, index }: Omit<StorePlace, 'folderId'>): number {
  return generation > 0 || slot < 0 ? slot : numberOf({ generation, index, at: slot });
}

function numberOf({ generation, index, at }: SlotPlace): number {
  return (generation * STORES_MAX + index) * SLOTS_MAX + at;
}
