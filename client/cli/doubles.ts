/** `clickday doubles`: records that several cards have under one key of their acquirer. */
import { defineCommand } from 'citty';
import { type Double, type Doubles, doublesOf } from '../../snapshots/index.ts';
import { counted, euro } from '../paint.ts';
import { romeMoment } from '../rome.ts';
import { openDesk } from './desk.ts';
import { openJournals, unlessServed } from './journals.ts';
import { LINE_ARGUMENTS, type LineOptions } from './line.ts';
import { JSON_ARGUMENT, print, printJson } from './verb.ts';
import { plainTable } from './words.ts';

export const doubles = defineCommand({
  meta: {
    name: 'doubles',
    description:
      'List records that came for several cards under one key (acquirer, id, date, operation): each card has taken in its own. ' +
      'From a data folder, by the server that works in it if one does, or from a backup.',
  },
  args: {
    backup: { type: 'string', description: 'a backup, or what was shipped, instead of --data', valueHint: 'DIR' },
    keys: { type: 'string', description: 'of the backup; by default DIR.keys', valueHint: 'DIR' },
    ...LINE_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const found = await find(args);
    if (args.json) printJson(found);
    else print(sayDoubles(found));
  },
});

interface DoublesArguments extends LineOptions {
  readonly backup: string | undefined;
  readonly keys: string | undefined;
}

async function find(args: DoublesArguments): Promise<Doubles> {
  const found = await unlessServed(doublesOf(() => openJournals(args)));
  return found ?? (await openDesk(args, 'doubles')).get<Doubles>('/admin/doubles');
}

function sayDoubles({ doubles: found, moreCount }: Doubles): string {
  if (found.length === 0) return 'no record came for several cards';
  const table = plainTable([
    'date',
    'acquirer',
    'id',
    'operation',
    'card',
    'citizen',
    'amount',
    'cashback',
    '',
    'received',
  ]);
  for (const double of found) table.push(...rowsOf(double));
  return moreCount === 0 ? table.toString() : `${table}\nand about ${counted(moreCount, 'key')} more`;
}

function rowsOf({ key, holdings }: Double): string[][] {
  return holdings.map(({ hpan, citizen, amountCents, scoreCents, state, receivedMs }, at) => {
    const { trxMs, acquirerCode, idTrxAcquirer, operationType } = key;
    const named = at === 0 ? [romeMoment(trxMs), acquirerCode, idTrxAcquirer, operationType] : ['', '', '', ''];
    const held = [`${hpan.slice(0, 8)}…`, citizen.slice(0, 8), euro(amountCents), euro(scoreCents), state];
    return [...named, ...held, romeMoment(receivedMs)];
  });
}
