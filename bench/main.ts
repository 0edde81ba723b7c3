/** `npm run bench -- SUITE [--entries N] [--json FILE] [--against FILE]`; `--list` names the suites. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from './machine.ts';
import { type Report, renderReport } from './report.ts';
import { SUITES, type Suite } from './suites.ts';

/** The reader's mistake: told in one line, exit code 2. */
class UsageFault extends Error {}

async function main(): Promise<void> {
  const { positionals, values } = readArguments();
  if (values.list) return print(list());
  const [name, ...others] = positionals;
  if (name === undefined || others.length > 0) throw new UsageFault(`name one suite:\n${list()}`);
  const suite = Object.hasOwn(SUITES, name) ? SUITES[name] : undefined;
  if (suite === undefined) throw new UsageFault(`there is no suite ${name}; there are:\n${list()}`);

  const entries = values.entries === undefined ? undefined : readEntries(values.entries, suite);
  const before = values.against === undefined ? undefined : readReport(values.against, name);
  const { run } = await suite.load();
  const report: Report = {
    suite: name,
    machine: describeMachine(),
    commit: describeCommit(),
    ...(await run({ entries })),
  };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  print(renderReport(report, before));
}

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'string' },
        against: { type: 'string' },
        entries: { type: 'string' },
        list: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageFault((error as Error).message);
  }
}

function readEntries(text: string, { takesEntries = false }: Suite): number {
  if (!takesEntries) throw new UsageFault('--entries: this suite has no such size');
  if (!/^[1-9]\d{0,7}$/.test(text)) throw new UsageFault(`--entries ${text}: a whole number below 100,000,000`);
  return Number(text);
}

function readReport(path: string, suite: string): Report {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch (error) {
    throw new UsageFault(`--against ${path}: ${(error as Error).message}`);
  }
  if (report.suite !== suite) throw new UsageFault(`--against ${path}: is of suite ${report.suite}, not ${suite}`);
  return report;
}

function list(): string {
  const width = Math.max(...Object.keys(SUITES).map(({ length }) => length));
  return Object.entries(SUITES)
    .map(([name, { about }]) => `  ${name.padEnd(width)}  ${about}`)
    .join('\n');
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

// A suite's databases end with this process; a signal alone would end it without a word to them.
process.on('SIGTERM', () => process.exit(143));
main().catch((error: unknown) => {
  const isUsage = error instanceof UsageFault;
  process.stderr.write(`${isUsage ? error.message : ((error as Error).stack ?? String(error))}\n`);
  process.exitCode = isUsage ? 2 : 1;
});
