/** `clickday payout`: has a closed period paid, a step at a time, and takes in what the bank says. */
import { basename } from 'node:path';
import { defineCommand } from 'citty';
import { type PayoutFile, type PayoutsMade, REFUSALS } from '../../engine/contract.ts';
import type { KeptErrors, PayoutExport, Restored, TakenIn } from '../../server/index.ts';
import { counted, euro, grouped } from '../paint.ts';
import { type Desk, openDesk } from './desk.ts';
import { LINE_ARGUMENTS } from './line.ts';
import { isWhole, JSON_ARGUMENT, numberArgument, print, printJson, usageFault, VerbFault } from './verb.ts';
import { plainTable, sayKept } from './words.ts';

const POLL_MS = 200;
const STEPS = ['make', 'export', 'sepa', 'files', 'outcomes', 'complaints', 'restore'] as const;
type Step = (typeof STEPS)[number];

export const payout = defineCommand({
  meta: {
    name: 'payout',
    description:
      'Pay a closed period: make its records, export the files for the bank (consap, or sepa), list them; take in ' +
      'outcomes and complaint payments; restore what an export left unfinished. Asking twice changes nothing.',
  },
  args: {
    step: { type: 'positional', description: STEPS.join(', '), required: true, valueHint: 'STEP' },
    file: { type: 'positional', description: 'of outcomes or complaint payments', required: false, valueHint: 'FILE' },
    period: { type: 'string', description: 'award period', valueHint: 'ID' },
    funds: { type: 'string', description: 'make: cut refunds when more than this is due', valueHint: 'CENTS' },
    debtor: { type: 'string', description: 'sepa: name of who pays', valueHint: 'NAME' },
    iban: { type: 'string', description: 'sepa: account of who pays', valueHint: 'IBAN' },
    bic: { type: 'string', description: 'sepa: its bank', valueHint: 'BIC' },
    day: { type: 'string', description: 'sepa: day of execution', valueHint: 'YYYY-MM-DD' },
    status: { type: 'enum', description: 'restore: what its records are now', options: ['NEW', 'RECOVERY', 'SENT'] },
    name: { type: 'string', description: 'restore: one file; by default all', valueHint: 'NAME' },
    'last-chunk': {
      type: 'string',
      description: 'restore, export: the last file that was sent; what is behind it goes out again',
      valueHint: 'NAME',
    },
    ...LINE_ARGUMENTS,
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    const step = STEPS.find((one) => one === args.step);
    if (step === undefined) throw usageFault(`there is no step "${args.step}"`, `there are: ${STEPS.join(', ')}`);
    const desk = await openDesk(args, 'payout');
    const { answer, text, exitCode = 0 } = await take(step, args as PayoutArguments, desk);
    if (args.json) printJson(answer);
    else print(text);
    return exitCode;
  },
});

interface PayoutArguments {
  readonly file: string | undefined;
  readonly period: string | undefined;
  readonly funds: string | undefined;
  readonly debtor: string | undefined;
  readonly iban: string | undefined;
  readonly bic: string | undefined;
  readonly day: string | undefined;
  readonly status: string | undefined;
  readonly name: string | undefined;
  readonly 'last-chunk': string | undefined;
}

interface Taken {
  readonly answer: unknown;
  readonly text: string;
  readonly exitCode?: 0 | 1;
}

async function take(step: Step, args: PayoutArguments, desk: Desk): Promise<Taken> {
  switch (step) {
    case 'make': {
      const funds = args.funds === undefined ? '' : `&fundsCents=${wholeOf('funds', args.funds)}`;
      const path = `/bpd/notification-manager/winners?awardPeriodId=${periodOf(args)}${funds}`;
      const made = await desk.post<PayoutsMade>(path);
      return { answer: made, text: sayMade(made) };
    }
    case 'export':
      return exported(desk, '/bpd/notification-manager/winners/consap', {
        awardPeriodId: periodOf(args),
        ...lastChunkOf(args),
      });
    case 'sepa': {
      const { debtor, iban, bic, day } = args;
      if (debtor === undefined || iban === undefined || day === undefined) {
        throw usageFault('a SEPA order needs --debtor, --iban and --day');
      }
      const order = { debtorName: debtor, debtorIban: iban, executionDay: day };
      const bank = bic === undefined ? {} : { debtorBic: bic };
      return exported(desk, '/admin/payouts/sepa', { awardPeriodId: periodOf(args), ...order, ...bank });
    }
    case 'files': {
      const { files } = await desk.get<{ files: readonly PayoutFile[] }>('/admin/payouts/files');
      return { answer: files, text: sayFiles(files) };
    }
    case 'outcomes':
      return takenIn(await sent(desk, 'outcomes', args.file));
    case 'complaints':
      return takenIn(await sent(desk, 'complaints', args.file));
    case 'restore': {
      const { status, name } = args;
      const lastChunk = lastChunkOf(args);
      if (status === undefined && lastChunk === null) throw usageFault('restore needs --last-chunk, or --status');
      const said = {
        ...(status === undefined ? {} : { status }),
        ...(name === undefined ? {} : { chunkFilename: name }),
      };
      const path = '/bpd/notification-manager/winners/restore';
      const restored = await desk.post<Restored>(path, { awardPeriodId: periodOf(args), ...said, ...lastChunk });
      return { answer: restored, text: sayRestored(restored) };
    }
  }
}

function lastChunkOf(args: PayoutArguments): { readonly lastChunkFilenameSent: string } | null {
  const name = args['last-chunk'];
  return name === undefined ? null : { lastChunkFilenameSent: name };
}

/** Waits until it has ended. */
async function exported(desk: Desk, path: string, asked: object): Promise<Taken> {
  await desk.post(path, asked);
  for (;;) {
    const { export: now } = await desk.get<{ export: PayoutExport }>('/admin/payouts/export');
    if (now.state === 'failed') throw new VerbFault(1, now.problem ?? 'the export failed');
    if (now.state === 'done') return { answer: now, text: sayExport(now) };
    await new Promise((resume) => setTimeout(resume, POLL_MS));
  }
}

/** Under its name, by which its bad lines are found again. */
function sent(desk: Desk, what: 'outcomes' | 'complaints', file: string | undefined): Promise<SentFile> {
  const name = file === undefined ? '' : `?name=${encodeURIComponent(basename(file))}`;
  return desk.send(`/admin/payouts/${what}${name}`, file);
}

interface SentFile extends TakenIn {
  readonly errors?: KeptErrors;
}

function takenIn(taken: SentFile): Taken {
  const { rowCount, takenCount, rejected, rejectedCount } = taken;
  const lines = rejected.map(({ line, code, detail }) => {
    return `  line ${line}: ${code}${detail === undefined ? '' : ` (${detail})`}, ${REFUSALS[code].text}`;
  });
  const more = rejectedCount > rejected.length ? [`  and ${grouped(rejectedCount - rejected.length)} more`] : [];
  const head = `${grouped(takenCount)} of ${counted(rowCount, 'line')} taken in`;
  const kept = sayKept(taken.errors);
  return { answer: taken, text: [head, ...lines, ...more, ...kept].join('\n'), exitCode: rejectedCount === 0 ? 0 : 1 };
}

function sayMade({ awardPeriodId, recordCount, totalCents, cut }: PayoutsMade): string {
  const made = `period ${awardPeriodId}: ${counted(recordCount, 'record')} made, ${euro(totalCents)}`;
  if (cut === null) return made;
  return `${made}\n  ${euro(cut.totalCents)} were due and there are ${euro(cut.fundsCents)}: every refund is cut in proportion`;
}

function sayRestored({ sentCount, returnedCount }: Restored): string {
  return `${counted(sentCount, 'record')} sent, ${counted(returnedCount, 'record')} for the next export`;
}

function sayExport({ fileCount, rowCount, totalCents, unwritable, unwritableCount }: PayoutExport): string {
  const head = `${counted(fileCount, 'file')}, ${counted(rowCount, 'transfer')}, ${euro(totalCents)}`;
  if (unwritableCount === 0) return head;
  const named = unwritable.map(({ id, code, detail }) => `  record ${id}: ${code} (${detail})`);
  return [
    head,
    `cannot be written and ${unwritableCount === 1 ? 'waits' : 'wait'}: ${counted(unwritableCount, 'record')}`,
    ...named,
  ].join('\n');
}

function sayFiles(files: readonly PayoutFile[]): string {
  if (files.length === 0) return 'no files yet';
  const table = plainTable(['number', 'period', 'state', 'transfers', 'amount', 'name']);
  for (const { fileNumber, awardPeriodId, state, rowCount, totalCents, name } of files) {
    table.push([fileNumber, awardPeriodId, state, grouped(rowCount), euro(totalCents), name]);
  }
  return table.toString();
}

function periodOf({ period }: PayoutArguments): number {
  if (period === undefined) throw usageFault('which period? --period ID');
  return wholeOf('period', period);
}

function wholeOf(name: string, text: string): number {
  return numberArgument(name, text, isWhole, 'a whole number');
}
