/**
 * A period closed and paid, on a server as operators run it: from the end of grace to the last file for the bank.
 *
 * --citizens 1000000, of whom nine in ten have payments in two periods; one payment is enough here, the first 100,000
 * win, and everybody has an IBAN. --stores 1; --population DIR keeps the folder there.
 */
import { cpSync, existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { italy2020, type PayoutsMade, type Programme } from '../engine/index.ts';
import type { PayoutExport } from '../server/index.ts';
import { seedFolder } from './seed/seeder.ts';
import { shortCount, withFolder } from './seeded-day.ts';
import { ServerProcess } from './server-process.ts';
import type { SuiteResult } from './suite.ts';
import { signTokens } from './tokens.ts';

const CITIZENS = Number(process.env.CITIZENS ?? 1_000_000);
const STORES = Number(process.env.STORES ?? 1);
const PERIOD = 1;
/** The seeded folder ends on the fifth; grace on the tenth. */
const BEFORE = '2021-01-10T12:00:00+01:00';
/** And before two, when the list of enrolled cards is made. */
const AFTER = '2021-01-11T01:00:00+01:00';
const LOOK_MS = 100;
/** Of a processor, below which a server is idle. */
const IDLE_SHARE = 0.1;

interface Step {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

export function run(): Promise<SuiteResult> {
  return withFolder(async (parent) => {
    const seeded = join(parent, `paid-${CITIZENS}-${STORES}`);
    if (!existsSync(join(seeded, 'manifest.json'))) {
      const asked = { citizenCount: CITIZENS, storeCount: STORES, seed: 1, programme: programme(), everyIban: true };
      await seedFolder({ folder: seeded, ...asked });
    }
    const work = await mkdtemp(join(tmpdir(), 'clickday-closing-'));
    const [data, files] = [join(work, 'data'), join(work, 'files')];
    cpSync(seeded, data, { recursive: true });
    try {
      return await measure(data, files);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  });
}

async function measure(data: string, files: string): Promise<SuiteResult> {
  const server = await ServerProcess.start({ data, now: BEFORE, payoutFolder: files });
  const [token] = await signTokens(data, 'operator', ['closing']);
  const desk = new Operator(server.ready.url, token!);
  await idle(server);
  let ownBytesMax = 0;
  const watching = setInterval(() => {
    ownBytesMax = Math.max(ownBytesMax, server.memory().ownBytes);
  }, LOOK_MS);
  const step = async <T>(work: () => Promise<T>): Promise<Step & { readonly value: T }> => {
    const [startMs, cpuMs] = [performance.now(), server.cpuMs()];
    const value = await work();
    return { value, seconds: (performance.now() - startMs) / 1_000, cpuSeconds: (server.cpuMs() - cpuMs) / 1_000 };
  };
  try {
    const frozen = await step(() => desk.close());
    const made = await step(() => desk.make());
    const exported = await step(() => desk.export());
    const bytes = readdirSync(files).reduce((sum, name) => sum + statSync(join(files, name)).size, 0);
    const { recordCount } = made.value;
    const { rowCount, fileCount } = exported.value;
    const of = shortCount(CITIZENS);
    const seconds = frozen.seconds + made.seconds + exported.seconds;
    return {
      results: [
        { name: `close-and-pay-${of}-s`, unit: 's', value: seconds },
        { name: 'until the ranking is frozen', unit: 's', value: frozen.seconds },
        { name: 'records made', unit: 'records/s', value: recordCount / made.seconds },
        { name: 'server cpu a record made', unit: 'us/record', value: (made.cpuSeconds * 1e6) / recordCount },
        { name: 'transfers written', unit: 'transfers/s', value: rowCount / exported.seconds },
        { name: 'server cpu a transfer', unit: 'us/transfer', value: (exported.cpuSeconds * 1e6) / rowCount },
        { name: 'records', unit: '', value: recordCount },
        { name: 'files', unit: '', value: fileCount },
        { name: 'bytes of files', unit: 'MB', value: bytes / 1_048_576 },
        { name: 'own memory, most', unit: 'MB', value: ownBytesMax / 1_048_576 },
      ],
      ratios: [],
    };
  } finally {
    clearInterval(watching);
    await server.kill();
  }
}

/** A start makes the day's list of enrolled cards where there is none. */
async function idle(server: ServerProcess): Promise<void> {
  for (let beforeMs = server.cpuMs(); ; ) {
    await new Promise((resume) => setTimeout(resume, 10 * LOOK_MS));
    const cpuMs = server.cpuMs();
    if (cpuMs - beforeMs < IDLE_SHARE * 10 * LOOK_MS) return;
    beforeMs = cpuMs;
  }
}

function programme(): Programme {
  const italy = italy2020();
  const [christmas, ...others] = italy.periods;
  const paid = { ...christmas!, minTransactionNumber: 1, minPosition: 100_000, jackpotCents: 1_500_00 };
  return { ...italy, periods: [paid, ...others] };
}

interface Status {
  readonly periods: readonly { readonly awardPeriodId: number; readonly isFrozen: boolean }[];
}

class Operator {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  async close(): Promise<void> {
    await this.#ask('POST', '/admin/clock', { now: AFTER });
    for (;;) {
      const { periods } = await this.#ask<Status>('GET', '/status');
      if (periods.some((one) => one.awardPeriodId === PERIOD && one.isFrozen)) return;
      await new Promise((resume) => setTimeout(resume, LOOK_MS));
    }
  }

  make(): Promise<PayoutsMade> {
    return this.#ask('POST', `/bpd/notification-manager/winners?awardPeriodId=${PERIOD}`);
  }

  async export(): Promise<PayoutExport> {
    await this.#ask('POST', '/bpd/notification-manager/winners/consap', { awardPeriodId: PERIOD });
    for (;;) {
      const { export: now } = await this.#ask<{ export: PayoutExport }>('GET', '/admin/payouts/export');
      if (now.state === 'failed') throw new Error(now.problem ?? 'the export failed');
      if (now.state === 'done') return now;
      await new Promise((resume) => setTimeout(resume, LOOK_MS));
    }
  }

  async #ask<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await fetch(new URL(path, this.#url), {
      method,
      headers: { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as T;
  }
}
