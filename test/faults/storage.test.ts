// Method: the watch over a disk is asked at its limits; then a real server runs until its disk, or its quota, has no room
// for changes, is read and closes a period meanwhile, and takes changes in again when there is room. Last, a disk that
// is really full, a folder that cannot be written, and one without inodes.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { ClickdayClient, type SocketConstructor } from '../../client/sdk/index.ts';
import { isoText, LIMITS, makeIban, makeTaxCode } from '../../engine/index.ts';
import { Storage } from '../../server/admission/index.ts';
import { openFolderIdentity } from '../../server/index.ts';
import { folderBytes, openPersistence, verifyFolder } from '../../snapshots/index.ts';
import { turnOf } from '../contract/appender.ts';
import { Victim } from '../kill/victim.ts';
import { compile } from '../support/compiled.ts';
import { hpan } from '../support/world.ts';

const PROGRAM = resolve('dist/server/main.js');
const LONG_MS = 240_000;
let place: string;
const mounts: string[] = [];

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'clickday-storage-'));
});
afterEach(() => {
  for (const path of mounts.splice(0)) spawnSync('umount', ['--lazy', path]);
  rmSync(place, { recursive: true, force: true });
});

/** Whoever is not root on a machine of its own may not: those tests are left out. */
function mounted(name: string, options: string): string | null {
  const path = join(place, name);
  mkdirSync(path);
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', path]).status !== 0) return null;
  mounts.push(path);
  return path;
}

const canMount = (() => {
  const path = mkdtempSync(join(tmpdir(), 'clickday-mount-'));
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path]).status === 0;
  if (isMounted) spawnSync('umount', [path]);
  rmSync(path, { recursive: true, force: true });
  if (!isMounted) console.info('left out: disks of a size of their own, since nothing can be mounted here');
  return isMounted;
})();

describe('the watch over the disk', () => {
  const GB = 1_024 ** 3;
  async function seen(free: readonly number[], total: number, quota?: { bytes: readonly number[]; max: number }) {
    let look = 0;
    const changes: boolean[] = [];
    const storage = new Storage({
      folder: '',
      quotaBytes: quota?.max,
      diskSpace: async () => ({ freeBytes: free[look] ?? free[0]!, totalBytes: total }),
      folderBytes: async () => quota?.bytes[look] ?? 0,
      random: () => 0.5,
      changed: ({ isFull }) => changes.push(isFull),
    });
    const refusals = [];
    for (; look < Math.max(free.length, quota?.bytes.length ?? 0); look += 1) {
      await storage.look();
      refusals.push(storage.refusal(1_000_000));
    }
    return { isFull: refusals.map((refusal) => refusal !== null), refusals, changes };
  }

  test('fault 9: changes are refused from 85 % used on, and taken in again a little later', async () => {
    const { isFull, changes, refusals } = await seen([151, 150, 149, 151, 157, 158, 151], 1_000);
    expect(isFull).toEqual([false, false, true, true, true, false, false]);
    expect(changes).toEqual([true, false]);
    expect(refusals[2]).toEqual({ ok: false, code: 'STORAGE_FULL', retryAtMs: 1_020_000 });
  });

  test('of a large disk 8 GB are kept, not a seventh', async () => {
    expect((await seen([8 * GB, 8 * GB - 1], 1_000 * GB)).isFull).toEqual([false, true]);
  });

  test('a quota of the folder counts, too, whatever the disk has', async () => {
    expect((await seen([900], 1_000, { bytes: [100, 101, 100, 95], max: 100 })).isFull).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });

  test('when to come back is within what a client obeys', async () => {
    const { refusals } = await seen([0], 1_000);
    expect(refusals[0]!.retryAtMs! - 1_000_000).toBeLessThanOrEqual(LIMITS.retryMsMax);
  });
});

/** A server on a folder, and one citizen and one acquirer that talk to it. */
class Subject {
  readonly folder: string;
  readonly #victim: Victim;
  readonly #clients: ClickdayClient[] = [];
  url = '';

  constructor(folder: string, quota?: number) {
    this.folder = folder;
    this.#victim = new Victim({
      ...{ program: PROGRAM, folder, now: '2020-12-31T23:00:00+01:00', shards: 1, programme: 'italy-2020' },
      ...{ killAt: '', checkpointRows: 200, quota },
    });
  }

  async client(role: 'citizen' | 'acquirer', subject: string): Promise<ClickdayClient> {
    this.url = (await this.#victim.url) ?? '';
    const { sign } = await openFolderIdentity(this.folder);
    const token = await sign({ role, subject, ttlSeconds: 600 });
    const socket = WebSocket as unknown as SocketConstructor;
    const client = await ClickdayClient.connect({
      ...{ url: this.url, token, WebSocket: socket, format: 'json' },
      deadlineMs: 10_000, // Nobody waits for room on a disk that long: such a refusal is returned at once.
    });
    this.#clients.push(client);
    return client;
  }

  async status(): Promise<{ storage: { isFull: boolean; freeShare: number }; periods: { status: string }[] }> {
    return (await fetch(`${this.url}/status`)).json() as never;
  }

  async moveClock(now: string): Promise<void> {
    const { sign } = await openFolderIdentity(this.folder);
    const token = await sign({ role: 'operator', subject: 'test', ttlSeconds: 600 });
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ now });
    expect((await fetch(`${this.url}/admin/clock`, { method: 'POST', headers, body })).status).toBe(200);
  }

  async stop(): Promise<string> {
    for (const client of this.#clients) client.close();
    return this.#victim.stop();
  }

  /** Whatever the test came to. */
  kill(): Promise<string> {
    return this.#victim.kill();
  }
}

const ANNA = makeTaxCode(1);
const HOLDER = { accountHolderCF: ANNA, accountHolderName: 'Anna', accountHolderSurname: 'Rossi' };
const AT_ONCE = 64;

/** Changes until one is refused. @returns how many were done */
async function fill(anna: ClickdayClient): Promise<number> {
  let done = 0;
  for (let round = 0; round < 2_000; round += 1) {
    const replies = await Promise.all(
      Array.from({ length: AT_ONCE }, (_, index) => anna.change('setIban', { iban: makeIban(index), ...HOLDER })),
    );
    for (const reply of replies) {
      if (reply.ok) done += 1;
      else expect(reply).toMatchObject({ code: 'STORAGE_FULL', retryAtMs: expect.any(Number) });
    }
    if (replies.some(({ ok }) => !ok)) return done;
  }
  throw new Error('the disk never filled');
}

interface Filled {
  readonly subject: Subject;
  /** Makes room. */
  readonly free: () => void;
}

async function onQuota(): Promise<Filled> {
  const folder = join(place, 'data');
  const ballast = join(folder, 'ballast');
  mkdirSync(folder);
  writeFileSync(ballast, Buffer.alloc(8_000_000, 1));
  const subject = new Subject(folder, (await folderBytes(folder)) + 1_500_000);
  return { subject, free: () => rmSync(ballast) };
}

async function onSmallDisk(): Promise<Filled> {
  const disk = mounted('disk', 'size=48m')!;
  const ballast = join(disk, 'ballast');
  writeFileSync(ballast, Buffer.alloc(41_300_000, 1));
  return { subject: new Subject(join(disk, 'data')), free: () => rmSync(ballast) };
}

describe('a server without room', () => {
  test.each([
    ['under its quota', true, onQuota],
    ['on a disk of 48 MB', canMount, onSmallDisk],
  ] as const)(
    'fault 9: %s refuses changes, answers reads, and goes on when there is room',
    async (_, isPossible, make) => {
      if (!isPossible) return;
      const { subject, free } = await make();
      try {
        const anna = await subject.client('citizen', ANNA);
        expect(await anna.change('enrol', {})).toMatchObject({ ok: true });
        expect(await anna.change('enableCashback', { hpan: hpan(1) })).toMatchObject({ ok: true });
        const done = await fill(anna);
        expect(done).toBeGreaterThan(0);
        expect(await subject.status()).toMatchObject({ storage: { isFull: true } });

        expect(await anna.change('leave', {})).toMatchObject({ code: 'STORAGE_FULL' });
        expect(await anna.read('wallet', {})).toMatchObject({ ok: true, view: { enabled: true } });
        const acquirer = await subject.client('acquirer', '36081');
        expect((await acquirer.read('recordPayments', { rows: [paymentRow()] })) as object).toMatchObject({
          view: { outcomes: [{ status: 'refused', code: 'STORAGE_FULL', retryAtMs: expect.any(Number) }] },
        });
        // What nobody asked for is not refused: a period that ends is closed.
        await subject.moveClock('2021-01-11T00:00:01+01:00');
        expect((await subject.status()).periods[0]).toMatchObject({ status: 'CLOSED' });
        const { bavail } = statfsSync(subject.folder);
        expect(bavail).toBeGreaterThan(0);

        free();
        while ((await subject.status()).storage.isFull) await new Promise((resolve) => setImmediate(resolve));
        expect(await anna.change('disableCashback', { hpan: hpan(1) })).toMatchObject({ ok: true });
        expect(await subject.stop()).toBe('0');
        expect((await verifyFolder(subject.folder)).differences).toEqual([]);
      } finally {
        await subject.kill();
      }
    },
    LONG_MS,
  );

  test.runIf(canMount)(
    'fault 9: a disk that is really full stops the process, and nothing acknowledged is lost',
    async () => {
      const disk = mounted('full', 'size=4m')!;
      const folder = join(disk, 'data');
      const program = compile('test/contract/appender.ts');
      try {
        const child = spawn(process.execPath, [program.path, 'append', folder], {
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        let said = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => {
          said += text;
        });
        await once(child, 'close');
        expect(said).toMatch(/fault JOURNAL_FAILED/);
        const acked = Math.max(...[...said.matchAll(/acked (\d+)/g)].map(([, number]) => Number(number)));
        spawnSync('mount', ['-o', 'remount,size=32m', disk]);
        const persistence = await openPersistence({ folder });
        const turns = [...persistence.stores[0]!.journal.read(1)];
        expect(turns.length).toBeGreaterThanOrEqual(acked);
        for (const [index, turn] of turns.entries()) expect(turn).toEqual(turnOf(turn.epoch, index + 1));
        persistence.scrub();
        await persistence.close();
      } finally {
        program.remove();
      }
    },
    LONG_MS,
  );
});

describe('a server that cannot start', () => {
  /** Ends by itself, with one line that says what to do. */
  function expectOneLine(data: string, what: RegExp): void {
    const options = JSON.stringify({ data, port: 0 });
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, options], { encoding: 'utf8' });
    expect(stderr).toMatch(what);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(status).toBe(2);
  }

  test('fault 15: where a file stands in the way', () => {
    writeFileSync(join(place, 'file'), '');
    expectOneLine(join(place, 'file', 'data'), /^clickday: the folder .* cannot be written: .*--data/);
  });

  test.runIf(canMount)('fault 15: on a disk that is read-only', () => {
    const disk = mounted('frozen', 'size=1m,ro')!;
    expectOneLine(join(disk, 'data'), /^clickday: the folder .* cannot be written: .*--data/);
  });

  test.runIf(canMount)('fault 15: on a disk without an inode left', () => {
    const disk = mounted('crowded', 'size=4m,nr_inodes=8')!;
    expectOneLine(join(disk, 'data'), /^clickday: the disk of .* has no space or no inodes left/);
  });
});

function paymentRow() {
  const codes = { acquirerCode: '36081', operationType: '00', circuitType: '01', acquirerId: '09509' };
  const trxDate = isoText(Date.parse('2020-12-31T22:00:00+01:00'));
  return { ...codes, hpan: hpan(1), trxDate, idTrxAcquirer: 'K1', amountCents: 100, merchantId: 'M', terminalId: 'T' };
}
