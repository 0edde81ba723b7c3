/** `clickday wallet`: what one citizen has: methods, IBAN, cashback and place in each period. */
import { defineCommand } from 'citty';
import { checkTaxCode } from '../../engine/index.ts';
import { MESSAGES, standingMessage } from '../../server/wire/index.ts';
import { type Happening, type PastWallet, pastWallet } from '../../snapshots/index.ts';
import { euro } from '../paint.ts';
import { romeMoment } from '../rome.ts';
import { askHttp, type ClickdayClient } from '../sdk/index.ts';
import { openJournals, unlessServed } from './journals.ts';
import { LINE_ARGUMENTS, type LineOptions, tokenFor, withClient } from './line.ts';
import { instantArgument, JSON_ARGUMENT, print, printJson, refusalFault, usageFault } from './verb.ts';
import { plainTable, sayRankings, sayTotal, sayWallet } from './words.ts';

export const wallet = defineCommand({
  meta: {
    name: 'wallet',
    description:
      "Show a citizen's wallet, cashback and place in the ranking; with --at, as it was then and what led to it, from a " +
      'data folder, by the server that works in it if one does, or from a backup.',
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
    print([sayWallet(all.wallet), ...all.totals.map((total) => sayStanding(total, all))].join('\n'));
    print(sayRankings(all.ranking));
  },
});

type Everything = Awaited<ReturnType<typeof readAll>>;

function sayStanding(total: Everything['totals'][number], { periods, ranking }: Everything): string {
  const isSame = (other: { readonly awardPeriodId: number }) => other.awardPeriodId === total.awardPeriodId;
  const period = periods.find(isSame);
  const message = period === undefined ? null : standingMessage(total, period, ranking.find(isSame));
  return `period ${total.awardPeriodId}: ${sayTotal(total)}${message === null ? '' : `. ${MESSAGES[message].text}`}`;
}

interface PastArguments extends LineOptions {
  readonly citizen: string;
  readonly backup: string | undefined;
  readonly keys: string | undefined;
  readonly json: boolean;
}

async function tellPast(args: PastArguments, timeMs: number): Promise<void> {
  const checked = checkTaxCode(args.citizen);
  if (!checked.ok) throw usageFault(`${args.citizen} is no tax code`);
  const opened = await unlessServed(openJournals(args));
  const past =
    opened === null
      ? await askPast(args, checked.value, timeMs)
      : await pastWallet(opened.source, checked.value, timeMs).finally(opened.close);
  if (args.json) printJson(past);
  else print(sayPast(past));
}

async function askPast(options: PastArguments, citizen: string, timeMs: number): Promise<PastWallet> {
  const http = { url: options.url, token: await tokenFor(options, 'operator', 'past') };
  const body = JSON.stringify({ citizen, at: new Date(timeMs).toISOString() });
  const { text } = await askHttp(http, { method: 'POST', path: '/admin/past', body });
  const answer = JSON.parse(text) as {
    readonly past?: PastWallet;
    readonly name?: string;
    readonly detail?: string;
  };
  if (answer.past === undefined) throw refusalFault(answer.name ?? 'UNKNOWN', 'no past was read', answer.detail);
  return answer.past;
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
  const periods = viewOf(await client.read('periods', {}));
  return { wallet, ranking, totals, periods };
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
