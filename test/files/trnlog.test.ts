// Method: the same text is cut into pieces at every place, and must always give the lines of a plain split.
// Names are tried valid, invalid, and one step between.
import { expect, test } from 'vitest';
import { LIMITS } from '../../engine/limits.ts';
import { createLineReader, type Line, readFileName } from '../../server/files/trnlog.ts';
import { Random, seed } from '../support/random.ts';

function readAll(pieces: readonly string[]): Line[] {
  const reader = createLineReader();
  return [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()];
}

test('a file is named after its sender, its date and its time', () => {
  const plain = 'CSTAR.36081.TRNLOG.20210211.235959.001.csv';
  expect(readFileName(plain)).toEqual({ sender: '36081', isEncrypted: false, plain });
  expect(readFileName('CSTAR.36081.TRNLOG.20210211.235959.001.csv.pgp')).toEqual({
    sender: '36081',
    isEncrypted: true,
    plain,
  });
  const other = 'CSTAR.00000.TRNLOG.20200229.000000.999.csv';
  expect(readFileName(other)).toEqual({ sender: '00000', isEncrypted: false, plain: other });
  for (const name of [
    '',
    'CSTAR.3608.TRNLOG.20210211.101530.001.csv',
    'CSTAR.360811.TRNLOG.20210211.101530.001.csv',
    'CSTAR.36081.TRNLOG.20210229.101530.001.csv',
    'CSTAR.36081.TRNLOG.20211301.101530.001.csv',
    'CSTAR.36081.TRNLOG.20210211.240000.001.csv',
    'CSTAR.36081.TRNLOG.20210211.106000.001.csv',
    'CSTAR.36081.TRNLOG.20210211.101560.001.csv',
    'CSTAR.36081.TRNLOG.20210211.101530.01.csv',
    'CSTAR.36081.TRNLOG.20210211.101530.001.csv.gpg',
    'CSTAR.36081.TRNLOG.20210211.101530.001.csv.pgp.pgp',
    'CSTAR.36081.TRNLOG.20210211.101530.001.pgp',
    'cstar.36081.trnlog.20210211.101530.001.csv',
    'TKM.36081.TKNLST.20210211.101530.001.csv',
    'CSTAR.36081.TRNLOG.20210211.101530.001.csv\n',
    '../CSTAR.36081.TRNLOG.20210211.101530.001.csv',
  ]) {
    expect(readFileName(name), JSON.stringify(name)).toBeNull();
  }
});

test('lines and columns are the same wherever the text is cut', () => {
  const text = 'a;b;c\r\n;;\n\nx\n\r\nlast;one';
  const lines = [
    { number: 1, columns: ['a', 'b', 'c'], text: 'a;b;c' },
    { number: 2, columns: ['', '', ''], text: ';;' },
    { number: 4, columns: ['x'], text: 'x' },
    { number: 6, columns: ['last', 'one'], text: 'last;one' },
  ];
  expect(readAll([text])).toEqual(lines);
  expect(readAll([...text])).toEqual(lines);
  const random = new Random(seed);
  for (let round = 0; round < 200; round += 1) {
    const pieces: string[] = [];
    for (let from = 0; from < text.length; ) {
      const to = from + 1 + random.below(6);
      pieces.push(text.slice(from, to));
      from = to;
    }
    expect(readAll(pieces), `seed=${seed} round=${round}`).toEqual(lines);
  }
});

test('a last line needs no line break, and a line break ends no empty row', () => {
  expect(readAll(['a;b'])).toEqual(readAll(['a;b\n']));
  expect(readAll([''])).toEqual([]);
  expect(readAll(['\n\n'])).toEqual([]);
});

test('a line longer than any row is named and let go, whatever it is cut into', () => {
  const longest = 'x'.repeat(LIMITS.fileLineCharactersMax);
  expect(readAll([`${longest}\nb\n`])).toEqual([
    { number: 1, columns: [longest], text: longest },
    { number: 2, columns: ['b'], text: 'b' },
  ]);
  for (const size of [1_000, 5_000, 100_000]) {
    const text = `a\n${longest}x;y\nb\n${'y'.repeat(50_000)}`;
    const pieces = Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
      text.slice(index * size, (index + 1) * size),
    );
    expect(readAll(pieces), `size=${size}`).toEqual([
      { number: 1, columns: ['a'], text: 'a' },
      { number: 2, columns: null, text: '' },
      { number: 3, columns: ['b'], text: 'b' },
      { number: 4, columns: null, text: '' },
    ]);
  }
});
