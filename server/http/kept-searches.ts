/**
 * Searches for methods that may be asked for again by their ids (domain 6.3): what was found, and which banks owe an answer.
 * In memory and for minutes only: whose search is gone begins another one. Methods are kept as the citizen was told them,
 * by their hashes (promise 9).
 */
import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Bank } from '../partners/index.ts';

export interface KeptSearch {
  /** Tax code of who asked; the search is nobody else's. */
  readonly subject: string;
  readonly methods: readonly object[];
  readonly silent: readonly Bank[];
}

/** Of a bank that was silent. */
export interface LateAnswer {
  readonly abi: string;
  readonly methods: readonly object[];
}

/** As long as the token of a wallet session. */
const KEPT_MS = 600_000;
/** Methods and silent banks of all searches together, some hundred bytes each; the search asked for longest ago goes first. */
const KEPT_ITEMS_MAX = 50_000;

export class KeptSearches {
  readonly #searches: LRUCache<string, KeptSearch>;

  constructor(monotonicMs: () => number) {
    this.#searches = new LRUCache({
      maxSize: KEPT_ITEMS_MAX,
      sizeCalculation: ({ methods, silent }) => 1 + methods.length + silent.length,
      ttl: KEPT_MS,
      ttlResolution: 0,
      perf: { now: monotonicMs },
    });
  }

  /** Returns its id. */
  keep(search: KeptSearch): string {
    const id = randomUUID();
    this.#searches.set(id, search);
    return id;
  }

  /** Undefined where there is none of this citizen's. */
  find(id: string, subject: string): KeptSearch | undefined {
    const kept = this.#searches.get(id);
    return kept?.subject === subject ? kept : undefined;
  }

  /** What the search is with these answers. Of two that ask at once a bank's methods are added once. */
  complete(id: string, asked: KeptSearch, answers: readonly LateAnswer[]): KeptSearch {
    const kept = this.#searches.get(id) ?? asked;
    const awaited = answers.filter(({ abi }) => kept.silent.some((bank) => bank.abi === abi));
    const completed = {
      ...kept,
      methods: [...kept.methods, ...awaited.flatMap(({ methods }) => methods)],
      silent: kept.silent.filter((bank) => !awaited.some(({ abi }) => abi === bank.abi)),
    };
    this.#searches.set(id, completed);
    return completed;
  }
}
