/** Reads the journals of all stores as one history, and checks that none of them has a gap. */
import { PARTITION_COUNT } from '../../engine/contract.ts';
import type { Section, TurnRecord } from '../../engine/facts.ts';
import { StorageFault, type Store } from '../../engine/ports.ts';
import { lastingSection } from '../past-turns.ts';
import type { PastJournal } from '../persistence.ts';
import { storeName } from '../store-place.ts';
import type { Findings } from './findings.ts';

export interface Step {
  /** That has the partition now. */
  readonly store: Store;
  readonly nowMs: number;
  readonly section: Section;
}

/** Stores at rest, and the journals of those that were before them. */
export interface History {
  readonly stores: readonly Store[];
  readonly past: readonly PastJournal[];
}

interface Source {
  /** For findings. */
  readonly name: string;
  /** Null = of a generation that is past. */
  readonly store: Store | null;
  readonly journal: PastJournal['journal'];
  /** What it journaled, so that it says today what its store meant. */
  readonly today: (section: Section) => Section;
}

interface Cursor extends Source {
  readonly turns: Iterator<TurnRecord>;
  turn: TurnRecord;
}

/**
 * Every section of every journal: generation after generation, in order within a store, and across stores by time, so
 * that what one partition tells another is usually read soon after it was sent and little has to be kept in between.
 */
export function* inTimeOrder({ stores, past }: History, findings: Findings): Iterable<Step> {
  const gaps = new GapCheck(findings);
  for (let generation = 0; past.some((one) => one.generation === generation); generation += 1) {
    const sources = past.filter((one) => one.generation === generation).map(pastSource);
    for (const { source, section, nowMs } of merged(sources, gaps, findings)) {
      const store = stores[section.partition % stores.length]!;
      yield { store, nowMs, section: source.today(section) };
    }
    gaps.dealtOut();
  }
  const sources = stores.map((store, index): Source => {
    return { name: String(index), store, journal: store.journal, today: (section) => section };
  });
  for (const { source, section, nowMs } of merged(sources, gaps, findings)) {
    yield { store: source.store!, nowMs, section };
  }
}

function pastSource({ generation, index, journal }: PastJournal): Source {
  const today = (section: Section) => lastingSection(section, { generation, index });
  return { name: `${storeName({ generation, index })}, which is past,`, store: null, journal, today };
}

interface Merged {
  readonly source: Source;
  readonly section: Section;
  readonly nowMs: number;
}

function* merged(sources: readonly Source[], gaps: GapCheck, findings: Findings): Iterable<Merged> {
  const open: Cursor[] = [];
  for (const source of sources) {
    const { name, journal } = source;
    const turns = journal.read(1)[Symbol.iterator]();
    const turn = nextTurn(turns, name, findings);
    if (turn !== null) open.push({ ...source, turns, turn });
    else if (journal.lastSequence > 0) gaps.checkEnd(name, journal.lastSequence);
  }

  while (open.length > 0) {
    const cursor = open.reduce((first, other) => (other.turn.nowMs < first.turn.nowMs ? other : first));
    const { nowMs } = cursor.turn;
    gaps.checkTurn(cursor.name, cursor.turn);
    for (const section of cursor.turn.sections) {
      gaps.checkSection(cursor.name, section, nowMs);
      yield { source: cursor, section, nowMs };
    }
    const next = nextTurn(cursor.turns, cursor.name, findings);
    if (next !== null) {
      cursor.turn = next;
      continue;
    }
    open.splice(open.indexOf(cursor), 1);
    gaps.checkEnd(cursor.name, cursor.journal.lastSequence);
  }
}

/** The journal verifies checksums and chain as it reads; where that fails nothing after it can be trusted. */
function nextTurn(turns: Iterator<TurnRecord>, name: string, findings: Findings): TurnRecord | null {
  try {
    const next = turns.next();
    return next.done === true ? null : next.value;
  } catch (fault) {
    if (!(fault instanceof StorageFault)) throw fault;
    findings.differ(`journal of store ${name} cannot be read on: ${fault.code}, ${fault.message}`);
    return null;
  }
}

class GapCheck {
  readonly #findings: Findings;
  readonly #stores = new Map<string, { sequence: number; epoch: number }>();
  readonly #partitions = Array.from({ length: PARTITION_COUNT }, () => ({ sequence: 0, storeName: '', nowMs: 0 }));

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  checkTurn(name: string, turn: TurnRecord): void {
    const last = this.#stores.get(name) ?? { sequence: 0, epoch: 0 };
    const subject = `journal of store ${name}`;
    this.#findings.count('records');
    if (turn.sequence !== last.sequence + 1) {
      this.#findings.differ(`${subject}: record ${last.sequence + 1} is missing, found ${turn.sequence}`);
    }
    if (turn.epoch < last.epoch) {
      this.#findings.differ(`${subject}: record ${turn.sequence} is of epoch ${turn.epoch}, after ${last.epoch}`);
    }
    this.#stores.set(name, { sequence: turn.sequence, epoch: turn.epoch });
  }

  checkSection(name: string, section: Section, nowMs: number): void {
    this.#findings.count('sections');
    const last = this.#partitions[section.partition];
    if (last === undefined) {
      this.#findings.differ(`journal of store ${name}: there is no partition ${section.partition}`);
      return;
    }
    const subject = `partition ${section.partition}`;
    if (section.sequence !== last.sequence + 1) {
      this.#findings.differ(`${subject}: sequence ${last.sequence + 1} is missing, found ${section.sequence}`);
    }
    if (last.storeName !== '' && last.storeName !== name) {
      this.#findings.differ(`${subject}: written by store ${last.storeName} and by store ${name}`);
    }
    if (nowMs < last.nowMs) {
      this.#findings.differ(`${subject}: time falls at sequence ${section.sequence}, from ${last.nowMs} to ${nowMs}`);
    }
    last.sequence = section.sequence;
    last.storeName = name;
    last.nowMs = nowMs;
  }

  /** From now on other stores have the partitions. */
  dealtOut(): void {
    for (const partition of this.#partitions) partition.storeName = '';
  }

  checkEnd(name: string, lastSequence: number): void {
    const read = this.#stores.get(name)?.sequence ?? 0;
    if (read === lastSequence) return;
    this.#findings.differ(`journal of store ${name}: ends at record ${read}, expected ${lastSequence}`);
  }
}
