/** What takes the folder's keys: made once, and handed as notes to whoever tells the same chronicle again. */
import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { citizenKeyText, recordKeyText, type TransactionRecord, type WalletCommandBody } from '../../engine/index.ts';
import { bodyText } from '../../engine/shard/command-text.ts';
import { ByteReader, type ByteWriter, type KeyedHash } from '../../snapshots/index.ts';
import type { MediumVault } from '../../snapshots/vault.ts';
import type { Digests, Seals } from './chronicle.ts';

/** Digests, and notes each of them. */
export class KeyedDigests implements Digests {
  readonly #hash: KeyedHash;
  readonly #notes: ByteWriter;

  constructor(hash: KeyedHash, notes: ByteWriter) {
    this.#hash = hash;
    this.#notes = notes;
  }

  citizen(taxCode: string): string {
    return this.#digest(citizenKeyText(taxCode));
  }

  body(body: WalletCommandBody): string {
    return this.#digest(bodyText(body));
  }

  record(record: TransactionRecord): string {
    return this.#digest(recordKeyText(record));
  }

  /** One that is known already. */
  note(digest: string): string {
    this.#notes.text(digest);
    return digest;
  }

  #digest(text: string): string {
    return this.note(this.#hash.digest(text));
  }
}

/** Seals, and notes what it sealed. */
export class VaultSeals implements Seals {
  readonly #vaultOf: (taxCode: string) => MediumVault;
  readonly #notes: ByteWriter;
  #vault: MediumVault | null = null;

  /** @param vaultOf of the store that the citizen belongs to */
  constructor(vaultOf: (taxCode: string) => MediumVault, notes: ByteWriter) {
    this.#vaultOf = vaultOf;
    this.#notes = notes;
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
}

/** Reads notes, for the same citizens in the same order. */
export class Noted implements Digests, Seals {
  readonly #notes: ByteReader;

  constructor(notes: Uint8Array) {
    this.#notes = new ByteReader(notes);
  }

  citizen(): string {
    return this.#notes.text();
  }

  body(): string {
    return this.#notes.text();
  }

  record(): string {
    return this.#notes.text();
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

/** Notes of one group, in a file that is open. */
export interface NotesPlace {
  readonly descriptor: number;
  readonly at: number;
  readonly bytes: number;
}

const FILE_GROUPS = 256;

/**
 * Notes on their way from one thread to another that is behind by as much as half of all groups. The files have no name:
 * nothing is left of them when the program ends, and of those that are read nothing while it runs.
 */
export class NotesFiles {
  readonly #folder: string;
  /** Those that are still needed, the oldest first. */
  readonly #descriptors: number[] = [];
  #at = 0;
  #writtenGroups = 0;
  #readGroups = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  write(notes: Uint8Array): NotesPlace {
    if (this.#writtenGroups % FILE_GROUPS === 0) this.#open();
    const place = { descriptor: this.#descriptors.at(-1)!, at: this.#at, bytes: notes.length };
    for (let from = 0; from < notes.length; ) {
      from += writeSync(place.descriptor, notes, from, notes.length - from, place.at + from);
    }
    this.#at += notes.length;
    this.#writtenGroups += 1;
    return place;
  }

  /** One more group's notes were read: they are in the order in which they were written. */
  read(): void {
    this.#readGroups += 1;
    if (this.#readGroups % FILE_GROUPS === 0) closeSync(this.#descriptors.shift()!);
  }

  close(): void {
    for (const descriptor of this.#descriptors.splice(0)) closeSync(descriptor);
  }

  #open(): void {
    const path = join(this.#folder, 'notes.tmp');
    this.#descriptors.push(openSync(path, 'wx+', 0o600));
    rmSync(path);
    this.#at = 0;
  }
}

export function readNotes({ descriptor, at, bytes }: NotesPlace): Buffer {
  const notes = Buffer.allocUnsafe(bytes);
  readSync(descriptor, notes, 0, bytes, at);
  return notes;
}
