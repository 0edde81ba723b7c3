// Method: every call to the disk or to the caller is noted, in order, and may be made to fail: the order is held against what a power cut
// may leave, and each call of a run fails once, after which nothing may be found that was not told of.
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { consapFile, type WrittenFile, writePayoutFiles } from '../../server/payout/index.ts';
import { Random, seed } from '../support/random.ts';
import { CLOCK, pagesOf, randomRows, stream } from './rows.ts';

const disk = vi.hoisted(() => ({
  calls: [] as string[],
  /** Which call fails, from 0; -1 = none. */
  failing: -1,
  note(call: string) {
    disk.calls.push(call);
    if (disk.calls.length - 1 !== disk.failing) return;
    throw Object.assign(new Error('EIO: i/o error'), { code: 'EIO', syscall: call.split(' ')[0] });
  },
}));

vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const names = new Map<unknown, string>();
  const noted: Partial<typeof real> = {
    async open(path, ...rest) {
      disk.note(`open ${basename(String(path))}`);
      const file = await real.open(path, ...rest);
      const name = basename(String(path));
      const sync = file.sync.bind(file);
      names.set(file, name);
      file.sync = async () => {
        disk.note(`sync ${name}`);
        await sync();
      };
      return file;
    },
    async rename(from, to) {
      disk.note(`rename ${basename(String(to))}`);
      await real.rename(from, to);
    },
    async writeFile(file, ...rest) {
      disk.note(`write ${names.get(file)}`);
      await real.writeFile(file, ...rest);
    },
  };
  return { ...real, ...noted };
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clickday-payout-'));
  Object.assign(disk, { calls: [], failing: -1 });
});
afterEach(() => rm(folder, { recursive: true }));

/** Two files of two rows. */
async function run(filesAtOnce = 1): Promise<readonly WrittenFile[]> {
  const told: WrittenFile[] = [];
  const pages = stream(pagesOf(randomRows(new Random(seed), 4), 3));
  try {
    for await (const file of writePayoutFiles(pages, {
      ...{ folder, format: consapFile, clock: CLOCK, rowCount: 4, rowsPerFile: 2, filesAtOnce },
      announce: async ({ name }) => disk.note(`announce ${name}`),
    })) {
      disk.calls.push('told');
      told.push(file);
    }
  } catch (error) {
    expect(error).toMatchObject({ code: 'EIO' });
  }
  return told;
}

function fileCalls(number: string): readonly string[] {
  const name = `CSTAR.CONSAP.BANKT.16072021.040000.${number}_02.2`;
  const [data, checksum] = [`${name}.csv`, `${name}.sha256sum`];
  const write = (file: string) => ['open', 'write', 'sync'].map((verb) => `${verb} ${file}.unfinished`);
  const place = basename(folder);
  return [
    ...[...write(data), ...write(checksum), `announce ${data}`],
    ...[`rename ${checksum}`, `rename ${data}`, `open ${place}`, `sync ${place}`, 'told'],
  ];
}

test('a file is flushed and announced before it has a name, and its name is flushed before it is told of', async () => {
  expect(await run()).toHaveLength(2);
  expect(disk.calls).toEqual([...fileCalls('01'), ...fileCalls('02')]);
});

test('side by side, each file is written in that order', async () => {
  expect(await run(2)).toHaveLength(2);
  const callsOf = (number: string) => disk.calls.filter((call) => call.includes(`.${number}_02.`));
  for (const number of ['01', '02']) {
    expect(callsOf(number)).toEqual(fileCalls(number).filter((call) => call.includes(`.${number}_02.`)));
  }
  expect(disk.calls.slice(-2)).toEqual(['told', 'told']);
});

/**
 * By call that fails: what was told of. In its folder is all that has its name by then, and nothing else: what was told of,
 * and a file whose name could not be flushed, since somebody may have found it.
 */
async function* toldWhereFails(
  filesAtOnce: number,
): AsyncGenerator<{ call: string; earlier: string[]; told: readonly WrittenFile[] }> {
  await run(filesAtOnce);
  const { calls } = disk;
  for (const [failing, call] of calls.entries()) {
    if (call === 'told') continue;
    await rm(folder, { recursive: true });
    folder = await mkdtemp(join(tmpdir(), 'clickday-payout-'));
    Object.assign(disk, { calls: [], failing });
    const told = await run(filesAtOnce);
    const named = disk.calls.filter((one, at) => /^rename .*csv$/.test(one) && at !== failing);
    const names = named.map((one) => one.slice('rename '.length));
    expect((await readdir(folder)).sort(), call).toEqual(
      names.flatMap((name) => [name, name.replace(/csv$/, 'sha256sum')]).sort(),
    );
    const isFlushed = !disk.calls[failing]!.endsWith(` ${basename(folder)}`);
    expect(names, call).toEqual(expect.arrayContaining(told.map(({ name }) => name)));
    if (isFlushed) expect(told, call).toHaveLength(names.length);
    yield { call, earlier: calls.slice(0, failing), told };
  }
}

test('side by side, whichever call fails, what is there has its name, and is told of once that is flushed', async () => {
  for await (const { call, told } of toldWhereFails(2)) expect(told.length, call).toBeLessThan(2);
});

test('whichever call fails, what is there was told of or not flushed, and the fault is that of the call', async () => {
  for await (const { call, earlier, told } of toldWhereFails(1)) {
    expect(told, call).toHaveLength(earlier.filter((one) => one === 'told').length);
  }
});
