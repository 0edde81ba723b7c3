/** The other thread of a ring: checks what comes, or is woken and wakes. Ends by itself. */
import { parentPort, workerData } from 'node:worker_threads';
import { RingReader } from '../../server/shards/ring.ts';
import { isRecord } from './records.ts';

export type RingTask =
  /** Reads `count` records; posts `{ wrong }`: the index of the first that is not the expected one, or null. */
  | { readonly kind: 'check'; readonly ring: SharedArrayBuffer; readonly count: number }
  /** Answers `count` messages of its port. */
  | { readonly kind: 'port'; readonly count: number }
  /** Waits `count` times for the first of two words to change, and then changes the second. */
  | { readonly kind: 'notify'; readonly words: Int32Array; readonly count: number };

const task = workerData as RingTask;
const port = parentPort!;

switch (task.kind) {
  case 'check':
    check(task);
    break;
  case 'port':
    answer(task);
    break;
  case 'notify':
    await change(task);
    break;
}

function check({ ring, count }: Extract<RingTask, { kind: 'check' }>): void {
  const reader = new RingReader(ring, () => port.postMessage(null));
  let [index, wrong] = [0, null as number | null];
  const readAll = () => {
    for (let record = reader.next(); record !== null; record = reader.next()) {
      if (wrong === null && !isRecord(record, index)) wrong = index;
      index += 1;
    }
    if (index < count) return;
    port.postMessage({ wrong });
    port.close();
  };
  port.on('message', readAll);
  readAll();
}

function answer({ count }: Extract<RingTask, { kind: 'port' }>): void {
  let left = count;
  port.on('message', () => {
    port.postMessage(null);
    left -= 1;
    if (left === 0) port.close();
  });
}

/** `Atomics.waitAsync` does not keep a thread alive; a port that is listened to does. */
async function change({ words, count }: Extract<RingTask, { kind: 'notify' }>): Promise<void> {
  port.on('message', () => {});
  for (let round = 0; round < count; round += 1) {
    const waiting = Atomics.waitAsync(words, 0, round);
    if (waiting.async) await waiting.value;
    Atomics.store(words, 1, round + 1);
    Atomics.notify(words, 1);
  }
  port.close();
}
