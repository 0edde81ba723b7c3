// Method: real files go into a real engine on one store and on two, while the clock is moved over the end of grace in
// the middle of a file; the inspector, which shares no code with the engine, then judges the frozen ranking.
import { existsSync, readdirSync, readlinkSync, truncateSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isoText, makeTaxCode } from '../../engine/index.ts';
import { LIMITS } from '../../engine/limits.ts';
import {
  createFileIngester,
  type FileIngester,
  type FileIngestOptions,
  type FileReport,
} from '../../server/files/index.ts';
import { openMemoryPersistence } from '../../snapshots/index.ts';
import { verifyPersistence } from '../../snapshots/inspect.ts';
import { type HeldWorld, openOnDisk, until } from '../support/shards.ts';
import { hpan, instant } from '../support/world.ts';
import { bodyOf, FILE_NAME, row, SENDER } from './files.ts';

const CHRISTMAS = 1;
const LAST_MOMENT = '2021-01-10T23:59:59.999+01:00';
const CLOSED = '2021-01-11T00:00:00+01:00';
const CITIZENS = 20;
/** Several windows of rows, and several pieces of a spooled file. */
const ROWS = 6 * LIMITS.fileRowsInFlightMax;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clickday-closing-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** One card each, enabled before Christmas. */
async function openWorld(shardCount: number): Promise<HeldWorld> {
  const held = await openOnDisk({ shardCount, now: '2020-12-07T10:00:00+01:00' });
  for (let number = 0; number < CITIZENS; number += 1) {
    held.world.at(isoText(held.world.nowMs + 1));
    const citizen = held.world.citizen(makeTaxCode(number));
    await citizen.enrol();
    await citizen.enable(hpan(number));
  }
  held.world.at(LAST_MOMENT);
  return held;
}

/** Payments of December, one a second, each card in its turn; citizen 0 has one more than the others. */
function fileOf(name: string): string {
  const firstMs = instant('2020-12-28T10:00:00+01:00');
  const lines = Array.from({ length: ROWS + 1 }, (_, at) =>
    row({ id: `${name}-${at}`, hpan: hpan(at % CITIZENS), date: isoText(firstMs + at * 1_000), amount: '1000' }),
  );
  return lines.join('\n');
}

/** @param handedOver told of each row before the engine is, with how many there were before it */
function ingesterOver({ world }: HeldWorld, handedOver: (count: number) => void = () => {}): FileIngester {
  let count = 0;
  const { engine } = world;
  const door: FileIngestOptions['engine'] = {
    ...engine,
    openIntake: (receivedMs) => engine.openIntake(receivedMs),
    record(command, done) {
      handedOver(count);
      count += 1;
      engine.record(command, done);
    },
  };
  const pause = () => new Promise<void>((resume) => setImmediate(resume));
  return createFileIngester({
    engine: door,
    clock: { nowMs: () => world.nowMs },
    spoolFolder: folder,
    pause,
    refusal: () => null,
  });
}

async function take(ingester: FileIngester, content: string): Promise<FileReport> {
  const report = await ingester.ingest({ name: FILE_NAME, sender: SENDER, body: bodyOf(content) });
  if (!report.ok) throw new Error(report.code);
  return report;
}

const isFrozen = async ({ world }: HeldWorld) =>
  (await world.engine.stats()).rankings.some(({ awardPeriodId, isFrozen }) => awardPeriodId === CHRISTMAS && isFrozen);

async function expectFrozenAndSound(held: HeldWorld): Promise<void> {
  const { world, disk } = held;
  await until(() => {
    world.engine.tick();
    return isFrozen(held);
  }, 'the ranking of Christmas frozen');
  await world.engine.close();
  await world.persistence.close();
  expect(world.faults).toEqual([]);
  expect((await verifyPersistence(await openMemoryPersistence({ disk }))).differences).toEqual([]);
}

describe.each([1, 2])('on %i stores, a file received before midnight', (shardCount) => {
  test('counts to its last row, however long that takes, and one received after it does not', async () => {
    const held = await openWorld(shardCount);
    const { world } = held;
    let second: Promise<FileReport> | null = null;
    const frozenAt: number[] = [];
    const first = ingesterOver(held, (count) => {
      if (count < ROWS / 3) return;
      world.at(isoText(instant(CLOSED) + count));
      void isFrozen(held).then((isSo) => isSo && frozenAt.push(count));
      second ??= take(ingesterOver(held), fileOf('second'));
    });
    expect((await take(first, fileOf('first'))).summary).toMatchObject({ rows: ROWS + 1, counted: ROWS + 1 });
    expect(frozenAt).toEqual([]);
    expect((await second!).summary).toMatchObject({ counted: 0, codes: { NO_AWARD_PERIOD: ROWS + 1 } });
    const winner = world.citizen(makeTaxCode(0));
    const count = Math.ceil((ROWS + 1) / CITIZENS);
    expect(await winner.ranking(CHRISTMAS)).toMatchObject({ transactionNumber: count, totalParticipants: CITIZENS });
    await expectFrozenAndSound(held);
  });

  test('that is broken off on its way holds nothing back', async () => {
    const held = await openWorld(shardCount);
    let isGone = false;
    const body = (async function* () {
      yield* bodyOf(fileOf('first'));
      held.world.at(CLOSED);
      isGone = true;
      throw new Error('gone');
    })();
    await expect(ingesterOver(held).ingest({ name: FILE_NAME, sender: SENDER, body })).rejects.toThrow('gone');
    expect(isGone).toBe(true);
    await expectFrozenAndSound(held);
  });

  test('that cannot be read to its end counts as far as it was handed over, and then holds nothing back', async () => {
    const held = await openWorld(shardCount);
    const { world } = held;
    let handedOver = 0;
    const ingester = ingesterOver(held, (count) => {
      handedOver = count + 1;
      if (count === 0) cutSpool();
      world.at(CLOSED);
    });
    await expect(take(ingester, fileOf('first'))).rejects.toThrow('the spool ended early');
    expect(handedOver).toBeGreaterThan(LIMITS.fileRowsInFlightMax);
    expect(handedOver).toBeLessThan(ROWS);
    await expectFrozenAndSound(held);
    expect((await world.engine.stats()).paymentsListed).toBe(handedOver);
  });
});

/** The spool has no name, but this process has it open. */
function cutSpool(): void {
  for (const fd of readdirSync('/proc/self/fd')) {
    const path = `/proc/self/fd/${fd}`;
    // The listing itself was open too, and is no longer.
    if (existsSync(`/proc/self/fdinfo/${fd}`) && readlinkSync(path).startsWith(folder)) truncateSync(path, 1);
  }
}
