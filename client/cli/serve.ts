/** `clickday serve`: one engine process, kept alive, until Ctrl-C. */
import { basename, relative } from 'node:path';
import { defineCommand } from 'citty';
import { DESCRIPTORS_MIN, descriptorLimit, type Ready, type Supervisor, supervise } from '../../server/index.ts';
import type { Paint } from '../paint.ts';
import { taxCodeOf } from '../replay/documents.ts';
import { DATA_DEFAULT } from './line.ts';
import { isWhole, JSON_ARGUMENT, numberArgument, paintOf, print, printJson, usageFault, VerbFault } from './verb.ts';

export const serve = defineCommand({
  meta: { name: 'serve', description: 'Run the engine on a data folder; starts it again when it dies.' },
  args: {
    data: { type: 'string', description: 'data folder; made when missing', valueHint: 'DIR', default: DATA_DEFAULT },
    port: { type: 'string', description: 'port on 127.0.0.1; 0 = any', valueHint: 'N', default: '8080' },
    shards: {
      type: 'string',
      description: 'stores of a new folder, each with a thread; by default as suits the cores',
      valueHint: 'N',
    },
    transport: { type: 'enum', description: 'web server', options: ['auto', 'uws', 'ws'], default: 'auto' },
    now: { type: 'string', description: 'start a simulated clock at this instant', valueHint: 'ISO-8601' },
    speed: { type: 'string', description: 'programme time per real time, with --now', valueHint: 'X' },
    programme: { type: 'string', description: 'built-in programme or a file of one', valueHint: 'NAME|FILE' },
    features: { type: 'string', description: 'which versions of clients may do what', valueHint: 'FILE' },
    'citizen-rate': {
      type: 'string',
      description: 'requests of one citizen in a second, over all its connections; 0 = no limit',
      valueHint: 'N',
    },
    quota: { type: 'string', description: 'refuse changes when the folder has grown to this size', valueHint: 'BYTES' },
    ship: { type: 'string', description: 'ship the journal to a second folder, all the time', valueHint: 'DIR' },
    'ship-keys': { type: 'string', description: 'and the keys to another; by default DIR.keys', valueHint: 'DIR' },
    'keep-format': {
      type: 'boolean',
      description: 'write an older folder in its own format: the version before this one can still take it back',
      default: false,
    },
    'payout-folder': {
      type: 'string',
      description: 'where the files for the bank go; they name people and accounts',
      valueHint: 'DIR',
    },
    'notices-folder': {
      type: 'string',
      description: 'where notices to citizens go, a file a day; they name people',
      valueHint: 'DIR',
    },
    demo: { type: 'boolean', description: 'for a first look: says what to try', default: false },
    ...JSON_ARGUMENT,
  },
  async run({ args }) {
    // On standard error: what a program reads from standard output begins with the address.
    if (args.demo && !args.json)
      process.stderr.write('Starting. A new folder is filled with a demonstration first: some seconds.\n');
    const descriptors = descriptorLimit();
    if (descriptors < DESCRIPTORS_MIN) {
      throw new VerbFault(
        2,
        `this user may open ${descriptors} files: too few to serve anybody`,
        'raise it with: ulimit -n',
      );
    }
    const supervisor = supervise({
      options: engineOptions(args),
      onReady: (ready) => (args.json ? printJson({ ready }) : print(welcome(ready, args, paintOf(process.stdout)))),
      onEvent: (text) => process.stderr.write(`clickday: ${text}\n`),
    });
    stopOnSignals(supervisor);
    return supervisor.ended;
  },
});

interface ServeArguments {
  readonly data: string;
  readonly port: string;
  readonly shards: string | undefined;
  readonly transport: string;
  readonly now: string | undefined;
  readonly speed: string | undefined;
  readonly programme: string | undefined;
  readonly features: string | undefined;
  readonly 'citizen-rate': string | undefined;
  readonly quota: string | undefined;
  readonly ship: string | undefined;
  readonly 'ship-keys': string | undefined;
  readonly 'payout-folder': string | undefined;
  readonly 'notices-folder': string | undefined;
  readonly demo: boolean;
  readonly 'keep-format': boolean;
}

/** What the engine process gets; absent fields keep its own defaults. The engine judges what only it can. */
function engineOptions(args: ServeArguments): object {
  const { data, transport, now, programme, features, demo, ship } = args;
  const { 'ship-keys': shipKeys, 'payout-folder': payoutFolder, 'notices-folder': noticesFolder } = args;
  if (now !== undefined && Number.isNaN(Date.parse(now)))
    throw usageFault(`--now is an ISO-8601 instant, not "${now}"`);
  if (args.speed !== undefined && now === undefined) throw usageFault('--speed needs --now: real time has one speed');
  return {
    data,
    port: numberArgument('port', args.port, (value) => isWhole(value) && value < 65_536, 'a port from 0 to 65535'),
    transport,
    demo,
    keepFormat: args['keep-format'],
    ...optional('shards', args.shards, (value) => isWhole(value) && value >= 1 && value <= 64, 'from 1 to 64'),
    ...optional('citizenRate', args['citizen-rate'], isWhole, 'a number of requests'),
    ...optional('quota', args.quota, (value) => isWhole(value) && value >= 1, 'a number of bytes'),
    ...optional('speed', args.speed, (value) => value >= 0, 'a number from 0'),
    ...(now === undefined ? {} : { now }),
    ...(programme === undefined ? {} : { programme }),
    ...(features === undefined ? {} : { features }),
    ...(ship === undefined ? {} : { ship }),
    ...(shipKeys === undefined ? {} : { shipKeys }),
    ...(payoutFolder === undefined ? {} : { payoutFolder }),
    ...(noticesFolder === undefined ? {} : { noticesFolder }),
  };
}

function optional(name: string, text: string | undefined, isGood: (value: number) => boolean, meaning: string): object {
  return text === undefined ? {} : { [name]: numberArgument(name, text, isGood, meaning) };
}

/** Both mean the same here: answer what was taken in, then end. A closed terminal too. */
function stopOnSignals(supervisor: Supervisor): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => void supervisor.stop());
}

function welcome(ready: Ready, { demo, data }: ServeArguments, paint: Paint): string {
  const facts = [
    `transport ${ready.transport}`,
    `${ready.shardCount} ${ready.shardCount === 1 ? 'shard' : 'shards'}`,
    `programme ${ready.programme}`,
    `folder ${ready.folder}${ready.isNew ? ' (new)' : ''}`,
  ];
  const lines = [
    `${paint.accent('clickday')} listens on ${paint.strong(ready.url)}`,
    paint.dim(`  ${facts.join(', ')}`),
  ];
  if (!ready.isNew && !demo) return lines.join('\n');
  return [
    ...lines,
    '',
    'Try, in another terminal:',
    ...firstSteps(ready.url, data).map((step) => `  ${step}`),
    '',
  ].join('\n');
}

/** To be pasted as they are, called the way this program was: an invented citizen joins, and sees it. */
function firstSteps(url: string, data: string): readonly string[] {
  const citizen = taxCodeOf('Rossi', 'Maria', 1);
  const where = `--url ${url}${data === DATA_DEFAULT ? '' : ` --data ${data}`}`;
  const steps = [`send --as ${citizen} ${where} enrol`, `wallet ${citizen} ${where}`, `ranking ${where}`, 'replay'];
  return steps.map((step) => `${ownName()} ${step}`);
}

function ownName(): string {
  const program = process.argv[1] ?? 'clickday';
  return basename(program) === 'clickday' ? 'clickday' : `node ${relative(process.cwd(), program)}`;
}
