// Method: real servers are killed with SIGKILL under load, at named points and anywhere; after each kill every promise is
// asked for and the folder is recomputed (loop.ts). `npm run kill -- --rounds 3000` is the same for longer. Then the
// loop is shown to notice: a server that acknowledges before the flush, and promises that nobody made.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Compiled, compile } from '../support/compiled.ts';
import { seed } from '../support/random.ts';
import { runKills } from './loop.ts';
import { INSIDE, TURN } from './places.ts';
import { PROGRAM } from './victim.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 60);
const LONG_MS = 1_200_000;
let steps: Compiled;

beforeAll(() => {
  steps = compile('test/kill/disk-steps.ts');
});
afterAll(() => steps.remove());

test(`faults 1-5, 23, 33 and 73: ${ROUNDS} kills lose nothing acknowledged and double nothing`, {
  timeout: LONG_MS,
}, async () => {
  const stepProgram = steps.path;
  const { rounds, broken, promiseCount, rowCount, exclusionCount } = await runKills({
    rounds: ROUNDS,
    seed,
    laneCount: 2,
    stepProgram,
  });
  console.info(
    `kills ${JSON.stringify(rounds)}; promises kept: ${promiseCount}, rows: ${rowCount}, exclusions: ${exclusionCount}`,
  );
  expect(broken).toEqual([]);
  // Half of what each place is given: some are not come to within the load.
  const least = Math.floor(ROUNDS / 8 / 2);
  for (const { name } of INSIDE) expect(rounds[name], name).toBeGreaterThanOrEqual(least);
});

test('the loop catches a server that acknowledges before the flush', { timeout: LONG_MS }, async () => {
  const besides = join(dirname(PROGRAM), '..', '..', '.tmp'); // Where packages are found.
  mkdirSync(besides, { recursive: true });
  const lying = mkdtempSync(join(besides, 'lying-'));
  try {
    cpSync(join(dirname(PROGRAM), '..'), lying, { recursive: true });
    const journal = join(lying, 'snapshots', 'journal.js');
    const honest = readFileSync(journal, 'utf8');
    // Told at once, and handed to the disk a while later: by the time of the kill some is not.
    const put = 'medium.put(sequence, bytes)';
    const lie = honest
      .replace('await flushed;', '')
      .replace(put, `new Promise((late) => setTimeout(late, 50)).then(() => ${put})`);
    expect(lie).toContain(`late, 50)).then(() => ${put});`);
    expect(lie).not.toContain('await flushed;');
    writeFileSync(journal, lie);
    const program = join(lying, 'server', 'main.js');
    const stepProgram = steps.path;
    const { broken } = await runKills({ rounds: 10, seed, laneCount: 1, program, places: [TURN], stepProgram });
    // A command, a row or an exclusion that was acknowledged and lost, or a journal that says less than rows do.
    expect(broken.join('\n')).toMatch(
      /"state":"not-done"|row K\d+: |not excluded: |JOURNAL_DAMAGED|claims sequence|no fact made this row/,
    );
  } finally {
    rmSync(lying, { recursive: true, force: true });
  }
});
