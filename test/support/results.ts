/** What the long form of a test found (such as `STARTS=1000`), beside the measurements. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeCommit, describeMachine } from '../../bench/machine.ts';
import type { Report } from '../../bench/report.ts';

const FOLDER = join(import.meta.dirname, '../../bench/results');

export interface LongResult {
  /** Of its file. */
  readonly suite: string;
  /** By which it can be repeated. */
  readonly command: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** @param count from the environment; undefined = this is the short form, which leaves nothing behind */
export function saveLong(count: string | undefined, { suite, command, counts }: LongResult): void {
  if (count === undefined) return;
  const report: Report = {
    suite,
    machine: describeMachine(),
    commit: describeCommit(),
    results: Object.entries(counts).map(([name, value]) => ({ name, unit: 'times', value })),
    ratios: [],
    notes: [command],
  };
  writeFileSync(join(FOLDER, `${suite}.json`), `${JSON.stringify(report, null, 2)}\n`);
}
