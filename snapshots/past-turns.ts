/** What stores of generations that are past journaled, as stores of today read it. */
import type { Fact, Section, TurnRecord } from '../engine/facts.ts';
import type { PastJournal } from './persistence.ts';
import { lastingSlot } from './store-place.ts';

/** Names the keys of citizens as stores of any later generation do. */
export function lastingSection(section: Section, of: Pick<PastJournal, 'generation' | 'index'>): Section {
  return { ...section, facts: section.facts.map((fact) => lastingFact(fact, of)) };
}

function lastingFact(fact: Fact, of: Pick<PastJournal, 'generation' | 'index'>): Fact {
  switch (fact.kind) {
    case 'enrolled':
      return { ...fact, slot: lastingSlot(fact.slot, of) };
    case 'payoutMade':
    case 'payoutAdded':
    case 'payoutSet':
      return { ...fact, payout: { ...fact.payout, slot: lastingSlot(fact.payout.slot, of) } };
    default:
      return fact;
  }
}

export function* lastingTurns(
  turns: Iterable<TurnRecord>,
  of: Pick<PastJournal, 'generation' | 'index'>,
): Iterable<TurnRecord> {
  for (const turn of turns) {
    yield { ...turn, sections: turn.sections.map((section) => lastingSection(section, of)) };
  }
}

/** All of it that is of some partitions, generation after generation: what their rows were before their store was made. */
export function* pastTurns(past: readonly PastJournal[], isOwn: (partition: number) => boolean): Iterable<TurnRecord> {
  for (const { generation, index, journal } of past) {
    for (const turn of lastingTurns(journal.read(1), { generation, index })) {
      yield { ...turn, sections: turn.sections.filter(({ partition }) => isOwn(partition)) };
    }
  }
}
