/**
 * Fenwick trees: sums over the first n of some numbers, and changes of one, in log2 steps each. Element e, counted
 * from 1, holds the sum of the lowbit(e) numbers that end with number e - 1.
 */
type Sums = Uint32Array<ArrayBuffer>;

/** Of the first `count` numbers. */
export function sumOfFirst(sums: Sums, count: number): number {
  let sum = 0;
  for (let element = count; element > 0; element &= element - 1) sum += sums[element - 1]!;
  return sum;
}

export function addToSums(sums: Sums, length: number, index: number, change: number): void {
  for (let element = index + 1; element <= length; element += element & -element) sums[element - 1]! += change;
}

/** The most numbers from the first on whose sum is not above `limit`. */
export function countWithin(sums: Sums, length: number, limit: number): number {
  let count = 0;
  let rest = limit;
  for (let step = 1 << (31 - Math.clz32(length)); step > 0; step >>>= 1) {
    const next = count + step;
    if (next > length || sums[next - 1]! > rest) continue;
    count = next;
    rest -= sums[next - 1]!;
  }
  return count;
}

/** Makes a tree of the `length` numbers that stand in its place. Linear: each hands its sum on to its cover. */
export function makeSums(sums: Sums, length: number): void {
  for (let element = 1; element <= length; element += 1) {
    const cover = element + (element & -element);
    if (cover <= length) sums[cover - 1]! += sums[element - 1]!;
  }
}
