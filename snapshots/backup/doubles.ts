/**
 * Records that several cards have under one key of their acquirer (domain 2.4). Each card takes in its own, and an operator is
 * told of it (DECISION 35). Found in the journals alone, of an engine that runs as of one at rest: they are read once for as many
 * keys as fit into memory, and once more for those whose hashes say that they may be such.
 */
import type { LedgerEntry } from '../../engine/card/card.ts';
import type { Hpan, RecordKey } from '../../engine/contract.ts';
import { isExclusion } from '../../engine/programme/index.ts';
import { KEYS_END, KeySketch } from './key-sketch.ts';
import type { OpenPast } from './past-source.ts';

/** What a card has of it. */
export type Holding = { readonly hpan: Hpan } & Pick<
  LedgerEntry,
  'citizen' | 'state' | 'scoreCents' | 'awardPeriodId' | 'receivedMs' | 'fileNumber'
> & { readonly amountCents: number };

export interface Double {
  readonly key: RecordKey;
  /** Two at least, as they were received. */
  readonly holdings: readonly Holding[];
}

export interface Doubles {
  /** By the instants of the records. */
  readonly doubles: readonly Double[];
  /** Of how many more keys it is so, about: hashes say it. */
  readonly moreCount: number;
}

export interface DoublesOptions {
  readonly doublesMax?: number;
  /** See `KeySketch`. */
  readonly slotsMax?: number;
}

const DOUBLES_MAX = 1_000;
/** 200 MB, for twelve million keys; twice as much while it is made anew. */
const SLOTS_MAX = 2 ** 24;

interface Held {
  readonly hpan: Hpan;
  readonly entry: LedgerEntry;
}

/**
 * @param open opens the journals anew
 * @throws StorageFault whatever they hold that is damaged
 */
export async function doublesOf(open: () => Promise<OpenPast>, options: DoublesOptions = {}): Promise<Doubles> {
  const { doublesMax = DOUBLES_MAX, slotsMax = SLOTS_MAX } = options;
  const found = new Set<number>();
  let count = 0;
  for (let from = 0; from < KEYS_END; ) {
    const sketch = new KeySketch({ from, slotsMax, foundMax: doublesMax - found.size });
    await eachRecord(open, ({ hpan, entry }) => {
      if (isTakenIn(entry)) sketch.add(hashOf(entry), Number.parseInt(hpan.slice(0, 8), 16));
    });
    const more = sketch.found();
    for (const key of more.keys) found.add(key);
    count += more.count;
    from = sketch.end;
  }
  const held = found.size === 0 ? [] : await recordsOf(open, found);
  return { doubles: doublesIn(held), moreCount: count - found.size };
}

async function recordsOf(open: () => Promise<OpenPast>, hashes: ReadonlySet<number>): Promise<Iterable<Held>> {
  const held = new Map<string, Held>();
  await eachRecord(open, (one) => {
    if (hashes.has(hashOf(one.entry))) held.set(`${one.hpan} ${one.entry.place}`, one);
  });
  return held.values();
}

/** As it stood whenever it changed. */
async function eachRecord(open: () => Promise<OpenPast>, take: (held: Held) => void): Promise<void> {
  const { source, close } = await open();
  try {
    for (const turns of source.journals) {
      for (const { sections } of turns) {
        for (const { facts } of sections) for (const fact of facts) if (fact.kind === 'recordSet') take(fact);
      }
    }
  } finally {
    await close();
  }
}

/** What operators exclude is a record of ours. */
function isTakenIn({ state, record }: LedgerEntry): boolean {
  return state !== 'asked' && state !== 'forgotten' && !isExclusion(record);
}

function hashOf({ key }: LedgerEntry): number {
  return Number.parseInt(key.slice(0, 13), 16);
}

function doublesIn(held: Iterable<Held>): readonly Double[] {
  const byKey = new Map<string, Held[]>();
  for (const one of held) {
    if (!isTakenIn(one.entry)) continue;
    const others = byKey.get(one.entry.key);
    if (others === undefined) byKey.set(one.entry.key, [one]);
    else others.push(one);
  }
  const doubles = [...byKey.values()].filter((all) => new Set(all.map(({ hpan }) => hpan)).size > 1).map(doubleOf);
  return doubles.toSorted((left, right) => left.key.trxMs - right.key.trxMs);
}

function doubleOf(all: readonly Held[]): Double {
  const { idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType } = all[0]!.entry.record;
  const holdings = all.map(({ hpan, entry }): Holding => {
    const { citizen, state, scoreCents, awardPeriodId, receivedMs, fileNumber, record } = entry;
    const { amountCents } = record;
    return { hpan, citizen, state, scoreCents, awardPeriodId, receivedMs, fileNumber, amountCents };
  });
  return {
    key: { idTrxAcquirer, trxMs, acquirerCode, acquirerId, operationType },
    holdings: holdings.toSorted((left, right) => left.receivedMs - right.receivedMs),
  };
}
