/** Plants one bug after the other, and says at which seed and by which check each is caught. */
import { bundle } from './bundle.ts';
import { runSeeds } from './children.ts';
import type { PlantedBug } from './planted-bugs.ts';
import { SMALL_LIMITS } from './small-limits.ts';

export interface Catch {
  readonly what: string;
  /** Null = in no seed that was tried. */
  readonly seed: number | null;
  readonly check: string;
  readonly problem: string;
  readonly seedsTried: number;
}

/** @param first and so many seeds from there */
export async function plant(bug: PlantedBug, number: number, first: number, count: number): Promise<Catch> {
  const path = await bundle(`planted-${number}`, [...SMALL_LIMITS, bug]);
  const results = await runSeeds({ path, first, count }, { workers: 1, until: true });
  const caught = results.find(({ check }) => check !== null);
  return {
    what: bug.what,
    seed: caught?.seed ?? null,
    check: caught?.check ?? '',
    problem: caught?.problem ?? '',
    seedsTried: results.length,
  };
}
