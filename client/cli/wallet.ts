/** `clickday wallet`: what one citizen has: methods, IBAN, cashback and place in each period. */
import { defineCommand } from 'citty';
import type { ClickdayClient } from '../sdk/index.ts';
import { LINE_ARGUMENTS, withClient } from './line.ts';
import { JSON_ARGUMENT, print, printJson, refusalFault } from './verb.ts';
import { sayRankings, sayTotal, sayWallet } from './words.ts';

export const wallet = defineCommand({
  meta: { name: 'wallet', description: "Show a citizen's wallet, cashback and place in the ranking." },
  args: {
    citizen: { type: 'positional', description: 'tax code', required: true, valueHint: 'CF' },
    ...LINE_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
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
