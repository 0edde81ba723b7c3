// Method: a disk in memory holds its flushes back and lets them through one by one, so that its slowness is counted and not
// timed; then a real process writes to a disk whose every flush takes a tenth of a second.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { LIMITS, makeIban, makeTaxCode } from '../../engine/index.ts';
import { openPersistence } from '../../snapshots/index.ts';
import { turnOf } from '../contract/appender.ts';
import { compile } from '../support/compiled.ts';
import { openOnDisk, turnsTaken } from '../support/shards.ts';

const CITIZENS = 40;

test('fault 14: the slower the disk, the more commands share a flush; none is answered before it, none is lost', async () => {
  const { world, disk } = await openOnDisk();
  const citizens = Array.from({ length: CITIZENS }, (_, number) => world.citizen(makeTaxCode(number)));
  await Promise.all(citizens.map((citizen) => citizen.enrol()));
  const before = (await world.engine.stats()).turns;

  disk.hold();
  const commandCount = 5_000;
  let answered = 0;
  for (let number = 0; number < commandCount; number += 1) {
    const citizen = citizens[number % CITIZENS]!;
    const holder = { accountHolderCF: citizen.taxCode, accountHolderName: 'A', accountHolderSurname: 'B' };
    void citizen.do({ kind: 'setIban', iban: makeIban(number), ...holder }).then((reply) => {
      expect(reply.ok).toBe(true);
      answered += 1;
    });
    // While a flush is under way they come one at a time.
    if (number % 10 === 0) await turnsTaken();
  }
  expect(answered).toBe(0);
  let flushes = 0;
  while (disk.waitingCount > 0) {
    disk.release(1);
    flushes += 1;
    await turnsTaken();
    expect(answered).toBeLessThanOrEqual(flushes * LIMITS.batchCountMax);
  }
  disk.release();
  await turnsTaken();
  expect(answered).toBe(commandCount);
  const turns = (await world.engine.stats()).turns - before;
  // Two turns were decided before any flush ended. Of what the others could have taken, at least 70 %.
  expect(commandCount / (turns - LIMITS.turnsInFlightMax)).toBeGreaterThan(0.7 * LIMITS.batchCountMax);
  expect(world.faults).toEqual([]);
});

test('fault 14: a mailbox that a slow disk has filled refuses, with a time, and takes in again afterwards', async () => {
  const { world, disk } = await openOnDisk();
  const citizen = world.citizen(makeTaxCode(1));
  await citizen.enrol();
  disk.hold();
  const holder = { accountHolderCF: citizen.taxCode, accountHolderName: 'A', accountHolderSurname: 'B' };
  const setIban = (number: number) => citizen.do({ kind: 'setIban', iban: makeIban(number), ...holder });
  // Two turns take what was there first; the rest waits.
  const first = setIban(0);
  await turnsTaken();
  const second = setIban(1);
  await turnsTaken();
  const waiting = Array.from({ length: LIMITS.mailboxCountMax }, (_, number) => setIban(number));
  expect(await setIban(2)).toMatchObject({ ok: false, code: 'OVERLOADED', retryAtMs: expect.any(Number) });
  disk.release();
  const replies = await Promise.all([first, second, ...waiting]);
  expect(replies.filter(({ ok }) => ok)).toHaveLength(replies.length);
  expect(await setIban(3)).toMatchObject({ ok: true });
});

const hasCompiler = ['/usr/bin/gcc', '/usr/bin/cc'].some((path) => existsSync(path));

test.skipIf(!hasCompiler)(
  'fault 14: with real flushes of 100 ms acknowledgements are late, and none is lost',
  async () => {
    const place = mkdtempSync(join(tmpdir(), 'clickday-slow-'));
    const program = compile('test/contract/appender.ts');
    try {
      const [folder, shim] = [join(place, 'data'), join(place, 'slow-sync.so')];
      execFileSync('cc', ['-shared', '-fPIC', '-o', shim, join(import.meta.dirname, 'slow-sync.c'), '-ldl']);
      const env = { ...process.env, LD_PRELOAD: shim, SYNC_MS: '100' };
      const child = spawn(process.execPath, [program.path, 'append', folder], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let acked = 0;
      const startedMs = performance.now();
      for await (const line of createInterface({ input: child.stdout })) {
        expect(line).not.toMatch(/^fault/);
        if (line.startsWith('acked')) acked += 1;
        if (acked === 40) child.kill('SIGKILL');
      }
      // Two are under way at once, and no more: the shim was there.
      expect(performance.now() - startedMs).toBeGreaterThan((40 / LIMITS.turnsInFlightMax) * 100);
      const persistence = await openPersistence({ folder });
      const turns = [...persistence.stores[0]!.journal.read(1)];
      expect(turns.length).toBeGreaterThanOrEqual(acked);
      for (const [index, turn] of turns.entries()) expect(turn).toEqual(turnOf(1, index + 1));
      await persistence.close();
    } finally {
      program.remove();
      rmSync(place, { recursive: true, force: true });
    }
  },
);
