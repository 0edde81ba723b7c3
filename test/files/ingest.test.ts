// Method: files are taken in over a door that remembers every row it was told, with seeded refusals for want of room;
// what it took, in which order, and what the outcome names must be what the file says.
import { mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Refused } from '../../engine/contract.ts';
import { LIMITS } from '../../engine/limits.ts';
import type { FileReport } from '../../server/files/index.ts';
import { Random, seed } from '../support/random.ts';
import { bodyOf, COUNTED, FILE_NAME, hpanOf, ingesterOver, NOW_MS, RecordingDoor, row, SENDER } from './files.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clickday-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function take(content: string | Uint8Array, door = new RecordingDoor(), size?: number): Promise<FileReport> {
  const report = await ingesterOver(door, folder).ingest({
    name: FILE_NAME,
    sender: SENDER,
    body: bodyOf(content, size),
  });
  if (!report.ok) throw new Error(report.code);
  return report;
}

const listed = (report: FileReport) => [...report.outcome.rowsNotCounted()];

describe('fault 39: a file', () => {
  test('with good and bad rows gives every good one to the engine and names every bad one', async () => {
    const door = new RecordingDoor(({ record }) => {
      if (record.idTrxAcquirer === 'dropped') return { status: 'dropped', code: 'INSTRUMENT_NOT_COVERED' };
      if (record.idTrxAcquirer === 'pending') return { status: 'pending' };
      if (record.idTrxAcquirer === 'reversal') return { status: 'applied', scoreCents: -200, awardPeriodId: 2 };
      return COUNTED;
    });
    const lines = [
      row({ id: 'good' }),
      'one;two',
      row({ id: 'dropped', amount: '100' }),
      row({ id: 'zero', amount: '0' }),
      '',
      row({ id: 'pending', operation: '01' }),
      row({ id: 'reversal', operation: '01', amount: '2000' }),
      row({ id: 'future', date: '2021-02-12T00:00:00.000+01:00' }),
      row({ id: 'cash', mcc: '6011' }),
      row({ id: 'other' }).replace(SENDER, '12345'),
      row({ id: '4111111111111111' }),
      'x'.repeat(LIMITS.fileLineCharactersMax + 1),
      row({ id: 'last' }),
    ];
    const report = await take(lines.join('\n'), door);
    expect(listed(report)).toEqual([
      { line: 2, status: 'rejected', code: 'WRONG_COLUMNS', detail: '2 columns' },
      { line: 3, status: 'dropped', code: 'INSTRUMENT_NOT_COVERED', detail: '' },
      { line: 4, status: 'rejected', code: 'AMOUNT_INVALID', detail: 'amountCents' },
      { line: 6, status: 'pending', code: '', detail: '' },
      { line: 8, status: 'rejected', code: 'RECORD_IN_FUTURE', detail: 'trxDate' },
      { line: 9, status: 'rejected', code: 'CATEGORY_EXCLUDED', detail: 'mcc' },
      { line: 10, status: 'rejected', code: 'SENDER_NOT_ALLOWED', detail: 'acquirerCode' },
      { line: 11, status: 'rejected', code: 'FIELD_INVALID', detail: 'idTrxAcquirer' },
      { line: 12, status: 'rejected', code: 'WRONG_COLUMNS', detail: 'line too long' },
    ]);
    expect(report.summary).toEqual({
      file: FILE_NAME,
      received: '2021-02-11T11:00:00.000Z',
      rows: 12,
      counted: 2,
      applied: 1,
      pending: 1,
      parked: 0,
      dropped: 1,
      rejected: 7,
      amountCents: { counted: 9_000, applied: 2_000, pending: 4_500, parked: 0, dropped: 100, rejected: 0 },
      cashbackCents: 700,
      codes: {
        WRONG_COLUMNS: 2,
        INSTRUMENT_NOT_COVERED: 1,
        AMOUNT_INVALID: 1,
        RECORD_IN_FUTURE: 1,
        CATEGORY_EXCLUDED: 1,
        SENDER_NOT_ALLOWED: 1,
        FIELD_INVALID: 1,
      },
      unlisted: 0,
    });
    expect(door.taken.every(({ receivedMs }) => receivedMs === NOW_MS)).toBe(true);
    expect(door.intakesMs).toEqual([]);
  });

  test('may have CRLF, a byte-order mark, no last line break, and nothing at all', async () => {
    const good = [row({ id: 'a' }), row({ id: 'b', merchant: 'Caffè 🙂' })];
    for (const text of [
      good.join('\n'),
      `${good.join('\r\n')}\r\n`,
      `\uFEFF${good.join('\n')}\n`,
      `${good.join('\n')}\n\n`,
    ]) {
      for (const size of [1, 7, 65_536]) {
        const door = new RecordingDoor();
        expect((await take(text, door, size)).summary).toMatchObject({ rows: 2, counted: 2 });
        expect(door.taken.map(({ record }) => record.merchantId)).toEqual(['400000000001', 'Caffè 🙂']);
      }
    }
    expect((await take('')).summary).toMatchObject({ rows: 0, counted: 0 });
  });

  test('that is not UTF-8 is refused whole, wherever the bad byte stands', async () => {
    const text = Buffer.from(`${row({ id: 'a' })}\n${row({ id: 'b' })}\n`);
    for (const at of [0, 100, text.length]) {
      for (const bad of [[0xe8], [0xc3, 0x28], [0xed, 0xa0, 0x80], [0xf0, 0x9f]]) {
        const content = Buffer.concat([text.subarray(0, at), Buffer.from(bad), text.subarray(at)]);
        const door = new RecordingDoor();
        const report = await ingesterOver(door, folder).ingest({
          name: FILE_NAME,
          sender: SENDER,
          body: bodyOf(content, 50),
        });
        expect(report).toEqual({ ok: false, code: 'ENCODING_INVALID' });
        expect(door.taken).toEqual([]);
      }
    }
  });

  test('cut anywhere and then sent whole leaves what the whole would have left', async () => {
    const lines = Array.from({ length: 60 }, (_, index) => row({ id: `id-${index}`, hpan: hpanOf(index % 7) }));
    const whole = Buffer.from(lines.join('\n'));
    const key = (door: RecordingDoor) => new Set(door.taken.map(({ record }) => record.idTrxAcquirer));
    const once = new RecordingDoor();
    await take(whole, once);
    for (let bytes = 0; bytes < whole.length; bytes += 1_024) {
      const door = new RecordingDoor();
      await take(whole.subarray(0, bytes), door);
      await take(whole, door);
      expect(key(door)).toEqual(key(once));
    }
  });

  test('whose name is malformed or another sender’s is refused before it is read', async () => {
    let isRead = false;
    const body = (async function* () {
      isRead = true;
      yield new Uint8Array();
    })();
    const ingester = ingesterOver(new RecordingDoor(), folder);
    expect(await ingester.ingest({ name: 'x.csv', sender: SENDER, body })).toMatchObject({ code: 'FILE_NAME_INVALID' });
    expect(await ingester.ingest({ name: FILE_NAME, sender: '12345', body })).toMatchObject({ code: 'FORBIDDEN' });
    expect(isRead).toBe(false);
  });

  test('larger than the limit is refused, and nothing of it taken', async () => {
    const text = `${row({ id: 'a' })}\n`;
    const take = (bytesMax: number, door: RecordingDoor) =>
      ingesterOver(door, folder, { bytesMax }).ingest({ name: FILE_NAME, sender: SENDER, body: bodyOf(text, 10) });
    const door = new RecordingDoor();
    expect(await take(text.length - 1, door)).toEqual({ ok: false, code: 'TOO_LARGE' });
    expect(door.taken).toEqual([]);
    expect(await take(text.length, door)).toMatchObject({ ok: true, summary: { counted: 1 } });
  });

  test('whose sender goes away is not taken at all, and leaves nothing behind', async () => {
    const door = new RecordingDoor();
    const broken = (async function* () {
      yield Buffer.from(`${row({ id: 'a' })}\n`);
      expect(await readdir(folder)).toEqual([]);
      throw new Error('gone');
    })();
    await expect(ingesterOver(door, folder).ingest({ name: FILE_NAME, sender: SENDER, body: broken })).rejects.toThrow(
      'gone',
    );
    expect(door.taken).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });
});

test('fault 60: what waits on the disk to be whole is not readable there', async () => {
  const pan = '4111111111111111';
  let spooled = '';
  const body = (async function* () {
    yield Buffer.from(`${row({ id: pan })}\n`.repeat(100));
    // Asked for more: what was sent so far has been written to the file without a name.
    for (const fd of await readdir('/proc/self/fd')) {
      const target = await readlink(`/proc/self/fd/${fd}`).catch(() => '');
      if (target.startsWith(folder)) spooled += await readFile(`/proc/self/fd/${fd}`, 'latin1');
    }
  })();
  await ingesterOver(new RecordingDoor(), folder).ingest({ name: FILE_NAME, sender: SENDER, body });
  expect(spooled.length).toBe(100 * (row({ id: pan }).length + 1));
  expect(spooled).not.toContain(pan);
  expect(spooled).not.toContain(SENDER);
});

describe('rows under way', () => {
  test('are never more than the window, and all answered', async () => {
    const door = new RecordingDoor();
    const count = 3 * LIMITS.fileRowsInFlightMax;
    const lines = Array.from({ length: count }, (_, index) => row({ id: `${index}`, hpan: hpanOf(index) }));
    expect((await take(lines.join('\n'), door)).summary.counted).toBe(count);
    expect(door.inFlightMax).toBe(LIMITS.fileRowsInFlightMax);
  });

  test('that find no room are sent again, and rows of one card keep the order of the file', async () => {
    const random = new Random(seed);
    const overloaded: Refused = { ok: false, code: 'OVERLOADED', retryAtMs: NOW_MS };
    const door = new RecordingDoor(() => (random.below(3) === 0 ? overloaded : COUNTED));
    const lines = Array.from({ length: 2_000 }, (_, index) => row({ id: `${index}`, hpan: hpanOf(random.below(20)) }));
    const pauses: number[] = [];
    const body = bodyOf(lines.join('\n'));
    const report = await ingesterOver(door, folder, { pauses }).ingest({ name: FILE_NAME, sender: SENDER, body });
    expect(report).toMatchObject({ ok: true, summary: { rows: 2_000, counted: 2_000 } });
    const lastOfCard = new Map<string, number>();
    for (const { record } of door.taken) {
      expect(Number(record.idTrxAcquirer), `seed=${seed}`).toBeGreaterThan(lastOfCard.get(record.hpan) ?? -1);
      lastOfCard.set(record.hpan, Number(record.idTrxAcquirer));
    }
    expect(Math.min(...pauses)).toBe(20);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(1_000);
  });

  test('end with the engine: the file is refused, and the rest of it not sent', async () => {
    let count = 0;
    const door = new RecordingDoor(() => {
      count += 1;
      return count > 100 ? { ok: false, code: 'DRAINING' } : COUNTED;
    });
    const lines = Array.from({ length: 5_000 }, (_, index) => row({ id: `${index}`, hpan: hpanOf(index % 900) }));
    const body = bodyOf(lines.join('\n'));
    const report = await ingesterOver(door, folder).ingest({ name: FILE_NAME, sender: SENDER, body });
    expect(report).toMatchObject({ ok: false, code: 'DRAINING' });
    expect(door.taken.length).toBe(100);
    expect(count).toBe(101);
    expect(door.inFlight).toBe(0);
    expect(door.intakesMs).toEqual([]);
  });
});

test('files beyond the limit are told when to come back', async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow = async function* () {
    await held;
    yield Buffer.from(row({ id: 'a' }));
  };
  const ingester = ingesterOver(new RecordingDoor(), folder);
  const file = () => ingester.ingest({ name: FILE_NAME, sender: SENDER, body: slow() });
  const held12 = Array.from({ length: LIMITS.filesAtOnceMax }, file);
  expect(await file()).toMatchObject({ ok: false, code: 'OVERLOADED', retryAtMs: expect.any(Number) });
  release();
  for (const report of await Promise.all(held12)) expect(report).toMatchObject({ ok: true });
  expect(await file()).toMatchObject({ ok: true });
});
