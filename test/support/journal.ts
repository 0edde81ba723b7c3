/** What a world has journaled: tests that count effects count facts. */
import type { Fact } from '../../engine/index.ts';
import type { World } from './world.ts';

type FactOf<K extends Fact['kind']> = Extract<Fact, { kind: K }>;

/** All facts of a kind, store by store, in the order of their journals. */
export function factsOf<K extends Fact['kind']>(world: World, kind: K): readonly FactOf<K>[] {
  const found: FactOf<K>[] = [];
  for (const { journal } of world.persistence.stores) {
    for (const { sections } of journal.read(1)) {
      for (const { facts } of sections) {
        for (const fact of facts) if (fact.kind === kind) found.push(fact as FactOf<K>);
      }
    }
  }
  return found;
}
