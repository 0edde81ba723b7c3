/** `clickday verify`: folds everything a data folder remembers once more, independently, and compares. */
import { join } from 'node:path';
import { defineCommand } from 'citty';
import {
  type BackupInspection,
  BackupReader,
  type Checked,
  holdingFolder,
  inspectBackup,
  readThrough,
  type VerifyOptions,
  verifyFolder,
} from '../../snapshots/index.ts';
import { counted, grouped } from '../paint.ts';
import { DATA_DEFAULT } from './line.ts';
import { isInOwnProcess, runInOwnProcess } from './own-process.ts';
import { isWhole, JSON_ARGUMENT, numberArgument, paintOf, print, printJson } from './verb.ts';

export const verify = defineCommand({
  meta: {
    name: 'verify',
    description: 'Check a data folder at rest against its own journal, or a backup. Exit code 1 = it differs.',
  },
  args: {
    data: {
      type: 'string',
      description: 'data folder; no engine may run on it',
      valueHint: 'DIR',
      default: DATA_DEFAULT,
    },
    memory: {
      type: 'string',
      description: 'for what is noted of the journal, 1024 if not given; what more there is takes further passes',
      valueHint: 'MB',
    },
    backup: { type: 'string', description: 'a backup instead: every record of it, and every cut', valueHint: 'DIR' },
    database: {
      type: 'string',
      description: 'one database of the folder alone, such as store-0/rows: whether all of it can be read',
      valueHint: 'NAME',
    },
    ...JSON_ARGUMENT,
  },
  async run({ args, rawArgs }) {
    if (args.database !== undefined) {
      const path = join(args.data, args.database);
      const entries = holdingFolder(args.data, () => readThrough(path));
      if (args.json) printJson({ entries });
      else print(`${args.database}: ${counted(entries, 'entry')}`);
      return 0;
    }
    if (args.backup === undefined && !isInOwnProcess()) return runInOwnProcess('verify', args.data, rawArgs);
    const inspection =
      args.backup === undefined
        ? await verifyFolder(args.data, optionsOf(args.memory))
        : await inspectBackup(new BackupReader(args.backup));
    if (args.json) printJson(inspection);
    else print(report(inspection));
    return inspection.ok ? 0 : 1;
  },
});

export function optionsOf(memory: string | undefined): VerifyOptions {
  if (memory === undefined) return {};
  const megabytes = numberArgument('memory', memory, (value) => isWhole(value) && value > 0, 'a number of megabytes');
  return { memoryBytes: megabytes * 1_048_576 };
}

/** Of a folder, or of a backup. */
type CountName = keyof Checked | keyof BackupInspection['checked'];

interface Inspection {
  readonly ok: boolean;
  readonly checked: Readonly<Partial<Record<CountName, number>>>;
  readonly differences: readonly string[];
}

/** One, and several. */
const WORDS: Readonly<Record<CountName, readonly [string, string]>> = {
  records: ['record', 'records'],
  sections: ['section', 'sections'],
  facts: ['fact', 'facts'],
  messages: ['message', 'messages'],
  citizens: ['citizen', 'citizens'],
  cards: ['card', 'cards'],
  payments: ['payment', 'payments'],
  reversals: ['reversal', 'reversals'],
  commands: ['command', 'commands'],
  totals: ['total', 'totals'],
  payouts: ['payout', 'payouts'],
  notices: ['notice', 'notices'],
  files: ['file', 'files'],
  exclusions: ['exclusion', 'exclusions'],
  rows: ['row', 'rows'],
  rankings: ['ranking', 'rankings'],
  cuts: ['cut', 'cuts'],
  bases: ['base', 'bases'],
  errorFiles: ['file of bad lines', 'files of bad lines'],
};

export function report({ ok, checked, differences }: Inspection): string {
  const paint = paintOf(process.stdout);
  const counts = (Object.entries(checked) as [CountName, number][]).map(([name, count]) => {
    const [one, several] = WORDS[name];
    return `${grouped(count)} ${count === 1 ? one : several}`;
  });
  const title = ok ? `${paint.accent('✔')} the folder is sound` : `${paint.alarm('✘')} the folder is not what it says`;
  return [title, paint.dim(`  ${counts.join(', ')}`), ...differences.map((difference) => `  - ${difference}`)].join(
    '\n',
  );
}
