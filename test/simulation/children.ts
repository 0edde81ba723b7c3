/** Runs seeds in processes of their own, a bundle each. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { SeedResult } from './world.ts';

export interface Seeds {
  /** Of the bundle. */
  readonly path: string;
  readonly first: number;
  readonly count: number;
}

export interface RunOptions {
  readonly workers: number;
  readonly onResult?: (result: SeedResult) => void;
  /** Ends a process at its first violation. */
  readonly until?: boolean;
  /** Every line that is not a result: what happened, event by event. */
  readonly onTrace?: ((line: string) => void) | undefined;
}

/** There are as many children as cores: helpers of the collector would only take each other's. */
const FLAGS: readonly string[] = ['--single-threaded-gc', '--max-semi-space-size=32'];

/** How often the worlds met what. */
export function metBy(results: readonly Pick<SeedResult, 'met'>[]): Readonly<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const { met } of results)
    for (const [what, count] of Object.entries(met)) sums[what] = (sums[what] ?? 0) + count;
  return sums;
}

/** @returns by seed */
export async function runSeeds(seeds: Seeds, options: RunOptions): Promise<readonly SeedResult[]> {
  const workers = Math.min(options.workers, seeds.count);
  const parts = Array.from({ length: workers }, (_, worker) => runPart(seeds, { ...options, workers }, worker));
  return (await Promise.all(parts)).flat().sort((a, b) => a.seed - b.seed);
}

async function runPart({ path, first, count }: Seeds, options: RunOptions, worker: number): Promise<SeedResult[]> {
  const { workers, onResult, onTrace, until = false } = options;
  const own = Math.ceil((count - worker) / workers);
  const words = ['--first', String(first + worker), '--count', String(own), '--step', String(workers)];
  if (until) words.push('--until');
  if (onTrace !== undefined) words.push('--trace');
  const child = spawn(process.execPath, [...FLAGS, path, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // support/random.ts says which seed a run begins with.
    env: { ...process.env, SEED: String(first + worker) },
  });
  const results: SeedResult[] = [];
  let errors = '';
  child.stderr.on('data', (data) => {
    errors += String(data);
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.startsWith('{"seed"')) {
      onTrace?.(line);
      continue;
    }
    const result = JSON.parse(line) as SeedResult;
    results.push(result);
    onResult?.(result);
  }
  const code = await ended;
  if (code === 0) return results;
  // It died of something that no world saw: the seed after the last one.
  const seed = first + worker + results.length * workers;
  const nothing = { hash: '', events: 0, simulatedMs: 0, answers: 0, facts: 0, deaths: 0, met: {} };
  results.push({ seed, ...nothing, check: 'broke', problem: errors.slice(0, 2_000) });
  return results;
}
