// Method: bad lines are kept in a real folder, closed, read back by another store and refused at each bound; the bytes on
// disk are searched for what must not stand there.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LIMITS } from '../../engine/limits.ts';
import { BadLines, ErrorDesk, type ErrorFile, type ErrorStore, type LineTakers } from '../../server/errors/index.ts';
import { withoutPans } from '../../server/wire/index.ts';
import { openTestErrors } from '../support/errors.ts';

const NOW_MS = Date.parse('2021-02-11T12:00:00+01:00');
const PAN = '4111111111111111';

let folder: string;
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'clickday-errors-')), 'errors');
});
afterEach(() => rm(join(folder, '..'), { recursive: true }));

function fileOf(number: number): ErrorFile {
  const receivedMs = NOW_MS + number;
  return { kind: 'transactions', name: `file-${number}`, sender: '36081', digest: String(number), receivedMs };
}

function linesOf(...texts: readonly string[]): BadLines {
  const lines = new BadLines();
  for (const [index, text] of texts.entries()) lines.add({ line: index + 1, code: 'WRONG_COLUMNS', text });
  return lines;
}

function deskOf(store: ErrorStore, take: LineTakers['transactions'] = async () => ({ ok: true })): ErrorDesk {
  return new ErrorDesk({
    ...{ store, takers: { transactions: take, outcomes: take, complaints: take } },
    clock: { nowMs: () => NOW_MS },
  });
}

const all = (store: ErrorStore) => store.page({ limit: 1_000 });

test('lines are kept for who starts next, sealed, and readable by their owner only', async () => {
  const store = await openTestErrors(folder);
  await store.keep(fileOf(1), linesOf('RSSMRA99A01X001J;x', `36081;${PAN}`, ''));
  const { errors } = await all(await openTestErrors(folder));
  expect(errors.map(({ line, text, isWhole }) => [line, text, isWhole])).toEqual([
    [1, 'RSSMRA99A01X001J;x', true],
    [2, `36081;${'*'.repeat(16)}`, false],
    [3, '', false],
  ]);
  const [name] = await readdir(folder);
  const bytes = await readFile(join(folder, name!));
  expect(bytes.includes('RSSMRA') || bytes.includes('file-1')).toBe(false);
  expect([(await stat(folder)).mode & 0o777, (await stat(join(folder, name!))).mode & 0o777]).toEqual([0o700, 0o600]);
});

test('the same file again changes nothing, also when a line of it was closed', async () => {
  const store = await openTestErrors(folder);
  expect(await store.keep(fileOf(1), linesOf('a', 'b'))).toEqual({ keptCount: 2, unkeptCount: 0 });
  const [first] = (await all(store)).errors;
  await deskOf(store).dismiss(first!.id, 'non serve', 'anna');
  expect(await store.keep({ ...fileOf(1), receivedMs: NOW_MS + 9 }, linesOf('a', 'b'))).toMatchObject({ keptCount: 2 });
  expect((await all(store)).errors.map(({ state }) => state)).toEqual(['dismissed', 'open']);
});

test('a line is taken in once: who closes it, when and why stays, and what it said goes', async () => {
  const store = await openTestErrors(folder);
  const taken: string[] = [];
  const desk = deskOf(store, async (_, text) => {
    taken.push(text);
    return text === 'bad' ? { ok: false, code: 'WRONG_COLUMNS', detail: '1 columns' } : { ok: true };
  });
  await store.keep(fileOf(1), linesOf('one', 'two', ''));
  const [one, two, cut] = (await all(store)).errors.map(({ id }) => id) as [string, string, string];
  expect(await desk.resubmit(one, 'bad', 'anna')).toEqual({ ok: false, code: 'WRONG_COLUMNS', detail: '1 columns' });
  const twice = await Promise.all([desk.resubmit(one, 'good', 'anna'), desk.resubmit(one, 'good', 'bruno')]);
  expect(twice).toMatchObject([
    { ok: true, value: { state: 'taken', operator: 'anna', closedMs: NOW_MS, text: '' } },
    { ok: false, code: 'ERROR_CLOSED' },
  ]);
  expect(await desk.resubmit(two, null, 'anna')).toMatchObject({ ok: true });
  expect(taken).toEqual(['bad', 'good', 'two']);
  expect(await desk.resubmit(cut, null, 'anna')).toMatchObject({ code: 'ERROR_LINE_NEEDED' });
  for (const line of ['', 'a\nb']) expect(await desk.resubmit(cut, line, 'anna')).toMatchObject({ detail: 'line' });
  for (const reason of [' ', 'x'.repeat(201), 'a\nb']) {
    expect(await desk.dismiss(cut, reason, 'anna')).toMatchObject({ code: 'FIELD_INVALID', detail: 'reason' });
  }
  for (const id of ['', 'x', `${one}0`, one.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))]) {
    expect(await desk.dismiss(id, 'x', 'anna'), id).toMatchObject({ code: 'ERROR_NOT_FOUND' });
  }
  const reopened = (await all(await openTestErrors(folder))).errors;
  expect(reopened.map(({ state, text }) => [state, text])).toEqual([
    ['taken', ''],
    ['taken', ''],
    ['open', ''],
  ]);
});

test('a page ends where it must, file by file, and only of what is asked for', async () => {
  const store = await openTestErrors(folder);
  // Kept in another order than they came in.
  for (const number of [3, 1, 2]) await store.keep(fileOf(number), linesOf('a', 'b', 'c'));
  const seen: string[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await store.page({ limit: 2, cursor });
    seen.push(...page.errors.map(({ file, line }) => `${file.name} ${line}`));
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  expect(seen).toEqual([1, 2, 3].flatMap((file) => [1, 2, 3].map((line) => `file-${file} ${line}`)));
  expect((await store.page({ limit: 10, file: 'file-2' })).errors).toHaveLength(3);
  const { id } = (await store.page({ limit: 1 })).errors[0]!;
  await deskOf(store).dismiss(id, 'x', 'anna');
  expect((await store.page({ limit: 10, state: 'dismissed' })).errors.map((one) => one.id)).toEqual([id]);
  expect((await store.page({ limit: 10, state: 'open' })).errors).toHaveLength(8);
  expect((await store.page({ limit: 10, cursor: 'nonsense' })).errors).toEqual([]);
});

test('ten million bad lines fill neither memory nor disk: a thousand are kept, the others told', async () => {
  const lines = new BadLines();
  for (let line = 1; line <= 10_000_000; line += 1) lines.add({ line, code: 'WRONG_COLUMNS', text: 'x' });
  const store = await openTestErrors(folder);
  const unkeptCount = 10_000_000 - LIMITS.errorLinesMax;
  expect(await store.keep(fileOf(1), lines)).toEqual({ keptCount: LIMITS.errorLinesMax, unkeptCount });
  expect((await (await openTestErrors(folder)).page({ limit: 1 })).unkeptCount).toBe(unkeptCount);
});

test('without room what is closed goes, the oldest first, and then new lines are only counted', async () => {
  const store = await openTestErrors(folder, { bytesMax: 2_000 });
  const kept: number[] = [];
  for (let number = 1; number <= 20; number += 1) {
    if ((await store.keep(fileOf(number), linesOf('x'.repeat(100)))).keptCount === 1) kept.push(number);
  }
  expect(kept.length).toBeGreaterThan(2);
  expect(kept.length).toBeLessThan(10);
  expect((await all(store)).unkeptCount).toBe(20 - kept.length);
  const ids = (await all(store)).errors.map(({ id }) => id);
  for (const id of ids.slice(0, 2)) await deskOf(store).dismiss(id, 'x', 'anna');
  expect(await store.keep(fileOf(30), linesOf('x'.repeat(100)))).toEqual({ keptCount: 1, unkeptCount: 0 });
  const names = new Set((await all(store)).errors.map(({ file }) => file.name));
  expect([names.has('file-1'), names.has('file-30')]).toEqual([false, true]);
  const sizes = await Promise.all((await readdir(folder)).map(async (name) => (await stat(join(folder, name))).size));
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(2_000);
});

test('what a kill left half written goes, what was changed by hand is told and left alone', async () => {
  const store = await openTestErrors(folder);
  await store.keep(fileOf(1), linesOf('a'));
  const [name] = await readdir(folder);
  const bytes = await readFile(join(folder, name!));
  bytes[bytes.length - 1]! ^= 1;
  await writeFile(join(folder, name!), bytes);
  await writeFile(join(folder, `${name}.tmp`), 'half');
  const told: string[] = [];
  const opened = await openTestErrors(folder, { unreadable: (one) => told.push(one) });
  expect(told).toEqual([name]);
  expect((await all(opened)).errors).toEqual([]);
  expect(await readdir(folder)).toEqual([name]);
});

test('promise 9: card numbers are masked wherever they stand in a line, hashes and ids are not', () => {
  const hash = `${'a'.repeat(48)}${PAN}`;
  expect(withoutPans(`36081;${hash};${PAN};x ${PAN}y;4111 1111 1111 1111;12345678901234567890123`)).toBe(
    `36081;${hash};${'*'.repeat(16)};x ${'*'.repeat(16)}y;${'*'.repeat(19)};12345678901234567890123`,
  );
});
