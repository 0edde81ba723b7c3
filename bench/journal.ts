/**
 * What a durable turn costs: the journal against a bare LMDB put and a bare write with fdatasync of the same bytes,
 * alone and while a checkpoint writes rows beside it. All on one disk, in short rounds that take turns, so that a
 * disk that slows down slows all of them. ROUNDS=4.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open as openLmdb } from 'lmdb';
import type { Fact, TurnRecord } from '../engine/facts.ts';
import { LIMITS } from '../engine/limits.ts';
import type { RowChange, Store } from '../engine/ports.ts';
import { openPersistence } from '../snapshots/index.ts';
import type { Measurement, SuiteResult } from './suite.ts';

const FACTS_PER_TURN = 1_000;
const ROUNDS = Number(process.env.ROUNDS ?? 4);
const APPENDS_PER_ROUND = 100;

export async function run(): Promise<SuiteResult> {
  const folder = mkdtempSync(join(tmpdir(), 'clickday-bench-'));
  try {
    return await runIn(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runIn(folder: string): Promise<SuiteResult> {
  const persistence = await openPersistence({ folder: join(folder, 'data'), shardCount: 1 });
  const store = persistence.stores[0]!;
  const facts = makeFacts();
  const bytes = Buffer.alloc(await recordBytes(store, facts, folder));
  const lmdb = openLmdb<Buffer, number>({
    path: join(folder, 'lmdb'),
    encoding: 'binary',
    keyEncoding: 'uint32',
    overlappingSync: false,
  });
  const file = await open(join(folder, 'plain'), 'w');
  const waits = { journal: [] as number[], busy: [] as number[], lmdb: [] as number[], file: [] as number[] };

  let key = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await measure(waits.journal, () => store.journal.append(nextTurn(store, facts)));
    await measure(waits.lmdb, async () => {
      key += 1;
      await lmdb.put(key, bytes);
    });
    await measure(waits.file, async () => {
      await file.write(bytes);
      await file.datasync();
    });
    await besideCheckpoint(store, () => measure(waits.busy, () => store.journal.append(nextTurn(store, facts))));
  }
  await Promise.all([file.close(), lmdb.close(), persistence.close()]);
  return report(waits, bytes.length);
}

/** One after the other, so that each is a wait of its own: milliseconds. */
async function measure(waits: number[], work: () => Promise<void>): Promise<void> {
  for (let count = 0; count < APPENDS_PER_ROUND; count += 1) {
    const start = performance.now();
    await work();
    waits.push(performance.now() - start);
  }
}

/** Writes rows without a pause, in transactions of the size that a checkpoint uses, until `work` is done. */
async function besideCheckpoint(store: Store, work: () => Promise<void>): Promise<void> {
  let isDone = false;
  const checkpoint = async () => {
    for (let batch = 0; !isDone; batch += 1) await store.rows.write(makeRows(batch));
  };
  const writing = checkpoint();
  await work();
  isDone = true;
  await writing;
}

function report(waits: Readonly<Record<'journal' | 'busy' | 'lmdb' | 'file', number[]>>, bytes: number): SuiteResult {
  const results = [
    measurement('journal append', waits.journal),
    measurement('journal append, checkpoint beside it', waits.busy),
    measurement('lmdb put of the same bytes', waits.lmdb),
    measurement('write and fdatasync of the same bytes', waits.file),
    { name: 'bytes of one fact in the journal', unit: 'bytes/fact', value: bytes / FACTS_PER_TURN },
    {
      name: 'durable facts',
      unit: 'facts/s',
      value: (FACTS_PER_TURN * waits.journal.length * 1_000) / waits.journal.reduce((sum, wait) => sum + wait, 0),
    },
  ];
  const own = find(results, 'journal append');
  const busy = find(results, 'journal append, checkpoint beside it');
  const put = find(results, 'lmdb put of the same bytes');
  const plain = find(results, 'write and fdatasync of the same bytes');
  const ratios = [
    { name: 'raw', value: put.value / own.value, of: put.name, to: own.name },
    { name: 'fdatasync', value: plain.value / own.value, of: plain.name, to: own.name },
    { name: 'p99-checkpoint', value: busy.p99! / own.p99!, of: `p99 of ${busy.name}`, to: `p99 of ${own.name}` },
  ];
  return { results, ratios };
}

/** The median is the figure: a mean of waits for a shared disk says more about the neighbours. */
function measurement(name: string, waits: readonly number[]): Measurement {
  const sorted = waits.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)]!;
  return { name, unit: 'ms', value: at(0.5), p50: at(0.5), p99: at(0.99) };
}

function find(results: readonly Measurement[], name: string): Measurement {
  return results.find((result) => result.name === name)!;
}

function nextTurn(store: Store, facts: readonly Fact[]): TurnRecord {
  const sequence = store.journal.lastSequence + 1;
  const section = { partition: 0, sequence, facts, sent: [], within: [], received: [] };
  return { epoch: store.journal.epoch, sequence, nowMs: 1_607_385_600_000, sections: [section] };
}

/** Appends one turn and says how long its record is, as the disk of the journal shows. */
async function recordBytes(store: Store, facts: readonly Fact[], folder: string): Promise<number> {
  const path = join(folder, 'data', 'store-0', 'journal', 'data.mdb');
  const before = statSync(path).size;
  await store.journal.append(nextTurn(store, facts));
  return statSync(path).size - before;
}

/** The mix of a click day: cards claimed and given, commands done. */
function makeFacts(): Fact[] {
  return Array.from({ length: FACTS_PER_TURN }, (_, index): Fact => {
    const hpan = digits(`card ${index}`, 64);
    const citizen = digits(`citizen ${index}`, 32);
    const atMs = 1_607_385_600_000 + index;
    if (index % 4 === 0) return { kind: 'claimStarted', citizen, hpan, channel: 'app-io-channel' };
    if (index % 4 === 1) return { kind: 'claimEnded', citizen, hpan, activationMs: atMs, atMs };
    if (index % 4 === 2) return { kind: 'optInSet', citizen, optInStatus: 'ACCEPTED' };
    const bodyHash = digits(`body ${index}`, 32);
    return {
      kind: 'commandDone',
      citizen,
      commandKey: digits(`id ${index}`, 32),
      bodyHash,
      command: 'addMethod',
      answer: { hpan },
    };
  });
}

function makeRows(batch: number): RowChange[] {
  return Array.from({ length: LIMITS.checkpointBatchRows }, (_, index): RowChange => {
    const entity = digits(`row ${batch} ${index}`, 32);
    const commandKey = digits(`id ${index}`, 32);
    const answer = { activationMs: 1_607_385_600_000 };
    const asked = { commandKey, bodyHash: digits(`body ${index}`, 32), command: 'enableCashback' } as const;
    const value = { commands: [{ ...asked, answer, sequence: batch + 1 }] };
    return { address: { table: 'command', partition: 0, entity, sub: '' }, sequence: batch + 1, value };
  });
}

function digits(text: string, count: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, count);
}
