/** `clickday export`: all that a data folder or a backup knows, as open files with a manifest that explains them. */
import { defineCommand } from 'citty';
import { plantedPoints } from '../../server/index.ts';
import { EXPORT_FORMATS, type Exported, type ExportFormat, exportBackup, exportFolder } from '../../snapshots/index.ts';
import { grouped } from '../paint.ts';
import { DATA_DEFAULT } from './line.ts';
import { isInOwnProcess, runInOwnProcess } from './own-process.ts';
import { JSON_ARGUMENT, print, printJson, usageFault } from './verb.ts';
import { optionsOf } from './verify.ts';
import { plainTable } from './words.ts';

export const exportVerb = defineCommand({
  meta: {
    name: 'export',
    description:
      'Write everything a data folder at rest knows as CSV or lines of JSON, with a manifest that says what each column ' +
      'means: after verifying it, and all or nothing. Whoever was erased is in none of it. The files hold personal data in clear.',
  },
  args: {
    data: {
      type: 'string',
      description: 'data folder; no engine may run on it',
      valueHint: 'DIR',
      default: DATA_DEFAULT,
    },
    backup: { type: 'string', description: 'a backup instead, restored beside for as long', valueHint: 'DIR' },
    cut: { type: 'string', description: 'of the backup; by default all that is there', valueHint: 'NAME' },
    keys: { type: 'string', description: 'of the backup; by default DIR.keys', valueHint: 'DIR' },
    to: { type: 'string', description: 'the new folder: empty, or not there', valueHint: 'NEW', required: true },
    format: { type: 'string', description: 'csv or jsonl', valueHint: 'FORMAT', default: 'csv' },
    'without-personal-data': {
      type: 'boolean',
      description: 'citizens have keys only, and the salt of card numbers is left out',
      default: false,
    },
    memory: { type: 'string', description: 'for the check, as `clickday verify` has it', valueHint: 'MB' },
    ...JSON_ARGUMENT,
  },
  async run({ args, rawArgs }) {
    const { data, backup, cut, keys, to } = args;
    if (backup === undefined && (cut ?? keys) !== undefined) throw usageFault('--cut and --keys need --backup');
    const hasPersonalData = !args['without-personal-data'];
    const options = {
      to,
      format: formatOf(args.format),
      hasPersonalData,
      nowMs: Date.now(),
      onPoint: plantedPoints(process.env),
      ...optionsOf(args.memory),
    };
    if (backup === undefined && !isInOwnProcess()) return runInOwnProcess('export', data, rawArgs);
    const exported =
      backup === undefined ? await exportFolder(data, options) : await exportBackup({ backup, keys, cut }, options);
    if (args.json) printJson({ to, ...exported });
    else print(report(to, exported));
    return 0;
  },
});

function formatOf(text: string): ExportFormat {
  const format = EXPORT_FORMATS.find((one) => one === text);
  if (format === undefined) throw usageFault(`--format is ${EXPORT_FORMATS.join(' or ')}, not "${text}"`);
  return format;
}

function report(to: string, { files }: Exported): string {
  const table = plainTable(['file', 'rows', 'bytes']);
  for (const { name, rows, bytes } of files) table.push([name, grouped(rows), grouped(bytes)]);
  return `${to}: programme.json, manifest.json and\n${table.toString()}`;
}
