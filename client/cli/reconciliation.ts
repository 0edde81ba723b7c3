/** `clickday reconciliation`: what became of the rows of acquirers on one day, by file and by acquirer. */
import { defineCommand } from 'citty';
import type { ReconciledSums, Reconciliation } from '../../server/index.ts';
import { euro, grouped } from '../paint.ts';
import { openDesk } from './desk.ts';
import { LINE_ARGUMENTS } from './line.ts';
import { JSON_ARGUMENT, print, printJson } from './verb.ts';
import { plainTable } from './words.ts';

export const reconciliation = defineCommand({
  meta: {
    name: 'reconciliation',
    description:
      'What became of the rows that acquirers sent on a day: rows and amounts accepted, dropped, rejected and repeated, ' +
      'by file and by acquirer, with the reasons; of lists of device tokens too. Of transactions it is exact, whatever died ' +
      'meanwhile.',
  },
  args: {
    day: {
      type: 'string',
      description: 'of arrival, in Rome; by default today, as the server’s clock has it',
      valueHint: 'YYYY-MM-DD',
    },
    acquirer: { type: 'string', description: 'only this one', valueHint: 'ABI' },
    ...LINE_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const desk = await openDesk(args, 'reconciliation');
    const query = new URLSearchParams();
    if (args.day !== undefined) query.set('day', args.day);
    if (args.acquirer !== undefined) query.set('acquirer', args.acquirer);
    const read = await desk.get<Reconciliation>(`/admin/reconciliation?${query}`);
    if (args.json) printJson(read);
    else print(sayReconciliation(read));
  },
});

function sayReconciliation({ day, acquirers, files }: Reconciliation): string {
  if (files.length === 0) return `no file came on ${day}`;
  const table = plainTable(['acquirer', 'file', 'rows', 'accepted', 'dropped', 'rejected', 'repeated', '']);
  for (const one of acquirers) {
    for (const file of files) {
      if (file.acquirer !== one.acquirer || file.kind !== one.kind) continue;
      table.push([
        file.acquirer,
        file.file,
        ...cellsOf(file),
        file.state === 'unfinished' ? UNFINISHED[file.kind] : '',
      ]);
    }
    table.push([one.acquirer, `all ${one.kind} of the day`, ...cellsOf(one), '']);
  }
  const reasons = acquirers.flatMap((one) =>
    one.reasons.map((reason) => `  ${one.acquirer} ${one.kind} ${reason.fate} ${reason.code}: ${shown(reason)}`),
  );
  return [table.toString(), ...reasons].join('\n');
}

const UNFINISHED = {
  transactions: 'unfinished: only what was accepted is known',
  tokens: 'unfinished: nothing of it is known',
} as const;

function cellsOf({ rows, cents, accepted, dropped, rejected, repeated }: ReconciledSums): readonly string[] {
  return [{ rows, cents }, accepted, dropped, rejected, repeated].map(shown);
}

function shown({ rows, cents }: { readonly rows: number; readonly cents: number }): string {
  return cents === 0 ? grouped(rows) : `${grouped(rows)} (${euro(cents)})`;
}
