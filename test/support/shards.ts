/** Helpers for races: what is on which shard, and a world on a disk whose flushes wait. */
import type { CitizenKey, Hpan } from '../../engine/index.ts';
import { partitionOf } from '../../engine/index.ts';
import type { Journal, Store } from '../../engine/ports.ts';
import type { MemoryDisk, Persistence } from '../../snapshots/index.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';
import { hpan, World, type WorldOptions } from './world.ts';

export interface HeldWorld {
  readonly world: World;
  readonly disk: MemoryDisk;
}

/** A world whose disk the test can hold and crash. */
export async function openOnDisk(
  options: Omit<WorldOptions, 'persistence'> & { readonly disk?: MemoryDisk } = {},
): Promise<HeldWorld> {
  const { disk, shardCount, ...rest } = options;
  const persistence = await openMemoryPersistence(disk === undefined ? { shardCount } : { disk });
  return { world: await World.open({ ...rest, persistence }), disk: persistence.disk };
}

/** Stands before the journal of one store: the test can stop it while others go on. */
export class StoreGate {
  #open: () => void = () => {};
  #isOpen: Promise<void> = Promise.resolve();
  #waitingCount = 0;

  /** Records that the test holds back. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  hold(): void {
    this.#isOpen = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  release(): void {
    this.#open();
  }

  before({ journal, rows, vault }: Store): Store {
    const gated: Journal = {
      get lastSequence() {
        return journal.lastSequence;
      },
      epoch: journal.epoch,
      append: (turn) => {
        this.#waitingCount += 1;
        return this.#isOpen.then(() => {
          this.#waitingCount -= 1;
          return journal.append(turn);
        });
      },
      read: (sequence) => journal.read(sequence),
      trim: (sequence) => journal.trim(sequence),
    };
    return { journal: gated, rows, vault };
  }
}

/** A world with a gate before the journal of each store. */
export async function openWithGates(
  shardCount: number,
  options: Omit<WorldOptions, 'persistence' | 'shardCount'> = {},
): Promise<HeldWorld & { readonly gates: readonly StoreGate[] }> {
  const persistence = await openMemoryPersistence({ shardCount });
  const gates = persistence.stores.map(() => new StoreGate());
  const stores = persistence.stores.map((store, index) => gates[index]!.before(store));
  const world = await World.open({ ...options, persistence: { ...persistence, stores } });
  return { world, disk: persistence.disk, gates };
}

export function shardOf(key: CitizenKey | Hpan, shardCount: number): number {
  return partitionOf(key) % shardCount;
}

/** The first card from number `from` on that lies on one shard. */
export function hpanOn(shard: number, shardCount: number, from: number): Hpan {
  for (let number = from; ; number += 1) if (shardOf(hpan(number), shardCount) === shard) return hpan(number);
}

/** The first card from number `from` on that lies on another shard than the citizen. */
export function hpanElsewhere(citizen: CitizenKey, shardCount: number, from = 1): Hpan {
  for (let number = from; ; number += 1) {
    if (shardOf(hpan(number), shardCount) !== shardOf(citizen, shardCount)) return hpan(number);
  }
}

/** Lets all that can happen without the disk happen: shards run their turns as immediates. */
export async function turnsTaken(): Promise<void> {
  for (let round = 0; round < 4; round += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** Releases one waiting flush after another, each time letting its consequences happen, until none waits. */
export async function releaseOneByOne(disk: MemoryDisk): Promise<void> {
  await turnsTaken();
  while (disk.waitingCount > 0) {
    disk.release(1);
    await turnsTaken();
  }
  disk.release();
  await turnsTaken();
}

/** Before a test's own time is over, which says nothing of what it waited for; a real disk may take seconds for a flush. */
const NEVER_MS = 60_000;

/** Lets turns and flushes go on until it is so. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const givenUpAt = performance.now() + NEVER_MS;
  while (!(await isSo())) {
    if (performance.now() > givenUpAt) throw new Error(`never came: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** What was said in person by this citizen cannot be read any more. */
export async function eraseKeyOf({ stores, eraseKey }: Persistence, citizen: CitizenKey): Promise<void> {
  const store = partitionOf(citizen) % stores.length;
  for (const { sections } of stores[store]!.journal.read(1)) {
    for (const { facts } of sections) {
      for (const fact of facts)
        if (fact.kind === 'enrolled' && fact.citizen === citizen) await eraseKey(store, fact.slot);
    }
  }
}
