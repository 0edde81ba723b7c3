// Method: each suite is run as its user runs it, as short as it can be; the report that it writes must have the figures
// and ratios that runs are compared by. Peers take part where they are installed; where not, a suite goes on without.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drawReport } from '../../bench/chart.ts';
import type { Report } from '../../bench/report.ts';
import { type Compiled, compile } from '../support/compiled.ts';

const SHORT = {
  ...{ SECONDS: '0.2', ROUNDS: '1', CONNECTIONS: '20' },
  ...{ PAYMENTS: '2000', CITIZENS: '100', WALLETS: '200', RECORDS: '10000' },
  ...{ SOCKETS: '2000', SLOW: '200', READERS: '200' },
  ...{ CITIZENS_MAX: '400', STORES: '1', MINUTES: '0.01', RATE: '200' },
};

/** By suite: names of results, and of ratios that need no peer. */
const NAMES: Readonly<Record<string, readonly [results: readonly string[], ratios: readonly string[]]>> = {
  'click-day': [
    [
      ...['peak', 'goodput-10x', 'goodput-100x', 'admitted-p99-10x-ms', 'jain', 'back-to-normal-s'],
      ...['appointments-kept', 'foreign-canaries', 'stall-recovery-s', 'goodput-2x-unthrottled'],
    ],
    [],
  ],
  'end-to-end': [['peak', 'p50-idle', 'p99-at-70', 'cpu-us-per-command'], ['echo']],
  idle: [
    ['idle sockets', 'storm: back, all', 'slow sockets', 'slow readers'],
    ['idle-p99', 'slow-p99'],
  ],
  ingest: [['rows', 'rank-age-s', 'bytes-per-row'], []],
  journal: [['journal append'], ['raw', 'p99-checkpoint']],
  load: [['1000 x 8'], []],
  'load-hour': [['done', 'own memory, most'], []],
  recovery: [['restart-200-s'], []],
  refusal: [['refusal', 'echo'], ['refusal to echo']],
  rest: [['an actor at rest', 'waking'], []],
  ring: [['records between two threads, each checked'], ['what a port costs']],
  scale: [['p99-growth', 'anon-400-bytes', 'restart-400-s'], []],
  wallet: [['bare actor.send'], ['actor-send']],
};

describe('the suites', () => {
  const folder = mkdtempSync(join(tmpdir(), 'clickday-suites-'));
  let compiled: Compiled;
  let main: string;

  beforeAll(() => {
    compiled = compile('test/bench/programs.ts');
    main = join(dirname(compiled.path), '..', '..', 'bench', 'main.js');
  });

  afterAll(() => {
    compiled.remove();
    rmSync(folder, { recursive: true });
  });

  async function measure(suite: string): Promise<Report> {
    const file = join(folder, `${suite}.json`);
    const env = { ...process.env, ...SHORT };
    await promisify(execFile)(process.execPath, [main, suite, '--json', file], { env });
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  }

  // Side by side: they wait more than they work.
  test.concurrent.each(Object.entries(NAMES))(
    '%s writes what runs are compared by',
    async (suite, [results, ratios]) => {
      const report = await measure(suite);
      expect(report).toMatchObject({ suite, machine: { node: process.version } });
      const named = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name);
      expect(named(report.results)).toEqual(expect.arrayContaining([...results]));
      expect(named(report.ratios)).toEqual(expect.arrayContaining([...ratios]));
      for (const { name, value } of [...report.results, ...report.ratios]) {
        // An exponent of almost nothing may be below zero.
        if (!name.includes('growth') && !name.includes('each citizen more')) {
          expect(value, name).toBeGreaterThanOrEqual(0);
        }
        expect(value, name).toBeLessThan(Number.POSITIVE_INFINITY);
      }
      // Also of two thousand sockets that came back together nobody waits for a command that is gone (fault 65).
      expect(report.results.find(({ name }) => name === 'storm: commands lost')?.value ?? 0).toBe(0);
      const picture = drawReport(report, 'npm run bench');
      for (const { name } of report.results) expect(picture).toContain(name);
      expect(picture).not.toContain('NaN');
    },
  );
});
