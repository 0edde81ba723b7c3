// Method: a real server of two stores on threads of their own is killed with SIGKILL under load, at random times and at
// named points; after each kill every promise is asked for, and the folder is verified from scratch (faults 1-5, 23, 33).
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDevelopmentIdentity } from '../../server/index.ts';
import { verifyFolder } from '../../snapshots/index.ts';
import { Random, seed } from '../support/random.ts';
import { Crowd } from './crowd.ts';
import { Victim } from './victim.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 52);
const START = Date.parse('2021-03-01T09:00:00Z');
const DAY_MS = 86_400_000;

/** Where to die: a point of the engine or of the store, or somewhere in between, killed from outside. */
const PLACES = [
  { name: 'checkpoint', killAt: (random: Random) => `checkpoint-batch:${1 + random.below(4)}` },
  { name: 'checkpoint', killAt: (random: Random) => `trim-written:${1 + random.below(2)}` },
  { name: 'claim', killAt: (random: Random) => `cardActivated:${1 + random.below(30)}` },
  { name: 'claim', killAt: (random: Random) => `claimEnded:${1 + random.below(40)}` },
  { name: 'turn', killAt: (random: Random) => `turn-decided:${1 + random.below(150)}` },
  { name: 'turn', killAt: (random: Random) => `turn-flushed:${1 + random.below(150)}` },
  { name: 'recovery', killAt: (random: Random) => `recovery-record:${1 + random.below(3)}` },
  { name: 'anywhere', killAt: () => '' },
] as const;

test(`${ROUNDS} kills lose nothing acknowledged and double nothing`, { timeout: 1_200_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'clickday-kill-'));
  const random = new Random(seed);
  const crowd = new Crowd(random, await openDevelopmentIdentity(folder));
  const died: Record<string, number> = {};
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const place = PLACES[round % PLACES.length]!;
      // A day a round: what was activated yesterday counts today.
      const nowMs = START + round * DAY_MS;
      const options = { folder, now: new Date(nowMs).toISOString(), shards: 2, checkpointRows: 40 };
      const victim = new Victim({ ...options, killAt: place.killAt(random) });
      const url = await victim.url;
      if (url !== undefined) {
        const raging = crowd.rage(url, nowMs, 60);
        // A time that needs no clock: after a seeded number of promises.
        if (place.name === 'anywhere') crowd.afterPromises(1 + random.below(400), () => victim.kill());
        await raging;
      }
      const isInPlace = url === undefined || place.name === 'anywhere' || (await victim.isGone());
      victim.kill();
      expect(await victim.ended, victim.errors).toBe('SIGKILL');
      const name = isInPlace ? place.name : 'after the load';
      died[name] = (died[name] ?? 0) + 1;

      const inspection = await verifyFolder(folder);
      expect(inspection.differences, `seed=${seed} round=${round} ${place.name}`).toEqual([]);
      const witness = new Victim({ ...options, now: new Date(nowMs + DAY_MS / 2).toISOString() });
      const witnessUrl = await witness.url;
      expect(witnessUrl, witness.errors).toBeDefined();
      const broken = await crowd.brokenPromises(witnessUrl!);
      expect(broken, `seed=${seed} round=${round} ${place.name} ${witness.errors}`).toEqual([]);
      witness.kill();
      await witness.ended;
    }
    console.info(
      `kills ${JSON.stringify(died)}; promises kept: ${crowd.promised.length}, rows: ${crowd.promisedRows.length}`,
    );
    for (const name of ['checkpoint', 'recovery', 'claim']) expect(died[name], name).toBeGreaterThanOrEqual(5);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
