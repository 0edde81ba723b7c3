/**
 * Format 1 of a page: a line of each of several cards or citizens, and a card has lines on as many pages. So each line
 * is written as a value of its own and can be read alone.
 *
 *   count u32   end of each line u32, counted from where the first begins   lines
 */
import type { ByteReader, ByteWriter } from './bytes.ts';
import type { Codec } from './shape.ts';

const WORD_BYTES = 4;

export function page<T>(line: Codec<T>): Codec<readonly T[]> {
  return {
    write(to: ByteWriter, lines: readonly T[]) {
      to.word(lines.length);
      const ends = to.length;
      to.skip(lines.length * WORD_BYTES);
      const start = to.length;
      for (let index = 0; index < lines.length; index += 1) {
        to.beginValue();
        line.write(to, lines[index]!);
        to.setWord(ends + index * WORD_BYTES, to.length - start);
      }
    },
    read(from: ByteReader) {
      const ends: number[] = [];
      for (let left = from.word(); left > 0; left -= 1) ends.push(from.word());
      const lines = from.keptPart(ends.at(-1) ?? 0);
      return ends.map((end, index) => line.read(lines.part(end - (ends[index - 1] ?? 0))));
    },
  };
}

/** @returns undefined where the page is shorter */
export function readLine<T>(from: ByteReader, line: Codec<T>, index: number): T | undefined {
  const count = from.word();
  if (index >= count) return undefined;
  from.skip(Math.max(0, index - 1) * WORD_BYTES);
  const start = index === 0 ? 0 : from.word();
  const end = from.word();
  from.skip((count - index - 1) * WORD_BYTES + start);
  return line.read(from.part(end - start));
}
