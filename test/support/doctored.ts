/** What the inspector says of a folder whose journal a test has altered. */

import type { TurnRecord } from '../../engine/facts.ts';
import type { Fact, Programme } from '../../engine/index.ts';
import { type MemoryDisk, openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyStores } from '../../snapshots/inspect.ts';

/**
 * @param doctor what each fact has become
 * @param nowMs when the clock of a store says that a turn was
 */
export async function differencesIn(
  disk: MemoryDisk,
  programme: Programme,
  doctor: (fact: Fact) => readonly Fact[],
  nowMs = (turn: TurnRecord, _store: number) => turn.nowMs,
): Promise<readonly string[]> {
  const persistence = await openMemoryPersistence({ disk });
  const stores = persistence.stores.map(({ journal, rows, vault }, index) => ({
    ...{ rows, vault },
    journal: {
      ...{ lastSequence: journal.lastSequence, epoch: journal.epoch },
      append: (turn: TurnRecord) => journal.append(turn),
      trim: (sequence: number) => journal.trim(sequence),
      *read(sequence: number) {
        for (const turn of journal.read(sequence)) {
          const sections = turn.sections.map((section) => ({ ...section, facts: section.facts.flatMap(doctor) }));
          yield { ...turn, nowMs: nowMs(turn, index), sections };
        }
      },
    },
  }));
  const { differences } = await verifyStores(stores, programme);
  await persistence.close();
  return differences;
}
