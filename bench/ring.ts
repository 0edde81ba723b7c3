/**
 * The ring between two threads: records a second, each checked byte by byte (fault 21), and what it costs to wake the
 * other side, by `Atomics.notify` or by a message to its port.
 *
 * RECORDS=100000000 is the long run of the fault's check; ROUNDS=20000 how often each side is woken.
 */
import { Worker } from 'node:worker_threads';
import { createRing, RingWriter } from '../server/shards/ring.ts';
import { fillRecord, RECORD_BYTES_MAX } from './ring/records.ts';
import type { RingTask } from './ring/thread.ts';
import type { Measurement, SuiteResult } from './suite.ts';

const RECORD_COUNT = Number(process.env.RECORDS ?? 2_000_000);
const ROUND_COUNT = Number(process.env.ROUNDS ?? 20_000);
const WARM_UP_COUNT = 2_000;
/** Small, so that it is full most of the time. */
const RING_BYTES = 65_536;

export async function run(): Promise<SuiteResult> {
  const records = await measureRecords();
  const port = await measureWaking('woken by a port', wakeByPort);
  const notify = await measureWaking('woken by notify', wakeByNotify);
  const [of, to] = [port[1]!, notify[1]!];
  return {
    results: [...records, ...port, ...notify],
    ratios: [{ name: 'what a port costs', value: of.value / to.value, of: of.name, to: to.name }],
  };
}

async function measureRecords(): Promise<readonly Measurement[]> {
  const ring = createRing(RING_BYTES);
  const thread = startThread({ kind: 'check', ring, count: RECORD_COUNT });
  const startedMs = performance.now();
  const wrong = await new Promise<number | null>((resolve) => {
    const [writer, buffer] = [new RingWriter(ring, () => thread.postMessage(null)), new Uint8Array(RECORD_BYTES_MAX)];
    let index = 0;
    const writeAll = () => {
      while (index < RECORD_COUNT && writer.write(fillRecord(buffer, index))) index += 1;
    };
    thread.on('message', (said: { readonly wrong: number | null } | null) => {
      if (said === null) writeAll();
      else resolve(said.wrong);
    });
    writeAll();
  });
  if (wrong !== null) throw new Error(`record ${wrong} was lost, doubled or torn`);
  const seconds = (performance.now() - startedMs) / 1_000;
  return [
    { name: 'records between two threads, each checked', unit: 'records/s', value: RECORD_COUNT / seconds },
    { name: 'records lost, doubled or torn', unit: `of ${RECORD_COUNT.toLocaleString('en-GB')}`, value: 0 },
  ];
}

/** Wakes the other thread and waits until it has woken this one: both rest in between. */
type WakeInTurn = (round: number) => Promise<unknown>;

async function measureWaking(
  name: string,
  start: (count: number) => { readonly wake: WakeInTurn },
): Promise<readonly Measurement[]> {
  const { wake } = start(WARM_UP_COUNT + ROUND_COUNT);
  for (let round = 0; round < WARM_UP_COUNT; round += 1) await wake(round);
  const latenciesUs: number[] = [];
  const before = process.cpuUsage();
  for (let round = 0; round < ROUND_COUNT; round += 1) {
    const startedMs = performance.now();
    await wake(WARM_UP_COUNT + round);
    latenciesUs.push((performance.now() - startedMs) * 1_000);
  }
  const { user, system } = process.cpuUsage(before);
  latenciesUs.sort((a, b) => a - b);
  const [p50, p99] = [latenciesUs[Math.floor(ROUND_COUNT / 2)]!, latenciesUs[Math.floor(ROUND_COUNT * 0.99)]!];
  return [
    { name: `there and back, ${name}`, unit: 'us', value: p50, p50, p99 },
    { name: `there and back, ${name}, cpu`, unit: 'us', value: (user + system) / ROUND_COUNT },
  ];
}

function wakeByPort(count: number): { readonly wake: WakeInTurn } {
  const thread = startThread({ kind: 'port', count });
  let woken = () => {};
  thread.on('message', () => woken());
  return {
    wake: () =>
      new Promise<void>((resolve) => {
        woken = resolve;
        thread.postMessage(null);
      }),
  };
}

function wakeByNotify(count: number): { readonly wake: WakeInTurn } {
  const words = new Int32Array(new SharedArrayBuffer(8));
  startThread({ kind: 'notify', words, count });
  return {
    async wake(round) {
      Atomics.store(words, 0, round + 1);
      Atomics.notify(words, 0);
      const waiting = Atomics.waitAsync(words, 1, round);
      if (waiting.async) await waiting.value;
    },
  };
}

function startThread(task: RingTask): Worker {
  return new Worker(new URL('./ring/thread.js', import.meta.url), { workerData: task });
}
