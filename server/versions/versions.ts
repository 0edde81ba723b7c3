/** The policy that holds now. It changes when an operator says so, and not by itself: neither by a death nor by an edit. */
import { type Access, accessUnder } from './access.ts';
import type { Client } from './client-version.ts';
import { EVERYTHING, type Policy, readPolicy } from './policy.ts';

export interface VersionsOptions {
  readonly policy: Policy;
  /** Null: it came from none, and is not read again. */
  readonly file: string | null;
}

export type Reading = { readonly ok: true } | { readonly ok: false; readonly problem: string };

/** Versions in use are few; a stranger can invent as many as he likes. */
const ACCESS_COUNT_MAX = 1_000;

export class Versions {
  readonly file: string | null;
  #policy: Policy;
  readonly #unknown: Access;
  readonly #accesses = new Map<string, Access>();
  readonly #listeners = new Set<() => void>();

  constructor({ policy, file }: VersionsOptions = { policy: EVERYTHING, file: null }) {
    this.file = file;
    this.#policy = policy;
    this.#unknown = accessUnder(policy, null);
  }

  get policy(): Policy {
    return this.#policy;
  }

  accessOf(client: Client | null): Access {
    if (client === null) return this.#unknown;
    const known = this.#accesses.get(client.text);
    if (known !== undefined) return known;
    if (this.#accesses.size === ACCESS_COUNT_MAX) this.#accesses.clear();
    const access = accessUnder(this.#policy, client);
    this.#accesses.set(client.text, access);
    return access;
  }

  /** Reads the file again; one that is not good changes nothing. */
  reload(): Reading {
    if (this.file === null) return { ok: false, problem: 'the server was started without --features' };
    const read = readPolicy(this.file);
    if (!read.ok) return { ok: false, problem: `${this.file}: ${read.problem}` };
    this.#policy = read.policy;
    this.#accesses.clear();
    for (const listener of this.#listeners) listener();
    return { ok: true };
  }

  onChanged(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
