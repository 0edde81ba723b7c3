/** Personal data, sealed once by who makes the records and handed as bytes to who makes the rows. */
import { ByteReader, ByteWriter } from '../../snapshots/index.ts';
import type { MediumVault } from '../../snapshots/vault.ts';
import type { Seals } from './chronicle.ts';

/** Seals, and notes what it sealed. */
export class VaultSeals implements Seals {
  readonly #vaultOf: (taxCode: string) => MediumVault;
  readonly #notes = new ByteWriter();
  #vault: MediumVault | null = null;

  /** @param vaultOf of the store that the citizen belongs to */
  constructor(vaultOf: (taxCode: string) => MediumVault) {
    this.#vaultOf = vaultOf;
  }

  identity(taxCode: string): ReturnType<Seals['identity']> {
    this.#vault = this.#vaultOf(taxCode);
    const slot = this.#vault.newSlot();
    const sealedTaxCode = this.#vault.seal(slot, taxCode);
    this.#notes.integer(slot);
    this.#notes.bytes(sealedTaxCode);
    return { slot, sealedTaxCode };
  }

  payoff(slot: number, text: string): Uint8Array {
    const sealed = this.#vault!.seal(slot, text);
    this.#notes.bytes(sealed);
    return sealed;
  }

  /** Since it was last asked. */
  takeNotes(): Buffer {
    const notes = this.#notes.copy();
    this.#notes.reset();
    return notes;
  }
}

/** Reads such notes, for the same citizens in the same order. */
export class NotedSeals implements Seals {
  readonly #notes: ByteReader;

  constructor(notes: Uint8Array) {
    this.#notes = new ByteReader(notes);
  }

  identity(): ReturnType<Seals['identity']> {
    const slot = this.#notes.integer();
    return { slot, sealedTaxCode: this.#notes.bytes() };
  }

  payoff(): Uint8Array {
    return this.#notes.bytes();
  }

  finish(): void {
    this.#notes.finish();
  }
}
