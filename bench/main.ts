/** `npm run bench -- SUITE [--json FILE] [--against FILE] [options of the suite]`; `--list` names them all. */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { describeCommit, describeMachine } from './machine.ts';
import { type Report, renderReport } from './report.ts';
import { SUITES } from './suites.ts';

/** The reader's mistake: told in one line, exit code 2. */
class UsageFault extends Error {}

async function main(): Promise<void> {
  const { positionals, values } = readArguments();
  if (values.list) return print(list());
  const [name, ...others] = positionals;
  if (name === undefined || others.length > 0) throw new UsageFault(`name one suite:\n${list()}`);
  const suite = Object.hasOwn(SUITES, name) ? SUITES[name] : undefined;
  if (suite === undefined) throw new UsageFault(`there is no suite ${name}; there are:\n${list()}`);

  setOptions(name, values);
  const before = values.against === undefined ? undefined : readReport(values.against, name);
  const { run } = await suite.load();
  const report: Report = { suite: name, machine: describeMachine(), commit: describeCommit(), ...(await run()) };
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  print(renderReport(report, before));
}

/** One above zero, or several. */
const NUMBERS = /^(?=.*[1-9])\d+(\.\d+)?(,\d+)*$/;

const OF_SUITES = [...new Set(Object.values(SUITES).flatMap(({ options = [] }) => options))];

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        ...Object.fromEntries(OF_SUITES.map((option) => [option, { type: 'string' }] as const)),
        ...{ json: { type: 'string' }, against: { type: 'string' }, list: { type: 'boolean', default: false } },
      },
    });
  } catch (error) {
    throw new UsageFault((error as Error).message);
  }
}

/** A suite reads its options from its environment, as it does where it is run otherwise. */
function setOptions(suite: string, values: Readonly<Record<string, unknown>>): void {
  for (const option of OF_SUITES) {
    const value = values[option];
    if (typeof value !== 'string') continue;
    if (SUITES[suite]?.options?.includes(option) !== true) throw new UsageFault(`${suite} has no option --${option}`);
    if (option !== 'population' && !NUMBERS.test(value)) throw new UsageFault(`--${option} ${value}: is no number`);
    process.env[option.toUpperCase().replaceAll('-', '_')] = value;
  }
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
    .map(([name, { about, options = [] }]) => {
      const named = options.map((option) => ` --${option}`).join('');
      return `  ${name.padEnd(width)}  ${about}${named === '' ? '' : `;${named}`}`;
    })
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
