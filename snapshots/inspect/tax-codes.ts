/** Opens the sealed tax codes of a few citizens: where the order of a ranking hangs on them. */
import type { CitizenKey } from '../../engine/contract.ts';
import { StorageFault, type Store } from '../../engine/ports.ts';
import { Findings } from './findings.ts';
import { type History, inTimeOrder } from './walk.ts';

/** Stops after each section, for whoever has to breathe. @returns by citizen; null: erased */
export function* openTaxCodes(
  citizens: ReadonlySet<CitizenKey>,
  history: History,
): Generator<void, ReadonlyMap<CitizenKey, string | null>> {
  const taxCodes = new Map<CitizenKey, string | null>();
  if (citizens.size === 0) return taxCodes;
  for (const { store, section } of inTimeOrder(history, new Findings())) {
    for (const fact of section.facts) {
      // Of several enrolments the last one's seal is the one that stands.
      if (fact.kind !== 'enrolled' || !citizens.has(fact.citizen)) continue;
      taxCodes.set(fact.citizen, opened(store, fact.slot, fact.sealedTaxCode));
    }
    yield;
  }
  return taxCodes;
}

function opened({ vault }: Store, slot: number, sealedTaxCode: Uint8Array): string | null {
  try {
    return vault.open(slot, sealedTaxCode);
  } catch (fault) {
    if (fault instanceof StorageFault) return null;
    throw fault;
  }
}
