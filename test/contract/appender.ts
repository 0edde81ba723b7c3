/**
 * A small engine to be killed: `node appender.js <work> <folder> [crash point] [count]`. It prints what it was promised.
 *
 *   append    appends turns, writes rows, marks checkpoints and trims, for ever: prints `acked <sequence>`;
 *             with a crash point, kills itself at the count-th time that it passes there
 *   hold      opens the folder and waits
 *   read      opens, scrubs, reads everything: prints `read <digest>`
 *
 * All print `opened <epoch>`, or `fault <code> <message>` and end.
 */
import { createHash } from 'node:crypto';
import { writeSync } from 'node:fs';
import type { TurnRecord } from '../../engine/facts.ts';
import { type RowChange, StorageFault, type Store } from '../../engine/ports.ts';
import { openPersistence } from '../../snapshots/index.ts';

const CHECKPOINT_EVERY = 16;

/** Everything in it follows from its sequence. */
export function turnOf(epoch: number, sequence: number): TurnRecord {
  const facts = Array.from({ length: 1 + (sequence % 40) }, (_, index) => ({
    kind: 'cardDeactivated' as const,
    hpan: createHash('sha256').update(`${sequence} ${index}`).digest('hex'),
    deactivationMs: sequence * 1_000 + index,
  }));
  return {
    epoch,
    sequence,
    nowMs: sequence,
    sections: [{ partition: 5, sequence, facts, sent: [], within: [], received: [] }],
  };
}

export function rowOf(sequence: number): RowChange {
  const body = { kind: 'periodClosed', awardPeriodId: sequence } as const;
  const value = { messages: [{ from: 5, to: 6, sequence, body }] };
  return { address: { table: 'outbox', partition: 5, entity: '', sub: String(sequence) }, sequence, value };
}

/** Of all records, rows and the mark: two folders with the same content have the same. */
function contentOf(store: Store): string {
  const digest = createHash('sha256');
  for (const turn of store.journal.read(1)) digest.update(JSON.stringify(turn));
  for (const row of store.rows.scan('outbox', 5)) digest.update(JSON.stringify(row));
  return digest.update(JSON.stringify(store.rows.checkpoint())).digest('hex');
}

async function main([work, folder, point, count]: readonly string[]): Promise<void> {
  let left = Number(count ?? 1);
  const onPoint = (name: string) => {
    if (name !== point) return;
    left -= 1;
    if (left <= 0) process.kill(process.pid, 'SIGKILL');
  };
  try {
    const persistence = await openPersistence({ folder: folder!, onPoint });
    const store = persistence.stores[0]!;
    say(`opened ${store.journal.epoch}`);
    if (work === 'append') await appendForEver(store);
    if (work === 'hold') setInterval(() => {}, 1_000);
    if (work === 'read') {
      persistence.scrub();
      say(`read ${contentOf(store)}`);
      await persistence.close();
    }
  } catch (error) {
    if (!(error instanceof StorageFault)) throw error;
    say(`fault ${error.code} ${error.message}`);
    process.exit(3);
  }
}

async function appendForEver(store: Store): Promise<never> {
  let before = Promise.resolve();
  for (let sequence = store.journal.lastSequence + 1; ; sequence += 1) {
    const appended = store.journal.append(turnOf(store.journal.epoch, sequence)).then(() => say(`acked ${sequence}`));
    await before;
    before = appended;
    if (sequence % CHECKPOINT_EVERY === 0) {
      await appended;
      await checkpoint(store, sequence);
    }
  }
}

async function checkpoint(store: Store, sequence: number): Promise<void> {
  const mark = store.rows.checkpoint().sequence;
  const rows = Array.from({ length: sequence - mark }, (_, index) => rowOf(mark + 1 + index));
  await store.rows.write(rows.slice(0, 8));
  await store.rows.write(rows.slice(8));
  await store.rows.setCheckpoint({ sequence, partitions: [], ranked: { sequence: 0, copies: [] } });
  await store.journal.trim(sequence);
}

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

if (process.argv[1]?.endsWith('appender.js')) await main(process.argv.slice(2));
