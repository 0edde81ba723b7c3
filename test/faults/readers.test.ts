// Method: rows are written over and over while others read slowly, and the file is measured; processes die while they read
// the database of a running store, hundreds of them, and the store goes on.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FileStore, type Folder, openFileStore, openFolder } from '../../snapshots/index.ts';
import { rowOf } from '../contract/appender.ts';
import { saveLong } from '../support/results.ts';
import { QUICK_FOLDER } from './damage.ts';

/** An hour of it: `BATCHES=500000`. */
const BATCHES = Number(process.env.BATCHES ?? 300);
/** LMDB has seats for 126; the catalogue's: `READERS=500`. */
const READERS = Number(process.env.READERS ?? 24);
const READERS_AT_ONCE = 12;
const ROWS = 20_000;
const ROWS_PER_BATCH = 100;
let place: string;
let folder: Folder;
let store: FileStore;

beforeEach(async () => {
  place = mkdtempSync(join(QUICK_FOLDER, 'clickday-readers-'));
  folder = openFolder(join(place, 'data'), undefined);
  store = await openFileStore(folder, 0, () => {});
});
afterEach(async () => {
  await store.close();
  folder.unlock();
  rmSync(place, { recursive: true, force: true });
});

const rowsPath = () => join(folder.path, 'store-0', 'rows');

async function fill(): Promise<void> {
  for (let batch = 0; batch < 10; batch += 1) await write(batch, ROWS / 10);
}

/** Each row is written again and again. */
async function write(batch: number, count = ROWS_PER_BATCH): Promise<void> {
  const rows = Array.from({ length: count }, (_, index) => rowOf(1 + ((batch * count + index) % ROWS)));
  await store.rows.write(rows.map((row) => ({ ...row, sequence: batch + 1 })));
}

function growth(): number {
  const { fileBytes, liveBytes } = store.maintain().rows;
  return fileBytes / liveBytes;
}

test('fault 10: with slow scans going on all the time, the file stays within 2.5 times what is in it', async () => {
  await fill();
  let scan = store.rows.scan('outbox', 5)[Symbol.iterator]();
  for (let batch = 0; batch < BATCHES; batch += 1) {
    await write(batch);
    // One that rests between any two rows, for as long as the table is.
    if (scan.next().done === true) scan = store.rows.scan('outbox', 5)[Symbol.iterator]();
    expect(growth()).toBeLessThan(2.5);
  }
});

test('a reader that stays is what makes the file grow', async () => {
  await fill();
  const reader = open({ path: rowsPath(), readOnly: true, encoding: 'binary', keyEncoding: 'binary' });
  const transaction = reader.useReadTransaction();
  for (let batch = 0; batch < 300; batch += 1) await write(batch);
  expect(growth()).toBeGreaterThan(2.5);
  expect(store.pastReaders()).toEqual([expect.stringMatching(/^rows: /)]);
  transaction.done();
  expect(store.pastReaders()).toEqual([]);
  await reader.close();
});

/** Reads on many threads at once, each of which has a seat of its own, and dies. */
const DYING_READER = `
  const { Worker } = require('node:worker_threads');
  const { open } = require('lmdb');
  const [path, count] = [process.argv[1], Number(process.argv[2])];
  const options = { path, readOnly: true, encoding: 'binary', keyEncoding: 'binary' };
  open(options);
  const reading = \`
    const { parentPort, workerData } = require('node:worker_threads');
    const database = require('lmdb').open(workerData);
    database.useReadTransaction();
    parentPort.postMessage(true);
    setInterval(() => database, 1000);
  \`;
  let left = count;
  for (let thread = 0; thread < count; thread += 1) {
    const worker = new Worker(reading, { eval: true, workerData: options });
    worker.once('error', (error) => { console.error(error.message); process.exit(1); });
    worker.once('message', () => { left -= 1; if (left === 0) process.kill(process.pid, 'SIGKILL'); });
  }
`;

function dieReading(readers: number): string {
  try {
    execFileSync(process.execPath, ['-e', DYING_READER, rowsPath(), String(readers)], { stdio: 'pipe' });
  } catch (error) {
    const { signal, stderr } = error as { readonly signal: string | null; readonly stderr: Buffer };
    return signal ?? String(stderr);
  }
  return 'lived';
}

test(`fault 11: ${READERS} readers die while a store runs, their seats are cleared, and nobody is refused`, {
  timeout: 600_000,
}, async () => {
  await fill();
  let cleared = 0;
  for (let round = 0; round < READERS / READERS_AT_ONCE; round += 1) {
    expect(dieReading(READERS_AT_ONCE)).toBe('SIGKILL');
    cleared += store.maintain().readersCleared;
    for (let batch = 0; batch < 100; batch += 1) await write(batch);
    expect([...store.rows.scan('outbox', 5)]).toHaveLength(ROWS);
    // A dead reader whose seat is left to it would keep every page that it might still read.
    expect(growth()).toBeLessThan(2.5);
  }
  // Whoever comes after it clears a few by itself.
  expect(cleared).toBeGreaterThan(READERS / 2);
  saveLong(process.env.READERS, {
    suite: 'readers',
    command: `READERS=${READERS} npx vitest run test/faults/readers.test.ts`,
    counts: {
      'readers killed': Math.ceil(READERS / READERS_AT_ONCE) * READERS_AT_ONCE,
      'seats cleared': cleared,
    },
  });
  // And at the next opening.
  expect(dieReading(READERS_AT_ONCE)).toBe('SIGKILL');
  await store.close();
  store = await openFileStore(folder, 0, () => {});
  expect([...store.rows.scan('outbox', 5)]).toHaveLength(ROWS);
});
