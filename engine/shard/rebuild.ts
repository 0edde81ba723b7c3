/**
 * Rows out of a journal: all of them, alone or on top of older rows, for a restored folder or one whose rows are lost; or
 * a few that are damaged. All of them is recovery from the very first record, or from where the older rows stand, written
 * down each time that enough has changed, so that memory holds as much whatever the length of the journal.
 */
import { PARTITION_COUNT } from '../contract.ts';
import type { Message, TurnRecord } from '../facts.ts';
import { LIMITS } from '../limits.ts';
import { pageOf, withLine } from '../place.ts';
import type { Journal, RowAddress, RowChange, RowTypes, Store } from '../ports.ts';
import { Actors } from './actors.ts';
import { type FoldTarget, foldTurn } from './fold.ts';

export interface RebuildOptions {
  /** Its rows are empty, or as a running engine or an earlier call that died has left them: it goes on from their checkpoint. */
  readonly store: Pick<Store, 'journal' | 'rows'>;
  /** What is of its partitions in journals of stores before this one; read only where the rows are empty. */
  readonly past?: Iterable<TurnRecord> | undefined;
  /** Whether the receiver has a message: acknowledgements are not journaled. */
  readonly isTaken: (message: Message) => boolean;
  /** Changed rows that are written down at a time; default LIMITS.rebuildRowCount. */
  readonly rowCount?: number | undefined;
  readonly onPoint?: (() => void) | undefined;
}

/**
 * Resolves when all of the journal is in the rows. Rankings are left to be built: the mark says that no copy of one is
 * needed. Throws StorageFault where the journal is damaged.
 */
export async function rebuildRows(options: RebuildOptions): Promise<void> {
  const { store, past = [], isTaken, rowCount = LIMITS.rebuildRowCount, onPoint = () => {} } = options;
  const { journal, rows } = store;
  const before = rows.checkpoint();
  const partitions = Array.from({ length: PARTITION_COUNT }, (_, partition) => before.partitions[partition] ?? 0);
  const actors = new Actors(rows, LIMITS.awakeCountMax);
  const write = async (sequence: number) => {
    for (const batch of actors.freeze().batches(LIMITS.rebuildBatchRows)) {
      await rows.write(batch);
      onPoint();
    }
    await rows.setCheckpoint({ sequence, partitions: [...partitions], ranked: { sequence, copies: [] } });
    actors.release();
  };
  forgetTaken(actors, isTaken);
  const fold = async (turn: TurnRecord, sequence: number) => {
    foldTurn((at) => actors.target(at), withoutTaken(turn, isTaken));
    for (const section of turn.sections) partitions[section.partition] = section.sequence;
    if (actors.dirtyCount >= rowCount) await write(sequence);
  };
  // Nothing of its own journal is in the rows meanwhile: who begins again begins with these.
  if (before.sequence === 0) for (const turn of past) await fold(turn, 0);
  for (const turn of journal.read(before.sequence + 1)) await fold(turn, turn.sequence);
  await write(journal.lastSequence);
}

export interface RepairOptions extends Pick<RebuildOptions, 'past' | 'isTaken'> {
  readonly store: Pick<Store, 'journal' | 'rows'>;
  /** Of rows that are damaged. */
  readonly addresses: readonly RowAddress[];
}

/**
 * Makes a few rows anew as they stood at the checkpoint, and leaves all others as they are: recovery goes on from there.
 * Resolves when they are written. Throws StorageFault where the journal is damaged.
 */
export async function repairRows({ store, past = [], isTaken, addresses }: RepairOptions): Promise<void> {
  const { journal, rows } = store;
  const { sequence } = rows.checkpoint();
  const wanted = new WantedRows(addresses);
  for (const turn of past) wanted.fold(withoutTaken(turn, isTaken));
  for (const turn of journal.read(1)) {
    if (turn.sequence > sequence) break;
    wanted.fold(withoutTaken(turn, isTaken));
  }
  await rows.write(wanted.changes());
}

/** Rows that are folded for themselves: facts that go elsewhere are passed over. */
class WantedRows {
  readonly #rows = new Map<string, { readonly address: RowAddress; sequence: number; value: unknown }>();
  readonly #partitions: ReadonlySet<number>;

  constructor(addresses: readonly RowAddress[]) {
    for (const address of addresses) this.#rows.set(nameOf(address), { address, sequence: 0, value: null });
    this.#partitions = new Set(addresses.map(({ partition }) => partition));
  }

  fold(turn: TurnRecord): void {
    const sections = turn.sections.filter(({ partition }) => this.#partitions.has(partition));
    if (sections.length > 0) foldTurn((sequence) => this.#target(sequence), { ...turn, sections });
  }

  /** A row of which the journal says nothing is deleted. */
  changes(): readonly RowChange[] {
    return [...this.#rows.values()] as readonly RowChange[];
  }

  #target(sequence: number): FoldTarget {
    const set = (at: RowAddress, change: (value: unknown) => unknown) => {
      const row = this.#rows.get(nameOf(at));
      if (row === undefined) return;
      row.value = change(row.value);
      row.sequence = sequence;
    };
    return {
      sequence,
      change: (table, partition, entity, update) => {
        set({ table, partition, entity, sub: '' }, (value) =>
          update((value ?? undefined) as Parameters<typeof update>[0]),
        );
      },
      put: (table, partition, entity, sub, value) => set({ table, partition, entity, sub }, () => value),
      setLine: (table, partition, line) => {
        const address = { table, partition, entity: '', sub: pageOf(line.place) };
        set(address, (page) => withLine((page ?? undefined) as RowTypes[typeof table] | undefined, line));
      },
      waiting: (partition, to) => {
        const row = this.#rows.get(nameOf({ table: 'outbox', partition, entity: '', sub: String(to) }));
        return (row?.value as RowTypes['outbox'] | null | undefined)?.messages ?? [];
      },
    };
  }
}

function nameOf({ table, partition, entity, sub }: RowAddress): string {
  return `${table} ${partition} ${entity} ${sub}`;
}

/** In the rows of an engine a message waits until it hears that its receiver has it. */
function forgetTaken(actors: Actors, isTaken: RebuildOptions['isTaken']): void {
  for (let partition = 0; partition < PARTITION_COUNT; partition += 1) {
    for (const [, { messages }] of actors.flushed.list('outbox', partition, '', '')) {
      const taken = messages.filter(isTaken).at(-1);
      if (taken !== undefined) actors.acknowledge(taken);
    }
  }
}

/** A message that its receiver has waits in no outbox: it is told as one that was taken in at once. */
function withoutTaken(turn: TurnRecord, isTaken: RebuildOptions['isTaken']): TurnRecord {
  const sections = turn.sections.map((section) => {
    const open = section.sent.filter((message) => !isTaken(message));
    if (open.length === section.sent.length) return section;
    const taken = section.sent.filter(isTaken).map(({ to, sequence }) => [to, sequence] as const);
    return { ...section, sent: open, within: [...section.within, ...taken] };
  });
  return { ...turn, sections };
}

/** Highest message sequence that each partition has on disk from each other one, by the journals of all stores. */
export class TakenIn {
  readonly #sequences = new Float64Array(PARTITION_COUNT * PARTITION_COUNT);

  addAll(journal: Pick<Journal, 'read'>): void {
    for (const { sections } of journal.read(1)) {
      for (const { partition, received } of sections) {
        for (const [from, sequence] of received) this.#sequences[from * PARTITION_COUNT + partition] = sequence;
      }
    }
  }

  has({ from, to, sequence }: Message): boolean {
    return sequence <= (this.#sequences[from * PARTITION_COUNT + to] ?? 0);
  }
}
