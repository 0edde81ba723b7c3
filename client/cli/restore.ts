/** `clickday restore`: a data folder out of a backup, or out of what `serve --ship` has shipped. */
import { defineCommand } from 'citty';
import { type Restored, restoreBackup, type Until } from '../../snapshots/index.ts';
import { counted } from '../paint.ts';
import { romeMoment } from '../rome.ts';
import { instantArgument, JSON_ARGUMENT, print, printJson, usageFault } from './verb.ts';

export const restore = defineCommand({
  meta: {
    name: 'restore',
    description: 'Make a new data folder out of a backup: all of it is verified first. Erased keys do not come back.',
  },
  args: {
    backup: {
      type: 'positional',
      description: 'the backup, or the folder shipped to',
      required: true,
      valueHint: 'DIR',
    },
    data: { type: 'string', description: 'the new data folder: empty, or not there', required: true, valueHint: 'NEW' },
    keys: { type: 'string', description: 'of the backup; by default DIR.keys', valueHint: 'DIR' },
    'to-cut': { type: 'string', description: 'up to a named cut; by default all that is there', valueHint: 'NAME' },
    'to-time': { type: 'string', description: "up to an instant of the programme's time", valueHint: 'ISO-8601' },
    'without-base': { type: 'boolean', description: 'fold all rows from the first record, whatever base there is' },
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const { backup, data: folder, keys } = args;
    const [until, withoutBase] = [untilOf(args['to-cut'], args['to-time']), args['without-base']];
    const restored = await restoreBackup({ backup, folder, keys, until, withoutBase });
    if (args.json) printJson(restored);
    else print(report(folder, restored));
  },
});

function untilOf(cut: string | undefined, time: string | undefined): Until {
  if (cut !== undefined && time !== undefined) throw usageFault('either --to-cut or --to-time');
  if (cut !== undefined) return { cut };
  return time === undefined ? 'end' : { timeMs: instantArgument('to-time', time) };
}

function report(folder: string, restored: Restored): string {
  const { vector, lastMs, epoch, erasedCount, base, damagedBases, errorFileCount, damagedErrors } = restored;
  const records = counted(
    vector.reduce((sum, sequence) => sum + sequence, 0),
    'record',
  );
  const gone = erasedCount === 0 ? '' : `, ${counted(erasedCount, 'citizen')} stay erased`;
  return [
    `${folder}: ${records} up to ${romeMoment(lastMs)}, epoch ${epoch}${gone}`,
    `  rows folded ${base === null ? 'from the first record' : `on top of base ${base}`}`,
    ...damagedBases.map((damage) => `  not used, since it is damaged: ${damage}`),
    ...(errorFileCount === 0 ? [] : [`  bad lines of ${counted(errorFileCount, 'file')}`]),
    ...damagedErrors.map((damage) => `  bad lines that are lost: ${damage}`),
    `  check it: clickday verify --data ${folder}`,
  ].join('\n');
}
