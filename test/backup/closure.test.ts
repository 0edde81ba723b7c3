// Method: random traffic between three stores, of which each is cut anywhere; what the walk finds is compared with the
// definition itself, tried out on all cuts within: the greatest of those in which nobody has taken in what was not sent.
import { describe, expect, test } from 'vitest';
import type { TurnRecord } from '../../engine/facts.ts';
import { Closure } from '../../snapshots/backup/closure.ts';
import { Random, seed } from '../support/random.ts';

const STORES = 3;

/** Partition s is store s's. Each turn takes in some of what is on its way to it, and sends. */
function traffic(random: Random, turnCount: number): readonly (readonly TurnRecord[])[] {
  const journals: TurnRecord[][] = Array.from({ length: STORES }, () => []);
  const sent = Array.from({ length: STORES }, () => new Array<number>(STORES).fill(0));
  const taken = Array.from({ length: STORES }, () => new Array<number>(STORES).fill(0));
  for (let nowMs = 1; nowMs <= turnCount; nowMs += 1) {
    const store = random.below(STORES);
    const received: (readonly [number, number])[] = [];
    for (let from = 0; from < STORES; from += 1) {
      const open = sent[from]![store]! - taken[from]![store]!;
      if (from === store || open === 0) continue;
      taken[from]![store]! += 1 + random.below(open);
      received.push([from, taken[from]![store]!]);
    }
    const messages: {
      from: number;
      to: number;
      sequence: number;
      body: { kind: 'periodClosed'; awardPeriodId: number };
    }[] = [];
    for (let to = 0; to < STORES; to += 1) {
      if (to === store || random.below(2) === 0) continue;
      sent[store]![to]! += 1;
      messages.push({ from: store, to, sequence: sent[store]![to]!, body: { kind: 'periodClosed', awardPeriodId: 0 } });
    }
    const sequence = journals[store]!.length + 1;
    const section = { partition: store, sequence, facts: [], sent: messages, within: [], received };
    journals[store]!.push({ epoch: 1, sequence, nowMs, sections: [section] });
  }
  return journals;
}

/** By the definition, with no cleverness. */
function isClosed(journals: readonly (readonly TurnRecord[])[], vector: readonly number[]): boolean {
  const sections = journals.flatMap((turns, store) => turns.slice(0, vector[store]).flatMap((turn) => turn.sections));
  const sent = new Set(
    sections.flatMap((one) => one.sent.map(({ from, to, sequence }) => `${from} ${to} ${sequence}`)),
  );
  return sections.every(({ partition, received }) =>
    received.every(([from, sequence]) => sent.has(`${from} ${partition} ${sequence}`)),
  );
}

function greatest(journals: readonly (readonly TurnRecord[])[], ends: readonly number[]): readonly number[] {
  let best: readonly number[] = [0, 0, 0];
  for (let a = 0; a <= ends[0]!; a += 1) {
    for (let b = 0; b <= ends[1]!; b += 1) {
      for (let c = 0; c <= ends[2]!; c += 1) {
        if (a + b + c > best[0]! + best[1]! + best[2]! && isClosed(journals, [a, b, c])) best = [a, b, c];
      }
    }
  }
  return best;
}

function walk(journals: readonly (readonly TurnRecord[])[], ends: readonly number[], isInOrderOfTime: boolean) {
  const closure = new Closure([0, 0, 0]);
  const all = journals.flatMap((turns, store) => turns.slice(0, ends[store]).map((turn) => ({ store, turn })));
  if (isInOrderOfTime) all.sort((one, other) => one.turn.nowMs - other.turn.nowMs);
  for (const { store, turn } of all) closure.take(store, turn);
  return closure.cut();
}

describe('the greatest closed cut', () => {
  test('is what the definition says, for any ends and in any order of reading', () => {
    const random = new Random(seed);
    let cutBack = 0;
    for (let round = 0; round < 150; round += 1) {
      const journals = traffic(random, 24);
      const ends = journals.map((turns) => random.below(turns.length + 1));
      const expected = greatest(journals, ends);
      const found = walk(journals, ends, random.below(2) === 0);
      expect(found.vector, `SEED=${seed} round=${round} ends=${ends}`).toEqual(expected);
      for (let from = 0; from < STORES; from += 1) {
        for (let to = 0; to < STORES; to += 1) {
          const receipts = journals[to]!.slice(0, expected[to]).flatMap(({ sections }) => sections[0]!.received);
          const taken = Math.max(0, ...receipts.filter(([one]) => one === from).map(([, sequence]) => sequence));
          expect(found.taken(from, to), `SEED=${seed} round=${round}`).toBe(taken);
        }
      }
      if (expected.some((sequence, store) => sequence !== ends[store])) cutBack += 1;
    }
    // Where nothing was ever cut back, nothing was tested.
    expect(cutBack).toBeGreaterThan(20);
  });

  test('begun in the middle it keeps what was there, whether that is closed by what it walks or not', () => {
    const random = new Random(seed);
    for (let round = 0; round < 100; round += 1) {
      const journals = traffic(random, 24);
      // Asked of all at one time: what each had flushed then, which is closed.
      const askedMs = random.below(20);
      const first = journals.map((turns) => turns.filter(({ nowMs }) => nowMs <= askedMs).length);
      const second = journals.map((turns, store) => first[store]! + random.below(turns.length - first[store]! + 1));
      const positions = journals.map((turns, partition) => {
        const sent = new Array<number>(64).fill(0);
        for (const { sections } of turns.slice(0, first[partition])) {
          for (const { to, sequence } of sections[0]!.sent) sent[to] = sequence;
        }
        return { partition, sequence: first[partition]!, sent };
      });
      const closure = new Closure(first, positions);
      for (const [store, turns] of journals.entries()) {
        for (const turn of turns.slice(first[store], second[store])) closure.take(store, turn);
      }
      const { vector } = closure.cut();
      expect(vector, `SEED=${seed} round=${round}`).toEqual(greatest(journals, second));
      vector.forEach((sequence, store) => {
        expect(sequence).toBeGreaterThanOrEqual(first[store]!);
      });
    }
  });

  test('a frozen ranking needs the partitions as far as it counted them', () => {
    const section = { partition: 0, sequence: 1, sent: [], within: [], received: [] };
    const vector = new Array<number>(64).fill(0).with(1, 2);
    const frozen = { kind: 'rankingFrozen', awardPeriodId: 1, vector, participants: 0, digest: '' } as const;
    const closure = new Closure([0, 0]);
    closure.take(0, { epoch: 1, sequence: 1, nowMs: 3, sections: [{ ...section, facts: [frozen] }] });
    const other = (sequence: number) => {
      return { epoch: 1, sequence, nowMs: sequence, sections: [{ ...section, partition: 1, sequence, facts: [] }] };
    };
    closure.take(1, other(1));
    expect(closure.cut().vector).toEqual([0, 1]);
    closure.take(1, other(2));
    expect(closure.cut().vector).toEqual([1, 2]);
  });
});
