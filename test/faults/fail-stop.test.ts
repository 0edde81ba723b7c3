// Method: one mistake after the other is planted in a real engine process, on every kind of thread and callback; a crowd
// drives it until it dies. Each death must say why and be followed by a start; at the end every promise is asked for, and
// the folder is verified from scratch.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeTaxCode } from '../../engine/index.ts';
import { openFolderIdentity } from '../../server/index.ts';
import { verifyFolder } from '../../snapshots/index.ts';
import { Crowd } from '../kill/crowd.ts';
import { Random, seed } from '../support/random.ts';
import { Supervised } from '../support/supervised.ts';

const NOW = '2021-03-01T09:00:00Z';

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'clickday-faults-'));
});
afterAll(async () => {
  await Supervised.stopAll();
  rmSync(place, { recursive: true, force: true });
});

/** Where, at which visit, and how. */
const MISTAKES = [
  // The coordinator's; the first while there is no copy yet.
  'ranking-copy:1:throw',
  'ranks-moved:10:throw',
  // The front: each way into it.
  'front-upgrade:2:throw',
  'front-open:2:throw',
  'front-message:20:throw',
  'front-message:20:reject',
  'front-closed:2:throw',
  'front-http:2:throw',
  'front-metrics:1:throw',
  'front-read:1:throw',
  'front-reply:20:throw',
  'front-changed:10:throw',
  'front-timer:3:throw',
  // A store's thread: messages, turns, the journal, checkpoints, the archive, recovery.
  'rung:10:throw',
  'deciding:10:throw',
  'cardActivated:2:throw',
  'turn-decided:10:throw',
  'turn-flushed:10:reject',
  // Here, since what was flushed a moment before is in no checkpoint: the next start has a record to recover.
  'recovery-record:1:throw',
  'append:10:throw',
  'checkpoint-batch:1:throw',
  'trim-written:1:throw',
] as const;

test(`fault 24: ${MISTAKES.length} mistakes, wherever nobody catches them, each stop the process, are told and lose nothing`, {
  timeout: 300_000,
}, async () => {
  const folder = join(place, 'mistakes');
  const environment = { CLICKDAY_CHECKPOINT_ROWS: '40' };
  const killAt = [...MISTAKES, ''];
  const supervised = await Supervised.start({ folder, now: NOW, shards: 2, environment, killAt });
  const crowd = new Crowd(new Random(seed), await openFolderIdentity(folder));
  try {
    for (const mistake of MISTAKES) {
      const [point, , deed] = mistake.split(':');
      await rageUntil(() => supervised.errors.includes(`planted at ${point} (${deed})`), supervised, crowd, mistake);
    }
    await supervised.untilReady();
    expect((await crowd.brokenPromises(supervised.url)).broken, `seed=${seed}`).toEqual([]);
  } finally {
    await supervised.stop();
  }
  expect(supervised.events).toHaveLength(MISTAKES.length);
  for (const event of supervised.events) expect(event).toMatch(/^the engine died \(SIGKILL\): starting it again/);
  const { differences } = await verifyFolder(folder);
  expect(differences, `seed=${seed}`).toEqual([]);
});

/** Everybody acts, over sockets and HTTP, until it is so. */
async function rageUntil(isSo: () => boolean, supervised: Supervised, crowd: Crowd, what: string): Promise<void> {
  const citizen = await supervised.token('citizen', makeTaxCode(1));
  for (let round = 0; round < 40; round += 1) {
    if (isSo()) return;
    await supervised.untilReady();
    await Promise.all([
      crowd.rage(supervised.url, Date.parse(NOW), 20),
      quietly(`${supervised.url}/metrics`),
      quietly(`${supervised.url}/bpd/io/citizen/v2`, citizen),
    ]);
  }
  throw new Error(`never came to ${what}: ${supervised.errors.slice(-2_000)}`);
}

/** Nobody may be there. */
async function quietly(url: string, token = ''): Promise<void> {
  await fetch(url, { headers: { authorization: `Bearer ${token}` } }).then(
    (response) => response.text(),
    () => '',
  );
}
