/** What is said of a soak, from what was seen. */
import type { Second } from '../../bench/overload/plan.ts';

/** A second is good in which so much of what is asked is served before people lose their patience... */
const GOOD_SHARE = 0.98;
/** ...and enough is: who hears nothing asks less. */
const ASKED_SHARE_MIN = 0.5;
const REFUSED_SHARE_MAX = 0.02;
/** One good second may be luck. */
const GOOD_SECONDS = 3;

/** Until so many seconds in a row are good; null: they never are, among those that were seen. */
export function secondsToNormal(seconds: readonly Second[], perSecond: number): number | null {
  for (let at = 0; at + GOOD_SECONDS <= seconds.length; at += 1) {
    if (seconds.slice(at, at + GOOD_SECONDS).every((second) => isGood(second, perSecond))) return at;
  }
  return null;
}

/** Wishes come by chance, and some are answered in the next second: a few more or less are no sign. */
function isGood({ asked, useful, refused }: Second, perSecond: number): boolean {
  const wanted = GOOD_SHARE * Math.min(asked, perSecond) - 4 * Math.sqrt(perSecond);
  return useful >= Math.max(wanted, ASKED_SHARE_MIN * perSecond) && refused <= REFUSED_SHARE_MAX * asked;
}

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
