/**
 * The ranking: moves, rank reads, pages, bulk load, file, memory; and the same moves and reads through a sorted array and
 * through the order-statistic tree of data-structure-typed, at a size that those can bear.
 *
 * A million participants unless RANKING_ENTRIES says otherwise; ten million need 3 GB and some minutes.
 */
import { performance } from 'node:perf_hooks';
import { RedBlackTree } from 'data-structure-typed';
import { Bench } from 'tinybench';
import { compareParticipants } from '../engine/ranking/audit.ts';
import { type Participant, Ranking } from '../engine/ranking/ranking.ts';
import type { Measurement, Ratio, SuiteResult } from './suite.ts';

const ENTRIES = Number(process.env.RANKING_ENTRIES ?? 1_000_000);
const PEER_ENTRIES = 50_000;
/** Participants who are asked about and moved: as many as fit beside the ranking without being the bottleneck. */
const SAMPLE_COUNT = 20_000;
const ROUNDS = 15;
/** Not counted: until the compiler has settled. */
const WARM_UP_ROUNDS = 6;
const SEED = 7;
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2021, 0, 1);
const SEMESTER_MS = 181 * DAY_MS;

/** What is measured of every structure alike. */
interface Subject {
  move(before: Participant, after: Participant): void;
  rankOf(participant: Participant): number;
}

interface Rates {
  readonly movesPerSecond: number;
  readonly readsPerSecond: number;
}

export async function run(): Promise<SuiteResult> {
  const results: Measurement[] = [];
  const maker = new ParticipantMaker(SEED);
  const ranking = measureBuild(results, maker);
  measureRates(results, '', subjectOf(ranking), maker);
  results.push({ name: 'ranking memory', unit: 'bytes/entry', value: ranking.bytes / ranking.count });
  await measurePages(results, ranking);
  measureFile(results, ranking);
  return { results, ratios: measurePeers(results) };
}

/** Times every structure with the same participants. */
function measurePeers(results: Measurement[]): Ratio[] {
  const peers: readonly [string, (participants: readonly Participant[]) => Subject][] = [
    [', small', (participants) => subjectOf(Ranking.build(1, participants, byKey))],
    [', a sorted array', sortedArray],
    [', data-structure-typed', redBlackTree],
  ];
  const all = peers.map(([name, make]) => {
    const maker = new ParticipantMaker(SEED);
    return { name, rates: measureRates(results, name, make([...maker.make(PEER_ENTRIES)]), maker) };
  });
  const [own, ...others] = all;
  return others.flatMap((peer) => [
    {
      name: `ranking moves against${peer.name.slice(1)}`,
      value: own!.rates.movesPerSecond / peer.rates.movesPerSecond,
      of: `ranking moves${own!.name}`,
      to: `ranking moves${peer.name}`,
    },
    {
      name: `ranking reads against${peer.name.slice(1)}`,
      value: own!.rates.readsPerSecond / peer.rates.readsPerSecond,
      of: `ranking reads${own!.name}`,
      to: `ranking reads${peer.name}`,
    },
  ]);
}

function measureBuild(results: Measurement[], maker: ParticipantMaker): Ranking {
  const unordered = timed(() => Ranking.build(1, maker.make(ENTRIES), byKey));
  const making = timed(() => drain(new ParticipantMaker(SEED).make(ENTRIES)));
  const ordered = timed(() => Ranking.build(1, unordered.result.entries(), byKey));
  const value = Math.max(0, unordered.elapsedMs - making.elapsedMs);
  results.push({ name: 'ranking build, no order', unit: 'ms', value });
  results.push({ name: 'ranking build, in order', unit: 'ms', value: ordered.elapsedMs });
  return unordered.result;
}

/** Reads and moves of the sampled participants, as on a busy day: one more payment, made just now. */
function measureRates(results: Measurement[], name: string, subject: Subject, maker: ParticipantMaker): Rates {
  const reads: number[] = [];
  const moves: number[] = [];
  let sample = maker.sample;
  for (let round = 0; round < ROUNDS; round += 1) {
    const present = sample;
    const next = present.map((participant, index) => afterPayment(participant, round * SAMPLE_COUNT + index));
    reads.push(perSecond(present.length, () => readAll(subject, present)));
    moves.push(perSecond(present.length, () => moveAll(subject, present, next)));
    sample = next;
  }
  const rates = {
    movesPerSecond: median(moves.slice(WARM_UP_ROUNDS)),
    readsPerSecond: median(reads.slice(WARM_UP_ROUNDS)),
  };
  results.push({ name: `ranking reads${name}`, unit: 'reads/s', value: rates.readsPerSecond });
  results.push({ name: `ranking moves${name}`, unit: 'moves/s', value: rates.movesPerSecond });
  return rates;
}

function readAll(subject: Subject, sample: readonly Participant[]): number {
  let sum = 0;
  for (const participant of sample) sum += subject.rankOf(participant);
  return sum;
}

function moveAll(subject: Subject, before: readonly Participant[], after: readonly Participant[]): void {
  for (let index = 0; index < before.length; index += 1) subject.move(before[index]!, after[index]!);
}

async function measurePages(results: Measurement[], ranking: Ranking): Promise<void> {
  const random = new SeededRandom(SEED);
  const bench = new Bench({ time: 500, retainSamples: false, throws: true });
  bench.add('ranking page of 100', () => {
    ranking.page(1 + random.below(ranking.count - 100), 100);
  });
  bench.add('ranking at', () => {
    ranking.at(1 + random.below(ranking.count));
  });
  await bench.run();
  for (const { name, result } of bench.tasks) {
    if (result.state !== 'completed') throw new Error(`${name} did not complete`);
    const { mean, p50, p99 } = result.latency;
    results.push({ name, unit: 'us', value: mean * 1_000, p50: p50 * 1_000, p99: p99 * 1_000 });
  }
}

function measureFile(results: Measurement[], ranking: Ranking): void {
  const written = timed(() => [...ranking.toChunks()]);
  const read = timed(() => Ranking.fromChunks(written.result, byKey));
  results.push({ name: 'ranking file, written', unit: 'ms', value: written.elapsedMs });
  results.push({ name: 'ranking file, read and checked', unit: 'ms', value: read.elapsedMs });
}

function subjectOf(ranking: Ranking): Subject {
  return {
    move: (before, after) => ranking.move(before.citizen, before.standing, after.standing),
    rankOf: ({ citizen, standing }) => ranking.rankOf(citizen, standing),
  };
}

/** What most programs would do: one array, kept in order. */
function sortedArray(participants: readonly Participant[]): Subject {
  const sorted = participants.toSorted(compare);
  const indexOf = (participant: Participant): number => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(sorted[middle]!, participant) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    move: (before, after) => {
      sorted.splice(indexOf(before), 1);
      sorted.splice(indexOf(after), 0, after);
    },
    rankOf: (participant) => indexOf(participant) + 1,
  };
}

function redBlackTree(participants: readonly Participant[]): Subject {
  const tree = new RedBlackTree<Participant>(participants, { comparator: compare, enableOrderStatistic: true });
  return {
    move: (before, after) => {
      tree.delete(before);
      tree.add(after);
    },
    rankOf: (participant) => tree.getRank(participant) + 1,
  };
}

function compare(left: Participant, right: Participant): number {
  return compareParticipants(left, right, byKey);
}

/** In the place of tax codes, which the random instants hardly ever need. */
function byKey(left: string, right: string): number {
  return left < right ? -1 : 1;
}

/** The same participants for everyone, one at a time, so that ten million are never so many objects. */
class ParticipantMaker {
  readonly sample: Participant[] = [];
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  /** In no order, `SAMPLE_COUNT` of them kept in `sample`. Few have many payments, as in the programme. */
  *make(count: number): Generator<Participant, void, undefined> {
    const random = this.#random;
    const every = Math.ceil(count / SAMPLE_COUNT);
    for (let index = 0; index < count; index += 1) {
      const standing = {
        count: Math.floor(random.next() * random.next() * 800),
        lastTrxMs: START_MS + random.below(SEMESTER_MS),
        termsMs: START_MS - random.below(24 * DAY_MS),
      };
      const participant = { citizen: random.hex(32), standing };
      if (index % every === 0) this.sample.push(participant);
      yield participant;
    }
  }
}

function afterPayment({ citizen, standing }: Participant, step: number): Participant {
  return { citizen, standing: { ...standing, count: standing.count + 1, lastTrxMs: START_MS + SEMESTER_MS + step } };
}

/** Mulberry32. Mathematics only: the same figures everywhere. */
class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit);
  }

  hex(digits: number): string {
    const codes = Array.from({ length: digits }, () => '0123456789abcdef'.charCodeAt(this.below(16)));
    return String.fromCharCode(...codes);
  }
}

function timed<Result>(work: () => Result): { readonly result: Result; readonly elapsedMs: number } {
  const startMs = performance.now();
  const result = work();
  return { result, elapsedMs: performance.now() - startMs };
}

function drain(items: Iterable<unknown>): number {
  let count = 0;
  for (const _ of items) count += 1;
  return count;
}

function perSecond(count: number, work: () => unknown): number {
  return (count * 1_000) / timed(work).elapsedMs;
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >>> 1]!;
}
