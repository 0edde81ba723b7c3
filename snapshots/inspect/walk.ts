/** Reads the journals of all stores as one history, and checks that none of them has a gap. */
import { PARTITION_COUNT } from '../../engine/contract.ts';
import type { Section, TurnRecord } from '../../engine/facts.ts';
import { StorageFault, type Store } from '../../engine/ports.ts';
import type { Findings } from './findings.ts';

export interface Step {
  readonly store: Store;
  readonly storeIndex: number;
  readonly nowMs: number;
  readonly section: Section;
}

interface Cursor {
  readonly store: Store;
  readonly storeIndex: number;
  readonly turns: Iterator<TurnRecord>;
  turn: TurnRecord;
}

/**
 * Every section of every journal: in order within a store, and across stores by time, so that what one partition
 * tells another is usually read soon after it was sent and little has to be kept in between.
 */
export function* inTimeOrder(stores: readonly Store[], findings: Findings): Iterable<Step> {
  const gaps = new GapCheck(findings);
  const open: Cursor[] = [];
  for (const [storeIndex, store] of stores.entries()) {
    const turns = store.journal.read(1)[Symbol.iterator]();
    const turn = nextTurn(turns, storeIndex, findings);
    if (turn !== null) open.push({ store, storeIndex, turns, turn });
    else if (store.journal.lastSequence > 0) gaps.checkEnd(storeIndex, store.journal.lastSequence);
  }

  while (open.length > 0) {
    const cursor = open.reduce((first, other) => (other.turn.nowMs < first.turn.nowMs ? other : first));
    gaps.checkTurn(cursor.storeIndex, cursor.turn);
    for (const section of cursor.turn.sections) {
      gaps.checkSection(cursor.storeIndex, section, cursor.turn.nowMs);
      yield { store: cursor.store, storeIndex: cursor.storeIndex, nowMs: cursor.turn.nowMs, section };
    }
    const next = nextTurn(cursor.turns, cursor.storeIndex, findings);
    if (next !== null) {
      cursor.turn = next;
      continue;
    }
    open.splice(open.indexOf(cursor), 1);
    gaps.checkEnd(cursor.storeIndex, cursor.store.journal.lastSequence);
  }
}

/** The journal verifies checksums and chain as it reads; where that fails nothing after it can be trusted. */
function nextTurn(turns: Iterator<TurnRecord>, storeIndex: number, findings: Findings): TurnRecord | null {
  try {
    const next = turns.next();
    return next.done === true ? null : next.value;
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    findings.differ(`journal of store ${storeIndex} cannot be read on: ${fault.code}, ${fault.message}`);
    return null;
  }
}

class GapCheck {
  readonly #findings: Findings;
  readonly #stores = new Map<number, { sequence: number; epoch: number }>();
  readonly #partitions = Array.from({ length: PARTITION_COUNT }, () => ({ sequence: 0, storeIndex: -1, nowMs: 0 }));

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  checkTurn(storeIndex: number, turn: TurnRecord): void {
    const last = this.#stores.get(storeIndex) ?? { sequence: 0, epoch: 0 };
    const subject = `journal of store ${storeIndex}`;
    this.#findings.count('records');
    if (turn.sequence !== last.sequence + 1) {
      this.#findings.differ(`${subject}: record ${last.sequence + 1} is missing, found ${turn.sequence}`);
    }
    if (turn.epoch < last.epoch) {
      this.#findings.differ(`${subject}: record ${turn.sequence} is of epoch ${turn.epoch}, after ${last.epoch}`);
    }
    this.#stores.set(storeIndex, { sequence: turn.sequence, epoch: turn.epoch });
  }

  checkSection(storeIndex: number, section: Section, nowMs: number): void {
    this.#findings.count('sections');
    const last = this.#partitions[section.partition];
    if (last === undefined) {
      this.#findings.differ(`journal of store ${storeIndex}: there is no partition ${section.partition}`);
      return;
    }
    const subject = `partition ${section.partition}`;
    if (section.sequence !== last.sequence + 1) {
      this.#findings.differ(`${subject}: sequence ${last.sequence + 1} is missing, found ${section.sequence}`);
    }
    if (last.storeIndex !== -1 && last.storeIndex !== storeIndex) {
      this.#findings.differ(`${subject}: written by store ${last.storeIndex} and by store ${storeIndex}`);
    }
    if (nowMs < last.nowMs) {
      this.#findings.differ(`${subject}: time falls at sequence ${section.sequence}, from ${last.nowMs} to ${nowMs}`);
    }
    last.sequence = section.sequence;
    last.storeIndex = storeIndex;
    last.nowMs = nowMs;
  }

  checkEnd(storeIndex: number, lastSequence: number): void {
    const read = this.#stores.get(storeIndex)?.sequence ?? 0;
    if (read === lastSequence) return;
    this.#findings.differ(`journal of store ${storeIndex}: ends at record ${read}, expected ${lastSequence}`);
  }
}
