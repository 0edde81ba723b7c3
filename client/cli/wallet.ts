/** `clickday wallet`: what one citizen has: methods, IBAN, cashback and place in each period. */
import { defineCommand } from 'citty';
import { checkTaxCode } from '../../engine/index.ts';
import { type Happening, type PastWallet, pastOfBackup, pastOfFolder, pastWallet } from '../../snapshots/index.ts';
import { euro } from '../paint.ts';
import { romeMoment } from '../rome.ts';
import type { ClickdayClient } from '../sdk/index.ts';
import { LINE_ARGUMENTS, withClient } from './line.ts';
import { instantArgument, JSON_ARGUMENT, print, printJson, refusalFault, usageFault } from './verb.ts';
import { plainTable, sayRankings, sayTotal, sayWallet } from './words.ts';

export const wallet = defineCommand({
  meta: {
    name: 'wallet',
    description:
      "Show a citizen's wallet, cashback and place in the ranking; with --at, as it was then and what led to it, from a " +
      'data folder at rest or a backup.',
  },
  args: {
    citizen: { type: 'positional', description: 'tax code', required: true, valueHint: 'CF' },
    at: { type: 'string', description: "an instant of the programme's time", valueHint: 'ISO-8601' },
    backup: {
      type: 'string',
      description: 'with --at: a backup, or what was shipped, instead of --data',
      valueHint: 'DIR',
    },
    keys: { type: 'string', description: 'of the backup; by default DIR.keys', valueHint: 'DIR' },
    ...LINE_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    if (args.at !== undefined) return tellPast(args, instantArgument('at', args.at));
    if (args.backup !== undefined) throw usageFault('--backup needs --at');
    const all = await withClient(args, 'citizen', args.citizen, readAll);
    if (args.json) return printJson(all);
    print(
      [sayWallet(all.wallet), ...all.totals.map((total) => `period ${total.awardPeriodId}: ${sayTotal(total)}`)].join(
        '\n',
      ),
    );
    print(sayRankings(all.ranking));
  },
});

interface PastArguments {
  readonly citizen: string;
  readonly data: string;
  readonly backup: string | undefined;
  readonly keys: string | undefined;
  readonly json: boolean;
}

async function tellPast({ citizen, data, backup, keys, json }: PastArguments, timeMs: number): Promise<void> {
  const checked = checkTaxCode(citizen);
  if (!checked.ok) throw usageFault(`${citizen} is no tax code`);
  const { source, close } = backup === undefined ? await pastOfFolder(data) : await pastOfBackup(backup, keys);
  try {
    const past = await pastWallet(source, checked.value, timeMs);
    if (json) printJson(past);
    else print(sayPast(past));
  } finally {
    await close();
  }
}

function sayPast({ timeMs, wallet, totals, history }: PastWallet): string {
  const table = plainTable(['when', 'what', 'why', 'amount', 'by', 'card', 'turn']);
  for (const happening of history) table.push(happeningCells(happening));
  return [
    `${romeMoment(timeMs)}: ${wallet === null ? 'never enrolled' : sayWallet(wallet)}`,
    ...totals.map((total) => `period ${total.awardPeriodId}: ${sayTotal(total)}`),
    table.toString(),
  ].join('\n');
}

function happeningCells(happening: Happening): string[] {
  const { atMs, partition, sequence, what, reason, command, channel, hpan, amountCents } = happening;
  const amount = amountCents === null ? '' : euro(amountCents);
  const by = [command, channel].filter((text) => text !== null).join(' ');
  const card = hpan === null ? '' : `${hpan.slice(0, 8)}…`;
  return [romeMoment(atMs), what, reason ?? '', amount, by, card, `${partition}:${sequence}`];
}

async function readAll(client: ClickdayClient) {
  const wallet = viewOf(await client.read('wallet', {}));
  const ranking = viewOf(await client.read('ranking', {}));
  const totals = await Promise.all(
    ranking.map(async ({ awardPeriodId }) => viewOf(await client.read('total', { awardPeriodId }))),
  );
  return { wallet, ranking, totals };
}

type Refusal = {
  readonly ok: false;
  readonly code: string;
  readonly message: string;
  readonly detail?: string | undefined;
};

function viewOf<V>(reply: { readonly ok: true; readonly view: V } | Refusal): V {
  if (!reply.ok) throw refusalFault(reply.code, reply.message, reply.detail);
  return reply.view;
}
