/** `clickday reshard`: another number of stores for a data folder, with all that it remembers. */
import { defineCommand } from 'citty';
import { plantedPoints } from '../../server/index.ts';
import { reshardFolder } from '../../snapshots/index.ts';
import { counted } from '../paint.ts';
import { DATA_DEFAULT } from './line.ts';
import { isWhole, JSON_ARGUMENT, numberArgument, print, printJson } from './verb.ts';

export const reshard = defineCommand({
  meta: { name: 'reshard', description: 'Deal a data folder at rest out to another number of stores, and verify it.' },
  args: {
    data: {
      type: 'string',
      description: 'data folder; no engine may run on it',
      valueHint: 'DIR',
      default: DATA_DEFAULT,
    },
    stores: { type: 'string', description: 'how many there will be', valueHint: 'N', required: true },
    keep: { type: 'boolean', description: 'keep the rows of the old stores, too', default: false },
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const isCount = (value: number) => isWhole(value) && value >= 1 && value <= 64;
    const storeCount = numberArgument('stores', args.stores, isCount, 'from 1 to 64');
    const onPoint = plantedPoints(process.env);
    const { storesBefore, rowsMoved } = await reshardFolder(args.data, { storeCount, keepsRows: args.keep, onPoint });
    if (args.json) printJson({ storesBefore, stores: storeCount, rowsMoved });
    else if (storesBefore === storeCount) print(`${args.data} has ${counted(storeCount, 'store')} already`);
    else
      print(`${args.data}: ${counted(rowsMoved, 'row')}, ${storesBefore} to ${counted(storeCount, 'store')}, verified`);
    return 0;
  },
});
