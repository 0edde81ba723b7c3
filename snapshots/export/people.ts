/**
 * Who is in an export. Whoever was erased is in no file of it, whatever still names them: their keys are noted as
 * destroyed. A key that does not open and is not noted is damage, and nothing to be passed over in silence.
 */
import type { CitizenKey } from '../../engine/contract.ts';
import { partitionOf } from '../../engine/partition.ts';
import { StorageFault } from '../../engine/ports.ts';
import type { SealedPayoff, Wallet } from '../../engine/wallet/wallet.ts';
import { allPlacesOf, type Manifest, placeOf } from '../lmdb/folder.ts';
import { storePaths } from '../lmdb/layout.ts';
import { readErased } from '../lmdb/slot-file.ts';
import { slotPlaceOf, storeName } from '../store-place.ts';
import type { Remembered } from './remembered.ts';

/** A key of a citizen. */
type KeyOwner = Pick<Wallet, 'citizen' | 'slot'>;

export class People {
  readonly #remembered: Remembered;
  readonly #manifest: Manifest;
  /** Slots whose keys were destroyed, by the name of the store that made them. */
  readonly #erased: ReadonlyMap<string, ReadonlySet<number>>;
  readonly #marks = new Marks();

  /** @throws StorageFault KEYS_DAMAGED */
  constructor(remembered: Remembered, folder: string, manifest: Manifest) {
    this.#remembered = remembered;
    this.#manifest = manifest;
    this.#erased = new Map(
      allPlacesOf(manifest).map((place) => [storeName(place), new Set(readErased(storePaths(folder, place).erased))]),
    );
  }

  /** All that are not erased, by their keys. To be read to the end before anything else is asked. */
  *present(): Iterable<Wallet> {
    for (const wallet of this.#remembered.wallets()) {
      const isErased = this.isErased(wallet);
      if (isErased || wallet.enrolment > 1 || wallet.status !== 'enabled') this.#marks.add(wallet.citizen);
      if (!isErased) yield wallet;
    }
  }

  /** Or is nobody: a record that concerns no citizen. */
  isPresent(citizen: CitizenKey): boolean {
    if (!this.#marks.has(citizen)) return true;
    const wallet = this.#remembered.wallet(citizen);
    return wallet === undefined || !this.isErased(wallet);
  }

  /** Whether what was counted under an enrolment still is: leaving takes it out of every period that is open. */
  hasKept(citizen: CitizenKey, enrolment: number, awardPeriodId: number): boolean {
    if (!this.#marks.has(citizen)) return true;
    const totals = this.#remembered.wallet(citizen)?.totals ?? [];
    return totals.some((one) => one.awardPeriodId === awardPeriodId && one.enrolment === enrolment);
  }

  isErased({ citizen, slot }: KeyOwner): boolean {
    if (slot < 0) return false;
    const store = this.#remembered.of(partitionOf(citizen)).index;
    const place = slotPlaceOf(slot, placeOf(this.#manifest, store));
    return this.#erased.get(storeName(place))?.has(place.at) ?? false;
  }

  /** Empty where nobody has said it. @throws StorageFault KEYS_DAMAGED */
  taxCode(wallet: Wallet): string {
    return wallet.sealedTaxCode === null ? '' : this.#open(wallet, wallet.sealedTaxCode);
  }

  /** Null where nobody has said it, or the key that it was said under was destroyed. @throws StorageFault KEYS_DAMAGED */
  payoff({ payoff, ...owner }: KeyOwner & Pick<Wallet, 'payoff'>): SealedPayoff | null {
    if (payoff === null || this.isErased(owner)) return null;
    return JSON.parse(this.#open(owner, payoff.sealed)) as SealedPayoff;
  }

  #open({ citizen, slot }: KeyOwner, sealed: Uint8Array): string {
    try {
      return this.#remembered.of(partitionOf(citizen)).store.vault.open(slot, sealed);
    } catch (cause) {
      if (!(cause instanceof StorageFault) || cause.code !== 'SEAL_BROKEN') throw cause;
      const text = `the key of citizen ${citizen} does not open, and was not destroyed on purpose: restore the keys`;
      throw new StorageFault('KEYS_DAMAGED', text, { cause });
    }
  }
}

const MARK_BITS = 27;

/**
 * Citizens whose wallet has to be asked, and a few by chance: a bit for each beginning of a key. 16 MB, however many
 * citizens there are.
 */
class Marks {
  readonly #bits = new Uint8Array(2 ** (MARK_BITS - 3));

  add(citizen: CitizenKey): void {
    const at = placeOfMark(citizen);
    this.#bits[at >>> 3]! |= 1 << (at & 7);
  }

  has(citizen: CitizenKey): boolean {
    const at = placeOfMark(citizen);
    return citizen !== '' && (this.#bits[at >>> 3]! & (1 << (at & 7))) !== 0;
  }
}

/** Keys are digests: any bits of theirs are as good as any others. */
function placeOfMark(citizen: CitizenKey): number {
  return Number.parseInt(citizen.slice(0, 8), 16) >>> (32 - MARK_BITS);
}
