/** What is said of a soak, from what was seen. */
export type Point = readonly [along: number, value: number];

/** Of the straight line that is nearest to the points, by least squares; 0 for fewer than two. */
export function slopeOf(points: readonly Point[]): number {
  const mean = (of: (point: Point) => number) => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [meanAlong, meanValue] = [mean(([along]) => along), mean(([, value]) => value)];
  let [covariance, variance] = [0, 0];
  for (const [along, value] of points) {
    covariance += (along - meanAlong) * (value - meanValue);
    variance += (along - meanAlong) ** 2;
  }
  return variance === 0 ? 0 : covariance / variance;
}

/** At most so many of them, evenly. */
export function thinned(points: readonly Point[], countMax: number): readonly Point[] {
  const step = Math.ceil(points.length / countMax);
  return points.filter((_, at) => at % step === 0);
}
