/** `clickday ranking`: the head of the Super Cashback ranking of one period, as an operator sees it. */
import { defineCommand } from 'citty';
import type { RankingEntry } from '../../engine/contract.ts';
import { grouped } from '../paint.ts';
import { romeMoment } from '../rome.ts';
import type { ClickdayClient } from '../sdk/index.ts';
import { LINE_ARGUMENTS, withClient } from './line.ts';
import { isWhole, JSON_ARGUMENT, numberArgument, print, printJson, refusalFault } from './verb.ts';
import { plainTable } from './words.ts';

const TOP_MAX = 1_000;

export const ranking = defineCommand({
  meta: { name: 'ranking', description: 'Show the first places of a period. Citizens appear as keys, never by name.' },
  args: {
    period: { type: 'string', description: 'award period; by default the one that runs now', valueHint: 'P' },
    top: { type: 'string', description: `how many places, at most ${TOP_MAX}`, valueHint: 'N', default: '10' },
    ...LINE_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const isTop = (value: number) => isWhole(value) && value >= 1 && value <= TOP_MAX;
    const count = numberArgument('top', args.top, isTop, `from 1 to ${TOP_MAX}`);
    const asked =
      args.period === undefined ? null : numberArgument('period', args.period, isWhole, 'the number of a period');
    const entries = await withClient(args, 'operator', 'cli', async (client) => {
      const awardPeriodId = asked ?? (await runningPeriod(client));
      const reply = await client.read('rankingPage', { awardPeriodId, firstRank: 1, count });
      if (!reply.ok) throw refusalFault(reply.code, reply.message, reply.detail);
      return reply.view;
    });
    if (args.json) printJson(entries);
    else print(table(entries));
  },
});

async function runningPeriod(client: ClickdayClient): Promise<number> {
  const reply = await client.read('periods', {});
  if (!reply.ok) throw refusalFault(reply.code, reply.message, reply.detail);
  const running = reply.view.find(({ status }) => status === 'ACTIVE') ?? reply.view[0];
  if (running === undefined) throw refusalFault('PERIOD_NOT_FOUND', 'the programme has no period');
  return running.awardPeriodId;
}

function table(entries: readonly Partial<RankingEntry>[]): string {
  if (entries.length === 0) return 'nobody takes part yet';
  const rows = plainTable(['rank', 'payments', 'last payment', 'citizen']);
  for (const { rank, transactionNumber, lastTrxMs, citizen } of entries) {
    rows.push([
      grouped(rank ?? 0),
      grouped(transactionNumber ?? 0),
      lastTrxMs ? romeMoment(lastTrxMs) : '',
      citizen ?? '',
    ]);
  }
  return rows.toString();
}
