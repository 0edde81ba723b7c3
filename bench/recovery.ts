/**
 * How soon a server is back: killed under a journal that no checkpoint has covered, and stopped in order. Until it
 * says that it serves, the start of the process included.
 *
 * WALLETS=1000000 is how many citizens with a card each it finds.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enrolCrowd } from './crowd.ts';
import { Generator } from './load/generator.ts';
import { shortCount } from './seeded-day.ts';
import { ServerProcess } from './server-process.ts';
import type { SuiteResult } from './suite.ts';

const WALLETS = Number(process.env.WALLETS ?? 1_000_000);
const EVE = '2020-12-07T08:00:00Z';
/** The clock never starts before what is journaled. */
const LATER = '2020-12-07T20:00:00Z';

export async function run(): Promise<SuiteResult> {
  const folder = await mkdtemp(join(tmpdir(), 'clickday-bench-'));
  const generator = new Generator();
  let server = await start(folder, EVE);
  try {
    const { done, elapsedMs } = await enrolCrowd({ folder, server, generator, citizenCount: WALLETS });
    await server.kill();
    server = await start(folder, LATER);
    const killed = server;
    await server.stop();
    server = await start(folder, LATER);
    return {
      results: [
        { name: `restart-${shortCount(WALLETS)}-s`, unit: 's', value: killed.startMs / 1_000 },
        { name: `restart-${shortCount(WALLETS)}-s, after an orderly stop`, unit: 's', value: server.startMs / 1_000 },
        { name: 'memory after the restart', unit: 'MB', value: server.memory().ownBytes / 1_048_576 },
        { name: 'issuers, two commands a citizen', unit: 'commands/s', value: (done * 1_000) / elapsedMs },
      ],
      ratios: [],
    };
  } finally {
    generator.close();
    await server.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

function start(data: string, now: string): Promise<ServerProcess> {
  return ServerProcess.start({ data, programme: 'italy-2020', now });
}
