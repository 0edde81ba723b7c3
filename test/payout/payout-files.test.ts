// Method: whole runs in a real folder, looked at whenever a file is told of: names, rows, checksums, and that nothing but
// what was told of is ever there, whoever fails. Two hundred thousand rows go out and come back under a watch on memory.
import { execFile } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  consapFile,
  type OutputTransform,
  type PayoutFilesOptions,
  type PayoutRow,
  readOutcomes,
  type WrittenFile,
  writePayoutFiles,
} from '../../server/payout/index.ts';
import { ROWS_PER_FILE_MAX } from '../../server/payout/payout-files.ts';
import { Random, seed } from '../support/random.ts';
import { instant } from '../support/world.ts';
import { aliveBytes, all, CLOCK, pagesOf, randomRows, rowOf, stream } from './rows.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'clickday-payout-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** A list comes in pages of three rows, which end elsewhere than files do; a source row by row. */
function write(
  rows: AsyncIterable<PayoutRow> | readonly PayoutRow[],
  options: Partial<PayoutFilesOptions> = {},
): AsyncGenerator<WrittenFile> {
  const rowCount = 'length' in rows ? rows.length : 0;
  const pages = 'length' in rows ? stream(pagesOf(rows, 3)) : pagesOfOne(rows);
  return writePayoutFiles(pages, { folder, format: consapFile, clock: CLOCK, rowCount, ...options });
}

async function* pagesOfOne(rows: AsyncIterable<PayoutRow>): AsyncGenerator<readonly PayoutRow[]> {
  for await (const row of rows) yield [row];
}

async function contents(): Promise<readonly string[]> {
  return (await readdir(folder)).sort();
}

const PREFIX = 'CSTAR.CONSAP.BANKT.16072021.040000';

/** Given once; whoever waits for it goes on. */
function signal(): { readonly given: Promise<void>; readonly give: () => void } {
  let give = () => {};
  const given = new Promise<void>((resolve) => {
    give = resolve;
  });
  return { given, give: () => give() };
}

/** Reversed bytes: nobody takes it for the clear text. */
const backwards: OutputTransform = {
  suffix: '.pgp',
  async *apply(clear) {
    for await (const bytes of clear) yield bytes.toReversed();
  },
};

describe('names and rows', () => {
  test('a file holds a thousand rows, and its name says which of how many it is, and its rows', async () => {
    const rows = randomRows(new Random(seed), 2_345);
    const files = await all(write(rows));
    expect(files.map(({ name }) => name)).toEqual([
      `${PREFIX}.01_03.1000.csv`,
      `${PREFIX}.02_03.1000.csv`,
      `${PREFIX}.03_03.345.csv`,
    ]);
    expect(files.flatMap(({ ids }) => ids)).toEqual(rows.map(({ id }) => id));
    const texts = await Promise.all(files.map(({ name }) => readFile(join(folder, name), 'utf8')));
    const place = { number: 1, total: 1, startedMs: 0 };
    expect(texts.join('')).toBe([...consapFile.pieces(rows, place)].join(''));
    expect(texts.map((text) => text.split('\n').length - 1)).toEqual([1_000, 1_000, 345]);
    for (const { ids, amountCents } of files) {
      const sum = rows
        .filter(({ id }) => ids.includes(id))
        .reduce((cents, row) => cents + row.cashbackCents + row.jackpotCents, 0);
      expect(amountCents, `seed=${seed}`).toBe(sum);
    }
  });

  test('a full last file is one file, and an empty payout is none', async () => {
    const rows = randomRows(new Random(seed), 4);
    expect((await all(write(rows, { rowsPerFile: 2 }))).map(({ name }) => name)).toEqual([
      `${PREFIX}.01_02.2.csv`,
      `${PREFIX}.02_02.2.csv`,
    ]);
    const before = await contents();
    const later = { nowMs: () => CLOCK.nowMs() + 1_000 };
    expect(await all(write([], { clock: later }))).toEqual([]);
    expect(await contents()).toEqual(before);
  });

  test('from a hundred files on their numbers have three digits', async () => {
    const files = await all(write(randomRows(new Random(seed), 101), { rowsPerFile: 1 }));
    expect(files[98]!.name).toBe(`${PREFIX}.99_101.1.csv`);
    expect(files[99]!.name).toBe(`${PREFIX}.100_101.1.csv`);
  });

  test('the time in a name is Rome’s, in winter as in summer, and the same for the whole run', async () => {
    let nowMs = instant('2021-01-10T23:00:05Z');
    const clock = { nowMs: () => nowMs++ };
    const files = await all(write(randomRows(new Random(seed), 2), { clock, rowsPerFile: 1 }));
    expect(files.map(({ name }) => name)).toEqual([
      'CSTAR.CONSAP.BANKT.11012021.000005.01_02.1.csv',
      'CSTAR.CONSAP.BANKT.11012021.000005.02_02.1.csv',
    ]);
  });

  test('a file is UTF-8, and nobody else may read it', async () => {
    const [file] = await all(write([rowOf({ accountHolderName: 'Niccolò 王' })]));
    const path = join(folder, file!.name);
    expect((await readFile(path)).includes(Buffer.from('Niccolò 王', 'utf8'))).toBe(true);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test.each([0, ROWS_PER_FILE_MAX + 1])('files of %i rows are not written', async (rowsPerFile) => {
    await expect(all(write([rowOf()], { rowsPerFile }))).rejects.toThrow('rows');
  });
});

describe('checksums', () => {
  test('coreutils find each file as its checksum says', async () => {
    const files = await all(write(randomRows(new Random(seed), 5), { rowsPerFile: 2 }));
    for (const { name } of files) {
      const checksum = name.replace(/csv$/, 'sha256sum');
      const { stdout } = await promisify(execFile)('sha256sum', ['--check', '--strict', checksum], { cwd: folder });
      expect(stdout).toBe(`${name}: OK\n`);
    }
    expect(await contents()).toHaveLength(6);
  });

  test('of an encrypted file the checksum is that of what comes out of it', async () => {
    const rows = randomRows(new Random(seed), 3);
    const [clear] = await all(write(rows));
    const later = { nowMs: () => CLOCK.nowMs() + 1_000 };
    const [sealed] = await all(write(rows, { transform: backwards, clock: later }));
    expect(sealed!.name).toBe('CSTAR.CONSAP.BANKT.16072021.040001.01_01.3.csv.pgp');
    expect(sealed!.sha256).toBe(clear!.sha256);
    const line = await readFile(join(folder, 'CSTAR.CONSAP.BANKT.16072021.040001.01_01.3.sha256sum'), 'utf8');
    expect(line).toBe(`${clear!.sha256}  CSTAR.CONSAP.BANKT.16072021.040001.01_01.3.csv\n`);
    const [clearBytes, sealedBytes] = await Promise.all(
      [clear!, sealed!].map(({ name }) => readFile(join(folder, name))),
    );
    expect(clearBytes!.equals(sealedBytes!.toReversed())).toBe(true);
  });
});

describe('one after the other', () => {
  test('when a file is told of it is there with its checksum, and nothing of the next one is', async () => {
    let asked = 0;
    async function* source() {
      for (const row of randomRows(new Random(seed), 10)) {
        asked += 1;
        yield row;
      }
    }
    let told = 0;
    for await (const file of write(source(), { rowCount: 10, rowsPerFile: 3 })) {
      told += 1;
      expect(await contents()).toContain(file.name);
      expect(await contents()).toHaveLength(2 * told);
      expect(asked).toBe(Math.min(3 * told + 1, 10));
    }
    expect(told).toBe(4);
  });

  test('what is announced is what is told of later, and nobody finds it yet', async () => {
    const announced: WrittenFile[] = [];
    const announce = async (file: WrittenFile) => {
      announced.push(file);
      expect((await contents()).filter((name) => !name.endsWith('.unfinished'))).toHaveLength(2 * (file.number - 1));
    };
    const told = await all(write(randomRows(new Random(seed), 5), { rowsPerFile: 2, announce }));
    expect(announced).toEqual(told);
    expect(told).toHaveLength(3);
  });

  test('whoever stops asking gets nothing more, and the source is closed', async () => {
    let isClosed = false;
    async function* source() {
      try {
        yield* randomRows(new Random(seed), 10);
      } finally {
        isClosed = true;
      }
    }
    for await (const { number } of write(source(), { rowCount: 10, rowsPerFile: 3 })) if (number === 2) break;
    expect(isClosed).toBe(true);
    expect(await contents()).toHaveLength(4);
  });
});

describe('side by side', () => {
  test('the files are those that are written one after the other', async () => {
    const rows = randomRows(new Random(seed), 13);
    const one = await all(write(rows, { rowsPerFile: 2 }));
    const textsOf = () => Promise.all(one.map(({ name }) => readFile(join(folder, name), 'utf8')));
    const texts = await textsOf();
    for (const name of await contents()) await rm(join(folder, name));
    expect(await all(write(rows, { rowsPerFile: 2, filesAtOnce: 3 }))).toEqual(one);
    expect(await textsOf()).toEqual(texts);
  });

  test('no more are begun than that, and those before one that fails are told of', async () => {
    const rows = randomRows(new Random(seed), 10);
    rows[4] = { ...rows[4]!, accountHolderName: 'a;b' };
    let claimed = 0;
    const claim = async (chunk: readonly PayoutRow[]) => {
      claimed += 1;
      return chunk;
    };
    const told: number[] = [];
    const run = (async () => {
      for await (const { number } of write(rows, { rowsPerFile: 2, filesAtOnce: 4, claim })) told.push(number);
    })();
    await expect(run).rejects.toMatchObject({ code: 'ROW_UNWRITABLE' });
    expect([told, claimed]).toEqual([[1, 2], 4]);
    expect(await contents()).toHaveLength(4);
  });

  test('a file that was slower than those behind it has its name before them', async () => {
    const announced: number[] = [];
    const last = signal();
    const announce = async ({ number, name }: WrittenFile) => {
      announced.push(number);
      if (number === 1) await last.given;
      if (number === 3) last.give();
      // Whoever is behind it has no name by then.
      if (number === 1) expect(await contents()).not.toContainEqual(expect.stringMatching(/(csv|sha256sum)$/));
      expect(await contents()).toContain(`${name}.unfinished`);
    };
    const files = await all(write(randomRows(new Random(seed), 6), { rowsPerFile: 2, filesAtOnce: 3, announce }));
    expect(announced).toContain(3);
    expect(files.map(({ number }) => number)).toEqual([1, 2, 3]);
  });

  test('what was announced behind one that fails is withdrawn, and nobody finds it', async () => {
    const last = signal();
    const withdrawn: number[] = [];
    const run = all(
      write(randomRows(new Random(seed), 8), {
        ...{ rowsPerFile: 2, filesAtOnce: 4 },
        announce: async ({ number }) => {
          if (number === 4) last.give();
        },
        claim: async (rows, { number }) => {
          if (number !== 2) return number === 3 ? [] : rows;
          await last.given;
          throw new Error('no claim');
        },
        withdraw: async ({ number }) => {
          withdrawn.push(number);
        },
      }),
    );
    await expect(run).rejects.toThrow('no claim');
    expect(withdrawn).toEqual([4]);
    expect((await contents()).map((name) => name.slice(PREFIX.length))).toEqual(['.01_04.2.csv', '.01_04.2.sha256sum']);
  });
});

describe('what goes wrong', () => {
  /** Three rows to a file; the fault lies in the second file. */
  async function filesToldOf(rows: AsyncIterable<PayoutRow>, options: Partial<PayoutFilesOptions>, code: unknown) {
    let told = 0;
    const run = (async () => {
      for await (const _ of write(rows, { rowCount: 6, rowsPerFile: 3, ...options })) told += 1;
    })();
    await expect(run).rejects.toMatchObject(code as object);
    return told;
  }

  test('a row with a fault is written into no file, and its file is not begun', async () => {
    const rows = randomRows(new Random(seed), 6);
    rows[4] = { ...rows[4]!, accountHolderName: 'a;b' };
    const fault = { code: 'ROW_UNWRITABLE', message: 'record 5: FIELD_INVALID accountHolderName' };
    expect(await filesToldOf(stream(rows), {}, fault)).toBe(1);
    expect(await contents()).toHaveLength(2);
  });

  test('fewer rows or more than was said end the run before the file that would tell a wrong number', async () => {
    const random = new Random(seed);
    const fault = { code: 'ROW_COUNT_WRONG' };
    expect(await filesToldOf(stream(randomRows(random, 5)), {}, fault)).toBe(1);
    expect(await contents()).toHaveLength(2);
    const later = { nowMs: () => CLOCK.nowMs() + 1_000 };
    expect(await filesToldOf(stream(randomRows(random, 7)), { clock: later }, fault)).toBe(1);
    expect(await contents()).toHaveLength(4);
  });

  test('a source that fails leaves the files told of, and nothing else', async () => {
    async function* source() {
      yield* randomRows(new Random(seed), 5);
      throw new Error('the source is gone');
    }
    expect(await filesToldOf(source(), {}, { message: 'the source is gone' })).toBe(1);
    expect(await contents()).toHaveLength(2);
  });

  test('a transform that fails, or leaves some of its file behind, leaves no file', async () => {
    const failing: OutputTransform = {
      suffix: '.pgp',
      async *apply(clear) {
        for await (const bytes of clear) yield bytes;
        throw new Error('no key');
      },
    };
    const leaving: OutputTransform = {
      suffix: '.pgp',
      async *apply(clear) {
        for await (const bytes of clear) {
          yield bytes.subarray(1);
          return;
        }
      },
    };
    const rows = randomRows(new Random(seed), 6);
    expect(await filesToldOf(stream(rows), { transform: failing }, { message: 'no key' })).toBe(0);
    expect(await contents()).toEqual([]);
    const invariant = { message: expect.stringContaining('left some of its file behind') };
    expect(await filesToldOf(stream(rows), { transform: leaving }, invariant)).toBe(0);
    expect(await contents()).toEqual([]);
  });

  test('what a killed run left half written goes, and what others have there stays', async () => {
    const names = [
      `${PREFIX}.01_02.1000.csv.unfinished`,
      'CSTAR.CONSAP.BANKT.15072021.040000.01_01.1.sha256sum.unfinished',
    ];
    const others = [
      'CSTAR.CONSAP.BANKT.15072021.040000.01_01.1.csv',
      'CSTAR.SEPA.BANKT.x.xml.unfinished',
      'x.unfinished',
    ];
    await Promise.all([...names, ...others].map((name) => writeFile(join(folder, name), '')));
    const files = await all(write([rowOf()]));
    const written = [files[0]!.name, files[0]!.name.replace(/csv$/, 'sha256sum')];
    expect(await contents()).toEqual([...others, ...written].sort());
  });

  test('a second run of the same second does not write over the first', async () => {
    const [first] = await all(write([rowOf()]));
    const before = await readFile(join(folder, first!.name));
    await expect(all(write([rowOf({ id: 2 })]))).rejects.toMatchObject({ code: 'FILE_EXISTS' });
    expect(await readFile(join(folder, first!.name))).toEqual(before);
    const later = { nowMs: () => CLOCK.nowMs() + 1_000 };
    expect(await all(write([rowOf({ id: 2 })], { clock: later }))).toHaveLength(1);
  });
});

describe('two hundred thousand rows', () => {
  const ROWS = 200_000;
  /** All rows at once would be some 100 MB, all outcomes 40 MB. */
  const ALIVE_BYTES_MAX = 16_000_000;

  test('go out in bounded memory, and their outcomes come back in bounded memory', async () => {
    const row = rowOf();
    async function* source() {
      for (let id = 1; id <= ROWS; id += 1) yield { ...row, id };
    }
    const start = aliveBytes();
    let peak = 0;
    let lastId = 0;
    for await (const { ids, number } of write(source(), { rowCount: ROWS })) {
      expect(ids[0]).toBe(lastId + 1);
      lastId = ids.at(-1)!;
      if (number % 20 === 0) peak = Math.max(peak, aliveBytes() - start);
    }
    expect(lastId).toBe(ROWS);
    expect(peak).toBeLessThan(ALIVE_BYTES_MAX);

    const path = join(folder, 'outcomes.csv');
    await writeFile(path, outcomeLines(ROWS));
    let count = 0;
    for await (const row of readOutcomes(createReadStream(path))) {
      count += 1;
      if (!row.ok || row.value.id !== count) break;
      if (count % 20_000 === 0) peak = Math.max(peak, aliveBytes() - start);
    }
    expect(count).toBe(ROWS);
    expect(peak).toBeLessThan(ALIVE_BYTES_MAX);
  });

  function* outcomeLines(count: number): Generator<string> {
    for (let id = 1; id <= count; id += 1) yield `${id};ORDINE ESEGUITO;;CRO${id};26/07/2021\n`;
  }
});
