/** `clickday rebuild`: rows that are damaged are made anew from archive and journal, and verified. */
import { defineCommand } from 'citty';
import { rebuildFolder } from '../../snapshots/index.ts';
import { DATA_DEFAULT } from './line.ts';
import { JSON_ARGUMENT, print, printJson } from './verb.ts';
import { optionsOf, report } from './verify.ts';

export const rebuild = defineCommand({
  meta: {
    name: 'rebuild',
    description:
      'Make the rows of a data folder anew from archive and journal, then check all of it. Interrupted, it goes on when ' +
      'it is called again. Exit code 1 = the folder differs from its journal; then the old rows are in rows-aside/.',
  },
  args: {
    data: {
      type: 'string',
      description: 'data folder; no engine may run on it',
      valueHint: 'DIR',
      default: DATA_DEFAULT,
    },
    memory: { type: 'string', description: 'for the check, as `clickday verify` has it', valueHint: 'MB' },
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const inspection = await rebuildFolder(args.data, optionsOf(args.memory));
    if (args.json) printJson(inspection);
    else print(report(inspection));
    return inspection.ok ? 0 : 1;
  },
});
