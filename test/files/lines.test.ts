// Method: the same text is cut into pieces at every place, and must always give the lines of a plain split.
import { expect, test } from 'vitest';
import { LIMITS } from '../../engine/limits.ts';
import { createLineReader, type Line } from '../../server/files/lines.ts';
import { Random, seed } from '../support/random.ts';

function readAll(pieces: readonly string[]): Line[] {
  const reader = createLineReader();
  return [...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()];
}

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
