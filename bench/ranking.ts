/**
 * The ranking: moves, rank reads, pages, bulk load, file, memory; the same moves and reads through Redis at the same
 * size, and through structures of other packages at a size that those can bear.
 *
 * A million participants unless `--entries` says otherwise; ten million need 5 GB and some minutes. Who they are, how
 * many payments they have and who of them is read and moved: participants.ts. Moves are single ones, as the engine makes
 * them: what a batch of them could share was measured to be worth nothing (counted-tree.ts).
 */
import { performance } from 'node:perf_hooks';
import { Bench } from 'tinybench';
import { SeededRandom } from '../client/replay/random.ts';
import { type Participant, Ranking } from '../engine/ranking/ranking.ts';
import { afterPayment, makeParticipants } from './participants.ts';
import { compareKeys } from './peers/order.ts';
import { redBlackTree } from './peers/red-black-tree.ts';
import { RedisSortedSet } from './peers/redis-sorted-set.ts';
import { sortedArray } from './peers/sorted-array.ts';
import { plainBtree } from './peers/sorted-btree.ts';
import { batched, type Subject } from './peers/subject.ts';
import type { Measurement, Ratio, SuiteResult } from './suite.ts';

const ENTRIES = Number(process.env.ENTRIES ?? 1_000_000);
const SMALL_ENTRIES = 50_000;
const ROUNDS = 15;
/** Not counted: until the compiler has settled. */
const WARM_UP_ROUNDS = 6;
/** Read, and moved, in a round. */
const BATCH_MAX = 20_000;
/** Ties are rare, and only there may a peer that knows less of the order differ. */
const AGREEMENT_MIN = 0.999;
const SEED = 7;

interface Rates {
  readonly reads: Measurement;
  readonly moves: Measurement;
  /** The sample as it stands after all moves. */
  readonly sample: readonly Participant[];
  /** Of those, in the end. */
  readonly ranks: readonly number[];
}

export async function run(): Promise<SuiteResult> {
  const sample = sampleOf(ENTRIES);
  const building = measureBuild(ENTRIES);
  const { ranking } = building;
  const rates = await measureRates('', subjectOf(ranking), sample);
  const bytes = { name: 'bytes-per-entry', unit: 'bytes/entry', value: ranking.bytes / ranking.count };
  const results = [rates.moves, rates.reads, bytes, ...measureFile(ranking), ...building.results];
  results.push(...(await measurePages(ranking)));

  const redis = await measureRedis(ENTRIES, rates, bytes, sample);
  const small = await measureSmallPeers();
  return { results: [...results, ...redis.results, ...small.results], ratios: [...redis.ratios, ...small.ratios] };
}

function measureBuild(entries: number): { readonly ranking: Ranking; readonly results: readonly Measurement[] } {
  const unordered = timed(() => Ranking.build(1, makeParticipants(SEED, entries), compareKeys));
  const making = timed(() => drain(makeParticipants(SEED, entries)));
  const ranking = unordered.result;
  const ordered = timed(() => Ranking.build(1, ranking.entries(), compareKeys));
  const reading = timed(() => drain(ranking.entries()));
  const seconds = (whole: { elapsedMs: number }, part: { elapsedMs: number }) =>
    Math.max(0, whole.elapsedMs - part.elapsedMs) / 1_000;
  const results = [
    { name: 'load-sorted-s', unit: 's', value: seconds(ordered, reading) },
    { name: 'load-unsorted-s', unit: 's', value: seconds(unordered, making) },
  ];
  return { ranking, results };
}

function measureFile(ranking: Ranking): Measurement[] {
  const written = timed(() => fileOf(ranking));
  const read = timed(() => Ranking.fromChunks(written.result, compareKeys));
  return [
    { name: 'load-s', unit: 's', value: read.elapsedMs / 1_000 },
    { name: 'save-s', unit: 's', value: written.elapsedMs / 1_000 },
  ];
}

function fileOf(ranking: Ranking): readonly Uint8Array[] {
  const copy = ranking.copy();
  const rows = [...copy.rows];
  return [copy.header(), ...rows];
}

async function measurePages(ranking: Ranking): Promise<Measurement[]> {
  const random = new SeededRandom(SEED);
  const bench = new Bench({ time: 500, retainSamples: false, throws: true });
  bench.add('page-us', () => {
    ranking.page(1 + random.below(ranking.count - 100), 100);
  });
  bench.add('at-us', () => {
    ranking.at(1 + random.below(ranking.count));
  });
  await bench.run();
  return bench.tasks.map(({ name, result }) => {
    if (result.state !== 'completed') throw new Error(`${name} did not complete`);
    const { mean, p50, p99 } = result.latency;
    return { name, unit: 'us', value: mean * 1_000, p50: p50 * 1_000, p99: p99 * 1_000 };
  });
}

/** The same participants, and the same of them read and moved. */
async function measureRedis(
  entries: number,
  own: Rates,
  bytes: Measurement,
  sample: readonly Participant[],
): Promise<SuiteResult> {
  const redis = await RedisSortedSet.start();
  if (redis === null) return { results: [], ratios: [] };
  try {
    const value = await redis.load(makeParticipants(SEED, entries));
    const redisBytes = { name: 'bytes-per-entry, redis', unit: 'bytes/entry', value };
    const piped = await measureRates(', redis pipelined', redis.pipelined, sample);
    checkAgreement(own, piped);
    // From where it was left: a second move to the same place would cost it nothing.
    const looped = await measureRates(', redis in lua', redis.inLua, piped.sample);
    return {
      results: [piped.moves, piped.reads, looped.moves, looped.reads, redisBytes],
      ratios: [
        ratio('redis-move', own.moves, piped.moves),
        ratio('redis-read', own.reads, piped.reads),
        ratio('redis-lua-move', own.moves, looped.moves),
        ratio('redis-lua-read', own.reads, looped.reads),
        ratio('redis-bytes', bytes, redisBytes),
      ],
    };
  } finally {
    await redis.stop();
  }
}

/** Every structure with the same participants; and all must rank them alike. */
async function measureSmallPeers(): Promise<SuiteResult> {
  const participants = [...makeParticipants(SEED, SMALL_ENTRIES)];
  const sample = sampleOf(SMALL_ENTRIES);
  const ranking = subjectOf(Ranking.build(1, participants, compareKeys));
  const own = await measureRates(', small', ranking, sample);
  const results = [own.moves, own.reads];
  const ratios: Ratio[] = [];
  for (const [name, make] of [
    ['sorted-array', sortedArray],
    ['data-structure-typed', redBlackTree],
    ['sorted-btree', plainBtree],
  ] as const) {
    const peer = await measureRates(`, ${name}`, make(participants), sample);
    checkAgreement(own, peer);
    results.push(peer.moves, peer.reads);
    ratios.push(ratio(`${name}-move`, own.moves, peer.moves), ratio(`${name}-read`, own.reads, peer.reads));
  }
  return { results, ratios };
}

/**
 * Medians over rounds. Whoever is moved in a round was last read half of the rounds ago, so that neither finds in the
 * caches what the other has left there. Who asks is made anew each time, as whatever comes in with a command is: what
 * the caches then still have is the asker, not the ranking.
 */
async function measureRates(name: string, subject: Subject, sample: readonly Participant[]): Promise<Rates> {
  const batchCount = Math.floor(sample.length / ROUNDS);
  const batches = Array.from({ length: ROUNDS }, (_, batch) =>
    sample.slice(batch * batchCount, (batch + 1) * batchCount),
  );
  const reads: number[] = [];
  const moves: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const asked = batches[(round + (ROUNDS >>> 1)) % ROUNDS]!.map(madeAnew);
    const before = batches[round]!.map(madeAnew);
    const after = before.map((participant, index) => afterPayment(participant, round * batchCount + index));
    reads.push(await perSecond(batchCount, () => subject.readAll(asked)));
    moves.push(await perSecond(batchCount, () => subject.moveAll(before, after)));
    batches[round] = after;
  }
  const left = batches.flat();
  return {
    sample: left,
    ranks: await subject.readAll(left),
    reads: { name: `reads${name}`, unit: 'reads/s', value: median(reads.slice(WARM_UP_ROUNDS)) },
    moves: { name: `moves${name}`, unit: 'moves/s', value: median(moves.slice(WARM_UP_ROUNDS)) },
  };
}

function madeAnew({ citizen, standing }: Participant): Participant {
  return { citizen: Buffer.from(citizen, 'latin1').toString('latin1'), standing: { ...standing } };
}

function subjectOf(ranking: Ranking): Subject {
  return batched({
    move: (before, after) => ranking.move(before.citizen, before.standing, after.standing),
    rankOf: ({ citizen, standing }) => ranking.rankOf(citizen, standing),
  });
}

/** A peer is one only as long as it does the same. */
function checkAgreement(own: Rates, peer: Rates): void {
  const agreeing = own.ranks.filter((rank, index) => rank === peer.ranks[index]).length;
  if (agreeing < own.ranks.length * AGREEMENT_MIN) {
    throw new Error(`${peer.moves.name}: only ${agreeing} of ${own.ranks.length} ranks are the same`);
  }
}

/** Drawn evenly: participants come in no order. */
function sampleOf(entries: number): Participant[] {
  const every = Math.ceil(entries / Math.min(BATCH_MAX * ROUNDS, entries));
  const sample: Participant[] = [];
  let index = 0;
  for (const participant of makeParticipants(SEED, entries)) {
    if (index % every === 0) sample.push(participant);
    index += 1;
  }
  return sample;
}

function ratio(name: string, of: Measurement, to: Measurement): Ratio {
  return { name, value: of.value / to.value, of: of.name, to: to.name };
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

async function perSecond(count: number, work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return (count * 1_000) / (performance.now() - startMs);
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >>> 1]!;
}
