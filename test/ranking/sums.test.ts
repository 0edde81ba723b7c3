// Method: trees of sums of every length up to twenty against plain additions, made at once and changed one by one.
import { expect, test } from 'vitest';
import { addToSums, countWithin, makeSums, sumOfFirst } from '../../engine/ranking/sums.ts';
import { Random, seed } from '../support/random.ts';

test('sums of the first numbers are those of adding them up, also when some change', () => {
  const random = new Random(seed);
  for (let length = 1; length <= 20; length += 1) {
    const numbers = Array.from({ length }, () => 1 + random.below(9));
    const sums = Uint32Array.from(numbers);
    makeSums(sums, length);
    for (let change = 0; change < 5; change += 1) {
      const starts = numbers.map((_, count) => numbers.slice(0, count).reduce((sum, number) => sum + number, 0));
      expect(
        starts.map((_, count) => sumOfFirst(sums, count)),
        `seed=${seed}`,
      ).toEqual(starts);
      for (const [count, start] of starts.entries()) {
        expect(countWithin(sums, length, start), `seed=${seed}`).toBe(count);
        expect(countWithin(sums, length, start + numbers[count]! - 1), `seed=${seed}`).toBe(count);
      }
      const index = random.below(length);
      numbers[index]! += 3;
      addToSums(sums, length, index, 3);
    }
  }
});
