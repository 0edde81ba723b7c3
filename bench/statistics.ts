/** Of repeated measurements the one in the middle: on a shared machine a mean says more about the neighbours. */

export function median<Item>(items: readonly Item[], figureOf: (item: Item) => number): Item {
  return items.toSorted((left, right) => figureOf(left) - figureOf(right))[items.length >>> 1]!;
}
